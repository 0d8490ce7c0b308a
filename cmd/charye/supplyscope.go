package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"charye/site"
	"charye/supply"
	"charye/supply/order"
	"charye/supply/trace"
)

type supplyScopeCmd struct {
	Where   supplyWhere `embed:""`
	Reading string      `placeholder:"P@FROM/UNTIL" xor:"what" help:"What was at a place, in a vehicle or beside a logger between two instants (RFC 3339)."`
	Box     []string    `placeholder:"SSCC" xor:"what" help:"These boxes, or all in these pallets."`
	Lot     string      `placeholder:"LOT" xor:"what" help:"All boxes of a lot."`
	Vial    string      `placeholder:"LABEL" xor:"what" help:"One vial by its serial number: (01)…(21)… as its label has it, its URN or its Digital Link."`
	Most    int         `default:"20" placeholder:"N" help:"How many boxes, lots and sites are listed; the rest is counted. ${default} by default."`
}

// Run prints what a reading, boxes, a lot or one vial touch: legs, boxes, lots, sites, bookings to come, people vaccinated. It names no person.
func (c supplyScopeCmd) Run(ctx context.Context, out streams) error {
	asked := 0
	for _, given := range []bool{c.Reading != "", len(c.Box) > 0, c.Lot != "", c.Vial != ""} {
		if given {
			asked++
		}
	}
	if asked != 1 {
		return &usageError{msg: "want one of --reading, --box, --lot and --vial"}
	}
	return c.Where.with(ctx, func(r *supplyRoom) error {
		t, err := r.trace(ctx)
		if err != nil {
			return err
		}
		w, err := r.worldOf(ctx, t, time.Now())
		if err != nil {
			return err
		}
		r.tellProblems(out.err, w.Trace.Problems, c.Most)
		to := bufio.NewWriter(out.out)
		if c.Vial != "" {
			return c.vial(ctx, r, w, to)
		}
		boxes, err := c.boxes(r, w.Trace, to)
		if err != nil {
			return err
		}
		return r.scopeOf(ctx, to, w, func() supply.Scope { return t.Index.Of(boxes, w.Today()) }, c.Most)
	})
}

// scopeOf reads what is booked at the sites of a scope, and tells it with that.
func (r *supplyRoom) scopeOf(ctx context.Context, to *bufio.Writer, w *order.World, of func() supply.Scope, most int) error {
	if err := w.Index(ctx, of().Sites); err != nil {
		return err
	}
	r.tellScope(to, w, of(), most)
	return to.Flush()
}

func (c supplyScopeCmd) boxes(r *supplyRoom, t *trace.Trace, to io.Writer) ([]supply.SSCC, error) {
	switch {
	case c.Lot != "":
		boxes := t.OfLot(c.Lot)
		if len(boxes) == 0 {
			return nil, &usageError{msg: fmt.Sprintf("--lot: no box of lot %.40q was ever told of", c.Lot)}
		}
		_, err := fmt.Fprintf(to, "lot %s\n", c.Lot)
		return boxes, err
	case len(c.Box) > 0:
		var boxes []supply.SSCC
		for _, text := range c.Box {
			k, ok := trace.SSCCOf(text)
			if !ok {
				return nil, &usageError{msg: fmt.Sprintf("--box: %.40q is no SSCC; want 18 digits with their check digit", text)}
			}
			if _, ok := t.Box(k); !ok {
				return nil, &usageError{msg: fmt.Sprintf("--box: no event of custody tells what is in %s", k)}
			}
			boxes = append(boxes, k)
			if _, err := fmt.Fprintf(to, "box %s\n", k); err != nil {
				return nil, err
			}
			r.tellLegs(to, t.Journey(k), 1<<30)
		}
		return boxes, nil
	}
	point, begin, end, err := readingOf(c.Reading)
	if err != nil {
		return nil, &usageError{msg: "--reading: " + err.Error()}
	}
	boxes, legs := t.At(point, begin, end)
	_, err = fmt.Fprintf(to, "reading of %s from %s until %s\n", point, begin.In(r.programme.Zone).Format(time.RFC3339), end.In(r.programme.Zone).Format(time.RFC3339))
	r.tellLegs(to, legs, c.Most)
	return boxes, err
}

