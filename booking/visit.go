package booking

import (
	"time"

	"charye/internal/civil"
	"charye/internal/weak"
	"charye/site"
)

// What happens on the day. Each dose of a booking is expected until somebody says otherwise; every move is an event in the
// transaction of the change, and one that was wrong is taken back by another event, never rubbed out.
//
//	expected → arrived → given
//	expected, arrived → turned away     the site could not give it; the booking stays, to be moved
//	expected → no-show                  of dose 1: the booking ends, and all doses behind it; of a later one: that dose is to be moved
//	any of these → expected             [EventUndone]
//	given → spoilt                      what it was given from was recalled or destroyed: it does not count, see [Booking.Counting]; for good
//
// A dose that was turned away or not come for draws on nothing any more: its seat and its vial are free.

// VisitState is what happened at an appointment.
type VisitState uint8

// The states of a visit; docs/lifecycle.md draws them.
const (
	Expected VisitState = iota
	Arrived
	Given
	TurnedAway
	NoShow
	Spoilt
	lastVisit
)

var visitWords = [lastVisit]string{"expected", "arrived", "given", "turned-away", "no-show", "spoilt"}

// String is the state's word, as rows and events have it.
func (s VisitState) String() string {
	if s >= lastVisit {
		return "unknown"
	}
	return visitWords[s]
}

// ParseVisitState reads the word of a state.
func ParseVisitState(word string) (VisitState, bool) {
	for s, w := range visitWords {
		if w == word {
			return VisitState(s), true
		}
	}
	return Expected, false
}

// Visit is what happened at the appointment of a dose; the zero Visit: nothing yet.
type Visit struct {
	State VisitState
	At    time.Time // since when
	Why   string    // of TurnedAway: the reason's word; of Spoilt: the case of the supply room
	From  string    // of Given and Spoilt: box, product and lot that it was given from, as a GS1 element string with brackets
	// Kept, of a NoShow of dose 1: what the booking took of the stock is not given back, since the dose is in a vial that is open
	// and the site's to give.
	Kept bool
}

// MaxFrom is the longest [Visit.From] in bytes.
const MaxFrom = 96

// Draws reports whether a dose of a live booking draws on its seat and its vial.
func (d *Dose) Draws() bool { return d.Visit.State != TurnedAway && d.Visit.State != NoShow }

// Draws gives what a booking draws on: its doses as long as it is live, and what it took of shared counters.
func (b *Booking) Draws() (doses []Dose, shared []Claim) {
	switch {
	case b.Status == Booked:
		return b.Doses, b.Shared
	case b.Status == Missed && len(b.Doses) > 0 && b.Doses[0].Visit.Kept:
		return nil, b.Shared
	case b.Displaced():
		return nil, b.Shared
	}
	return nil, nil
}

var visitEvents = [lastVisit]EventKind{Expected: EventUndone, Arrived: EventArrived, Given: EventGiven, TurnedAway: EventTurnedAway, NoShow: EventNoShow, Spoilt: EventSpoilt}

// follows reports whether a state may come after another.
func (s VisitState) follows(before VisitState) bool {
	switch s {
	case Expected:
		return before != Spoilt
	case Spoilt:
		return before == Given
	case Arrived, NoShow:
		return before == Expected
	case Given, TurnedAway:
		return before == Expected || before == Arrived
	case lastVisit:
	}
	return false
}

// validVisit is what [Request.Validate] wants of a visit.
func (r *Request) validVisit() error {
	v := &r.Visit
	switch {
	case r.Booking <= 0 || r.Dose < 1 || r.Dose > MaxDoses || v.State >= lastVisit:
		return errOp
	case v.Kept && (v.State != NoShow || r.Dose != 1), v.From != "" && v.State != Given, v.Why != "" && v.State != TurnedAway && v.State != Spoilt,
		v.State == Spoilt && v.Why == "":
		return errOp
	case len(v.From) > MaxFrom || len(v.Why) > MaxWord:
		return errBounds
	}
	return nil
}

