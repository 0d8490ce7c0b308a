package booking

import (
	"errors"
	"slices"
	"time"
)

// What one request may carry at most; more is refused as [Malformed].
const (
	MaxDoses    = 8       // doses in a series
	MaxChoices  = 64      // choices for a dose
	MaxShared   = 16      // claims beside the seats
	MaxLimits   = 128     // limits of products, and products to keep away from
	MaxQuantity = 1 << 30 // capacity of a counter, and what one claim takes from it
	MaxWord     = 64      // bytes of Channel, Why and a product id
	MaxSealed   = 4096    // bytes of Sealed
)

// What [Request.Validate] finds.
var (
	errOp     = errors.New("booking request: no such operation, or what it needs is missing")
	errBounds = errors.New("booking request: more doses, choices, claims or bytes than a request may carry")
	errClaim  = errors.New("booking request: a claim on no counter, for less than one, or beyond any capacity")
)

// Validate reports what makes a request senseless whatever the state; [Decide] answers such a request with [Malformed].
// The errors name no person.
func (r *Request) Validate() error {
	if r.At.IsZero() {
		return errOp
	}
	switch r.Op {
	case OpExpire:
		return nil
	case OpInvite:
		return r.validInvite()
	case OpCancel, OpDisplace:
		if r.Booking <= 0 {
			return errOp
		}
	case OpRecall:
		if r.Booking <= 0 || len(r.Shared) == 0 || !instant(r.HoldUntil).After(instant(r.At)) {
			return errOp
		}
	case OpReinstate:
		if r.Booking <= 0 || len(r.Doses) == 0 || len(r.Shared) == 0 {
			return errOp
		}
	case OpVisit:
		if err := r.validVisit(); err != nil {
			return err
		}
	case OpChange:
		if r.Booking <= 0 || len(r.Doses) == 0 {
			return errOp
		}
	case OpHold:
		if len(r.Doses) == 0 || !instant(r.HoldUntil).After(instant(r.At)) {
			return errOp
		}
	case OpBook:
		if r.Hold < 0 || r.Hold == 0 && len(r.Doses) == 0 {
			return errOp
		}
	default:
		return errOp
	}
	if r.Person.IsZero() || r.Resize != 0 && (r.Resize < -1 || r.Resize > 1 || r.Op != OpChange && r.Op != OpDisplace && r.Op != OpReinstate) {
		return errOp
	}
	if p := r.Partner; p != nil {
		if r.Op != OpBook || p.Op != OpBook || p.Person == r.Person || p.Partner != nil || !instant(p.At).Equal(instant(r.At)) {
			return errOp
		}
		if err := p.Validate(); err != nil {
			return err
		}
	}
	if len(r.Doses) > MaxDoses || len(r.Shared) > MaxShared || len(r.Limits) > MaxLimits || len(r.Apart) > MaxLimits || len(r.Channel) > MaxWord || len(r.Why) > MaxWord || len(r.Sealed) > MaxSealed {
		return errBounds
	}
	for _, c := range r.Shared {
		if !c.sane() {
			return errClaim
		}
	}
	for _, choices := range r.Doses {
		if len(choices) > MaxChoices {
			return errBounds
		}
		for i := range choices {
			if c := &choices[i]; !c.Seat.sane() || !c.Slot.Valid() || !validProduct(c.Slot.Product) || !c.Vial.valid(c.Slot.Session) || c.Minutes < 0 || c.Minutes > maxMinute+1 {
				return errClaim
			}
		}
	}
	return nil
}

func (c Claim) sane() bool {
	return c.Counter.Kind() != 0 && c.N >= 1 && c.N <= MaxQuantity && c.Capacity >= 0 && c.Capacity <= MaxQuantity
}

