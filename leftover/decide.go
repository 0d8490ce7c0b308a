package leftover

import (
	"errors"
	"slices"
	"time"

	"charye/site"
)

// errSense is what [Request.Validate] finds; the message names no person.
var errSense = errors.New("leftover request: what it needs is missing, or more than a request may carry")

// instant is how instants are kept: in UTC, whole microseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Validate reports what makes a request senseless whatever the state; [Decide] answers such a request with [Malformed].
func (r *Request) Validate() error {
	if r.At.IsZero() || len(r.Channel) > MaxWord || len(r.Why) > MaxWord || len(r.Unfit) > MaxUnfit {
		return errSense
	}
	ok := false
	switch r.Op {
	case OpSignUp:
		ok = !r.Person.IsZero() && r.Campaign != 0 && len(r.Sites) <= MaxSites
		for i, at := range r.Sites {
			ok = ok && at > 0 && at <= site.MaxNum && !slices.Contains(r.Sites[:i], at)
		}
	case OpOpen:
		b := &r.Batch
		ok = b.Campaign != 0 && b.Site > 0 && b.Site <= site.MaxNum && b.Product != "" && len(b.Product) <= MaxWord &&
			b.Doses >= 1 && b.Doses <= MaxDoses && b.Minutes >= 1 && b.Minutes <= MaxMinutes && instant(b.Until).After(instant(r.At))
	case OpAdvance:
		ok = r.BatchID > 0
	case OpAccept, OpDecline, OpSettle:
		ok = !r.Person.IsZero() && r.Offer > 0
	}
	if !ok {
		return errSense
	}
	return nil
}

// Decide answers requests in their order and changes the state accordingly. It is the only place where a dose is offered or
// given away. It is deterministic and does no I/O.
func Decide(s *Loaded, list []Request) []Outcome {
	out := make([]Outcome, len(list))
	for i := range list {
		if list[i].Op == OpAdvance && len(list) > 1 { // what it needs was not loaded as the others leave it
			out[i] = Outcome{Result: Malformed}
			continue
		}
		out[i] = s.decide(&list[i])
	}
	return out
}

func (s *Loaded) decide(r *Request) Outcome {
	if r.Validate() != nil {
		return Outcome{Result: Malformed}
	}
	at := instant(r.At)
	switch r.Op {
	case OpSignUp:
		return s.signUp(r, at)
	case OpOpen:
		return s.openBatch(r, at)
	case OpAdvance:
		return s.advance(r, at)
	case OpAccept, OpDecline:
		return s.answer(r, at)
	default: // OpSettle: Validate knows no other
		return s.settle(r, at)
	}
}

// signUp makes Sites the lists that somebody is in. Who stays in a list keeps their place in it.
func (s *Loaded) signUp(r *Request, at time.Time) Outcome {
	if len(r.Sites) > r.Most {
		return Outcome{Result: TooMany}
	}
	out := Outcome{Result: Repeated}
	for _, e := range s.listsOf(r.Campaign, r.Person) {
		if !e.Left && !slices.Contains(r.Sites, e.Site) {
			s.leave(e, at, r.Channel, "")
			out.Result = Done
		}
	}
	for _, num := range r.Sites {
		k := listed{r.Campaign, num, r.Person}
		e := s.entries[k]
		switch {
		case e == nil:
			e = &heldEntry{Entry: Entry{Campaign: r.Campaign, Site: num, Person: r.Person, Since: r.Day}, fresh: true}
			s.entries[k] = e
		case !e.Left:
			continue
		}
		e.join(r.Day)
		e.Born, e.dirty = r.Born, true
		s.event(Event{At: at, Kind: EventSignedUp, Campaign: r.Campaign, Site: num, Person: r.Person, Channel: r.Channel})
		out.Result = Done
	}
	return out
}

func (s *Loaded) leave(e *heldEntry, at time.Time, channel, why string) {
	e.Left, e.Born, e.dirty = true, 0, true // nobody needs to know any more how old they are
	s.event(Event{At: at, Kind: EventWithdrew, Campaign: e.Campaign, Site: e.Site, Person: e.Person, Channel: channel, Why: why})
}

