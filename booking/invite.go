package booking

import (
	"slices"
	"time"

	"charye/internal/weak"
	"charye/person"
)

// A campaign that was sold out once stands by (대기 접종): its stock is then for those who are invited, in the order of the line,
// and for nobody else. It stands by from when its [StandbyCounter] comes into being (by [Ledger.SetCapacity]): the capacity is how
// many numbers of the line there are, what is taken of it is up to which number people were invited. When all were, whoever
// has a turn may take what is left.
//
// An invitation is a [Hold] on the stock without a seat: the dose is nobody else's until it is booked, or the time is over. Then it
// is the next one's. Nobody is invited twice, nor whoever has booked in the campaign before, also when that was cancelled.

// MaxCallees is how many numbers one [OpInvite] may look at.
const MaxCallees = 1000

// Callee is a number of the line with the person who has it; a zero Person is a number that nobody has.
type Callee struct {
	Number uint32
	Person person.Key
}

// Invited is the outcome of [OpInvite].
type Invited struct {
	People int    // who have an invitation from it
	UpTo   uint32 // up to this number everybody was looked at, by this request or before
}

// validInvite is what [Request.Validate] wants of an invitation.
func (r *Request) validInvite() error {
	if len(r.Callees) == 0 || len(r.Shared) == 0 || !instant(r.HoldUntil).After(instant(r.At)) {
		return errOp
	}
	if len(r.Callees) > MaxCallees || len(r.Shared) > MaxShared || len(r.Channel) > MaxWord || len(r.Why) > MaxWord {
		return errBounds
	}
	for i, c := range r.Callees {
		if c.Number == 0 || c.Number > MaxQuantity || i > 0 && c.Number <= r.Callees[i-1].Number {
			return errOp
		}
	}
	for _, c := range r.Shared {
		if !c.sane() {
			return errClaim
		}
	}
	return nil
}

// invite looks at the callees in order, from the first that was not looked at before, until one finds no dose.
func (s *State) invite(r *Request, at time.Time) Outcome {
	line := s.cell(StandbyCounter(r.Campaign))
	if !line.known {
		return Outcome{Result: Malformed}
	}
	out := Outcome{Result: Repeated, Invited: Invited{UpTo: uint32(line.Used)}}
	if s.standsFirst(r.Campaign) { // theirs comes before
		return out
	}
	from := line.Used
	for _, c := range r.Callees {
		if int(c.Number) <= line.Used {
			continue
		}
		if int(c.Number) > line.Capacity || !s.inviteOne(r, c.Person, at, &out.Invited) {
			break
		}
		out.Invited.UpTo = c.Number
	}
	if n := int(out.Invited.UpTo) - from; n > 0 {
		out.Result = Done
		t := taking{s: s}
		t.move(line, n)
		s.event(Event{At: at, Kind: EventCalled, Campaign: r.Campaign, Channel: r.Channel, Why: r.Why, Deltas: t.keep()})
	}
	return out
}

// inviteOne passes over whoever is not to be invited; it is false when there is no dose.
func (s *State) inviteOne(r *Request, who person.Key, at time.Time, out *Invited) bool {
	if who.IsZero() {
		return true
	}
	p := s.person(who)
	for _, b := range p.bookings {
		if b.Campaign == r.Campaign {
			return true
		}
	}
	if p.hold(r.Campaign) != nil { // choosing right now
		return true
	}
	t := taking{s: s}
	if _, _, ok := t.take(nil, r.Shared); !ok {
		t.undo()
		return false
	}
	s.keepInvitation(p, who, r.Campaign, r.Shared, instant(r.HoldUntil),
		Event{At: at, Kind: EventInvited, Campaign: r.Campaign, Person: who, Channel: r.Channel, Why: r.Why, Deltas: t.keep()})
	out.People++
	return true
}

func (s *State) keepInvitation(p *known, who person.Key, campaign uint32, shared []Claim, until time.Time, e Event) {
	h := &heldHold{fresh: true, Hold: Hold{Campaign: campaign, Person: who, Shared: shared, Until: until, Invited: until}}
	h.ID = s.event(e)
	s.keepHold(p, h)
}

// invitationAgain gives somebody whose held slot is over the rest of their invitation.
func (s *State) invitationAgain(h *heldHold, at time.Time) {
	if !h.Invited.After(at) {
		return
	}
	t := taking{s: s}
	shared := ofInvitation(h.Shared)
	if _, _, ok := t.take(nil, shared); !ok { // it was given back just now
		t.undo()
		return
	}
	s.keepInvitation(s.person(h.Person), h.Person, h.Campaign, shared, h.Invited,
		Event{At: at, Kind: EventHeld, Campaign: h.Campaign, Person: h.Person, Channel: "system", Why: "invited", Deltas: t.keep()})
}

// reserved reports whether a request wants stock that is for those who are invited, and whoever asks is not: they have no hold
// on it.
func (s *State) reserved(r *Request, own *heldHold) bool {
	if weak.Off(weak.Invited) {
		return false
	}
	for _, c := range r.Shared {
		num, ok := c.Counter.Campaign()
		if !ok {
			continue
		}
		line := s.cell(StandbyCounter(num))
		if (line.known && line.Used < line.Capacity || s.standsFirst(num)) && (own == nil || !holds(own.Shared, c.Counter)) {
			return true
		}
	}
	return false
}

// ofInvitation leaves out what depends on a slot.
func ofInvitation(shared []Claim) []Claim {
	slot := func(c Claim) bool { return c.Counter.Kind() == KindDayShare || c.Counter.Kind() == KindRegionShare }
	if !slices.ContainsFunc(shared, slot) {
		return shared
	}
	return slices.DeleteFunc(slices.Clone(shared), slot)
}

func holds(shared []Claim, id Counter) bool {
	for _, c := range shared {
		if c.Counter == id {
			return true
		}
	}
	return false
}
