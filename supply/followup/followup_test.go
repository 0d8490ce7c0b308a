package followup_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"charye/booking"
	bookingsqlite "charye/booking/sqlite"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
	"charye/supply"
	"charye/supply/epcis"
	"charye/supply/followup"
	"charye/supply/trace"
)

var (
	day  = civil.New(2026, 9, 20)
	name = "2026-09-fridge"
)

const lot = "https://id.gs1.org/01/08809999000013/10/A"

func box(n int) supply.SSCC {
	k, _ := supply.NewSSCC(0, "8809999", uint64(n))
	return k
}

// hour is an instant of the day of vaccination; hours below 0 are of the days before.
func hour(h float64) time.Time { return day.At(0, time.UTC).Add(time.Duration(h * float64(time.Hour))) }

// story is a fridge at site 1 that froze for five minutes from ten o'clock, and a box of ten doses in it.
type story struct {
	t      *testing.T
	ledger *bookingsqlite.Ledger
	in     *trace.Reader
	seq    int64
}

func newStory(t *testing.T) *story {
	t.Helper()
	l, err := bookingsqlite.Open(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	s := &story{t: t, ledger: l, in: trace.NewReader()}
	s.tell(`"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],"childQuantityList":[{"epcClass":"%s","quantity":5}],"bizLocation":{"id":"%s"}`, hour(-1), box(1), lot, trace.SiteURN("T1"))
	var reports []string
	for at := hour(-1); at.Before(hour(13)); at = at.Add(5 * time.Minute) {
		value := 5
		if at.Equal(hour(10)) {
			value = -3
		}
		reports = append(reports, fmt.Sprintf(`{"type":"Temperature","value":%d,"uom":"CEL","time":"%s"}`, value, at.Format(time.RFC3339)))
	}
	s.tell(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"sensor_reporting","epcList":["https://id.gs1.org/00/%s"],"sensorElementList":[{"sensorReport":[%s]}],"bizLocation":{"id":"%s"}`, hour(13), box(1), strings.Join(reports, ","), trace.SiteURN("T1"))
	return s
}

// tell records an event of custody.
func (s *story) tell(format string, at time.Time, args ...any) {
	s.t.Helper()
	src := fmt.Sprintf(`{"@context":[],"eventTime":"%s","eventTimeZoneOffset":"+00:00",`+format+"}", append([]any{at.Format(time.RFC3339)}, args...)...)
	list, err := epcis.Parse([]byte(src), 1)
	must(s.t, err)
	s.seq++
	must(s.t, s.in.Take(&epcis.Stored{Seq: s.seq, ID: list[0].ID, Recorded: hour(20), JSON: list[0].JSON, Context: list[0].Context}))
}

// gives tells custody of a dose for a booking; 0: of nobody that is known.
func (s *story) gives(id int64, at time.Time) {
	s.t.Helper()
	who := ""
	if id != 0 {
		who = fmt.Sprintf(`,"bizTransactionList":[{"bizTransaction":"%s"}]`, trace.BookingURN(id, 1))
	}
	s.tell(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"dispensing","epcList":["https://id.gs1.org/00/%s"],"quantityList":[{"epcClass":"%s","quantity":1,"uom":"E27"}],"bizLocation":{"id":"%s"}%s`, at, box(1), lot, trace.SiteURN("T1"), who)
}

// books books for person n at an hour; told has the clinic say at once that the dose was given.
func (s *story) books(n, h int, told bool) booking.Booking {
	s.t.Helper()
	ses := booking.Session{Site: 1, Day: day, Minute: h * 60}
	r := booking.Request{
		Op: booking.OpBook, Campaign: 7, Person: person.Key{byte(n), 1}, Channel: "web", At: hour(-20),
		Doses: [][]booking.Choice{{{Slot: booking.Slot{Session: ses, Product: "flu"}, Minutes: 60, Seat: booking.Claim{Counter: booking.SeatCounter(ses), Capacity: 9, N: 1}}}},
	}
	b := s.apply(r).Booking
	if told {
		r.Op, r.Doses, r.Booking, r.Dose, r.Visit = booking.OpVisit, nil, b.ID, 1, booking.Visit{State: booking.Given, From: "(00)" + box(1).String()}
		b = s.apply(r).Booking
	}
	return b
}

func (s *story) apply(r booking.Request) booking.Outcome {
	s.t.Helper()
	out, err := s.ledger.Apply(s.t.Context(), []booking.Request{r})
	must(s.t, err)
	if out[0].Result != booking.Done {
		s.t.Fatalf("result %d of %+v", out[0].Result, r)
	}
	return out[0]
}

func (s *story) list(all bool) *followup.List {
	s.t.Helper()
	rule := supply.Rule{From: 1, Stage: supply.Unopened, Bands: []supply.Band{
		{Name: "cold", Side: supply.Cold, Upto: 1_999_999}, {Name: "fridge", Upto: 8_000_000, Budget: supply.Unlimited}, {Name: "hot", Side: supply.Warm, Upto: supply.Hottest},
	}}
	gtin, err := supply.ParseGTIN("08809999000013")
	must(s.t, err)
	people := map[int64]person.Key{}
	must(s.t, s.ledger.All(s.t.Context(), func(b booking.Booking) error { people[b.ID] = b.Person; return nil }))
	t, err := s.in.Build(trace.Rules{
		Products: []*supply.Product{{ID: "flu", GTINs: []supply.GTIN{gtin}, Rules: []supply.Rule{rule}}}, DosesPerVial: map[string]int{"flu": 2},
		Site: func(place string) site.Num {
			if id, ok := trace.SiteOfURN(place); ok && id == "T1" {
				return 1
			}
			return 0
		},
		Who: func(id int64) (person.Key, bool) { k, ok := people[id]; return k, ok },
	})
	must(s.t, err)
	if len(t.Problems) > 0 {
		s.t.Fatalf("custody: %+v", t.Problems)
	}
	out, err := followup.Make(s.t.Context(), t, followup.ByPerson(s.ledger), []supply.SSCC{box(1)}, supply.AsOf{At: hour(14), Zone: time.UTC, Handover: time.Hour, Overdue: 26 * time.Hour}, all)
	must(s.t, err)
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestFollowUp: who was given a dose before the box froze keeps it; who was given one after is listed, told by the ledger that it does not count, and
// followed until it was given again. What custody told alone is made good in the ledger.
func TestFollowUp(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	before, after, untold := s.books(1, 9, true), s.books(2, 10, true), s.books(3, 11, false)
	s.gives(before.ID, hour(9.5))
	s.gives(after.ID, hour(10.5))
	s.gives(untold.ID, hour(11.5))
	s.gives(0, hour(12))
	l := s.list(false)
	if len(l.Entries) != 3 || l.Before != 1 {
		t.Fatalf("%d before, on the list %+v", l.Before, l.Entries)
	}
	for i, want := range []followup.Entry{{Booking: after.ID, Stage: followup.Listed}, {Booking: untold.ID, Stage: followup.Listed}, {Stage: followup.Unnamed}} {
		if e := l.Entries[i]; e.Booking != want.Booking || e.Stage != want.Stage || e.Why != supply.Frozen || e.Box != box(1) || e.Lot.ID != "A" || e.Site != 1 {
			t.Errorf("%d: %+v", i, e)
		}
	}
	if all := s.list(true); len(all.Entries) != 4 || all.Entries[0].Booking != before.ID || all.Entries[0].Why != followup.Recalled {
		t.Errorf("all: %+v", all.Entries)
	}
	now := func() time.Time { return hour(15) }
	spoilt, other, err := l.Carry(t.Context(), s.ledger, name, now)
	if err != nil || spoilt != 2 || other != 0 {
		t.Fatalf("carried: %d, %d, %v", spoilt, other, err)
	}
	if spoilt, other, err = l.Carry(t.Context(), s.ledger, name, now); err != nil || spoilt != 0 || other != 0 {
		t.Errorf("again: %d, %d, %v", spoilt, other, err)
	}
	for id, want := range map[int64]booking.VisitState{before.ID: booking.Given, after.ID: booking.Spoilt, untold.ID: booking.Spoilt} {
		b, _, err := s.ledger.Booking(t.Context(), id)
		if must(t, err); b.Doses[0].Visit.State != want || want == booking.Spoilt && (b.Doses[0].Visit.Why != name || b.Doses[0].Visit.From == "") {
			t.Errorf("booking %d: %+v", id, b.Doses[0].Visit)
		}
	}
	if n := s.list(false).Count(); n[followup.Spoilt] != 2 || n[followup.Unnamed] != 1 {
		t.Errorf("then: %v", n)
	}
	b, _, err := s.ledger.Booking(t.Context(), after.ID)
	must(t, err)
	later := booking.Session{Site: 1, Day: day + 28, Minute: 600}
	r := booking.Request{
		Op: booking.OpChange, Campaign: 7, Person: b.Person, Channel: "web", At: hour(16), Booking: b.ID,
		Doses: [][]booking.Choice{{{Slot: b.Doses[0].Slot, Minutes: 60, Seat: b.Doses[0].Seat}}, {{Slot: booking.Slot{Session: later, Product: "flu"}, Minutes: 60, Seat: booking.Claim{Counter: booking.SeatCounter(later), Capacity: 9, N: 1}}}},
	}
	s.apply(r)
	if l := s.list(false); l.Count()[followup.Booked] != 1 || l.Entries[0].Next != day+28 {
		t.Errorf("booked again: %+v", l.Entries)
	}
	s.apply(booking.Request{Op: booking.OpVisit, Campaign: 7, Person: b.Person, Channel: "clinic", At: hour(28 * 24), Booking: b.ID, Dose: 2, Visit: booking.Visit{State: booking.Given}})
	if n := s.list(false).Count(); n[followup.Again] != 1 || n[followup.Spoilt] != 1 {
		t.Errorf("given again: %v", n)
	}
	for _, finding := range booking.Check(context.Background(), s.ledger) {
		t.Error(finding)
	}
}

// TestCase: only what a case has decided for good is followed up.
func TestCase(t *testing.T) {
	t.Parallel()
	v := func(a supply.Action, c string, n ...int) supply.Verdict {
		out := supply.Verdict{Action: a, Case: c}
		for _, k := range n {
			out.Boxes = append(out.Boxes, box(k))
		}
		return out
	}
	got := followup.Case([]supply.Verdict{v(supply.Hold, "a", 1, 2, 3), v(supply.Recall, "b", 4), v(supply.Destroy, "a", 3), v(supply.Recall, "a", 2, 3)}, "a")
	if len(got) != 2 || got[0] != box(2) || got[1] != box(3) {
		t.Errorf("boxes %v", got)
	}
}
