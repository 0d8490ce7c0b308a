package trace

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/supply"
)

// Restore reads a frame: afterwards the reader is as if it had read the events themselves. [ErrFrame] when it is none, or does not begin where
// the reader is; the reader must not be used any more then, since half of it may have been read.
func (r *Reader) Restore(frame []byte) error {
	d := &frameReader{r: r, b: string(frame)}
	after := int64(d.uint())
	last := Mark{Seq: int64(d.uint()), Recorded: instant(d.int()), ID: d.text()}
	if after != r.last.Seq || last.Seq <= after {
		return fmt.Errorf("%w: it goes from %d to %d, and %d were read", ErrFrame, after, last.Seq, r.last.Seq)
	}
	d.local = make([]name, 1, d.count(1)+1)
	for range cap(d.local) - 1 {
		d.local = append(d.local, r.names.of(d.text()))
	}
	seq := after
	events := d.count(12)
	r.events = slices.Grow(r.events, events)
	for range events {
		t := d.event()
		if d.bad || t.seq <= seq || t.seq > last.Seq {
			return ErrFrame
		}
		seq = t.seq
		r.events = append(r.events, t)
	}
	seq = after
	for range d.count(2) {
		one := declared{seq: after + int64(d.uint()), id: d.text()}
		if d.bad || one.seq <= seq || one.seq > last.Seq {
			return ErrFrame
		}
		seq = one.seq
		r.declare(one)
	}
	if d.bad || len(d.b) > 0 {
		return ErrFrame
	}
	r.last = last
	return nil
}

// FrameOf says after which event a frame begins and with which it ends; false when it is none.
func FrameOf(frame []byte) (after, last int64, ok bool) {
	d := &frameReader{b: string(frame[:min(len(frame), 2*binary.MaxVarintLen64)])}
	after, last = int64(d.uint()), int64(d.uint())
	return after, last, !d.bad
}

// frameReader reads a frame. After the first fault it gives nothing but zeros.
type frameReader struct {
	r     *Reader
	b     string // what is left
	bad   bool
	local []name
	seq   int64
	at    int64

	sensed int64
}

func (d *frameReader) fail() {
	d.bad, d.b = true, ""
}

func (d *frameReader) uint() (v uint64) {
	for i := range min(len(d.b), binary.MaxVarintLen64) {
		c := d.b[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.b = d.b[i+1:]
			return v
		}
	}
	d.fail()
	return 0
}

func (d *frameReader) int() int64 {
	u := d.uint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *frameReader) time() time.Time {
	d.sensed += d.int()
	return time.Unix(d.sensed, int64(d.uint()%1e9)).UTC()
}

func (d *frameReader) byte() byte {
	if d.b == "" {
		d.fail()
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

// upto reads a byte that is at most so large.
func (d *frameReader) upto(most byte) byte {
	c := d.byte()
	if c > most {
		d.fail()
		return 0
	}
	return c
}

func (d *frameReader) bool() bool { return d.upto(1) == 1 }

// count reads how many follow, each of some bytes at least.
func (d *frameReader) count(bytes int) int {
	n := d.uint()
	if n > uint64(len(d.b)/bytes) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *frameReader) text() string {
	n := d.count(1)
	s := d.b[:n]
	d.b = d.b[n:]
	return s
}

func (d *frameReader) name() name {
	n := d.uint()
	if n >= uint64(len(d.local)) {
		d.fail()
		return 0
	}
	return d.local[n]
}

func (d *frameReader) names() (p part) {
	p.from = uint32(len(d.r.things))
	for range d.count(1) {
		d.r.things = append(d.r.things, d.name())
	}
	p.to = uint32(len(d.r.things))
	return p
}

func (d *frameReader) event() (t told) {
	d.seq += d.int()
	d.at += d.int()
	t.seq, t.at = d.seq, d.at
	t.id = d.text()
	t.kind, t.action, t.step = kind(d.upto(byte(ofAssociation))), action(d.upto(byte(remove))), step(d.upto(byte(decommissioning)))
	t.stage, t.dose = stage(d.upto(byte(misspelt))), d.byte()
	t.booking, t.expires = d.int(), civil.Date(d.int())
	t.place, t.parent = d.name(), d.name()
	t.things, t.outputs = d.names(), d.names()
	t.portions.from = uint32(len(d.r.portions))
	for range d.count(4) {
		d.r.portions = append(d.r.portions, portion{d.name(), d.name(), math.Float64frombits(bits.ReverseBytes64(d.uint())), d.bool()})
	}
	t.portions.to = uint32(len(d.r.portions))
	if d.bool() {
		t.sense = d.sense()
	}
	return t
}

func (d *frameReader) sense() *sense {
	s := &sense{fault: d.text()}
	for range d.count(5) {
		x := sensed{device: d.text(), source: d.text(), every: time.Duration(d.int())}
		if n := d.count(3); n > 0 {
			x.readings = make([]supply.Reading, 0, n)
			for range n {
				x.readings = append(x.readings, supply.Reading{At: d.time(), Celsius: supply.Celsius(d.int())})
			}
		}
		for range d.count(8) {
			v := supply.Summary{From: d.time(), To: d.time(), Min: supply.Celsius(d.int()), Max: supply.Celsius(d.int()), Silent: time.Duration(d.int())}
			for range d.count(3) {
				v.Outside = append(v.Outside, supply.Outside{Limit: supply.Celsius(d.int()), Above: d.bool(), For: time.Duration(d.int())})
			}
			x.summaries = append(x.summaries, v)
		}
		s.list = append(s.list, x)
	}
	return s
}
