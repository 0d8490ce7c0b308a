package reduce

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"charye/booking"
	"charye/booking/moves"
	"charye/programme"
)

// Way is how a plan is carried out.
type Way struct {
	Undo      bool
	PerSecond float64          // most bookings a second; 0: as fast as the ledger takes them
	Now       func() time.Time // for the events
	Progress  func(Outcome)    // after each batch; nil: nobody
}

// Outcome counts what became of a plan.
type Outcome struct {
	moves.Outcome     // of those who got, or had, another product or day
	Displaced     int // who stand first in line now; undone: whose booking stands again
	Spared        int // who lose nothing, since others gave back in time
	Short         int // doses that are still promised and are not there: plan again with --doses 0
}

// Carry carries a plan out, in order: who booked last comes first. What went is taken off the campaign's doses once, as far as they are not
// promised, and the rest with each booking that loses its own. It may be stopped at any moment and run again: what was done is
// found done, and nobody is told twice.
// The plan is read twice: one that is wrong anywhere changes nothing.
func Carry(ctx context.Context, l booking.Ledger, r moves.Rules, plan io.ReadSeeker, way Way) (o Outcome, err error) {
	c := &carrier{rules: r, way: way, ledger: l, places: r.Places(), o: &o}
	if err := c.read(plan, func(loss) error { return nil }); err != nil {
		return o, err
	}
	if _, err := plan.Seek(0, io.SeekStart); err != nil {
		return o, err
	}
	if err := c.begin(ctx); err != nil {
		return o, err
	}
	losses := moves.NewStream(way.PerSecond, func(ctx context.Context, batch []loss) error {
		if err := c.carry(ctx, batch); err != nil {
			return err
		}
		if way.Progress != nil {
			way.Progress(o)
		}
		return nil
	})
	if err := c.read(plan, func(x loss) error { return losses.Add(ctx, x) }); err != nil {
		return o, err
	}
	if err := losses.Flush(ctx); err != nil {
		return o, err
	}
	return o, c.end(ctx)
}

// read reads a plan.
func (c *carrier) read(plan io.Reader, yield func(loss) error) error {
	lines := bufio.NewScanner(plan)
	lines.Buffer(make([]byte, 0, 1<<16), 1<<16)
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &c.head) != nil || c.head.Reduction != c.rules.Programme.ID || c.head.ID == "" {
		return fmt.Errorf("%w: it does not begin as one made for %s", ErrPlan, c.rules.Programme.ID)
	}
	var ok bool
	if c.campaign, ok = c.rules.Programme.Campaign(c.head.Campaign); !ok {
		return fmt.Errorf("%w: the programme has no campaign that is called %s", ErrPlan, c.head.Campaign)
	}
	for n := 2; lines.Scan(); n++ {
		x, err := readLoss(lines.Bytes())
		if err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrPlan, n, err)
		}
		if err := yield(x); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrPlan, err)
	}
	return nil
}

// carrier is a plan being carried out.
type carrier struct {
	head     header
	rules    moves.Rules
	way      Way
	ledger   booking.Ledger
	campaign *programme.Campaign
	places   *moves.Places
	over     excess // what is still promised and will not be there, before the next batch
	o        *Outcome
}

// loss is a line of a plan as it is carried out.
type loss struct {
	Loss
	move moves.Move // without steps: displaced
	all  []moves.Step
}

func readLoss(line []byte) (x loss, err error) {
	if err := json.Unmarshal(line, &x.Loss); err != nil || x.Booking <= 0 || len(x.From) == 0 {
		return x, fmt.Errorf("it is no loss of a booking")
	}
	if x.Kind == Standby != (len(x.To) == 0) || x.Kind != Standby && len(x.To) != len(x.From) || !slices.Contains([]Kind{OtherProduct, OtherDay, Standby}, x.Kind) {
		return x, fmt.Errorf("booking %d: %q does not go with %d doses for %d", x.Booking, x.Kind, len(x.To), len(x.From))
	}
	x.move.Booking = x.Booking
	for i := range x.From {
		s := moves.Step{Dose: i + 1}
		if s.From, err = booking.ParseSlot(x.From[i]); err == nil && x.Kind != Standby {
			s.To, err = booking.ParseSlot(x.To[i])
		}
		if err != nil {
			return x, fmt.Errorf("booking %d: %w", x.Booking, err)
		}
		if x.all = append(x.all, s); x.Kind != Standby && s.From != s.To {
			x.move.Steps = append(x.move.Steps, s)
		}
	}
	return x, nil
}

