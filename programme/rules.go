package programme

import (
	"fmt"
	"time"

	"charye/internal/civil"
)

// Campaign gives the campaign of an id.
func (p *Programme) Campaign(id string) (*Campaign, bool) {
	for i := range p.Campaigns {
		if p.Campaigns[i].ID == id {
			return &p.Campaigns[i], true
		}
	}
	return nil, false
}

// CampaignByNum gives the campaign of a [Campaign.Num].
func (p *Programme) CampaignByNum(num uint32) (*Campaign, bool) {
	for i := range p.Campaigns {
		if p.Campaigns[i].Num == num {
			return &p.Campaigns[i], true
		}
	}
	return nil, false
}

// Product gives the product of an id.
func (p *Programme) Product(id string) (*Product, bool) {
	for i := range p.Products {
		if p.Products[i].ID == id {
			return &p.Products[i], true
		}
	}
	return nil, false
}

// Phase tells what the dates say at an instant. Each boundary belongs to what begins there: at Opens it is open, at Closes
// closed, at a pause's To open again.
func (c *Campaign) Phase(now time.Time) Phase {
	switch {
	case now.Before(c.Gathers):
		return PhaseDraft
	case now.Before(c.Opens):
		return PhaseGathering
	case !now.Before(c.Closes):
		return PhaseClosed
	}
	if _, paused := c.Pause(now); paused {
		return PhasePaused
	}
	return PhaseOpen
}

// Pause gives the pause that an instant lies in.
func (c *Campaign) Pause(now time.Time) (Pause, bool) {
	for _, p := range c.Pauses {
		if !now.Before(p.From) && now.Before(p.To) {
			return p, true
		}
	}
	return Pause{}, false
}

// Reason says which rule a person does not meet.
type Reason string

// The reasons of [NotEligible].
const (
	ReasonBorn   Reason = "born"   // the date of birth is outside the campaign's range
	ReasonRoster Reason = "roster" // the person is not in the campaign's roster
)

// NotEligible tells that somebody is not among those a campaign is for. It names the campaign's rule and nothing about
// the person, so it may be logged; faces translate by Reason.
type NotEligible struct {
	Campaign string
	Reason   Reason
	Born     BornRange // with ReasonBorn: who is eligible
	Roster   string    // with ReasonRoster
}

// Error is in English.
func (e *NotEligible) Error() string {
	if e.Reason == ReasonBorn {
		return fmt.Sprintf("campaign %s is for people born from %s to %s", e.Campaign, e.Born.From, e.Born.To)
	}
	return fmt.Sprintf("campaign %s is for people in the roster %s", e.Campaign, e.Roster)
}

// Eligible answers whether a person may take part; nil means yes, otherwise the error is a [*NotEligible]. inRoster tells
// whether the person is in the roster of an id; it is asked only when the campaign has one, and a nil inRoster counts as
// "in none".
func (c *Campaign) Eligible(born civil.Date, inRoster func(roster string) bool) error {
	if c.Born != nil && (born < c.Born.From || born > c.Born.To) {
		return &NotEligible{Campaign: c.ID, Reason: ReasonBorn, Born: *c.Born}
	}
	if c.Roster != "" && (inRoster == nil || !inRoster(c.Roster)) {
		return &NotEligible{Campaign: c.ID, Reason: ReasonRoster, Roster: c.Roster}
	}
	return nil
}

// Interval gives the interval that follows a dose given on a day: the entry with the latest From that is not after it.
// A day before all entries gets the first one. A series of one dose has none: the zero Interval.
func (s *Series) Interval(on civil.Date) Interval {
	var found Interval
	for i, v := range s.Intervals {
		if i > 0 && v.From > on {
			break
		}
		found = v
	}
	return found
}

// Reach is the most days that can lie between the first and the last dose.
func (s *Series) Reach() int {
	longest := 0
	for _, v := range s.Intervals {
		longest = max(longest, v.Max)
	}
	return longest * max(s.Doses-1, 0)
}

// ChangeUntil is the instant before which the booking of a dose may still be changed or cancelled: the end of the day
// that lies UntilDays days before the day of the dose in zone, or the start of the session when UntilDays is 0.
func (c *Campaign) ChangeUntil(doseStart time.Time, zone *time.Location) time.Time {
	if c.Change.UntilDays == 0 {
		return doseStart
	}
	lastDay := civil.Of(doseStart, zone) - civil.Date(c.Change.UntilDays)
	return (lastDay + 1).At(0, zone)
}

// MayChange reports whether the booking of a dose may still be changed or cancelled at an instant.
func (c *Campaign) MayChange(now, doseStart time.Time, zone *time.Location) bool {
	return now.Before(c.ChangeUntil(doseStart, zone))
}
