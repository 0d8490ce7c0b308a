package seal_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"

	"charye/internal/seal"
)

func keyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	if _, err := seal.LoadOrCreate(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, path string) *seal.Keys {
	t.Helper()
	k, err := seal.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// edit rewrites one keyset of a key file with Tink's own manager, as an operator's rotation does.
func edit(t *testing.T, path, part string, change func(m *keyset.Manager, primary uint32)) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f map[string]json.RawMessage
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f[part])))
	if err != nil {
		t.Fatal(err)
	}
	m := keyset.NewManagerFromHandle(h)
	change(m, h.KeysetInfo().GetPrimaryKeyId())
	if h, err = m.Handle(); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&buf)); err != nil {
		t.Fatal(err)
	}
	f[part] = buf.Bytes()
	if raw, err = json.Marshal(f); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func rotate(t *testing.T, template *tinkpb.KeyTemplate, retire bool) func(*keyset.Manager, uint32) {
	return func(m *keyset.Manager, old uint32) {
		id, err := m.Add(template)
		if err == nil {
			err = m.SetPrimary(id)
		}
		if err == nil && retire {
			err = m.Disable(old)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestKeyFileIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	path := keyFile(t)
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v: others may read the key file", st.Mode())
	}
	a, b := load(t, path), load(t, path)
	if a.Name("p", []byte("x")) != b.Name("p", []byte("x")) || a.Secret("p") != b.Secret("p") {
		t.Error("two loads of one file give different keys")
	}
	sealed, err := a.Seal("place", []byte("field"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Open("place", sealed); err != nil || string(got) != "field" {
		t.Errorf("Open after reload: %q, %v", got, err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("files left beside the key file: %v, %v", left, err)
	}
}

func TestProgramsStartingTogetherShareOneSetOfKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	const programs = 16
	var names [programs][16]byte
	var errs [programs]error
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range programs {
		wg.Go(func() {
			<-start
			k, err := seal.LoadOrCreate(path)
			if err != nil {
				errs[i] = err
				return
			}
			names[i] = k.Name("p", []byte("x"))
		})
	}
	close(start)
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	for i := range names {
		if names[i] != names[0] {
			t.Fatalf("program %d has other keys than program 0", i)
		}
	}
}

func TestTokenKeysRotate(t *testing.T) {
	t.Parallel()
	path := keyFile(t)
	before := load(t, path)
	old := before.Tagger("session")
	tag := old.Signer().Tag([]byte("msg"))
	sealed, err := before.Seal("place", []byte("field"))
	if err != nil {
		t.Fatal(err)
	}

	edit(t, path, "tokens", rotate(t, prf.HMACSHA256PRFKeyTemplate(), false))
	edit(t, path, "fields", rotate(t, aead.AES256GCMKeyTemplate(), false))
	k := load(t, path)
	now := k.Tagger("session")
	if now.Signer().KeyID() == old.Signer().KeyID() {
		t.Fatal("the primary key did not change")
	}
	if !now.Check(old.Signer().KeyID(), []byte("msg"), tag[:]) {
		t.Error("a tag from before the rotation is refused")
	}
	fresh := now.Signer().Tag([]byte("msg"))
	if fresh == tag {
		t.Error("tags did not change with the key")
	}
	if old.Check(now.Signer().KeyID(), []byte("msg"), fresh[:]) {
		t.Error("keys from before the rotation accept a key they do not have")
	}
	if got, err := k.Open("place", sealed); err != nil || string(got) != "field" {
		t.Errorf("a field from before the rotation: %q, %v", got, err)
	}
	if k.Name("p", nil) != before.Name("p", nil) {
		t.Error("names changed: everybody would be a stranger")
	}

	edit(t, path, "tokens", rotate(t, prf.HMACSHA256PRFKeyTemplate(), true))
	if later := load(t, path).Tagger("session"); later.Check(now.Signer().KeyID(), []byte("msg"), fresh[:]) {
		t.Error("a tag under a disabled key is accepted")
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	k, err := seal.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	a, b := k.Tagger("a"), k.Tagger("b")
	for _, n := range []int{0, 1, 255, 256, 257, 4096} {
		msg := bytes.Repeat([]byte{7}, n)
		tag := a.Signer().Tag(msg)
		if !a.Check(a.Signer().KeyID(), msg, tag[:]) {
			t.Fatalf("own tag refused, %d bytes", n)
		}
		if b.Check(b.Signer().KeyID(), msg, tag[:]) {
			t.Error("a tag of another purpose is accepted")
		}
		if a.Check(a.Signer().KeyID()+1, msg, tag[:]) {
			t.Error("an unknown key id is accepted")
		}
		if a.Check(a.Signer().KeyID(), msg, tag[:seal.TagSize-1]) || a.Check(a.Signer().KeyID(), msg, nil) || a.Check(a.Signer().KeyID(), msg, append(tag[:], 0)) {
			t.Error("a tag of another length is accepted")
		}
		if a.Check(a.Signer().KeyID(), append(msg, 0), tag[:]) {
			t.Error("a longer message is accepted")
		}
		for bit := range seal.TagSize * 8 {
			tag[bit/8] ^= 1 << (bit % 8)
			if a.Check(a.Signer().KeyID(), msg, tag[:]) {
				t.Fatalf("flipped bit %d is accepted", bit)
			}
			tag[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestTaggerIsSafeTogether(t *testing.T) {
	t.Parallel()
	k, err := seal.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	tg := k.Tagger("session")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			msg := make([]byte, 100+100*i)
			for n := range 500 {
				binary.BigEndian.PutUint32(msg, uint32(n))
				tag := tg.Signer().Tag(msg)
				if !tg.Check(tg.Signer().KeyID(), msg, tag[:]) {
					t.Error("own tag refused")
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestKindsAndPurposesAreIndependent(t *testing.T) {
	t.Parallel()
	k, err := seal.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	secret := k.Secret("x")
	if n := k.Name("secret/x", nil); bytes.Equal(n[:], secret[:16]) {
		t.Error("a name can be made to show half of a secret")
	}
	if k.Name("ab", []byte("c")) == k.Name("a", []byte("bc")) {
		t.Error("purpose and data run into each other")
	}
	if k.Secret("x") == k.Secret("y") {
		t.Error("two purposes share a secret")
	}
}

func TestSealedFieldsStayInTheirPlace(t *testing.T) {
	t.Parallel()
	k, err := seal.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	other, err := seal.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.Seal("people/name/1", []byte("김하나"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("김하나")) {
		t.Error("the field is readable")
	}
	for name, open := range map[string]func() ([]byte, error){
		"other place": func() ([]byte, error) { return k.Open("people/name/2", sealed) },
		"other keys":  func() ([]byte, error) { return other.Open("people/name/1", sealed) },
		"cut":         func() ([]byte, error) { return k.Open("people/name/1", sealed[:len(sealed)-1]) },
		"empty":       func() ([]byte, error) { return k.Open("people/name/1", nil) },
		"changed": func() ([]byte, error) {
			b := bytes.Clone(sealed)
			b[len(b)/2] ^= 1
			return k.Open("people/name/1", b)
		},
	} {
		if _, err := open(); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("%s: %v, want ErrOpen", name, err)
		}
	}
}

func TestWrongKeyFiles(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(keyFile(t))
	if err != nil {
		t.Fatal(err)
	}
	swap := func(change func(f map[string]json.RawMessage)) string {
		var f map[string]json.RawMessage
		if err := json.Unmarshal(good, &f); err != nil {
			t.Fatal(err)
		}
		change(f)
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	cmac, err := keyset.NewHandle(prf.AESCMACPRFKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	var short bytes.Buffer
	if err := insecurecleartextkeyset.Write(cmac, keyset.NewJSONWriter(&short)); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]string{
		"empty":          "",
		"not JSON":       "keys",
		"cut":            string(good[:len(good)/2]),
		"two in one":     string(good) + string(good),
		"later version":  strings.Replace(string(good), `"version": 1`, `"version": 3`, 1),
		"no fields":      swap(func(f map[string]json.RawMessage) { delete(f, "fields") }),
		"names is AEAD":  swap(func(f map[string]json.RawMessage) { f["names"] = f["fields"] }),
		"fields is PRF":  swap(func(f map[string]json.RawMessage) { f["fields"] = f["names"] }),
		"16-byte PRF":    swap(func(f map[string]json.RawMessage) { f["names"] = short.Bytes() }),
		"empty keyset":   swap(func(f map[string]json.RawMessage) { f["tokens"] = json.RawMessage(`{}`) }),
		"null keyset":    swap(func(f map[string]json.RawMessage) { f["tokens"] = json.RawMessage(`null`) }),
		"keyset is text": swap(func(f map[string]json.RawMessage) { f["tokens"] = json.RawMessage(`"x"`) }),
	} {
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.LoadOrCreate(path); err == nil {
			t.Errorf("%s: accepted", name)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error does not name the file: %v", name, err)
		}
		// A wrong file is never replaced by fresh keys: that would make everybody a stranger.
		if now, err := os.ReadFile(path); err != nil || string(now) != src {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := seal.Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}
