package seal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"charye/internal/seal"
)

// FuzzKeyFile feeds changed key files: each is refused with an error or gives keys that work.
func FuzzKeyFile(f *testing.F) {
	path := filepath.Join(f.TempDir(), "keys.json")
	if _, err := seal.LoadOrCreate(path); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	now := time.Now()
	if _, err := seal.Rotate(path, seal.Sets, now, now); err != nil {
		f.Fatal(err)
	}
	rotated, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(rotated)
	f.Add(bytes.Replace(good, []byte("ENABLED"), []byte("DISABLED"), 1))
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(path, src, 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := seal.Load(path)
		if err != nil {
			return
		}
		tg := k.Tagger("p")
		tag := tg.Signer().Tag(src)
		if !tg.Check(tg.Signer().KeyID(), src, tag[:]) {
			t.Error("own tag refused")
		}
		_ = k.Secret("p")
		sealed, err := k.Seal("p", src)
		if err != nil {
			return
		}
		if got, err := k.Open("p", sealed); err != nil || !bytes.Equal(got, src) {
			t.Errorf("sealed field does not open: %v", err)
		}
	})
}

// FuzzOpen shows that no bytes but those that Seal gave open.
func FuzzOpen(f *testing.F) {
	k, err := seal.Ephemeral()
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := k.Seal("p", []byte("field"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := k.Open("p", b); err == nil && (!bytes.Equal(b, sealed) || string(got) != "field") {
			t.Errorf("forged field opens: %x", b)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	k, err := seal.Ephemeral()
	if err != nil {
		b.Fatal(err)
	}
	tg := k.Tagger("session")
	var msg [186]byte
	tag := tg.Signer().Tag(msg[:])
	b.ReportAllocs()
	for b.Loop() {
		if !tg.Check(tg.Signer().KeyID(), msg[:], tag[:]) {
			b.Fatal("refused")
		}
	}
}
