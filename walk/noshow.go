package walk

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/supply/dispense"
)

const (
	visitsEvery  = time.Second
	sitesAtOnce  = 50 // site-days looked at in a round: all 12,000 of a country within four minutes
	missedAtOnce = 500
	// lookBack is for how many days what happened is gone through again: servers may have stood still.
	lookBack = 4
)

// visiting is where the background work stands in going through the days of the sites. Of the one goroutine that does.
type visiting struct {
	next int // of the list of site-days
	list []siteDay
	made civil.Date
	at   int64 // version of the directory
	done map[siteDay]bool
}

// siteDay is a day of a site to be gone through: when it is over, and once more when what is kept for those who were turned away ends.
type siteDay struct {
	site site.Num
	day  civil.Date
	kept bool
}

// visits goes through some sites' days: takes those for no-shows who did not come, ends what was kept long enough for those who were turned
// away, and tells the supply room of doses that it was not told of. Several nodes at it do no harm: what was decided is decided once,
// by the ledger.
func (w *Walk) visits(ctx context.Context) error {
	if !w.doses.Tells() && !slices.ContainsFunc(w.programme.Campaigns, func(c programme.Campaign) bool { return len(c.Visits) > 0 }) {
		return nil
	}
	today := civil.Of(w.now(), w.programme.Zone)
	v := &w.visiting
	d := w.sites.Load()
	if v.next >= len(v.list) || v.made != today || v.at != d.version {
		v.list, v.next, v.made, v.at = w.siteDays(today), 0, today, d.version
	}
	var errs []error
	looked := 0
	for ; v.next < len(v.list) && looked < sitesAtOnce; v.next++ {
		at := v.list[v.next]
		if v.done[at] || !at.kept && at.day != today && w.free.SeatsUsed(at.site, at.day) == 0 {
			continue
		}
		looked++
		settled, err := w.visitsAt(ctx, at, today)
		if err != nil {
			errs = append(errs, err)
			if len(errs) > 3 {
				break // the store is away
			}
			continue
		}
		if settled && at.day < today {
			v.done[at] = true
		}
	}
	return errors.Join(errs...)
}

// siteDays lists what is to be gone through, today's first, and forgets what is over.
func (w *Walk) siteDays(today civil.Date) []siteDay {
	days := map[siteDay]bool{}
	for back := range civil.Date(lookBack) {
		days[siteDay{day: today - back}] = true
		for i := range w.programme.Campaigns {
			for _, r := range w.programme.Campaigns[i].Visits {
				days[siteDay{day: today - civil.Date(r.KeepDays) - 1 - back, kept: true}] = true
			}
		}
	}
	done := map[siteDay]bool{}
	for at := range w.visiting.done {
		if days[siteDay{day: at.day, kept: at.kept}] {
			done[at] = true
		}
	}
	w.visiting.done = done
	out := make([]siteDay, 0, len(days)*w.sites.Load().index.Len())
	for at := range days {
		for _, s := range w.sites.Load().index.All() {
			out = append(out, siteDay{s.Num, at.day, at.kept})
		}
	}
	slices.SortFunc(out, func(a, b siteDay) int { return cmp.Or(cmp.Compare(b.day, a.day), cmp.Compare(a.site, b.site)) })
	return out
}

// visitsAt settles one day of a site. settled: there is nothing more to come of it.
func (w *Walk) visitsAt(ctx context.Context, at siteDay, today civil.Date) (settled bool, err error) {
	list, err := w.ledger.Day(ctx, at.site, at.day, mostVisitors)
	if err != nil {
		return false, err
	}
	place, ok := w.sites.Load().index.ByNum(at.site)
	if !ok {
		return true, nil
	}
	now, told, settled := w.now(), false, true
	for i := range list {
		for k := range list[i].Doses {
			d := &list[i].Doses[k]
			if d.Slot.Site != at.site || d.Slot.Day != at.day {
				continue
			}
			told = told || d.Visit.State != booking.Expected && d.Visit.State != booking.NoShow
			if d.Visit.State == booking.Given {
				given := dispense.Dose{Booking: list[i].ID, Dose: d.Dose, Site: place.ID, From: d.Visit.From, At: d.Visit.At}
				if err := w.gaveOnce(ctx, given); err != nil {
					return false, err
				}
			}
		}
	}
	done := 0
	for i := range list {
		b := &list[i]
		for k := range b.Doses {
			d := &b.Doses[k]
			if b.Status != booking.Booked || d.Slot.Site != at.site || d.Slot.Day != at.day {
				continue
			}
			c, ok := w.programme.CampaignByNum(b.Campaign)
			if !ok {
				continue
			}
			req := booking.Request{Campaign: b.Campaign, Person: b.Person, Channel: "system", At: now, Booking: b.ID, Dose: d.Dose}
			r := c.VisitsOn(d.Slot.Day)
			switch {
			case r == nil:
				continue
			case d.Visit.State == booking.TurnedAway && k == 0 && today > d.Slot.Day+civil.Date(r.KeepDays):
				req.Op, req.Dose, req.Why = booking.OpCancel, 0, "kept-long-enough"
			case d.Visit.State == booking.Expected && r.NoShow != nil && told:
				end := d.Slot.Day.At(d.Slot.Minute+d.Minutes, w.programme.Zone)
				if now.Before(end.Add(r.NoShow.After)) {
					settled = false
					continue
				}
				req.Op = booking.OpVisit
				req.Visit = booking.Visit{State: booking.NoShow, Kept: k == 0 && w.keptOf(list, at.site, d.Slot, b.ID)}
			case d.Visit.State == booking.Arrived:
				settled = false
				continue
			default:
				continue
			}
			if done++; done > missedAtOnce {
				return false, nil
			}
			out, err := w.desk.Do(ctx, req)
			if err != nil {
				return false, err
			}
			if out.Result == booking.Done && req.Op == booking.OpVisit {
				*b = out.Booking
				break
			}
		}
	}
	return settled, nil
}