func (s *Loaded) openBatch(r *Request, at time.Time) Outcome {
	if s.nextID > MaxBatch {
		return Outcome{Result: Malformed}
	}
	b := &heldBatch{Batch: r.Batch, fresh: true}
	b.ID, b.Made, b.Until, b.Next = s.newID(), at, instant(b.Until), at
	s.batches[b.ID] = b
	s.event(Event{At: at, Kind: EventOpened, Campaign: b.Campaign, Site: b.Site, Batch: b.ID, Doses: b.Doses, Channel: r.Channel})
	return Outcome{Result: Done, Batch: b.Batch}
}

// How long it takes until a batch is looked at again: whose list is exhausted, and one with an accepted dose whose booking was
// not told of.
const (
	LookAgain   = 15 * time.Second
	SettleAfter = 30 * time.Second
)

// advance lets offers lapse and offers what is free to who is next.
func (s *Loaded) advance(r *Request, at time.Time) Outcome {
	b := s.batches[r.BatchID]
	switch {
	case b == nil:
		return Outcome{Result: NoBatch}
	case b.Over():
		return Outcome{Result: Repeated, Batch: b.Batch}
	}
	out := Outcome{Result: Done}
	free := b.Doses
	for _, o := range s.offersOf(b.ID) {
		if o.State == Live && !o.Until.After(at) {
			s.end(o, Lapsed, EventLapsed, at, "system", "")
		}
		if o.State.Open() || o.State == Booked {
			free--
		}
	}
	passed := false
	if at.Before(b.Until) && free > 0 {
		list := s.listOf(&b.Batch)
		Order(list, r.Key, r.Day)
		for i := range list {
			if free <= 0 {
				break
			}
			e := s.entries[listed{list[i].Campaign, list[i].Site, list[i].Person}]
			if at := slices.IndexFunc(r.Unfit, func(u Unfit) bool { return u.Person == e.Person }); at >= 0 {
				passed = true
				s.pass(b, e, instant(r.At), r.Unfit[at].Leaves)
				continue
			}
			out.Made = append(out.Made, s.offer(b, e, r, at, len(out.Made)))
			free--
		}
	}
	b.dirty = true
	b.Next = s.next(b, at, free, passed || s.more[b.ID])
	if b.Over() {
		s.event(Event{At: at, Kind: EventClosed, Campaign: b.Campaign, Site: b.Site, Batch: b.ID, Channel: "system"})
	}
	out.Batch = b.Batch
	return out
}

// offer makes an offer: that is the person's turn, whatever they answer.
func (s *Loaded) offer(b *heldBatch, e *heldEntry, r *Request, at time.Time, nth int) Offer {
	until := at.Add(time.Duration(b.Minutes) * time.Minute)
	if until.After(b.Until) {
		until = b.Until
	}
	o := &heldOffer{Offer: Offer{ID: s.newID(), Batch: b.ID, Campaign: b.Campaign, Person: e.Person, State: Live, Made: at, Until: until}, fresh: true}
	s.keepOffer(o)
	// Microseconds apart, so that those who are offered doses at one instant keep their order, and the turns go round.
	e.turn(r.Day, at.Add(time.Duration(nth)*time.Microsecond))
	e.dirty = true
	s.event(Event{At: at, Kind: EventOffered, Campaign: b.Campaign, Site: b.Site, Person: e.Person, Batch: b.ID, Offer: o.ID, Channel: "system"})
	return o.Offer
}

// pass remembers that somebody is not to be offered a dose of a batch. It costs them nothing.
func (s *Loaded) pass(b *heldBatch, e *heldEntry, at time.Time, leaves bool) {
	o := &heldOffer{Offer: Offer{ID: s.newID(), Batch: b.ID, Campaign: b.Campaign, Person: e.Person, State: Passed, Made: at, Until: at, Answered: at}, fresh: true}
	s.keepOffer(o)
	s.event(Event{At: at, Kind: EventPassed, Campaign: b.Campaign, Site: b.Site, Person: e.Person, Batch: b.ID, Offer: o.ID, Channel: "system"})
	if leaves {
		s.leave(e, at, "system", "unfit")
	}
}

