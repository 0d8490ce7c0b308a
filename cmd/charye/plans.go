package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"charye/approval"
	"charye/booking"
	"charye/booking/moves"
	"charye/internal/durable"
	"charye/programme"
)

// What is the same of plans for bookings that stand: `charye reduce` and `charye reschedule`.

// whereBooked says which ledger and whose rules.
type whereBooked struct {
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; with --postgres it only holds keys and programme. Alone it must not be served meanwhile."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL of a cluster, whose nodes may go on."`
}

// with opens the ledger and the rules.
func (w whereBooked) with(ctx context.Context, do func(*durable.Dir, booking.Ledger, moves.Rules) error) (err error) {
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
			return fmt.Errorf("%w; on one machine plans for bookings are made and carried out while the server is stopped", err)
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
	return do(dir, l, moves.Rules{Programme: p, Sites: all})
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

// readNumbers reads booking numbers, one on a line; an empty name is an empty list.
func readNumbers(flag, path string) (map[int64]bool, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	out := map[int64]bool{}
	for i, line := range strings.Split(string(b), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		id, err := booking.ParseNumber(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %s:%d: %w", flag, path, i+1, err)
		}
		out[id] = true
	}
	return out, nil
}

// count is a whole number from 0 on, as flags have it.
type count int

// Decode implements [kong.MapperValue].
func (c *count) Decode(ctx *kong.DecodeContext) error {
	given, _ := ctx.Scan.Pop().Value.(string) // whatever stands there: "-3" is a wrong number here, and no flag
	n, err := strconv.Atoi(given)
	if err != nil || n < 0 {
		return fmt.Errorf("want a whole number, 0 or more; found %q", given)
	}
	*c = count(n)
	return nil
}

// planCarryCmd carries a plan out, or undoes it.
type planCarryCmd struct {
	Where     whereBooked `embed:""`
	Plan      string      `required:"" placeholder:"FILE" help:"The plan."`
	PerSecond float64     `placeholder:"N" help:"Most bookings to change in a second, so that those who book go on meanwhile; as fast as it goes by default."`
}

// foundPlan is a plan that was read, as it is carried out.
type foundPlan struct {
	size  int    // of which fourEyes speaks
	free  bool   // nobody need agree
	body  []byte // what two managers agree to
	needs string // what it is that needs them, and the command that asks
	do    func() (outcome string, err error)
}

// carry carries out what read finds in the plan's file, with the request that it needs. The file is given as at its beginning.
func (c planCarryCmd) carry(ctx context.Context, read func(f io.ReadSeeker, l booking.Ledger, r moves.Rules) (foundPlan, error)) error {
	if c.PerSecond < 0 {
		return &usageError{msg: "--per-second: want a number above 0"}
	}
	f, err := os.Open(c.Plan)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return c.Where.with(ctx, func(dir *durable.Dir, l booking.Ledger, r moves.Rules) (err error) {
		plan, err := read(f, l, r)
		if err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if plan.free || !r.Programme.FourEyes.NeedsRequest(plan.size) {
			_, err := plan.do()
			return err
		}
		s, err := openApprovals(ctx, dir, c.Where.Postgres)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		request, err := agreed(ctx, s, approval.Reschedule, plan.body, time.Now())
		if errors.Is(err, errNotAsked) {
			return errors.New(plan.needs)
		}
		if err != nil {
			return err
		}
		return carried(ctx, s, request, plan.body, plan.do)
	})
}

// needsTwo says what a plan needs before it is carried out, or undone.
func (c planCarryCmd) needsTwo(what, command string, undo bool) string {
	flag := map[bool]string{true: " --undo"}[undo]
	return fmt.Sprintf("%s needs two managers who agree to it: `charye %s ask --plan %s%s --reason …`", what, command, c.Plan, flag)
}

// whereItEnded tells of an error on the way, beside what was told of the rest.
func whereItEnded(err, told error) error {
	if err != nil {
		return fmt.Errorf("%w; the same command goes on where this one ended", errors.Join(err, told))
	}
	return told
}

// progressOf shows how far it is on a terminal; elsewhere step is nil. end clears the line.
func progressOf[T any](out streams, say func(T) string) (step func(T), end func()) {
	t, ok := out.err.(*os.File)
	if !ok || !isTerminal(t) {
		return nil, func() {}
	}
	return func(o T) { _, _ = fmt.Fprintf(t, "\r%s", say(o)) }, func() { _, _ = fmt.Fprint(t, "\r\x1b[K") }
}

// planAskCmd asks for a plan.
type planAskCmd struct {
	Where  where  `embed:""`
	Plan   string `required:"" placeholder:"FILE" help:"The plan."`
	Undo   bool   `help:"Ask to undo it."`
	Asking asking `embed:""`
}

// ask asks for exactly what read finds in the plan's file.
func (c planAskCmd) ask(ctx context.Context, out streams, read func(f io.Reader, p *programme.Programme) (body []byte, lines []string, err error)) error {
	return c.Where.requestsAt(ctx, func(_ *durable.Dir, p *programme.Programme, s approval.Store) error {
		f, err := os.Open(c.Plan)
		if err != nil {
			return err
		}
		body, lines, err := read(f, p)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		return c.Asking.ask(ctx, out.out, s, approval.Reschedule, body, lines)
	})
}
