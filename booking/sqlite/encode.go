package sqlite

import (
	"encoding/binary"
	"errors"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
)

// The bodies of rows are one byte of version and then fields in a fixed order: unsigned and signed varints
// (encoding/binary), byte strings with their length before them, keys of 16 bytes. What is in a column of its own (id,
// person, campaign, a hold's until) is not repeated. Nobody but this file reads them.
//
//	booking  version status actor channel doses shared madeAt changed sealed idempotency
//	hold     version doses shared, and invited where there is an invitation
//	event    version kind at campaign person actor channel why booking deltas, and dose from in a body of version 2
//	doses    n × (site day minute minutes product seat), and vial (product, doses in it) in a body of version 2;
//	         in one of version 3 also state of the visit, and where that is not 0 at why from kept
//	claim    counter capacity n
//	actor    0 nobody · 1 the person themself · 2 and 16 bytes
//	idempotency  0 none · 1 and two keys
//
// A body is of version 2 where a dose draws on the vials of its site, and of version 3 where something is known of a visit, so that
// those without are read by the programs before it.
const (
	version = 1
	vials   = 2
	visits  = 3

	visited = 2 // the version of an event of a visit
)

// errBody means that a row cannot be read: the file is damaged or was written by something else.
var errBody = errors.New("booking.db: a row cannot be read: the file is damaged")

var eventKinds = [...]booking.EventKind{
	1: booking.EventHeld, 2: booking.EventHoldOver, 3: booking.EventBooked, 4: booking.EventChanged,
	5: booking.EventCanceled, 6: booking.EventCapacity, 7: booking.EventInvited, 8: booking.EventCalled,
	9: booking.EventErased, 10: booking.EventDisplaced, 11: booking.EventReinstated,
	12: booking.EventArrived, 13: booking.EventGiven, 14: booking.EventTurnedAway, 15: booking.EventNoShow, 16: booking.EventUndone,
	17: booking.EventSpoilt,
}

func appendBooking(b []byte, k *booking.Booking) []byte {
	v := versionOf(k.Doses)
	b = append(b, v, byte(k.Status))
	b = appendActor(b, k.Person, k.Actor)
	b = appendText(b, k.Channel)
	b = appendDoses(b, k.Doses, v)
	b = appendClaims(b, k.Shared)
	b = binary.AppendVarint(b, k.MadeAt.UnixMicro())
	b = binary.AppendUvarint(b, uint64(k.Changed))
	b = appendText(b, k.Sealed)
	if k.Idempotency == [16]byte{} && k.Body == [16]byte{} {
		return append(b, 0)
	}
	b = append(b, 1)
	b = append(b, k.Idempotency[:]...)
	return append(b, k.Body[:]...)
}

func readBooking(body []byte, id int64, who person.Key, campaign uint32) (booking.Booking, error) {
	r := reader{b: body}
	v := r.dosesVersion()
	k := booking.Booking{ID: id, Person: who, Campaign: campaign, Status: booking.Status(r.byte())}
	k.Actor = r.actor(who)
	k.Channel = string(r.text())
	k.Doses = r.doses(v)
	k.Shared = r.claims()
	k.MadeAt = r.time()
	k.Changed = r.int()
	if sealed := r.text(); len(sealed) > 0 {
		k.Sealed = append([]byte(nil), sealed...)
	}
	if r.byte() == 1 {
		k.Idempotency, k.Body = r.key(), r.key()
	}
	return k, r.done()
}

func appendHold(b []byte, h *booking.Hold) []byte {
	v := versionOf(h.Doses)
	b = append(b, v)
	b = appendDoses(b, h.Doses, v)
	b = appendClaims(b, h.Shared)
	if h.Invited.IsZero() {
		return b
	}
	return binary.AppendVarint(b, h.Invited.UnixMicro())
}

func readHold(body []byte, id int64, who person.Key, campaign uint32, until int64) (booking.Hold, error) {
	r := reader{b: body}
	v := r.dosesVersion()
	h := booking.Hold{ID: id, Person: who, Campaign: campaign, Until: time.UnixMicro(until).UTC()}
	h.Doses = r.doses(v)
	h.Shared = r.claims()
	if len(r.b) > 0 {
		h.Invited = r.time()
	}
	return h, r.done()
}

func appendEvent(b []byte, e *booking.Event) []byte {
	kind := byte(0)
	for i, k := range eventKinds {
		if k == e.Kind {
			kind = byte(i)
		}
	}
	v := byte(version)
	if e.Dose != 0 {
		v = visited
	}
	b = append(b, v, kind)
	b = binary.AppendVarint(b, e.At.UnixMicro())
	b = binary.AppendUvarint(b, uint64(e.Campaign))
	b = append(b, e.Person[:]...)
	b = appendActor(b, e.Person, e.Actor)
	b = appendText(b, e.Channel)
	b = appendText(b, e.Why)
	b = binary.AppendUvarint(b, uint64(e.Booking))
	b = binary.AppendUvarint(b, uint64(len(e.Deltas)))
	for _, d := range e.Deltas {
		b = binary.AppendUvarint(b, uint64(d.Counter))
		b = binary.AppendVarint(b, int64(d.By))
	}
	if v == visited {
		b = appendText(binary.AppendUvarint(b, uint64(e.Dose)), e.From)
	}
	return b
}

