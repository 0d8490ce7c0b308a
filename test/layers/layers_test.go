// Package layers_test is the second lock on the arrows between the rooms. The first is depguard in .golangci.yaml, which
// looks at each import line; this one asks `go list`, and so also sees what a room reaches around a corner. The result of
// go list is not known to the test cache: run it with -count=1, as make test does.
package layers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "charye/"

// domains are the pure rooms.
var domains = []string{"person", "programme", "site", "line", "booking", "leftover", "approval", "notify"}

// pure are the rooms that reach no store: the domains, and what lies beside them without being an engine or a face.
var pure = append(slices.Clone(domains), "supply", "supply/logger", "supply/relief", "supply/epcis", "supply/trace", "supply/order", "supply/delivery", "supply/journal", "supply/room", "supply/dispense", "supply/followup", "walk/look", "walk/stock", "walk/standby")

// rooms says what each room may import of the others; CONTRIBUTING.md has the same table for people. Everybody may import
// internal/, and a room's own sub-packages are the same room unless they have a line of their own. cmd and test may import
// everything.
var rooms = map[string][]string{
	"person":    {},
	"programme": {"person", "supply"},
	"site":      {},
	"line":      {"person"},
	"booking":   {"person", "programme", "site"},
	"leftover":  {"person", "site"},
	"approval":  {"person"},
	"notify":    {"booking", "person", "programme", "site"},

	"person/*":    {"person"},
	"programme/*": {"person", "programme"},
	"site/*":      {"site"},
	"line/*":      {"line", "person"},
	"booking/*":   {"booking", "person", "programme", "site"},
	"leftover/*":  {"leftover", "person", "site"},
	"approval/*":  {"approval", "person"},
	"notify/*":    {"booking", "notify", "person", "programme", "site"},

	"supply":            {"person", "site"},
	"supply/logger":     {"supply"},
	"supply/relief":     {"booking", "booking/moves", "person", "site", "supply"},
	"supply/drill":      {"booking", "person", "site", "supply", "supply/relief"},
	"supply/epcis":      {},
	"supply/trace":      {"person", "site", "supply", "supply/epcis"},
	"supply/trace/kept": {"supply/epcis", "supply/trace"},
	"supply/order":      {"booking", "person", "programme", "site", "supply", "supply/relief", "supply/trace"},
	"supply/journal":    {"supply"},
	"supply/delivery":   {"booking", "programme", "site", "supply", "supply/journal", "supply/trace"},
	"supply/room":       {"approval", "booking", "person", "programme", "site", "supply", "supply/delivery", "supply/followup", "supply/journal", "supply/order", "supply/trace"},
	"supply/followup":   {"booking", "person", "site", "supply", "supply/trace"},
	"supply/dispense":   {"site", "supply", "supply/epcis", "supply/trace"},
	"supply/room/roomtest": {
		"approval/sqlite", "booking", "booking/sqlite", "person", "programme", "site", "supply", "supply/epcis", "supply/epcis/sqlite", "supply/room", "supply/sqlite", "supply/trace",
	},
	"supply/sqlite":     {"site", "supply", "supply/journal"},
	"supply/postgres":   {"site", "supply", "supply/journal"},
	"supply/supplytest": {"supply", "supply/journal"},
	"supply/epcis/*":    {"supply/epcis"},

	"walk":            {"booking", "line", "person", "programme", "site", "walk/look", "walk/stock"},
	"walk/look":       {"person"},
	"walk/stock":      {"booking", "line", "programme", "site"},
	"walk/standby":    {"booking", "line", "notify", "person", "programme", "walk/stock"},
	"walk/tell":       {"booking", "line", "notify", "person", "programme", "site", "walk", "walk/stock"},
	"walk/leftovers":  {"booking", "leftover", "notify", "person", "programme", "site", "walk"},
	"walk/desk":       {"booking", "line", "notify", "person", "programme", "walk"},
	"walk/clinic":     {"booking", "leftover", "person", "programme", "site", "supply/dispense", "walk"},
	"walk/approvals":  {"approval", "walk"},
	"walk/manage":     {"approval", "booking", "line", "notify", "person", "programme", "site", "walk", "walk/approvals", "walk/look"},
	"walk/supplyroom": {"approval", "programme", "supply", "supply/delivery", "supply/journal", "supply/order", "supply/room", "walk", "walk/approvals"},
	"walk/held":       {"notify", "person", "programme", "walk", "walk/leftovers"},
	"walk/whole":      {"approval", "booking", "leftover", "line", "notify", "person", "programme", "site", "supply/dispense", "supply/room", "walk", "walk/approvals", "walk/clinic", "walk/desk", "walk/leftovers", "walk/look", "walk/manage", "walk/standby", "walk/stock", "walk/supplyroom", "walk/tell"},
	"walk/walktest":   {"approval/sqlite", "booking", "booking/sqlite", "leftover", "leftover/sqlite", "line", "line/sqlite", "notify/sqlite", "person", "person/sqlite", "programme", "site", "site/sqlite", "walk", "walk/clinic", "walk/desk", "walk/leftovers", "walk/whole"},

	"check/**":          {"approval", "booking", "line", "programme", "site", "supply", "supply/journal", "supply/trace"},
	"reschedule/**":     {"booking", "booking/moves", "programme", "site"},
	"reduce/**":         {"booking", "booking/moves", "programme", "site"},
	"booking/moves":     {"booking", "programme", "site"},
	"keeping/**":        {"booking", "leftover", "notify", "person", "programme"},
	"api/**":            append([]string{"walk", "walk/held", "walk/leftovers"}, domains...),
	"web":               {"walk", "walk/held", "web/citizen", "web/clinic", "web/desk", "web/manage", "web/page", "web/signin", "web/supply"},
	"web/assets":        {},
	"web/catalogue":     {},
	"web/page":          {"line", "person", "programme", "walk", "web/assets", "web/catalogue"},
	"web/page/pagetest": {"person", "programme", "web/catalogue", "web/signin"},
	"web/signin":        {"person", "programme", "walk", "web/page"},
	"web/citizen":       {"line", "notify", "person", "programme", "site", "walk", "walk/desk", "walk/held", "walk/leftovers", "web/page"},
	"web/clinic":        {"booking", "person", "walk", "walk/clinic", "web/page"},
	"web/desk":          {"person", "walk", "walk/desk", "web/page"},
	"web/manage":        {"approval", "person", "programme", "walk", "walk/look", "walk/manage", "web/page"},
	"web/supply":        {"approval", "booking", "programme", "site", "supply", "supply/delivery", "supply/epcis", "supply/followup", "supply/journal", "supply/order", "supply/room", "supply/trace", "walk", "web/catalogue", "web/page"},
	"rush/**":           domains,
	"epcis/**":          {"supply/epcis"},

	"internal/**": {},
}

