package delivery_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/supply"
	"charye/supply/delivery"
	"charye/supply/journal"
)

// history is a small world in which people settle, withdraw, ship and hold, hour by hour.
type history struct {
	*rapid.T
	in   delivery.Input
	book *journal.Book
}

// TestSettledIsPromised: whatever is settled, withdrawn, told to have left and held, no plan sends a box that is promised, none is promised twice, and a plan that knows
// the settlements is the one that is made with the same promises in a file.
func TestSettledIsPromised(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := &history{t, drawInput(t), journal.NewBook()}
		h.in.Needs = append(h.in.Needs, need(1, 6, 8), need(3, 8, 8))
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				h.withdraw()
			case 1:
				h.ship()
			case 2:
				h.hold()
			case 3:
				h.in.Now = h.in.Now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "hours")) * time.Hour)
				h.in.From = max(h.in.From, dateOf(h.in.Now))
			default:
				h.settle()
			}
			h.check()
		}
	})
}

// now is the input as of now, with its own boxes.
func (h *history) now() delivery.Input {
	in := h.in
	in.Boxes = slices.Clone(h.in.Boxes)
	return in
}

func (h *history) plan() *delivery.Plan {
	in := h.now()
	in.Keep(delivery.Settled(h.book, h.in.Sites))
	p, err := delivery.Make(in)
	if err != nil {
		h.Fatal(err)
	}
	return p
}

func (h *history) decide(e journal.Event) {
	h.Helper()
	e.At, e.By = h.in.Now, "somebody"
	if _, err := h.book.Decide(e, func(k supply.SSCC) supply.State {
		if b := h.box(k); b.Bar == delivery.Held {
			return supply.Held
		}
		return supply.Usable
	}); err != nil {
		h.Fatalf("%+v: %v", e, err)
	}
}

func (h *history) box(k supply.SSCC) *delivery.Box {
	i := slices.IndexFunc(h.in.Boxes, func(b delivery.Box) bool { return b.SSCC == k })
	return &h.in.Boxes[i]
}

// settle settles some of the departures of a plan.
func (h *history) settle() {
	byKey := map[string]*journal.Departure{}
	var keys []string
	for _, p := range h.plan().Promises() {
		key := fmt.Sprint(p.Depot, p.Giver, p.Product, p.Leaves)
		d := byKey[key]
		if d == nil {
			giver, _ := h.in.Sites.ByNum(p.Giver)
			d = &journal.Departure{Depot: p.Depot, Giver: giver.ID, Product: p.Product, Leaves: p.Leaves, CutOff: p.CutOff}
			byKey[key] = d
			keys = append(keys, key)
		}
		to, _ := h.in.Sites.ByNum(p.Site)
		d.Loads = append(d.Loads, journal.Load{Box: p.Box, Site: to.ID, Arrives: p.Arrives, Vials: 1})
	}
	for _, key := range keys {
		if rapid.Bool().Draw(h.T, "settle it") {
			h.decide(journal.Event{Kind: journal.Settle, Departure: byKey[key]})
		}
	}
}

func (h *history) withdraw() {
	for _, s := range h.book.Settlements() {
		if s.Open() > 0 && rapid.Bool().Draw(h.T, "withdraw it") {
			h.decide(journal.Event{Kind: journal.Withdraw, Settlement: s.ID, Reason: "why"})
			return
		}
	}
}

// ship has a promised box leave, mostly for where it is to go.
func (h *history) ship() {
	for _, p := range delivery.Settled(h.book, h.in.Sites) {
		if !rapid.Bool().Draw(h.T, "ship it") {
			continue
		}
		b := h.box(p.Box)
		b.Depot, b.Site, b.Coming, b.From = "", p.Site, true, max(p.Arrives, dateOf(h.in.Now))
		if rapid.Bool().Draw(h.T, "told of at once") {
			h.decide(journal.Event{Kind: journal.End, Settlement: p.Settlement, Ended: []journal.Ended{{Box: p.Box, Why: journal.Left}}})
		}
		return
	}
}

func (h *history) hold() {
	if len(h.in.Boxes) == 0 {
		return
	}
	b := &h.in.Boxes[rapid.IntRange(0, len(h.in.Boxes)-1).Draw(h.T, "box")]
	b.Bar = delivery.Held
	if s, ok := h.book.Promised(b.SSCC); ok && rapid.Bool().Draw(h.T, "told of at once") {
		h.decide(journal.Event{Kind: journal.End, Settlement: s.ID, Ended: []journal.Ended{{Box: b.SSCC, Why: journal.Unusable}}})
	}
}

