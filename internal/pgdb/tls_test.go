package pgdb

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlainHosts(t *testing.T) {
	t.Setenv("PGSSLMODE", "") // what the machine says is none of the test's
	for url, want := range map[string][]string{
		"postgres://u@db.example.org/c":                              {"db.example.org"}, // the default is prefer
		"postgres://u@db.example.org/c?sslmode=disable":              {"db.example.org"},
		"postgres://u@db.example.org/c?sslmode=allow":                {"db.example.org"},
		"postgres://u@db.example.org/c?sslmode=prefer":               {"db.example.org"},
		"postgres://u@db.example.org/c?sslmode=require":              nil,
		"postgres://u@db.example.org/c?sslmode=verify-full":          nil,
		"postgres://u@127.0.0.1:5432/c?sslmode=disable":              nil,
		"postgres://u@[::1]/c?sslmode=disable":                       nil,
		"postgres://u@localhost/c":                                   nil,
		"postgres:///c?host=/var/run/postgresql&sslmode=disable":     nil,
		"postgres://u@127.0.0.1,10.0.0.7,b.example/c?sslmode=prefer": {"10.0.0.7", "b.example"},
		"host=10.0.0.7 user=u dbname=c sslmode=disable":              {"10.0.0.7"},
		"host=10.0.0.7 user=u dbname=c sslmode=verify-ca":            nil,
	} {
		got, err := PlainHosts(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", url, d)
		}
	}
	if _, err := PlainHosts("postgres://%"); err == nil {
		t.Error("what is no URL is read")
	}
	t.Setenv("PGSSLMODE", "require")
	if got, err := PlainHosts("postgres://u@db.example.org/c"); err != nil || got != nil {
		t.Errorf("by the environment: %v, %v", got, err)
	}
}