// outside is what the domains never reach, however long the way: SQL, its drivers, and the clustered line's store.
var outside = []string{"database/sql", "modernc.org/sqlite", "github.com/jackc/pgx/v5", "github.com/pressly/goose/v3", "github.com/valkey-io/valkey-go"}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Imports    []string // of its files that are not tests
	Deps       []string // all it reaches by them
}

func TestArrows(t *testing.T) {
	t.Parallel()
	pkgs, err := list("./...")
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) < 10 {
		t.Fatalf("go list found %d packages: is this test run within the module?", len(pkgs))
	}
	for _, p := range pkgs {
		for _, v := range violations(p) {
			t.Error(v)
		}
	}
}

// TestArrowsBite holds made-up packages against the rules.
func TestArrowsBite(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		pkg  pkg
		want []string
	}{
		{"a domain may use internal and what its line names",
			pkg{"charye/booking", []string{"charye/internal/civil", "charye/person", "time"}, []string{"time"}}, nil},
		{"person may speak HTTP", pkg{"charye/person", []string{"net/http"}, nil}, nil},
		{"the program may import everything", pkg{"charye/cmd/charye", []string{"charye/line/sqlite", "charye/web"}, []string{"database/sql"}}, nil},
		{"an engine may use SQL and its domain", pkg{"charye/line/sqlite", []string{"charye/line", "database/sql"}, []string{"database/sql"}}, nil},
		{"a face's sub-package is the face", pkg{"charye/api", []string{"charye/api/forms"}, nil}, nil},
		{"web mounts a face of pages", pkg{"charye/web", []string{"charye/web/desk"}, nil}, nil},
		{"a face of pages and another", pkg{"charye/web/citizen", []string{"charye/web/desk", "charye/web/page"}, nil},
			[]string{"charye/web/citizen must not import charye/web/desk"}},
		{"what all pages stand in and a face", pkg{"charye/web/page", []string{"charye/web/supply"}, nil},
			[]string{"charye/web/page must not import charye/web/supply"}},
		{"a domain and another", pkg{"charye/line", []string{"charye/booking"}, nil},
			[]string{"charye/line must not import charye/booking"}},
		{"a domain and its own engine", pkg{"charye/line", []string{"charye/line/sqlite"}, nil},
			[]string{"charye/line must not import charye/line/sqlite"}},
		{"the clustered line may use its store", pkg{"charye/line/valkey", []string{"charye/line", "github.com/valkey-io/valkey-go"}, []string{"github.com/valkey-io/valkey-go"}}, nil},
		{"a domain that reaches the clustered store", pkg{"charye/line", nil, []string{"github.com/valkey-io/valkey-go"}},
			[]string{"charye/line reaches github.com/valkey-io/valkey-go"}},
		{"an engine for many nodes may use its driver and its domain",
			pkg{"charye/booking/postgres", []string{"charye/internal/pgdb", "charye/booking", "charye/person"}, []string{"github.com/jackc/pgx/v5"}}, nil},
		{"an engine for many nodes and the embedded one", pkg{"charye/booking/postgres", []string{"charye/booking/sqlite"}, nil},
			[]string{"charye/booking/postgres must not import charye/booking/sqlite"}},
		{"a domain and the driver", pkg{"charye/booking", nil, []string{"github.com/jackc/pgx/v5"}},
			[]string{"charye/booking reaches github.com/jackc/pgx/v5"}},
		{"an engine and another", pkg{"charye/booking/sqlite", []string{"charye/line/sqlite"}, nil},
			[]string{"charye/booking/sqlite must not import charye/line/sqlite"}},
		{"a face and an engine", pkg{"charye/api", []string{"charye/booking/sqlite"}, nil},
			[]string{"charye/api must not import charye/booking/sqlite"}},
		{"the crowd and walk", pkg{"charye/rush", []string{"charye/walk"}, nil},
			[]string{"charye/rush must not import charye/walk"}},
		{"internal and a domain", pkg{"charye/internal/batch", []string{"charye/line"}, nil},
			[]string{"charye/internal/batch must not import charye/line"}},
		{"an engine of a room within a room", pkg{"charye/supply/epcis/sqlite", []string{"charye/supply/epcis", "charye/booking"}, []string{"database/sql"}},
			[]string{"charye/supply/epcis/sqlite must not import charye/booking"}},
		{"a room within a room that reaches SQL", pkg{"charye/supply/epcis", nil, []string{"database/sql"}},
			[]string{"charye/supply/epcis reaches database/sql"}},
		{"the face of custody and an engine", pkg{"charye/epcis", []string{"charye/supply/epcis", "charye/supply/epcis/sqlite"}, nil},
			[]string{"charye/epcis must not import charye/supply/epcis/sqlite"}},
		{"a domain that reaches SQL around a corner", pkg{"charye/site", []string{"charye/internal/seal"}, []string{"charye/internal/seal", "database/sql"}},
			[]string{"charye/site reaches database/sql"}},
		{"the drill is given a ledger", pkg{"charye/supply/drill", []string{"charye/booking/sqlite", "charye/supply/relief"}, nil},
			[]string{"charye/supply/drill must not import charye/booking/sqlite"}},
		{"supply and bookings", pkg{"charye/supply", []string{"charye/booking"}, nil},
			[]string{"charye/supply must not import charye/booking"}},
		{"trace and bookings", pkg{"charye/supply/trace", []string{"charye/booking"}, nil},
			[]string{"charye/supply/trace must not import charye/booking"}},
		{"order and an engine", pkg{"charye/supply/order", []string{"charye/supply/sqlite"}, nil},
			[]string{"charye/supply/order must not import charye/supply/sqlite"}},
		{"delivery and an engine", pkg{"charye/supply/delivery", []string{"charye/booking/sqlite", "charye/supply/trace"}, nil},
			[]string{"charye/supply/delivery must not import charye/booking/sqlite"}},
		{"the engine of verdicts and another room", pkg{"charye/supply/sqlite", []string{"charye/supply", "charye/booking"}, []string{"database/sql"}},
			[]string{"charye/supply/sqlite must not import charye/booking"}},
		{"relief that reaches SQL around a corner", pkg{"charye/supply/relief", []string{"charye/booking"}, []string{"database/sql"}},
			[]string{"charye/supply/relief reaches database/sql"}},
		{"a new room has to say what it may import", pkg{"charye/stock", nil, nil},
			[]string{"charye/stock is a room without a line in the table of rooms (test/layers, .golangci.yaml, CONTRIBUTING.md)"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, violations(tc.pkg)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// violations lists what is wrong with a package's imports.
func violations(p pkg) []string {
	name, ours := strings.CutPrefix(p.ImportPath, module)
	top, _, _ := strings.Cut(name, "/")
	if !ours || top == "cmd" || top == "test" || top == "scripts" {
		return nil
	}
	may, known := roomOf(name)
	if !known {
		return []string{fmt.Sprintf("%s is a room without a line in the table of rooms (test/layers, .golangci.yaml, CONTRIBUTING.md)", p.ImportPath)}
	}
	var out []string
	for _, i := range p.Imports {
		target, ours := strings.CutPrefix(i, module)
		if !ours || strings.HasPrefix(target, "internal/") || slices.Contains(may, target) {
			continue
		}
		// A sub-package of a room that has no line of its own is the room itself.
		if _, whole := rooms[top+"/**"]; whole && strings.HasPrefix(target, top+"/") {
			continue
		}
		out = append(out, fmt.Sprintf("%s must not import %s", p.ImportPath, i))
	}
	if slices.Contains(pure, name) {
		for _, o := range outside {
			if slices.Contains(p.Deps, o) {
				out = append(out, fmt.Sprintf("%s reaches %s", p.ImportPath, o))
			}
		}
	}
	return out
}

// roomOf finds the line of the table for a package.
func roomOf(name string) (may []string, known bool) {
	top, _, sub := strings.Cut(name, "/")
	for _, key := range []string{name, path.Dir(name) + "/*", top + "/**"} {
		if may, known = rooms[key]; known {
			return may, true
		}
	}
	if sub {
		may, known = rooms[top+"/*"]
	}
	return may, known
}

func list(pattern string) ([]pkg, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", pattern)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, fmt.Errorf("go list: %w\n%s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("go list: %w", err)
	}
	var pkgs []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		pkgs = append(pkgs, p)
	}
}
