// Package seal keeps the secrets of an installation and everything that is done with them: keyed pseudonyms, tags on
// tokens, and encryption of single fields.
//
// It owns the key file. It knows nothing of people, places or bookings: callers name a purpose, and keys of different
// purposes are independent of one another. Nothing here logs, and no secret has a String method.
package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"

	"charye/internal/weak"
)

// ErrOpen means that a sealed field could not be opened: a wrong key, a wrong place or a changed byte.
var ErrOpen = errors.New("sealed field cannot be opened")

// Keys are the secrets of one installation. Safe for concurrent use.
type Keys struct {
	names  *prf.Set  // person keys and blind indexes; its primary never rotates, or everybody would become a stranger
	tokens *prf.Set  // parents of all token keys; rotates
	fields tink.AEAD // field encryption; rotates
}

// file is the key file's form: three Tink keysets. The file's mode is what protects it; a KMS-wrapped form can follow.
type file struct {
	Version int             `json:"version"`
	Names   json.RawMessage `json:"names"`
	Tokens  json.RawMessage `json:"tokens"`
	Fields  json.RawMessage `json:"fields"`
}

// Load reads a key file. A missing file is an error that satisfies errors.Is(err, fs.ErrNotExist).
func Load(path string) (*Keys, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	if f.Version != 1 {
		return nil, fmt.Errorf("key file %s: version %d, this program reads version 1", path, f.Version)
	}
	return f.open(path)
}

// LoadOrCreate reads the key file at path, or makes one with fresh keys, readable by its owner only and on disk before
// this returns.
func LoadOrCreate(path string) (*Keys, error) {
	k, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	f, err := generate()
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, err
	}
	// Link-in under the final name: two programs starting at once must end up with one set of keys.
	tmp, err := os.CreateTemp(filepath.Dir(path), ".keys-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return nil, fmt.Errorf("write key file %s: %w", path, err)
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("write key file %s: %w", path, err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("write key file %s: %w", path, err)
	}
	return Load(path)
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
	return f.open("memory")
}

func generate() (*file, error) {
	f := &file{Version: 1}
	for _, part := range []struct {
		dst  *json.RawMessage
		make func() (*keyset.Handle, error)
	}{
		{&f.Names, func() (*keyset.Handle, error) { return keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate()) }},
		{&f.Tokens, func() (*keyset.Handle, error) { return keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate()) }},
		{&f.Fields, func() (*keyset.Handle, error) { return keyset.NewHandle(aead.AES256GCMKeyTemplate()) }},
	} {
		h, err := part.make()
		if err != nil {
			return nil, fmt.Errorf("make keys: %w", err)
		}
		var buf bytes.Buffer
		if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&buf)); err != nil {
			return nil, fmt.Errorf("make keys: %w", err)
		}
		*part.dst = buf.Bytes()
	}
	return f, nil
}

func (f *file) open(path string) (*Keys, error) {
	read := func(raw json.RawMessage) (*keyset.Handle, error) {
		return insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(raw)))
	}
	k := &Keys{}
	h, err := read(f.Names)
	if err == nil {
		k.names, err = prfSet(h)
	}
	if err != nil {
		return nil, fmt.Errorf("key file %s, names: %w", path, err)
	}
	h, err = read(f.Tokens)
	if err == nil {
		k.tokens, err = prfSet(h)
	}
	if err != nil {
		return nil, fmt.Errorf("key file %s, tokens: %w", path, err)
	}
	h, err = read(f.Fields)
	if err == nil {
		k.fields, err = aead.New(h)
	}
	if err != nil {
		return nil, fmt.Errorf("key file %s, fields: %w", path, err)
	}
	return k, nil
}

// prfSet opens a keyset and tries every key once at full length, so that later calls cannot fail: other kinds of PRF
// (AES-CMAC, say) give at most 16 bytes.
func prfSet(h *keyset.Handle) (*prf.Set, error) {
	set, err := prf.NewPRFSet(h)
	if err != nil {
		return nil, err
	}
	if set.PRFs[set.PrimaryID] == nil {
		return nil, errors.New("the primary key is missing or not enabled")
	}
	for id, p := range set.PRFs {
		if _, err := p.ComputePRF(nil, 32); err != nil {
			return nil, fmt.Errorf("key %d: %w", id, err)
		}
	}
	return set, nil
}

