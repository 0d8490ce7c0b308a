// Package roomtest is a small supply room on the embedded engines, for the tests of the room, of package walk and of the pages.
//
// It owns the made-up story: three sites, a depot, a truck that froze one of the boxes it brought. Only tests import it.
package roomtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	approvalsqlite "charye/approval/sqlite"
	"charye/booking"
	bookingsqlite "charye/booking/sqlite"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/epcis"
	custodysqlite "charye/supply/epcis/sqlite"
	"charye/supply/room"
	supplysqlite "charye/supply/sqlite"
	"charye/supply/trace"
)

const rules = `
programme: p
name: {ko: 독감 접종, en: Influenza}
timezone: Asia/Seoul
products:
  - id: flu
    name: {ko: 독감 백신, en: Influenza vaccine}
    cvx: "150"
    dosesPerVial: 10
    vials: {opensWith: 1}
    gtins: ["08809999000013"]
    storage: [{from: 2020-01-01, bands: [{name: 얼음, under: 0, side: cold, for: 0m}, {name: 차가움, under: 2, side: cold, for: 12h}, {name: 냉장, upto: 8}, {name: 상온, upto: 25, side: warm, for: 13h}, {name: 더움, side: warm, for: 30m}]}]
    series: {doses: 1}
campaigns:
  - {id: c, name: {ko: 독감, en: Influenza}, products: [flu], eligible: all, opens: 2026-09-12T20:00:00+09:00, closes: 2027-03-17T18:00:00+09:00, stock: 1000, line: {order: arrival}}
timetables:
  - {sites: all, start: 2026-09-20, days: 30, from: "09:00", to: "11:00", every: 60m, seats: 20}
shipping:
  - from: 2026-09-01
    depots: [{id: icheon, name: {ko: 이천 물류센터, en: Icheon depot}, places: ["8809999000105"], leaves: "14:00", lanes: [{region: all, transport: 1d}]}]
    products: [{product: flu, vialsPerBox: 4, cutOff: 4h}]
    transfers: {withinKm: 30, transport: 0d, leaves: "16:00", cutOff: 1h, leg: 30m}
`

// Sites are where the boxes go: two a few kilometres apart, one in another region.
var Sites = []site.Site{
	{Num: 1, ID: "T1", Name: "하나의원", Kind: "clinic", Address: "서울특별시 중구 하나로 1", Region: "서울특별시", District: "중구", Lat: 37, Lon: 127},
	{Num: 2, ID: "T2", Name: "두리의원", Kind: "clinic", Address: "서울특별시 중구 두리로 2", Region: "서울특별시", District: "중구", Lat: 37.02, Lon: 127},
	{Num: 3, ID: "T3", Name: "세모병원", Kind: "hospital", Address: "부산광역시 동구 세모로 3", Region: "부산광역시", District: "동구", Lat: 35.1, Lon: 129},
}

// Names in the story.
const (
	Truck    = "urn:x:truck:11t-0412"
	Depot    = "https://id.gs1.org/414/8809999000105"
	SiteGLN  = "8809999000204" // of T1
	LotName  = "Q1"
	BoxVials = 4
)

// Begin is when the story begins: 09:00 of 18 September 2026 in Seoul.
var Begin = time.Date(2026, 9, 18, 0, 0, 0, 0, time.UTC)

// World is a supply room with its stores and a clock that stands where it is put.
type World struct {
	T         testing.TB
	Programme *programme.Programme
	Custody   *custodysqlite.Store
	Store     *supplysqlite.Store
	Ledger    *bookingsqlite.Ledger
	Requests  *approvalsqlite.Store
	Deps      room.Deps

	mu    sync.Mutex
	now   time.Time
	toldN []room.Telling
	made  int
}

// Box is the nth box.
func Box(n int) supply.SSCC {
	k, _ := supply.NewSSCC(0, "8809999", uint64(n))
	return k
}

