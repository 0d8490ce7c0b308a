package reduce_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"charye/booking"
	"charye/booking/moves"
	"charye/booking/sqlite"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/reduce"
	"charye/site"
	"charye/test/ledgers"
	"charye/test/services"
)

func TestMain(m *testing.M) { services.Main(m) }

// file is a programme with a stock, and what more of it is given.
func file(t testing.TB, stock int, more string) *programme.Programme {
	t.Helper()
	p, err := programme.Parse("test.yaml", fmt.Appendf(nil, `
programme: reducing
name: {en: Test}
timezone: Asia/Seoul
products:
  - id: moderna
    name: {en: Moderna}
    cvx: "207"
    dosesPerVial: 10
    series: {doses: 2, intervals: [{from: 2021-01-01, default: 4w, min: 3w, max: 6w}]}
  - id: pfizer
    name: {en: Pfizer}
    cvx: "208"
    dosesPerVial: 6
    series: {doses: 2, intervals: [{from: 2021-01-01, default: 3w, min: 3w, max: 3w}]}
  - id: janssen
    name: {en: Janssen}
    cvx: "212"
    dosesPerVial: 5
    series: {doses: 1}
campaigns:
  - id: fifties
    name: {en: Fifties}
    products: [moderna, {id: pfizer, born: {from: 1962-01-01, to: 1999-12-31}}, janssen]
    eligible: {born: {from: 1962-01-01, to: 1966-12-31}}
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-08-17T18:00:00+09:00
    stock: %d
    line: {order: arrival}
    %s
timetables:
  - {sites: all, start: 2021-08-02, days: 28, from: "09:00", to: "17:00", every: 30m, seats: 40}
`, stock, more), programme.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const delivery = "deliveries: [{at: 2021-08-10T09:00:00+09:00, doses: 30}]"

var (
	start = civil.New(2021, 8, 2)
	at    = time.Date(2021, 7, 20, 12, 0, 0, 0, time.UTC)
)

func key(n int) (k person.Key) {
	binary.BigEndian.PutUint64(k[8:], uint64(n)+1)
	return k
}

type world struct {
	testing.TB
	ledger booking.Ledger
	p      *programme.Programme
	num    uint32
	now    time.Time
}

func (w *world) rules() moves.Rules {
	return moves.Rules{Programme: w.p, Sites: []site.Site{{Num: 1, ID: "s", Kind: "clinic", Region: "r"}, {Num: 2, ID: "t", Kind: "clinic", Region: "r"}}}
}

func seat(day civil.Date, minute int, product string) booking.Choice {
	s := booking.Session{Site: 1, Day: day, Minute: minute}
	return booking.Choice{Slot: booking.Slot{Session: s, Product: product}, Minutes: 30, Seat: booking.Claim{Counter: booking.SeatCounter(s), Capacity: 40, N: 1}}
}

func (w *world) stock() []booking.Claim {
	out := []booking.Claim{{Counter: booking.StockCounter(w.num), Capacity: w.p.Campaigns[0].Stock, N: 1}}
	if w.p.Campaigns[0].Channeled() {
		out = append(out, booking.Claim{Counter: booking.ChannelShareCounter(w.num, 0), Capacity: w.p.Campaigns[0].Stock, N: 1})
	}
	return out
}

func (w *world) ask(n int) booking.Request {
	day, minute := start+civil.Date(n/16%7), 540+30*(n%16)
	return booking.Request{
		Op: booking.OpBook, Campaign: w.num, Person: key(n), Actor: key(n), Channel: "web", At: at.Add(time.Duration(n)*time.Second - 24*time.Hour),
		Doses: [][]booking.Choice{{seat(day, minute, "moderna")}, {seat(day+28, minute, "moderna")}}, Shared: w.stock(),
	}
}

// fill books n people, one a second.
func (w *world) fill(n int) {
	w.Helper()
	batch := make([]booking.Request, n)
	for i := range batch {
		batch[i] = w.ask(i)
	}
	for _, o := range w.apply(batch...) {
		if o.Result != booking.Done {
			w.Fatalf("booking: %v, dose %d, %v", o.Result, o.FullDose, o.Shared)
		}
	}
}

func (w *world) apply(batch ...booking.Request) []booking.Outcome {
	w.Helper()
	out, err := w.ledger.Apply(context.Background(), batch)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// live gives the bookings that stand, by person's number.
func (w *world) live() map[int]booking.Booking {
	w.Helper()
	out := map[int]booking.Booking{}
	if err := w.ledger.All(context.Background(), func(b booking.Booking) error {
		if b.Status == booking.Booked {
			out[int(binary.BigEndian.Uint64(b.Person[8:]))-1] = b
		}
		return nil
	}); err != nil {
		w.Fatal(err)
	}
	return out
}

func (w *world) counter(id booking.Counter) (st booking.CounterState) {
	w.Helper()
	if _, err := w.ledger.Counters(context.Background(), func(s booking.CounterState) {
		if s.Counter == id {
			st = s
		}
	}); err != nil {
		w.Fatal(err)
	}
	return st
}

func (w *world) wantStock(used, capacity int) {
	w.Helper()
	if st := w.counter(booking.StockCounter(w.num)); st.Used != used || st.Capacity != capacity {
		w.Errorf("the stock is %d of %d, want %d of %d", st.Used, st.Capacity, used, capacity)
	}
	for _, f := range booking.Check(context.Background(), w.ledger) {
		w.Error(f)
	}
}

func (w *world) plan(wish reduce.Wish) ([]byte, *reduce.Summary) {
	w.Helper()
	var out bytes.Buffer
	sum, err := reduce.Plan(context.Background(), w.ledger, w.rules(), wish, w.now, &out)
	if err != nil {
		w.Fatal(err)
	}
	return out.Bytes(), sum
}

func (w *world) carry(l booking.Ledger, plan []byte, undo bool) (reduce.Outcome, error) {
	w.Helper()
	return reduce.Carry(context.Background(), l, w.rules(), bytes.NewReader(plan), reduce.Way{Undo: undo, Now: func() time.Time { return w.now }})
}

func (w *world) mustCarry(plan []byte, undo bool) reduce.Outcome {
	w.Helper()
	o, err := w.carry(w.ledger, plan, undo)
	if err != nil {
		w.Fatal(err)
	}
	return o
}

// engines runs a test on both engines, with a programme of its own.
func engines(t *testing.T, stock int, more string, test func(t *testing.T, w *world)) {
	t.Parallel()
	ledgers.Each(t, func(t *testing.T, l booking.Ledger) {
		p := file(t, stock, more)
		test(t, &world{TB: t, ledger: l, p: p, num: p.Campaigns[0].Num, now: at})
	})
}

var wish = reduce.Wish{Campaign: "fifties", Doses: 100, NotBefore: start + 1, Why: "lost 100"}

// TestReduce: the last who booked lose; the first of these get another day as far as a delivery goes, the rest stand first; others keep
// what they have. Killed, it goes on; undone, all is as it was.
func TestReduce(t *testing.T) {
	engines(t, 400, delivery, func(t *testing.T, w *world) {
		w.fill(390) // ten are left
		before := w.live()
		plan, sum := w.plan(wish)
		if sum.Lose != 90 || sum.Kinds[reduce.OtherDay] != 30 || sum.Kinds[reduce.Standby] != 60 || sum.Before != 400 || sum.After != 300 || sum.Spare >= 390 {
			t.Fatalf("the plan: %+v", *sum)
		}
		w.wantStock(390, 400)
		if o, err := w.carry(&ledgers.Killed{Ledger: w.ledger, After: 0}, plan, false); !errors.Is(err, ledgers.ErrKilled) {
			t.Fatalf("killed: %+v, %v", o, err)
		}
		o := w.mustCarry(plan, false)
		if o.Moved != 0 || o.There != 30 || o.Displaced != 60 || o.Short != 0 || o.Spared != 0 {
			t.Errorf("gone on: %+v", o)
		}
		if o := w.mustCarry(plan, false); o.There != 90 || o.Displaced != 0 || o.Spared != 0 {
			t.Errorf("once more: %+v", o)
		}
		w.wantStock(300, 300)
		after := w.live()
		// Those with a first dose on the first day lose nothing.
		var lose []int
		for n := 389; len(lose) < 90; n-- {
			if before[n].Doses[0].Slot.Day > start {
				lose = append(lose, n)
			}
		}
		slices.Sort(lose)
		for i, n := range lose {
			b, stands := after[n]
			switch {
			case stands != (i < 30):
				t.Errorf("of those who lose number %d: stands %v", i, stands)
			case stands && (b.Doses[0].Slot.Day <= civil.New(2021, 8, 10) || b.Doses[1].Slot.Day-b.Doses[0].Slot.Day < 21 || b.Doses[1].Slot.Day-b.Doses[0].Slot.Day > 42):
				t.Errorf("another day: %v", b.Doses)
			}
			delete(before, n)
		}
		for n := range before {
			if !maps.Equal(slots(before[n]), slots(after[n])) {
				t.Errorf("%d booked early enough and has %v", n, after[n].Doses)
			}
		}
		if st := w.counter(booking.WithdrawnCounter(w.num)); st.Capacity != 100 {
			t.Errorf("%d went, want 100", st.Capacity)
		}
		if st := w.counter(booking.ForwardCounter(w.num, civil.New(2021, 8, 10))); st.Used != 30 || st.Capacity != 30 {
			t.Errorf("of the delivery: %+v", st)
		}
		displaced, err := w.ledger.Displaced(t.Context(), w.num, 0, 1000)
		if err != nil || len(displaced) != 60 {
			t.Fatalf("%d stand first, %v", len(displaced), err)
		}
		w.undo(plan)
	})
}

func (w *world) undo(plan []byte) {
	w.Helper()
	if o := w.mustCarry(plan, true); o.Moved != 30 || o.Displaced != 60 || o.Full+o.Gone+o.Since+o.Cancelled != 0 {
		w.Errorf("undone: %+v", o)
	}
	w.wantStock(390, 400)
	for n, b := range w.live() {
		q := w.ask(n)
		if b.Doses[0].Slot != q.Doses[0][0].Slot || b.Doses[1].Slot != q.Doses[1][0].Slot {
			w.Errorf("%d has %v back", n, b.Doses)
		}
	}
	if o := w.mustCarry(plan, true); o.There != 90 {
		w.Errorf("undone twice: %+v", o)
	}
	w.wantStock(390, 400)
	if _, err := w.carry(w.ledger, plan, false); !errors.Is(err, reduce.ErrPlan) {
		w.Errorf("applied after it was undone: %v", err)
	}
}

func slots(b booking.Booking) map[int]booking.Slot {
	out := map[int]booking.Slot{}
	for _, d := range b.Doses {
		out[d.Dose] = d.Slot
	}
	return out
}

// TestReduceAhead: who got another day behind a delivery loses a dose like everybody once that has come; undone, all is as it was.
func TestReduceAhead(t *testing.T) {
	engines(t, 20, "deliveries: [{at: 2021-07-21T09:00:00+09:00, doses: 30}]", func(t *testing.T, w *world) {
		w.fill(20)
		some := wish
		some.NotBefore = 0
		some.Doses = 10
		first, _ := w.plan(some)
		if o := w.mustCarry(first, false); o.Moved != 10 || o.Short != 0 {
			t.Fatalf("behind the delivery: %+v", o)
		}
		w.wantStock(10, 10)
		w.now = at.AddDate(0, 0, 1) // it has come: of 40 doses ten were booked ahead, and ten of the others
		before := w.live()
		some.Doses = 35
		plan, sum := w.plan(some)
		if sum.Before != 40 || sum.Taken != 20 || sum.After != 5 || sum.Lose != 15 || sum.Kinds[reduce.Standby] != 15 || sum.Spare != 20 {
			t.Fatalf("the plan: %+v", *sum)
		}
		if o := w.mustCarry(plan, false); o.Displaced != 15 || o.Spared != 0 || o.Short != 0 {
			t.Errorf("%+v", o)
		}
		w.wantStock(5, 5)
		if st := w.counter(booking.ForwardCounter(w.num, civil.New(2021, 7, 21))); st.Used != 0 {
			t.Errorf("of the delivery: %+v", st)
		}
		for n := range w.live() {
			if n >= 5 {
				t.Errorf("%d booked too late and has a dose", n)
			}
		}
		if o := w.mustCarry(plan, true); o.Displaced != 15 || o.Full != 0 {
			t.Errorf("undone: %+v", o)
		}
		w.wantStock(10, 30)
		for n, b := range w.live() {
			if !maps.Equal(slots(before[n]), slots(b)) {
				t.Errorf("%d has %v back", n, b.Doses)
			}
		}
	})
}

// TestReduceAheadInBetween: a delivery that comes between plan and application gives nobody another day any more: that would free no dose.
func TestReduceAheadInBetween(t *testing.T) {
	engines(t, 20, "deliveries: [{at: 2021-07-21T09:00:00+09:00, doses: 5}]", func(t *testing.T, w *world) {
		w.fill(20)
		some := wish
		some.NotBefore, some.Doses = 0, 10
		plan, sum := w.plan(some)
		if sum.Kinds[reduce.OtherDay] != 5 || sum.Kinds[reduce.Standby] != 5 {
			t.Fatalf("the plan: %+v", *sum)
		}
		w.now = at.AddDate(0, 0, 1)
		last := w.live()[19] // who chooses for themselves now, so that one of the others would have to go
		w.apply(booking.Request{
			Op: booking.OpChange, Campaign: w.num, Person: last.Person, Actor: last.Person, Channel: "web", At: w.now, Booking: last.ID,
			Doses: [][]booking.Choice{{seat(start+20, 540, "moderna")}, {seat(start+48, 540, "moderna")}},
		})
		if o := w.mustCarry(plan, false); o.Moved != 0 || o.Displaced != 4 || o.Since != 1 || o.Gone == 0 || o.Short != 1 {
			t.Errorf("%+v", o)
		}
		some.Doses = 0
		again, _ := w.plan(some)
		if o := w.mustCarry(again, false); o.Short != 0 {
			t.Errorf("planned again: %+v", o)
		}
		w.wantStock(15, 15)
	})
}

// TestReduceMoreThanThere: no more can go than there is, also of two plans together; what is still to come has not gone with it.
func TestReduceMoreThanThere(t *testing.T) {
	engines(t, 20, "deliveries: [{at: 2021-07-21T09:00:00+09:00, doses: 5}]", func(t *testing.T, w *world) {
		w.fill(20)
		all := wish
		all.NotBefore, all.Doses = 0, 21
		if _, err := reduce.Plan(t.Context(), w.ledger, w.rules(), all, at, &bytes.Buffer{}); !errors.Is(err, reduce.ErrNotThere) {
			t.Errorf("21 of 20: %v", err)
		}
		all.Doses = 20
		plan, sum := w.plan(all)
		if sum.Kinds[reduce.OtherDay] != 5 || sum.Kinds[reduce.Standby] != 15 {
			t.Fatalf("the plan: %+v", *sum)
		}
		all.Doses = 1
		another, _ := w.plan(all)
		w.mustCarry(plan, false)
		if _, err := w.carry(w.ledger, another, false); !errors.Is(err, reduce.ErrNotThere) {
			t.Errorf("one more: %v", err)
		}
		w.now = at.AddDate(0, 0, 1) // the five have come, and each has somebody
		all.Doses = 0
		if _, sum := w.plan(all); sum.Lose != 0 || sum.Before != 5 || sum.Taken != 5 {
			t.Errorf("when it came: %+v", *sum)
		}
	})
}

// TestReduceUndoneWithinLimits: who has booked elsewhere what goes not together with a lost dose does not get that back.
func TestReduceUndoneWithinLimits(t *testing.T) {
	engines(t, 20, "", func(t *testing.T, w *world) {
		w.p.Products[0].Most = 3
		w.fill(20)
		some := wish
		some.NotBefore, some.Doses = 0, 2
		plan, _ := w.plan(some)
		if o := w.mustCarry(plan, false); o.Displaced != 2 {
			t.Fatalf("%+v", o)
		}
		elsewhere := w.ask(19)
		elsewhere.Campaign = w.num + 1
		elsewhere.Shared = nil
		w.apply(elsewhere)
		if o := w.mustCarry(plan, true); o.Displaced != 1 || o.Full != 1 {
			t.Errorf("undone: %+v", o)
		}
		if list, err := w.ledger.Bookings(t.Context(), key(19)); err != nil || len(list) != 2 || list[0].Status == list[1].Status {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// TestReduceMeanwhile: whoever cancels between plan and application spares somebody; whoever moved keeps what they chose, and the next plan finds somebody else.
func TestReduceMeanwhile(t *testing.T) {
	engines(t, 100, "", func(t *testing.T, w *world) {
		w.fill(100)
		small := wish
		small.Doses = 10
		plan, sum := w.plan(small)
		if sum.Kinds[reduce.Standby] != 10 {
			t.Fatalf("the plan: %+v", *sum)
		}
		live := w.live()
		for n := range 3 {
			b := live[n]
			w.apply(booking.Request{Op: booking.OpCancel, Campaign: w.num, Person: b.Person, Actor: b.Person, Channel: "web", At: at, Booking: b.ID})
		}
		last := live[99]
		w.apply(booking.Request{
			Op: booking.OpChange, Campaign: w.num, Person: last.Person, Actor: last.Person, Channel: "web", At: at, Booking: last.ID,
			Doses: [][]booking.Choice{{seat(start+20, 540, "moderna")}, {seat(start+48, 540, "moderna")}},
		})
		if o := w.mustCarry(plan, false); o.Displaced != 7 || o.Spared != 2 || o.Since != 1 || o.Short != 0 {
			t.Errorf("%+v", o)
		}
		w.wantStock(90, 90)
		for n, b := range w.live() {
			if n >= 92 && n != 99 {
				t.Errorf("%d booked too late and has %v", n, b.Doses)
			}
		}
	})
}

// TestReduceUnderLoad: while doses are taken away nobody books what somebody has just lost.
func TestReduceUnderLoad(t *testing.T) {
	engines(t, 200, "", func(t *testing.T, w *world) {
		w.fill(190)
		many := wish
		many.Doses = 80
		plan, _ := w.plan(many)
		var all sync.WaitGroup
		for c := range 2 {
			all.Go(func() {
				for i := range 40 {
					q := w.ask(1000 + 1000*c + i)
					q.At = at
					if _, err := w.ledger.Apply(context.Background(), []booking.Request{q}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		o := w.mustCarry(plan, false)
		all.Wait()
		// Some may have booked the ten that were left before these went; a second plan for those.
		if o.Short > 0 {
			many.Doses = 0
			again, _ := w.plan(many)
			if o := w.mustCarry(again, false); o.Short != 0 {
				t.Errorf("the second plan: %+v", o)
			}
		}
		w.wantStock(120, 120)
	})
}

// TestReduceAtItsOwnSite: a later dose that is at another site than the first stays there, or goes to another day there.
func TestReduceAtItsOwnSite(t *testing.T) {
	engines(t, 2, delivery, func(t *testing.T, w *world) {
		for n, days := range []civil.Date{41, 28} { // the first may stay when the dose before it goes behind the delivery, the second is too near then
			q := w.ask(n)
			s := booking.Session{Site: 2, Day: start + days, Minute: 540}
			q.Doses[1][0].Slot.Session, q.Doses[1][0].Seat.Counter = s, booking.SeatCounter(s)
			w.apply(q)
		}
		before := w.live()
		both := wish
		both.NotBefore, both.Doses = 0, 2
		plan, sum := w.plan(both)
		if sum.Kinds[reduce.OtherDay] != 2 {
			t.Fatalf("the plan: %+v", *sum)
		}
		if o := w.mustCarry(plan, false); o.Moved != 2 {
			t.Errorf("%+v", o)
		}
		for n, b := range w.live() {
			second := b.Doses[1].Slot
			if days := second.Day - b.Doses[0].Slot.Day; second.Site != 2 || days < 21 || days > 42 || n == 0 && second != before[n].Doses[1].Slot {
				t.Errorf("%d: %v", n, slots(b))
			}
		}
		if o := w.mustCarry(plan, true); o.Moved != 2 {
			t.Errorf("undone: %+v", o)
		}
		w.wantStock(2, 2)
	})
}

// TestReduceSeatsInTurn: who booked last moves first, and so to no seat that somebody leaves who moves later.
func TestReduceSeatsInTurn(t *testing.T) {
	engines(t, 2, delivery, func(t *testing.T, w *world) {
		for n, day := range []civil.Date{9, 8} { // behind the delivery the one who booked last would come where the first is
			q := w.ask(n)
			q.Doses = [][]booking.Choice{{seat(start+day, 540, "janssen")}}
			w.apply(q)
		}
		stranger := w.ask(9)
		stranger.Campaign++
		stranger.Shared = nil
		for _, minute := range w.minutes() {
			taken := seat(start+9, minute, "janssen")
			if taken.Seat.N = 40; minute == 540 {
				taken.Seat.N = 39
			}
			stranger.Person = key(1000 + minute)
			stranger.Doses = [][]booking.Choice{{taken}}
			w.apply(stranger)
		}
		both := wish
		both.NotBefore, both.Doses = 0, 2
		plan, sum := w.plan(both)
		if sum.Kinds[reduce.OtherDay] != 2 {
			t.Fatalf("the plan: %+v", *sum)
		}
		if o := w.mustCarry(plan, false); o.Moved != 2 || o.Full != 0 || o.Short != 0 {
			t.Errorf("%+v", o)
		}
	})
}

func (w *world) minutes() (all []int) {
	for _, s := range w.p.Sessions("s", "clinic", "r", start) {
		all = append(all, s.Minute)
	}
	return all
}

// TestReduceBesideOthers: nobody gets what the ledger refuses for what they have in another campaign: they get the next best.
func TestReduceBesideOthers(t *testing.T) {
	engines(t, 1, delivery, func(t *testing.T, w *world) {
		w.p.Products[0].Apart = []programme.Apart{{From: civil.New(2021, 1, 1), Products: []string{"janssen"}, Days: 3}}
		w.fill(1)
		elsewhere := w.ask(0)
		elsewhere.Campaign++
		elsewhere.Shared, elsewhere.Doses = nil, [][]booking.Choice{{seat(start+10, 540, "janssen")}}
		w.apply(elsewhere)
		one := wish
		one.NotBefore, one.Doses = 0, 1
		plan, sum := w.plan(one)
		if sum.Kinds[reduce.OtherDay] != 1 || sum.Later[0] != 13 {
			t.Errorf("the plan: %+v", *sum)
		}
		if o := w.mustCarry(plan, false); o.Moved != 1 || o.Short != 0 {
			t.Errorf("%+v", o)
		}
		if o := w.mustCarry(plan, true); o.Moved != 1 {
			t.Errorf("undone: %+v", o)
		}
		w.p.Products[1].NotWith = []string{"janssen"}
		one.Product, one.Instead, one.InsteadDoses = "moderna", "pfizer", 1
		if _, sum := w.plan(one); sum.Kinds[reduce.OtherDay] != 1 {
			t.Errorf("another product: %+v", *sum)
		}
	})
}

// between has somebody act after every batch, before the next step.
type between struct {
	booking.Ledger
	act func()
}

func (b *between) Apply(ctx context.Context, batch []booking.Request) ([]booking.Outcome, error) {
	out, err := b.Ledger.Apply(ctx, batch)
	b.act()
	return out, err
}

// TestReduceInBetween: a dose that somebody loses goes in the same step: whoever comes between two steps finds none, also where nobody stands first.
func TestReduceInBetween(t *testing.T) {
	engines(t, 20, delivery, func(t *testing.T, w *world) {
		w.fill(20)
		some := wish
		some.NotBefore, some.Doses = 0, 10
		plan, sum := w.plan(some)
		if sum.Kinds[reduce.OtherDay] != 10 {
			t.Fatalf("the plan: %+v", *sum)
		}
		came := 0
		l := &between{Ledger: w.ledger, act: func() {
			came++
			w.wantStock(10, 10)
			if out := w.apply(w.ask(100 + came)); out[0].Result != booking.Full {
				t.Errorf("somebody who came in between: %+v", out[0])
			}
		}}
		if o, err := w.carry(l, plan, false); err != nil || o.Moved != 10 || o.Short != 0 || came == 0 {
			t.Errorf("%+v, %v, %d came", o, err, came)
		}
		w.wantStock(10, 10)
	})
}

// TestReduceInstead: doses of another product came in place of some that went.
func TestReduceInstead(t *testing.T) {
	engines(t, 100, "", func(t *testing.T, w *world) {
		w.fill(100)
		other := wish
		other.Doses, other.Product, other.Instead, other.InsteadDoses = 20, "moderna", "pfizer", 15
		plan, sum := w.plan(other)
		if sum.Lose != 20 || sum.Kinds[reduce.OtherProduct] != 15 || sum.Kinds[reduce.Standby] != 5 || sum.After != 95 {
			t.Fatalf("the plan: %+v", *sum)
		}
		if o := w.mustCarry(plan, false); o.Moved != 15 || o.Displaced != 5 || o.Short != 0 {
			t.Errorf("%+v", o)
		}
		w.wantStock(95, 95)
		pfizer := 0
		for n, b := range w.live() {
			q := w.ask(n)
			if d := b.Doses; d[0].Slot.Product == "pfizer" {
				pfizer++
				if d[1].Slot.Product != "pfizer" || d[1].Slot.Day-d[0].Slot.Day != 21 || d[0].Slot.Session != q.Doses[0][0].Slot.Session {
					t.Errorf("%v", d)
				}
			}
		}
		if pfizer != 15 {
			t.Errorf("%d have another product", pfizer)
		}
		if o := w.mustCarry(plan, true); o.Moved != 15 || o.Displaced != 5 {
			t.Errorf("undone: %+v", o)
		}
		w.wantStock(100, 100)
	})
}

// TestReduceShares: where a channel has a share, those lose who take of what is everybody's; who loses is as few as it takes.
func TestReduceShares(t *testing.T) {
	engines(t, 100, "shares: [{channel: calldesk, doses: 40}]", func(t *testing.T, w *world) {
		w.fill(50) // of the 60 that are everybody's
		some := wish
		some.Doses = 20
		plan, sum := w.plan(some)
		if sum.Lose != 10 {
			t.Fatalf("the plan: %+v", *sum)
		}
		if o := w.mustCarry(plan, false); o.Displaced != 10 || o.Short != 0 {
			t.Errorf("%+v", o)
		}
		w.wantStock(40, 80)
		if st := w.counter(booking.ChannelShareCounter(w.num, 0)); st.Used != 40 || st.Capacity != 40 {
			t.Errorf("of everybody's: %+v", st)
		}
		if o := w.mustCarry(plan, true); o.Displaced != 10 {
			t.Errorf("undone: %+v", o)
		}
		w.wantStock(50, 100)
		if st := w.counter(booking.ChannelShareCounter(w.num, 0)); st.Used != 50 || st.Capacity != 60 {
			t.Errorf("of everybody's, undone: %+v", st)
		}
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	l, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	p := file(t, 100, "")
	w := &world{TB: t, ledger: l, p: p, num: p.Campaigns[0].Num, now: at}
	w.fill(100)
	for name, c := range map[string]struct {
		change func(*reduce.Wish)
		at     time.Time
		want   string
	}{
		"no campaign":      {func(w *reduce.Wish) { w.Campaign = "x" }, at, "none that is called x"},
		"no product":       {func(w *reduce.Wish) { w.Product = "x" }, at, "does not offer x"},
		"no such other":    {func(w *reduce.Wish) { w.Product, w.Instead = "moderna", "x" }, at, "does not offer x"},
		"of which product": {func(w *reduce.Wish) { w.Instead = "pfizer" }, at, "of which product"},
		"another series":   {func(w *reduce.Wish) { w.Product, w.Instead = "moderna", "janssen" }, at, "another number of doses"},
		"too many":         {func(w *reduce.Wish) { w.Doses, w.NotBefore = 100, start+3 }, at, "more than those have"},
		"closed":           {func(*reduce.Wish) {}, at.AddDate(0, 1, 0), "the campaign is closed"},
	} {
		wish := wish
		wish.Doses = 10
		c.change(&wish)
		var out bytes.Buffer
		if _, err := reduce.Plan(t.Context(), l, w.rules(), wish, c.at, &out); err == nil || !strings.Contains(err.Error(), c.want) || out.Len() > 0 {
			t.Errorf("%s: %v, %d bytes", name, err, out.Len())
		}
	}
	head := `{"reduction":"reducing","id":"x","campaign":"fifties","doses":1,"net":-1}` + "\n"
	for _, plan := range []string{
		"", "no JSON", `{"reduction":"another","id":"x"}`, `{"reduction":"reducing","id":"x","campaign":"sixties"}`, `{"reduction":"reducing","campaign":"fifties"}`,
		head + "no loss", head + `{"booking":1,"kind":"day","from":["x"],"to":["y"]}`, head + `{"booking":1,"kind":"gift","from":["1-20210802-0900-moderna"]}`,
		head + `{"booking":1,"kind":"standby","from":["1-20210802-0900-moderna"],"to":["1-20210802-0900-moderna"]}`,
	} {
		if _, err := w.carry(l, []byte(plan), false); !errors.Is(err, reduce.ErrPlan) {
			t.Errorf("%q: %v", plan, err)
		}
	}
	w.wantStock(100, 100)
	if st := w.counter(booking.WithdrawnCounter(w.num)); st.Capacity != 0 {
		t.Errorf("plans that are wrong took %d doses away", st.Capacity)
	}
	if _, err := w.carry(l, []byte(`{"reduction":"reducing","id":"never","campaign":"fifties"}`), true); !errors.Is(err, reduce.ErrPlan) {
		t.Errorf("undone and never applied: %v", err)
	}
}
