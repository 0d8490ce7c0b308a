package trace

import (
	"crypto/sha256"
	"encoding/binary"

	"charye/person"
	"charye/site"
	"charye/supply"
)

// doses reads how many doses of a box an event is about; unsaid when it does not say.
func (b *builder) doses(t *told, x *boxState, unsaid int) (int, bool) {
	n, said := 0, false
	for _, q := range b.r.portionsOf(t) {
		lot, ok := b.lot(q.class)
		v, good := q.whole()
		unit := b.r.names.text(q.unit)
		if !ok || lot != x.Lot || !good || !pieces(unit) && unit != doseUnit {
			b.problem(t, "box %s is of lot %s; want a whole number of its vials, or of doses (uom %s)", x.SSCC, x.Lot.ID, doseUnit)
			return 0, false
		}
		if unit != doseUnit {
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
	if list := b.singles(t); len(list) > 0 {
		b.usedSingles(t, list)
		return
	}
	boxes := b.named(t)
	if len(boxes) != 1 && !t.portions.none() || len(boxes) == 0 {
		b.problem(t, "%s wants one box that was packed before; has %d", t.step, len(boxes))
		return
	}
	for _, k := range boxes { // nothing below asks for others
		x := &b.boxes[k]
		at := x.Site
		if t.place != 0 {
			at = b.siteOf(t.place)
		}
		give := t.step == dispensing
		if !give && t.portions.none() && x.Site != 0 && at == x.Site {
			b.endApart(k, true, t.at)
		}
		rest := b.withBox(k)
		if give {
			rest = 1
		}
		n, ok := b.doses(t, x, rest)
		if !ok {
			continue
		}
		if !b.rules.Anywhere && (at != x.Site || at == 0) {
			b.finding("box %s: %d doses are %s where it is not (%s)", x.SSCC, n, word(give), t.id)
			continue
		}
		if n > b.withBox(k) {
			b.finding("box %s: %d doses are %s, and it has %d (%s)", x.SSCC, n, word(give), b.withBox(k), t.id)
			continue
		}
		s := b.sum(at, x.Lot)
		x.take(n, t.stage, t.at, false)
		if !give {
			x.Waste += n
			s.Wasted += n
			if t.portions.none() {
				b.end(k, t.at)
			}
			continue
		}
		x.Given += n
		s.Given += n
		b.give(t, x, at, n, nil)
	}
}

func word(give bool) string {
	if give {
		return "given"
	}
	return "destroyed"
}

// give tells the index of doses; v is the vial, where one is named.
func (b *builder) give(t *told, x *boxState, at site.Num, n int, v *vialState) {
	of := supply.VialNum(0)
	if v != nil {
		k, _ := b.sgtin(v.name)
		of = b.t.Index.AddVial(k)
	}
	for i := range n {
		g := supply.Given{Box: x.SSCC, Vial: of, Site: at, Dose: max(1, int(t.dose)), At: t.when()}
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
	b := make([]byte, 0, 160) // most fit: this is done for every dose of a country
	b = append(append(append(b, "charye dose without a booking\x00"...), event...), 0)
	h := sha256.Sum256(binary.BigEndian.AppendUint32(b, uint32(i)))
	copy(k[:], h[:])
	return k
}

// counted is a stock-taking of boxes.
func (b *builder) counted(t *told) {
	b.countedSingles(t, b.singles(t))
	boxes := b.named(t)
	for _, k := range boxes {
		x := &b.boxes[k]
		if t.place != 0 && b.siteOf(t.place) != x.Site {
			b.finding("box %s is counted where it is not (%s)", x.SSCC, t.id)
			continue
		}
		if t.portions.none() || len(boxes) != 1 {
			continue
		}
		with := b.withBox(k)
		if n, ok := b.doses(t, x, 0); ok && n != with {
			b.finding("box %s: %d doses are counted, and %d received - %d given - %d wasted leave %d (%s)", x.SSCC, n, x.Doses()-x.Moved-(x.Left()-with), x.Given, x.Waste, with, t.id)
		}
	}
}
