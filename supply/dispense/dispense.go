// Package dispense is the moment at which a dose leaves a vial: whether anything may be given from this box or lot, asked before, and custody
// told of it, afterwards.
//
// It owns how what was scanned or typed is read, what is refused and why, and the event of a dose given. It must not know of people, engines, files or
// faces: it is given the verdicts and the log of custody by their contracts, and a dose names a booking and nobody.
package dispense

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"charye/internal/civil"
	"charye/supply"
	"charye/supply/epcis"
	"charye/supply/trace"
)

// Reason is why nothing may be given from a box or lot.
type Reason string

// The reasons.
const (
	Unread  Reason = "text"    // what was typed names no box and no lot
	Held    Reason = "held"    // the box is held, recalled or destroyed
	ScanBox Reason = "lot"     // some boxes of the lot are: the box has to be scanned
	Expired Reason = "expired" // its last day is over
	Other   Reason = "product" // it is another product than the one that is to be given, or of another lot than was scanned
	Unknown Reason = "unknown" // custody is kept here, and nobody ever told of this box
	Over    Reason = "over"    // the vial was thawed or opened longer ago than it may be used
	Empty   Reason = "empty"   // all doses of the vial were given, or it was destroyed
)

// Unfit says why nothing may be given from what was scanned. It is an answer for people at the counter, not a failure.
type Unfit struct {
	Reason Reason
	Detail string // one English sentence, with what to do
	// Of Over: since when the vial was so, and for how long it might be.
	Since time.Time
	For   time.Duration
}

// Error is Detail.
func (u *Unfit) Error() string { return u.Detail }

// Dose is a dose that was given.
type Dose struct {
	Booking int64
	Dose    int    // of the series
	Site    string // id
	From    string // as [Room.Fit] gave it
	At      time.Time
}

// Options are what a [Room] knows from.
type Options struct {
	Products []*supply.Product // with their GTINs; those without are not told from one another
	PerVial  map[string]int    // by product
	Verdicts supply.Verdicts   // nil: there are none
	Custody  epcis.Store       // nil: none is kept here, and nothing is told
	Zone     *time.Location    // whose days count; nil: UTC
}

// Room answers and tells. Safe for concurrent use.
type Room struct {
	o      Options
	ofGTIN map[supply.GTIN]string
	gtins  map[string][]supply.GTIN

	mu    sync.Mutex
	state *supply.Register
	boxes []supply.SSCC           // that a verdict was ever about
	lots  map[supply.SSCC]content // of those of boxes that were looked up
}

// New makes a room.
func New(o Options) *Room {
	r := &Room{o: o, ofGTIN: map[supply.GTIN]string{}, gtins: map[string][]supply.GTIN{}, state: supply.NewRegister(), lots: map[supply.SSCC]content{}}
	for _, p := range o.Products {
		r.gtins[p.ID] = p.GTINs
		for _, g := range p.GTINs {
			r.ofGTIN[g] = p.ID
		}
	}
	return r
}

// maxText is the longest text that is read.
const maxText = 200

// errText is what [Read] says of anything else.
var errText = errors.New("want the code on the box or vial scanned, the 18 digits under the box's code, or the lot's number")

// Read reads what was scanned or typed: an element string, a Digital Link, the digits of an SSCC, or a lot's number.
func Read(text string) (supply.Elements, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxText {
		return supply.Elements{}, errText
	}
	parse := supply.ParseElements
	if supply.IsLink(text) {
		parse = supply.ParseLink
	}
	if e, err := parse(text); err == nil {
		if e.SSCC == 0 && e.Lot == "" && e.Serial == "" {
			return supply.Elements{}, errText
		}
		return e, nil
	}
	if k, err := supply.ParseSSCC(strings.ReplaceAll(text, " ", "")); err == nil && k != 0 {
		return supply.Elements{SSCC: k}, nil
	}
	// With an AI in front and no product beside it, as [Room.Fit] writes a lot of an unknown one.
	lot := strings.TrimPrefix(text, "(10)")
	if !supply.ValidLot(lot) || strings.HasPrefix(lot, "(") || len(lot) == 18 && digitsOnly(lot) {
		return supply.Elements{}, errText
	}
	return supply.Elements{Lot: lot}, nil
}

func digitsOnly(s string) bool { return strings.Trim(s, "0123456789") == "" }

