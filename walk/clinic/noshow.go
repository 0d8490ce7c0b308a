package clinic

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/programme"
	"charye/site"
	"charye/supply/dispense"
)

const (
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

// Every is how often [Clinic.Round] is called.
const Every = time.Second

// Round goes through some sites' days: takes those for no-shows who did not come, ends what was kept long enough for those who were turned
// away, and tells the supply room of doses that it was not told of. Several nodes at it do no harm: what was decided is decided once,
// by the ledger.
func (cl *Clinic) Round(ctx context.Context) error {
	if !cl.doses.Tells() && !slices.ContainsFunc(cl.programme.Campaigns, func(c programme.Campaign) bool { return len(c.Visits) > 0 }) {
		return nil
	}
	today := civil.Of(cl.now(), cl.programme.Zone)
	v := &cl.visiting
	d := cl.sites.Now()
	if v.next >= len(v.list) || v.made != today || v.at != d.Version {
		v.list, v.next, v.made, v.at = cl.siteDays(today), 0, today, d.Version
	}
	var errs []error
	looked := 0
	for ; v.next < len(v.list) && looked < sitesAtOnce; v.next++ {
		at := v.list[v.next]
		if v.done[at] || !at.kept && at.day != today && cl.free.SeatsUsed(at.site, at.day) == 0 {
			continue
		}
		looked++
		settled, err := cl.visitsAt(ctx, at, today)
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
func (cl *Clinic) siteDays(today civil.Date) []siteDay {
	days := map[siteDay]bool{}
	for back := range civil.Date(lookBack) {
		days[siteDay{day: today - back}] = true
		for i := range cl.programme.Campaigns {
			for _, r := range cl.programme.Campaigns[i].Visits {
				days[siteDay{day: today - civil.Date(r.KeepDays) - 1 - back, kept: true}] = true
			}
		}
	}
	done := map[siteDay]bool{}
	for at := range cl.visiting.done {
		if days[siteDay{day: at.day, kept: at.kept}] {
			done[at] = true
		}
	}
	cl.visiting.done = done
	out := make([]siteDay, 0, len(days)*cl.sites.Now().Len())
	for at := range days {
		for _, s := range cl.sites.Now().All() {
			out = append(out, siteDay{s.Num, at.day, at.kept})
		}
	}
	slices.SortFunc(out, func(a, b siteDay) int { return cmp.Or(cmp.Compare(b.day, a.day), cmp.Compare(a.site, b.site)) })
	return out
}

// visitsAt settles one day of a site. settled: there is nothing more to come of it.
func (cl *Clinic) visitsAt(ctx context.Context, at siteDay, today civil.Date) (settled bool, err error) {
	list, err := cl.ledger.Day(ctx, at.site, at.day, mostVisitors)
	if err != nil {
		return false, err
	}
	place, ok := cl.sites.Now().ByNum(at.site)
	if !ok {
		return true, nil
	}
	now, told, settled := cl.now(), false, true
	for i := range list {
		for k := range list[i].Doses {
			d := &list[i].Doses[k]
			if d.Slot.Site != at.site || d.Slot.Day != at.day {
				continue
			}
			told = told || d.Visit.State != booking.Expected && d.Visit.State != booking.NoShow
			if d.Visit.State == booking.Given {
				given := dispense.Dose{Booking: list[i].ID, Dose: d.Dose, Site: place.ID, From: d.Visit.From, At: d.Visit.At}
				if err := cl.gaveOnce(ctx, given); err != nil {
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
			c, ok := cl.programme.CampaignByNum(b.Campaign)
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
				end := d.Slot.Day.At(d.Slot.Minute+d.Minutes, cl.programme.Zone)
				if now.Before(end.Add(r.NoShow.After)) {
					settled = false
					continue
				}
				req.Op = booking.OpVisit
				req.Visit = booking.Visit{State: booking.NoShow, Kept: k == 0 && cl.keptOf(list, at.site, d.Slot, b.ID)}
			case d.Visit.State == booking.Arrived:
				settled = false
				continue
			default:
				continue
			}
			if done++; done > missedAtOnce {
				return false, nil
			}
			out, err := cl.desk.Do(ctx, req)
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
func (cl *Clinic) gaveOnce(ctx context.Context, d dispense.Dose) error {
	key := givenKey{d.Booking, d.Dose, d.At.UnixMicro()}
	cl.gave.mu.Lock()
	known := cl.gave.told[key]
	cl.gave.mu.Unlock()
	if known {
		return nil
	}
	if err := cl.doses.Gave(ctx, d, cl.now()); err != nil {
		return err
	}
	cl.gave.mu.Lock()
	defer cl.gave.mu.Unlock()
	if cl.gave.told == nil || len(cl.gave.told) >= givenMost {
		cl.gave.told = map[givenKey]bool{}
	}
	cl.gave.told[key] = true
	return nil
}

// givenMost bounds what is remembered; what was forgotten is told once more.
const givenMost = 1 << 15

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
