package room_test

import (
	"context"
	"testing"

	"charye/supply"
	"charye/supply/room"
	"charye/supply/room/roomtest"
	"charye/supply/trace"
)

func round(t *testing.T, r *room.Room) *room.View {
	t.Helper()
	if err := r.Round(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r.View()
}

// causes are the alarms that need somebody, by cause, with how many boxes.
func causes(v *room.View) map[supply.Cause]int {
	out := map[supply.Cause]int{}
	for _, a := range v.Alarms {
		if a.Needs() {
			out[a.Cause] += len(a.Act)
		}
	}
	return out
}

// TestShipment: what the pages show of a truck that froze two of the four boxes it brought.
func TestShipment(t *testing.T) {
	t.Parallel()
	w := roomtest.New(t)
	w.Shipment()
	w.Stock(2, 4)
	w.Book(1, 2, 5)
	r := w.Room()
	if r.View() != nil {
		t.Error("there is a view before anything was read")
	}
	v := round(t, r)
	if got := causes(v); len(got) != 1 || got[supply.Frozen] != 2 || v.Open != 1 || len(v.Alarms) != 1 {
		t.Fatalf("alarms: %v; %+v", got, v.Alarms)
	}
	a := v.Alarms[0]
	if a.Point != roomtest.Truck || !a.Begin.Equal(roomtest.Minute(60)) || a.Alarm.Boxes != 2 || a.Alarm.Doses != 80 {
		t.Errorf("alarm: %+v", a.Alarm)
	}
	for n, frozen := range map[int]bool{1: false, 2: false, 3: true, 4: true} {
		if d, doubt := v.Doubt(roomtest.Box(n)); doubt != frozen || frozen && d.Cause != supply.Frozen {
			t.Errorf("box %d: %+v, %t", n, d, doubt)
		}
	}
	regions, transit, depots := v.Regions()
	if len(regions) != 2 || regions[1].Name != "서울특별시" || regions[1].Sites != 2 || regions[1].Usable != 117 || regions[1].Doubt != 1 || transit.Boxes+depots.Boxes != 0 {
		t.Errorf("stock: %+v, %+v, %+v", regions, transit, depots)
	}
	if page, n := v.SitesOf("서울특별시", "두리", 0, 10); n != 1 || page[0].Site.ID != "T2" || page[0].Usable != 40 {
		t.Errorf("sites: %d %+v", n, page)
	}
	if page, n := v.SitesOf("", "", 1, 1); n != 3 || len(page) != 1 {
		t.Errorf("the second of the sites: %d of %d", len(page), n)
	}
	s := v.OfReading(roomtest.Truck, roomtest.Minute(140), roomtest.Minute(150))
	if len(s.Boxes) != 2 || len(s.Legs) != 1 || len(s.Sites) != 2 || s.Booked != 1 || s.Given != 0 || s.States[supply.Usable] != 2 {
		t.Errorf("scope of the frozen time: %+v", s)
	}
	if s = v.Of(v.Trace.OfLot(roomtest.LotName)); len(s.Boxes) != 4 || s.Given != 3 || s.People != 3 || len(s.Lots) != 1 {
		t.Errorf("scope of the lot: %+v", s)
	}
	if n := len(v.Boxes(room.Filter{Site: 1})); n != 2 {
		t.Errorf("%d boxes at T1", n)
	}
	if n := len(v.Boxes(room.Filter{Alarm: a.Seq})); n != 2 {
		t.Errorf("%d boxes of the alarm", n)
	}
}

// TestAlarmsOnce: an alarm is kept and told once, over restarts and on two nodes; it is over when what was missing is told, and a new one when it happens again.
func TestAlarmsOnce(t *testing.T) {
	t.Parallel()
	w := roomtest.New(t)
	w.Shipment()
	first := w.Room()
	round(t, first)
	round(t, first)
	round(t, w.Room())
	other := w.Deps
	other.Node = "other"
	o, err := room.New(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if v := round(t, o); len(v.Alarms) != 1 { // it does not lead, and shows what was kept
		t.Errorf("another node shows %+v", v.Alarms)
	}
	told := map[int64]int{}
	for _, a := range w.Told() {
		told[a.Seq]++
	}
	if len(told) != 1 {
		t.Fatalf("told: %v", told)
	}

	// The refrigerators fall silent, one is heard of again, and falls silent again.
	w.At(240 + 27*60)
	v := round(t, first)
	if got := causes(v); got[supply.Silent] != 4 || got[supply.Frozen] != 2 {
		t.Fatalf("after a silent day: %v", got)
	}
	fridge := trace.SiteURN("T2")
	w.Readings(fridge, 250, 240+27*60, 4)
	if v = round(t, first); causes(v)[supply.Silent] != 3 {
		t.Errorf("after one was heard of: %v", causes(v))
	}
	over := 0
	for _, a := range v.Alarms {
		if !a.Cleared.IsZero() {
			over++
			if a.Cause != supply.Silent || a.Needs() {
				t.Errorf("over is %+v", a)
			}
		}
	}
	if over != 1 {
		t.Errorf("%d alarms are over", over)
	}
	w.At(240 + 54*60 + 20)
	if v = round(t, first); causes(v)[supply.Silent] != 4 {
		t.Errorf("silent again: %v", causes(v))
	}
	if n := len(v.Alarms); n != 1+3+1 {
		t.Errorf("%d alarms in all", n)
	}
}

// TestGaps: what is missing is an alarm when it had time to come, and not before; a box that is used up harms nobody.
func TestGaps(t *testing.T) {
	t.Parallel()
	w := roomtest.New(t)
	for n := 1; n <= 3; n++ {
		w.Pack(n, roomtest.Minute(0), roomtest.Depot)
	}
	w.Load(roomtest.Minute(60), 1, 2)
	w.Receive(roomtest.Minute(120), trace.SiteURN("T1"), 1)
	w.Receive(roomtest.Minute(120), trace.SiteURN("T2"), 2)
	w.Readings(roomtest.Depot, 0, 200, 4)
	w.Readings(trace.SiteURN("T1"), 120, 200, 4)
	w.Readings(trace.SiteURN("T2"), 120, 200, 4)
	w.Give(roomtest.Minute(130), trace.SiteURN("T2"), 2, 40)
	w.At(200)
	r := w.Room()
	if v := round(t, r); len(v.Alarms) != 0 || v.Open != 0 {
		t.Errorf("80 minutes after the truck arrived: %+v", v.Alarms)
	}
	w.At(240)
	v := round(t, r)
	if len(v.Alarms) != 1 || v.Alarms[0].Cause != supply.Gap || len(v.Alarms[0].Act) != 1 || v.Alarms[0].Act[0] != roomtest.Box(1) {
		t.Fatalf("two hours after: %+v", v.Alarms)
	}
	w.Readings(roomtest.Truck, 60, 120, 5)
	if v = round(t, r); v.Open != 0 || v.Alarms[0].Cleared.IsZero() {
		t.Errorf("after the truck's file came: %+v", v.Alarms)
	}
	// A box that nobody took over from the truck, and one of which nobody ever told where it is.
	w.Load(roomtest.Minute(250), 3)
	w.Readings(roomtest.Truck, 250, 300, 5)
	w.Event(roomtest.Minute(260), `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/Q2","quantity":1}]`, roomtest.Box(9))
	w.At(300)
	v = round(t, r)
	if got := causes(v); got[supply.Missing] != 1 {
		t.Errorf("a box without custody: %v %+v", got, v.Alarms)
	}
}

// TestRefreshIsCheap: where nothing is new the view stays the same one, for a minute.
func TestRefreshIsCheap(t *testing.T) {
	t.Parallel()
	w := roomtest.New(t)
	w.Shipment()
	r := w.Room()
	v := round(t, r)
	again := round(t, r)
	if again.At != v.At || again.Trace != v.Trace {
		t.Error("it was judged again although nothing is new")
	}
	w.At(242)
	if now := round(t, r); !now.At.Equal(roomtest.Minute(242)) {
		t.Errorf("judged as of %v two minutes later", now.At)
	}
	w.Readings(roomtest.Truck, 190, 200, 4)
	before := r.View()
	if now := round(t, r); now == before || now.Read == before.Read {
		t.Error("what was captured since is not there")
	}
}
