package order_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/booking"
	bookingsqlite "charye/booking/sqlite"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/epcis"
	"charye/supply/order"
	supplysqlite "charye/supply/sqlite"
	"charye/supply/trace"
)

const rules = `
programme: p
name: {en: P}
timezone: Asia/Seoul
products:
  - id: flu
    name: {en: Influenza}
    cvx: "150"
    dosesPerVial: 2
    COUNTED
    gtins: ["08809999000013"]
    storage: [{from: 2020-01-01, bands: [{name: cold, under: 2, side: cold, for: 0m}, {name: fridge, upto: 8}, {name: hot, side: warm, for: 0m}]}]
    series: {doses: 1}
campaigns:
  - {id: c, name: {en: C}, products: [flu], eligible: all, opens: 2026-09-12T20:00:00+09:00, closes: 2027-03-17T18:00:00+09:00, stock: 100, line: {order: arrival}}
timetables:
  - {sites: all, start: 2026-09-20, days: 10, from: "09:00", to: "11:00", every: 60m, seats: 4}
`

var now = time.Date(2026, 9, 19, 10, 0, 0, 0, time.UTC)

// room is two sites a few kilometres apart: T1 has boxes 1 (4 vials) and 2 (1 vial), T2 has box 3 (4 vials). Two doses a vial.
type room struct {
	t        *testing.T
	p        *programme.Programme
	sites    []site.Site
	ledger   *bookingsqlite.Ledger
	verdicts *supplysqlite.Store
	events   []epcis.Stored
	booked   []int64
}

func box(n int) supply.SSCC {
	k, _ := supply.NewSSCC(0, "8809999", uint64(n))
	return k
}

