package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"

	"charye/internal/weak"
)

// TagSize is the length of a token's tag in bytes: 128 bits of HMAC-SHA256.
const TagSize = 16

// Tagger puts tags on tokens of one purpose and checks them, with the keys as they stand. Safe for concurrent use; nothing of it
// allocates in the steady state.
type Tagger struct {
	keys    *Keys
	purpose string
	derived atomic.Pointer[derived]
}

// derived are the keys of a purpose, made from one state of the keys.
type derived struct {
	from *state
	macs map[uint32]*sync.Pool // of *macState keyed for this purpose
}

// Tagger gives the tagger of a purpose; taggers of different purposes do not accept each other's tags.
func (k *Keys) Tagger(purpose string) *Tagger { return &Tagger{keys: k, purpose: purpose} }

func (t *Tagger) current() *derived {
	s := t.keys.now.Load()
	if d := t.derived.Load(); d != nil && d.from == s {
		return d
	}
	d := &derived{from: s, macs: make(map[uint32]*sync.Pool, len(s.tokens.PRFs))}
	for id, p := range s.tokens.PRFs {
		key, err := p.ComputePRF(framed(kindToken, t.purpose, nil), 32)
		if err != nil {
			panic(fmt.Sprintf("seal: PRF: %v", err))
		}
		d.macs[id] = &sync.Pool{New: func() any { return &macState{h: hmac.New(sha256.New, key)} }}
	}
	t.derived.Store(d) // of two who made it at once either will do
	return d
}

// Signer is the key in use at one moment, so that the id in a token and the tag behind it are of the same key.
type Signer struct {
	id  uint32
	mac *sync.Pool
}

// Signer gives the key in use.
func (t *Tagger) Signer() Signer {
	d := t.current()
	id := d.from.inUse.Token
	return Signer{id: id, mac: d.macs[id]}
}

// KeyID names the key; a token carries it so that a check finds the right key after a rotation.
func (s Signer) KeyID() uint32 { return s.id }

// Tag gives the tag of msg.
func (s Signer) Tag(msg []byte) [TagSize]byte { return tag(s.mac, msg) }

// Check reports whether tag is the tag of msg under the key named keyID, in constant time. An unknown key is false, and so is
// one that was retired.
func (t *Tagger) Check(keyID uint32, msg, got []byte) bool {
	mac, ok := t.current().macs[keyID]
	if !ok {
		return false
	}
	want := tag(mac, msg)
	return subtle.ConstantTimeCompare(want[:], got) == 1 || weak.Off(weak.Signature)
}

type macState struct {
	h   hash.Hash
	buf [256]byte // copy of what is hashed, so that callers' bytes stay on their stacks
	sum [sha256.Size]byte
}

func tag(mac *sync.Pool, msg []byte) (out [TagSize]byte) {
	s := mac.Get().(*macState)
	s.h.Reset()
	for len(msg) > 0 {
		n := copy(s.buf[:], msg)
		_, _ = s.h.Write(s.buf[:n]) // a hash never fails
		msg = msg[n:]
	}
	copy(out[:], s.h.Sum(s.sum[:0]))
	mac.Put(s)
	return out
}
