package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"charye/approval"
	"charye/internal/civil"
	"charye/internal/durable"
	"charye/site"
	"charye/supply"
	planning "charye/supply/delivery"
	"charye/supply/journal"
	"charye/supply/trace"
)

type supplySettleCmd struct {
	Where    supplyWhere   `embed:""`
	Plan     string        `required:"" placeholder:"FILE" help:"The CSV of the plan, as supply plan --csv wrote it."`
	Depot    string        `placeholder:"ID" help:"Only what leaves this depot; all depots and what goes from site to site by default."`
	Product  string        `placeholder:"ID" help:"Only this product."`
	Day      string        `placeholder:"DATE" help:"What leaves on this day; what has its cut-off today, by default."`
	At       string        `placeholder:"TIME" help:"In a trial: as of this instant (RFC 3339) and not now."`
	Overdue  time.Duration `default:"26h" help:"How long a refrigerator may be without a word from its logger; ${default} by default."`
	Handover time.Duration `default:"1h" help:"How long a box may be between two places; ${default} by default."`
	Most     int           `default:"20" placeholder:"N" help:"How many lines of a kind are printed; the rest is counted. ${default} by default."`
}

// Run settles the departures of a plan, each whole or not at all.
func (c supplySettleCmd) Run(ctx context.Context, out streams) error {
	return c.Where.with(ctx, func(r *supplyRoom) error {
		now, err := r.instant(c.At)
		if err != nil {
			return err
		}
		day, err := dayOf("--day", c.Day, 0)
		if err != nil {
			return err
		}
		src, err := os.ReadFile(c.Plan)
		if err != nil {
			return fmt.Errorf("--plan: %w", err)
		}
		list, err := planning.ReadPromises(c.Plan, bytes.NewReader(src), r.sites, r.programme)
		if err != nil {
			return fmt.Errorf("--plan: %w", err)
		}
		w, err := r.planned(ctx, now, c.Overdue, c.Handover, c.Most, out.err)
		if err != nil {
			return err
		}
		if err := r.endPromises(ctx, w); err != nil {
			return err
		}
		departures, err := w.Departures(list)
		if err != nil {
			return fmt.Errorf("--plan: %s: %w", c.Plan, err)
		}
		sum := sha256.Sum256(src)
		settled := 0
		var failed error
		for i := range departures {
			d := &departures[i]
			zone := r.programme.Zone
			switch {
			case c.Depot != "" && d.Depot != c.Depot, c.Product != "" && d.Product != c.Product, day != 0 && civil.Of(d.Leaves, zone) != day,
				day == 0 && civil.Of(d.CutOff, zone) != civil.Of(now, zone):
				continue
			}
			err := w.MaySettle(d)
			var e journal.Event
			if err == nil {
				e, err = r.verdicts.Write(ctx, journal.Event{At: now, By: approval.Shell.String(), Kind: journal.Settle, Departure: d, Plan: hex.EncodeToString(sum[:])})
			}
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w; it was not settled: plan anew", r.departure(d), err))
				continue
			}
			settled++
			if _, err := fmt.Fprintf(out.out, "settlement %d: %s\n", e.Seq, r.departure(e.Departure)); err != nil {
				return err
			}
		}
		if settled == 0 && failed == nil {
			return fmt.Errorf("nothing of %s is to be settled so; name --day, --depot or --product of a departure that is in it", c.Plan)
		}
		return failed
	})
}

// instant is now, or, in a trial, what somebody says.
func (r *supplyRoom) instant(text string) (time.Time, error) {
	if text == "" {
		return time.Now(), nil
	}
	if !r.programme.Trial {
		return time.Time{}, &usageError{msg: "--at is for a trial; what is settled is settled now"}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, &usageError{msg: fmt.Sprintf("--at: %.60q is no instant; want RFC 3339, as in 2026-10-05T09:00:00+09:00", text)}
	}
	return at, nil
}

// planned reads custody and verdicts, as plans are made from them.
func (r *supplyRoom) planned(ctx context.Context, now time.Time, overdue, handover time.Duration, most int, problems io.Writer) (*planning.World, error) {
	t, err := r.trace(ctx)
	if err != nil {
		return nil, err
	}
	r.tellProblems(problems, t.Problems, most)
	g, _, err := supply.Registered(ctx, r.verdicts)
	return &planning.World{Programme: r.programme, Sites: r.sites, Trace: t, Register: g, Now: now, Overdue: overdue, Handover: handover}, err
}

