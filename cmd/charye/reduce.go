package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"charye/approval"
	"charye/booking"
	"charye/internal/civil"
	"charye/internal/durable"
	"charye/programme"
	"charye/reduce"
	"charye/reschedule"
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
	Doses     int         `default:"0" placeholder:"N" help:"How many doses went; 0, the default, where the programme's file or an earlier plan says already that there are fewer than are booked."`
	Product   string      `placeholder:"ID" help:"Only those whose series began with this product lose theirs; by default whoever booked last."`
	Instead   string      `placeholder:"ID=N" help:"So many doses of another product of the campaign came in their place: who lose keep their appointment, with that product, as far as these go."`
	NotBefore string      `placeholder:"DATE" help:"Whose first dose is before this day loses nothing; by default three days from today, since vials are under way by then."`
	Why       string      `required:"" placeholder:"WORD" help:"For the audit trail, such as delivery-2021-08-06."`
	Out       string      `required:"" placeholder:"FILE" help:"Where to write the plan. It must not be there."`
}

// Run writes a plan and says what it would do.
func (c reducePlanCmd) Run(ctx context.Context, out streams) error {
	if c.Doses < 0 || c.Doses > booking.MaxQuantity {
		return &usageError{msg: "--doses: want how many went, 0 or more"}
	}
	if len(c.Why)+len(" undone") > booking.MaxWord {
		return &usageError{msg: fmt.Sprintf("--why: want at most %d bytes", booking.MaxWord-len(" undone"))}
	}
	w := reduce.Wish{Campaign: c.Campaign, Doses: c.Doses, Product: c.Product, Why: c.Why}
	if c.Instead != "" {
		var err error
		if w.Instead, w.InsteadDoses, err = productDoses(c.Instead); err != nil {
			return &usageError{msg: "--instead: " + err.Error()}
		}
	}
	return c.Where.with(ctx, func(_ *durable.Dir, l booking.Ledger, r reschedule.Rules) (err error) {
		w.NotBefore = civil.Of(time.Now(), r.Programme.Zone) + 3
		if c.NotBefore != "" {
			if w.NotBefore, err = civil.Parse(c.NotBefore); err != nil {
				return &usageError{msg: "--not-before: " + err.Error()}
			}
		}
		var sum *reduce.Summary
		if err := writeWhole(c.Out, func(to io.Writer) error {
			sum, err = reduce.Plan(ctx, l, reduce.Rules(r), w, time.Now(), to)
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

// writeWhole writes a file that is not there yet, whole or not at all.
func writeWhole(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	buffered := bufio.NewWriterSize(f, 1<<20)
	if err := errors.Join(write(buffered), buffered.Flush(), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(name)) // half a plan is none
	}
	return nil
}

type reduceDoCmd struct {
	Where     whereBooked `embed:""`
	Plan      string      `required:"" placeholder:"FILE" help:"The plan."`
	PerSecond float64     `placeholder:"N" help:"Most bookings to change in a second, so that those who book go on meanwhile; as fast as it goes by default."`
}

// Run carries a plan out.
func (c reduceDoCmd) Run(ctx context.Context, out streams) error { return c.carry(ctx, out, false) }

type reduceUndoCmd struct {
	reduceDoCmd
}

// Run undoes a plan.
func (c reduceUndoCmd) Run(ctx context.Context, out streams) error { return c.carry(ctx, out, true) }

func (c reduceDoCmd) carry(ctx context.Context, out streams, undo bool) error {
	if c.PerSecond < 0 {
		return &usageError{msg: "--per-second: want a number above 0"}
	}
	f, err := os.Open(c.Plan)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return c.Where.with(ctx, func(dir *durable.Dir, l booking.Ledger, r reschedule.Rules) (err error) {
		plan, err := reduce.Read(f, reduce.Rules(r))
		if err != nil {
			return err
		}
		if !r.Programme.FourEyes.NeedsRequest(plan.Losses) {
			_, err := c.carryAll(ctx, out, l, r, f, undo)
			return err
		}
		s, err := openApprovals(ctx, dir, c.Where.Postgres)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		body := plan.Body(r.Programme.ID, undo)
		request, err := agreed(ctx, s, approval.Reschedule, body, time.Now())
		if errors.Is(err, errNotAsked) {
			flag := map[bool]string{true: " --undo"}[undo]
			return fmt.Errorf("a plan by which %d people lose a dose needs two managers who agree to it: `charye reduce ask --plan %s%s --reason …`", plan.Losses, c.Plan, flag)
		}
		if err != nil {
			return err
		}
		return carried(ctx, s, request, body, func() (string, error) {
			o, err := c.carryAll(ctx, out, l, r, f, undo)
			return fmt.Sprintf("%d moved, %d without a dose, %d were done already, %d not", o.Moved, o.Displaced, o.There, o.Spared+o.Since+o.Cancelled+o.Full+o.Gone), err
		})
	})
}

// carryAll carries the plan out.
func (c reduceDoCmd) carryAll(ctx context.Context, out streams, l booking.Ledger, r reschedule.Rules, f io.ReadSeeker, undo bool) (reduce.Outcome, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return reduce.Outcome{}, err
	}
	way := reduce.Way{Undo: undo, PerSecond: c.PerSecond, Now: time.Now}
	if t, ok := out.err.(*os.File); ok && isTerminal(t) {
		way.Progress = func(o reduce.Outcome) {
			_, _ = fmt.Fprintf(t, "\r%d moved, %d without a dose, %d done already", o.Moved, o.Displaced, o.There)
		}
		defer func() { _, _ = fmt.Fprint(t, "\r\x1b[K") }()
	}
	o, err := reduce.Carry(ctx, l, reduce.Rules(r), f, way)
	werr := tellReduced(out.out, o, undo)
	if err != nil {
		return o, fmt.Errorf("%w; the same command goes on where this one ended", errors.Join(err, werr))
	}
	return o, werr
}

type reduceAskCmd struct {
	Where  where  `embed:""`
	Plan   string `required:"" placeholder:"FILE" help:"The plan."`
	Undo   bool   `help:"Ask to give back what it has taken away."`
	Asking asking `embed:""`
}

// Run asks for exactly this plan.
func (c reduceAskCmd) Run(ctx context.Context, out streams) error {
	return c.Where.requestsAt(ctx, func(_ *durable.Dir, p *programme.Programme, s approval.Store) error {
		f, err := os.Open(c.Plan)
		if err != nil {
			return err
		}
		plan, err := reduce.Read(f, reduce.Rules{Programme: p})
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		return c.Asking.ask(ctx, out.out, s, approval.Reschedule, plan.Body(p.ID, c.Undo), plan.Lines(c.Undo))
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
