package programme

import (
	"fmt"
	"slices"
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

// StockAt is the doses of dose 1 on offer at an instant: those of the opening and what came, and went, until then, without what is
// held back.
func (c *Campaign) StockAt(now time.Time) int {
	n := c.Stock
	for _, d := range c.Deliveries {
		if d.At.After(now) {
			break
		}
		n += d.Doses
	}
	if h := c.HoldBack; h.Until.IsZero() || now.Before(h.Until) {
		n -= h.Doses
	}
	return max(n, 0)
}

// Coming gives how many doses come on which day after an instant, those of one day together.
func (c *Campaign) Coming(now time.Time, zone *time.Location) map[civil.Date]int {
	out := map[civil.Date]int{}
	for _, d := range c.Deliveries {
		if d.Doses > 0 && d.At.After(now) {
			out[civil.Of(d.At, zone)] += d.Doses
		}
	}
	for _, day := range c.Come(now, zone) { // the first of its deliveries has come: what is booked on it counts from then on
		delete(out, day)
	}
	return out
}

// Come gives the days on which deliveries had come by an instant, each once, in order.
func (c *Campaign) Come(now time.Time, zone *time.Location) (days []civil.Date) {
	for _, d := range c.Deliveries {
		if d.At.After(now) {
			break
		}
		if day := civil.Of(d.At, zone); d.Doses > 0 && (len(days) == 0 || days[len(days)-1] != day) {
			days = append(days, day)
		}
	}
	return days
}

// Reason says which rule a person does not meet.
type Reason string

// The reasons of [NotEligible].
const (
	ReasonBorn   Reason = "born"   // the date of birth is outside the campaign's range
	ReasonRoster Reason = "roster" // the person is not in the campaign's roster
	ReasonExcept Reason = "except" // the person is in a roster that the campaign leaves out
)

// NotEligible tells that somebody is not among those a campaign is for. It names the campaign's rule and nothing about
// the person, so it may be logged; faces translate by Reason.
type NotEligible struct {
	Campaign string
	Reason   Reason
	Born     BornRange // with ReasonBorn: who is eligible
	Roster   string    // with ReasonRoster and ReasonExcept
}

// Error is in English.
func (e *NotEligible) Error() string {
	switch e.Reason {
	case ReasonBorn:
		return fmt.Sprintf("campaign %s is for people born from %s to %s", e.Campaign, e.Born.From, e.Born.To)
	case ReasonExcept:
		return fmt.Sprintf("campaign %s is not for people in the roster %s", e.Campaign, e.Roster)
	case ReasonRoster:
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
	for _, id := range c.Except {
		if inRoster != nil && inRoster(id) {
			return &NotEligible{Campaign: c.ID, Reason: ReasonExcept, Roster: id}
		}
	}
	return nil
}

// ComesFrom is the instant from which somebody may take a place, who asks at now: now itself, or the beginning of their next
// window of the rota; after the last one, when the rota is over. Born decides by the last digit of its day.
func (c *Campaign) ComesFrom(born civil.Date, now time.Time, zone *time.Location) time.Time {
	r := c.Rota
	if r == nil || !now.Before(r.over(zone)) {
		return now
	}
	digit := civilDay(born) % 10
	for day := r.From; day < r.From+civil.Date(r.Days); day++ {
		if civilDay(day)%10 != digit {
			continue
		}
		from, to := r.window(day, zone)
		switch {
		case now.Before(from):
			return from
		case now.Before(to):
			return now
		}
	}
	return r.over(zone)
}

// window is when those of a day take places.
func (r *Rota) window(day civil.Date, zone *time.Location) (from, to time.Time) {
	last := day
	if r.Closes <= r.Opens {
		last++
	}
	return day.At(r.Opens, zone), last.At(r.Closes, zone)
}

// over is the end of the last window.
func (r *Rota) over(zone *time.Location) time.Time {
	_, to := r.window(r.From+civil.Date(r.Days)-1, zone)
	return to
}

func civilDay(d civil.Date) int { return d.At(0, time.UTC).Day() }

// Offered gives the products that somebody may choose on a day, for a first dose on another.
func (p *Programme) Offered(c *Campaign, born, on, dose civil.Date) (ids []string) {
	for i := range c.Offers {
		o := &c.Offers[i]
		switch {
		case !o.on(on):
		case o.Born != nil && (born < o.Born.From || born > o.Born.To):
		default:
			if product, ok := p.Product(o.Product); ok && product.Suits(born, dose) {
				ids = append(ids, o.Product)
			}
		}
	}
	return ids
}

// OnOffer gives the products that somebody may choose on a day.
func (c *Campaign) OnOffer(on civil.Date) (ids []string) {
	for i := range c.Offers {
		if c.Offers[i].on(on) {
			ids = append(ids, c.Offers[i].Product)
		}
	}
	return ids
}

func (o *Offer) on(day civil.Date) bool {
	return (o.From == 0 || day >= o.From) && (o.Until == 0 || day <= o.Until)
}

// Suits reports whether somebody has the age for a first dose on a day: by the rule with the latest From that is not after it.
func (p *Product) Suits(born, dose civil.Date) bool {
	var rule AgeRule
	for _, r := range p.Ages {
		if r.From > dose {
			break
		}
		rule = r
	}
	age := Age(born, dose)
	return age >= rule.Min && (rule.Max == 0 || age <= rule.Max)
}

// DoseProduct gives of which product a dose of this one's series is, for somebody born on a day, whose dose before it is on another.
func (p *Product) DoseProduct(dose int, born, before civil.Date) string {
	id := p.ID
	for _, m := range p.Series.Mixed {
		if m.Dose == dose && before >= m.From && (m.Born == nil || born >= m.Born.From && born <= m.Born.To) {
			id = m.Product
		}
	}
	return id
}

// Limit says of how many doses of a product somebody may have at most in other campaigns.
type Limit struct {
	Product string
	Most    int
}

// Limits are those of somebody who books a product with so many doses of it.
func (p *Programme) Limits(product *Product, doses int) (out []Limit) {
	for i := range p.Products {
		o := &p.Products[i]
		if slices.Contains(product.NotWith, o.ID) || slices.Contains(o.NotWith, product.ID) {
			out = append(out, Limit{Product: o.ID})
		}
	}
	if product.Most > 0 {
		out = append(out, Limit{Product: product.ID, Most: max(product.Most-doses, 0)})
	}
	return out
}

// Age is how many birthdays somebody has had on a day, the day of birth not counted. Who was born on 29 February has theirs on
// 1 March where there is no such day, as in Korean law (Civil Act, article 158 and 160).
func Age(born, on civil.Date) int {
	b, d := born.At(0, time.UTC), on.At(0, time.UTC)
	age := d.Year() - b.Year()
	if d.Month() < b.Month() || d.Month() == b.Month() && d.Day() < b.Day() {
		age--
	}
	return age
}

// On reports whether helpers may act on a day.
func (h HelperRules) On(day civil.Date) bool {
	return h.Allowed && (h.From == 0 || day >= h.From) && (h.Until == 0 || day <= h.Until)
}

// As tells as what a helper may act on a day for somebody born on another: as family or a neighbour with their consent, or as their parent
// or guardian.
func (h HelperRules) As(born, on civil.Date) (family, guardian bool) {
	if h.Guardians == nil {
		return true, false
	}
	young := Age(born, on) < h.Guardians.Under
	return !young, young || h.Guardians.Wards
}

// Interval gives the interval that follows a dose given on a day to somebody who booked in a campaign: the entry with the latest
// From that is not after it, of those for everybody and those for the campaign; of two from the same date the campaign's own. A
// day before all entries gets the first one. A series of one dose has none: the zero Interval.
func (s *Series) Interval(campaign string, on civil.Date) Interval {
	var found Interval
	own, first := false, true
	for _, v := range s.Intervals {
		mine := slices.Contains(v.Campaigns, campaign)
		if len(v.Campaigns) > 0 && !mine {
			continue
		}
		if !first && v.From > on {
			break
		}
		if first || v.From > found.From || mine || !own {
			found, own = v, mine
		}
		first = false
	}
	return found
}

// AgainFrom is the first day on which a dose that was given on a day, and turned out to be spoilt, may be given again: by the entry with the
// latest From that is not after it, or the first one. False when the programme has no such rule.
func (s *Series) AgainFrom(given civil.Date) (civil.Date, bool) {
	if len(s.Again) == 0 {
		return 0, false
	}
	found := s.Again[0]
	for _, v := range s.Again[1:] {
		if v.From <= given {
			found = v
		}
	}
	return given + civil.Date(found.After), true
}

// Reach is the most days that can lie between the first and the last dose.
func (s *Series) Reach() int {
	longest := 0
	for _, v := range s.Intervals {
		longest = max(longest, v.Max)
	}
	return longest * max(s.Doses-1, 0)
}

// ChangeUntil is the instant before which the booking of a dose may still be changed or cancelled by the general rule: the end of the day
// that lies UntilDays days before the day of the dose in zone, or the start of the session when UntilDays is 0.
func (c *Campaign) ChangeUntil(doseStart time.Time, zone *time.Location) time.Time {
	return cutOff(c.Change.UntilDays, doseStart, zone)
}

func cutOff(untilDays int, doseStart time.Time, zone *time.Location) time.Time {
	if untilDays == 0 {
		return doseStart
	}
	lastDay := civil.Of(doseStart, zone) - civil.Date(untilDays)
	return (lastDay + 1).At(0, zone)
}

// ChangeRule gives the cut-off for changes that a channel makes on a day.
func (c *Campaign) ChangeRule(channel string, on civil.Date) ChangeRule {
	rule := ChangeRule{UntilDays: c.Change.UntilDays}
	for _, r := range c.Change.Rules {
		if r.From <= on && (len(r.Channels) == 0 || slices.Contains(r.Channels, channel)) {
			rule = r
		}
	}
	return rule
}

// MayChange reports whether a channel may still change or cancel the booking of a dose at an instant: by the rule for it with the latest
// From that is not after the day of that instant, else by the general one.
func (c *Campaign) MayChange(channel string, now, doseStart time.Time, zone *time.Location) bool {
	rule := c.ChangeRule(channel, civil.Of(now, zone))
	return now.Before(cutOff(rule.UntilDays, doseStart, zone)) && (rule.Notice == 0 || !now.After(doseStart.Add(-rule.Notice)))
}