// endPromises writes down which promises are over, as a server does that is running.
func (r *supplyRoom) endPromises(ctx context.Context, w *planning.World) error {
	book, err := journal.Read(ctx, r.verdicts)
	if err != nil {
		return err
	}
	for _, e := range planning.Endings(w.Fates(planning.Settled(book, r.sites)), w.Now, approval.Shell.String()) {
		if _, err := r.verdicts.Write(ctx, e); err != nil && !errors.Is(err, journal.ErrNothing) {
			return err
		}
	}
	return nil
}

// departure says what leaves, in one line.
func (r *supplyRoom) departure(d *journal.Departure) string {
	vials, to := 0, map[string]bool{}
	for _, l := range d.Loads {
		vials += l.Vials
		to[l.Site] = true
	}
	return fmt.Sprintf("%s leaves %s at %s, %d boxes with %d vials for %d sites, cut-off %s", d.Product, d.From(), d.Leaves.In(r.programme.Zone).Format(planMinute), len(d.Loads), vials, len(to),
		d.CutOff.In(r.programme.Zone).Format(planMinute))
}

type supplySettledCmd struct {
	Where    supplyWhere   `embed:""`
	ID       int64         `arg:"" optional:"" help:"Only this settlement, box by box."`
	All      bool          `help:"Also those of which nothing is promised any more."`
	At       string        `placeholder:"TIME" help:"As of this instant (RFC 3339); now by default."`
	CSV      string        `name:"csv" placeholder:"FILE" help:"Write the packing list of the settlement as CSV."`
	EPCIS    string        `name:"epcis" placeholder:"FILE" help:"Write the shipping events of the settlement as an EPCIS document, for supply capture when it leaves."`
	Overdue  time.Duration `default:"26h" help:"How long a refrigerator may be without a word from its logger; ${default} by default."`
	Handover time.Duration `default:"1h" help:"How long a box may be between two places; ${default} by default."`
	Most     int           `default:"20" placeholder:"N" help:"How many lines of a kind are printed; the rest is counted. ${default} by default."`
}

// Run lists what is settled. It changes nothing but the files that it is told to write.
func (c supplySettledCmd) Run(ctx context.Context, out streams) error {
	if c.ID == 0 && (c.CSV != "" || c.EPCIS != "") {
		return &usageError{msg: "--csv and --epcis go with the number of a settlement"}
	}
	now := time.Now()
	if c.At != "" {
		var err error
		if now, err = time.Parse(time.RFC3339, c.At); err != nil {
			return &usageError{msg: fmt.Sprintf("--at: %.60q is no instant; want RFC 3339, as in 2026-10-05T09:00:00+09:00", c.At)}
		}
	}
	return c.Where.with(ctx, func(r *supplyRoom) error {
		w, err := r.planned(ctx, now, c.Overdue, c.Handover, c.Most, out.err)
		if err != nil {
			return err
		}
		book, err := journal.Read(ctx, r.verdicts)
		if err != nil {
			return err
		}
		if c.ID != 0 {
			s, ok := book.Settlement(c.ID)
			if !ok {
				return fmt.Errorf("there is no settlement %d, or all of it is long over", c.ID)
			}
			return c.one(r, w, s, now, out)
		}
		say := func(format string, args ...any) { _, _ = fmt.Fprintf(out.out, format+"\n", args...) }
		shown := 0
		for _, s := range book.Settlements() {
			if s.Open() == 0 && !c.All {
				continue
			}
			shown++
			say("settlement %d: %s", s.ID, r.departure(&s.Departure))
			say("  settled %s by %s, from plan %.12s", s.At.In(r.programme.Zone).Format(planMinute), s.By, s.Plan)
			say("  %s", r.standing(w, s))
			if x := s.Withdrawn; x != nil {
				say("  withdrawn %s by %s: %s", x.At.In(r.programme.Zone).Format(planMinute), x.By, x.Reason)
			}
		}
		if shown == 0 {
			say("nothing is settled that has not left")
		}
		return nil
	})
}

