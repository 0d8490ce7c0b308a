package documents_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"charye/person"
	"charye/programme"

	"github.com/google/go-cmp/cmp"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestProgrammeManual reads the manual's examples with the real readers, and compares the fields of its tables and of its
// example with those that the reader knows.
func TestProgrammeManual(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(root, "docs/programme.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	blocks := yamlBlock.FindAllStringSubmatch(text, -1)
	if len(blocks) != 2 {
		t.Fatalf("docs/programme.md has %d examples, want the programme's and the providers'", len(blocks))
	}
	example, providers := blocks[0][1], blocks[1][1]
	if _, err := programme.Parse("docs/programme.md", []byte(example), programme.Options{FirstStart: time.Unix(0, 0)}); err != nil {
		t.Error(err)
	}
	if _, err := person.ReadProviders("docs/programme.md", []byte(providers)); err != nil {
		t.Error(err)
	}
	known := fieldsOfTheReader(t)
	for _, f := range known {
		if !regexp.MustCompile(`(^|[\s{,])` + f + `: `).MatchString(strings.ReplaceAll(example, ":\n", ": \n")) {
			t.Errorf("the example does not show %s", f)
		}
	}
	var told []string
	for table := range strings.Count(text, "| field |") {
		for _, cell := range firstColumn(text, "field", table) {
			for name := range strings.SplitSeq(cell, ", ") {
				told = append(told, strings.Trim(name, "`"))
			}
		}
	}
	told = append(told, "ko", "en") // under Forms
	slices.Sort(told)
	if diff := cmp.Diff(known, slices.Compact(told)); diff != "" {
		t.Errorf("docs/programme.md and the reader disagree on the fields (-reader +document):\n%s", diff)
	}
}

// fieldsOfTheReader lists the names that package programme passes to its method object, which checks them.
func fieldsOfTheReader(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "programme", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if fun, ok := call.Fun.(*ast.SelectorExpr); !ok || fun.Sel.Name != "object" || len(call.Args) < 3 {
				return true
			}
			for _, arg := range call.Args[2:] {
				if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					name, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, name)
				}
			}
			return true
		})
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) < 20 {
		t.Fatalf("found the fields %v: the search is broken", out)
	}
	return out
}