// Fit reads what a dose of a product is to be given from now, and says whether it may be. full is what is known of it, as an element string
// with brackets; unfit, not nil, is why not. A label with a serial number is held against what custody tells of that one vial.
func (r *Room) Fit(ctx context.Context, product, text string, now time.Time) (full string, unfit *Unfit, err error) {
	today := civil.Of(now, r.zone())
	e, err := Read(text)
	if err != nil {
		return "", &Unfit{Reason: Unread, Detail: err.Error()}, nil
	}
	if e.GTIN == 0 && e.Content != 0 {
		e.GTIN = e.Content
	}
	k := supply.Elements{SSCC: e.SSCC, GTIN: e.GTIN, Lot: e.Lot, Expires: e.Expires, Serial: e.Serial}
	if u := r.ofProduct(product, k.GTIN); u != nil {
		return "", u, nil
	}
	known, unfit, err := r.ofVial(ctx, product, &k, now)
	switch {
	case unfit != nil || err != nil:
		return "", unfit, err
	case k.SSCC == 0 && k.Lot == "":
		return "", &Unfit{Reason: Unread, Detail: fmt.Sprintf("nobody told custody of vial %s: scan its lot or its box as well", k.Serial)}, nil
	case k.SSCC != 0 && r.o.Custody != nil && !known:
		u, err := r.ofBox(ctx, product, &k)
		if u != nil || err != nil {
			return "", u, err
		}
	}
	if k.GTIN == 0 && k.Lot != "" && len(r.gtins[product]) == 1 {
		k.GTIN = r.gtins[product][0]
	}
	if k.Expires == 0 && r.o.Custody != nil && k.GTIN != 0 && k.Lot != "" {
		if k.Expires, err = r.expiry(ctx, supply.LotKey{GTIN: k.GTIN, ID: k.Lot}); err != nil {
			return "", nil, err
		}
	}
	expires := k.Expires
	if k.Serial != "" && k.SSCC != 0 {
		k.Expires = 0 // the name of the vial says as much, and is shorter
	}
	if expires != 0 && expires < today {
		return "", &Unfit{Reason: Expired, Detail: fmt.Sprintf("its last day of use was %s; put it aside and take another", expires)}, nil
	}
	if u, err := r.verdict(ctx, product, &k); u != nil || err != nil {
		return "", u, err
	}
	return k.String(), nil, nil
}

// ofProduct refuses a GTIN that is known to be of another product, or not among those of a product whose GTINs are known.
func (r *Room) ofProduct(product string, g supply.GTIN) *Unfit {
	if g == 0 {
		return nil
	}
	other, known := r.ofGTIN[g]
	if known && other != product || !known && len(r.gtins[product]) > 0 {
		if !known {
			other = "none of this programme's"
		}
		return &Unfit{Reason: Other, Detail: fmt.Sprintf("the code is of another product (%s); %s is booked", other, product)}
	}
	return nil
}

// ofBox looks up what is in a box, and completes k with it.
func (r *Room) ofBox(ctx context.Context, product string, k *supply.Elements) (*Unfit, error) {
	in, ok, err := r.contentOf(ctx, k.SSCC)
	lot := in.lot
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return &Unfit{Reason: Unknown, Detail: fmt.Sprintf("no event of custody tells of box %s; put it aside and ask whoever sent it", k.SSCC)}, nil
	case k.Lot != "" && k.Lot != lot.ID || k.GTIN != 0 && k.GTIN != lot.GTIN:
		return &Unfit{Reason: Other, Detail: fmt.Sprintf("box %s holds lot %s, and another was scanned with it; scan both again", k.SSCC, lot.ID)}, nil
	}
	k.GTIN, k.Lot = lot.GTIN, lot.ID
	if k.Expires == 0 {
		k.Expires = in.expires
	}
	return r.ofProduct(product, lot.GTIN), nil
}

// atOnce is how many events of a box are looked at: more than any box has.
const atOnce = 100

// content is what is in a box; the last day of use is there where it was told with vials that have names.
type content struct {
	lot     supply.LotKey
	expires civil.Date
}

