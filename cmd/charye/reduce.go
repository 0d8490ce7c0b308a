package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"charye/booking"
	"charye/booking/moves"
	"charye/internal/civil"
	"charye/internal/durable"
	"charye/programme"
	"charye/reduce"
)

type reduceCmd struct {
	Plan  reducePlanCmd `cmd:"" help:"Write a plan of who loses a dose when doses went that are booked already, and of what they get instead; nothing is changed."`
	Ask   reduceAskCmd  `cmd:"" help:"Ask two managers to agree to a plan, where the programme is no trial."`
	Apply reduceDoCmd   `cmd:"" help:"Carry a plan out. Interrupted and run again it continues; everybody is told once."`
	Undo  reduceUndoCmd `cmd:"" help:"Give back what a plan has taken away: when the doses were found after all."`
}

type reducePlanCmd struct {
	Where     whereBooked `embed:""`
	Campaign  string      `required:"" placeholder:"ID" help:"Whose stock."`
	Doses     count       `default:"0" placeholder:"N" help:"How many doses went; 0, the default, where the programme's file or an earlier plan says already that there are fewer than are booked."`
	Product   string      `placeholder:"ID" help:"Only those whose series began with this product lose theirs; by default whoever booked last."`
	Instead   string      `placeholder:"ID=N" help:"So many doses of another product of the campaign came in their place: who lose keep their appointment, with that product, as far as these go."`
	NotBefore string      `placeholder:"DATE" help:"Whose first dose is before this day loses nothing; by default three days from today, since vials are under way by then."`
	Why       string      `required:"" placeholder:"WORD" help:"For the audit trail, such as delivery-2021-08-06."`
	Out       string      `required:"" placeholder:"FILE" help:"Where to write the plan. It must not be there."`
}

// Run writes a plan and says what it would do.
func (c reducePlanCmd) Run(ctx context.Context, out streams) error {
	if c.Doses > booking.MaxQuantity {
		return &usageError{msg: fmt.Sprintf("--doses: want how many went, at most %d", booking.MaxQuantity)}
	}
	if len(c.Why)+len(" undone") > booking.MaxWord {
		return &usageError{msg: fmt.Sprintf("--why: want at most %d bytes", booking.MaxWord-len(" undone"))}
	}
	w := reduce.Wish{Campaign: c.Campaign, Doses: int(c.Doses), Product: c.Product, Why: c.Why}
	if c.Instead != "" {
		var err error
		if w.Instead, w.InsteadDoses, err = productDoses(c.Instead); err != nil {
			return &usageError{msg: "--instead: " + err.Error()}
		}
	}
	return c.Where.with(ctx, func(_ *durable.Dir, l booking.Ledger, r moves.Rules) (err error) {
		w.NotBefore = civil.Of(time.Now(), r.Programme.Zone) + 3
		if c.NotBefore != "" {
			if w.NotBefore, err = civil.Parse(c.NotBefore); err != nil {
				return &usageError{msg: "--not-before: " + err.Error()}
			}
		}
		var sum *reduce.Summary
		if err := writeWhole(c.Out, func(to io.Writer) error {
			sum, err = reduce.Plan(ctx, l, r, w, time.Now(), to)
			return err
		}); err != nil {
			return err
		}
		return sum.WriteText(out.out)
	})
}

// productDoses reads ID=N.
func productDoses(s string) (id string, n int, err error) {
	if i := strings.LastIndexByte(s, '='); i > 0 {
		if _, err := fmt.Sscanf(s[i+1:], "%d", &n); err == nil && n > 0 && n <= booking.MaxQuantity && fmt.Sprint(n) == s[i+1:] {
			return s[:i], n, nil
		}
	}
	return "", 0, fmt.Errorf("want a product and how many doses of it, such as pfizer=2000; found %q", s)
}

type reduceDoCmd struct {
	Carry planCarryCmd `embed:""`
}

// Run carries a plan out.
func (c reduceDoCmd) Run(ctx context.Context, out streams) error { return c.carry(ctx, out, false) }

type reduceUndoCmd struct {
	reduceDoCmd
}

// Run undoes a plan.
func (c reduceUndoCmd) Run(ctx context.Context, out streams) error { return c.carry(ctx, out, true) }

func (c reduceDoCmd) carry(ctx context.Context, out streams, undo bool) error {
	return c.Carry.carry(ctx, func(f io.ReadSeeker, l booking.Ledger, r moves.Rules) (foundPlan, error) {
		plan, err := reduce.Read(f, r)
		if err != nil {
			return foundPlan{}, err
		}
		return foundPlan{
			size: plan.Losses, body: plan.Body(r.Programme.ID, undo),
			needs: c.Carry.needsTwo(fmt.Sprintf("a plan by which %d people lose a dose", plan.Losses), "reduce", undo),
			do: func() (string, error) {
				way := reduce.Way{Undo: undo, PerSecond: c.Carry.PerSecond, Now: time.Now}
				step, end := progressOf(out, func(o reduce.Outcome) string {
					return fmt.Sprintf("%d moved, %d without a dose, %d done already", o.Moved, o.Displaced, o.There)
				})
				defer end()
				way.Progress = step
				o, err := reduce.Carry(ctx, l, r, f, way)
				return fmt.Sprintf("%d moved, %d without a dose, %d were done already, %d not", o.Moved, o.Displaced, o.There, o.Spared+o.Since+o.Cancelled+o.Full+o.Gone),
					whereItEnded(err, tellReduced(out.out, o, undo))
			},
		}, nil
	})
}

type reduceAskCmd struct {
	Ask planAskCmd `embed:""`
}

// Run asks for exactly this plan.
func (c reduceAskCmd) Run(ctx context.Context, out streams) error {
	return c.Ask.ask(ctx, out, func(f io.Reader, p *programme.Programme) ([]byte, []string, error) {
		plan, err := reduce.Read(f, moves.Rules{Programme: p})
		if err != nil {
			return nil, nil, err
		}
		return plan.Body(p.ID, c.Ask.Undo), plan.Lines(c.Ask.Undo), nil
	})
}

func tellReduced(w io.Writer, o reduce.Outcome, undo bool) error {
	stand := "stand first in line"
	if undo {
		stand = "have their booking back"
	}
	_, err := fmt.Fprintf(w, "%d moved, %d %s, %d were done already; left as they are: %d spared since others gave back, %d that people moved since, %d cancelled or called since, %d whose new seat was taken meanwhile, %d whose session is gone\n",
		o.Moved, o.Displaced, stand, o.There, o.Spared, o.Since, o.Cancelled, o.Full, o.Gone)
	if err == nil && o.Short > 0 {
		_, err = fmt.Fprintf(w, "%d doses are still promised that are not there: make another plan with --doses 0\n", o.Short)
	}
	return err
}
