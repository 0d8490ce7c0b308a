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
	"charye/reschedule"
)

type rescheduleCmd struct {
	Plan  reschedulePlanCmd `cmd:"" help:"Write a plan of how follow-up doses move to the interval that the programme has now; nothing is changed."`
	Ask   rescheduleAskCmd  `cmd:"" help:"Ask two managers to agree to a plan, or to its undoing; also while the server runs."`
	Apply rescheduleDoCmd   `cmd:"" help:"Carry a plan out. Interrupted and run again it continues; everybody is told once. A plan of more doses than fourEyes in the programme says, 0 by default, needs an agreed request; a trial programme without fourEyes goes without."`
	Undo  rescheduleUndoCmd `cmd:"" help:"Put back what a plan has moved; it needs a request of its own where applying it did."`
}

// whereBooked says which ledger and whose rules.
type whereBooked struct {
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; with --postgres it only holds keys and programme. Alone it must not be served meanwhile."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL of a cluster, whose nodes may go on."`
}

// with opens the ledger and the rules.
func (w whereBooked) with(ctx context.Context, do func(*durable.Dir, booking.Ledger, reschedule.Rules) error) (err error) {
	dir, err := durable.ExistingDir(w.Data)
	if err != nil {
		return err
	}
	shared := w.Postgres != ""
	if err := rightPlace(dir, w.Postgres); err != nil {
		return err
	}
	if !shared {
		if err := dir.Lock(); err != nil {
			return fmt.Errorf("%w; on one machine bookings are rescheduled while the server is stopped", err)
		}
		defer func() { err = errors.Join(err, dir.Unlock()) }()
	}
	p, err := servedProgramme(dir)
	if err != nil {
		return err
	}
	sites, err := openSites(ctx, dir, w.Postgres)
	if err != nil {
		return err
	}
	all, err := sites.All(ctx)
	if err := errors.Join(err, sites.Close()); err != nil {
		return err
	}
	l, err := openLedger(ctx, dir, w.Postgres)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return do(dir, l, reschedule.Rules{Programme: p, Sites: all})
}

type reschedulePlanCmd struct {
	Where     whereBooked `embed:""`
	Campaign  string      `required:"" placeholder:"ID" help:"Whose bookings."`
	Product   string      `required:"" placeholder:"ID" help:"Doses of which product."`
	Dose      int         `default:"2" placeholder:"N" help:"Which dose of the series, ${default} by default."`
	From      string      `placeholder:"DATE" help:"Doses from this day on."`
	Until     string      `placeholder:"DATE" help:"Doses until this day."`
	NotBefore string      `placeholder:"DATE" help:"Nothing is moved from or to a day before this one; by default three days from today, since vials are under way by then."`
	Keep      string      `placeholder:"FILE" help:"Booking numbers, one on a line, of people who asked to keep their day."`
	Why       string      `required:"" placeholder:"WORD" help:"For the audit trail, such as interval-2021-09-27."`
	Out       string      `required:"" placeholder:"FILE" help:"Where to write the plan. It must not be there."`
}

// Run writes a plan and says what it would do.
func (c reschedulePlanCmd) Run(ctx context.Context, out streams) error {
	return c.Where.with(ctx, func(_ *durable.Dir, l booking.Ledger, r reschedule.Rules) (err error) {
		w := reschedule.Wish{Campaign: c.Campaign, Product: c.Product, Dose: c.Dose, Why: c.Why,
			NotBefore: civil.Of(time.Now(), r.Programme.Zone) + 3}
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
		if w.Keep, err = readNumbers(c.Keep); err != nil {
			return err
		}
		f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		buffered := bufio.NewWriterSize(f, 1<<20)
		sum, err := reschedule.Plan(ctx, l, r, w, time.Now(), buffered)
		if err = errors.Join(err, buffered.Flush(), f.Sync(), f.Close()); err != nil {
			return errors.Join(err, os.Remove(c.Out)) // half a plan is none
		}
		return sum.WriteText(out.out)
	})
}

// readNumbers reads booking numbers, one on a line; an empty name is an empty list.
func readNumbers(path string) (map[int64]bool, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--keep: %w", err)
	}
	out := map[int64]bool{}
	for i, line := range strings.Split(string(b), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		id, err := booking.ParseNumber(line)
		if err != nil {
			return nil, fmt.Errorf("--keep: %s:%d: %w", path, i+1, err)
		}
		out[id] = true
	}
	return out, nil
}

type rescheduleDoCmd struct {
	Where     whereBooked `embed:""`
	Plan      string      `required:"" placeholder:"FILE" help:"The plan."`
	PerSecond float64     `placeholder:"N" help:"Most doses to move in a second, so that those who book go on meanwhile; as fast as it goes by default."`
}

// Run carries a plan out.
func (c rescheduleDoCmd) Run(ctx context.Context, out streams) error { return c.carry(ctx, out, false) }

type rescheduleUndoCmd struct {
	rescheduleDoCmd
}

// Run undoes a plan.
func (c rescheduleUndoCmd) Run(ctx context.Context, out streams) error {
	return c.carry(ctx, out, true)
}

type rescheduleAskCmd struct {
	Where  where  `embed:""`
	Plan   string `required:"" placeholder:"FILE" help:"The plan."`
	Undo   bool   `help:"Ask to put back what it has moved."`
	Asking asking `embed:""`
}

// Run asks for exactly this plan.
func (c rescheduleAskCmd) Run(ctx context.Context, out streams) error {
	return c.Where.requestsAt(ctx, func(_ *durable.Dir, p *programme.Programme, s approval.Store) error {
		f, err := os.Open(c.Plan)
		if err != nil {
			return err
		}
		plan, err := reschedule.Read(f, p.ID)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		return c.Asking.ask(ctx, out.out, s, approval.Reschedule, plan.Body(p.ID, c.Undo), plan.Lines(c.Undo))
	})
}

func (c rescheduleDoCmd) carry(ctx context.Context, out streams, undo bool) error {
	if c.PerSecond < 0 {
		return &usageError{msg: "--per-second: want a number above 0"}
	}
	f, err := os.Open(c.Plan)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return c.Where.with(ctx, func(dir *durable.Dir, l booking.Ledger, r reschedule.Rules) (err error) {
		plan, err := reschedule.Read(f, r.Programme.ID)
		if err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if !r.Programme.FourEyes.NeedsRequest(plan.Moves) {
			_, err := c.moveAll(ctx, out, l, r, f, undo)
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
			return fmt.Errorf("a plan of %d doses needs two managers who agree to it: `charye reschedule ask --plan %s%s --reason …`", plan.Moves, c.Plan, flag)
		}
		if err != nil {
			return err
		}
		return carried(ctx, s, request, body, func() (string, error) {
			o, err := c.moveAll(ctx, out, l, r, f, undo)
			return fmt.Sprintf("%d moved, %d were there already, %d not", o.Moved, o.There, o.Since+o.Cancelled+o.Full+o.Gone), err
		})
	})
}

// moveAll carries the moves out.
func (c rescheduleDoCmd) moveAll(ctx context.Context, out streams, l booking.Ledger, r reschedule.Rules, f io.Reader, undo bool) (reschedule.Outcome, error) {
	way := reschedule.Way{Undo: undo, PerSecond: c.PerSecond, Now: time.Now}
	if t, ok := out.err.(*os.File); ok && isTerminal(t) {
		way.Progress = func(o reschedule.Outcome) { _, _ = fmt.Fprintf(t, "\r%d moved, %d there already", o.Moved, o.There) }
		defer func() { _, _ = fmt.Fprint(t, "\r\x1b[K") }()
	}
	o, err := reschedule.Carry(ctx, l, r, f, way)
	werr := tellOutcome(out.out, o)
	if err != nil {
		return o, fmt.Errorf("%w; the same command goes on where this one ended", errors.Join(err, werr))
	}
	return o, werr
}

func tellOutcome(w io.Writer, o reschedule.Outcome) error {
	_, err := fmt.Fprintf(w, "%d moved, %d were there already; not moved: %d that people moved since, %d cancelled, %d whose new seat was taken meanwhile, %d whose new session is gone\n",
		o.Moved, o.There, o.Since, o.Cancelled, o.Full, o.Gone)
	return err
}
