package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/internal/durable"
	"charye/site"
	"charye/supply"
	planning "charye/supply/delivery"
	"charye/supply/journal"
	"charye/supply/trace"
)

type supplyPlanCmd struct {
	Where    supplyWhere   `embed:""`
	From     string        `placeholder:"DATE" help:"The first day of use that is asked for; today by default. What is needed before it is planned for with it."`
	Days     int           `default:"14" placeholder:"N" help:"For how many days; ${default} by default."`
	Needs    string        `placeholder:"FILE" help:"CSV with the header site,day,product,vials: what is needed beside what is booked."`
	At       string        `placeholder:"TIME" help:"As of this instant (RFC 3339); now by default. What is past its cut-off then is not planned."`
	Promised string        `placeholder:"FILE" help:"The CSV of an earlier plan: what is past its cut-off in it and was not told to have left yet is promised, and counts where it goes. What was settled counts without it."`
	CSV      string        `name:"csv" placeholder:"FILE" help:"Write the whole plan as CSV."`
	EPCIS    string        `name:"epcis" placeholder:"FILE" help:"Write the shipping events of one day as an EPCIS document, for supply capture when the vehicles leave."`
	Leaving  string        `placeholder:"DATE" help:"Of which day; the first on which anything of the plan leaves, by default."`
	Overdue  time.Duration `default:"26h" help:"How long a refrigerator may be without a word from its logger; ${default} by default."`
	Handover time.Duration `default:"1h" help:"How long a box may be between two places; ${default} by default."`
	Most     int           `default:"20" placeholder:"N" help:"How many lines of a kind are printed; the rest is counted. ${default} by default."`
}

// mostPlanDays is the longest time that is planned for.
const mostPlanDays = 366

// Run plans deliveries. It changes nothing but the files that it is told to write.
func (c supplyPlanCmd) Run(ctx context.Context, out streams) error {
	now := time.Now()
	if c.At != "" {
		var err error
		if now, err = time.Parse(time.RFC3339, c.At); err != nil {
			return &usageError{msg: fmt.Sprintf("--at: %.60q is no instant; want RFC 3339, as in 2026-10-05T09:00:00+09:00", c.At)}
		}
	}
	if c.Days < 1 || c.Days > mostPlanDays {
		return &usageError{msg: fmt.Sprintf("--days: is %d; want a whole number from 1 to %d", c.Days, mostPlanDays)}
	}
	if c.Leaving != "" && c.EPCIS == "" {
		return &usageError{msg: "--leaving goes with --epcis: the day whose shipping events are written"}
	}
	return c.Where.with(ctx, func(r *supplyRoom) error {
		in, kept, err := c.gather(ctx, r, now, out.err)
		if err != nil {
			return err
		}
		p, err := planning.Make(in)
		if err != nil {
			return err
		}
		leaving, err := c.leaving(p)
		if err != nil {
			return err
		}
		if c.CSV != "" {
			var b bytes.Buffer
			if err := p.WriteCSV(&b, r.sites, r.programme.Zone, planning.PlainCell); err != nil {
				return err
			}
			if err := durable.WriteFile(c.CSV, b.Bytes()); err != nil {
				return fmt.Errorf("--csv: %w", err)
			}
		}
		events := 0
		if c.EPCIS != "" {
			list := r.shippings(p, leaving)
			if events = len(list); events == 0 {
				return fmt.Errorf("--epcis: nothing of the plan leaves on %s, so there is no document to write", leaving)
			}
			doc, err := trace.ShippingDocument(list, now)
			if err != nil {
				return err
			}
			if err := durable.WriteFile(c.EPCIS, doc); err != nil {
				return fmt.Errorf("--epcis: %w", err)
			}
		}
		to := bufio.NewWriter(out.out)
		r.tellDeliveries(to, p, c.Most)
		r.tellPromises(to, kept, now, c.Most)
		if c.CSV != "" {
			_, _ = fmt.Fprintf(to, "the whole plan is in %s\n", c.CSV)
		}
		if c.EPCIS != "" {
			_, _ = fmt.Fprintf(to, "%s has %d shipping events of %s: capture it when the vehicles leave, and what is in it is under way\n", c.EPCIS, events, leaving)
		}
		return to.Flush()
	})
}