// New makes an empty world at the story's begin.
func New(t testing.TB) *World {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	w := &World{T: t, now: Begin}
	var err error
	if w.Programme, err = programme.Parse("p", []byte(rules), programme.Options{}); err != nil {
		t.Fatal(err)
	}
	if w.Custody, err = custodysqlite.Open(ctx, dir); err != nil {
		t.Fatal(err)
	}
	if w.Store, err = supplysqlite.Open(ctx, dir); err != nil {
		t.Fatal(err)
	}
	if w.Ledger, err = bookingsqlite.Open(ctx, dir); err != nil {
		t.Fatal(err)
	}
	if w.Requests, err = approvalsqlite.Open(ctx, dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(w.Requests.Close(), w.Custody.Close(), w.Store.Close(), w.Ledger.Close()); err != nil {
			t.Error(err)
		}
	})
	sites := site.NewIndex(Sites)
	w.Deps = room.Deps{
		Programme: w.Programme, Custody: w.Custody, Verdicts: w.Store, Alarms: w.Store, Tasks: w.Store, Journal: w.Store, Ledger: w.Ledger, Requests: w.Requests, Node: "test", Quick: time.Nanosecond, Clock: w.Now, Log: slog.New(slog.DiscardHandler),
		Places: func(context.Context) (room.Places, error) {
			return room.Places{Sites: sites, Version: "1", Site: func(place string) site.Num {
				if id, ok := trace.SiteOfURN(place); ok {
					s, _ := sites.ByID(id)
					return s.Num
				}
				if strings.HasSuffix(place, SiteGLN) {
					return 1
				}
				return 0
			}, GLN: func(n site.Num) (supply.GLN, bool) {
				g, err := supply.ParseGLN(strings.TrimPrefix(SiteGLN, "/"))
				return g, err == nil && n == 1
			}}, nil
		},
		Tell: func(_ context.Context, list []room.Telling) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.toldN = append(w.toldN, list...)
			return nil
		},
	}
	return w
}

// Now is the world's clock.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// At puts the clock so many minutes after the story's begin.
func (w *World) At(minutes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = Minute(minutes)
}

// Told is every alarm that people were told of.
func (w *World) Told() []room.Telling {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]room.Telling(nil), w.toldN...)
}

// Minute is so many minutes after the story's begin.
func Minute(n int) time.Time { return Begin.Add(time.Duration(n) * time.Minute) }

// Room opens a room on the stores; again is as after a restart.
func (w *World) Room() *room.Room {
	w.T.Helper()
	r, err := room.New(context.Background(), w.Deps)
	if err != nil {
		w.T.Fatal(err)
	}
	return r
}

func (w *World) capture(events []*epcis.Event) {
	w.T.Helper()
	out, err := w.Custody.Capture(context.Background(), []epcis.Job{{By: "test", At: w.Now(), Events: events}})
	if err == nil {
		err = out[0].Err
	}
	if err != nil {
		w.T.Fatal(err)
	}
}

// Event tells an event; text is its members but the time.
func (w *World) Event(at time.Time, format string, args ...any) {
	w.T.Helper()
	src := fmt.Sprintf(`{"@context":[{"cbvmda":"urn:epcglobal:cbv:mda:"}],"eventTime":%q,"eventTimeZoneOffset":"+00:00",%s}`, at.UTC().Format(time.RFC3339Nano), fmt.Sprintf(format, args...))
	list, err := epcis.Parse([]byte(src), 1)
	if err != nil {
		w.T.Fatal(err)
	}
	w.capture(list)
}

func uri(n int) string { return "https://id.gs1.org/00/" + Box(n).String() }

// Pack packs a box of the lot at a place.
func (w *World) Pack(n int, at time.Time, place string) {
	w.T.Helper()
	w.Event(at, `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/%s","quantity":%d}],"bizLocation":{"id":%q}`,
		uri(n), LotName, BoxVials, place)
}

// Load puts boxes on the truck.
func (w *World) Load(at time.Time, boxes ...int) {
	w.T.Helper()
	w.Event(at, `"type":"AggregationEvent","action":"ADD","bizStep":"loading","parentID":%q,"childEPCs":[%s],"readPoint":{"id":%q}`, Truck, names(boxes), Depot)
}

// Receive brings boxes to a place.
func (w *World) Receive(at time.Time, place string, boxes ...int) {
	w.T.Helper()
	w.Event(at, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"receiving","epcList":[%s],"bizLocation":{"id":%q}`, names(boxes), place)
}

// Give gives doses from a box at a place.
func (w *World) Give(at time.Time, place string, box, doses int) {
	w.T.Helper()
	w.Event(at, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"dispensing","epcList":[%s],"quantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/%s","quantity":%d,"uom":"E27"}],"bizLocation":{"id":%q}`,
		names([]int{box}), LotName, doses, place)
}

func names(boxes []int) string {
	var out []string
	for _, n := range boxes {
		out = append(out, fmt.Sprintf("%q", uri(n)))
	}
	return strings.Join(out, ",")
}