// next is when a batch is to be looked at again; zero when nothing can become of it any more: its time is over, or all doses are
// booked.
func (s *Loaded) next(b *heldBatch, at time.Time, free int, more bool) time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	over := !at.Before(b.Until)
	for _, o := range s.offersOf(b.ID) {
		switch o.State {
		case Live:
			sooner(o.Until)
		case Taken:
			sooner(at.Add(SettleAfter))
		case Booked, Declined, Lapsed, Returned, Passed:
		}
	}
	switch {
	case over:
	case free > 0 && more:
		sooner(at)
	case free > 0:
		sooner(at.Add(LookAgain))
		if b.Until.Before(next) {
			next = b.Until
		}
	}
	return next
}

// answer accepts or declines an offer of the person. An accepted dose is theirs and nobody else's.
func (s *Loaded) answer(r *Request, at time.Time) Outcome {
	o := s.offers[r.Offer]
	if o == nil || o.Person != r.Person || o.State == Passed {
		return Outcome{Result: NoOffer}
	}
	b := s.batches[o.Batch]
	out := Outcome{Result: Done}
	switch accept := r.Op == OpAccept; {
	case accept && (o.State == Taken || o.State == Booked), !accept && o.State == Declined:
		out.Result = Repeated
	case o.State != Live || !o.Until.After(at):
		out.Result = Gone
	case accept:
		o.State, o.Answered, o.dirty = Taken, at, true
		s.event(s.told(o, EventAccepted, at, r.Channel, ""))
		if t := at.Add(SettleAfter); t.Before(b.Next) {
			b.Next, b.dirty = t, true
		}
	default:
		s.end(o, Declined, EventDeclined, at, r.Channel, "")
		b.Next, b.dirty = at, true // the next one need not wait
	}
	out.Offer, out.Batch = o.Offer, b.Batch
	return out
}

// settle ends an accepted offer: booked, and the person is in no list of the campaign any more; or not, and the dose goes on.
func (s *Loaded) settle(r *Request, at time.Time) Outcome {
	o := s.offers[r.Offer]
	if o == nil || o.Person != r.Person || o.State == Passed {
		return Outcome{Result: NoOffer}
	}
	b := s.batches[o.Batch]
	out := Outcome{Result: Done}
	switch {
	case o.State == Booked && r.Booked || o.State == Returned && !r.Booked:
		out.Result = Repeated
	case o.State != Taken:
		out.Result = Gone
	case r.Booked:
		s.end(o, Booked, EventConfirmed, at, r.Channel, r.Why)
		for _, e := range s.listsOf(o.Campaign, o.Person) {
			if !e.Left {
				s.leave(e, at, "system", "booked")
			}
		}
	default:
		s.end(o, Returned, EventReturned, at, r.Channel, r.Why)
		b.Next, b.dirty = at, true
	}
	out.Offer, out.Batch = o.Offer, b.Batch
	return out
}

// end brings an offer into a state without a future.
func (s *Loaded) end(o *heldOffer, st State, kind EventKind, at time.Time, channel, why string) {
	o.State, o.Answered, o.dirty = st, at, true
	delete(s.open, PersonIn{o.Campaign, o.Person})
	s.event(s.told(o, kind, at, channel, why))
}

func (s *Loaded) told(o *heldOffer, kind EventKind, at time.Time, channel, why string) Event {
	e := Event{At: at, Kind: kind, Campaign: o.Campaign, Person: o.Person, Batch: o.Batch, Offer: o.ID, Channel: channel, Why: why}
	if b := s.batches[o.Batch]; b != nil {
		e.Site = b.Site
	}
	return e
}