func readingOf(text string) (point string, begin, end time.Time, err error) {
	i := strings.LastIndexByte(text, '@')
	from, until, two := strings.Cut(text[i+1:], "/")
	if i < 1 || !two {
		return "", begin, end, fmt.Errorf("%.80q; want P@FROM/UNTIL, as in site:T1@2020-09-18T08:00:00+09:00/2020-09-18T09:00:00+09:00", text)
	}
	if point, err = pointOf(text[:i]); err != nil {
		return "", begin, end, err
	}
	begin, err1 := time.Parse(time.RFC3339, from)
	end, err2 := time.Parse(time.RFC3339, until)
	if err := errors.Join(err1, err2); err != nil || !end.After(begin) {
		return "", begin, end, fmt.Errorf("%.80q; want two instants (RFC 3339), the second after the first", text[i+1:])
	}
	return point, begin, end, nil
}

func (r *supplyRoom) tellLegs(to io.Writer, legs []trace.Leg, most int) {
	for i, l := range legs {
		if i == most {
			_, _ = fmt.Fprintf(to, "├─ … and %d legs more\n", len(legs)-most)
			return
		}
		end := "still"
		if !l.End.IsZero() {
			end = l.End.In(r.programme.Zone).Format("2006-01-02 15:04")
		}
		told := ""
		if string(l.Point) != l.Place {
			told = ", told by a logger of its own"
		}
		_, _ = fmt.Fprintf(to, "├─ leg %s – %s: %s, %d boxes%s\n", l.Begin.In(r.programme.Zone).Format("2006-01-02 15:04"), end, r.place(l.Place, l.Site), len(l.Boxes), told)
	}
}

func (r *supplyRoom) tellScope(to io.Writer, w *order.World, scope supply.Scope, most int) {
	t := w.Trace
	states := map[supply.State]int{}
	atSite, doses := map[site.Num]int{}, map[site.Num]int{}
	for _, k := range scope.Boxes {
		states[w.Register.State(k)]++
		if b, _ := t.Box(k); b.Site != 0 {
			atSite[b.Site]++
			doses[b.Site] += b.Left()
		}
	}
	_, _ = fmt.Fprintf(to, "├─ %d boxes:", len(scope.Boxes))
	for _, s := range []supply.State{supply.Usable, supply.Held, supply.Recalled, supply.Destroyed} {
		if states[s] > 0 {
			_, _ = fmt.Fprintf(to, " %d %s", states[s], s)
		}
	}
	_, _ = fmt.Fprintln(to)
	for i, k := range scope.Boxes {
		if i == most {
			_, _ = fmt.Fprintf(to, "│  … and %d more\n", len(scope.Boxes)-most)
			break
		}
		b, _ := t.Box(k)
		_, _ = fmt.Fprintf(to, "│  %s lot %s, %d of %d doses left, %s, %s\n", k, b.Lot.ID, b.Left(), b.Doses(), w.Register.State(k), r.place(b.Place, b.Site))
	}
	_, _ = fmt.Fprintf(to, "├─ %d lots\n", len(scope.Lots))
	for i, l := range scope.Lots {
		if i == most {
			_, _ = fmt.Fprintf(to, "│  … and %d more\n", len(scope.Lots)-most)
			break
		}
		until := ""
		if d, ok := t.Expires(l); ok {
			until = ", expires " + d.String()
		}
		_, _ = fmt.Fprintf(to, "│  %s of GTIN %s%s\n", l.ID, l.GTIN, until)
	}
	_, _ = fmt.Fprintf(to, "├─ %d sites\n", len(scope.Sites))
	for i, n := range scope.Sites {
		if i == most {
			_, _ = fmt.Fprintf(to, "│  … and %d more\n", len(scope.Sites)-most)
			break
		}
		_, _ = fmt.Fprintf(to, "│  %s: %d of the boxes with %d doses now, %d bookings to come\n", r.place("", n), atSite[n], doses[n], len(t.Index.Appointments(n, w.Today())))
	}
	_, _ = fmt.Fprintf(to, "├─ %d bookings to come at these sites\n", scope.Appointments)
	_, _ = fmt.Fprintf(to, "└─ %d people were given %d doses\n", scope.People(), len(scope.Given))
}

type supplyJudgeCmd struct {
	Where    supplyWhere   `embed:""`
	At       string        `placeholder:"TIME" help:"As of this instant (RFC 3339); now by default."`
	Overdue  time.Duration `default:"26h" help:"How long a refrigerator may be without a word from its logger; ${default} by default."`
	Handover time.Duration `default:"1h" help:"How long a box may be between two places; ${default} by default."`
	Only     string        `placeholder:"CAUSE" enum:"frozen,warm,expired,unknown," default:"" help:"Print only the SSCCs of one cause, one a line, as --boxes takes them: frozen, warm, expired (thawed or punctured for too long) or unknown."`
	Most     int           `default:"50" placeholder:"N" help:"How many boxes of a cause are listed; ${default} by default."`
}

