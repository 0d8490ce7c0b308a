package walk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"charye/booking"
	"charye/internal/batch"
	"charye/internal/clock"
	"charye/internal/durable"
	"charye/internal/ratelimit"
	"charye/internal/seal"
	"charye/line"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/walk/look"
	"charye/walk/stock"

	"golang.org/x/time/rate"
)

// Deps are what a walk is wired to.
type Deps struct {
	Programme *programme.Programme
	Line      line.Line
	Ledger    booking.Ledger
	Desk      *booking.Desk     // over the ledger
	Free      *booking.Snapshot // of the ledger
	Stock     *stock.Stock
	Sites     *site.Directory
	People    person.Store
	Looks     *look.Book
	Keys      *seal.Keys
	Clock     clock.Func
	Log       *slog.Logger
}

// Walk is the service that faces call. Safe for concurrent use.
type Walk struct {
	programme *programme.Programme
	line      line.Line
	ledger    booking.Ledger
	desk      *booking.Desk
	free      *booking.Snapshot
	stock     *stock.Stock
	sites     *site.Directory
	people    person.Store
	rosters   *person.Rosters
	keyer     *person.Keyer
	keys      *seal.Keys
	tickets   *line.Tickets
	passes    *line.Passes
	pseudonym line.Pseudonyms
	bookingID [32]byte
	guesses   *ratelimit.Memory
	looks     *look.Book
	now       clock.Func
	log       *slog.Logger
	leavers   leavers
}

// holdFor is how long a held slot is kept: long enough to read a page twice, short enough that nobody sits on seats.
const holdFor = 3 * time.Minute

// takeoverWithin is how fresh a sign-in must be to move a live pass to another device.
const takeoverWithin = 5 * time.Minute

