package epcis

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// The bounds of what is looked at for one page of a question that no index answers.
const (
	MaxLooks      = 20_000
	maxLooksBytes = 64 << 20
	// What is read at once: little at first, since most questions are answered by it.
	firstLooks, mostLooks = 200, 2000
)

// TooLargeError means that there are more events than the question allows.
type TooLargeError struct{ Most int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("there are more than maxEventCount=%d events", e.Most)
}

// Reading is what an engine reads with. Page gives a page of a query as [Store.Events] does, but looks at nothing that is [Walk]'s: Where,
// First, Most, Looks, and Shown of the cursor. Names is the store's. Late tells that a page has taken so long that it should end.
type Reading struct {
	Page  func(ctx context.Context, q Query) (Page, error)
	Names func(ctx context.Context, what Named, after string, most int) ([]string, error)
	Late  func() bool
}

// Patience is how long it takes until a page is late.
const Patience = 4 * time.Second

// Walk answers any query. It goes through the pages of what the engine's indexes leave and gives those events that meet the rest. After
// so many looks, or when it is late, the page ends: it may be short or empty, with a place to go on. So no question, however costly,
// holds a connection or memory for longer than that.
//
// More events than q.Most are told before any is given where that many are found within the bound; else on the page on which it shows.
func Walk(ctx context.Context, q Query, r Reading) (Page, error) {
	if len(q.Where) == 0 && q.First == 0 && q.Most == 0 {
		return r.Page(ctx, q)
	}
	w := walk{q: q, want: int64(q.Limit), contexts: map[string]Prefixes{}}
	if q.After != nil {
		w.before = q.After.Shown
	}
	if q.First > 0 {
		w.want = min(w.want, q.First-w.before)
	}
	if w.want <= 0 {
		return Page{}, nil
	}
	part, err := narrowed(ctx, q, r)
	if err != nil {
		return Page{}, err
	}
	looks := q.Looks
	if looks == 0 {
		looks = MaxLooks
	}
	bytes, counting := maxLooksBytes, q.Most > 0 && q.After == nil
	most := mostLooks
	size := max(firstLooks, min(q.Limit, most))
	if len(q.Matches)+len(q.IDs) > 0 { // engines sort what these leave, each time
		size, most = MaxLooks, MaxLooks
	}
	for ; ; size = min(2*size, most) {
		part.Limit = min(size, looks)
		p, err := r.Page(ctx, part)
		if err != nil {
			return Page{}, err
		}
		if err := w.through(p); err != nil {
			return Page{}, err
		}
		looks -= len(p.Events)
		for i := range p.Events {
			bytes -= len(p.Events[i].JSON)
		}
		if p.Next == nil || looks <= 0 || bytes <= 0 || r.Late() || w.full && !counting {
			return w.end(p)
		}
		part.After = p.Next
	}
}

// walk is the way through the events for one page.
type walk struct {
	q        Query
	contexts map[string]Prefixes
	before   int64   // events on the pages before
	want     int64   // events on this page
	found    int64   // events that meet the question, on this page or behind it
	last     *Stored // the last event looked at for this page
	full     bool
	behind   bool // something has been seen behind a full page
	size     int  // of the page, in bytes
	out      Page
}

// through looks at the events that an engine gave.
func (w *walk) through(p Page) error {
	for i := range p.Events {
		s := &p.Events[i]
		w.behind = w.full
		if !w.q.meets(s, w.contexts) {
			if !w.full {
				w.last = s
			}
			continue
		}
		if w.found++; w.q.Most > 0 && w.before+w.found > w.q.Most {
			return &TooLargeError{Most: w.q.Most}
		}
		n := len(s.JSON) + len(s.Context)
		switch {
		case w.full:
		case len(w.out.Events) > 0 && w.size+n > PageBytes:
			w.full, w.behind = true, true
		default:
			w.out.Events, w.size, w.last = append(w.out.Events, *s), w.size+n, s
			w.full = int64(len(w.out.Events)) == w.want
		}
	}
	w.behind = w.behind || w.full && p.Next != nil
	return nil
}

// end is the page with the place where the next one begins; p is the last part that was looked at.
func (w *walk) end(p Page) (Page, error) {
	w.out.Bound = p.Bound
	shown := w.before + int64(len(w.out.Events))
	if w.full && !w.behind || !w.full && p.Next == nil || w.q.First > 0 && shown >= w.q.First {
		return w.out, nil
	}
	at, err := w.last.eventTime()
	if err != nil {
		return Page{}, err
	}
	w.out.Next = &Cursor{Bound: p.Bound, At: at, Seq: w.last.Seq, Shown: shown}
	return w.out, nil
}

// eventTime is the event's time as engines sort by it.
func (s *Stored) eventTime() (int64, error) {
	var when string
	if x, err := valueOf(member(s.JSON, "eventTime")); err == nil {
		when, _ = x.(string)
	}
	t, err := parseTime(when)
	if err != nil {
		return 0, fmt.Errorf("stored event %s: %w", s.ID, err)
	}
	return t.UnixMicro(), nil
}

// maxPlaces is how many places within others are asked for by their index.
const maxPlaces = 200

// narrowed turns what asks for places within others into their names, where these are not too many, so that an index finds them.
func narrowed(ctx context.Context, q Query, r Reading) (Query, error) {
	part := q
	part.Where, part.First, part.Most, part.Looks = nil, 0, 0, 0
	for _, c := range q.Where {
		switch {
		case c.Name == "WD_bizLocation" && part.BizLocations == nil:
			places, err := placesIn(ctx, c.Values, NamedLocation, r)
			if err != nil {
				return part, err
			}
			part.BizLocations = places
		case c.Name == "WD_readPoint" && part.ReadPoints == nil:
			places, err := placesIn(ctx, c.Values, NamedReadPoint, r)
			if err != nil {
				return part, err
			}
			part.ReadPoints = places
		case c.Name == "EQ_transformationID" && part.Types == nil:
			part.Types = []string{TransformationEvent}
		}
	}
	return part, nil
}

func placesIn(ctx context.Context, values []string, what Named, r Reading) ([]string, error) {
	var out []string
	for _, place := range each(values, Key) {
		out = append(out, place)
		if !gln(place) {
			continue
		}
		list, err := r.Names(ctx, what, place+extension, maxPlaces+1)
		if err != nil {
			return nil, err
		}
		for _, name := range list {
			if !strings.HasPrefix(name, place+extension) {
				break
			}
			out = append(out, name)
		}
		if len(out) > maxPlaces {
			return nil, nil
		}
	}
	return out, nil
}
