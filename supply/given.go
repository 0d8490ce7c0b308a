package supply

import (
	"encoding/binary"
	"slices"
	"time"

	"charye/person"
	"charye/site"
)

// Given is one dose that was given.
type Given struct {
	Person person.Key
	Box    SSCC
	Site   site.Num
	Vial   VialNum // 0: nobody told which
	Dose   int     // of the series, 1 to 255
	At     time.Time
}

// dose is a [Given] in 32 bytes. Numbers of doses count from 1, so that 0 is nobody's.
type dose struct {
	person   person.Key
	box      uint32
	at       uint32 // seconds since 2000
	siteDose uint32 // site in the low 24 bits
	before   uint32 // the dose given from the same box before
}

// doses keeps what was given: in blocks, so that nothing is copied as it grows, with a hash table over people whose entries are
// numbers of doses only.
type doses struct {
	blocks  [][]dose
	n       int
	earlier []uint32 // of dose n: the same person's dose before; as long as n
	table   []uint32 // last dose of a person, by hash; linear probing; length a power of two
	people  int
	vials   []VialNum // of dose n; only as long as the last that has one
}

// vial is the vial that a dose was given from; 0: nobody told.
func (d *doses) vial(n uint32) VialNum {
	if int(n) > len(d.vials) {
		return 0
	}
	return d.vials[n-1]
}

// from says of the last dose which vial it was given from. A country without serial numbers pays nothing for it.
func (d *doses) from(v VialNum) {
	d.vials = append(slices.Grow(d.vials, d.n-len(d.vials)), make([]VialNum, d.n-len(d.vials))...)
	d.vials[d.n-1] = v
}

const (
	blockDoses = 1 << 16
	year2000   = 946_684_800
)

func (d *doses) at(n uint32) *dose { return &d.blocks[(n-1)/blockDoses][(n-1)%blockDoses] }

func (d *doses) add(g dose) uint32 {
	if d.n%blockDoses == 0 {
		d.blocks = append(d.blocks, make([]dose, blockDoses))
		if cap(d.earlier)-len(d.earlier) < blockDoses {
			grown := make([]uint32, len(d.earlier), len(d.earlier)+max(blockDoses, len(d.earlier)/4))
			copy(grown, d.earlier)
			d.earlier = grown
		}
	}
	d.n++
	n := uint32(d.n)
	*d.at(n) = g
	if 4*(d.people+1) > 3*len(d.table) {
		d.grow()
	}
	slot := d.slot(g.person)
	before := d.table[slot]
	if before == 0 {
		d.people++
	}
	d.earlier = append(d.earlier, before)
	d.table[slot] = n
	return n
}

// slot finds where a person is or would be. Keys come out of a keyed PRF, so any of their bytes are as good as a hash.
func (d *doses) slot(who person.Key) uint32 {
	mask := uint32(len(d.table) - 1)
	for at := binary.LittleEndian.Uint32(who[:]) & mask; ; at = (at + 1) & mask {
		if n := d.table[at]; n == 0 || d.at(n).person == who {
			return at
		}
	}
}

func (d *doses) grow() {
	old := d.table
	d.table = make([]uint32, max(1024, 2*len(old)))
	for _, n := range old {
		if n != 0 {
			d.table[d.slot(d.at(n).person)] = n
		}
	}
}

// AddGiven tells that a dose was given. Doses come in the order in which they are told; the order of a person's list is that of At.
func (x *Index) AddGiven(g Given) error {
	b, ok := x.bySSCC[g.Box]
	if !ok {
		return ErrUnknownBox
	}
	if g.Person.IsZero() || int(g.Vial) > len(x.vials) || g.Site > site.MaxNum || g.Dose < 0 || g.Dose > 255 {
		return ErrBox
	}
	n := x.given.add(dose{
		person: g.Person, box: b, at: uint32(g.At.Unix() - year2000), siteDose: uint32(g.Site) | uint32(g.Dose)<<24, before: x.boxes[b].doses,
	})
	if g.Vial != 0 {
		x.given.from(g.Vial)
	}
	x.boxes[b].doses = n
	x.boxes[b].used++
	return nil
}

// Given is how many doses were given.
func (x *Index) Given() int { return x.given.n }

func (x *Index) givenAt(n uint32) Given {
	d := x.given.at(n)
	return Given{
		Person: d.person, Box: x.boxes[d.box].SSCC, Site: site.Num(d.siteDose & 0xff_ffff), Vial: x.given.vial(n), Dose: int(d.siteDose >> 24),
		At: time.Unix(int64(d.at)+year2000, 0).UTC(),
	}
}

// EachGiven calls yield for the doses that were given, the last told first, until it returns false.
func (x *Index) EachGiven(yield func(Given) bool) {
	for n := uint32(x.given.n); n > 0; n-- {
		if !yield(x.givenAt(n)) {
			return
		}
	}
}
