package walk

import (
	"context"
	"errors"
	"time"

	"charye/internal/civil"
	"charye/internal/weak"
	"charye/line"
	"charye/person"
	"charye/programme"
)

// Subject is who a step is for: the actor, or one of their recipients.
type Subject struct {
	Key       person.Key
	Born      civil.Date
	Recipient *person.Recipient // nil when the actor acts for themselves
	channel   string            // by which they are looked at; cut-offs may differ
}

// Subject resolves and checks for whom an actor acts. Helping is allowed only by the campaign's rules as they stand now,
// and only for a recipient whose consent was recorded for this campaign.
func (w *Walk) Subject(ctx context.Context, a Actor, c *programme.Campaign, recipient string) (Subject, error) {
	if a.IsStaff() && (recipient != "" || !weak.Off(weak.Apart)) {
		return w.caller(ctx, a, c, recipient)
	}
	if err := Citizen(a); err != nil {
		return Subject{}, err
	}
	if recipient == "" {
		return Subject{Key: a.Key, Born: a.Born}, nil
	}
	r, err := w.people.Recipient(ctx, a.Key, recipient)
	switch {
	case errors.Is(err, person.ErrNoRecipient):
		return Subject{}, Refuse(HelperNotAllowed, "recipient: not one that you registered")
	case err != nil:
		return Subject{}, Unavailable(err)
	}
	return w.helped(c, r)
}

// helping reports whether the campaign takes helpers today.
func (w *Walk) helping(c *programme.Campaign) error {
	today := civil.Of(w.now(), w.programme.Zone)
	switch h := c.Helpers; {
	case h.On(today):
		return nil
	case h.Allowed && h.From != 0 && today < h.From:
		return Refuse(HelperNotAllowed, "%s takes helpers from %s", c.ID, h.From)
	case h.Allowed:
		return Refuse(HelperNotAllowed, "%s took helpers until %s", c.ID, h.Until)
	}
	return Refuse(HelperNotAllowed, "%s takes no helpers", c.ID)
}

func (w *Walk) helped(c *programme.Campaign, r person.Recipient) (Subject, error) {
	if err := w.helping(c); err != nil {
		return Subject{}, err
	}
	if r.Campaign != c.ID {
		return Subject{}, Refuse(HelperNotAllowed, "recipient: consent was given for another campaign")
	}
	if err := w.mayActAs(c, r.Kind, r.Born); err != nil { // they came of age, or the rules are others now
		return Subject{}, err
	}
	return Subject{Key: r.Key, Born: r.Born, Recipient: &r}, nil
}

// subjectOfPass finds for whom a pass is: only the actor or one of their recipients may use it.
func (w *Walk) subjectOfPass(ctx context.Context, a Actor, c *programme.Campaign, p line.Pass) (Subject, error) {
	if a.IsStaff() && (p.Person != a.Key || !weak.Off(weak.Apart)) {
		s, err := w.callerByKey(ctx, a, c, p.Person)
		if e, ok := errors.AsType[*Error](err); ok && e.Code == NotFound {
			err = Refuse(NoPass, "the pass is another person's")
		}
		return s, err
	}
	if err := Citizen(a); err != nil {
		return Subject{}, err
	}
	if p.Person == a.Key {
		return Subject{Key: a.Key, Born: a.Born}, nil
	}
	if weak.Off(weak.PassOf) {
		return Subject{Key: p.Person, Born: a.Born}, nil
	}
	rs, err := w.people.Recipients(ctx, a.Key)
	if err != nil {
		return Subject{}, Unavailable(err)
	}
	for _, r := range rs {
		if r.Key == p.Person && r.Campaign == c.ID {
			return w.helped(c, r)
		}
	}
	return Subject{}, Refuse(NoPass, "the pass is another person's")
}

// MayTake refuses whoever may not take a place, enter or book in a campaign now, by its rules and its rota; [Walk.MayHave] is without the rota.
func (w *Walk) MayTake(c *programme.Campaign, s Subject) error {
	if weak.Off(weak.Eligible) {
		return nil
	}
	temporary := s.Recipient != nil && s.Recipient.Temporary
	err := c.Eligible(s.Born, func(roster string) bool {
		return w.rosters.Has(roster, s.Key) || temporary && c.Temporary && roster == c.Roster
	})
	if err != nil {
		e := Refuse(NotEligible, "%v", err)
		if why, ok := errors.AsType[*programme.NotEligible](err); ok && temporary && why.Reason == programme.ReasonRoster {
			e.Detail = c.ID + " is for a list of people, and a temporary identity is in no list; take a campaign without one"
		}
		e.Err = err
		return e
	}
	now := w.now()
	if from := c.ComesFrom(s.Born, now, w.programme.Zone); from.After(now) {
		e := Refuse(NotOpen, "%s takes people born on such a day of the month from %s", c.ID, from.In(w.programme.Zone).Format(time.RFC3339))
		e.RetryAfter, e.Err = from.Sub(now), &ComesLater{From: from}
		return e
	}
	return nil
}

// MayHave refuses those whom the campaign is not for.
func (w *Walk) MayHave(c *programme.Campaign, s Subject) error {
	err := c.Eligible(s.Born, func(roster string) bool { return w.rosters.Has(roster, s.Key) })
	if err != nil {
		e := Refuse(NotEligible, "%v", err)
		e.Err = err
		return e
	}
	return nil
}

// ComesLater is why somebody is told to come another day: the campaign's rota. It names no person.
type ComesLater struct{ From time.Time }

// Error is in English.
func (e *ComesLater) Error() string {
	return "their window of the rota begins at " + e.From.Format(time.RFC3339)
}
