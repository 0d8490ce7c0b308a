package room_test

import (
	"errors"
	"testing"

	"charye/approval"
	"charye/person"
	"charye/supply"
	"charye/supply/journal"
	"charye/supply/room"
	"charye/supply/room/roomtest"
)

// TestSettledBoxes: what is settled is promised to the next plan; a box that is held is not promised any more and planned for anew; one that leaves is over; and two rooms
// on one store see the same.
func TestSettledBoxes(t *testing.T) {
	t.Parallel()
	w := roomtest.New(t)
	w.Shipment()
	for at := range 3 {
		w.Stock(roomtest.Sites[at].Num, 50)
	}
	w.Book(7, 3, 7)
	w.Book(8, 3, 9)
	w.Event(roomtest.Minute(0), `"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":[],"quantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/%s","quantity":100}],"ilmd":{"cbvmda:itemExpirationDate":"2027-03-31"},"readPoint":{"id":%q}`, roomtest.LotName, roomtest.Depot)
	for n := 5; n <= 7; n++ {
		w.Pack(n, roomtest.Minute(240), roomtest.Depot)
	}
	w.At(250)
	w.Readings(roomtest.Depot, 240, 250, 4)
	a, b := w.Room(), w.Room()
	b.Node = "another"
	plan := func(r *room.Room) *room.Planned {
		t.Helper()
		r.Deliveries()
		round(t, r)
		p := r.Deliveries()
		if p == nil {
			t.Fatal("there is no plan")
		}
		return p
	}
	boxOf := func(p *room.Planned) (supply.SSCC, string) {
		t.Helper()
		for _, d := range p.Departures {
			for _, l := range d.Loads {
				if l.Site == "T3" {
					return l.Box, d.Digest
				}
			}
		}
		t.Fatalf("nothing goes to T3: %+v", p.Departures)
		return 0, ""
	}
	who := approval.Who{Key: person.Key{1}, Role: person.Logistics}
	first, digest := boxOf(plan(a))
	plan(b)
	e, err := a.Settle(t.Context(), who, digest)
	if err != nil || e.By != room.Name(who) || len(e.Plan) != 64 {
		t.Fatalf("%+v %v", e, err)
	}
	var taken *journal.TakenError
	if _, err := b.Settle(t.Context(), approval.Who{Key: person.Key{2}, Role: person.Manager}, digest); !errors.As(err, &taken) || taken.ID != e.Seq || taken.By != e.By {
		t.Fatalf("the second of two, at another node: %v", err)
	}
	if v, s, err := b.Settlement(t.Context(), e.Seq); err != nil || s.Open() == 0 || v.Fates[first].Settlement != e.Seq {
		t.Errorf("at another node, before it has looked: %v", err)
	}
	if _, _, err := b.Settlement(t.Context(), e.Seq+1); !errors.Is(err, journal.ErrNoSettlement) {
		t.Errorf("none such: %v", err)
	}
	again := plan(b)
	if len(again.Kept.Waiting) == 0 || len(again.Short) != 0 {
		t.Errorf("kept %+v, short %+v", again.Kept, again.Short)
	}
	for _, d := range again.Departures {
		for _, l := range d.Loads {
			if l.Box == first {
				t.Errorf("box %s is planned anew", first)
			}
		}
	}

	// It is held: named, not promised, and another box is planned.
	if _, err := w.Store.Decide(t.Context(), supply.Verdict{At: w.Now(), Action: supply.Hold, Case: "c", Boxes: []supply.SSCC{first}, Reason: "r", Evidence: []string{"e"}, Asked: "a", Agreed: "b"}); err != nil {
		t.Fatal(err)
	}
	second, digest := boxOf(plan(a))
	if s, ok := a.View().Book.Settlement(e.Seq); second == first || !ok || s.Ended[first].Why != journal.Unusable {
		t.Errorf("box %s, %+v", second, s)
	}
	e2, err := a.Settle(t.Context(), who, digest)
	if err != nil {
		t.Fatal(err)
	}

	// The other leaves, and custody tells it.
	w.Event(w.Now(), `"type":"ObjectEvent","action":"OBSERVE","bizStep":"shipping","epcList":["https://id.gs1.org/00/%s"],"readPoint":{"id":%q},"destinationList":[{"type":"location","destination":"urn:charye:site:T3"}]`, second, roomtest.Depot)
	w.At(255)
	round(t, a)
	if s, _ := a.View().Book.Settlement(e2.Seq); s.Open() != 0 || s.Ended[second] != (journal.Ended{Box: second, Why: journal.Left, To: "T3"}) {
		t.Errorf("%+v", s)
	}
	if _, err := a.WithdrawSettlement(t.Context(), who, e2.Seq, "too late"); !errors.Is(err, journal.ErrOver) {
		t.Errorf("withdrawn after it left: %v", err)
	}
	round(t, b)
	if n := b.View().Book.Promises(); n != 0 {
		t.Errorf("%d boxes are promised still", n)
	}

	// After the cut-off, and what was never shown.
	if _, err := a.Settle(t.Context(), who, "none"); !errors.Is(err, room.ErrLookAgain) {
		t.Errorf("a digest of nothing: %v", err)
	}
	w.Stock(2, 80)
	for n := range 30 {
		w.Book(20+n, 2, 9+n/15)
	}
	w.Pack(8, w.Now(), roomtest.Depot)
	w.At(320)
	w.Readings(roomtest.Depot, 255, 320, 4)
	p := plan(a)
	if len(p.Departures) == 0 {
		t.Fatalf("nothing is to be settled: %+v", p.Short)
	}
	last := p.Departures[len(p.Departures)-1]
	w.At(int(last.CutOff.Sub(roomtest.Begin).Minutes()))
	if _, err := a.Settle(t.Context(), who, last.Digest); !errors.Is(err, journal.ErrCutOff) {
		t.Errorf("at the cut-off: %v", err)
	}
}