// visit says what happened at a dose.
func (s *State) visit(r *Request, at time.Time) Outcome {
	p := s.person(r.Person)
	b := p.byID(r.Booking)
	if b == nil || b.Campaign != r.Campaign || b.Status == Cancelled || r.Dose > len(b.Doses) {
		return Outcome{Result: NoBooking}
	}
	d := &b.Doses[r.Dose-1]
	v := Visit{State: r.Visit.State, At: at, Why: r.Visit.Why, From: r.Visit.From, Kept: r.Visit.Kept}
	if v.State == Spoilt {
		v.From = d.Visit.From
	}
	refused := Outcome{Result: Visited, Booking: b.Booking}
	switch before := d.Visit; {
	case before.State == v.State && before.From == v.From && (b.Status == Booked || v.State == NoShow):
		return Outcome{Result: Repeated, Booking: b.Booking}
	case b.Status == Missed && (v.State != Expected || r.Dose != 1):
		return refused
	case !v.State.follows(before.State) && !(weak.Off(weak.GivenOnce) && v.State == Given):
		return refused
	}
	t := taking{s: s}
	status := b.Status
	switch {
	case v.State == NoShow && r.Dose == 1:
		shared := b.Shared
		if v.Kept {
			shared = nil
		}
		t.give(b.Doses, shared)
		status = Missed
	case v.State == NoShow || v.State == TurnedAway:
		t.give([]Dose{*d}, nil)
	case v.State == Expected && !d.Draws():
		if out := s.comesBack(&t, p, b, d, &status); out != nil {
			t.undo()
			return *out
		}
		v = Visit{}
	case v.State == Expected:
		v = Visit{}
	}
	e := r.event(visitEvents[r.Visit.State], at, b.ID, t.keep())
	e.Dose, e.From = r.Dose, v.From
	switch r.Visit.State {
	case TurnedAway, Spoilt:
		e.Why = v.Why
	case Expected:
		e.Why = d.Visit.State.String()
	case Arrived, Given, NoShow, lastVisit:
	}
	// Doses of a Booking are shared between readers.
	doses := append([]Dose(nil), b.Doses...)
	doses[r.Dose-1].Visit = v
	b.Doses, b.Status = doses, status
	s.touch(b)
	s.event(e)
	return Outcome{Result: Done, Booking: b.Booking}
}

// comesBack takes again what a dose, or the whole booking with it, gave back; not nil is why that cannot be.
func (s *State) comesBack(t *taking, p *known, b *kept, d *Dose, status *Status) *Outcome {
	doses, shared := []Dose{*d}, []Claim(nil)
	if b.Status == Missed {
		if other := p.live(b.Campaign); other != nil {
			return &Outcome{Result: AlreadyBooked, Booking: other.Booking}
		}
		if p.hold(b.Campaign) != nil {
			return &Outcome{Result: Visited, Booking: b.Booking}
		}
		doses = append([]Dose(nil), b.Doses...)
		for i := range doses { // what a later dose had given back itself stays so
			if i > 0 && !doses[i].Draws() {
				return &Outcome{Result: Visited, Booking: b.Booking}
			}
		}
		if !d.Visit.Kept {
			shared = b.Shared
		}
		*status = Booked
	}
	wanted := make([][]Choice, len(doses))
	for i := range doses {
		wanted[i] = []Choice{{Slot: doses[i].Slot, Minutes: doses[i].Minutes, Seat: doses[i].Seat, Vial: doses[i].Vial}}
	}
	_, full, ok := t.take(wanted, shared)
	if ok {
		return nil
	}
	out := &Outcome{Result: Full, Shared: full.shared, Booking: b.Booking}
	if full.dose > 0 {
		out.FullDose = doses[full.dose-1].Dose
	}
	return out
}

// standing gives, for each list of choices of a change, the dose that stays as it is with what happened at it: one that was given or
// come for, and one that was turned away or not come for and is not moved. It is false when the change would move a dose that was
// given, or whose person is there.
func (b *kept) standing(wanted [][]Choice) (stays []*Dose, ok bool) {
	stays = make([]*Dose, len(wanted))
	for i := range b.Doses {
		d := &b.Doses[i]
		if d.Visit.State == Expected {
			continue
		}
		same := i < len(wanted) && len(wanted[i]) == 1 && wanted[i][0].Slot == d.Slot
		switch {
		case same:
			stays[i] = d
		case d.Draws():
			return nil, false
		}
	}
	return stays, true
}

// given reports whether a dose of the booking was given, whether it counts or not.
func (b *Booking) given() bool {
	for i := range b.Doses {
		if s := b.Doses[i].Visit.State; s == Given || s == Spoilt {
			return true
		}
	}
	return false
}

// Counting is the number in the series of the booking's dose 1, 2 … or, one further, of the next to be booked: a dose that was spoilt
// does not count, and the one behind it takes its number.
func (b *Booking) Counting(dose int) int {
	n := 1
	for i := range b.Doses[:dose-1] {
		if b.Doses[i].Visit.State != Spoilt {
			n++
		}
	}
	return n
}

// Again gives the spoilt dose that a dose of the booking, or one further the next to be booked, is given again for; nil when it is none.
func (b *Booking) Again(dose int) *Dose {
	if dose > 1 && b.Doses[dose-2].Visit.State == Spoilt {
		return &b.Doses[dose-2]
	}
	return nil
}

// On reports whether a booking has a dose at a site on a day.
func (b *Booking) On(at site.Num, day civil.Date) bool {
	for i := range b.Doses {
		if s := &b.Doses[i].Slot; s.Site == at && s.Day == day {
			return true
		}
	}
	return false
}
