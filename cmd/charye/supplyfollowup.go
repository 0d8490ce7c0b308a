package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"charye/booking"
	"charye/supply"
	"charye/supply/followup"
)

type supplyFollowupCmd struct {
	Where    supplyWhere   `embed:""`
	Case     string        `required:"" placeholder:"NAME" help:"The case, as the verdicts have it. Only what it recalled or had destroyed counts: a hold may still turn out well."`
	All      bool          `help:"Everybody who was given a dose from the boxes, as when the product itself is recalled. Without it: who was given one after the box had ceased to be fit by its readings."`
	Apply    bool          `help:"Have these doses not count: each person is told, and chooses when it is given again. For good. Again is safe, and goes on where it was interrupted."`
	CSV      string        `placeholder:"FILE" help:"Write the list, a line for each dose, by booking number: nobody is named. - is standard output."`
	Overdue  time.Duration `default:"26h" help:"How long a refrigerator may be without a word from its logger; ${default} by default."`
	Handover time.Duration `default:"1h" help:"How long a box may be between two places; ${default} by default."`
	Most     int           `default:"20" placeholder:"N" help:"How many sites are listed; ${default} by default."`
}

// Run lists the people of a case, by site and by how far they have come, and with --apply has their doses not count.
func (c supplyFollowupCmd) Run(ctx context.Context, out streams) error {
	if len(c.Case) > booking.MaxWord {
		return &usageError{msg: fmt.Sprintf("--case: %d bytes; want at most %d", len(c.Case), booking.MaxWord)}
	}
	return c.Where.with(ctx, func(r *supplyRoom) error {
		if c.All && c.Apply && r.programme.FourEyes.On {
			return &usageError{msg: "--all with --apply: in this programme one person alone does not decide that doses given while their box was fit do not count; list them with --all --csv"}
		}
		var verdicts []supply.Verdict
		if err := r.verdicts.Verdicts(ctx, 0, func(v supply.Verdict) error { verdicts = append(verdicts, v); return nil }); err != nil {
			return err
		}
		boxes := followup.Case(verdicts, c.Case)
		if len(boxes) == 0 {
			return &usageError{msg: fmt.Sprintf("--case: %.80q has recalled no box and had none destroyed; who was given a dose from boxes that are held is counted by `charye supply scope`", c.Case)}
		}
		t, err := r.trace(ctx)
		if err != nil {
			return err
		}
		r.tellProblems(out.err, t.Problems, c.Most)
		at := supply.AsOf{At: time.Now(), Zone: r.programme.Zone, Overdue: c.Overdue, Handover: c.Handover}
		list, err := followup.Make(ctx, t, followup.ByPerson(r.ledger), boxes, at, c.All)
		if err != nil {
			return err
		}
		if c.Apply {
			done, other, err := list.Carry(ctx, r.ledger, c.Case, time.Now)
			if err != nil {
				return fmt.Errorf("%d doses do not count any more: %w; the same command goes on", done, err)
			}
			if _, err := fmt.Fprintf(out.out, "%d doses do not count any more, and their people are told; %d had changed meanwhile\n", done, other); err != nil {
				return err
			}
			if list, err = followup.Make(ctx, t, followup.ByPerson(r.ledger), boxes, at, c.All); err != nil {
				return err
			}
		}
		if c.CSV == "-" {
			return r.writeFollowup(out.out, list)
		}
		if c.CSV != "" {
			if err := r.followupFile(c.CSV, list); err != nil {
				return fmt.Errorf("--csv: %w", err)
			}
		}
		return r.tellFollowup(out.out, c.Case, len(boxes), list, c.Most)
	})
}

func (r *supplyRoom) tellFollowup(to io.Writer, name string, boxes int, l *followup.List, most int) error {
	b := bufio.NewWriter(to)
	n := l.Count()
	_, _ = fmt.Fprintf(b, "case %s: %d boxes, %d doses to follow up\n", name, boxes, len(l.Entries))
	says := map[followup.Stage]string{
		followup.Listed: "not told yet; --apply has them told", followup.Spoilt: "told, and nothing booked yet", followup.Booked: "booked again",
		followup.Again: "given again", followup.Unnamed: "custody names no booking: the site has to find them in its own records",
	}
	for _, s := range followup.Stages {
		_, _ = fmt.Fprintf(b, "  %-8s %d  %s\n", s, n[s], says[s])
	}
	if l.Before > 0 {
		_, _ = fmt.Fprintf(b, "%d doses were given from these boxes while they were fit by all that is known; --all takes them in\n", l.Before)
	}
	for i, sites := 0, 0; i < len(l.Entries); sites++ {
		at, first, why := l.Entries[i].Site, i, map[supply.Cause]int{}
		for ; i < len(l.Entries) && l.Entries[i].Site == at; i++ {
			why[l.Entries[i].Why]++
		}
		if sites < most {
			_, _ = fmt.Fprintf(b, "  %s: %d doses%s\n", r.place("", at), i-first, causesSaid(why))
		} else if i == len(l.Entries) {
			_, _ = fmt.Fprintf(b, "  … and %d sites more; --csv lists all\n", sites+1-most)
		}
	}
	noRule := map[string]bool{}
	for i := range l.Entries {
		e := &l.Entries[i]
		if p, ok := r.programme.Product(e.Product); ok && len(p.Series.Again) == 0 && !noRule[p.ID] {
			noRule[p.ID] = true
			_, _ = fmt.Fprintf(b, "the programme does not say when %s may be given again (series.again): its people are asked to ring\n", p.ID)
		}
	}
	return b.Flush()
}

func causesSaid(n map[supply.Cause]int) (s string) {
	for _, c := range []supply.Cause{supply.Frozen, supply.Heated, supply.Expired, supply.Missing, followup.Recalled} {
		if n[c] > 0 {
			s += fmt.Sprintf(", %d %s", n[c], c)
		}
	}
	return s
}

// followupFile writes the list whole or not at all.
func (r *supplyRoom) followupFile(path string, l *followup.List) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = errors.Join(r.writeFollowup(f, l), f.Close())
	if err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

func (r *supplyRoom) writeFollowup(to io.Writer, l *followup.List) error {
	w := csv.NewWriter(to)
	_ = w.Write(followup.Columns)
	for i := range l.Entries {
		e := &l.Entries[i]
		at := strconv.Itoa(int(e.Site))
		if s, ok := r.sites.ByNum(e.Site); ok {
			at = s.ID
		}
		_ = w.Write(e.Line(at, r.programme.Zone))
	}
	w.Flush()
	return w.Error()
}
