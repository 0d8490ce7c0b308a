package booking

import (
	"crypto/sha256"
	"encoding/binary"

	"charye/internal/chain"
)

type (
	// Hash is a link of the chain over events.
	Hash = chain.Hash
	// Noted is an event's number and hash that somebody kept elsewhere.
	Noted = chain.Noted
)

// Digest is the SHA-256 over an event's canonical bytes, which say all of it but its number:
//
//	1 byte    1, the version of this form
//	8 bytes   At, microseconds since 1970
//	4 bytes   Campaign
//	16 bytes  Person, zeros for nobody
//	16 bytes  Actor, zeros for nobody
//	8 bytes   Booking
//	Kind, Channel, Why: each 4 bytes of length and so many bytes of UTF-8
//	4 bytes   how many Deltas, and for each 8 bytes Counter and 8 bytes By
//	4 bytes   Dose, then 4 bytes of length and so many bytes of From; only where Dose is not 0
//
// Numbers are big-endian, signed ones in two's complement. A field that is added to Event one day comes behind these, and only
// where it is not zero: what was digested keeps its digest.
func (e *Event) Digest() Hash {
	b := make([]byte, 0, 256)
	b = append(b, 1)
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMicro()))
	b = binary.BigEndian.AppendUint32(b, e.Campaign)
	b = append(b, e.Person[:]...)
	b = append(b, e.Actor[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Booking))
	for _, s := range [...]string{string(e.Kind), e.Channel, e.Why} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Deltas)))
	for _, d := range e.Deltas {
		b = binary.BigEndian.AppendUint64(b, uint64(d.Counter))
		b = binary.BigEndian.AppendUint64(b, uint64(d.By))
	}
	if e.Dose != 0 {
		b = binary.BigEndian.AppendUint32(b, uint32(e.Dose))
		b = binary.BigEndian.AppendUint32(b, uint32(len(e.From)))
		b = append(b, e.From...)
	}
	return sha256.Sum256(b)
}

// Link is the chain after the event with number seq and an [Event.Digest]; see [chain.Link].
func Link(before Hash, seq int64, digest Hash) Hash { return chain.Link(before, seq, digest) }

// Seal is what a ledger keeps of the chain for one event. An engine keeps one of the two for each event, and both where it may;
// neither for an event written by a program from before the chain, which the next event that has one vouches for too.
type Seal struct {
	Seq    int64
	Digest Hash // of this event
	Chain  Hash // after it
}

// ParseNoted reads the form of [Noted.String].
func ParseNoted(text string) (Noted, error) { return chain.ParseNoted(text) }
