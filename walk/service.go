package walk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"charye/approval"
	"charye/booking"
	"charye/internal/batch"
	"charye/internal/clock"
	"charye/internal/durable"
	"charye/internal/ratelimit"
	"charye/internal/seal"
	"charye/leftover"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/supply/dispense"
	"charye/supply/room"

	"golang.org/x/time/rate"
)

// Deps are what a walk is wired to.
type Deps struct {
	Programme *programme.Programme
	Line      line.Line
	Ledger    booking.Ledger
	Sites     site.Store
	People    person.Store
	Outbox    notify.Outbox  // nil: nobody is told anything
	Leftovers leftover.Store // nil: leftover doses are not offered
	Dispense  *dispense.Room // nil: nothing is known of boxes at the counter, and nobody is told of doses
	Approvals approval.Store // nil: nothing can be asked for
	Supply    *room.Room     // nil: no product has rules for its storage
	Rules     *Rules         // that wait for two people; nil: none
	// ChangeOf holds a programme file against the one that is served; nil: it cannot be done here.
	ChangeOf func(src []byte) (RuleChange, error)
	Version  string // of the program
	Shared   bool   // the engines are those of many nodes
	Keys     *seal.Keys
	Clock    clock.Func
	Log      *slog.Logger
}

// Walk is the service that faces call. Safe for concurrent use.
type Walk struct {
	programme *programme.Programme
	line      line.Line
	ledger    booking.Ledger
	desk      *booking.Desk
	free      *booking.Snapshot
	siteStore site.Store
	sites     atomic.Pointer[directory]
	people    person.Store
	outbox    notify.Outbox
	rosters   *person.Rosters
	keyer     *person.Keyer
	keys      *seal.Keys
	tickets   *line.Tickets
	passes    *line.Passes
	pseudonym line.Pseudonyms
	bookingID [32]byte
	guesses   *ratelimit.Memory
	looks     looks
	now       clock.Func
	log       *slog.Logger

	leavers leavers
	supply  *room.Room

	doses     *dispense.Room
	gave      givenDoses
	staffFrom []string // namespaces of providers whose staff work at sites
	visiting  visiting

	// Of the one goroutine of the background work that uses them.
	stocked   map[booking.Counter]int      // what the dates say about stock, as last looked at
	callees   map[uint32]callees           // by campaign
	displaced map[uint32][]booking.Booking // by campaign: who stands first, as read last
	near      map[uint32]*lookedAt

	approvals approval.Store // nil: none
	rules     *Rules
	changeOf  func([]byte) (RuleChange, error)
	version   string
	shared    bool
	started   time.Time
	ended     ended
	lookKey   [32]byte // of the names in an auditor's pages

	leftovers     leftover.Store
	leftoverPool  *batch.Pool[leftover.Request, leftover.Outcome] // nil without leftovers
	leftoverKey   [32]byte                                        // of the draw among equals
	leftoversTold int64                                           // up to which offer people were told; of the background work
}

// holdFor is how long a held slot is kept: long enough to read a page twice, short enough that nobody sits on seats.
const holdFor = 3 * time.Minute

// takeoverWithin is how fresh a sign-in must be to move a live pass to another device.
const takeoverWithin = 5 * time.Minute