// standing counts what has become of the boxes of a settlement.
func (r *supplyRoom) standing(w *planning.World, s *journal.Settlement) string {
	n := map[string]int{}
	for _, f := range w.Fates(planning.PromisesOf(s, r.sites)) {
		switch {
		case f.Why != "":
			n[string(f.Why)]++
		case f.Bar != "":
			n["must not go"]++
		default:
			n["waiting"]++
		}
	}
	for _, x := range s.Ended {
		n[string(x.Why)]++
	}
	text := fmt.Sprintf("%d waiting", n["waiting"])
	for _, k := range []string{"must not go", string(journal.Left), string(journal.Unusable), string(journal.Missed)} {
		if n[k] > 0 {
			text += fmt.Sprintf(", %d %s", n[k], k)
		}
	}
	return text
}

// one tells of one settlement, box by box.
func (c supplySettledCmd) one(r *supplyRoom, w *planning.World, s *journal.Settlement, now time.Time, out streams) error {
	numbers := glnOfSites(r.glns)
	place := func(id string) string {
		at, _ := r.sites.ByID(id)
		if g, ok := numbers[at.Num]; ok {
			return trace.PlaceKey(g.String())
		}
		return trace.SiteURN(id)
	}
	fates := map[supply.SSCC]planning.Fate{}
	for _, f := range w.Fates(planning.PromisesOf(s, r.sites)) {
		fates[f.Box] = f
	}
	rows := planning.PackingList(s, fates, r.sites, func(n site.Num) (supply.GLN, bool) { g, ok := numbers[n]; return g, ok })
	if c.CSV != "" {
		var b bytes.Buffer
		if err := planning.WritePackingList(&b, s, rows, r.programme.Zone); err != nil {
			return err
		}
		if err := durable.WriteFile(c.CSV, b.Bytes()); err != nil {
			return fmt.Errorf("--csv: %w", err)
		}
	}
	if c.EPCIS != "" {
		list := planning.Shippings(s, r.programme, place)
		if len(list) == 0 {
			return fmt.Errorf("--epcis: nothing of settlement %d is promised any more, so there is no document to write", s.ID)
		}
		doc, err := trace.ShippingDocument(list, now)
		if err != nil {
			return err
		}
		if err := durable.WriteFile(c.EPCIS, doc); err != nil {
			return fmt.Errorf("--epcis: %w", err)
		}
	}
	if _, err := fmt.Fprintf(out.out, "settlement %d: %s\n  %s\n", s.ID, r.departure(&s.Departure), r.standing(w, s)); err != nil {
		return err
	}
	lines(out.out, "boxes", len(rows), max(c.Most, 1), func(i int) string {
		x := &rows[i]
		return fmt.Sprintf("%s lot %s until %s, %d vials, for %s %s, there on %s: %s", x.Box, x.Lot, x.Expires, x.Vials, x.Load.Site, x.To.Name, x.Arrives, x.State)
	})
	return nil
}

type supplyWithdrawCmd struct {
	Where  supplyWhere `embed:""`
	ID     int64       `arg:"" help:"The number of the settlement."`
	Reason string      `required:"" help:"Why."`
	At     string      `placeholder:"TIME" help:"In a trial: as of this instant (RFC 3339) and not now."`
}

// Run takes back what of a settlement has not left.
func (c supplyWithdrawCmd) Run(ctx context.Context, out streams) error {
	return c.Where.with(ctx, func(r *supplyRoom) error {
		now, err := r.instant(c.At)
		if err != nil {
			return err
		}
		w, err := r.planned(ctx, now, 26*time.Hour, time.Hour, 20, out.err)
		if err != nil {
			return err
		}
		if err := r.endPromises(ctx, w); err != nil { // what has left is not taken back
			return err
		}
		if _, err := r.verdicts.Write(ctx, journal.Event{At: now, By: approval.Shell.String(), Kind: journal.Withdraw, Settlement: c.ID, Reason: c.Reason}); err != nil {
			return err
		}
		_, err = fmt.Fprintf(out.out, "settlement %d is withdrawn; what of it had not left is planned anew\n", c.ID)
		return err
	})
}