// carry sends one batch: those who lose, as many as still have to.
func (c *carrier) carry(ctx context.Context, batch []loss) error {
	if !c.way.Undo {
		if err := c.adjust(ctx, nil, func(map[booking.Counter]booking.CounterState) ([]booking.Claim, error) { return nil, nil }); err != nil {
			return err
		}
	}
	ids := make([]int64, len(batch))
	for i := range batch {
		ids[i] = batch[i].Booking
	}
	list, err := c.ledger.Several(ctx, ids)
	if err != nil {
		return err
	}
	found := make(map[int64]*booking.Booking, len(list))
	for i := range list {
		found[list[i].ID] = &list[i]
	}
	var away []loss
	var displace []booking.Request
	at := c.way.Now()
	part := partOf(c.campaign, at, c.rules.Programme.Zone)
	for _, x := range batch {
		b := found[x.Booking]
		of, _ := part(x.Had)
		if c.spared(b, &x, of) {
			c.o.Spared++
			continue
		}
		if _, come := part(x.Has); come && !c.way.Undo && b != nil && asPlanned(b, &x) {
			c.over.take(of, -1) // the delivery has come: another day would free no dose
			c.o.Gone++
			continue
		}
		if x.Kind != Standby {
			away = append(away, x)
			continue
		}
		if q, ok := c.displace(b, &x, at); ok {
			displace = append(displace, q)
		}
	}
	if err := c.move(ctx, away, at); err != nil {
		return err
	}
	if len(displace) == 0 {
		return nil
	}
	if !c.way.Undo && !at.Before(c.campaign.Closes) {
		return fmt.Errorf("%w since %s: %d people would stand first in a line that does not move; set a later `closes` first",
			ErrClosed, c.campaign.Closes.In(c.rules.Programme.Zone).Format(time.RFC3339), len(displace))
	}
	outcomes, err := c.ledger.Apply(ctx, displace)
	if err != nil {
		return err
	}
	for i := range outcomes {
		if outcomes[i].Result == booking.Done {
			c.o.Displaced++
		} else if err := c.o.Count(&outcomes[i], displace[i].Booking); err != nil {
			return err
		}
	}
	return nil
}

// spared reports whether a booking that is as the plan found it keeps its doses, since enough others gave back theirs. Who gets another product gets it.
func (c *carrier) spared(b *booking.Booking, x *loss, of part) bool {
	if c.way.Undo || x.Kind == OtherProduct || b == nil || b.Status != booking.Booked || !asPlanned(b, x) {
		return false
	}
	if !c.over.relieves(of) {
		return true
	}
	c.over.take(of, 1)
	return false
}

func asPlanned(b *booking.Booking, x *loss) bool {
	return len(b.Doses) == len(x.all) && !slices.ContainsFunc(x.all, func(s moves.Step) bool { return b.Doses[s.Dose-1].Slot != s.From })
}

// move carries out the moves of a batch.
func (c *carrier) move(ctx context.Context, batch []loss, at time.Time) error {
	list := make([]moves.Move, len(batch))
	for i := range batch {
		if list[i] = batch[i].move; c.way.Undo {
			list[i] = list[i].Back()
		}
	}
	return moves.Carry(ctx, c.ledger, list, moves.Way{
		Why: c.why(), At: at, Choice: c.places.Choice, Apart: func(first string) []booking.Apart { return c.places.Apart(first, at) },
		Edit: func(i int, b *booking.Booking, q *booking.Request) {
			x := &batch[i]
			if x.Kind == OtherProduct {
				q.Limits = c.limits(q.Doses[0][0].Slot.Product)
				return
			}
			q.Shared, q.Resize = c.claims(x.Has), -1
			if c.way.Undo {
				q.Shared, q.Resize = c.claims(x.Had), 1
			}
		},
	}, &c.o.Outcome)
}

// limits are what a person may have booked in other campaigns beside a series that begins with a product.
func (c *carrier) limits(product string) (out []booking.Limit) {
	if p, ok := c.rules.Programme.Product(product); ok {
		for _, limit := range c.rules.Programme.Limits(p, p.Series.Doses) {
			out = append(out, booking.Limit(limit))
		}
	}
	return out
}

func (c *carrier) why() string {
	if c.way.Undo {
		return c.head.Why + " undone"
	}
	return c.head.Why
}

// displace asks to take a booking away, or to have it stand again, and counts where that is not to be done.
func (c *carrier) displace(b *booking.Booking, x *loss, at time.Time) (q booking.Request, ok bool) {
	switch {
	case b == nil:
		c.o.Cancelled++
		return q, false
	case c.way.Undo && b.Status == booking.Booked, !c.way.Undo && b.Displaced():
		c.o.There++
		return q, false
	case c.way.Undo != b.Displaced(): // cancelled by the person; undone: recalled, or booked anew
		c.o.Cancelled++
		return q, false
	case !c.way.Undo && !asPlanned(b, x):
		c.o.Since++
		return q, false
	}
	q = booking.Request{Op: booking.OpDisplace, Campaign: b.Campaign, Person: b.Person, Channel: moves.System, Why: c.why(), At: at, Booking: b.ID, Resize: -1}
	if !c.way.Undo {
		return q, true
	}
	first := x.all[0].From.Product
	q.Op, q.Resize, q.Shared, q.Apart, q.Limits = booking.OpReinstate, 1, c.claims(x.Had), c.places.Apart(first, at), c.limits(first)
	for _, s := range x.all {
		choice, ok := c.places.Choice(s.From, b.Doses[s.Dose-1])
		if !ok {
			c.o.Gone++
			return q, false
		}
		q.Doses = append(q.Doses, []booking.Choice{choice})
	}
	return q, true
}