// New wires a walk and reads what it needs to answer its first request: sites, rosters and the counters as they stand.
// Counters whose rule changed since the last start get their new capacity; one that would fall below what is taken
// already stays as it is and is logged.
func New(ctx context.Context, d Deps) (*Walk, error) {
	w := &Walk{
		programme: d.Programme,
		line:      d.Line,
		ledger:    d.Ledger,
		desk:      booking.NewDesk(d.Ledger, batch.Options{}),
		siteStore: d.Sites,
		people:    d.People,
		outbox:    d.Outbox,
		rosters:   person.NewRosters(d.People),
		keyer:     person.NewKeyer(d.Keys),
		keys:      d.Keys,
		tickets:   line.NewTickets(d.Keys),
		passes:    line.NewPasses(d.Keys),
		pseudonym: line.NewPseudonyms(d.Keys),
		bookingID: d.Keys.Secret("booking-id"),
		guesses:   ratelimit.NewMemory(1 << 16),
		now:       d.Clock,
		log:       d.Log,
		approvals: d.Approvals,
		rules:     d.Rules,
		changeOf:  d.ChangeOf,
		version:   d.Version,
		shared:    d.Shared,
		started:   d.Clock(),
		lookKey:   d.Keys.Secret("look-names"),

		stocked: map[booking.Counter]int{}, callees: map[uint32]callees{}, displaced: map[uint32][]booking.Booking{}, near: map[uint32]*lookedAt{},
		leavers: leavers{fails: rate.Sometimes{First: 1, Interval: 10 * time.Second}},
	}
	w.supply = d.Supply
	if d.Leftovers != nil {
		w.leftovers, w.leftoverKey = d.Leftovers, d.Keys.Secret("leftover-draw")
		w.leftoverPool = batch.New(d.Leftovers.Apply, batch.Options{MaxBatch: leftover.MaxRequests})
	}
	if w.doses = d.Dispense; w.doses == nil {
		w.doses = dispense.New(SupplyRules(d.Programme))
	}
	if err := w.knownRegions(); err != nil {
		return nil, err
	}
	if err := w.reloadSites(ctx); err != nil {
		return nil, err
	}
	if err := w.rosters.Reload(ctx); err != nil {
		return nil, err
	}
	free, err := booking.NewSnapshot(ctx, d.Ledger)
	if err != nil {
		return nil, err
	}
	w.free = free
	if err := w.reconcile(ctx); err != nil {
		return nil, err
	}
	if err := w.free.Refresh(ctx); err != nil {
		return nil, err
	}
	w.tellSupply(ctx)
	return w, nil
}

// Stop answers everybody who waits for a booking to be committed, and takes no more.
func (w *Walk) Stop() {
	w.desk.Stop()
	if w.leftoverPool != nil {
		w.leftoverPool.Stop()
	}
}

// Waiting is how many requests wait for the next commit of bookings.
func (w *Walk) Waiting() int { return w.desk.Waiting() }

// Programme gives the rules in force.
func (w *Walk) Programme() *programme.Programme { return w.programme }

// Now is server time.
func (w *Walk) Now() time.Time { return w.now() }

