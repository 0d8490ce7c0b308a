package booking

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Hash is a SHA-256. The zero one stands for none.
type Hash [sha256.Size]byte

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

// Link is the chain after the event with number seq: SHA-256 over the chain before it (32 bytes; zeros before event 1), seq (8
// bytes, big-endian) and the event's [Event.Digest] (32 bytes). It is a function of the feed alone, the same in every engine: whoever
// noted the chain after event n can hold everything up to n against it for ever.
func Link(before Hash, seq int64, digest Hash) Hash {
	var b [2*sha256.Size + 8]byte
	copy(b[:], before[:])
	binary.BigEndian.PutUint64(b[sha256.Size:], uint64(seq))
	copy(b[sha256.Size+8:], digest[:])
	return sha256.Sum256(b[:])
}

// Seal is what a ledger keeps of the chain for one event. An engine keeps one of the two for each event, and both where it may;
// neither for an event written by a program from before the chain, which the next event that has one vouches for too.
type Seal struct {
	Seq    int64
	Digest Hash // of this event
	Chain  Hash // after it
}

// Noted is a chain as somebody wrote it down elsewhere: Chain stood after event Seq.
type Noted struct {
	Seq   int64
	Chain Hash
}

// String gives the form that [ParseNoted] reads: "1042:" and the chain in hexadecimal.
func (n Noted) String() string { return fmt.Sprintf("%d:%x", n.Seq, n.Chain) }

// ParseNoted reads the form of [Noted.String].
func ParseNoted(text string) (n Noted, err error) {
	seq, chain, found := strings.Cut(text, ":")
	if n.Seq, err = strconv.ParseInt(seq, 10, 64); err != nil || !found || n.Seq < 0 {
		return Noted{}, fmt.Errorf("%q is not the number of an event, a colon and a chain", text)
	}
	b, err := hex.DecodeString(chain)
	if err != nil || len(b) != len(n.Chain) {
		return Noted{}, fmt.Errorf("%q: want %d hexadecimal digits behind the colon", text, 2*len(n.Chain))
	}
	copy(n.Chain[:], b)
	return n, nil
}
