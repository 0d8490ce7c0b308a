// Package documents_test holds what we write about Charye against Charye: links that lead somewhere, and states that are
// the code's own.
package documents_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// link is a Markdown link or picture to a place in this repository.
var link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)\s]*)?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == ".tools" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			n++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", strings.TrimPrefix(path, root+"/"), m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 10 {
		t.Errorf("found %d links: the search is broken", n)
	}
}

// TestLifecycleNamesTheStatesOfTheCode compares the first column of each table of docs/lifecycle.md with the constants of
// the type it is about.
func TestLifecycleNamesTheStatesOfTheCode(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs/lifecycle.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		header string // of the first column
		pick   int    // which table with this header in the document, from 0
		dir    string
		typ    string
		byName bool     // the table has the names of the constants, not their values
		more   []string // states that other packages add
	}{
		{"state", 0, "programme", "Phase", false, constants(t, "walk", "CampaignState", false)},
		{"state", 1, "line", "State", false, nil},
		{"event", 0, "booking", "EventKind", false, nil},
		{"status", 0, "booking", "Status", true, nil},
		{"visit", 0, "booking", "VisitState", true, nil},
	} {
		t.Run(tc.dir+"."+tc.typ, func(t *testing.T) {
			t.Parallel()
			want := append(constants(t, tc.dir, tc.typ, tc.byName), tc.more...)
			got := firstColumn(string(text), tc.header, tc.pick)
			slices.Sort(want)
			slices.Sort(got)
			if len(want) == 0 {
				t.Fatalf("package %s has no constants of type %s", tc.dir, tc.typ)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("docs/lifecycle.md and the code disagree on %s.%s (-code +document):\n%s", tc.dir, tc.typ, diff)
			}
		})
	}
}

// constants lists the values (or names) of a package's exported constants of a type.
func constants(t *testing.T, dir, typ string, byName bool) []string {
	t.Helper()
	var out []string
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				out = append(out, constantsOf(t, g, typ, byName)...)
			}
		}
	}
	return out
}

func constantsOf(t *testing.T, g *ast.GenDecl, typ string, byName bool) []string {
	t.Helper()
	var out []string
	current := "" // within an iota group the type stands on the first line only
	for _, s := range g.Specs {
		v, ok := s.(*ast.ValueSpec)
		if !ok {
			continue
		}
		if v.Type != nil || len(v.Values) > 0 {
			current = fmt.Sprint(v.Type)
		}
		if current != typ || !v.Names[0].IsExported() {
			continue
		}
		if byName {
			out = append(out, v.Names[0].Name)
			continue
		}
		lit, ok := v.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s: want a string constant", v.Names[0].Name)
		}
		value, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, value)
	}
	return out
}

// firstColumn gives the words in the first column of the pick-th table whose first header cell is header.
func firstColumn(text, header string, pick int) []string {
	var out []string
	table := -1
	within := false
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 3 {
			within = false
			continue
		}
		cell := strings.TrimSpace(cells[1])
		switch {
		case cell == header:
			table++
			within = table == pick
		case within && !strings.HasPrefix(cell, "---"):
			out = append(out, strings.Trim(cell, "`"))
		}
	}
	return out
}

// testName is a test that a document names.
var testName = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z][A-Za-z0-9]+\b`)

// attackName is a row of the table of attacks.
var attackName = regexp.MustCompile(`attack: ([a-z][^|\n]*?)\s*(?:\||; \x60|\n)`)

// TestNamedTestsExist: what docs say that a test shows is shown by a test that there is.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		code.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"docs/security.md", "docs/threat-model.md", "SECURITY.md"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range testName.FindAllString(string(text), -1) {
			if test != "TestX" && !strings.Contains(code.String(), "func "+test+"(") {
				t.Errorf("%s names %s, which there is not", name, test)
			}
		}
		for _, list := range attackName.FindAllStringSubmatch(string(text), -1) {
			for _, attack := range strings.FieldsFunc(list[1], func(r rune) bool { return r == ',' || r == ';' }) {
				attack = strings.TrimSpace(attack)
				if whole := "somebody else's " + attack; !strings.Contains(code.String(), `name: "`+attack+`"`) && !strings.Contains(code.String(), `name: "`+whole+`"`) {
					t.Errorf("%s names the attack %q, which there is not", name, attack)
				}
			}
		}
	}
}
