package delivery_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"charye/booking"
	bookingsqlite "charye/booking/sqlite"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/delivery"
	"charye/supply/epcis"
	"charye/supply/trace"
)

const gathered = `
programme: p
name: {en: P}
timezone: Asia/Seoul
products:
  - {id: flu, name: {en: F}, cvx: "150", dosesPerVial: 2, vials: {opensWith: 1}, gtins: ["08809999000013"], series: {doses: 1},
     storage: [{from: 2020-01-01, bands: [{name: cold, under: 2, side: cold, for: 0m}, {name: fridge, upto: 8}, {name: warm, side: warm, for: 6h}]}]}
  - {id: covid, name: {en: C}, cvx: "207", dosesPerVial: 6, series: {doses: 2, intervals: [{from: 2021-01-01, default: 21d, min: 21d, max: 28d}]}}
  - {id: polio, name: {en: Q}, cvx: "10", dosesPerVial: 1, series: {doses: 1}}
campaigns:
  - {id: c, name: {en: C}, products: [flu, covid, polio], eligible: all, opens: 2026-09-12T20:00:00+09:00, closes: 2027-03-17T18:00:00+09:00, stock: 100, line: {order: arrival}}
timetables:
  - {sites: all, start: 2026-09-20, days: 40, from: "09:00", to: "11:00", every: 60m, seats: 4}
shipping:
  - from: 2026-01-01
    depots:
      - {id: icheon, name: {en: Icheon}, places: ["8809999000105", "urn:epc:id:sgln:8809999.00050.cold"], leaves: "14:00", lanes: [{region: all, transport: 1d}, {region: 경기, transport: 3d}]}
      - {id: busan, name: {en: Busan}, places: ["urn:x:busan"], leaves: "14:00", lanes: [{region: all, transport: 1d}]}
    products: [{product: flu, vialsPerBox: 4, cutOff: 1d}, {product: covid, vialsPerBox: 4, cutOff: 1d}]
    transfers: {withinKm: 30, transport: 2d, leaves: "13:00", cutOff: 3h, leg: 1h}
    UNKNOWN
`

const (
	icheon = "https://id.gs1.org/414/8809999000105"
	lotQ   = "https://id.gs1.org/01/08809999000013/10/Q"
)

// gathering is a programme with a ledger and a log of custody.
type gathering struct {
	*testing.T
	p      *programme.Programme
	sites  *site.Index
	ledger *bookingsqlite.Ledger
	log    []epcis.Stored
	people int
	boxes  int
	now    time.Time
	held   []supply.SSCC
}

func newGathering(t *testing.T, unknown string) *gathering {
	t.Helper()
	p, err := programme.Parse("p", []byte(strings.Replace(gathered, "UNKNOWN", unknown, 1)), programme.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := &gathering{T: t, p: p, sites: input(rules()).Sites, now: monday.At(12*60, seoul)}
	if g.ledger, err = bookingsqlite.Open(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.ledger.Close(); err != nil {
			t.Error(err)
		}
	})
	num := p.Products[0].Num
	if err := g.ledger.SetCapacity(t.Context(), []booking.Claim{{Counter: booking.VialsCounter(1, num), Capacity: 50}, {Counter: booking.VialsCounter(2, num), Capacity: 50}}); err != nil {
		t.Fatal(err)
	}
	return g
}

// book books one dose or a series at a site, on days counted from monday.
func (g *gathering) book(product string, at site.Num, days ...int) int64 {
	g.Helper()
	g.people++
	req := booking.Request{Op: booking.OpBook, Campaign: g.p.Campaigns[0].Num, Person: person.Key{byte(g.people), byte(g.people >> 8), 1}, Channel: "web", At: g.now.Add(-9 * 24 * time.Hour)}
	for _, day := range days {
		s := booking.Session{Site: at, Day: monday + civil.Date(day), Minute: 9 * 60}
		c := booking.Choice{Slot: booking.Slot{Session: s, Product: product}, Minutes: 60, Seat: booking.Claim{Counter: booking.SeatCounter(s), Capacity: 100, N: 1}}
		if product == "flu" {
			c.Vial = booking.Vial{Product: g.p.Products[0].Num, Doses: 2}
		}
		req.Doses = append(req.Doses, []booking.Choice{c})
	}
	out, err := g.ledger.Apply(g.Context(), []booking.Request{req})
	if err != nil || out[0].Result != booking.Done {
		g.Fatalf("booking: %+v, %v", out, err)
	}
	return out[0].Booking.ID
}

