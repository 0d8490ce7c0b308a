package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"charye/booking"
	"charye/internal/durable"
	"charye/programme"
	"charye/reduce"
)

type deliverCmd struct {
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; also while it is served."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL of a cluster, whose nodes may go on."`
	Campaign string `required:"" placeholder:"ID" help:"Whose stock."`
	Doses    int    `required:"" placeholder:"N" help:"How many doses came beside those that the programme foresees; less than 0: went. What is booked already does not go by this command: see reduce."`
	Request  string `placeholder:"ID" help:"Names this delivery, such as the number of its note: the same command with the same name adds its doses once, however often and by whomever it is given."`
	DryRun   bool   `help:"Only say what it would do."`
}

// delivery is what a delivery finds and does.
type delivery struct {
	before, after int
	booked        int // with what is held and kept
	waiting       int // who stand by
	first         int // who lost their dose and come before those
}

// errTold is that a delivery was told of before.
var errTold = errors.New("told before")

// Run changes a campaign's stock. Running servers notice within a second. Of two who deliver at once each adds to what the other left.
func (c deliverCmd) Run(ctx context.Context, out streams) (err error) {
	if c.Doses == 0 || c.Doses > booking.MaxQuantity || c.Doses < -booking.MaxQuantity {
		return &usageError{msg: "--doses: want a whole number, not 0; less than 0 for doses that went"}
	}
	if len(c.Request) > booking.MaxWord {
		return &usageError{msg: fmt.Sprintf("--request: want at most %d bytes", booking.MaxWord)}
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
	d, err := c.deliver(ctx, l, p, campaign, time.Now())
	if errors.Is(err, errTold) {
		_, err = fmt.Fprintf(out.out, "%s: the delivery %q was told before; nothing is added\n", c.Campaign, c.Request)
		return err
	}
	if err != nil {
		return err
	}
	would := "has"
	if c.DryRun {
		would = "would have"
	}
	_, _ = fmt.Fprintf(out.out, "%s %s %d doses, before %d; %d of them are booked or kept for somebody\n", c.Campaign, would, d.after, d.before, d.booked)
	if d.first > 0 && c.Doses > 0 {
		_, _ = fmt.Fprintf(out.out, "%d people lost their dose and come first\n", d.first)
	}
	if d.waiting > 0 && c.Doses > 0 {
		_, _ = fmt.Fprintf(out.out, "%d people stand by; the next in line are told, and each dose is kept for %v\n", d.waiting, campaign.InviteFor)
	}
	return nil
}

// deliver reads and writes in one step.
func (c deliverCmd) deliver(ctx context.Context, l booking.Ledger, p *programme.Programme, campaign *programme.Campaign, now time.Time) (d delivery, err error) {
	num := campaign.Num
	came, went, stock := booking.DeliveredCounter(num), booking.WithdrawnCounter(num), booking.StockCounter(num)
	standby, first := booking.StandbyCounter(num), booking.DisplacedCounter(num)
	once := booking.OnceCounter("deliver " + p.ID + " " + campaign.ID + " " + c.Request)
	come := campaign.Come(now, p.Zone)
	ids := []booking.Counter{came, went, stock, standby, first}
	if c.Request != "" {
		ids = append(ids, once)
	}
	for _, day := range come {
		ids = append(ids, booking.ForwardCounter(num, day))
	}
	err = l.Adjust(ctx, ids, func(have map[booking.Counter]booking.CounterState) ([]booking.Claim, error) {
		if _, told := have[once]; told {
			return nil, errTold
		}
		onOffer := func(cameBy, wentBy int) int {
			return booking.OnOffer(num, campaign.StockAt(now), come, func(id booking.Counter) int {
				switch id {
				case came:
					return cameBy
				case went:
					return wentBy
				}
				return have[id].Capacity
			}, func(id booking.Counter) int { return have[id].Used })
		}
		newCame, newWent := reduce.Beside(have[came].Capacity, have[went].Capacity, c.Doses)
		d = delivery{
			before: onOffer(have[came].Capacity, have[went].Capacity), after: onOffer(newCame, newWent),
			booked: have[stock].Used, waiting: max(0, have[standby].Capacity-have[standby].Used), first: have[first].Used,
		}
		switch {
		case c.Doses < 0 && (d.after < d.booked || d.before+c.Doses < 0):
			return nil, fmt.Errorf("--doses: %d of %d doses of %s are booked or kept for somebody; at most %d can go. What is booked goes by a plan: charye reduce plan --campaign %s --doses %d",
				d.booked, d.before, c.Campaign, max(0, d.before-d.booked), c.Campaign, -c.Doses)
		case d.before+c.Doses > booking.MaxQuantity || newCame > booking.MaxQuantity:
			return nil, fmt.Errorf("--doses: makes it %d doses; want %d at most", d.before+c.Doses, booking.MaxQuantity)
		case c.DryRun:
			return nil, nil
		}
		claims := []booking.Claim{{Counter: came, Capacity: newCame}, {Counter: went, Capacity: newWent}, {Counter: stock, Capacity: max(d.after, d.booked)}}
		if c.Request != "" {
			claims = append(claims, booking.Claim{Counter: once, Capacity: 1})
		}
		return claims, nil
	})
	return d, err
}
