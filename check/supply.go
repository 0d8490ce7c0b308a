package check

import (
	"context"
	"fmt"

	"charye/internal/civil"
	"charye/site"
	"charye/supply"
	"charye/supply/journal"
	"charye/supply/trace"
)

// Supply is what the supply room keeps.
type Supply struct {
	Trace    *trace.Trace // of all events of custody
	Verdicts supply.Verdicts
	Journal  journal.Store
	Sites    *site.Index
}

// supply proves that verdicts follow from one another, that the doses of every lot at every site add up, that nothing was given against a
// verdict, and that no box was settled twice or left for where it was not settled for.
func (r *Report) supply(ctx context.Context, in *Supply) error {
	g := supply.NewRegister()
	var list []supply.Verdict
	last := int64(0)
	if err := in.Verdicts.Verdicts(ctx, 0, func(v supply.Verdict) error {
		if v.Seq != last+1 {
			r.find("verdict %d follows verdict %d", v.Seq, last)
		}
		last = v.Seq
		v.Seq = g.Seq() + 1 // a gap is one fault, and what is beyond it is still looked at
		if err := g.Replay([]supply.Verdict{v}); err != nil {
			r.find("verdict %d cannot have been decided: %v", last, err)
			return nil
		}
		list = append(list, v)
		return nil
	}); err != nil {
		return fmt.Errorf("verdicts: %w", err)
	}
	t := in.Trace
	told, err := r.journal(ctx, in)
	if err != nil {
		return err
	}
	if t.Read == 0 && last == 0 && told == 0 {
		return nil
	}
	held, err := supply.HeldAt(list)
	if err != nil {
		r.find("verdicts: %v", err)
	}
	for _, f := range t.Findings {
		r.find("custody: %s", f)
	}
	for _, a := range t.Accounts {
		if a.Given < 0 || a.Wasted < 0 || a.Returned < 0 || a.OnHand < 0 || a.Received != a.Given+a.Wasted+a.Returned+a.OnHand {
			r.find("lot %s at site %d: %d doses received, but %d given, %d wasted, %d returned and %d on hand", a.Lot.ID, a.Site, a.Received, a.Given, a.Wasted, a.Returned, a.OnHand)
		}
	}
	given := int64(0)
	for _, d := range t.Index.Of(t.Boxes(), civil.Date(0)).Given {
		given++
		for _, s := range held[d.Box] {
			if s.Holds(d.At) {
				r.find("a dose from box %s was given on %s, after verdict %d", d.Box, d.At.Format("2006-01-02 15:04:05Z07:00"), s.Verdict)
			}
		}
	}
	for i, p := range t.Problems {
		if i == mostNotes {
			r.Notes = append(r.Notes, fmt.Sprintf("and %d events more that could not be used", len(t.Problems)-i))
			break
		}
		r.Notes = append(r.Notes, fmt.Sprintf("event of custody %s was not used: %s", p.Event, p.What))
	}
	r.count("events of custody that count", int64(t.Read))
	r.count("boxes", int64(len(t.Boxes())))
	r.count("doses given from them, none from a box that was held", given)
	r.count("lots at sites, whose doses add up", int64(len(t.Accounts)))
	r.count("verdicts on boxes, without a gap", last)
	return nil
}

func (r *Report) find(format string, args ...any) {
	r.Findings = append(r.Findings, fmt.Sprintf(format, args...))
}