// tell records an event of so many hours after monday's midnight.
func (g *gathering) tell(hours float64, text string) {
	g.Helper()
	at := monday.At(0, seoul).Add(time.Duration(hours * float64(time.Hour)))
	list, err := epcis.Parse([]byte(fmt.Sprintf(`{"@context":[{"cbvmda":"urn:epcglobal:cbv:mda:","charye":"urn:charye:epcis:"}],"eventTime":%q,"eventTimeZoneOffset":"+09:00",%s}`, at.Format(time.RFC3339), text)), 1)
	if err != nil {
		g.Fatal(err)
	}
	g.keep(list...)
}

func (g *gathering) keep(list ...*epcis.Event) {
	for _, e := range list {
		g.log = append(g.log, epcis.Stored{Seq: int64(len(g.log) + 1), ID: e.ID, Recorded: g.now, JSON: e.JSON, Context: e.Context})
	}
}

// box packs a box of four vials at a place a week ago, with readings up to now, and gives its number.
func (g *gathering) box(place string) int {
	g.Helper()
	g.boxes++
	n := g.boxes
	g.tell(-7*24, fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[],"childQuantityList":[{"epcClass":%q,"quantity":4}],"bizLocation":{"id":%q}`, uri(n), lotQ, place))
	return n
}

func uri(n int) string { return "https://id.gs1.org/00/" + sscc(n).String() }

// logged gives a place readings from packing until now.
func (g *gathering) logged(place string, celsius func(hour int) int) {
	s := supply.Series{Point: supply.Point(place), Device: "L", Interval: time.Hour}
	from := monday.At(0, seoul).Add(-7 * 24 * time.Hour)
	for h := 0; !from.Add(time.Duration(h) * time.Hour).After(g.now); h++ {
		s.Readings = append(s.Readings, supply.Reading{At: from.Add(time.Duration(h) * time.Hour), Celsius: supply.Celsius(celsius(h)) * supply.Degree})
	}
	list, err := trace.Readings(place, []supply.Series{s}, nil, "made")
	if err != nil {
		g.Fatal(err)
	}
	g.keep(list...)
}

func fridge(int) int { return 5 }

func (g *gathering) gather() delivery.Input {
	g.Helper()
	out, err := delivery.Gather(context.Background(), g.ledger, *g.world())
	if err != nil {
		g.Fatal(err)
	}
	slices.SortFunc(out.Needs, func(a, b delivery.Need) int {
		return strings.Compare(fmt.Sprint(a.Site, a.Product, a.Day), fmt.Sprint(b.Site, b.Product, b.Day))
	})
	return out
}

// world is what is told up to now.
func (g *gathering) world() *delivery.World {
	g.Helper()
	in := trace.NewReader()
	for i := range g.log {
		if err := in.Take(&g.log[i]); err != nil {
			g.Fatal(err)
		}
	}
	t, err := in.Build(trace.Rules{
		Products: []*supply.Product{g.p.Products[0].Storage}, DosesPerVial: map[string]int{"flu": 2},
		Site: func(place string) site.Num {
			id, _ := trace.SiteOfURN(place)
			s, _ := g.sites.ByID(id)
			return s.Num
		},
	})
	if err != nil || len(t.Problems) > 0 {
		g.Fatal(err, t.Problems)
	}
	r := supply.NewRegister()
	if len(g.held) > 0 {
		if _, err := r.Decide(supply.Verdict{At: g.now, Action: supply.Hold, Case: "c", Boxes: g.held, Reason: "r", Evidence: []string{"e"}, Asked: "a", Agreed: "b"}); err != nil {
			g.Fatal(err)
		}
	}
	return &delivery.World{Programme: g.p, Sites: g.sites, Trace: t, Register: r, Now: g.now, Overdue: 26 * time.Hour, Handover: time.Hour}
}

// where tells a box in a few words.
func where(b delivery.Box) string {
	s := fmt.Sprintf("%d vials at %s%d", b.Vials, b.Depot, b.Site)
	if b.Coming && b.Bar != delivery.Elsewhere {
		s += fmt.Sprintf(" from %+d", b.From-monday)
	}
	for _, bar := range []delivery.Bar{b.Bar, b.Away} {
		if bar != "" {
			s += " " + string(bar)
		}
	}
	return s
}

// TestNeedsAreWhatIsBooked: vials by site and day, second doses too; of today what is left; nothing that is over, cancelled, or of a product that is not
// shipped.
func TestNeedsAreWhatIsBooked(t *testing.T) {
	t.Parallel()
	g := newGathering(t, "")
	t1 := trace.SiteURN("T1")
	for range 3 {
		g.book("flu", 1, 2)
	}
	for range 5 {
		g.book("flu", 1, 0)
	}
	for range 7 {
		g.book("covid", 2, 1, 22)
	}
	g.book("flu", 1, -1)
	g.book("polio", 1, 3)
	cancelled := g.book("flu", 2, 4)
	last := person.Key{byte(g.people), 0, 1}
	if out, err := g.ledger.Apply(t.Context(), []booking.Request{{Op: booking.OpCancel, Campaign: g.p.Campaigns[0].Num, Person: last, Booking: cancelled, Channel: "web", At: g.now}}); err != nil || out[0].Result != booking.Done {
		t.Fatalf("%+v %v", out, err)
	}
	n := g.box(t1)
	g.tell(10, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"dispensing","epcList":[%q],"quantityList":[{"epcClass":%q,"quantity":3,"uom":"E27"}],"bizLocation":{"id":%q}`, uri(n), lotQ, t1))
	need := func(at site.Num, product string, day, vials int) delivery.Need {
		return delivery.Need{Site: at, Day: monday + civil.Date(day), Product: product, Vials: vials}
	}
	want := []delivery.Need{
		need(1, "flu", 0, 1), // five booked open three vials, three given opened two
		need(1, "flu", 2, 2), need(2, "covid", 1, 2), need(2, "covid", 22, 2),
	}
	in := g.gather()
	if d := cmp.Diff(want, in.Needs); d != "" {
		t.Error(d)
	}
	// Four vials, three doses of which were given: two are whole. Yesterday's booking, of which nobody told, opened one more.
	if got := where(in.Boxes[0]); got != "1 vials at 1 unknown" {
		t.Errorf("box: %s", got)
	}
}

