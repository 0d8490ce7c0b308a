// Package stock is what a campaign has to give at a moment, and to whom: doses on offer, what is left of them for whom, the shares that they
// are split into, the vials at the sites, and who stands before others.
//
// It owns the counters' capacities by the dates of the programme, what a first dose claims beside its seat, and telling the lines what is
// left. It must not know who asks, of passes or of pages: it is given the rules, the ledger with its snapshot, the lines and a clock.
package stock

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"charye/booking"
	"charye/internal/clock"
	"charye/internal/weak"
	"charye/line"
	"charye/programme"
	"charye/site"
)

// Deps are what the stock is wired to.
type Deps struct {
	Programme *programme.Programme
	Line      line.Line
	Ledger    booking.Ledger
	Free      *booking.Snapshot
	Sites     *site.Directory
	Clock     clock.Func
	Log       *slog.Logger
}

// Stock answers from the snapshot. Safe for concurrent use, except [Stock.Follow], which one goroutine calls.
type Stock struct {
	programme *programme.Programme
	line      line.Line
	ledger    booking.Ledger
	free      *booking.Snapshot
	sites     *site.Directory
	now       clock.Func
	log       *slog.Logger

	stocked map[booking.Counter]int // what the dates say, as last looked at; of Follow
}

// New gives counters that exist the capacity of the rules as they are now, and tells the lines what is left. One that would fall below what
// is taken already stays as it is and is logged. Rules with a share of a region that there is not are refused.
func New(ctx context.Context, d Deps) (*Stock, error) {
	s := &Stock{
		programme: d.Programme, line: d.Line, ledger: d.Ledger, free: d.Free, sites: d.Sites, now: d.Clock, log: d.Log,
		stocked: map[booking.Counter]int{},
	}
	if err := s.knownRegions(); err != nil {
		return nil, err
	}
	if err := s.reconcile(ctx); err != nil {
		return nil, err
	}
	if err := s.free.Refresh(ctx); err != nil {
		return nil, err
	}
	s.tellLines(ctx)
	return s, nil
}

// FollowEvery is how often [Stock.Follow] is called: pages read counts that are at most so old.
const FollowEvery = 200 * time.Millisecond

// Follow reads what happened to bookings, sets what the dates change, and tells the lines.
func (s *Stock) Follow(ctx context.Context) error {
	if err := s.free.Refresh(ctx); err != nil {
		return err
	}
	if err := s.restock(ctx); err != nil {
		return err
	}
	s.tellLines(ctx)
	return nil
}

// OnOffer is the doses of dose 1 that are on offer at an instant: what the rules say, and what was delivered beside them.
func (s *Stock) OnOffer(c *programme.Campaign, now time.Time) int {
	set := func(id booking.Counter) int {
		n, _ := s.free.Capacity(id)
		return n
	}
	return booking.OnOffer(c.Num, c.StockAt(now), c.Come(now, s.programme.Zone), set, s.free.Used)
}

// Remaining is the stock of dose 1 that nobody has booked or holds.
func (s *Stock) Remaining(c *programme.Campaign) int {
	return max(0, s.OnOffer(c, s.now())-s.free.Used(booking.StockCounter(c.Num)))
}

// StandsBy tells whether a campaign's stock is for those who are invited, and up to which number they were.
func (s *Stock) StandsBy(c *programme.Campaign) (called uint32, only bool) {
	id := booking.StandbyCounter(c.Num)
	numbers, ok := s.free.Capacity(id)
	used := s.free.Used(id)
	return uint32(used), ok && used < numbers
}

// StandFirst is how many people of a campaign lost their dose and are not recalled yet. Whose dose was lost stands first
// (booking.Booking.Displaced): what comes free is kept for them before anybody else.
func (s *Stock) StandFirst(c *programme.Campaign) int {
	if weak.Off(weak.FaultFirst) {
		return 0
	}
	return s.free.Used(booking.DisplacedCounter(c.Num))
}

