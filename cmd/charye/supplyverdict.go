package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"charye/internal/civil"
	"charye/site"
	"charye/supply"
	"charye/supply/order"
)

// verdictFlags are what every verdict says.
type verdictFlags struct {
	Where   supplyWhere `embed:""`
	Request int64       `placeholder:"N" help:"Carry out the agreed request that charye supply ask made, and exactly that: no other flag says what the verdict is. A programme that is not a trial takes no verdict without one."`
	Said    saidVerdict `embed:""`
	Asked   string      `placeholder:"A" help:"In a trial, instead of --request: who wants it."`
	Agreed  string      `placeholder:"B" help:"In a trial, instead of --request: who has agreed, somebody else."`
	Preview bool        `help:"Only say what would happen."`
	Plan    string      `placeholder:"FILE" help:"Where the plan is written before it is carried out; needed without --preview. With a plan that is there the command goes on where it ended."`
	Most    int         `default:"20" placeholder:"N" help:"How many sites and moves are listed; ${default} by default."`
	Boxes   whichBoxes  `embed:""`
}

type supplyHoldCmd struct {
	Flags verdictFlags `embed:""`
}

// Run holds boxes.
func (c supplyHoldCmd) Run(ctx context.Context, out streams) error {
	return c.Flags.run(ctx, out, supply.Hold, "")
}

type supplyReleaseCmd struct {
	Flags verdictFlags `embed:""`
	Undo  string       `placeholder:"FILE" help:"The plan of the hold: whoever it moved goes back, as far as doses came free."`
}

// Run ends the hold of a case.
func (c supplyReleaseCmd) Run(ctx context.Context, out streams) error {
	return c.Flags.run(ctx, out, supply.Release, c.Undo)
}

type supplyRecallCmd struct {
	Flags verdictFlags `embed:""`
}

// Run recalls boxes.
func (c supplyRecallCmd) Run(ctx context.Context, out streams) error {
	return c.Flags.run(ctx, out, supply.Recall, "")
}

type supplyDestroyCmd struct {
	Flags verdictFlags `embed:""`
}

// Run has boxes destroyed.
func (c supplyDestroyCmd) Run(ctx context.Context, out streams) error {
	return c.Flags.run(ctx, out, supply.Destroy, "")
}

func (f verdictFlags) run(ctx context.Context, out streams, action supply.Action, undo string) error {
	if !f.Preview && f.Plan == "" {
		return &usageError{msg: "want --plan FILE, so that an interrupted run can go on, or --preview"}
	}
	boxes, err := boxesOf(f.Boxes.Boxes, f.Boxes.SSCC)
	if err != nil {
		return err
	}
	lot := f.Boxes.Lot
	if named := len(boxes) > 0 || lot != ""; named && len(boxes) > 0 == (lot != "") || named == (f.Request != 0) {
		return errNoBoxes
	}
	v := supply.Verdict{Action: action, Case: f.Said.Case, Boxes: boxes, Reason: f.Said.Reason, Evidence: f.Said.Evidence, Asked: f.Asked, Agreed: f.Agreed}
	var earlier *order.Plan
	if undo != "" {
		if earlier, err = readPlan(undo); err != nil {
			return fmt.Errorf("--undo: %w", err)
		}
	}
	return f.Where.with(ctx, func(r *supplyRoom) (err error) {
		if r.programme.FourEyes.On && f.Request == 0 && !f.Preview {
			return &usageError{msg: fmt.Sprintf("in this programme names on the command line are not two people: `charye supply ask %s …` with the same flags, and --request N when two managers agreed", action)}
		}
		s, err := openApprovals(ctx, r.dir, f.Where.Postgres)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		var body []byte
		if f.Request != 0 {
			if v, body, err = f.requested(ctx, s, action, undo); err != nil {
				return err
			}
		}
		w, err := r.world(ctx, time.Now())
		if err != nil {
			return err
		}
		if _, err := os.Stat(f.Plan); lot != "" && (f.Preview || err != nil) {
			if v.Boxes = w.OfLot(lot, v); len(v.Boxes) == 0 {
				return errNoneOfLot(lot, v)
			}
		}
		reach, err := f.Said.reach(w)
		if err != nil {
			return err
		}
		p, err := readPlan(f.Plan)
		there := err == nil && f.Plan != ""
		switch {
		case there && !f.Preview:
			if lot != "" {
				v.Boxes = p.Verdict.Boxes // what is done already is no longer where it was
			}
			if !p.Verdict.Same(&v) {
				return &usageError{msg: fmt.Sprintf("--plan: %s is of another verdict (%s, case %s); name another file", f.Plan, p.Verdict.Action, p.Verdict.Case)}
			}
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("--plan: %w", err)
		default:
			if p, err = w.Make(ctx, v, order.Asked{Reach: reach, Earlier: earlier}); err != nil {
				return err
			}
		}
		r.tellPlan(out.out, p, f.Most)
		if f.Preview {
			_, err := fmt.Fprintln(out.out, "nothing was changed")
			return err
		}
		do := func() (string, error) {
			if !there {
				if err := writePlan(f.Plan, p); err != nil {
					return "", err
				}
			}
			o, err := w.Do(ctx, r.ledger, r.verdicts, p, reach, time.Now)
			if err != nil {
				return "", fmt.Errorf("%w; the same command goes on where this one ended", err)
			}
			return fmt.Sprintf("verdict %d", o.Seq), tellDone(out.out, p, o)
		}
		if f.Request == 0 {
			_, err := do()
			return err
		}
		request, err := s.Request(ctx, f.Request)
		if err != nil {
			return err
		}
		return carried(ctx, s, request, body, do)
	})
}