// instant is how the ledger keeps instants: in UTC, whole microseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Decide grants a batch in its order, each request wholly or not at all, and changes the state accordingly. It is the
// only place where a seat is given. It is deterministic and does no I/O.
//
// For each request, holds that are over at its At fall back first. Shared claims are taken before seats, so that a
// campaign without stock is told as such; then, dose by dose, the first choice with room: an earlier dose does not give
// way for a later one. Two claims on one counter count twice. What the request would release (the old hold, the old seats of
// a change) counts as free for it, and stays as it was when the request cannot be granted.
func Decide(s *State, batch []Request) []Outcome {
	out := make([]Outcome, len(batch))
	for i := range batch {
		out[i] = s.decide(&batch[i])
	}
	return out
}

func (s *State) decide(r *Request) Outcome {
	if r.Validate() != nil {
		return Outcome{Result: Malformed}
	}
	at := instant(r.At)
	over := s.expire(at)
	switch r.Op {
	case OpHold:
		return s.hold(r, at)
	case OpBook:
		if r.Partner != nil {
			return s.bookBoth(r, at)
		}
		return s.book(r, at)
	case OpChange:
		return s.change(r, at)
	case OpCancel:
		return s.cancel(r, at)
	case OpInvite:
		return s.invite(r, at)
	case OpDisplace:
		return s.displace(r, at)
	case OpRecall:
		return s.recall(r, at)
	case OpReinstate:
		return s.reinstate(r, at)
	case OpVisit:
		return s.visit(r, at)
	default: // OpExpire: Validate knows no other
		if over == 0 {
			return Outcome{Result: Repeated}
		}
		return Outcome{Result: Done}
	}
}

// expire gives back every hold that is over.
func (s *State) expire(at time.Time) (n int) {
	for len(s.holds) > 0 && !s.holds[0].Until.After(at) {
		h := s.holds[0]
		t := taking{s: s}
		t.give(h.Doses, h.Shared)
		s.dropHold(h)
		s.event(Event{At: at, Kind: EventHoldOver, Campaign: h.Campaign, Person: h.Person, Channel: "system", Why: "expired", Deltas: t.keep()})
		s.invitationAgain(h, at)
		n++
	}
	return n
}

func (s *State) hold(r *Request, at time.Time) Outcome {
	p := s.person(r.Person)
	if b := p.live(r.Campaign); b != nil {
		return Outcome{Result: AlreadyBooked, Booking: b.Booking}
	}
	if p.limited(r) {
		return Outcome{Result: Limited}
	}
	old := p.hold(r.Campaign)
	got, fail := s.takeAfterHold(r, p, old)
	if fail != nil {
		return *fail
	}
	got.settle(r, at, "replaced")
	h := &heldHold{fresh: true, Hold: Hold{
		Campaign: r.Campaign, Person: r.Person, Doses: got.doses, Shared: slices.Clone(r.Shared), Until: instant(r.HoldUntil),
	}}
	if old != nil && slices.EqualFunc(ofInvitation(old.Shared), ofInvitation(h.Shared), sameClaim) {
		h.Invited = old.Invited
	}
	h.ID = s.event(r.event(EventHeld, at, 0, got.deltas()))
	s.keepHold(p, h)
	return Outcome{Result: Done, Hold: h.Hold}
}

func (s *State) book(r *Request, at time.Time) Outcome {
	b, out := s.prepare(r)
	if b == nil {
		return out
	}
	return b.keep(at)
}

// bookBoth books two people, or neither of them.
func (s *State) bookBoth(r *Request, at time.Time) Outcome {
	first, out := s.prepare(r)
	if first == nil {
		if out.Result == Repeated {
			second := s.book(r.Partner, at)
			out.Partner = &second
		}
		return out
	}
	second, other := s.prepare(r.Partner)
	if second == nil {
		first.undo()
		return Outcome{Result: other.Result, FullDose: other.FullDose, Shared: other.Shared, Partner: &other}
	}
	out, other = first.keep(at), second.keep(at)
	out.Partner = &other
	return out
}