// Readings tells of a point every ten minutes, from one minute of the story to another.
func (w *World) Readings(point string, from, to int, degrees float64) {
	w.T.Helper()
	s := supply.Series{Point: supply.Point(point), Device: "test", Interval: 10 * time.Minute}
	for m := from; m <= to; m += 10 {
		s.Readings = append(s.Readings, supply.Reading{At: Minute(m), Celsius: supply.Celsius(degrees * float64(supply.Degree))})
	}
	w.made++
	events, err := trace.Readings(point, []supply.Series{s}, nil, fmt.Sprintf("file-%d", w.made))
	if err != nil {
		w.T.Fatal(err)
	}
	w.capture(events)
}

// Wave tells of a point every so many seconds, from one minute of the story to another, as f has it of the nth.
func (w *World) Wave(point string, from, to, every int, f func(n int) supply.Celsius) {
	w.T.Helper()
	s := supply.Series{Point: supply.Point(point), Device: "wave", Interval: time.Duration(every) * time.Second}
	for at := Minute(from); !at.After(Minute(to)); at = at.Add(s.Interval) {
		s.Readings = append(s.Readings, supply.Reading{At: at, Celsius: f(len(s.Readings))})
	}
	w.made++
	events, err := trace.Readings(point, []supply.Series{s}, nil, fmt.Sprintf("file-%d", w.made))
	if err != nil {
		w.T.Fatal(err)
	}
	w.capture(events)
}

// Sum tells of a point from one minute of the story to another no more than its least and its most.
func (w *World) Sum(point string, from, to int, least, most supply.Celsius) {
	w.T.Helper()
	w.made++
	sum := supply.Summary{Point: supply.Point(point), Device: "sums", From: Minute(from), To: Minute(to), Min: least, Max: most}
	events, err := trace.Readings(point, nil, []supply.Summary{sum}, fmt.Sprintf("file-%d", w.made))
	if err != nil {
		w.T.Fatal(err)
	}
	w.capture(events)
}

// Shipment tells the story: boxes 1 to 4 leave the depot in one truck, 1 and 2 go to T1, then the truck freezes for twenty minutes with 3 and 4 aboard,
// which go to T2 and T3. All places were logged. At the end it is four hours later, and doses were given from box 1.
func (w *World) Shipment() {
	w.T.Helper()
	for n := 1; n <= 4; n++ {
		w.Pack(n, Minute(0), Depot)
	}
	w.Load(Minute(60), 1, 2, 3, 4)
	w.Receive(Minute(120), "https://id.gs1.org/414/"+SiteGLN, 1, 2)
	w.Receive(Minute(180), trace.SiteURN("T2"), 3)
	w.Receive(Minute(180), trace.SiteURN("T3"), 4)
	w.Readings(Depot, 0, 60, 4.5)
	w.Readings(Truck, 60, 130, 5)
	w.Readings(Truck, 140, 150, -1.2)
	w.Readings(Truck, 160, 180, 5)
	w.Readings("https://id.gs1.org/414/"+SiteGLN, 120, 240, 5)
	for _, id := range []string{"T2", "T3"} {
		w.Readings(trace.SiteURN(id), 180, 240, 4)
	}
	w.Give(Minute(200), "https://id.gs1.org/414/"+SiteGLN, 1, 3)
	w.At(240)
}

// Who is somebody.
func Who(n int) (k person.Key) { k[0], k[15] = byte(n), 1; return k }

// Stock sets the vials that a site's counter has.
func (w *World) Stock(at site.Num, vials int) {
	w.T.Helper()
	if err := w.Ledger.SetCapacity(context.Background(), []booking.Claim{{Counter: booking.VialsCounter(at, w.Programme.Products[0].Num), Capacity: vials}}); err != nil {
		w.T.Fatal(err)
	}
}

// Book books somebody at a site, at nine on the so manieth day after the story's.
func (w *World) Book(n int, at site.Num, day int) booking.Booking {
	w.T.Helper()
	p := &w.Programme.Products[0]
	s := booking.Slot{Session: booking.Session{Site: at, Day: civil.Of(Begin, w.Programme.Zone) + civil.Date(day), Minute: 540}, Product: p.ID}
	q := booking.Request{
		Op: booking.OpBook, Campaign: w.Programme.Campaigns[0].Num, Person: Who(n), Channel: "web", At: w.Now(),
		Doses: [][]booking.Choice{{{
			Slot: s, Minutes: 60, Seat: booking.Claim{Counter: booking.SeatCounter(s.Session), Capacity: 20, N: 1}, Vial: booking.Vial{Product: p.Num, Doses: p.DosesPerVial},
		}}},
	}
	out, err := w.Ledger.Apply(context.Background(), []booking.Request{q})
	if err != nil || out[0].Result != booking.Done {
		w.T.Fatalf("booking: %+v, %v", out, err)
	}
	return out[0].Booking
}