func readEvent(body []byte, seq int64) (booking.Event, error) {
	r := reader{b: body}
	v := r.byte()
	if v != version && v != visited {
		return booking.Event{}, errBody
	}
	e := booking.Event{Seq: seq}
	kind := int(r.byte())
	if kind == 0 || kind >= len(eventKinds) {
		return e, errBody
	}
	e.Kind = eventKinds[kind]
	e.At = r.time()
	e.Campaign = uint32(r.uint())
	e.Person = r.key()
	e.Actor = r.actor(e.Person)
	e.Channel = string(r.text())
	e.Why = string(r.text())
	e.Booking = int64(r.uint())
	if n := r.count(); n > 0 {
		e.Deltas = make([]booking.Delta, n)
		for i := range e.Deltas {
			e.Deltas[i] = booking.Delta{Counter: booking.Counter(r.uint()), By: int(r.varint())}
		}
	}
	if v == visited {
		if e.Dose, e.From = r.int(), string(r.text()); e.Dose == 0 {
			r.bad = true
		}
	}
	return e, r.done()
}

func appendActor(b []byte, who, actor person.Key) []byte {
	switch {
	case actor.IsZero():
		return append(b, 0)
	case actor == who:
		return append(b, 1)
	default:
		return append(append(b, 2), actor[:]...)
	}
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func versionOf(doses []booking.Dose) byte {
	v := byte(version)
	for i := range doses {
		switch {
		case doses[i].Visit.State != booking.Expected:
			return visits
		case doses[i].Vial != (booking.Vial{}):
			v = vials
		}
	}
	return v
}

func appendDoses(b []byte, doses []booking.Dose, v byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(doses)))
	for i := range doses {
		d := &doses[i]
		b = binary.AppendUvarint(b, uint64(d.Slot.Site))
		b = binary.AppendUvarint(b, uint64(d.Slot.Day))
		b = binary.AppendUvarint(b, uint64(d.Slot.Minute))
		b = binary.AppendUvarint(b, uint64(d.Minutes))
		b = appendText(b, d.Slot.Product)
		b = appendClaim(b, d.Seat)
		if v >= vials {
			b = binary.AppendUvarint(b, uint64(d.Vial.Product))
			b = binary.AppendUvarint(b, uint64(d.Vial.Doses))
		}
		if v == visits {
			b = appendVisit(b, &d.Visit)
		}
	}
	return b
}

func appendVisit(b []byte, v *booking.Visit) []byte {
	b = append(b, byte(v.State))
	if v.State == booking.Expected {
		return b
	}
	b = binary.AppendVarint(b, v.At.UnixMicro())
	b = appendText(appendText(b, v.Why), v.From)
	if v.Kept {
		return append(b, 1)
	}
	return append(b, 0)
}

func (r *reader) visit() (v booking.Visit) {
	v.State = booking.VisitState(r.byte())
	if v.State == booking.Expected {
		return booking.Visit{}
	}
	v.At = r.time()
	v.Why, v.From = string(r.text()), string(r.text())
	switch r.byte() {
	case 0:
	case 1:
		v.Kept = true
	default:
		r.bad = true
	}
	return v
}

func appendClaims(b []byte, claims []booking.Claim) []byte {
	b = binary.AppendUvarint(b, uint64(len(claims)))
	for _, c := range claims {
		b = appendClaim(b, c)
	}
	return b
}

func appendClaim(b []byte, c booking.Claim) []byte {
	b = binary.AppendUvarint(b, uint64(c.Counter))
	b = binary.AppendUvarint(b, uint64(c.Capacity))
	return binary.AppendUvarint(b, uint64(c.N))
}

// reader takes fields off the front of a body. After the first fault everything it gives is zero and done tells of it.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) done() error {
	if r.bad || len(r.b) != 0 {
		return errBody
	}
	return nil
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

// dosesVersion is the version of a body with doses.
func (r *reader) dosesVersion() byte {
	v := r.byte()
	r.bad = r.bad || v != version && v != vials && v != visits
	return v
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) key() (k [16]byte) {
	copy(k[:], r.take(len(k)))
	return k
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.take(n)
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.take(n)
	return v
}

func (r *reader) int() int { return int(r.uint()) }

// count reads how many things follow; each takes a byte at least, so a damaged count asks for no more than the body's
// length.
func (r *reader) count() int {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.bad = true
	}
	if r.bad {
		return 0
	}
	return int(n)
}

func (r *reader) text() []byte { return r.take(r.count()) }

func (r *reader) time() time.Time { return time.UnixMicro(r.varint()).UTC() }

func (r *reader) actor(who person.Key) person.Key {
	switch r.byte() {
	case 0:
		return person.Key{}
	case 1:
		return who
	case 2:
		return r.key()
	default:
		r.bad = true
		return person.Key{}
	}
}

func (r *reader) doses(v byte) []booking.Dose {
	n := r.count()
	if n == 0 {
		return nil
	}
	out := make([]booking.Dose, n)
	for i := range out {
		d := &out[i]
		d.Dose = i + 1
		d.Slot.Site = site.Num(r.uint())
		d.Slot.Day = civil.Date(r.uint())
		d.Slot.Minute = r.int()
		d.Minutes = r.int()
		d.Slot.Product = string(r.text())
		d.Seat = r.claim()
		if v >= vials {
			d.Vial = booking.Vial{Product: uint16(r.uint()), Doses: r.int()}
		}
		if v == visits {
			d.Visit = r.visit()
		}
	}
	return out
}

func (r *reader) claims() []booking.Claim {
	n := r.count()
	if n == 0 {
		return nil
	}
	out := make([]booking.Claim, n)
	for i := range out {
		out[i] = r.claim()
	}
	return out
}

func (r *reader) claim() booking.Claim {
	return booking.Claim{Counter: booking.Counter(r.uint()), Capacity: r.int(), N: r.int()}
}
