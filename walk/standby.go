package walk

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"charye/booking"
	"charye/internal/weak"
	"charye/line"
	"charye/person"
	"charye/programme"
)

const (
	standbyEvery  = time.Second
	invitedAtOnce = 500    // people in one commit
	calleesAtOnce = 50_000 // people that the line is asked for, since it may read all of itself for them
)

// stock is the doses of dose 1 that are on offer at an instant: what the rules say, and what was delivered beside them.
func (w *Walk) stock(c *programme.Campaign, now time.Time) int {
	set := func(id booking.Counter) int {
		n, _ := w.free.Capacity(id)
		return n
	}
	return booking.OnOffer(c.Num, c.StockAt(now), c.Come(now, w.programme.Zone), set, w.free.Used)
}

// restock gives the counters of stock what the dates say by now. Only what this node sees change is set: of two nodes whose
// clocks are apart the slower does not undo what the faster did.
func (w *Walk) restock(ctx context.Context) error {
	for i := range w.programme.Campaigns {
		c := &w.programme.Campaigns[i]
		now := w.now()
		dated := []booking.Claim{{Counter: booking.StockCounter(c.Num), Capacity: w.stock(c, now)}}
		if c.Channeled() {
			dated = append(dated, booking.Claim{Counter: booking.ChannelShareCounter(c.Num, 0), Capacity: w.open(c, now)})
		}
		for _, claim := range dated {
			if err := w.reset(ctx, c, claim); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Walk) reset(ctx context.Context, c *programme.Campaign, claim booking.Claim) error {
	had, looked := w.stocked[claim.Counter]
	if looked && had != claim.Capacity {
		err := w.ledger.SetCapacity(ctx, []booking.Claim{claim})
		switch {
		case errors.Is(err, booking.ErrBelowUsed):
			w.log.LogAttrs(ctx, slog.LevelWarn, "the stock now is less than is booked already; bookings stand, nothing more is given: "+claim.Counter.String())
		case err != nil:
			return err
		default:
			w.log.LogAttrs(ctx, slog.LevelInfo, "stock", slog.String("campaign", c.ID), slog.String("counter", claim.Counter.String()), slog.Int("from", had), slog.Int("to", claim.Capacity))
		}
	}
	w.stocked[claim.Counter] = claim.Capacity
	return nil
}

// standsBy tells whether a campaign's stock is for those who are invited, and up to which number they were.
func (w *Walk) standsBy(c *programme.Campaign) (called uint32, only bool) {
	id := booking.StandbyCounter(c.Num)
	numbers, ok := w.free.Capacity(id)
	used := w.free.Used(id)
	return uint32(used), ok && used < numbers
}

// callees are the next people of a line, as it told them.
type callees struct {
	after uint32
	who   []person.Key
}

// invite has what came free in campaigns that stand by kept for the next in their lines. It is one node's work; two of them at it do
// no harm.
func (w *Walk) invite(ctx context.Context) error {
	var errs []error
	for i := range w.programme.Campaigns {
		c := &w.programme.Campaigns[i]
		if (c.InviteFor > 0 || w.standFirst(c) > 0) && c.Phase(w.now()) == programme.PhaseOpen && w.line.Leads(c.Num) {
			errs = append(errs, w.inviteIn(ctx, c))
		}
	}
	return errors.Join(errs...)
}

func (w *Walk) inviteIn(ctx context.Context, c *programme.Campaign) error {
	st, err := w.line.Status(ctx, c.Num)
	if err != nil {
		return err
	}
	if n := w.standFirst(c); n > 0 {
		return w.recall(ctx, c, n)
	}
	id := booking.StandbyCounter(c.Num)
	numbers, stands := w.free.Capacity(id)
	switch {
	case !stands && (!st.SoldOut || st.Joined == 0):
		return nil
	case !stands:
		w.log.LogAttrs(ctx, slog.LevelInfo, "sold out: from now on what comes free is for those who are next in line", slog.String("campaign", c.ID), slog.Int("line", st.Joined))
		return w.ledger.SetCapacity(ctx, []booking.Claim{{Counter: id, Capacity: st.Joined}})
	case w.remaining(c) == 0:
		return nil
	}
	for at := uint32(w.free.Used(id)); ; {
		next, err := w.next(ctx, c, at)
		if err != nil || len(next) == 0 {
			return err
		}
		if last := int(next[len(next)-1].Number); last > numbers {
			if err := w.ledger.SetCapacity(ctx, []booking.Claim{{Counter: id, Capacity: last}}); err != nil {
				return err
			}
			numbers = last
		}
		out, err := w.inviteThese(ctx, c, next)
		if err != nil {
			return err
		}
		if at = out.UpTo; at < next[len(next)-1].Number { // no dose for the one behind it
			return nil
		}
	}
}

// next gives who comes after a number.
func (w *Walk) next(ctx context.Context, c *programme.Campaign, at uint32) ([]booking.Callee, error) {
	know := w.callees[c.Num]
	if at < know.after || at >= know.after+uint32(len(know.who)) {
		who, err := w.line.Numbered(ctx, c.Num, at, calleesAtOnce)
		if err != nil {
			return nil, err
		}
		know = callees{after: at, who: who}
		w.callees[c.Num] = know
	}
	list := know.who[at-know.after:]
	out := make([]booking.Callee, min(len(list), invitedAtOnce))
	for i := range out {
		out[i] = booking.Callee{Number: at + uint32(i) + 1, Person: list[i]}
	}
	return out, nil
}

func (w *Walk) inviteThese(ctx context.Context, c *programme.Campaign, list []booking.Callee) (booking.Invited, error) {
	now := w.now()
	req := booking.Request{
		Op: booking.OpInvite, Campaign: c.Num, Channel: "system", At: now, HoldUntil: w.keptUntil(c, c.InviteFor, now), Callees: list,
		Shared: w.stockClaims(c, "", now),
	}
	out, err := w.ledger.Apply(ctx, []booking.Request{req})
	if err != nil {
		return booking.Invited{}, err
	}
	if r := out[0].Result; r != booking.Done && r != booking.Repeated {
		return booking.Invited{}, refuse(Internal, "unexpected outcome %d of an invitation", r)
	}
	return out[0].Invited, nil
}

// keptUntil is until when a dose is kept that is kept for so long from now on: nobody's hours pass before they are told.
func (w *Walk) keptUntil(c *programme.Campaign, long time.Duration, now time.Time) time.Time {
	rules := w.MessageRules()
	until := rules.AfterQuiet(now).Add(long).Truncate(time.Second)
	if until.After(c.Closes) {
		until = c.Closes
	}
	return until
}

// invitation gives until when a dose is kept for somebody; zero when none is.
func (w *Walk) invitation(ctx context.Context, c *programme.Campaign, who person.Key) (time.Time, error) {
	h, ok, err := w.ledger.Hold(ctx, who, c.Num)
	if err != nil {
		return time.Time{}, unavailable(err)
	}
	if until := h.Invited; ok && until.After(w.now()) {
		return until, nil
	}
	return time.Time{}, nil
}

// invitable refuses whoever has a turn in a campaign that stands by, and no dose kept: it is for others who wait.
func (w *Walk) invitable(ctx context.Context, c *programme.Campaign, p line.Place) error {
	if _, only := w.standsBy(c); !only && w.standFirst(c) == 0 || p.State != line.Admitted || weak.Off(weak.Invited) {
		return nil
	}
	h, ok, err := w.ledger.Hold(ctx, p.Person, c.Num)
	if err != nil {
		return unavailable(err)
	}
	if ok && h.Until.After(w.now()) {
		return nil
	}
	e := refuse(SlotFull, "what comes free in %s is kept for those who were invited, in the order of the line; no dose is kept for this person now", c.ID)
	e.RetryAfter = soldOutRetry
	return e
}

// withInvitation fills in until when a dose is kept for the person of a place.
func (w *Walk) withInvitation(ctx context.Context, c *programme.Campaign, p Place) (Place, error) {
	if !w.free.Met(booking.StandbyCounter(c.Num)) && !w.free.Met(booking.DisplacedCounter(c.Num)) || p.State != line.Admitted {
		return p, nil
	}
	var err error
	p.KeptUntil, err = w.invitation(ctx, c, p.Person)
	return p, err
}
