package check

import (
	"context"
	"errors"
	"fmt"

	"charye/supply"
	"charye/supply/journal"
	"charye/supply/trace"
)

// journal proves that what was settled follows from what was before: no box was settled twice, what the store holds for a settlement is what the journal says, the
// table of GLNs is the one that was imported, and no box that was settled for one site left for another. It gives how many events there are.
func (r *Report) journal(ctx context.Context, in *Supply) (events int64, err error) {
	b := journal.NewBook()
	goes := map[supply.SSCC][]settledFor{}
	boxes := int64(0)
	if err := in.Journal.Journal(ctx, 0, func(e journal.Event) error {
		if e.Seq != events+1 {
			r.find("event %d of the supply room's journal follows event %d", e.Seq, events)
		}
		events = e.Seq
		e.Seq = b.Seq() + 1 // a gap is one fault, and what is beyond it is still looked at
		var taken *journal.TakenError
		switch err := b.Replay(e); {
		case errors.As(err, &taken):
			r.find("box %s is settled twice: for %s by settlement %d, and once more by settlement %d", taken.Box, taken.Site, taken.ID, events)
		case err != nil:
			r.find("event %d of the supply room's journal cannot have been decided: %v", events, err)
		case e.Kind == journal.Settle:
			boxes += int64(len(e.Departure.Loads))
			for _, l := range e.Departure.Loads {
				goes[l.Box] = append(goes[l.Box], settledFor{id: events, departure: e.Departure, event: e, site: l.Site})
			}
		case e.Kind == journal.Withdraw, e.Kind == journal.End:
			over(b, goes, &e)
		}
		return nil
	}); err != nil {
		return events, fmt.Errorf("journal of the supply room: %w", err)
	}
	held := 0
	if err := in.Journal.Promised(ctx, func(k supply.SSCC, id int64) error {
		held++
		if s, ok := b.Promised(k); !ok || s.ID != id {
			r.find("box %s is held for settlement %d, which the journal does not say", k, id)
		}
		return nil
	}); err != nil {
		return events, err
	}
	if held != b.Promises() {
		r.find("%d boxes are held for settlements, the journal promises %d", held, b.Promises())
	}
	rows, _, err := in.Journal.GLNs(ctx)
	if err != nil {
		return events, err
	}
	if t, ok := b.Table(); ok && t.Seal != journal.SealOf(rows) || !ok && len(rows) > 0 {
		r.find("the table of GLNs has %d rows that are not those that were imported", len(rows))
	}
	r.elsewhere(in, goes)
	r.count("events of the supply room's journal, without a gap", events)
	r.count("boxes that were settled, none twice", boxes)
	r.count("GLNs of sites, as they were imported", int64(len(rows)))
	return events, nil
}

// settledFor is where a settlement sends a box.
type settledFor struct {
	id        int64
	departure *journal.Departure
	event     journal.Event
	site      string
	withdrawn bool // or unusable, or missed: it was free to go elsewhere
}

// over marks what was free again.
func over(b *journal.Book, goes map[supply.SSCC][]settledFor, e *journal.Event) {
	free := func(k supply.SSCC) {
		for i := range goes[k] {
			if x := &goes[k][i]; x.id == e.Settlement {
				x.withdrawn = true
			}
		}
	}
	if e.Kind == journal.End {
		for _, x := range e.Ended {
			if x.Why != journal.Left {
				free(x.Box)
			}
		}
		return
	}
	if s, ok := b.Settlement(e.Settlement); ok {
		for i := range s.Loads {
			if _, left := s.Ended[s.Loads[i].Box]; !left {
				free(s.Loads[i].Box)
			}
		}
	}
}

// elsewhere names boxes that left for, or came to, another site than the one they were settled for: the first place after the settlement that is not where they
// were taken from.
func (r *Report) elsewhere(in *Supply, goes map[supply.SSCC][]settledFor) {
	first := map[supply.SSCC]trace.Leg{} // of those that are settled once at a time
	for _, l := range in.Trace.Legs {
		if l.Site == 0 {
			continue
		}
		for _, k := range l.Boxes {
			list := goes[k]
			if len(list) == 0 || first[k].Site != 0 {
				continue
			}
			last := &list[len(list)-1]
			if giver, ok := in.Sites.ByID(last.departure.Giver); !l.Begin.After(last.event.At) || ok && giver.Num == l.Site {
				continue
			}
			first[k] = l
		}
	}
	for _, k := range in.Trace.Boxes() {
		list := goes[k]
		if len(list) == 0 || list[len(list)-1].withdrawn {
			continue
		}
		s := &list[len(list)-1]
		want, _ := in.Sites.ByID(s.site)
		to := first[k].Site
		if x, _ := in.Trace.Box(k); to == 0 && x.Sent.At.After(s.event.At) {
			to = x.Sent.Site
		}
		if to == 0 || to == want.Num {
			continue
		}
		at, _ := in.Sites.ByNum(to)
		r.find("box %s is settled for %s by settlement %d, and left for %s", k, s.site, s.id, at.ID)
	}
}