func (h *history) check() {
	open := delivery.Settled(h.book, h.in.Sites)
	promised := map[supply.SSCC]bool{}
	file := &delivery.Plan{}
	for _, p := range open {
		if promised[p.Box] {
			h.Fatalf("box %s is promised twice", p.Box)
		}
		promised[p.Box] = true
		cutOff := p.CutOff
		if cutOff.After(h.in.Now) {
			cutOff = h.in.Now // a file's promises count from their cut-off on
		}
		s := delivery.Shipment{Depot: p.Depot, Giver: p.Giver, Site: p.Site, Leaves: p.Leaves, CutOff: cutOff, Arrives: p.Arrives, Loads: []delivery.Load{{Box: p.Box, Product: p.Product, Vials: 1}}}
		if s.Giver != 0 {
			file.Transfers = append(file.Transfers, s)
		} else {
			file.Shipments = append(file.Shipments, s)
		}
	}
	in, filed := h.now(), h.now()
	kept := in.Keep(open)
	p, err := delivery.Make(in)
	if err != nil {
		h.Fatal(err)
	}
	waiting := map[supply.SSCC]bool{}
	for _, x := range kept.Waiting {
		waiting[x.Box] = true
	}
	for _, x := range p.Promises() {
		if waiting[x.Box] {
			h.Fatalf("box %s is promised, and is sent anew to %d", x.Box, x.Site)
		}
	}
	var b bytes.Buffer
	if err := file.WriteCSV(&b, h.in.Sites, seoul, same); err != nil {
		h.Fatal(err)
	}
	list, err := delivery.ReadPromises("p", &b, h.in.Sites, h.in.Programme)
	if err != nil {
		h.Fatal(err)
	}
	keptToo := filed.Keep(list)
	other, err := delivery.Make(filed)
	if err != nil {
		h.Fatal(err)
	}
	if d := gocmp.Diff(p, other); d != "" {
		h.Fatalf("the same promises in a file give another plan (-settled +file):\n%s", d)
	}
	byBox := cmpopts.SortSlices(func(a, b delivery.Promise) int { return cmp.Compare(a.Box, b.Box) })
	if d := gocmp.Diff(kept, keptToo, byBox, cmpopts.IgnoreFields(delivery.Promise{}, "Line", "Settlement", "CutOff", "Leaves")); d != "" {
		h.Fatal(d)
	}
}

// TestSettledFates: what becomes of boxes that are settled, from the depot to its end, as custody and verdicts tell it.
func TestSettledFates(t *testing.T) {
	t.Parallel()
	g := newGathering(t, "")
	g.tell(-8*24, `"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":[],"quantityList":[{"epcClass":"`+lotQ+`","quantity":100}],"ilmd":{"cbvmda:itemExpirationDate":"2026-12-31"},"readPoint":{"id":"`+icheon+`"}`)
	for range 7 {
		g.box(icheon)
	}
	g.logged(icheon, fridge)
	leaves := monday.At(14*60, seoul).Add(24 * time.Hour)
	promise := func(n int) delivery.Promise {
		return delivery.Promise{Box: sscc(n), Product: "flu", Depot: "icheon", Site: 1, Leaves: leaves, CutOff: leaves.Add(-24 * time.Hour), Arrives: monday + 2, Settlement: 9}
	}
	ship := func(n int, to string) {
		g.tell(11, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"shipping","epcList":[%q],"readPoint":{"id":%q},"destinationList":[{"type":"location","destination":%q}]`, uri(n), icheon, to))
	}
	ship(2, "urn:charye:site:T1")
	ship(3, "urn:charye:site:T2")
	g.held = []supply.SSCC{sscc(4)}
	g.tell(11, fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"loading","parentID":"urn:x:van","childEPCs":[%q],"readPoint":{"id":%q}`, uri(5), icheon))
	late := promise(6)
	late.Leaves = leaves.Add(-5 * 24 * time.Hour)
	w := g.world()
	list := []delivery.Promise{promise(1), promise(2), promise(3), promise(4), promise(5), late, promise(99)}
	var got []string
	for _, f := range w.Fates(list) {
		got = append(got, fmt.Sprintf("%s|%s|%s", f.Why, f.To, f.Bar))
	}
	want := []string{"||", "left|T1|", "left|T2|", "unusable||", "left|urn:x:van|", "missed||", "||elsewhere"}
	if d := gocmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if events := delivery.Endings(w.Fates(list), g.now, "x"); len(events) != 1 || events[0].Settlement != 9 || len(events[0].Ended) != 5 {
		t.Errorf("%+v", events)
	}

	// What may be settled is what is there, fit, and as the rules have it.
	departures, err := w.Departures([]delivery.Promise{promise(7), promise(1)})
	if err != nil || len(departures) != 1 {
		t.Fatalf("%+v %v", departures, err)
	}
	d := departures[0]
	if len(d.Loads) != 2 || d.Loads[0].Box != sscc(1) || d.Loads[0].Lot != "Q" || d.Loads[0].Vials != 4 || d.Loads[0].Expires != civil.New(2026, 12, 31) || !d.CutOff.Equal(leaves.Add(-24*time.Hour)) || d.Loads[0].Arrives != monday+2 {
		t.Errorf("%+v", d)
	}
	if err := w.MaySettle(&d); err != nil {
		t.Error(err)
	}
	for _, wrong := range []int{2, 4, 99} {
		d.Loads[1].Box = sscc(wrong)
		if err := w.MaySettle(&d); err == nil {
			t.Errorf("box %d may be settled", wrong)
		}
	}
	off := promise(1)
	off.Leaves = off.Leaves.Add(time.Hour)
	if _, err := w.Departures([]delivery.Promise{off}); err == nil {
		t.Error("a departure that the rules do not have")
	}
}
