package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
	"pgregory.net/rapid"

	"charye/internal/seal"
)

func reload(t *testing.T, k *seal.Keys, path string, now time.Time) {
	t.Helper()
	if _, err := k.Reload(path, now); err != nil {
		t.Fatal(err)
	}
}

// TestRotationRefusesNobody walks two nodes through a rotation. They never read the file at the same moment, and their clocks
// differ; whatever one makes the other takes.
func TestRotationRefusesNobody(t *testing.T) {
	t.Parallel()
	path := keyFile(t)
	now := time.Now()
	nodes := []*seal.Keys{load(t, path), load(t, path)}
	type made struct {
		id     uint32
		tag    [seal.TagSize]byte
		sealed []byte
	}
	var all []made
	exchange := func(step string) {
		t.Helper()
		for i, from := range nodes {
			sig := from.Tagger("ticket").Signer()
			m := made{id: sig.KeyID(), tag: sig.Tag([]byte("msg"))}
			var err error
			if m.sealed, err = from.Seal("place", []byte("field")); err != nil {
				t.Fatal(err)
			}
			if seal.KeyOf(m.sealed) != from.InUse().Field || !bytes.HasPrefix(m.sealed, from.Prefix()) {
				t.Errorf("%s: sealed with key %08x, in use is %08x", step, seal.KeyOf(m.sealed), from.InUse().Field)
			}
			all = append(all, m)
			_ = i
		}
		for _, to := range nodes {
			for _, m := range all {
				if !to.Tagger("ticket").Check(m.id, []byte("msg"), m.tag[:]) {
					t.Errorf("%s: a tag of key %08x is refused", step, m.id)
				}
				if got, err := to.Open("place", m.sealed); err != nil || string(got) != "field" {
					t.Errorf("%s: a field of key %08x: %v", step, seal.KeyOf(m.sealed), err)
				}
			}
		}
	}
	exchange("before")
	old := nodes[0].InUse()
	at := now.Add(10 * time.Minute)
	added, err := seal.Rotate(path, seal.Sets, at, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(added) != 3 || added[0].State != seal.Coming {
		t.Fatalf("added %+v", added)
	}
	if _, err := seal.Rotate(path, []seal.Set{seal.Tokens}, at, now); !errors.Is(err, seal.ErrWaiting) {
		t.Errorf("a second rotation while one waits: %v", err)
	}
	reload(t, nodes[0], path, now)
	exchange("one node knows the new key")
	if nodes[0].InUse() != old {
		t.Error("the new key is in use before its time")
	}
	reload(t, nodes[1], path, now)
	exchange("both know it")
	reload(t, nodes[0], path, at) // its clock is ahead
	if in := nodes[0].InUse(); in.Token != added[0].Key || in.Field != added[1].Key || in.Layer != 1 {
		t.Errorf("in use at its time: %+v, want %+v", in, added)
	}
	exchange("one uses it")
	reload(t, nodes[1], path, at)
	exchange("both use it")

	list, err := seal.List(path, at)
	if err != nil {
		t.Fatal(err)
	}
	var retired seal.Version
	for _, v := range list {
		switch {
		case v.State == seal.Current:
			if err := seal.Retire(path, v, at); !errors.Is(err, seal.ErrNeeded) {
				t.Errorf("retiring %s in use: %v", v.Set, err)
			}
		case v.Set == seal.Tokens:
			retired = v
		}
	}
	if !retired.Until.Equal(at.UTC().Truncate(time.Second)) {
		t.Errorf("the old key was in use until %v, want %v", retired.Until, at)
	}
	if err := seal.Retire(path, retired, at); err != nil {
		t.Fatal(err)
	}
	if err := seal.Retire(path, retired, at); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("retiring twice: %v", err)
	}
	reload(t, nodes[0], path, at)
	if nodes[0].Tagger("ticket").Check(all[0].id, []byte("msg"), all[0].tag[:]) {
		t.Error("a tag of a retired key is accepted")
	}
	if nodes[0].Tagger("ticket").Check(retired.Key, []byte("msg"), nil) {
		t.Error("no tag at all is accepted")
	}
}

// TestTokensAreWholeWhileKeysChange signs and checks while another takes new keys: the id in a token is always that of its tag.
func TestTokensAreWholeWhileKeysChange(t *testing.T) {
	t.Parallel()
	path := keyFile(t)
	k := load(t, path)
	tg := k.Tagger("session")
	now := time.Now()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				msg := fmt.Appendf(nil, "message %d", n)
				s := tg.Signer()
				if tag := s.Tag(msg); !tg.Check(s.KeyID(), msg, tag[:]) {
					t.Error("own tag refused")
					return
				}
			}
		})
	}
	for i := range 20 {
		at := now.Add(time.Duration(i) * time.Hour)
		if _, err := seal.Rotate(path, []seal.Set{seal.Tokens}, at, at); err != nil {
			t.Fatal(err)
		}
		reload(t, k, path, at)
	}
	close(stop)
	wg.Wait()
}

