package chain

import (
	"context"
	"encoding/binary"
	"fmt"

	"crypto/sha256"
)

// Digest is the SHA-256 of an event of a history that has no form of its own: 1 byte, 1, then for each field 4 bytes of length and so
// many bytes; a field that is nil has the length 2³²-1 and no bytes.
func Digest(fields ...[]byte) Hash {
	b := make([]byte, 0, 256)
	b = append(b, 1)
	for _, f := range fields {
		if f == nil {
			b = binary.BigEndian.AppendUint32(b, 1<<32-1)
			continue
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	return sha256.Sum256(b)
}

// Row is an event of a history with what was kept of it when it was chained. Either of the kept hashes may be missing (zero).
type Row struct {
	Seq        int64
	Digest     Hash // of the event as it is now
	KeptDigest Hash
	Kept       Hash // the chain after it
}

// Find is told what is wrong, one sentence each.
type Find func(format string, args ...any)

// mostBreaks is how many breaks of the chain are told one by one: after rows were moved all that follow are broken.
const mostBreaks = 3

// Checker holds the events of a history, in their order, against the chain that was kept of them. The zero value has seen none.
type Checker struct {
	Noted []Noted // chains that were written down elsewhere

	pure    Hash // as the events make it
	kept    Hash // the same, gone on with from what was kept where the two differ: one change is one break
	last    int64
	vouched int64 // the last event whose chain was kept
	broken  int
}

// Head is the chain over all events so far, as they make it.
func (k *Checker) Head() Noted { return Noted{Seq: k.last, Chain: k.pure} }

// Vouched is the last event whose chain was kept; what is behind it nothing vouches for yet.
func (k *Checker) Vouched() int64 { return k.vouched }

// Add takes the next event.
func (k *Checker) Add(r Row, find Find) {
	same := k.pure == k.kept
	k.last, k.pure = r.Seq, Link(k.pure, r.Seq, r.Digest)
	trusted := r.Digest
	if r.KeptDigest != (Hash{}) && r.KeptDigest != r.Digest {
		k.report(find, "event %d is not as it was written: the chain has another digest of it", r.Seq)
		trusted, same = r.KeptDigest, false
	}
	if same {
		k.kept = k.pure
	} else {
		k.kept = Link(k.kept, r.Seq, trusted)
	}
	if r.Kept != (Hash{}) {
		if r.Kept != k.kept {
			which := fmt.Sprintf("event %d", r.Seq)
			if k.vouched+1 < r.Seq {
				which = fmt.Sprintf("events %d to %d", k.vouched+1, r.Seq)
			}
			k.report(find, "the chain breaks at %s: changed, moved, put in or taken out", which)
			k.kept = r.Kept
		}
		k.vouched = r.Seq
	}
	for _, n := range k.Noted {
		if n.Seq == r.Seq && n.Chain != k.pure {
			find("the chain after event %d is %x, noted was %x: what happened up to there was changed since", n.Seq, k.pure, n.Chain)
		}
	}
}

func (k *Checker) report(find Find, format string, args ...any) {
	if k.broken++; k.broken <= mostBreaks {
		find(format, args...)
	}
}

// End looks at what is only seen at the end.
func (k *Checker) End(find Find) {
	if more := k.broken - mostBreaks; more > 0 {
		find("the chain breaks at %d more events behind", more)
	}
	for _, n := range k.Noted {
		if n.Seq > k.last {
			find("a chain was noted after event %d, the last event is %d: events were taken away", n.Seq, k.last)
		}
	}
}

// Keeper is a history whose chain is kept in a table beside it, by whoever comes by: after an upgrade it covers what was there
// before from the moment on at which it was chained.
type Keeper interface {
	// ExtendChain chains what has no chain yet.
	ExtendChain(ctx context.Context) error
	// History lists events after a number, in order, at most limit, and what was kept of each.
	History(ctx context.Context, after int64, limit int) ([]Row, error)
	// Orphans lists events that the chain has and the history has not, at most ten.
	Orphans(ctx context.Context) ([]int64, error)
}

// Checked is what was read of a history, and what is wrong with it.
type Checked struct {
	Head     Noted
	Findings []string
}

const page = 4096

// Check chains what has no chain yet, and holds the whole history against its chain. It must be at rest.
func Check(ctx context.Context, h Keeper, noted []Noted) (out Checked, err error) {
	find := func(format string, args ...any) { out.Findings = append(out.Findings, fmt.Sprintf(format, args...)) }
	if err := h.ExtendChain(ctx); err != nil {
		return out, err
	}
	k := Checker{Noted: noted}
	for last := int64(0); ; {
		rows, err := h.History(ctx, last, page)
		if err != nil {
			return out, err
		}
		for _, r := range rows {
			if r.Seq != last+1 {
				find("event %d follows event %d", r.Seq, last)
			}
			last = r.Seq
			k.Add(r, find)
		}
		if len(rows) < page {
			break
		}
	}
	k.End(find)
	orphans, err := h.Orphans(ctx)
	if err != nil {
		return out, err
	}
	for _, seq := range orphans {
		find("event %d was taken out: the chain has it", seq)
	}
	out.Head = k.Head()
	return out, nil
}
