package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"charye/booking"
	"charye/booking/moves"
	"charye/internal/civil"
	"charye/internal/durable"
	"charye/programme"
	"charye/reschedule"
)

type rescheduleCmd struct {
	Plan  reschedulePlanCmd `cmd:"" help:"Write a plan of how follow-up doses move to the interval that the programme has now; nothing is changed."`
	Ask   rescheduleAskCmd  `cmd:"" help:"Ask two managers to agree to a plan, or to its undoing; also while the server runs."`
	Apply rescheduleDoCmd   `cmd:"" help:"Carry a plan out. Interrupted and run again it continues; everybody is told once. A plan of more doses than fourEyes in the programme says, 0 by default, needs an agreed request; a trial programme without fourEyes goes without."`
	Undo  rescheduleUndoCmd `cmd:"" help:"Put back what a plan has moved; it needs a request of its own where applying it did."`
}

type reschedulePlanCmd struct {
	Where     whereBooked `embed:""`
	Campaign  string      `required:"" placeholder:"ID" help:"Whose bookings."`
	Product   string      `required:"" placeholder:"ID" help:"Doses of which product."`
	Dose      int         `default:"2" placeholder:"N" help:"Which dose of the series, ${default} by default."`
	From      string      `placeholder:"DATE" help:"Doses from this day on."`
	Until     string      `placeholder:"DATE" help:"Doses until this day."`
	NotBefore string      `placeholder:"DATE" help:"Nothing is moved from or to a day before this one; by default three days from today, since vials are under way by then."`
	Metres    count       `placeholder:"N" help:"How far doses may be sent to another site that find no room within the interval at theirs; by default they stay where they are."`
	Decline   count       `name:"decline-days" placeholder:"N" help:"For so many days people may say that they do not want their move: undo --only takes theirs back."`
	Keep      string      `placeholder:"FILE" help:"Booking numbers, one on a line, of people who asked to keep their day."`
	Why       string      `required:"" placeholder:"WORD" help:"For the audit trail, such as interval-2021-09-27."`
	Out       string      `required:"" placeholder:"FILE" help:"Where to write the plan. It must not be there."`
}

// Run writes a plan and says what it would do.
func (c reschedulePlanCmd) Run(ctx context.Context, out streams) error {
	return c.Where.with(ctx, func(_ *durable.Dir, l booking.Ledger, r moves.Rules) (err error) {
		w := reschedule.Wish{Campaign: c.Campaign, Product: c.Product, Dose: c.Dose, Why: c.Why,
			NotBefore: civil.Of(time.Now(), r.Programme.Zone) + 3, Metres: int(c.Metres), DeclineDays: int(c.Decline)}
		for _, f := range []struct {
			name, text string
			to         *civil.Date
		}{{"--from", c.From, &w.From}, {"--until", c.Until, &w.Until}, {"--not-before", c.NotBefore, &w.NotBefore}} {
			if f.text == "" {
				continue
			}
			if *f.to, err = civil.Parse(f.text); err != nil {
				return &usageError{msg: f.name + ": " + err.Error()}
			}
		}
		if w.Keep, err = readNumbers("--keep", c.Keep); err != nil {
			return err
		}
		var sum *reschedule.Summary
		if err := writeWhole(c.Out, func(to io.Writer) error {
			sum, err = reschedule.Plan(ctx, l, r, w, time.Now(), to)
			return err
		}); err != nil {
			return err
		}
		return sum.WriteText(out.out)
	})
}

type rescheduleDoCmd struct {
	Carry planCarryCmd `embed:""`
}

// Run carries a plan out.
func (c rescheduleDoCmd) Run(ctx context.Context, out streams) error {
	return c.carry(ctx, out, reschedule.Way{})
}

type rescheduleUndoCmd struct {
	rescheduleDoCmd
	Only string `placeholder:"FILE" help:"Booking numbers, one on a line, of people who declined their move in the days that the plan gives; only theirs are put back."`
}

// Run undoes a plan.
func (c rescheduleUndoCmd) Run(ctx context.Context, out streams) error {
	only, err := readNumbers("--only", c.Only)
	if err != nil {
		return err
	}
	return c.carry(ctx, out, reschedule.Way{Undo: true, Only: only})
}

func (c rescheduleDoCmd) carry(ctx context.Context, out streams, way reschedule.Way) error {
	return c.Carry.carry(ctx, func(f io.ReadSeeker, l booking.Ledger, r moves.Rules) (foundPlan, error) {
		plan, err := reschedule.Read(f, r.Programme.ID)
		if err != nil {
			return foundPlan{}, err
		}
		return foundPlan{
			size: plan.Moves, body: plan.Body(r.Programme.ID, way.Undo),
			free:  way.Only != nil, // who declines in time has a right to it
			needs: c.Carry.needsTwo(fmt.Sprintf("a plan of %d doses", plan.Moves), "reschedule", way.Undo),
			do: func() (string, error) {
				step, end := progressOf(out, func(o reschedule.Outcome) string { return fmt.Sprintf("%d moved, %d there already", o.Moved, o.There) })
				defer end()
				way.PerSecond, way.Now, way.Progress = c.Carry.PerSecond, time.Now, step
				o, err := reschedule.Carry(ctx, l, r, f, way)
				return fmt.Sprintf("%d moved, %d were there already, %d not", o.Moved, o.There, o.Since+o.Cancelled+o.Full+o.Gone),
					whereItEnded(err, tellOutcome(out.out, o))
			},
		}, nil
	})
}

type rescheduleAskCmd struct {
	Ask planAskCmd `embed:""`
}

// Run asks for exactly this plan.
func (c rescheduleAskCmd) Run(ctx context.Context, out streams) error {
	return c.Ask.ask(ctx, out, func(f io.Reader, p *programme.Programme) ([]byte, []string, error) {
		plan, err := reschedule.Read(f, p.ID)
		if err != nil {
			return nil, nil, err
		}
		return plan.Body(p.ID, c.Ask.Undo), plan.Lines(c.Ask.Undo), nil
	})
}

func tellOutcome(w io.Writer, o reschedule.Outcome) error {
	_, err := fmt.Fprintf(w, "%d moved, %d were there already; not moved: %d that people moved since, %d cancelled, %d whose new seat was taken meanwhile, %d whose new session is gone\n",
		o.Moved, o.There, o.Since, o.Cancelled, o.Full, o.Gone)
	return err
}
