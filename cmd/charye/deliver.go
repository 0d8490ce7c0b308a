package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"charye/booking"
	"charye/internal/durable"
	"charye/programme"
)

type deliverCmd struct {
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; also while it is served."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL of a cluster, whose nodes may go on."`
	Campaign string `required:"" placeholder:"ID" help:"Whose stock."`
	Doses    int    `required:"" placeholder:"N" help:"How many doses came beside those that the programme foresees; less than 0: went."`
	DryRun   bool   `help:"Only say what it would do."`
}

// delivery is what a delivery finds.
type delivery struct {
	foreseen, delivered int // before
	booked              int // with what is held and kept
	waiting             int // who stand by
}

// Run changes a campaign's stock. Running servers notice within a second.
func (c deliverCmd) Run(ctx context.Context, out streams) (err error) {
	if c.Doses == 0 || c.Doses > booking.MaxQuantity || c.Doses < -booking.MaxQuantity {
		return &usageError{msg: "--doses: want a whole number, not 0; less than 0 for doses that went"}
	}
	dir, err := durable.ExistingDir(c.Data)
	if err != nil {
		return err
	}
	if err := rightPlace(dir, c.Postgres); err != nil {
		return err
	}
	p, err := servedProgramme(dir)
	if err != nil {
		return err
	}
	campaign, ok := p.Campaign(c.Campaign)
	if !ok {
		return &usageError{msg: fmt.Sprintf("--campaign: there is no campaign %q in programme %s", c.Campaign, p.ID)}
	}
	l, err := openLedger(ctx, dir, c.Postgres)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	d, err := lookAtStock(ctx, l, campaign, time.Now())
	if err != nil {
		return err
	}
	before, after := d.foreseen+d.delivered, d.foreseen+d.delivered+c.Doses
	switch {
	case after < d.booked:
		return fmt.Errorf("--doses: %d of %d doses of %s are booked or kept for somebody; at most %d can go", d.booked, before, c.Campaign, before-d.booked)
	case d.delivered+c.Doses < 0:
		return fmt.Errorf("--doses: %d doses of %s were delivered beside the programme; fewer of the programme's own are a change of its file (deliveries)", d.delivered, c.Campaign)
	case after > booking.MaxQuantity:
		return fmt.Errorf("--doses: makes it %d doses; want %d at most", after, booking.MaxQuantity)
	}
	if !c.DryRun {
		err := l.SetCapacity(ctx, []booking.Claim{
			{Counter: booking.DeliveredCounter(campaign.Num), Capacity: d.delivered + c.Doses},
			{Counter: booking.StockCounter(campaign.Num), Capacity: after},
		})
		if err != nil {
			return err
		}
	}
	would := "has"
	if c.DryRun {
		would = "would have"
	}
	_, _ = fmt.Fprintf(out.out, "%s %s %d doses, before %d; %d of them are booked or kept for somebody\n", c.Campaign, would, after, before, d.booked)
	if d.waiting > 0 && c.Doses > 0 {
		_, _ = fmt.Fprintf(out.out, "%d people stand by; the next in line are told, and each dose is kept for %v\n", d.waiting, campaign.InviteFor)
	}
	return nil
}

func lookAtStock(ctx context.Context, l booking.Ledger, c *programme.Campaign, now time.Time) (d delivery, err error) {
	d.foreseen = c.StockAt(now)
	_, err = l.Counters(ctx, func(st booking.CounterState) {
		switch st.Counter {
		case booking.DeliveredCounter(c.Num):
			d.delivered = st.Capacity
		case booking.StockCounter(c.Num):
			d.booked = st.Used
		case booking.StandbyCounter(c.Num):
			d.waiting = st.Capacity - st.Used
		}
	})
	return d, err
}
