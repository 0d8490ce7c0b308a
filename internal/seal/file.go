package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// file is the key file's form: Tink keysets, and from version 2 on which of their keys comes into use when. The file's mode is
// what protects it, or the key service that KMS names: the keysets are then sealed by that.
type file struct {
	Version int             `json:"version"`
	KMS     string          `json:"kms,omitempty"`
	Names   json.RawMessage `json:"names"`
	Tokens  json.RawMessage `json:"tokens"`
	Fields  json.RawMessage `json:"fields"`
	Indexes json.RawMessage `json:"indexes,omitempty"` // layers above that of names; absent: none
	// Uses has for each set its keys in the order of their use: the last whose time has come is in use.
	Uses map[Set][]use `json:"uses,omitempty"`
	// Oldest is the layer of blind indexes below which nothing is looked up any more.
	Oldest int `json:"oldestLayer,omitempty"`
}

type use struct {
	Key  uint32    `json:"key"`
	Made time.Time `json:"made,omitzero"`
	From time.Time `json:"from,omitzero"`
}

// Set is a kind of keys that rotate together.
type Set string

// The sets.
const (
	Tokens  Set = "tokens"  // sessions, tickets and passes
	Fields  Set = "fields"  // sealed fields
	Indexes Set = "indexes" // blind indexes
)

// Sets lists every set.
var Sets = []Set{Tokens, Fields, Indexes}

// KMS opens the remote key that a key file names: what it encrypts only its service decrypts. See package transit.
type KMS func(uri string) (tink.AEAD, error)

// Load reads a key file as it stands now. A missing file is an error that satisfies errors.Is(err, fs.ErrNotExist). kms is needed
// for a file that a key service seals; nil refuses it.
func Load(path string, kms ...KMS) (*Keys, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := read(path, b, time.Now(), kms)
	if err != nil {
		return nil, err
	}
	k := &Keys{}
	k.now.Store(s)
	return k, nil
}

// Reload takes the key file as it stands at the instant now: keys that were added, retired, or come into use by then. changed
// tells whether anything is different. After an error the keys stay as they were, and so do they when the file is another
// installation's.
func (k *Keys) Reload(path string, now time.Time, kms ...KMS) (changed bool, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	old := k.now.Load()
	if bytes.Equal(b, old.raw) && (old.next.IsZero() || now.Before(old.next)) {
		return false, nil
	}
	s, err := read(path, b, now, kms)
	if err != nil {
		return false, err
	}
	if s.name("seal/same", nil) != old.name("seal/same", nil) {
		return false, fmt.Errorf("key file %s: it is another installation's; the keys that are in use stay", path)
	}
	k.now.Store(s)
	return true, nil
}

func parse(path string, b []byte) (*file, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	if f.Version != 1 && f.Version != 2 {
		return nil, fmt.Errorf("key file %s: version %d, this program reads versions 1 and 2", path, f.Version)
	}
	return &f, nil
}

// LoadOrCreate reads the key file at path, or makes one with fresh keys, readable by its owner only and on disk before
// this returns.
func LoadOrCreate(path string, kms ...KMS) (*Keys, error) {
	k, err := Load(path, kms...)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	f, err := generate()
	if err != nil {
		return nil, err
	}
	tmp, err := f.write(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("write key file %s: %w", path, err)
	}
	defer func() { _ = os.Remove(tmp) }()
	// Link-in under the final name: two programs starting at once must end up with one set of keys.
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) { // there already, or swept by who rotates what is there
		return nil, fmt.Errorf("write key file %s: %w", path, err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("write key file %s: %w", path, err)
	}
	return Load(path, kms...)
}

const newPrefix = ".keys-" // of key files that were not finished

// write puts the file on disk in dir, under a name of its own.
func (f *file) write(dir string) (name string, err error) {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(dir, newPrefix+"*")
	if err != nil {
		return "", err
	}
	_, err = tmp.Write(b)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return "", errors.Join(err, os.Remove(tmp.Name()))
	}
	return tmp.Name(), nil
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there; the file system journals names itself
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Ephemeral makes keys that live only in memory, for tests.
func Ephemeral() (*Keys, error) {
	f, err := generate()
	if err != nil {
		return nil, err
	}
	s, err := f.open("memory", nil, time.Now(), nil)
	if err != nil {
		return nil, err
	}
	k := &Keys{}
	k.now.Store(s)
	return k, nil
}

