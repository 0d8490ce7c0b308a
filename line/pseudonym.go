package line

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"

	"charye/internal/seal"
	"charye/person"
)

// NewPseudonyms gives the pseudonyms of an installation: each campaign's key is derived from the key file, so they stay
// the same for as long as that lives. Safe for concurrent use; Of does not allocate in the steady state.
func NewPseudonyms(k *seal.Keys) Pseudonyms { return &pseudonyms{keys: k} }

type pseudonyms struct {
	keys   *seal.Keys
	hashes sync.Map // campaign → *sync.Pool of *pseudonymHash
}

type pseudonymHash struct {
	h   hash.Hash
	in  person.Key
	out [sha256.Size]byte
}

func (p *pseudonyms) Of(campaign uint32, who person.Key) [16]byte {
	pool, ok := p.hashes.Load(campaign)
	if !ok {
		key := p.keys.Secret(fmt.Sprintf("pseudonym/%d", campaign))
		pool, _ = p.hashes.LoadOrStore(campaign, &sync.Pool{New: func() any {
			return &pseudonymHash{h: hmac.New(sha256.New, key[:])}
		}})
	}
	s := pool.(*sync.Pool).Get().(*pseudonymHash)
	s.h.Reset()
	s.in = who
	s.h.Write(s.in[:])
	out := [16]byte(s.h.Sum(s.out[:0]))
	s.in = person.Key{}
	pool.(*sync.Pool).Put(s)
	return out
}