// prepared is a booking whose counters are taken, and nothing else done yet.
type prepared struct {
	s     *State
	r     *Request
	who   *known
	own   *heldHold // the person's hold in the campaign; it ends with the booking
	taken           // where it is not that hold which is booked
}

// prepare takes what an OpBook asks for; nil when it cannot be granted, or was before.
func (s *State) prepare(r *Request) (*prepared, Outcome) {
	p := s.person(r.Person)
	if r.Idempotency != [16]byte{} {
		for _, b := range p.bookings {
			switch {
			case b.Idempotency != r.Idempotency:
			case b.Body != r.Body:
				return nil, Outcome{Result: KeyReused}
			default:
				return nil, Outcome{Result: Repeated, Booking: b.Booking}
			}
		}
	}
	if b := p.live(r.Campaign); b != nil {
		return nil, Outcome{Result: AlreadyBooked, Booking: b.Booking}
	}
	if p.limited(r) {
		return nil, Outcome{Result: Limited}
	}
	out := &prepared{s: s, r: r, who: p, own: p.hold(r.Campaign)}
	if r.Hold == 0 {
		got, fail := s.takeAfterHold(r, p, out.own)
		if fail != nil {
			return nil, *fail
		}
		out.taken = got
		return out, Outcome{}
	}
	if out.own == nil || out.own.ID != r.Hold || len(out.own.Doses) == 0 {
		return nil, Outcome{Result: HoldGone}
	}
	if !p.farEnough(r, out.own.Doses) {
		return nil, Outcome{Result: Limited}
	}
	return out, Outcome{}
}

func (b *prepared) undo() {
	if b.r.Hold == 0 {
		b.taking.undo()
	}
}

func (b *prepared) keep(at time.Time) Outcome {
	s, r := b.s, b.r
	k := &kept{fresh: true, Booking: Booking{
		ID: s.nextBooking, Campaign: r.Campaign, Person: r.Person, Actor: r.Actor, Channel: r.Channel, Status: Booked,
		MadeAt: at, Sealed: r.Sealed, Idempotency: r.Idempotency, Body: r.Body,
	}}
	var deltas []Delta
	if r.Hold != 0 {
		k.Doses, k.Shared = b.own.Doses, b.own.Shared
		s.dropHold(b.own)
	} else {
		b.settle(r, at, "given-back")
		k.Doses, k.Shared, deltas = b.doses, slices.Clone(r.Shared), b.deltas()
	}
	deltas = append(deltas, s.standNoMore(b.who, r.Campaign)...)
	s.nextBooking++
	b.who.bookings = append(b.who.bookings, k)
	s.touch(k)
	s.event(r.event(EventBooked, at, k.ID, deltas))
	return Outcome{Result: Done, Booking: k.Booking}
}

func (s *State) change(r *Request, at time.Time) Outcome {
	b := s.person(r.Person).byID(r.Booking)
	if b == nil || b.Campaign != r.Campaign || b.Status != Booked {
		return Outcome{Result: NoBooking}
	}
	if s.person(r.Person).limited(r) {
		return Outcome{Result: Limited, Booking: b.Booking}
	}
	shared := r.Shared
	if shared == nil {
		shared = b.Shared
	}
	wanted, ok := s.person(r.Person).apart(r)
	if !ok {
		return Outcome{Result: Limited, Booking: b.Booking}
	}
	stays, ok := b.standing(wanted)
	if !ok {
		return Outcome{Result: Visited, Booking: b.Booking}
	}
	shrink := s.grow(r, b.Shared)
	t := taking{s: s, stays: stays}
	t.give(b.Doses, b.Shared)
	doses, full, ok := t.take(wanted, shared)
	if !ok {
		t.undo()
		shrink()
		return Outcome{Result: Full, FullDose: full.dose, Shared: full.shared, Booking: b.Booking}
	}
	if slices.EqualFunc(doses, b.Doses, sameDose) && slices.EqualFunc(shared, b.Shared, sameClaim) {
		t.undo()
		shrink()
		return Outcome{Result: Repeated, Booking: b.Booking}
	}
	b.Doses, b.Shared = doses, slices.Clone(shared)
	b.Changed++
	s.touch(b)
	deltas := t.keep()
	s.event(r.event(EventChanged, at, b.ID, deltas))
	s.resize(r, at, deltas)
	return Outcome{Result: Done, Booking: b.Booking}
}

