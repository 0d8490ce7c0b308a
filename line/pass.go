package line

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"charye/internal/seal"
	"charye/person"
)

// ErrBadPass means that a text is not a pass of this installation: wrong form, wrong tag or an unknown key.
var ErrBadPass = errors.New("not a pass of this line")

// ErrPassExpired means a true pass whose time is over. It is an [ErrNoPass] too, so a check for that one fails closed.
var ErrPassExpired = fmt.Errorf("%w: its time is over", ErrNoPass)

// Passes writes and reads passes. Safe for concurrent use. A pass that reads well may still have been taken over or
// left: [Line.CheckPass] has the last word.
//
// The fields of a pass, after the head described at [tokenVersion]: campaign (4 bytes), person key (16), device (16),
// serial (8), expires at (8, Unix seconds); with head and tag 73 bytes, 98 characters. The purpose of its key is "pass".
type Passes struct{ tagger *seal.Tagger }

const (
	passBytes = tokenHead + 4 + 16 + 16 + 8 + 8 + seal.TagSize
	passText  = (passBytes*8 + 5) / 6
)

// NewPasses gives the pass codec of an installation.
func NewPasses(k *seal.Keys) *Passes { return &Passes{tagger: k.Tagger("pass")} }

// Append appends the text of p to dst. It allocates only when dst has no room.
func (c *Passes) Append(dst []byte, p Pass) []byte {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	signer := c.tagger.Signer()
	b := s.head(signer)
	b = binary.BigEndian.AppendUint32(b, p.Campaign)
	b = append(b, p.Person[:]...)
	b = append(b, p.Device[:]...)
	b = binary.BigEndian.AppendUint64(b, p.Serial)
	b = binary.BigEndian.AppendUint64(b, uint64(p.ExpiresAt.Unix()))
	return finish(dst, b, signer)
}

// Encode gives the text of p.
func (c *Passes) Encode(p Pass) string {
	var buf [passText]byte
	return string(c.Append(buf[:0], p))
}

// Parse reads the text of a pass at the instant now. Anything that Encode did not write is [ErrBadPass]; a true pass
// whose time is over comes back together with [ErrPassExpired].
func (c *Passes) Parse(text string, now time.Time) (Pass, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	b, ok := s.open(text, passBytes, c.tagger)
	if !ok {
		return Pass{}, ErrBadPass
	}
	p := Pass{
		Campaign:  binary.BigEndian.Uint32(b),
		Person:    person.Key(b[4:20]),
		Device:    Device(b[20:36]),
		Serial:    binary.BigEndian.Uint64(b[36:]),
		ExpiresAt: time.Unix(int64(binary.BigEndian.Uint64(b[44:])), 0).UTC(),
	}
	if !now.Before(p.ExpiresAt) {
		return p, ErrPassExpired
	}
	return p, nil
}