// gather reads what the plan is made from.
func (c supplyPlanCmd) gather(ctx context.Context, r *supplyRoom, now time.Time, problems io.Writer) (in planning.Input, kept planning.Kept, err error) {
	today := civil.Of(now, r.programme.Zone)
	from, err := dayOf("--from", c.From, today)
	if err != nil {
		return in, kept, err
	}
	switch {
	case from < today:
		return in, kept, &usageError{msg: fmt.Sprintf("--from: %s is over; want today, %s, or later", from, today)}
	case from > today+mostPlanDays:
		return in, kept, &usageError{msg: fmt.Sprintf("--from: %s is too far ahead; want %s at the latest", from, today+mostPlanDays)}
	case len(r.programme.Shipping) == 0:
		return in, kept, fmt.Errorf("programme %s says nothing of shipping; write the field shipping: depots, cut-offs, vials in a box (docs/programme.md)", r.programme.ID)
	}
	var more []planning.Need
	if err := readInto("--needs", c.Needs, &more, func(f io.Reader) ([]planning.Need, error) {
		return planning.ReadNeeds(c.Needs, f, r.sites, r.programme)
	}); err != nil {
		return in, kept, err
	}
	var promises []planning.Promise
	if err := readInto("--promised", c.Promised, &promises, func(f io.Reader) ([]planning.Promise, error) {
		return planning.ReadPromises(c.Promised, f, r.sites, r.programme)
	}); err != nil {
		return in, kept, err
	}
	t, err := r.trace(ctx)
	if err != nil {
		return in, kept, err
	}
	r.tellProblems(problems, t.Problems, c.Most)
	g, _, err := supply.Registered(ctx, r.verdicts)
	if err != nil {
		return in, kept, err
	}
	in, err = planning.Gather(ctx, r.ledger, planning.World{
		Programme: r.programme, Sites: r.sites, Trace: t, Register: g, Now: now, Overdue: c.Overdue, Handover: c.Handover,
	})
	if err != nil {
		return in, kept, err
	}
	in.From, in.Days, in.Needs = from, c.Days, append(in.Needs, more...)
	book, err := journal.Read(ctx, r.verdicts)
	if err != nil {
		return in, kept, err
	}
	return in, in.Keep(append(promises, planning.Settled(book, r.sites)...)), nil
}

// readInto reads the file of a flag, when it is given.
func readInto[T any](flag, name string, to *[]T, read func(io.Reader) ([]T, error)) error {
	if name == "" {
		return nil
	}
	f, err := os.Open(name)
	if err == nil {
		*to, err = read(f)
		_ = f.Close()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

// leaving is the day whose shipping events are written.
func (c supplyPlanCmd) leaving(p *planning.Plan) (civil.Date, error) {
	first := civil.Date(0)
	for _, list := range [][]planning.Shipment{p.Shipments, p.Transfers} {
		if len(list) > 0 && (first == 0 || list[0].Leave < first) {
			first = list[0].Leave
		}
	}
	if first == 0 && c.Leaving == "" && c.EPCIS != "" {
		return 0, fmt.Errorf("--epcis: nothing leaves by this plan, so there is no document to write")
	}
	return dayOf("--leaving", c.Leaving, first)
}

// shippings are what leaves on a day, as custody tells it.
func (r *supplyRoom) shippings(p *planning.Plan, day civil.Date) (out []trace.Shipping) {
	glns := glnOfSites(r.glns)
	place := func(at site.Num) string {
		if g, ok := glns[at]; ok {
			return trace.PlaceKey(g.String())
		}
		s, _ := r.sites.ByNum(at)
		return trace.SiteURN(s.ID)
	}
	for _, list := range [][]planning.Shipment{p.Shipments, p.Transfers} {
		for _, s := range list {
			if s.Leave != day {
				continue
			}
			x := trace.Shipping{At: s.Leaves.In(r.programme.Zone), To: place(s.Site)}
			if s.Giver != 0 {
				x.From = place(s.Giver)
			} else if d, ok := r.programme.ShippingOn(s.Leave).Depot(s.Depot); ok {
				x.From = trace.PlaceKey(d.Places[0])
			}
			for _, l := range s.Loads {
				x.Boxes = append(x.Boxes, l.Box)
			}
			out = append(out, x)
		}
	}
	return out
}

// departure is what leaves a depot at one time.
type departure struct {
	depot          string
	leaves, cutOff time.Time
	sites          map[site.Num]bool
	boxes, vials   int
}

func departures(p *planning.Plan) []*departure {
	type key struct {
		depot  string
		leaves int64
		cutOff int64
	}
	byKey := map[key]*departure{}
	var out []*departure
	for _, s := range p.Shipments {
		k := key{s.Depot, s.Leaves.Unix(), s.CutOff.Unix()}
		d := byKey[k]
		if d == nil {
			d = &departure{depot: s.Depot, leaves: s.Leaves, cutOff: s.CutOff, sites: map[site.Num]bool{}}
			byKey[k], out = d, append(out, d)
		}
		d.sites[s.Site] = true
		for _, l := range s.Loads {
			d.boxes, d.vials = d.boxes+1, d.vials+l.Vials
		}
	}
	slices.SortStableFunc(out, func(a, b *departure) int { return cmp.Or(a.cutOff.Compare(b.cutOff), a.leaves.Compare(b.leaves)) })
	return out
}