// gaveOnce tells the supply room of a dose that this process did not tell of before.
func (w *Walk) gaveOnce(ctx context.Context, d dispense.Dose) error {
	key := givenKey{d.Booking, d.Dose, d.At.UnixMicro()}
	w.gave.mu.Lock()
	known := w.gave.told[key]
	w.gave.mu.Unlock()
	if known {
		return nil
	}
	if err := w.doses.Gave(ctx, d, w.now()); err != nil {
		return err
	}
	w.gave.mu.Lock()
	defer w.gave.mu.Unlock()
	if w.gave.told == nil || len(w.gave.told) >= looksMost {
		w.gave.told = map[givenKey]bool{}
	}
	w.gave.told[key] = true
	return nil
}

// givenDoses are those that this process has told of.
type givenDoses struct {
	mu   sync.Mutex
	told map[givenKey]bool
}

type givenKey struct {
	booking int64
	dose    int
	at      int64
}

// visitRules are those of a campaign on a day; nil without either.
func visitRules(c *programme.Campaign, day civil.Date) *programme.VisitRules {
	if c == nil {
		return nil
	}
	return c.VisitsOn(day)
}

// ComesAgain is when somebody may book again who did not come. It names no person.
type ComesAgain struct {
	From  time.Time // not before; zero: at once
	Last  bool      // when nobody in the line is ahead any more …
	Until time.Time // … and at the latest then
}

// Error is in English.
func (e *ComesAgain) Error() string {
	if e.Last {
		return "after a missed appointment others go first, until " + e.Until.Format(time.RFC3339) + " at the latest"
	}
	return "after a missed appointment booking is possible from " + e.From.Format(time.RFC3339)
}

// afterMissing is what follows from appointments that somebody missed in a campaign; nil: nothing, or nothing any more.
func (w *Walk) afterMissing(c *programme.Campaign, all []booking.Booking) *ComesAgain {
	n, last := 0, civil.Date(0)
	var rules *programme.NoShowRules
	for i := range all {
		b := &all[i]
		if b.Campaign != c.Num || b.Status != booking.Missed || len(b.Doses) == 0 {
			continue
		}
		n++
		if day := b.Doses[0].Slot.Day; day >= last {
			last = day
			if r := c.VisitsOn(day); r != nil {
				rules = r.NoShow
			}
		}
	}
	if rules == nil {
		return nil
	}
	from, behind, until := rules.Again(n, last)
	out := &ComesAgain{From: from.At(0, w.programme.Zone), Last: behind, Until: until.At(0, w.programme.Zone)}
	now := w.now()
	if !now.Before(out.Until) || !behind && !now.Before(out.From) {
		return nil
	}
	return out
}

// viewMissed is a booking as its person sees it, with what follows where nobody came.
func (w *Walk) viewMissed(ctx context.Context, o ownBooking) (Booking, error) {
	v := w.view(o.Booking, o.subject)
	if !v.Missed {
		return v, nil
	}
	all, err := w.ledger.Bookings(ctx, o.Person)
	if err != nil {
		return Booking{}, unavailable(err)
	}
	if _, live := liveOf(o.campaign, all); !live {
		v.Again = w.afterMissing(o.campaign, all)
		v.Closed = !w.now().Before(o.campaign.Closes)
	}
	return v, nil
}

// mayComeAgain refuses whoever missed an appointment in the campaign as long as its rules have others go first. A dose that is kept for them by
// an invitation is theirs all the same.
func (w *Walk) mayComeAgain(ctx context.Context, c *programme.Campaign, who person.Key, all []booking.Booking) error {
	e := w.afterMissing(c, all)
	if e == nil {
		return nil
	}
	now := w.now()
	if !now.Before(e.From) { // only others' turns are before them
		st, err := w.line.Status(ctx, c.Num)
		if err != nil {
			return unavailable(err)
		}
		if int(st.Admitted) >= st.Joined {
			return nil
		}
	}
	if until, err := w.invitation(ctx, c, who); err != nil || !until.IsZero() {
		return err
	}
	out := refuse(NotOpen, "%s", e.Error())
	out.Err, out.RetryAfter = e, e.From.Sub(now)
	if out.RetryAfter <= 0 {
		out.RetryAfter = soldOutRetry
	}
	return out
}