func newRoom(t *testing.T, counted bool) *room {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	vials := ""
	if counted {
		vials = "vials: {opensWith: 1}"
	}
	p, err := programme.Parse("p", []byte(strings.Replace(rules, "COUNTED", vials, 1)), programme.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &room{t: t, p: p, sites: []site.Site{
		{Num: 1, ID: "T1", Name: "one", Kind: "clinic", Lat: 37, Lon: 127}, {Num: 2, ID: "T2", Name: "two", Kind: "clinic", Lat: 37.02, Lon: 127},
	}}
	if r.ledger, err = bookingsqlite.Open(ctx, dir); err != nil {
		t.Fatal(err)
	}
	if r.verdicts, err = supplysqlite.Open(ctx, dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(r.ledger.Close(), r.verdicts.Close()); err != nil {
			t.Error(err)
		}
	})
	for n, b := range []struct {
		vials int
		site  string
	}{{4, "T1"}, {1, "T1"}, {4, "T2"}} {
		src := fmt.Sprintf(`{"@context":[],"type":"AggregationEvent","eventTime":"2026-09-18T00:00:00Z","eventTimeZoneOffset":"+00:00","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],
			"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/A","quantity":%d}],"bizLocation":{"id":%q}}`, box(n+1), b.vials, trace.SiteURN(b.site))
		list, err := epcis.Parse([]byte(src), 1)
		if err != nil {
			t.Fatal(err)
		}
		r.events = append(r.events, epcis.Stored{Seq: int64(n + 1), ID: list[0].ID, Recorded: now, JSON: list[0].JSON, Context: list[0].Context})
	}
	if counted {
		num := p.Products[0].Num
		if err := r.ledger.SetCapacity(ctx, []booking.Claim{{Counter: booking.VialsCounter(1, num), Capacity: 5}, {Counter: booking.VialsCounter(2, num), Capacity: 4}}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *room) vial() booking.Vial {
	if r.p.Products[0].Vials == nil {
		return booking.Vial{}
	}
	return booking.Vial{Product: r.p.Products[0].Num, Doses: 2}
}

// book books for a new person; the day counts from 20 September.
func (r *room) book(at site.Num, day, hour int) int64 {
	r.t.Helper()
	s := booking.Session{Site: at, Day: civil.New(2026, 9, 20) + civil.Date(day), Minute: hour * 60}
	n := len(r.booked) + 1
	out, err := r.ledger.Apply(context.Background(), []booking.Request{{
		Op: booking.OpBook, Campaign: r.p.Campaigns[0].Num, Person: person.Key{byte(n), 1}, Channel: "web", At: now.Add(time.Duration(n-100) * time.Minute),
		Doses: [][]booking.Choice{{{Slot: booking.Slot{Session: s, Product: "flu"}, Minutes: 60, Seat: booking.Claim{Counter: booking.SeatCounter(s), Capacity: 4, N: 1}, Vial: r.vial()}}},
	}})
	if err != nil || out[0].Result != booking.Done {
		r.t.Fatalf("booking: %+v, %v", out, err)
	}
	r.booked = append(r.booked, out[0].Booking.ID)
	return out[0].Booking.ID
}

func (r *room) world() *order.World {
	r.t.Helper()
	in := trace.NewReader()
	for i := range r.events {
		if err := in.Take(&r.events[i]); err != nil {
			r.t.Fatal(err)
		}
	}
	products, perVial := order.Products(r.p)
	index := site.NewIndex(r.sites)
	t, err := in.Build(trace.Rules{Products: products, DosesPerVial: perVial, Site: func(place string) site.Num {
		id, _ := trace.SiteOfURN(place)
		s, _ := index.ByID(id)
		return s.Num
	}})
	if err != nil || len(t.Problems) > 0 {
		r.t.Fatalf("%v %v", err, t.Problems)
	}
	free, err := booking.NewSnapshot(context.Background(), r.ledger)
	if err != nil {
		r.t.Fatal(err)
	}
	w, err := order.Load(context.Background(), r.ledger, free, r.verdicts, r.p, index, t, now)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

func verdict(a supply.Action, boxes ...int) supply.Verdict {
	v := supply.Verdict{Action: a, Case: "truck", Reason: "froze", Evidence: []string{"file"}, Asked: "rule", Agreed: "officer"}
	for _, n := range boxes {
		v.Boxes = append(v.Boxes, box(n))
	}
	return v
}

var reach = order.Reach{Metres: 30_000, Until: civil.New(2026, 9, 29), Notice: time.Hour}

func (r *room) make(v supply.Verdict, earlier *order.Plan) *order.Plan {
	r.t.Helper()
	w := r.world()
	r.read(w)
	p, err := w.Make(context.Background(), v, order.Asked{Reach: reach, Earlier: earlier})
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// read holds what a world reads of some sites against the whole ledger.
func (r *room) read(w *order.World) {
	r.t.Helper()
	x, err := supply.NewIndex()
	if err == nil {
		err = r.ledger.All(context.Background(), func(b booking.Booking) error {
			for _, d := range b.Doses {
				if s := d.Slot; b.Status == booking.Booked && s.Session.Day.At(s.Minute, r.p.Zone).After(w.Now) {
					x.AddAppointment(supply.Appointment{Booking: b.ID, Person: b.Person, Site: s.Site, Day: s.Day, Minute: int16(s.Minute), Dose: uint8(d.Dose), Product: s.Product, Made: b.MadeAt.UnixNano()})
				}
			}
			return nil
		})
	}
	if err != nil {
		r.t.Fatal(err)
	}
	for _, at := range [][]site.Num{{1}, {2}, {1, 2, 3}} {
		got, err := w.Booked(context.Background(), at)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, n := range at {
			if d := cmp.Diff(x.Appointments(n, w.Today()), got[n]); d != "" {
				r.t.Errorf("site %d: %s", n, d)
			}
		}
	}
}

func (r *room) do(l order.Ledger, p *order.Plan) (order.Outcome, error) {
	return r.world().Do(context.Background(), l, r.verdicts, p, reach, func() time.Time { return now })
}

// where lists the sites of the bookings, in the order in which they were made.
func (r *room) where() (out []site.Num) {
	r.t.Helper()
	for _, id := range r.booked {
		b, ok, err := r.ledger.Booking(context.Background(), id)
		if err != nil || !ok {
			r.t.Fatal(ok, err)
		}
		out = append(out, b.Doses[0].Slot.Site)
	}
	return out
}

func (r *room) vials() (out [3]int) {
	r.t.Helper()
	if _, err := r.ledger.Counters(context.Background(), func(s booking.CounterState) {
		if at, _, ok := s.Counter.Vials(); ok {
			out[at] = s.Capacity
			if s.Used > s.Capacity {
				r.t.Errorf("%v: %d of %d vials", s.Counter, s.Used, s.Capacity)
			}
		}
	}); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// sound holds the whole ledger against its own events.
func (r *room) sound() {
	r.t.Helper()
	if a := booking.Audit(context.Background(), r.ledger, booking.Asked{}); len(a.Findings) > 0 {
		r.t.Errorf("the ledger: %v", a.Findings)
	}
}

// TestHoldAndRelease: T1 is left with one vial of two doses, so the first two of six who booked for one day stay, and the others go to T2,
// whose four vials take them all; after the release they are back.
func TestHoldAndRelease(t *testing.T) {
	t.Parallel()
	for _, counted := range []bool{true, false} {
		t.Run(fmt.Sprintf("counted=%t", counted), func(t *testing.T) {
			t.Parallel()
			r := newRoom(t, counted)
			for range 3 {
				r.book(1, 1, 9)
				r.book(1, 1, 10)
			}
			hold := r.make(verdict(supply.Hold, 1), nil)
			if hold.Boxes != 1 || hold.Doses != 8 || hold.Sites != 1 || len(hold.Moves) != 4 || len(hold.Without) != 0 {
				t.Fatalf("%+v", hold)
			}
			if d := cmp.Diff([]site.Num{1, 1, 1, 1, 1, 1}, r.where()); d != "" {
				t.Error("a plan changes nothing:", d)
			}
			o, err := r.do(r.ledger, hold)
			if err != nil || o.Seq != 1 || o.Moves.Moved != 4 || o.Short != 0 {
				t.Fatalf("%+v, %v", o, err)
			}
			if d := cmp.Diff([]site.Num{1, 1, 2, 2, 2, 2}, r.where()); d != "" {
				t.Error("the last booked move:", d)
			}
			if want := [3]int{0, 1, 4}; counted && r.vials() != want {
				t.Errorf("vials %v, want %v", r.vials(), want)
			}
			r.sound()
			if o, err = r.do(r.ledger, hold); err != nil || !o.Kept || o.Moves.Moved != 0 || o.Moves.There != 4 {
				t.Errorf("again: %+v, %v", o, err)
			}
			release := r.make(verdict(supply.Release, 1), hold)
			if o, err = r.do(r.ledger, release); err != nil || o.Seq != 2 || o.Moves.Moved != 4 {
				t.Fatalf("release: %+v, %v", o, err)
			}
			if d := cmp.Diff([]site.Num{1, 1, 1, 1, 1, 1}, r.where()); d != "" {
				t.Error("back:", d)
			}
			if want := [3]int{0, 5, 4}; counted && r.vials() != want {
				t.Errorf("vials %v, want %v", r.vials(), want)
			}
			r.sound()
			events, err := r.ledger.Events(context.Background(), 0, 1000)
			told := map[string]int{}
			for _, e := range events {
				if e.Kind == booking.EventChanged {
					told[e.Why+" by "+e.Channel]++
				}
			}
			if d := cmp.Diff(map[string]int{"hold truck by system": 4, "release truck by system": 4}, told); d != "" || err != nil {
				t.Error("what the outbox follows:", err, d)
			}
		})
	}
}

// TestSpreadOverDays: three bookings on three days need three vials, so that one vial left serves one of them, though it has two doses.
func TestSpreadOverDays(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	r.book(1, 1, 9)
	r.book(1, 2, 9)
	r.book(1, 3, 9)
	late := r.book(1, 1, 10) // in the vial of the first
	hold := r.make(verdict(supply.Hold, 1), nil)
	if _, err := r.do(r.ledger, hold); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]site.Num{1, 2, 2, 1}, r.where()); d != "" {
		t.Errorf("booking %d shares the vial that stays: %s", late, d)
	}
	r.sound()
}

// TestWithout: nobody is sent further than allowed, and who finds nothing is named.
func TestWithout(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	for range 4 {
		r.book(1, 1, 9)
	}
	w := r.world()
	p, err := w.Make(t.Context(), verdict(supply.Hold, 1), order.Asked{Reach: order.Reach{Metres: 100, Until: reach.Until}})
	if err != nil || len(p.Moves) != 0 || len(p.Without) != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	places := p.Places()
	if len(places) != 1 || places[0].Without != 2 || places[0].VialsTo != 1 {
		t.Errorf("%+v", places)
	}
	o, err := r.do(r.ledger, p)
	if err != nil || o.Short != 1 || r.vials() != [3]int{0, 2, 4} {
		t.Errorf("more is booked than vials are left, and nobody is cancelled: %+v, %v, vials %v", o, err, r.vials())
	}
	r.sound()
}

// failing is a ledger that stops after so many steps.
type failing struct {
	order.Ledger
	left int
}

var errStopped = errors.New("stopped")

func (f *failing) step() error {
	if f.left--; f.left < 0 {
		return errStopped
	}
	return nil
}

func (f *failing) Apply(ctx context.Context, batch []booking.Request) ([]booking.Outcome, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	return f.Ledger.Apply(ctx, batch)
}

func (f *failing) SetCapacity(ctx context.Context, claims []booking.Claim) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Ledger.SetCapacity(ctx, claims)
}

// TestInterrupted stops at every step, and the same plan goes on: one verdict, everybody moved once.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for steps := range 4 {
		r := newRoom(t, true)
		for range 3 {
			r.book(1, 1, 9)
			r.book(1, 1, 10)
		}
		var file bytes.Buffer
		if err := r.make(verdict(supply.Hold, 1), nil).Write(&file); err != nil {
			t.Fatal(err)
		}
		for try, l := range []order.Ledger{&failing{r.ledger, steps}, r.ledger} {
			p, err := order.ReadPlan(bytes.NewReader(file.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.do(l, p); err != nil && (try == 1 || !errors.Is(err, errStopped)) {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff([]site.Num{1, 1, 2, 2, 2, 2}, r.where()); d != "" || r.vials() != [3]int{0, 1, 4} {
			t.Errorf("stopped after %d: vials %v %s", steps, r.vials(), d)
		}
		changed := 0
		events, err := r.ledger.Events(context.Background(), 0, 1000)
		for _, e := range events {
			if e.Kind == booking.EventChanged {
				changed++
			}
		}
		_, list, err2 := supply.Registered(context.Background(), r.verdicts)
		if err != nil || err2 != nil || changed != 4 || len(list) != 1 {
			t.Errorf("stopped after %d: %d changes, %d verdicts, %v %v", steps, changed, len(list), err, err2)
		}
		r.sound()
	}
}

// TestSomebodyElse: a person's own change since the plan stands, and so does what somebody set the vials to.
func TestSomebodyElse(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRoom(t, true)
	for range 4 {
		r.book(1, 1, 9)
	}
	hold := r.make(verdict(supply.Hold, 1), nil)
	b, _, err := r.ledger.Booking(ctx, r.booked[3])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ledger.Apply(ctx, []booking.Request{{Op: booking.OpCancel, Campaign: b.Campaign, Person: b.Person, Channel: "web", At: now, Booking: b.ID}}); err != nil {
		t.Fatal(err)
	}
	if err := r.ledger.SetCapacity(ctx, []booking.Claim{{Counter: booking.VialsCounter(1, r.p.Products[0].Num), Capacity: 9}}); err != nil {
		t.Fatal(err)
	}
	o, err := r.do(r.ledger, hold)
	if err != nil || o.Changed != 1 || o.Moves.Cancelled != 1 || o.Moves.Moved != 1 || r.vials()[1] != 9 {
		t.Errorf("%+v, %v, vials %v", o, err, r.vials())
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	alone := verdict(supply.Hold, 1)
	alone.Agreed = alone.Asked
	for _, c := range []struct {
		v    supply.Verdict
		want error
	}{{alone, supply.ErrFourEyes}, {verdict(supply.Hold, 77), supply.ErrUnknownBox}, {verdict(supply.Release, 1), supply.ErrNextStep}} {
		if _, err := r.world().Make(t.Context(), c.v, order.Asked{Reach: reach}); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	p := r.make(verdict(supply.Hold, 1), nil)
	p.Programme = "another"
	if _, err := r.do(r.ledger, p); !errors.Is(err, order.ErrPlan) {
		t.Errorf("a plan for another programme: %v", err)
	}
}

// TestRecallAfterHold: the vials are gone once.
func TestRecallAfterHold(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	for _, a := range []supply.Action{supply.Hold, supply.Recall, supply.Destroy} {
		if _, err := r.do(r.ledger, r.make(verdict(a, 1), nil)); err != nil {
			t.Fatal(a, err)
		}
		if r.vials() != [3]int{0, 1, 4} {
			t.Errorf("after %s: vials %v", a, r.vials())
		}
	}
}

func TestPlanFile(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	for range 4 {
		r.book(1, 1, 9)
	}
	p := r.make(verdict(supply.Hold, 1), nil)
	p.Without = []order.Left{{Booking: 5, Dose: 1, Site: 2, Product: "flu"}}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "01000000") || strings.Contains(strings.ToLower(b.String()), "person") {
		t.Errorf("a plan names people:\n%s", &b)
	}
	got, err := order.ReadPlan(bytes.NewReader(b.Bytes()))
	if d := cmp.Diff(p, got); err != nil || d != "" {
		t.Error(err, d)
	}
	lines := strings.SplitAfter(strings.TrimSpace(b.String()), "\n")
	for name, src := range map[string]string{
		"cut": strings.Join(lines[:len(lines)-1], ""), "empty": "", "no head": strings.Join(lines[1:], ""), "two heads": lines[0] + b.String(),
		"nothing": strings.Replace(b.String(), `{"without":{"booking":5,"dose":1,"site":2,"product":"flu"}}`, `{}`, 1), "slot": strings.Replace(b.String(), `"to":"2-`, `"to":"x-`, 1),
	} {
		if _, err := order.ReadPlan(strings.NewReader(src)); !errors.Is(err, order.ErrPlan) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzPlan(f *testing.F) {
	f.Add([]byte(`{"supply":{"programme":"p","verdict":{"at":"2026-09-18T00:00:00Z","action":"hold","case":"c","boxes":[],"reason":"r","evidence":[],"asked":"a","agreed":"b"},"boxes":1,"doses":90,"sites":1,"lines":1}}
{"move":{"booking":1,"dose":1,"from":"1-20260920-0900-flu","to":"2-20260920-0900-flu"}}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := order.ReadPlan(bytes.NewReader(src))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		again, err := order.ReadPlan(&b)
		if d := cmp.Diff(p, again); err != nil || d != "" {
			t.Fatal(err, d)
		}
	})
}

// TestAnyBookings holds and releases among any bookings: the ledger stays sound, nobody is moved who need not be, whoever has a dose and a seat
// elsewhere gets it, no more vials are open than there are but for those who are named as being without, and a release brings everybody back.
func TestAnyBookings(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 1))
		r := newRoom(t, true)
		perDay := map[int]int{}
		for range rng.IntN(11) { // five vials of two doses
			day, hour := 1+rng.IntN(4), 9+rng.IntN(2)
			open := 0
			for d, n := range perDay {
				if d == day {
					n++
				}
				open += booking.VialsFor(n, 2)
			}
			if perDay[day] == 0 {
				open++
			}
			if open > 5 || perDay[day] == 4 {
				continue
			}
			perDay[day]++
			r.book(1, day, hour)
		}
		before := r.where()
		held := 1 + rng.IntN(2)
		p := r.make(verdict(supply.Hold, held), nil)
		o, err := r.do(r.ledger, p)
		if err != nil || o.Moves.Moved != len(p.Moves) || o.Moves.Full > 0 {
			t.Fatalf("seed %d: %+v, %v", seed, o, err)
		}
		r.sound()
		left := map[int]int{}
		moved := 0
		for i, id := range r.booked {
			b, _, err := r.ledger.Booking(context.Background(), id)
			if err != nil {
				t.Fatal(err)
			}
			if s := b.Doses[0].Slot; s.Site == before[i] {
				left[int(s.Day)]++
			} else {
				moved++
			}
		}
		open := 0
		for _, n := range left {
			open += booking.VialsFor(n, 2)
		}
		usable := map[int]int{1: 1, 2: 4}[held]
		if moved != len(p.Moves) || open > usable && len(p.Without) == 0 || (o.Short > 0) != (open > usable) {
			t.Errorf("seed %d: %d moved of %d, %d vials open of %d, %d without, short %d", seed, moved, len(p.Moves), open, usable, len(p.Without), o.Short)
		}
		if need := 0; moved > 0 {
			for _, n := range perDay {
				need += booking.VialsFor(n, 2)
			}
			if need <= usable {
				t.Errorf("seed %d: %d were moved, though %d vials serve all", seed, moved, usable)
			}
		}
		if _, err := r.do(r.ledger, r.make(verdict(supply.Release, held), p)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, r.where()); d != "" || r.vials() != [3]int{0, 5, 4} {
			t.Errorf("seed %d: after the release vials %v %s", seed, r.vials(), d)
		}
		r.sound()
	}
}
