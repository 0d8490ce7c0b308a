package line

import (
	"encoding/binary"
	"errors"
	"time"

	"charye/internal/seal"
	"charye/person"
)

// ErrBadTicket means that a text is not a ticket of this installation: wrong form, wrong tag or an unknown key.
var ErrBadTicket = errors.New("not a ticket of this line")

// Ticket is proof of a place (번호표). It shows the place and opens nothing; any number of devices may hold it.
type Ticket struct {
	Campaign uint32
	Person   person.Key
	Seq      uint32
	Number   uint32    // as known when it was issued: 0 while gathering
	IssuedAt time.Time // whole seconds
}

// Tickets writes and reads tickets. Safe for concurrent use.
//
// The fields of a ticket, after the head described at [tokenVersion]: campaign (4 bytes), person key (16), seq (4),
// number (4), issued at (8, Unix seconds); with head and tag 57 bytes, 76 characters. The purpose of its key is "ticket".
type Tickets struct{ tagger *seal.Tagger }

const ticketBytes = tokenHead + 4 + 16 + 4 + 4 + 8 + seal.TagSize

// NewTickets gives the ticket codec of an installation.
func NewTickets(k *seal.Keys) *Tickets { return &Tickets{tagger: k.Tagger("ticket")} }

// Append appends the text of t to dst. It allocates only when dst has no room.
func (c *Tickets) Append(dst []byte, t Ticket) []byte {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	signer := c.tagger.Signer()
	b := s.head(signer)
	b = binary.BigEndian.AppendUint32(b, t.Campaign)
	b = append(b, t.Person[:]...)
	b = binary.BigEndian.AppendUint32(b, t.Seq)
	b = binary.BigEndian.AppendUint32(b, t.Number)
	b = binary.BigEndian.AppendUint64(b, uint64(t.IssuedAt.Unix()))
	return finish(dst, b, signer)
}

// Encode gives the text of t.
func (c *Tickets) Encode(t Ticket) string {
	var buf [passText]byte
	return string(c.Append(buf[:0], t))
}

// Parse reads the text of a ticket; anything that Encode did not write is [ErrBadTicket].
func (c *Tickets) Parse(text string) (Ticket, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	b, ok := s.open(text, ticketBytes, c.tagger)
	if !ok {
		return Ticket{}, ErrBadTicket
	}
	return Ticket{
		Campaign: binary.BigEndian.Uint32(b),
		Person:   person.Key(b[4:20]),
		Seq:      binary.BigEndian.Uint32(b[20:]),
		Number:   binary.BigEndian.Uint32(b[24:]),
		IssuedAt: time.Unix(int64(binary.BigEndian.Uint64(b[28:])), 0).UTC(),
	}, nil
}
