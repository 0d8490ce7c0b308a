package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"charye/site"
	"charye/supply"
	custody "charye/supply/epcis"
	"charye/supply/order"
	"charye/supply/trace"
)

// vial prints the way of one vial and what it touches.
func (c supplyScopeCmd) vial(ctx context.Context, r *supplyRoom, w *order.World, to *bufio.Writer) error {
	k, ok := trace.SGTINOf(c.Vial)
	if !ok {
		return &usageError{msg: fmt.Sprintf("--vial: %.60q names no vial; want its label, (01)GTIN(21)SERIAL, its URN or its Digital Link", c.Vial)}
	}
	v, ok := w.Trace.Vial(k)
	if !ok {
		return &usageError{msg: fmt.Sprintf("--vial: no event of custody tells that %s was packed", k)}
	}
	b, _ := w.Trace.Box(v.Box)
	of := v.Left + v.Given
	if !v.Gone {
		of = max(of, b.DosesPerVial)
	}
	_, _ = fmt.Fprintf(to, "vial %s: %d of %d doses left, %d given by its name, %s\n", k, v.Left, of, v.Given, r.vialState(w.Trace, &v, w.Now))
	if !v.Alone {
		r.tellLegs(to, w.Trace.Journey(v.Box), 1<<30)
		return r.scopeOf(ctx, to, w, func() supply.Scope {
			s := w.Trace.Index.Of([]supply.SSCC{v.Box}, w.Today())
			s.Given = nil // nobody told of which vial these were
			return s
		}, c.Most)
	}
	n := w.Trace.Index.Vial(k)
	for _, l := range w.Trace.Index.VialJourney(n) {
		end := "still"
		if !l.End.IsZero() {
			end = l.End.In(r.programme.Zone).Format("2006-01-02 15:04")
		}
		_, _ = fmt.Fprintf(to, "├─ leg %s – %s: %s\n", l.Begin.In(r.programme.Zone).Format("2006-01-02 15:04"), end, r.place(string(l.Point), l.Site))
	}
	return r.scopeOf(ctx, to, w, func() supply.Scope { return w.Trace.Index.OfVial(n, w.Today()) }, c.Most)
}

// vialState says in words how a vial stands.
func (r *supplyRoom) vialState(t *trace.Trace, v *trace.Vial, now time.Time) string {
	state := "box " + v.Box.String()
	if v.Gone {
		return state + ", destroyed or sent away"
	}
	if v.Apart {
		state = "out of box " + v.Box.String() + ", " + r.place(v.Place, v.Site)
	}
	if v.Stage != supply.Unopened {
		state += fmt.Sprintf(", %s since %s", v.Stage, v.Since.In(r.programme.Zone).Format("2006-01-02 15:04"))
	}
	if n := t.Index.Vial(v.SGTIN); n != 0 && v.Left > 0 {
		if j, ok := t.Index.JudgeVial(n, supply.AsOf{At: now, Zone: r.programme.Zone, Overdue: scopeOverdue, Handover: scopeHandover}); ok && len(j.Findings) > 0 {
			state += ", not fit: " + whyDoubt(&j)
		}
	}
	return state
}

// As of judge, when nothing else is said.
const (
	scopeOverdue  = 26 * time.Hour
	scopeHandover = time.Hour
)

// tellVials names the vials of a box in doubt that are to blame alone.
func (r *supplyRoom) tellVials(to io.Writer, t *trace.Trace, box supply.SSCC, at supply.AsOf, most int) {
	told := 0
	for _, n := range t.Index.UnfitVials(box, at) {
		if n == 0 {
			continue
		}
		if told++; told > most {
			_, _ = fmt.Fprintln(to, "    … and more of its vials")
			return
		}
		j, _ := t.Index.JudgeVial(n, at)
		v, _ := t.Vial(t.Index.NameOf(n))
		_, _ = fmt.Fprintf(to, "    vial %s, %d doses left: %s\n", t.Index.NameOf(n), v.Left, whyDoubt(&j))
	}
}

type supplyDiscardCmd struct {
	Where supplyWhere `embed:""`
	Party string      `required:"" placeholder:"NAME" help:"Who tells it; kept with the event."`
	Why   string      `required:"" placeholder:"TEXT" help:"Why, for people; kept with the event."`
	At    string      `placeholder:"TIME" help:"When they were thrown away (RFC 3339); now by default."`
	Vials []string    `arg:"" placeholder:"LABEL" help:"Vials by their serial numbers: (01)…(21)… as on the label, URN or Digital Link. Several are told of in one event and are at one site."`
}

// Run tells custody that single vials were thrown away, with what was left in them. It is all or nothing.
func (c supplyDiscardCmd) Run(ctx context.Context, out streams) error {
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
		var vials []supply.SGTIN
		left, where := 0, site.Num(0)
		for _, text := range c.Vials {
			k, ok := trace.SGTINOf(text)
			if !ok {
				return &usageError{msg: fmt.Sprintf("%.60q names no vial; want its label, (01)GTIN(21)SERIAL, its URN or its Digital Link", text)}
			}
			v, ok := t.Vial(k)
			switch {
			case !ok:
				return &usageError{msg: fmt.Sprintf("no event of custody tells that %s was packed", k)}
			case v.Gone || v.Left == 0:
				return &usageError{msg: fmt.Sprintf("nothing is left of %s: %s", k, r.vialState(t, &v, at))}
			case v.Site == 0 || where != 0 && where != v.Site:
				return &usageError{msg: fmt.Sprintf("%s is not at the same site as the others, or at none: %s", k, r.place(v.Place, v.Site))}
			}
			vials, left, where = append(vials, k), left+v.Left, v.Site
		}
		s, _ := r.sites.ByNum(where)
		e, err := trace.Destroyed(trace.SiteURN(s.ID), at, vials, c.Why)
		if err != nil {
			return err
		}
		return r.capture(ctx, out.out, fmt.Sprintf("%d vials with %d doses at %s", len(vials), left, s.ID), c.Party, []*custody.Event{e})
	})
}
