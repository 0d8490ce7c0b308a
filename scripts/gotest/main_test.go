package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTally(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, events string
		want         tally
		shows        []string
		hides        []string
	}{
		{
			name: "subtests count, their parent does not",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"output","Package":"p","Test":"TestA/one","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA/one"}
{"Action":"run","Package":"p","Test":"TestA/two"}
{"Action":"pass","Package":"p","Test":"TestA/two"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":0.5}`,
			want:  tally{Passed: 2},
			shows: []string{"ok   p"},
			hides: []string{"quiet"},
		},
		{
			name: "a failed subtest counts once, with its output",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"output","Package":"p","Test":"TestA/one","Output":"want 1\n"}
{"Action":"fail","Package":"p","Test":"TestA/one"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			want:  tally{Failed: 1},
			shows: []string{"want 1", "FAIL p"},
		},
		{
			name: "a parent that failed after its subtests passed counts",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"pass","Package":"p","Test":"TestA/one"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			want: tally{Passed: 1, Failed: 1},
		},
		{
			name: "a skip tells its reason",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: no browser\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			want:  tally{Skipped: 1},
			shows: []string{"skipped TestA: a_test.go:3: no browser\n"},
		},
		{
			name: "a package that does not build is a failure, with the compiler's words",
			events: `{"Action":"build-output","ImportPath":"p [p.test]","Output":"undefined: x\n"}
{"Action":"build-fail","ImportPath":"p [p.test]"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			want:  tally{Failed: 1},
			shows: []string{"undefined: x"},
		},
		{
			name: "a test that died with its process is a failure",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: gone\n"}
{"Action":"fail","Package":"p"}`,
			want:  tally{Failed: 1},
			shows: []string{"panic: gone"},
		},
		{
			name: "equal names in two packages are two tests",
			events: `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"q","Test":"TestA"}`,
			want: tally{Passed: 2},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var shown strings.Builder
			v := newView(&shown)
			v.read(strings.NewReader(tc.events))
			if diff := cmp.Diff(tc.want, v.tally()); diff != "" {
				t.Errorf("tally (-want +got):\n%s", diff)
			}
			for _, s := range tc.shows {
				if !strings.Contains(shown.String(), s) {
					t.Errorf("shown text lacks %q:\n%s", s, shown.String())
				}
			}
			for _, s := range tc.hides {
				if strings.Contains(shown.String(), s) {
					t.Errorf("shown text has %q:\n%s", s, shown.String())
				}
			}
		})
	}
}

// TestTimes: a test that only waits for its subtests is not slow itself; several runs are told together.
func TestTimes(t *testing.T) {
	t.Parallel()
	v := newView(io.Discard)
	v.read(strings.NewReader(`{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"pass","Package":"p","Test":"TestA/one","Elapsed":3}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":3.05}
{"Action":"pass","Package":"p","Test":"TestQuick","Elapsed":0.01}
{"Action":"pass","Package":"p","Elapsed":4}`))
	file := filepath.Join(t.TempDir(), "tally")
	if err := appendTally(file, v.tally(), v.times("race")); err != nil {
		t.Fatal(err)
	}
	if err := appendTally(file, tally{Failed: 1}, []timing{{7, kindTest, "q TestB/two words"}}); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := printSum(&got, file); err != nil {
		t.Fatal(err)
	}
	want := `the slowest packages, in seconds of the clock:
      4.0  race: p
the slowest tests, in seconds of the clock:
      7.0  q TestB/two words
      3.0  race: p TestA/one
2 passed, 1 failed, 0 skipped
`
	if d := cmp.Diff(want, got.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if err := os.WriteFile(file, []byte("took long\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := printSum(io.Discard, file); err == nil {
		t.Error("a line that says nothing was taken")
	}
}