// Run says which boxes the readings put in doubt. It decides nothing: that is for people, with hold.
func (c supplyJudgeCmd) Run(ctx context.Context, out streams) error {
	at := time.Now()
	if c.At != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, c.At); err != nil {
			return &usageError{msg: fmt.Sprintf("--at: %.60q is no instant; want RFC 3339, as in 2020-09-21T18:00:00+09:00", c.At)}
		}
	}
	return c.Where.with(ctx, func(r *supplyRoom) error {
		t, err := r.trace(ctx)
		if err != nil {
			return err
		}
		g, _, err := supply.Registered(ctx, r.verdicts)
		if err != nil {
			return err
		}
		r.tellProblems(out.err, t.Problems, c.Most)
		by, asOf := map[string][]doubt{}, supply.AsOf{At: at, Zone: r.programme.Zone, Overdue: c.Overdue, Handover: c.Handover}
		t.Index.Unfit(asOf, func(k supply.SSCC, j supply.Judgement) {
			cause := string(j.Cause())
			by[cause] = append(by[cause], doubt{k, j})
		})
		to := bufio.NewWriter(out.out)
		if c.Only != "" {
			for _, d := range by[c.Only] {
				_, _ = fmt.Fprintln(to, d.box)
			}
			return to.Flush()
		}
		fit := len(t.Boxes())
		for _, cause := range []string{"frozen", "warm", "expired", "unknown"} {
			r.tellDoubts(to, cause, by[cause], t, g, asOf, c.Most)
			fit -= len(by[cause])
		}
		_, _ = fmt.Fprintf(to, "fit: %d of %d boxes, by %d events as of %s\n", fit, len(t.Boxes()), t.Read, at.In(r.programme.Zone).Format(time.RFC3339))
		return to.Flush()
	})
}

type doubt struct {
	box supply.SSCC
	j   supply.Judgement
}

func (r *supplyRoom) tellDoubts(to io.Writer, cause string, list []doubt, t *trace.Trace, g *supply.Register, asOf supply.AsOf, most int) {
	doses := 0
	for _, d := range list {
		b, _ := t.Box(d.box)
		doses += b.Left()
	}
	_, _ = fmt.Fprintf(to, "%s: %d boxes with %d doses\n", cause, len(list), doses)
	for i, d := range list {
		if i == most {
			_, _ = fmt.Fprintf(to, "  … and %d more; --only %s lists all\n", len(list)-most, cause)
			return
		}
		b, _ := t.Box(d.box)
		_, _ = fmt.Fprintf(to, "  %s lot %s, %s, %s: %s\n", d.box, b.Lot.ID, r.place(b.Place, b.Site), g.State(d.box), whyDoubt(&d.j))
		r.tellVials(to, t, d.box, asOf, most)
	}
}

func whyDoubt(j *supply.Judgement) string {
	var parts []string
	for _, f := range j.Findings {
		most := ""
		if j.Exposure.AtMost {
			most = "up to "
		}
		parts = append(parts, fmt.Sprintf("%s (%s) %s%v, allowed %v", f.Band, f.Stage, most, f.Spent, f.Budget))
	}
	if j.Exposure.Unknown > 0 {
		parts = append(parts, fmt.Sprintf("nothing known of %v", j.Exposure.Unknown))
	}
	if j.Untraced {
		parts = append(parts, "nobody told where it has been")
	}
	if j.Exposure.Told {
		parts = append(parts, fmt.Sprintf("from %s to %s °C", j.Exposure.Coldest, j.Exposure.Warmest))
	}
	return strings.Join(parts, "; ")
}

// boxesOf reads SSCCs from a file, one a line, and from arguments.
func boxesOf(file string, args []string) (out []supply.SSCC, err error) {
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--boxes: %w", err)
		}
		for i, l := range strings.Split(string(b), "\n") {
			if l = strings.TrimSpace(l); l == "" || l[0] == '#' {
				continue
			}
			k, ok := trace.SSCCOf(l)
			if !ok {
				return nil, fmt.Errorf("--boxes: %s:%d: %.40q is no SSCC; want 18 digits with their check digit", file, i+1, l)
			}
			out = append(out, k)
		}
	}
	for _, a := range args {
		k, ok := trace.SSCCOf(a)
		if !ok {
			return nil, &usageError{msg: fmt.Sprintf("%.40q is no SSCC; want 18 digits with their check digit", a)}
		}
		out = append(out, k)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
