package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charye/internal/seal"
	"charye/notify"
	"charye/notify/notifytest"
	"charye/person"
)

func openAt(t *testing.T, dir string) notify.Outbox {
	t.Helper()
	keys, err := seal.LoadOrCreate(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := Open(context.Background(), dir, keys)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestConformance(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, openAt)
}

// TestAddressesAreSealed looks for an address in everything the engine wrote.
func TestAddressesAreSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := openAt(t, dir)
	const phone, mail = "01055512345", "marker@example.org"
	c := notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Text, Value: phone}, {Channel: notify.Mail, Value: mail}}}
	if err := o.SetContact(context.Background(), person.Key{1}, c, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "notify.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), phone) || strings.Contains(string(b), mail) {
			t.Errorf("%s shows an address", filepath.Base(f))
		}
	}
}

func BenchmarkNear(b *testing.B) {
	keys, err := seal.Ephemeral()
	if err != nil {
		b.Fatal(err)
	}
	o, err := Open(context.Background(), b.TempDir(), keys)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	notifytest.BenchNear(b, o)
}