// New wires a walk and reads the rosters.
func New(ctx context.Context, d Deps) (*Walk, error) {
	w := &Walk{
		programme: d.Programme,
		line:      d.Line,
		ledger:    d.Ledger,
		desk:      d.Desk,
		free:      d.Free,
		stock:     d.Stock,
		sites:     d.Sites,
		people:    d.People,
		rosters:   person.NewRosters(d.People),
		keyer:     person.NewKeyer(d.Keys),
		keys:      d.Keys,
		tickets:   line.NewTickets(d.Keys),
		passes:    line.NewPasses(d.Keys),
		pseudonym: line.NewPseudonyms(d.Keys),
		bookingID: d.Keys.Secret("booking-id"),
		guesses:   ratelimit.NewMemory(1 << 16),
		looks:     d.Looks,
		now:       d.Clock,
		log:       d.Log,
		leavers:   leavers{fails: rate.Sometimes{First: 1, Interval: 10 * time.Second}},
	}
	if err := w.rosters.Reload(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

// Programme gives the rules in force.
func (w *Walk) Programme() *programme.Programme { return w.programme }

// Now is server time.
func (w *Walk) Now() time.Time { return w.now() }

// Campaigns lists all campaigns as they stand.
func (w *Walk) Campaigns(ctx context.Context) ([]Campaign, error) {
	out := make([]Campaign, 0, len(w.programme.Campaigns))
	for i := range w.programme.Campaigns {
		c, err := w.Standing(ctx, &w.programme.Campaigns[i], w.now())
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// Campaign finds one campaign by id; [NotFound] otherwise.
func (w *Walk) Campaign(ctx context.Context, id string) (Campaign, error) {
	c, err := w.CampaignRules(id)
	if err != nil {
		return Campaign{}, err
	}
	return w.Standing(ctx, c, w.now())
}

// CampaignRules finds the rules of a campaign by its id; [NotFound] otherwise.
func (w *Walk) CampaignRules(id string) (*programme.Campaign, error) {
	c, ok := w.programme.Campaign(id)
	if !ok {
		return nil, Refuse(NotFound, "there is no such campaign; GET /api/v1/campaigns lists them")
	}
	return c, nil
}

// Standing is a campaign as it stands at an instant.
func (w *Walk) Standing(ctx context.Context, c *programme.Campaign, now time.Time) (Campaign, error) {
	out := Campaign{Campaign: c, State: CampaignState(c.Phase(now)), OnOffer: w.stock.OnOffer(c, now), Remaining: w.stock.RemainingFor(c, "")}
	if pause, ok := c.Pause(now); ok {
		out.PauseWhy = pause.Why
	}
	if out.State == CampaignState(programme.PhaseOpen) {
		st, err := w.line.Status(ctx, c.Num)
		if err != nil {
			return Campaign{}, Unavailable(err)
		}
		// What comes free is for those who were invited; to everybody else it is sold out.
		if _, only := w.stock.StandsBy(c); st.SoldOut || only || w.stock.StandFirst(c) > 0 || c.Channeled() && out.Remaining == 0 {
			out.State = StateSoldOut
			if left := w.stock.Remaining(c); c.Channeled() && out.Remaining == 0 && left > 0 && w.stock.StandFirst(c) == 0 && !only {
				out.SetAside, out.Released = left, c.Released(now)
			}
		}
	}
	return out, nil
}

// Line gives the public document of a campaign's line.
func (w *Walk) Line(ctx context.Context, campaign string) (LineDoc, error) {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return LineDoc{}, err
	}
	now := w.now()
	view, err := w.Standing(ctx, c, now)
	if err != nil {
		return LineDoc{}, err
	}
	st, err := w.line.Status(ctx, c.Num)
	if err != nil {
		return LineDoc{}, Unavailable(err)
	}
	d, err := w.line.Draw(ctx, c.Num)
	if err != nil {
		return LineDoc{}, Unavailable(err)
	}
	return LineDoc{
		State: view.State, Joined: st.Joined, Admitted: st.Admitted, Inside: st.Inside, PerMinute: st.PerMinute,
		Remaining: view.Remaining, Commitment: d.Commitment, Seed: d.Seed, Drawn: d.Drawn, ServerTime: now,
	}, nil
}

// Draw gives the public record of the draw.
func (w *Walk) Draw(ctx context.Context, campaign string) (line.Draw, error) {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return line.Draw{}, err
	}
	d, err := w.line.Draw(ctx, c.Num)
	if err != nil {
		return line.Draw{}, Unavailable(err)
	}
	return d, nil
}

// Entrants opens the drawn order; the caller closes it. [NotOpen] before the draw.
func (w *Walk) Entrants(ctx context.Context, campaign string) (io.ReadSeekCloser, error) {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return nil, err
	}
	r, err := w.line.Entrants(ctx, c.Num)
	if err != nil {
		return nil, w.lineError(c, err)
	}
	return r, nil
}

// Unavailable is the answer when a store is down or full: entry stays closed, places are kept, come back soon.
func Unavailable(err error) error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	e := Refuse(Overloaded, "this cannot be done right now; nothing is lost, and trying again is safe")
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
		e := Refuse(NotOpen, "%s is not open yet", c.ID)
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
		return Refuse(Closed, "%s closed at %s", c.ID, c.Closes.In(w.programme.Zone).Format(time.RFC3339))
	case errors.Is(err, line.ErrNoPlace):
		return Refuse(NotFound, "this person has no place in the line of %s; join first", c.ID)
	case errors.Is(err, line.ErrNotYourTurn):
		return Refuse(NotYourTurn, "it is not this person's turn yet; the place is kept")
	case errors.Is(err, line.ErrOtherDevice):
		return Refuse(OtherDevice, "booking goes on on another device; sign in again and ask for a takeover to go on here")
	case errors.Is(err, line.ErrNoPass):
		return Refuse(NoPass, "the pass is not the live one; ask for a pass again")
	case errors.Is(err, line.ErrInsideFull):
		e := Refuse(Overloaded, "many people are choosing right now; the turn is kept, try again after the time given")
		e.RetryAfter = 4 * time.Second
		return e
	case errors.Is(err, line.ErrNoCampaign):
		return Refuse(NotFound, "there is no such campaign")
	}
	return Unavailable(err)
}