// contentOf gives what is in a box, as the events of its packing tell; of a box of vials with names, those of the first of them as well.
func (r *Room) contentOf(ctx context.Context, box supply.SSCC) (in content, ok bool, err error) {
	r.mu.Lock()
	in, ok = r.lots[box]
	r.mu.Unlock()
	if ok {
		return in, true, nil
	}
	p, err := r.o.Custody.Events(ctx, epcis.Query{
		Types: []string{epcis.AggregationEvent}, Actions: []string{"ADD"}, Limit: atOnce, Order: epcis.ByRecordTime, Ascending: true,
		Matches: []epcis.Match{{Roles: []epcis.Role{epcis.RoleParent}, Wanted: epcis.Wanted{Keys: []string{trace.BoxKey(box)}}}},
	})
	if err != nil {
		return in, false, err
	}
	list := p.Events
	t, err := r.story(list)
	for range 2 { // a vial, or a carton and then a vial
		child := ""
		if _, found := t.box(box); err != nil || found {
			break
		}
		if child = firstVial(list); child == "" {
			break
		}
		var more []epcis.Stored
		if more, err = r.events(ctx, child); err == nil {
			list = append(more, list...)
			t, err = r.story(list)
		}
	}
	if err != nil {
		return in, false, err
	}
	b, ok := t.box(box)
	if !ok {
		return in, false, nil
	}
	in.lot = b.Lot
	in.expires, _ = t.Expires(b.Lot)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lots) >= mostLots {
		clear(r.lots)
	}
	r.lots[box] = in
	return in, true, nil
}

// mostLots bounds how many boxes' lots are remembered.
const mostLots = 1 << 16

// expiry gives the last day of use of a lot, as its maker told; 0: nobody did.
func (r *Room) expiry(ctx context.Context, lot supply.LotKey) (civil.Date, error) {
	p, err := r.o.Custody.Events(ctx, epcis.Query{
		Types: []string{epcis.ObjectEvent}, Actions: []string{"ADD"}, Limit: atOnce, Order: epcis.ByRecordTime, Ascending: true,
		Matches: []epcis.Match{{Roles: []epcis.Role{epcis.RoleClass}, Wanted: epcis.Wanted{Keys: []string{trace.LotClass(lot)}}}},
	})
	if err != nil {
		return 0, err
	}
	t, err := r.story(p.Events)
	if err != nil {
		return 0, err
	}
	d, _ := t.Expires(lot)
	return d, nil
}

// verdict refuses what is held. A lot of which some boxes are is refused without the box: which one it is cannot be told.
func (r *Room) verdict(ctx context.Context, product string, k *supply.Elements) (*Unfit, error) {
	if r.o.Verdicts == nil {
		return nil, nil
	}
	unusable, err := r.follow(ctx)
	if err != nil {
		return nil, err
	}
	if k.SSCC != 0 {
		r.mu.Lock()
		state, cases := r.state.State(k.SSCC), r.state.Cases(k.SSCC)
		r.mu.Unlock()
		if state == supply.Usable {
			return nil, nil
		}
		why := ""
		if len(cases) > 0 {
			why = " (case " + strings.Join(cases, ", ") + ")"
		}
		return &Unfit{Reason: Held, Detail: fmt.Sprintf("box %s is %s%s: give nothing from it, put it aside in the refrigerator, marked, and take another", k.SSCC, state, why)}, nil
	}
	if r.o.Custody == nil {
		return nil, nil // which lot a box is of is not known here
	}
	for _, box := range unusable {
		in, ok, err := r.contentOf(ctx, box)
		if err != nil {
			return nil, err
		}
		if lot := in.lot; ok && lot.ID == k.Lot && (k.GTIN == 0 || k.GTIN == lot.GTIN) && (k.GTIN != 0 || slices.Contains(r.gtins[product], lot.GTIN)) {
			return &Unfit{Reason: ScanBox, Detail: fmt.Sprintf("some boxes of lot %s are held: scan the box that the vial came in, or type the 18 digits under its code", k.Lot)}, nil
		}
	}
	return nil, nil
}

// follow takes in what was decided since, and lists the boxes that are not usable.
func (r *Room) follow(ctx context.Context) (unusable []supply.SSCC, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err = r.o.Verdicts.Verdicts(ctx, r.state.Seq(), func(v supply.Verdict) error {
		r.boxes = append(r.boxes, v.Boxes...)
		return r.state.Replay([]supply.Verdict{v})
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(r.boxes)
	r.boxes = slices.Compact(r.boxes)
	for _, b := range r.boxes {
		if r.state.State(b) != supply.Usable {
			unusable = append(unusable, b)
		}
	}
	return unusable, nil
}