// restock gives the counters of stock what the dates say by now. Only what this node sees change is set: of two nodes whose
// clocks are apart the slower does not undo what the faster did.
func (s *Stock) restock(ctx context.Context) error {
	for i := range s.programme.Campaigns {
		c := &s.programme.Campaigns[i]
		now := s.now()
		dated := []booking.Claim{{Counter: booking.StockCounter(c.Num), Capacity: s.OnOffer(c, now)}}
		if c.Channeled() {
			dated = append(dated, booking.Claim{Counter: booking.ChannelShareCounter(c.Num, 0), Capacity: s.open(c, now)})
		}
		for _, claim := range dated {
			if err := s.reset(ctx, c, claim); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Stock) reset(ctx context.Context, c *programme.Campaign, claim booking.Claim) error {
	had, looked := s.stocked[claim.Counter]
	if looked && had != claim.Capacity {
		err := s.ledger.SetCapacity(ctx, []booking.Claim{claim})
		switch {
		case errors.Is(err, booking.ErrBelowUsed):
			s.log.LogAttrs(ctx, slog.LevelWarn, "the stock now is less than is booked already; bookings stand, nothing more is given: "+claim.Counter.String())
		case err != nil:
			return err
		default:
			s.log.LogAttrs(ctx, slog.LevelInfo, "stock", slog.String("campaign", c.ID), slog.String("counter", claim.Counter.String()), slog.Int("from", had), slog.Int("to", claim.Capacity))
		}
	}
	s.stocked[claim.Counter] = claim.Capacity
	return nil
}

// holdsLooked is how many holds are looked at, to see whether one may fall back to a campaign without stock.
const holdsLooked = 1000

// tellLines tells each line how much stock is left.
func (s *Stock) tellLines(ctx context.Context) {
	for i := range s.programme.Campaigns {
		c := &s.programme.Campaigns[i]
		free := s.Remaining(c)
		if s.StandFirst(c) > 0 {
			free = 0 // it is theirs
		}
		unbooked := free
		if free == 0 {
			// Sold out is only said when no hold can fall back any more.
			holds, err := s.ledger.DueHolds(ctx, s.now().Add(24*time.Hour), holdsLooked)
			if err != nil {
				continue
			}
			for _, h := range holds {
				if h.Campaign == c.Num {
					unbooked++
				}
			}
			if unbooked == 0 && len(holds) == holdsLooked {
				unbooked = 1 // there are more holds than were looked at, and one of them may be of this campaign
			}
		}
		s.line.Supply(c.Num, free, unbooked)
		if called, only := s.StandsBy(c); only || called > 0 {
			s.line.StandBy(c.Num, called)
		}
	}
}

// reconcile gives counters that exist the capacity of the rules as they are now.
func (s *Stock) reconcile(ctx context.Context) error {
	want := make([]booking.Claim, 0, 64)
	_, err := s.ledger.Counters(ctx, func(st booking.CounterState) {
		if capacity, ok := s.capacity(st.Counter); ok && capacity != st.Capacity {
			want = append(want, booking.Claim{Counter: st.Counter, Capacity: capacity})
		}
	})
	if err != nil {
		return err
	}
	for _, claim := range want {
		err := s.ledger.SetCapacity(ctx, []booking.Claim{claim})
		switch {
		case errors.Is(err, booking.ErrBelowUsed):
			s.log.LogAttrs(ctx, slog.LevelWarn, "the rules now allow less than is booked already; bookings stand, nothing more is given: "+claim.Counter.String())
		case err != nil:
			return err
		}
	}
	return nil
}

// capacity is what the rules say about a counter now; ok is false for one they say nothing of.
func (s *Stock) capacity(id booking.Counter) (int, bool) {
	if num, ok := id.Campaign(); ok {
		c, ok := s.programme.CampaignByNum(num)
		if !ok {
			return 0, false
		}
		return s.OnOffer(c, s.now()), true
	}
	if doses, ok := s.shareCapacity(id, s.now()); ok {
		return doses, true
	}
	ses, ok := id.Session()
	if !ok {
		return 0, false
	}
	at, ok := s.sites.Now().ByNum(ses.Site)
	if !ok {
		return 0, false
	}
	for _, x := range s.programme.Sessions(at.ID, at.Kind, at.Region, ses.Day) {
		if x.Minute == ses.Minute {
			return x.Seats, true
		}
	}
	return 0, false
}
