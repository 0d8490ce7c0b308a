package kept_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/site"
	"charye/supply"
	"charye/supply/epcis"
	"charye/supply/epcis/sqlite"
	"charye/supply/trace"
	"charye/supply/trace/kept"
)

// source counts the events that are read of a store.
type source struct {
	epcis.Store
	read int
}

func (s *source) Events(ctx context.Context, q epcis.Query) (epcis.Page, error) {
	p, err := s.Store.Events(ctx, q)
	if len(q.IDs) == 0 {
		s.read += len(p.Events)
	}
	return p, err
}

func store(t testing.TB) *source {
	t.Helper()
	s, err := sqlite.Open(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &source{Store: s}
}

var day = time.Date(2026, 9, 18, 0, 0, 0, 0, time.UTC)

func box(n int) supply.SSCC {
	k, _ := supply.NewSSCC(0, "8809999", uint64(n))
	return k
}

// pack captures that boxes are packed and used, two events each.
func (s *source) pack(t testing.TB, from, n int) {
	t.Helper()
	var events []*epcis.Event
	for i := from; i < from+n; i++ {
		src := fmt.Sprintf(`[{"@context":[],"eventID":"urn:x:p%d","eventTime":%q,"eventTimeZoneOffset":"+00:00","type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/A","quantity":10}],"bizLocation":{"id":"urn:charye:site:T1"}},
			{"@context":[],"eventID":"urn:x:u%d","eventTime":%q,"eventTimeZoneOffset":"+00:00","type":"ObjectEvent","action":"OBSERVE","bizStep":"dispensing","epcList":["https://id.gs1.org/00/%s"],"bizLocation":{"id":"urn:charye:site:T1"}}]`,
			i, day.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), box(i), i, day.Add(time.Duration(i+100)*time.Minute).Format(time.RFC3339), box(i))
		list, err := epcis.Parse([]byte(src), 10)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, list...)
	}
	if _, err := s.Capture(context.Background(), []epcis.Job{{By: "t", At: time.Now(), Events: events}}); err != nil {
		t.Fatal(err)
	}
}

func rules() trace.Rules {
	g, _ := supply.ParseGTIN("08809999000013")
	return trace.Rules{DosesPerVial: map[string]int{"flu": 10}, Site: func(string) site.Num { return 1 }, Products: []*supply.Product{{
		ID: "flu", GTINs: []supply.GTIN{g}, Rules: []supply.Rule{{From: civil.New(2020, 1, 1), Bands: []supply.Band{{Name: "all", Upto: supply.Hottest, Budget: supply.Unlimited}}}},
	}}}
}

