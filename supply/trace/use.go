package trace

import (
	"crypto/sha256"
	"encoding/binary"

	"charye/person"
	"charye/site"
	"charye/supply"
)

// doses reads how many doses of a box an event is about; all of the rest when it does not say.
func (b *builder) doses(t *told, x *Box, unsaid int) (int, bool) {
	n, said := 0, false
	for _, q := range t.portions {
		lot, ok := lotOf(q.class)
		v, good := whole(q.amount)
		if !ok || lot != x.Lot || !good || !pieces(q.unit) && q.unit != doseUnit {
			b.problem(t, "box %s is of lot %s; want a whole number of its vials, or of doses (uom %s)", x.SSCC, x.Lot.ID, doseUnit)
			return 0, false
		}
		if q.unit != doseUnit {
			v *= x.DosesPerVial
		}
		n, said = n+v, true
	}
	if !said {
		n = unsaid
	}
	return n, true
}

// doseUnit is UN/CEFACT's code for doses.
const doseUnit = "E27"

// used is doses given, or destroyed.
func (b *builder) used(t *told) {
	boxes := b.boxes(t.named())
	if len(boxes) != 1 && len(t.portions) > 0 || len(boxes) == 0 {
		b.problem(t, "%s wants one box that was packed before; has %d", t.step, len(boxes))
		return
	}
	for _, k := range boxes {
		x := b.t.boxes[k]
		at := x.Site
		if t.place != "" {
			at = b.rules.Site(t.place)
		}
		give := t.step == "dispensing"
		unsaid := x.Left()
		if give {
			unsaid = 1
		}
		n, ok := b.doses(t, x, unsaid)
		if !ok {
			continue
		}
		if at != x.Site || at == 0 {
			b.finding("box %s: %d doses are %s where it is not (%s)", k, n, word(give), t.id)
			continue
		}
		if n > x.Left() {
			b.finding("box %s: %d doses are %s, and it has %d (%s)", k, n, word(give), x.Left(), t.id)
			continue
		}
		s := b.sum(at, x.Lot)
		if !give {
			x.Waste += n
			s.Wasted += n
			if len(t.portions) == 0 {
				b.end(k, t.at)
			}
			continue
		}
		x.Given += n
		s.Given += n
		b.give(t, x, at, n)
	}
}

func word(give bool) string {
	if give {
		return "given"
	}
	return "destroyed"
}

func (b *builder) give(t *told, x *Box, at site.Num, n int) {
	for i := range n {
		g := supply.Given{Box: x.SSCC, Site: at, Dose: max(1, t.dose), At: t.at}
		known := false
		if t.booking != 0 && n == 1 && b.rules.Who != nil {
			g.Person, known = b.rules.Who(t.booking)
		}
		if !known {
			b.t.Unknown++
			g.Person = nobody(t.id, i)
		}
		if err := b.t.Index.AddGiven(g); err != nil {
			b.problem(t, "%v", err)
		}
	}
}

// nobody is a key for a dose whose person nobody told: of this dose alone.
func nobody(event string, i int) (k person.Key) {
	h := sha256.Sum256(binary.BigEndian.AppendUint32([]byte("charye dose without a booking\x00"+event+"\x00"), uint32(i)))
	copy(k[:], h[:])
	return k
}

// counted is a stock-taking of boxes.
func (b *builder) counted(t *told) {
	boxes := b.boxes(t.named())
	for _, k := range boxes {
		x := b.t.boxes[k]
		if t.place != "" && b.rules.Site(t.place) != x.Site {
			b.finding("box %s is counted where it is not (%s)", k, t.id)
			continue
		}
		if len(t.portions) == 0 || len(boxes) != 1 {
			continue
		}
		if n, ok := b.doses(t, x, 0); ok && n != x.Left() {
			b.finding("box %s: %d doses are counted, and %d received - %d given - %d wasted leave %d (%s)", k, n, x.Doses(), x.Given, x.Waste, x.Left(), t.id)
		}
	}
}
