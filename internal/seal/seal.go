// Package seal keeps the secrets of an installation and everything that is done with them: keyed pseudonyms, blind indexes,
// tags on tokens, and encryption of single fields.
//
// It owns the key file, its versions of keys and when each comes into use. It knows nothing of people, places or bookings:
// callers name a purpose, and keys of different purposes are independent of one another. Nothing here logs, and no secret has
// a String method.
package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrOpen means that a sealed field could not be opened: a wrong key, a wrong place or a changed byte.
var ErrOpen = errors.New("sealed field cannot be opened")

// Keys are the secrets of one installation, as its key file stands. Safe for concurrent use, also while [Keys.Reload] takes
// other versions of keys: each call works with one state of the file from its beginning to its end.
type Keys struct{ now atomic.Pointer[state] }

// state is one reading of the key file at one instant. It never changes.
type state struct {
	raw  []byte    // of the file
	next time.Time // when another key comes into use; zero: none waits

	names  *prf.Set // person keys and derived secrets; its primary never rotates, or everybody would become a stranger
	tokens *prf.Set // parents of all token keys
	fields tink.AEAD
	layers []prf.PRF // of blind indexes, above that of names

	inUse  InUse
	oldest int // layer of blind indexes that rows may still be of
}

// InUse are the keys that make what is new. Token and Field are ids, Layer a number of [Keys.Indexes].
type InUse struct {
	Token, Field uint32
	Layer        int
}

// InUse tells which keys are in use.
func (k *Keys) InUse() InUse { return k.now.Load().inUse }

// Name gives the keyed pseudonym of data for a purpose: the first 16 bytes of a PRF. Equal inputs give equal names for
// as long as the key file lives, whatever is rotated; without the file nothing leads back.
func (k *Keys) Name(purpose string, data []byte) [16]byte { return k.now.Load().name(purpose, data) }

func (s *state) name(purpose string, data []byte) [16]byte {
	return short(s.names.PRFs[s.names.PrimaryID], framed(kindName, purpose, data))
}

func short(p prf.PRF, input []byte) [16]byte {
	b, err := p.ComputePRF(input, 16)
	if err != nil {
		// Unreachable: a PRF of at most 32 bytes from a key that was checked at loading.
		panic(fmt.Sprintf("seal: PRF: %v", err))
	}
	return [16]byte(b)
}

// Secret derives a 32-byte key for a purpose that must stay the same for the life of the installation, such as a
// campaign's pseudonym key.
func (k *Keys) Secret(purpose string) [32]byte {
	names := k.now.Load().names
	b, err := names.PRFs[names.PrimaryID].ComputePRF(framed(kindSecret, purpose, nil), 32)
	if err != nil {
		panic(fmt.Sprintf("seal: PRF: %v", err))
	}
	return [32]byte(b)
}

// Index is the blind index of something under the keys up to a layer.
type Index struct {
	Layer int
	Value [16]byte
}

// Indexes gives the blind indexes by which data may be found, that of the layer in use first: what is new is kept under it. Layer
// 0 is [Keys.Name]; the index of a layer above is a PRF, with that layer's key, over the index below. So what is kept can be
// moved to a new key without the data themselves ([Keys.Raise]), and whoever has an old key alone cannot find data by guessing
// once it was moved.
func (k *Keys) Indexes(purpose string, data []byte) []Index {
	s := k.now.Load()
	list := make([]Index, 1, len(s.layers)+1)
	at := Index{Value: s.name(purpose, data)}
	for layer := 0; ; layer++ {
		at.Layer = layer
		switch {
		case layer == s.inUse.Layer:
			list[0] = at
		case layer >= s.oldest: // and those that came into use on another node already
			list = append(list, at)
		}
		if layer == len(s.layers) {
			return list
		}
		at.Value = short(s.layers[layer], framed(kindIndex, purpose, at.Value[:]))
	}
}

// Raise moves a blind index to the layer in use; one that is of it already, or of a later one, stays.
func (k *Keys) Raise(purpose string, i Index) (Index, error) {
	s := k.now.Load()
	if i.Layer < 0 || i.Layer > len(s.layers) {
		return i, fmt.Errorf("index of layer %d: the key file has %d", i.Layer, len(s.layers)+1)
	}
	for ; i.Layer < s.inUse.Layer; i.Layer++ {
		i.Value = short(s.layers[i.Layer], framed(kindIndex, purpose, i.Value[:]))
	}
	return i, nil
}

// The kinds of PRF input. They come first, so that no choice of purpose and data for one kind is an input of another.
const (
	kindName byte = iota + 1
	kindSecret
	kindToken
	kindIndex
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
	return k.now.Load().fields.Encrypt(plain, []byte(place))
}

// Open undoes Seal; any failure is [ErrOpen].
func (k *Keys) Open(place string, sealed []byte) ([]byte, error) {
	b, err := k.now.Load().fields.Decrypt(sealed, []byte(place))
	if err != nil {
		return nil, ErrOpen
	}
	return b, nil
}

// KeyOf tells the id of the key that a field was sealed with; 0 when it is no sealed field.
func KeyOf(sealed []byte) uint32 {
	// Tink's output prefix: 0x01 and the key's id, https://developers.google.com/tink/wire-format
	if len(sealed) < prefixSize || sealed[0] != 1 {
		return 0
	}
	return binary.BigEndian.Uint32(sealed[1:])
}

const prefixSize = 5

// Prefix is how everything begins that is sealed with the key in use, for those who look for what is not.
func (k *Keys) Prefix() []byte {
	return binary.BigEndian.AppendUint32([]byte{1}, k.now.Load().inUse.Field)
}

// Reseal seals a field anew, with the key in use and for another place where it moves; changed is false when it stays as it is.
func (k *Keys) Reseal(from, to string, sealed []byte) (out []byte, changed bool, err error) {
	s := k.now.Load()
	if from == to && KeyOf(sealed) == s.inUse.Field {
		return sealed, false, nil
	}
	plain, err := s.fields.Decrypt(sealed, []byte(from))
	if err != nil {
		return nil, false, ErrOpen
	}
	out, err = s.fields.Encrypt(plain, []byte(to))
	return out, true, err
}
