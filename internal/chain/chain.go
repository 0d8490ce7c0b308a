// Package chain makes a history hold itself together: each event's hash goes into the next, so that whoever noted the chain after one
// event can hold everything up to it against it for ever.
//
// It owns how the chain goes on and how one is written down. It must not know what an event is: it is given digests.
package chain

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

// Link is the chain after the event with number seq: SHA-256 over the chain before it (32 bytes; zeros before event 1), seq (8
// bytes, big-endian) and the event's digest (32 bytes). It is a function of the history alone, the same in every engine.
func Link(before Hash, seq int64, digest Hash) Hash {
	var b [2*sha256.Size + 8]byte
	copy(b[:], before[:])
	binary.BigEndian.PutUint64(b[sha256.Size:], uint64(seq))
	copy(b[sha256.Size+8:], digest[:])
	return sha256.Sum256(b[:])
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