func readPlan(path string) (*order.Plan, error) {
	if path == "" {
		return nil, fs.ErrNotExist
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	p, err := order.ReadPlan(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// writePlan writes a plan whole or not at all, before anything of it happens.
func writePlan(path string, p *order.Plan) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".plan-*")
	if err != nil {
		return fmt.Errorf("--plan: %w", err)
	}
	b := bufio.NewWriterSize(f, 1<<20)
	if err = errors.Join(p.Write(b), b.Flush(), f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), path) // which never writes over another plan
	}
	return errors.Join(err, os.Remove(f.Name()))
}

// tellPlan says what a plan does: counts, by site, and whose booking goes where, by number.
func (r *supplyRoom) tellPlan(to io.Writer, p *order.Plan, most int) {
	b := bufio.NewWriter(to)
	defer func() { _ = b.Flush() }()
	_, _ = fmt.Fprintf(b, "%s, case %s: %d boxes named, %d of them change, with %d doses, at %d sites\n", p.Verdict.Action, p.Verdict.Case, len(p.Verdict.Boxes), p.Boxes, p.Doses, p.Sites)
	_, _ = fmt.Fprintf(b, "%d doses of bookings move, %d find no other dose within reach and keep theirs until vials come\n", len(p.Moves), len(p.Without))
	for i, x := range p.Places() {
		if i == most {
			_, _ = fmt.Fprintln(b, "  … and more sites; --most N lists more")
			break
		}
		vials := ""
		if x.Counted {
			vials = fmt.Sprintf(", vials %d → %d", x.VialsFrom, x.VialsTo)
		}
		_, _ = fmt.Fprintf(b, "  %s: %d leave, %d come, %d without%s\n", r.place("", x.Site), x.Leave, x.Come, x.Without, vials)
	}
	for i, m := range p.Moves {
		if i == most {
			_, _ = fmt.Fprintf(b, "  … and %d moves more\n", len(p.Moves)-most)
			break
		}
		_, _ = fmt.Fprintf(b, "  booking %d dose %d: %s → %s", m.Booking, m.Dose, r.slot(m.From.Site, m.From.Day, m.From.Minute), r.slot(m.To.Site, m.To.Day, m.To.Minute))
		if m.Metres > 0 {
			_, _ = fmt.Fprintf(b, ", %d m", m.Metres)
		}
		_, _ = fmt.Fprintln(b)
	}
}

func (r *supplyRoom) slot(at site.Num, day civil.Date, minute int) string {
	s, _ := r.sites.ByNum(at)
	return fmt.Sprintf("%s %s %02d:%02d", s.ID, day, minute/60, minute%60)
}

func tellDone(to io.Writer, p *order.Plan, o order.Outcome) error {
	kept := "kept"
	if o.Kept {
		kept = "was kept before"
	}
	_, err := fmt.Fprintf(to, "verdict %d %s; vials of %d sites set\n%d moved, %d were there already; not moved: %d that people moved since, %d cancelled, %d whose new seat or vial was taken meanwhile, %d whose new session is gone\n",
		o.Seq, kept, o.Vials, o.Moves.Moved, o.Moves.There, o.Moves.Since, o.Moves.Cancelled, o.Moves.Full, o.Moves.Gone)
	if err == nil && o.Changed > 0 {
		_, err = fmt.Fprintf(to, "the vials of %d sites were set by somebody else since the plan and were left alone: look at them with `charye vials`, and set them with `charye import stock`\n", o.Changed)
	}
	if err == nil && (o.Short > 0 || o.Moves.Full > 0) {
		_, err = fmt.Fprintf(to, "%d sites have more booked than vials are left, %d doses found their new place taken: run it again with another --plan\n", o.Short, o.Moves.Full)
	}
	return err
}

// dayOf reads a date of a flag; def when it is empty.
func dayOf(flag, text string, def civil.Date) (civil.Date, error) {
	if text == "" {
		return def, nil
	}
	d, err := civil.Parse(text)
	if err != nil {
		return 0, &usageError{msg: fmt.Sprintf("%s: %q is no date; want one such as 2021-07-26", flag, text)}
	}
	return d, nil
}