// Name gives the keyed pseudonym of data for a purpose: the first 16 bytes of a PRF. Equal inputs give equal names for
// as long as the key file lives; without the file nothing leads back.
func (k *Keys) Name(purpose string, data []byte) [16]byte {
	b, err := k.names.PRFs[k.names.PrimaryID].ComputePRF(framed(kindName, purpose, data), 16)
	if err != nil {
		// Unreachable: a PRF of at most 32 bytes from a key that was checked at loading.
		panic(fmt.Sprintf("seal: PRF: %v", err))
	}
	return [16]byte(b)
}

// Secret derives a 32-byte key for a purpose that must stay the same for the life of the installation, such as a
// campaign's pseudonym key.
func (k *Keys) Secret(purpose string) [32]byte {
	b, err := k.names.PRFs[k.names.PrimaryID].ComputePRF(framed(kindSecret, purpose, nil), 32)
	if err != nil {
		panic(fmt.Sprintf("seal: PRF: %v", err))
	}
	return [32]byte(b)
}

// The kinds of PRF input. They come first, so that no choice of purpose and data for one kind is an input of another.
const (
	kindName byte = iota + 1
	kindSecret
	kindToken
)

func framed(kind byte, purpose string, data []byte) []byte {
	b := make([]byte, 0, 3+len(purpose)+len(data))
	b = append(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(purpose)))
	b = append(b, purpose...)
	return append(b, data...)
}

// Seal encrypts one field. The place it stands in (table, column and row, say) is bound to it: sealed bytes moved
// elsewhere do not open.
func (k *Keys) Seal(place string, plain []byte) ([]byte, error) {
	return k.fields.Encrypt(plain, []byte(place))
}

// Open undoes Seal; any failure is [ErrOpen].
func (k *Keys) Open(place string, sealed []byte) ([]byte, error) {
	b, err := k.fields.Decrypt(sealed, []byte(place))
	if err != nil {
		return nil, ErrOpen
	}
	return b, nil
}

// TagSize is the length of a token's tag in bytes: 128 bits of HMAC-SHA256.
const TagSize = 16

// Tagger puts tags on tokens of one purpose and checks them. Safe for concurrent use; neither method allocates in the
// steady state.
type Tagger struct {
	primary uint32
	macs    map[uint32]*sync.Pool // of hash.Hash keyed for this purpose
}

// Tagger gives the tagger of a purpose; taggers of different purposes do not accept each other's tags.
func (k *Keys) Tagger(purpose string) *Tagger {
	t := &Tagger{primary: k.tokens.PrimaryID, macs: make(map[uint32]*sync.Pool, len(k.tokens.PRFs))}
	for id, p := range k.tokens.PRFs {
		key, err := p.ComputePRF(framed(kindToken, purpose, nil), 32)
		if err != nil {
			panic(fmt.Sprintf("seal: PRF: %v", err))
		}
		t.macs[id] = &sync.Pool{New: func() any { return &macState{h: hmac.New(sha256.New, key)} }}
	}
	return t
}

type macState struct {
	h   hash.Hash
	buf [256]byte // copy of what is hashed, so that callers' bytes stay on their stacks
	sum [sha256.Size]byte
}

// KeyID names the key that Tag uses now; a token carries it so that a check finds the right key after a rotation.
func (t *Tagger) KeyID() uint32 { return t.primary }

// Tag gives the tag of msg under the present key.
func (t *Tagger) Tag(msg []byte) [TagSize]byte {
	tag, _ := t.tag(t.primary, msg)
	return tag
}

// Check reports whether tag is the tag of msg under the key named keyID, in constant time. An unknown key is false.
func (t *Tagger) Check(keyID uint32, msg, tag []byte) bool {
	want, ok := t.tag(keyID, msg)
	return ok && (subtle.ConstantTimeCompare(want[:], tag) == 1 || weak.Off(weak.Signature))
}

func (t *Tagger) tag(keyID uint32, msg []byte) (out [TagSize]byte, ok bool) {
	pool, ok := t.macs[keyID]
	if !ok {
		return out, false
	}
	s := pool.Get().(*macState)
	s.h.Reset()
	for len(msg) > 0 {
		n := copy(s.buf[:], msg)
		_, _ = s.h.Write(s.buf[:n]) // a hash never fails
		msg = msg[n:]
	}
	copy(out[:], s.h.Sum(s.sum[:0]))
	pool.Put(s)
	return out, true
}