// TestBoxesAreWhereCustodyHasThem goes through every place that a box can be at.
func TestBoxesAreWhereCustodyHasThem(t *testing.T) {
	t.Parallel()
	g := newGathering(t, "")
	hub := "https://id.gs1.org/414/8809999000303"
	t1, t3 := trace.SiteURN("T1"), trace.SiteURN("T3")
	for _, place := range []string{icheon, "urn:x:busan", t1, hub} {
		g.logged(place, fridge)
	}
	g.tell(-8*24, fmt.Sprintf(`"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":[],"quantityList":[{"epcClass":%q,"quantity":100}],"ilmd":{"cbvmda:itemExpirationDate":"2026-12-31"},"readPoint":{"id":%q}`, lotQ, icheon))
	ship := func(hours float64, to string, from string, boxes ...int) {
		t.Helper()
		x := trace.Shipping{At: monday.At(0, seoul).Add(time.Duration(hours * float64(time.Hour))), From: from, To: to}
		for _, n := range boxes {
			x.Boxes = append(x.Boxes, sscc(n))
		}
		doc, err := trace.ShippingDocument([]trace.Shipping{x}, g.now)
		if err != nil {
			t.Fatal(err)
		}
		list, err := epcis.Parse(doc, 10)
		if err != nil {
			t.Fatal(err)
		}
		g.keep(list...)
	}
	want := map[int]string{}
	want[g.box(icheon)] = "4 vials at icheon0"
	want[g.box("https://id.gs1.org/414/8809999000105/254/cold")] = "4 vials at icheon0 unknown" // a room without a logger
	want[g.box("urn:x:busan")] = "4 vials at busan0"
	want[g.box(t1)] = "4 vials at 1"
	want[g.box(t3)] = "4 vials at 3 unknown"
	want[g.box(hub)] = "4 vials at 0 elsewhere"
	coming := func(n int, text string) { want[n] = text }
	n := g.box(icheon)
	ship(11.5, t1, icheon, n) // a moment ago: no handover to speak of
	coming(n, "4 vials at 1 from +1")
	n = g.box(icheon)
	ship(11.5, t3, icheon, n) // its region has a lane of three days
	coming(n, "4 vials at 3 from +3")
	n = g.box(t1)
	ship(11.5, t3, t1, n) // from site to site
	coming(n, "4 vials at 3 from +2")
	n = g.box(icheon)
	ship(11.5, "urn:x:busan", icheon, n)
	coming(n, "4 vials at busan0 from +1")
	n = g.box(icheon)
	ship(-24*3, t1, icheon, n) // due on Saturday, two days ago: it may still come
	coming(n, "4 vials at 1 from +0 unknown")
	n = g.box(icheon)
	ship(-24*4, t1, icheon, n)
	coming(n, "4 vials at 1 from +0 late unknown")
	n = g.box(icheon)
	g.held = append(g.held, sscc(n))
	want[n] = "4 vials at icheon0 held"
	n = g.box("urn:x:busan")
	g.tell(-3, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"storing","epcList":[%q],"quantityList":[{"epcClass":%q,"quantity":1}],"charye:stage":"thawed","bizLocation":{"id":"urn:x:busan"}`, uri(n), lotQ))
	want[n] = "4 vials at busan0 thawed"
	n = g.box(t1)
	g.tell(-3, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"storing","epcList":[%q],"quantityList":[{"epcClass":%q,"quantity":1}],"charye:stage":"punctured","bizLocation":{"id":%q}`, uri(n), lotQ, t1))
	want[n] = "3 vials at 1 thawed"
	n = g.box("urn:x:busan")
	g.tell(-2, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"decommissioning","epcList":[%q]`, uri(n)))
	got := map[int]string{}
	for _, b := range g.gather().Boxes {
		for n := range g.boxes + 1 {
			if b.SSCC == sscc(n) {
				got[n] = where(b)
			}
		}
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

// TestDoubtAndRoom: a box that was warm for too long is not counted on, one that has hours left may travel so long, and what is not known stays unless
// the rules say otherwise.
func TestDoubtAndRoom(t *testing.T) {
	t.Parallel()
	for unknown, stays := range map[string]bool{"": true, "unknown: ship": false} {
		g := newGathering(t, unknown)
		t1, t2, t3 := trace.SiteURN("T1"), trace.SiteURN("T2"), trace.SiteURN("T3")
		warm := func(hours int) func(int) int {
			return func(h int) int {
				if h >= 10 && h < 10+hours {
					return 20
				}
				return 5
			}
		}
		g.logged(t1, warm(7))
		g.logged(t2, warm(4))
		spoilt, worn, dark := g.box(t1), g.box(t2), g.box(t3)
		in := g.gather()
		got := map[supply.SSCC]delivery.Box{}
		for _, b := range in.Boxes {
			got[b.SSCC] = b
		}
		if b := got[sscc(spoilt)]; b.Bar != delivery.Doubt {
			t.Errorf("seven hours of six: %+v", b)
		}
		if room, ok := in.Room(sscc(worn)); !ok || room != 2*time.Hour {
			t.Errorf("after four hours of six there is room for %v, %v", room, ok)
		}
		if room, ok := in.Room(sscc(spoilt)); ok {
			t.Errorf("a spoilt box may travel, for %v", room)
		}
		if _, ok := in.Room(sscc(dark)); ok == stays {
			t.Errorf("%q: a box of which nothing is known may travel: %v", unknown, ok)
		}
		if b := got[sscc(dark)]; b.Bar != "" || (b.Away == delivery.Unknown) != stays {
			t.Errorf("%q: %+v", unknown, b)
		}
	}
}
