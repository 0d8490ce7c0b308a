package booking

import "fmt"

// mostBreaks is how many breaks of the chain are told one by one: after rows were moved all that follow are broken.
const mostBreaks = 3

// links holds the events against the chain that was kept of them.
type links struct {
	pure Hash // as the events make it
	kept Hash // the same, gone on with from what was kept where the two differ: one change is one break

	vouched int64 // the last event whose chain was kept
	broken  int
	noted   []Noted
}

// add takes the next event and what was kept of it.
func (k *links) add(e *Event, seal Seal, find func(string, ...any)) {
	digest := e.Digest()
	same := k.pure == k.kept
	k.pure = Link(k.pure, e.Seq, digest)
	trusted := digest
	if seal.Digest != (Hash{}) && seal.Digest != digest {
		k.report(find, "event %d is not as it was written: the chain has another digest of it", e.Seq)
		trusted, same = seal.Digest, false
	}
	if same {
		k.kept = k.pure
	} else {
		k.kept = Link(k.kept, e.Seq, trusted)
	}
	if seal.Chain != (Hash{}) {
		if seal.Chain != k.kept {
			which := fmt.Sprintf("event %d", e.Seq)
			if k.vouched+1 < e.Seq {
				which = fmt.Sprintf("events %d to %d", k.vouched+1, e.Seq)
			}
			k.report(find, "the chain breaks at %s: changed, moved, put in or taken out", which)
			k.kept = seal.Chain
		}
		k.vouched = e.Seq
	}
	for _, n := range k.noted {
		if n.Seq == e.Seq && n.Chain != k.pure {
			find("the chain after event %d is %x, noted was %x: what happened up to there was changed since", n.Seq, k.pure, n.Chain)
		}
	}
}

func (k *links) report(find func(string, ...any), format string, args ...any) {
	if k.broken++; k.broken <= mostBreaks {
		find(format, args...)
	}
}

// end looks at what is only seen at the end.
func (k *links) end(last int64, find func(string, ...any)) {
	if more := k.broken - mostBreaks; more > 0 {
		find("the chain breaks at %d more events behind", more)
	}
	for _, n := range k.noted {
		if n.Seq > last {
			find("a chain was noted after event %d, the last event is %d: events were taken away", n.Seq, last)
		}
	}
}