// command opens, follows, and tells the story, as a command does; read is how many events it read of the store.
func command(t testing.TB, path string, s *source) (story *trace.Trace, read int) {
	t.Helper()
	s.read = 0
	f, r, err := kept.Open(context.Background(), path, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Follow(context.Background(), r, s); err != nil || f.Unkept != nil {
		t.Fatal(err, f.Unkept)
	}
	story, err = r.Build(rules())
	if err != nil {
		t.Fatal(err)
	}
	return story, s.read
}

func fresh(t testing.TB, s *source) *trace.Trace {
	t.Helper()
	r := trace.NewReader()
	if err := r.Follow(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	story, err := r.Build(rules())
	if err != nil {
		t.Fatal(err)
	}
	return story
}

func differ(a, b *trace.Trace) string {
	return cmp.Diff(a.Legs, b.Legs) + cmp.Diff(a.Accounts, b.Accounts) + cmp.Diff(a.Boxes(), b.Boxes()) + cmp.Diff(a.AsOf, b.AsOf) + cmp.Diff(a.Read, b.Read)
}

// TestOnlyNewIsRead, also of events that are late in their own time.
func TestOnlyNewIsRead(t *testing.T) {
	t.Parallel()
	s, path := store(t), filepath.Join(t.TempDir(), kept.Name)
	s.pack(t, 10, 5)
	for _, step := range []struct{ from, n, read int }{{0, 0, 10}, {0, 0, 0}, {15, 3, 6}, {1, 2, 4}, {0, 0, 0}} {
		if step.n > 0 {
			s.pack(t, step.from, step.n)
		}
		story, read := command(t, path, s)
		if read != step.read {
			t.Errorf("after %+v, %d events were read", step, read)
		}
		if d := differ(fresh(t, s), story); d != "" {
			t.Errorf("after %+v: %s", step, d)
		}
	}
}

// TestDamage does anything to the file between two commands: the story is right, and afterwards the file is whole again.
func TestDamage(t *testing.T) {
	t.Parallel()
	s, path := store(t), filepath.Join(t.TempDir(), kept.Name)
	for i := range 4 { // four frames
		s.pack(t, 10*i+1, 3)
		command(t, path, s)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := fresh(t, s)
	rapid.Check(t, func(r *rapid.T) {
		b := slices.Clone(whole)
		at := rapid.IntRange(0, len(b)-1).Draw(r, "at")
		switch rapid.IntRange(0, 5).Draw(r, "damage") {
		case 0:
			b[at] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		case 1:
			b = b[:at]
		case 2:
			b = append(b, rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(r, "more")...)
		case 3:
			b = slices.Delete(b, at, min(len(b), at+rapid.IntRange(1, 200).Draw(r, "n")))
		case 4:
			clear(b[at:])
		case 5: // a frame of another place
			b = slices.Insert(b, at, whole[at:min(len(b), at+rapid.IntRange(1, 400).Draw(r, "n"))]...)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			r.Fatal(err)
		}
		story, _ := command(t, path, s)
		if d := differ(want, story); d != "" {
			r.Fatal(d)
		}
		if story, read := command(t, path, s); read != 0 || differ(want, story) != "" {
			r.Fatalf("the file was not mended: %d events were read", read)
		}
	})
}

// TestAnotherLog: what was kept of another log, of another version, or of a log that was brought back from a backup is thrown away.
func TestAnotherLog(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, s, other *source, path string){
		"of another log": func(t *testing.T, _, other *source, path string) { other.pack(t, 1, 9); command(t, path, other) },
		"of the same events in another log": func(t *testing.T, _, other *source, path string) {
			other.pack(t, 1, 3)
			command(t, path, other)
		},
		"of another version": func(t *testing.T, s, _ *source, path string) {
			command(t, path, s)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			old := fmt.Appendf(nil, "charye custody %d\n", trace.Version-1)
			if err := os.WriteFile(path, append(old, b[len(old):]...), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		s, other, path := store(t), store(t), filepath.Join(t.TempDir(), kept.Name)
		s.pack(t, 1, 3)
		prepare(t, s, other, path)
		story, read := command(t, path, s)
		if d := differ(fresh(t, s), story); d != "" || read != 6 {
			t.Errorf("%s: %d read\n%s", name, read, d)
		}
		if _, read := command(t, path, s); read != 0 {
			t.Errorf("%s: the file was not made anew: %d read", name, read)
		}
	}
}

// TestTwoAtOnce has two processes add to one file by turns, each also what the other has added meanwhile.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	s, path := store(t), filepath.Join(t.TempDir(), kept.Name)
	s.pack(t, 1, 2)
	type process struct {
		*kept.File
		r *trace.Reader
	}
	var both [2]process
	for i := range both {
		var err error
		if both[i].File, both[i].r, err = kept.Open(t.Context(), path, s); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 6 {
		s.pack(t, 10*i+10, 1)
		for _, p := range both[i%2:] {
			if err := p.Follow(t.Context(), p.r, s); err != nil || p.Unkept != nil {
				t.Fatal(err, p.Unkept)
			}
		}
	}
	if err := both[0].Follow(t.Context(), both[0].r, s); err != nil || both[0].Unkept != nil {
		t.Fatal(err, both[0].Unkept)
	}
	story, read := command(t, path, s)
	if d := differ(fresh(t, s), story); d != "" || read != 0 {
		t.Errorf("%d read\n%s", read, d)
	}
}

// TestUnkept: where the file cannot be written the story is right all the same, and it is said why.
func TestUnkept(t *testing.T) {
	t.Parallel()
	s, path := store(t), filepath.Join(t.TempDir(), "there is no such folder", kept.Name)
	s.pack(t, 1, 2)
	f, r, err := kept.Open(t.Context(), path, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Follow(t.Context(), r, s); err != nil || f.Unkept == nil || r.Last().Seq != 4 {
		t.Errorf("%v, unkept: %v, %d read", err, f.Unkept, r.Last().Seq)
	}
}
