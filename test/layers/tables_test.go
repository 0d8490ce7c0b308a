package layers_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// TestTheThreeTablesAgree holds the table for people and the rules of the linter against the one of this package.
func TestTheThreeTablesAgree(t *testing.T) {
	t.Parallel()
	want := map[string][]string{}
	for room, may := range rooms {
		want[room] = sorted(may)
	}
	if diff := cmp.Diff(want, tableOfTheLinter(t)); diff != "" {
		t.Errorf(".golangci.yaml and test/layers disagree on what a room may import (-test +linter):\n%s", diff)
	}
	for room, may := range tableForPeople(t) {
		if top, _, sub := strings.Cut(room, "/"); !sub {
			if _, whole := rooms[room]; !whole {
				room = top + "/**"
			}
		}
		if diff := cmp.Diff(want[room], may); diff != "" {
			t.Errorf("CONTRIBUTING.md and test/layers disagree on %s (-test +document):\n%s", room, diff)
		}
		delete(want, room)
	}
	for room := range want {
		if !strings.Contains(room, "/") || strings.HasPrefix(room, "web/") && room != "web/page/pagetest" {
			t.Errorf("CONTRIBUTING.md has no line for %s", room)
		}
	}
}

func sorted(list []string) []string {
	out := append([]string{}, list...)
	slices.Sort(out)
	return out
}

// tableOfTheLinter reads what depguard allows each room: the rules that deny all of charye/.
func tableOfTheLinter(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("../../.golangci.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct {
						Files []string
						Deny  []struct{ Pkg string }
						Allow []string
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal(b, &config); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for name, rule := range config.Linters.Settings.Depguard.Rules {
		if len(rule.Deny) != 1 || rule.Deny[0].Pkg != module || len(rule.Files) != 2 {
			continue
		}
		room, ok := strings.CutPrefix(rule.Files[0], "${base-path}/")
		if !ok || rule.Files[1] != "!$test" {
			t.Errorf("rule %s is for the files %v", name, rule.Files)
		}
		room = strings.TrimSuffix(room, ".go")
		for from, to := range map[string]string{"/*/**": "/*", "/*": "", "/**": "/**"} {
			if short, ok := strings.CutSuffix(room, from); ok && !strings.HasSuffix(short, "*") {
				room = short + to
				break
			}
		}
		may := []string{}
		for _, a := range rule.Allow {
			a = strings.TrimPrefix(a, module)
			if exact, ok := strings.CutSuffix(a, "$"); ok {
				may = append(may, exact)
			} else if a != "internal/" && a+"**" != room {
				t.Errorf("rule %s allows all of %s", name, a)
			}
		}
		slices.Sort(may)
		out[room] = may
	}
	return out
}

// tableForPeople reads the rows of CONTRIBUTING.md that name their rooms one by one.
func tableForPeople(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(b), "| room | owns | may import |\n")
	if !ok {
		t.Fatal("CONTRIBUTING.md has no table of rooms")
	}
	out := map[string][]string{}
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			break
		}
		if strings.ContainsAny(cells[1], "/-") && !strings.HasPrefix(strings.Trim(cells[1], " `"), "web/") {
			continue // the program, engines, suites, helpers: said in words
		}
		may := []string{}
		for word := range strings.SplitSeq(cells[3], ",") {
			switch word = strings.Trim(word, " `"); word {
			case "internal":
			case "everything":
				may = nil
			case "the domains", "the types of the domains":
				may = append(may, domains...)
			default:
				may = append(may, word)
			}
		}
		if may == nil {
			continue
		}
		slices.Sort(may)
		for room := range strings.SplitSeq(cells[1], ",") {
			out[strings.Trim(room, " `")] = may
		}
	}
	return out
}
