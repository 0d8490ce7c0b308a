package cluster_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"charye/test/program"
)

// TestDeployFilesFitTheProgram: every flag that a file under deploy gives to serve is one that it has, every environment
// variable is one that it reads, and what is probed is there.
func TestDeployFilesFitTheProgram(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	help, err := exec.Command(program.Binary(t), "serve", "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, help)
	}
	flag := regexp.MustCompile(`--[a-z][a-z-]+`)
	known := flag.FindAllString(string(help), -1)
	for _, file := range []string{"Containerfile", "systemd/charye.service", "compose.yaml", "helm/charye/templates/nodes.yaml"} {
		b, err := os.ReadFile(filepath.Join("../../deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for line := range strings.Lines(string(b)) {
			if !regexp.MustCompile(`\bserve\b`).MatchString(strings.ReplaceAll(line, "-server", "")) && !strings.Contains(line, "- --") {
				continue
			}
			for _, f := range flag.FindAllString(line, -1) {
				found++
				if !slices.Contains(known, f) {
					t.Errorf("%s gives serve %s, which it does not have", file, f)
				}
			}
		}
		if found < 2 {
			t.Errorf("%s gives serve %d flags: is this test looking at the right lines?", file, found)
		}
		for _, v := range regexp.MustCompile(`CHARYE_(POSTGRES|VALKEY)[A-Z_]*`).FindAllString(string(b), -1) {
			if v != "CHARYE_POSTGRES" && v != "CHARYE_VALKEY" {
				t.Errorf("%s sets %s, which nothing reads", file, v)
			}
		}
	}
	var compose struct {
		Services map[string]any `yaml:"services"`
	}
	b, err := os.ReadFile("../../deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &compose); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"postgres", "valkey-1", "valkey-2", "valkey-3", "node-1", "node-2", "edge"} {
		if compose.Services[want] == nil {
			t.Errorf("compose.yaml has no service %s", want)
		}
	}
	chart, err := os.ReadFile("../../deploy/helm/charye/templates/nodes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	values, err := os.ReadFile("../../deploy/helm/charye/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var have map[string]any
	if err := yaml.Unmarshal(values, &have); err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\.Values\.([a-zA-Z.]+)`).FindAllStringSubmatch(string(chart), -1) {
		at := any(have)
		for part := range strings.SplitSeq(m[1], ".") {
			group, ok := at.(map[string]any)
			if !ok || group[part] == nil {
				t.Errorf("the chart reads .Values.%s, which values.yaml does not have", m[1])
				break
			}
			at = group[part]
		}
	}
	fits(t, "../../deploy/helm/charye/values.schema.json", have)
	node := program.Start(t, "demo", "--people", "0")
	for _, m := range regexp.MustCompile(`httpGet: \{path: ([^,]+),`).FindAllStringSubmatch(string(chart), -1) {
		a, err := http.Get(node.URL + m[1])
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		if a.StatusCode != http.StatusOK {
			t.Errorf("the probe of %s: %d", m[1], a.StatusCode)
		}
	}
}

// fits checks values against the chart's schema, which also refuses what is misspelt.
func fits(t *testing.T, file string, values map[string]any) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	plain := func(v any) (doc any) { // as JSON has it
		b, err := json.Marshal(v)
		if err == nil {
			doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(b))
		}
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	if err := schema.Validate(plain(values)); err != nil {
		t.Errorf("values.yaml: %v", err)
	}
	wrong := maps.Clone(values)
	wrong["replicas"] = 3
	if schema.Validate(plain(wrong)) == nil {
		t.Error("the schema lets a value pass that the chart does not know")
	}
}