// Campaigns lists all campaigns as they stand.
func (w *Walk) Campaigns(ctx context.Context) ([]Campaign, error) {
	out := make([]Campaign, 0, len(w.programme.Campaigns))
	for i := range w.programme.Campaigns {
		c, err := w.standing(ctx, &w.programme.Campaigns[i], w.now())
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// Campaign finds one campaign by id; [NotFound] otherwise.
func (w *Walk) Campaign(ctx context.Context, id string) (Campaign, error) {
	c, err := w.campaign(id)
	if err != nil {
		return Campaign{}, err
	}
	return w.standing(ctx, c, w.now())
}

func (w *Walk) campaign(id string) (*programme.Campaign, error) {
	c, ok := w.programme.Campaign(id)
	if !ok {
		return nil, refuse(NotFound, "there is no such campaign; GET /api/v1/campaigns lists them")
	}
	return c, nil
}

func (w *Walk) standing(ctx context.Context, c *programme.Campaign, now time.Time) (Campaign, error) {
	out := Campaign{Campaign: c, State: CampaignState(c.Phase(now)), OnOffer: w.stock(c, now), Remaining: w.remainingFor(c, "")}
	if pause, ok := c.Pause(now); ok {
		out.PauseWhy = pause.Why
	}
	if out.State == CampaignState(programme.PhaseOpen) {
		st, err := w.line.Status(ctx, c.Num)
		if err != nil {
			return Campaign{}, unavailable(err)
		}
		// What comes free is for those who were invited; to everybody else it is sold out.
		if _, only := w.standsBy(c); st.SoldOut || only || w.standFirst(c) > 0 || c.Channeled() && out.Remaining == 0 {
			out.State = StateSoldOut
			if left := w.remaining(c); c.Channeled() && out.Remaining == 0 && left > 0 && w.standFirst(c) == 0 && !only {
				out.SetAside, out.Released = left, c.Released(now)
			}
		}
	}
	return out, nil
}

// Line gives the public document of a campaign's line.
func (w *Walk) Line(ctx context.Context, campaign string) (LineDoc, error) {
	c, err := w.campaign(campaign)
	if err != nil {
		return LineDoc{}, err
	}
	now := w.now()
	view, err := w.standing(ctx, c, now)
	if err != nil {
		return LineDoc{}, err
	}
	st, err := w.line.Status(ctx, c.Num)
	if err != nil {
		return LineDoc{}, unavailable(err)
	}
	d, err := w.line.Draw(ctx, c.Num)
	if err != nil {
		return LineDoc{}, unavailable(err)
	}
	return LineDoc{
		State: view.State, Joined: st.Joined, Admitted: st.Admitted, Inside: st.Inside, PerMinute: st.PerMinute,
		Remaining: view.Remaining, Commitment: d.Commitment, Seed: d.Seed, Drawn: d.Drawn, ServerTime: now,
	}, nil
}

// Draw gives the public record of the draw.
func (w *Walk) Draw(ctx context.Context, campaign string) (line.Draw, error) {
	c, err := w.campaign(campaign)
	if err != nil {
		return line.Draw{}, err
	}
	d, err := w.line.Draw(ctx, c.Num)
	if err != nil {
		return line.Draw{}, unavailable(err)
	}
	return d, nil
}

// Entrants opens the drawn order; the caller closes it. [NotOpen] before the draw.
func (w *Walk) Entrants(ctx context.Context, campaign string) (io.ReadSeekCloser, error) {
	c, err := w.campaign(campaign)
	if err != nil {
		return nil, err
	}
	r, err := w.line.Entrants(ctx, c.Num)
	if err != nil {
		return nil, w.lineError(c, err)
	}
	return r, nil
}

// remaining is the stock of dose 1 that nobody has booked or holds, from the snapshot.
func (w *Walk) remaining(c *programme.Campaign) int {
	return max(0, w.stock(c, w.now())-w.free.Used(booking.StockCounter(c.Num)))
}

// unavailable is the answer when a store is down or full: entry stays closed, places are kept, come back soon.
func unavailable(err error) error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	e := refuse(Overloaded, "this cannot be done right now; nothing is lost, and trying again is safe")
	e.RetryAfter = 5 * time.Second
	e.Err = err
	switch full, ok := errors.AsType[*batch.FullError](err); {
	case ok:
		e.Detail = "too many requests are waiting; nothing is lost, try again after the time given"
		e.RetryAfter = full.RetryAfter
	case errors.Is(err, durable.ErrDiskFull):
		e.Detail = "the service cannot store anything at the moment; nothing is lost, try again later"
		e.RetryAfter = 30 * time.Second
	}
	return e
}

// lineError is the one table from what a line refuses to what a person is told.
func (w *Walk) lineError(c *programme.Campaign, err error) error {
	now := w.now()
	switch {
	case errors.Is(err, line.ErrNotOpen):
		e := refuse(NotOpen, "%s is not open yet", c.ID)
		switch {
		case now.Before(c.Gathers):
			e.RetryAfter = c.Gathers.Sub(now)
			e.Detail = c.ID + " takes people from " + c.Gathers.In(w.programme.Zone).Format(time.RFC3339)
		case now.Before(c.Opens):
			e.RetryAfter = c.Opens.Sub(now)
			e.Detail = c.ID + " opens at " + c.Opens.In(w.programme.Zone).Format(time.RFC3339)
		default:
			e.RetryAfter = 5 * time.Second
		}
		return e
	case errors.Is(err, line.ErrClosed):
		return refuse(Closed, "%s closed at %s", c.ID, c.Closes.In(w.programme.Zone).Format(time.RFC3339))
	case errors.Is(err, line.ErrNoPlace):
		return refuse(NotFound, "this person has no place in the line of %s; join first", c.ID)
	case errors.Is(err, line.ErrNotYourTurn):
		return refuse(NotYourTurn, "it is not this person's turn yet; the place is kept")
	case errors.Is(err, line.ErrOtherDevice):
		return refuse(OtherDevice, "booking goes on on another device; sign in again and ask for a takeover to go on here")
	case errors.Is(err, line.ErrNoPass):
		return refuse(NoPass, "the pass is not the live one; ask for a pass again")
	case errors.Is(err, line.ErrInsideFull):
		e := refuse(Overloaded, "many people are choosing right now; the turn is kept, try again after the time given")
		e.RetryAfter = 4 * time.Second
		return e
	case errors.Is(err, line.ErrNoCampaign):
		return refuse(NotFound, "there is no such campaign")
	}
	return unavailable(err)
}