func generate() (*file, error) {
	f := &file{Version: 1}
	for _, part := range []struct {
		dst      *json.RawMessage
		template *tinkpb.KeyTemplate
	}{{&f.Names, prf.HMACSHA256PRFKeyTemplate()}, {&f.Tokens, template(Tokens)}, {&f.Fields, template(Fields)}} {
		h, err := keyset.NewHandle(part.template)
		if err == nil {
			*part.dst, err = clear(h)
		}
		if err != nil {
			return nil, fmt.Errorf("make keys: %w", err)
		}
	}
	return f, nil
}

// template is the kind of key that a set gets.
func template(s Set) *tinkpb.KeyTemplate {
	if s == Fields {
		return aead.AES256GCMKeyTemplate()
	}
	return prf.HMACSHA256PRFKeyTemplate()
}

func clear(h *keyset.Handle) (json.RawMessage, error) {
	var buf bytes.Buffer
	err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&buf))
	return buf.Bytes(), err
}

// names is the set of the root key, which never rotates.
const names Set = "names"

// part is where the file keeps a set.
func (f *file) part(s Set) *json.RawMessage {
	switch s {
	case names:
		return &f.Names
	case Tokens:
		return &f.Tokens
	case Fields:
		return &f.Fields
	default:
		return &f.Indexes
	}
}

// boundTo is what a keyset is bound to when a key service seals it.
func boundTo(s Set) []byte { return []byte("charye/keys/2/" + s) }

// handle reads a keyset.
func (f *file) handle(s Set, by tink.AEAD) (*keyset.Handle, error) {
	in := keyset.NewJSONReader(bytes.NewReader(*f.part(s)))
	if f.KMS == "" {
		return insecurecleartextkeyset.Read(in)
	}
	return keyset.ReadWithAssociatedData(in, by, boundTo(s))
}

// keep writes a keyset.
func (f *file) keep(h *keyset.Handle, s Set, by tink.AEAD) (err error) {
	if f.KMS == "" {
		*f.part(s), err = clear(h)
		return err
	}
	var buf bytes.Buffer
	err = h.WriteWithAssociatedData(keyset.NewJSONWriter(&buf), by, boundTo(s))
	*f.part(s) = buf.Bytes()
	return err
}

// remote opens the file's key service; nil when it has none.
func (f *file) remote(kms []KMS) (tink.AEAD, error) {
	if f.KMS == "" {
		return nil, nil
	}
	if len(kms) == 0 {
		return nil, fmt.Errorf("it is sealed by the key service %s, and none is set", f.KMS)
	}
	return kms[0](f.KMS)
}

func read(path string, b []byte, now time.Time, kms []KMS) (*state, error) {
	f, err := parse(path, b)
	if err != nil {
		return nil, err
	}
	return f.open(path, b, now, kms)
}

// open makes the keys ready for use at the instant now.
func (f *file) open(path string, raw []byte, now time.Time, kms []KMS) (*state, error) {
	by, err := f.remote(kms)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	s := &state{raw: raw, oldest: f.Oldest}
	fail := func(part string, err error) (*state, error) {
		return nil, fmt.Errorf("key file %s, %s: %w", path, part, err)
	}
	h, err := f.handle(names, by)
	if err == nil {
		s.names, err = prfSet(h)
	}
	if err != nil {
		return fail("names", err)
	}
	if h, err = f.handle(Tokens, by); err == nil {
		if s.tokens, err = prfSet(h); err == nil {
			s.inUse.Token, err = f.inUse(Tokens, h, now, s)
		}
	}
	if err != nil {
		return fail("tokens", err)
	}
	if h, err = f.handle(Fields, by); err == nil {
		if s.inUse.Field, err = f.inUse(Fields, h, now, s); err == nil {
			s.fields, err = sealing(h, s.inUse.Field)
		}
	}
	if err != nil {
		return fail("fields", err)
	}
	if err := f.layers(s, by, now); err != nil {
		return fail("indexes", err)
	}
	return s, nil
}