func TestReloadKeepsWhatWorks(t *testing.T) {
	t.Parallel()
	path := keyFile(t)
	k := load(t, path)
	before := k.Name("p", []byte("x"))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(keyFile(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string][]byte{"half": good[:len(good)/2], "empty": nil, "another installation's": other} {
		if err := os.WriteFile(path, src, 0o600); err != nil {
			t.Fatal(err)
		}
		if changed, err := k.Reload(path, time.Now()); err == nil || changed {
			t.Errorf("%s file: changed %v, %v", name, changed, err)
		}
		if k.Name("p", []byte("x")) != before {
			t.Fatalf("%s file: other keys", name)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := k.Reload(path, time.Now()); err != nil || changed {
		t.Errorf("the same file again: changed %v, %v", changed, err)
	}
}

// TestBlindIndexesMove rotates blind indexes some times, each row moved or not: it is found as long as its layer is not retired.
func TestBlindIndexesMove(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "keys")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		path := filepath.Join(dir, "keys.json")
		k, err := seal.LoadOrCreate(path)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		rows := map[string]seal.Index{}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			now = now.Add(time.Hour)
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				if _, err := seal.Rotate(path, []seal.Set{seal.Indexes}, now, now); err != nil {
					t.Fatal(err)
				}
			case 1:
				data := rapid.StringN(1, 4, 8).Draw(t, "data")
				rows[data] = k.Indexes("p", []byte(data))[0]
			case 2:
				for data, i := range rows {
					if rows[data], err = k.Raise("p", i); err != nil {
						t.Fatal(err)
					}
				}
			case 3:
				lowest := k.InUse().Layer
				for _, i := range rows {
					lowest = min(lowest, i.Layer)
				}
				for l := range lowest {
					list, err := seal.List(path, now)
					if err != nil {
						t.Fatal(err)
					}
					at := slices.IndexFunc(list, func(v seal.Version) bool { return v.Set == seal.Indexes && v.Layer == l })
					if err := seal.Retire(path, list[at], now); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := k.Reload(path, now); err != nil {
				t.Fatal(err)
			}
			for data, row := range rows {
				list := k.Indexes("p", []byte(data))
				if !slices.Contains(list, row) {
					t.Fatalf("%q of layer %d is not found by %d indexes", data, row.Layer, len(list))
				}
				if list[0].Layer != k.InUse().Layer {
					t.Fatal("the first is not of the layer in use")
				}
			}
		}
	})
}

// TestRotateKilled kills a program that does nothing but rotate and retire, again and again: the file is always whole, and a tag of
// the key that is never retired stays good.
func TestRotateKilled(t *testing.T) {
	if path := os.Getenv("CHARYE_ROTATE"); path != "" {
		rotateForEver(t, path)
		return
	}
	t.Parallel()
	path := keyFile(t)
	k := load(t, path)
	name := k.Name("p", nil)
	sealed, err := k.Seal("place", []byte("field"))
	if err != nil {
		t.Fatal(err)
	}
	for round := range 12 {
		var out bytes.Buffer
		cmd := exec.Command(os.Args[0], "-test.run=^TestRotateKilled$")
		cmd.Env = append(os.Environ(), "CHARYE_ROTATE="+path)
		ready, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := ready.Read(make([]byte, 1)); err != nil { // its first rotation is done
			t.Fatalf("%v: %s", err, out.String())
		}
		timer := time.NewTimer(time.Duration(round*round) * 300 * time.Microsecond) // not waiting for anything: another moment each round
		<-timer.C
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		k := load(t, path)
		if k.Name("p", nil) != name {
			t.Fatal("names changed")
		}
		if got, err := k.Open("place", sealed); err != nil || string(got) != "field" {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	if _, err := seal.Rotate(path, []seal.Set{seal.Indexes}, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s was left by a rotation that was killed", e.Name())
		}
	}
}

func rotateForEver(t *testing.T, path string) {
	for i := 0; ; i++ {
		now := time.Now()
		if _, err := seal.Rotate(path, []seal.Set{seal.Tokens}, now, now); err != nil {
			t.Fatal(err)
		}
		list, err := seal.List(path, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			if v.Set == seal.Tokens && v.State == seal.Old {
				if err := seal.Retire(path, v, now); err != nil {
					t.Fatal(err)
				}
			}
		}
		if i == 0 {
			_, _ = os.Stdout.WriteString("r")
		}
	}
}

// TestKeyService has keys sealed by a remote key, here one of Tink's own in this process, and rotates them there.
func TestKeyService(t *testing.T) {
	t.Parallel()
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	remote, err := aead.New(h)
	if err != nil {
		t.Fatal(err)
	}
	const uri = "test://key"
	kms := func(asked string) (tink.AEAD, error) {
		if asked != uri {
			return nil, fmt.Errorf("no key %s", asked)
		}
		return remote, nil
	}
	path := keyFile(t)
	before := load(t, path)
	clear, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := seal.Wrap(path, uri, kms); err != nil {
		t.Fatal(err)
	}
	wrapped, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f map[string]json.RawMessage
	if err := json.Unmarshal(clear, &f); err != nil {
		t.Fatal(err)
	}
	for part, raw := range f {
		if i := bytes.Index(raw, []byte(`"value":"`)); i >= 0 && bytes.Contains(wrapped, raw[i:i+60]) {
			t.Errorf("the secret of %s is still readable", part)
		}
	}
	if _, err := seal.Load(path); err == nil || !strings.Contains(err.Error(), uri) {
		t.Errorf("without the service: %v", err)
	}
	now := time.Now()
	if _, err := seal.Rotate(path, seal.Sets, now, now, kms); err != nil {
		t.Fatal(err)
	}
	k, err := seal.Load(path, kms)
	if err != nil {
		t.Fatal(err)
	}
	if k.Name("p", nil) != before.Name("p", nil) {
		t.Error("names changed")
	}
	if k.InUse().Token == before.InUse().Token {
		t.Error("nothing was rotated")
	}
	if err := seal.Wrap(path, "", kms); err != nil {
		t.Fatal(err)
	}
	if got := load(t, path); got.InUse() != k.InUse() || got.Name("p", nil) != k.Name("p", nil) {
		t.Error("other keys after taking them back from the service")
	}
}