func (s *State) cancel(r *Request, at time.Time) Outcome {
	b := s.person(r.Person).byID(r.Booking)
	if b == nil || b.Campaign != r.Campaign {
		return Outcome{Result: NoBooking}
	}
	if b.Status == Cancelled {
		return Outcome{Result: Repeated, Booking: b.Booking}
	}
	if b.Status != Booked {
		return Outcome{Result: NoBooking}
	}
	if b.given() {
		return Outcome{Result: Visited, Booking: b.Booking}
	}
	t := taking{s: s}
	t.give(b.Doses, b.Shared)
	b.Status = Cancelled
	s.touch(b)
	s.event(r.event(EventCanceled, at, b.ID, t.keep()))
	return Outcome{Result: Done, Booking: b.Booking}
}

// taken is what a request took, with the old hold that it ends.
type taken struct {
	taking
	doses []Dose
	old   *heldHold
	back  []Delta // what the old hold gives back
	mark  int     // where the log goes on behind that
}

// takeAfterHold takes what the request asks for, with what the person's old hold has counted as free. When it cannot be granted
// nothing has moved; when it is, [taken.settle] ends the old hold.
func (s *State) takeAfterHold(r *Request, p *known, old *heldHold) (taken, *Outcome) {
	if s.reserved(r, old) {
		return taken{}, &Outcome{Result: Full}
	}
	wanted, ok := p.apart(r)
	if !ok {
		return taken{}, &Outcome{Result: Limited}
	}
	t := taken{taking: taking{s: s}, old: old}
	if old != nil {
		t.give(old.Doses, old.Shared)
		t.back = t.net()
	}
	t.mark = len(t.log)
	doses, full, ok := t.take(wanted, r.Shared)
	if !ok {
		t.undo()
		return taken{}, &Outcome{Result: Full, FullDose: full.dose, Shared: full.shared}
	}
	t.doses = doses
	return t, nil
}

// settle makes the moves stand; the old hold is over, which is an event of its own.
func (t *taken) settle(r *Request, at time.Time, why string) {
	if t.old != nil {
		t.s.dropHold(t.old)
		over := r.event(EventHoldOver, at, 0, t.back)
		over.Why = why
		t.s.event(over)
	}
	t.keep()
}

// deltas are the moves without what the old hold gave back.
func (t *taken) deltas() []Delta {
	fresh := taking{s: t.s, log: t.log[t.mark:]}
	return fresh.net()
}

// event numbers an event and keeps it for writing.
func (s *State) event(e Event) (seq int64) {
	e.Seq = s.nextSeq
	s.nextSeq++
	s.events = append(s.events, e)
	return e.Seq
}

func (r *Request) event(kind EventKind, at time.Time, id int64, deltas []Delta) Event {
	return Event{
		At: at, Kind: kind, Campaign: r.Campaign, Person: r.Person, Actor: r.Actor, Channel: r.Channel, Why: r.Why,
		Booking: id, Deltas: deltas,
	}
}

func sameDose(a, b Dose) bool {
	return a.Slot == b.Slot && a.Draws() == b.Draws() && a.Minutes == b.Minutes && a.Vial == b.Vial && sameClaim(a.Seat, b.Seat)
}

// sameClaim leaves the capacity out: the counter has its own.
func sameClaim(a, b Claim) bool { return a.Counter == b.Counter && a.N == b.N }
