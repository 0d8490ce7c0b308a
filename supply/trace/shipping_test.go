package trace_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"charye/supply"
	"charye/supply/trace"
)

// ship captures what [trace.ShippingDocument] writes.
func (l *log) ship(hour float64, from, to string, boxes ...int) {
	l.t.Helper()
	list := trace.Shipping{At: at(hour), From: from, To: to}
	for _, n := range boxes {
		list.Boxes = append(list.Boxes, box(n))
	}
	doc, err := trace.ShippingDocument([]trace.Shipping{list}, day)
	if err != nil {
		l.t.Fatal(err)
	}
	l.raw(string(doc))
}

// TestSentBoxesAreUnderWay: from the event of leaving until they are at a site, boxes are sent to where the event says.
func TestSentBoxesAreUnderWay(t *testing.T) {
	t.Parallel()
	site2 := trace.SiteURN("T2")
	l := &log{t: t}
	l.pack(1, 1, 10)
	l.pack(1, 2, 10)
	l.ship(3, depot, clinic, 2, 1)
	want := trace.Sent{At: at(3), From: depot, To: clinic, Site: 1}
	sent := func(n int) trace.Sent {
		t.Helper()
		b, ok := l.build(t).Box(box(n))
		if !ok {
			t.Fatalf("no box %d", n)
		}
		b.Sent.At = b.Sent.At.UTC()
		return b.Sent
	}
	if got := sent(1); got != want {
		t.Errorf("after it left: %+v, want %+v", got, want)
	}
	if b, _ := l.build(t).Box(box(1)); b.Site != 0 {
		t.Error("a box under way is at a site")
	}
	// Loaded on a truck and through a hub it is still on its way; where it left stays known.
	l.add(3.5, `"type":"AggregationEvent","action":"ADD","bizStep":"loading","parentID":"`+truck+`","childEPCs":`+quoted(key(1)))
	if got := sent(1); got != want {
		t.Errorf("on the truck: %+v, want %+v", got, want)
	}
	l.step(4, "receiving", "https://id.gs1.org/414/8809999000303", key(1))
	want.Stopped = true
	if got := sent(1); got != want {
		t.Errorf("in the hub: %+v, want %+v", got, want)
	}
	l.ship(5, "https://id.gs1.org/414/8809999000303", site2, 1)
	if got, want := sent(1), (trace.Sent{At: at(5), From: "https://id.gs1.org/414/8809999000303", To: site2, Site: 2}); got != want {
		t.Errorf("sent on from the hub: %+v, want %+v", got, want)
	}
	l.step(6, "receiving", site2, key(1))
	if got := sent(1); got != (trace.Sent{}) {
		t.Errorf("received, and still sent: %+v", got)
	}
	if f := l.build(t).Findings; len(f) != 0 {
		t.Errorf("findings of an orderly way: %v", f)
	}
	if list := l.build(t).Accounts; len(list) != 1 || list[0].Site != 2 || list[0].Received != 100 {
		t.Errorf("accounts %+v, want 100 doses received at site 2 only", list)
	}
}

// TestPromisedTwice: a box that is under way to one site cannot be sent to another before it has been somewhere.
func TestPromisedTwice(t *testing.T) {
	t.Parallel()
	site2 := trace.SiteURN("T2")
	l := &log{t: t}
	l.pack(1, 1, 10)
	l.pack(1, 2, 10)
	l.ship(3, depot, clinic, 1, 2)
	l.ship(4, depot, site2, 1)
	got := l.build(t).Findings
	if len(got) != 1 || !strings.Contains(got[0], box(1).String()) || !strings.Contains(got[0], "promised twice") {
		t.Errorf("findings %q, want one of box 1", got)
	}
	// Told again with the same end it is no second promise, nor when it came back meanwhile.
	l = &log{t: t}
	l.pack(1, 1, 10)
	l.ship(3, depot, clinic, 1)
	l.ship(3.5, depot, clinic, 1)
	l.step(4, "receiving", depot, key(1))
	l.ship(5, depot, site2, 1)
	if got := l.build(t).Findings; len(got) != 0 {
		t.Errorf("findings %q, want none", got)
	}
}

// TestShippingDocument: the same shipping gives the same event, whatever the order of its boxes and whenever it is written.
func TestShippingDocument(t *testing.T) {
	t.Parallel()
	write := func(made time.Time, boxes ...supply.SSCC) string {
		doc, err := trace.ShippingDocument([]trace.Shipping{{At: at(3), From: depot, To: clinic, Boxes: boxes}}, made)
		if err != nil {
			t.Fatal(err)
		}
		l := &log{t: t}
		l.raw(string(doc))
		return l.list[0].ID
	}
	boxes := []supply.SSCC{box(2), box(1)}
	if a, b := write(day, boxes...), write(day.Add(time.Hour), box(1), box(2)); a != b {
		t.Errorf("IDs %s and %s of the same shipping", a, b)
	}
	if !slices.Equal(boxes, []supply.SSCC{box(2), box(1)}) {
		t.Error("the caller's boxes were sorted")
	}
	if write(day, box(1)) == write(day, box(2)) {
		t.Error("two shippings have one ID")
	}
	if _, err := trace.ShippingDocument([]trace.Shipping{{At: at(3), From: "nowhere", To: clinic, Boxes: boxes}}, day); err == nil {
		t.Error("a place that is no URI was written")
	}
}

// TestSentIsKept: what was read of custody and kept in a frame still knows where boxes were sent.
func TestSentIsKept(t *testing.T) {
	t.Parallel()
	l := &log{t: t}
	l.pack(1, 1, 10)
	l.ship(3, depot, clinic, 1)
	r := trace.NewReader()
	for i := range l.list {
		if err := r.Take(&l.list[i]); err != nil {
			t.Fatal(err)
		}
	}
	again := trace.NewReader()
	if err := again.Restore(r.AppendFrame(nil, 0)); err != nil {
		t.Fatal(err)
	}
	told, err := again.Build(rules())
	if err != nil {
		t.Fatal(err)
	}
	if b, ok := told.Box(box(1)); !ok || b.Sent.Site != 1 || b.Sent.From != depot || !b.Sent.At.Equal(at(3)) {
		t.Errorf("restored: %+v", b)
	}
}
