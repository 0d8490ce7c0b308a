package relief_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/booking"
	"charye/booking/sqlite"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
	"charye/supply"
	"charye/supply/relief"
)

const (
	today    civil.Date = 18_527 // 2020-09-22
	campaign uint32     = 3
)

var at = today.At(0, time.UTC)

// country is sites on a line, a kilometre apart, with a morning session of so many seats on each of ten days.
type country struct {
	ledger booking.Ledger
	rules  relief.Rules
	booked map[site.Num][]supply.Appointment
}

func who(n int) (k person.Key) {
	binary.BigEndian.PutUint32(k[:], uint32(n))
	k[15] = 1
	return k
}

type fatal interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func newCountry(ctx context.Context, t fatal, dir string, sites, seats int) *country {
	t.Helper()
	dir, err := os.MkdirTemp(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	l, err := sqlite.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	c := &country{ledger: l, booked: map[site.Num][]supply.Appointment{}}
	var list []site.Site
	for n := range sites {
		list = append(list, site.Site{Num: site.Num(n + 1), ID: string(rune('A' + n)), Lat: 37 + float64(n)*0.009, Lon: 127})
	}
	c.rules = relief.Rules{
		Sites: site.NewIndex(list), From: today, Until: today + 9, Metres: 1_000_000,
		Sessions: func(at site.Num, day civil.Date) []booking.SessionInfo {
			if day < today || day > today+9 {
				return nil
			}
			return []booking.SessionInfo{{Minute: 540, Minutes: 60, Seats: seats}, {Minute: 840, Minutes: 60, Seats: seats}}
		},
	}
	return c
}

// book books; booking numbers count up.
func (c *country) book(ctx context.Context, t fatal, n int, at site.Num, day civil.Date, minute, seats int, product string) bool {
	t.Helper()
	s := booking.Session{Site: at, Day: day, Minute: minute}
	made := today.At(0, time.UTC).Add(time.Duration(n) * time.Second)
	out, err := c.ledger.Apply(ctx, []booking.Request{{
		Op: booking.OpBook, Campaign: campaign, Person: who(n), Actor: who(n), Channel: "web", At: made,
		Doses: [][]booking.Choice{{{Slot: booking.Slot{Session: s, Product: product}, Minutes: 60, Seat: booking.Claim{Counter: booking.SeatCounter(s), Capacity: seats, N: 1}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if out[0].Result != booking.Done {
		return false
	}
	c.booked[at] = append(c.booked[at], supply.Appointment{
		Booking: out[0].Booking.ID, Person: who(n), Site: at, Day: day, Minute: int16(minute), Dose: 1, Product: product, Made: made.Unix(),
	})
	return true
}

// appointments answers as the index does.
func (c *country) appointments(t fatal) relief.Booked {
	t.Helper()
	x, err := supply.NewIndex()
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range c.booked {
		for _, a := range list {
			x.AddAppointment(a)
		}
	}
	return relief.Indexed(x, c.rules.From)
}

func (c *country) plan(ctx context.Context, t fatal, stock ...relief.Stock) *relief.Plan {
	t.Helper()
	snap, err := booking.NewSnapshot(ctx, c.ledger)
	if err != nil {
		t.Fatal(err)
	}
	c.rules.Free = snap.Free
	p, err := relief.Make(c.rules, stock, c.appointments(t))
	if err != nil {
		t.Fatal(err)
	}
	if all, err := relief.MakeOfAll(c.rules, stock, c.appointments(t)); err != nil || !cmp.Equal(all, p) {
		t.Fatalf("of all that is booked another plan is made: %v %s", err, cmp.Diff(all, p))
	}
	return p
}

// TestTheLastBookedMoves: one site loses 3 of 5 doses; the first two keep theirs, one of the others gets the other product that is there, the next goes to the
// nearest site with a dose at the same hour, the last further, at the nearest hour with a seat.
func TestTheLastBookedMoves(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newCountry(ctx, t, t.TempDir(), 4, 1)
	defer func() { _ = c.ledger.Close() }()
	days := []civil.Date{today + 4, today, today + 1, today + 2, today + 3}
	for n, day := range days {
		if !c.book(ctx, t, n+1, 1, day, 540, 1, "flu") {
			t.Fatal("not booked")
		}
	}
	// The third site has its session of day 3 taken by one of its own, in the morning.
	if !c.book(ctx, t, 6, 3, today+3, 540, 1, "flu") {
		t.Fatal("not booked")
	}
	c.rules.Instead = map[string][]string{"flu": {"flu-b"}}
	p := c.plan(ctx, t,
		relief.Stock{Site: 1, Product: "flu", Usable: 2, Held: 3, PerVial: 2}, relief.Stock{Site: 1, Product: "flu-b", Usable: 1, PerVial: 1},
		relief.Stock{Site: 2, Product: "flu", Usable: 1, PerVial: 2}, relief.Stock{Site: 3, Product: "flu", Usable: 2, PerVial: 2}, relief.Stock{Site: 4, Product: "flu", Usable: 9, PerVial: 2})
	if diff := cmp.Diff([]relief.Need{{Site: 1, Product: "flu", Booked: 5, Usable: 2, Missing: 3, Vials: 2}}, p.Needs); diff != "" {
		t.Error(diff)
	}
	type step struct {
		booking int64
		way     relief.Way
		to      string
	}
	var got []step
	for _, m := range p.Moves {
		got = append(got, step{m.Booking, m.Way, m.To.String()})
	}
	want := []step{{3, relief.OtherProduct, "1-20200923-0900-flu-b"}, {4, relief.OtherSite, "2-20200924-0900-flu"}, {5, relief.OtherSite, "3-20200925-1400-flu"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(step{})); diff != "" || len(p.Without) != 0 {
		t.Errorf("%s, without: %v", diff, p.Without)
	}

	now := func() time.Time { return at.Add(time.Hour) }
	o, err := relief.Carry(ctx, c.ledger, c.rules, p, relief.Doing{Why: "case", Now: now})
	if err != nil || o != (relief.Outcome{Moved: 3}) {
		t.Fatalf("%+v, %v", o, err)
	}
	if o, err = relief.Carry(ctx, c.ledger, c.rules, p, relief.Doing{Why: "case", Now: now}); err != nil || o != (relief.Outcome{There: 3}) {
		t.Errorf("again: %+v, %v", o, err)
	}
	// The fourth cancels, the fifth moves of its own will: the release brings the third back only.
	b5, _, err := c.ledger.Booking(ctx, 5)
	if err != nil {
		t.Fatal(err)
	}
	own := b5.Doses[0].Slot
	own.Day++
	out, err := c.ledger.Apply(ctx, []booking.Request{
		{Op: booking.OpCancel, Campaign: campaign, Person: who(4), Actor: who(4), Channel: "web", At: now(), Booking: 4},
		{Op: booking.OpChange, Campaign: campaign, Person: who(5), Actor: who(5), Channel: "web", At: now(), Booking: 5, Doses: [][]booking.Choice{{{Slot: own, Minutes: 60, Seat: booking.Claim{Counter: booking.SeatCounter(own.Session), Capacity: 1, N: 1}}}}},
	})
	if err != nil || out[0].Result != booking.Done || out[1].Result != booking.Done {
		t.Fatal(out, err)
	}
	back := p.Back([]relief.Stock{{Site: 1, Product: "flu", Usable: 3}})
	if o, err = relief.Carry(ctx, c.ledger, c.rules, back, relief.Doing{Undo: true, Why: "release", Now: now}); err != nil || o != (relief.Outcome{Moved: 1, Cancelled: 1, Since: 1}) {
		t.Errorf("back: %+v, %v", o, err)
	}
	if part := p.Back([]relief.Stock{{Site: 1, Product: "flu", Usable: 1}, {Site: 2, Product: "flu", Usable: 7}}); len(part.Moves) != 1 || part.Moves[0].Booking != 3 {
		t.Errorf("one dose came free: %+v", part.Moves)
	}
	for _, f := range booking.Check(ctx, c.ledger) {
		t.Error(f)
	}
}

// TestOtherStockFirst: a site that has other boxes for all moves nobody, and one that was short before loses only what was held.
func TestOtherStockFirst(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newCountry(ctx, t, t.TempDir(), 2, 9)
	defer func() { _ = c.ledger.Close() }()
	for n := range 8 {
		if !c.book(ctx, t, n+1, site.Num(1+n%2), today+1, 540, 9, "flu") {
			t.Fatal("not booked")
		}
	}
	p := c.plan(ctx, t, relief.Stock{Site: 1, Product: "flu", Usable: 4, Held: 100, PerVial: 1}, relief.Stock{Site: 2, Product: "flu", Usable: 1, Held: 1, PerVial: 1})
	if len(p.Moves) != 0 || len(p.Without) != 1 || p.Without[0].Booking != 8 || p.Needs[0].Missing != 0 || p.Needs[1].Missing != 1 {
		t.Errorf("%+v", p)
	}
	if back := p.Back([]relief.Stock{{Site: 2, Product: "flu", Usable: 1}}); len(back.Without) != 0 {
		t.Errorf("the dose came free, and %+v are still without", back.Without)
	}
	if back := p.Back([]relief.Stock{{Site: 1, Product: "flu", Usable: 1}}); len(back.Without) != 1 {
		t.Errorf("a dose came free elsewhere: %+v", back.Without)
	}
}

func TestMakeRefuses(t *testing.T) {
	t.Parallel()
	none := func([]site.Num) (map[site.Num][]supply.Appointment, error) { return nil, nil }
	if _, err := relief.Make(relief.Rules{}, nil, none); err == nil {
		t.Error("a plan without rules")
	}
	r := relief.Rules{Sites: site.NewIndex(nil), Sessions: func(site.Num, civil.Date) []booking.SessionInfo { return nil }, Free: func(booking.Counter, int) int { return 0 }}
	for _, wrong := range [][]relief.Stock{{{Site: 1, Product: "p"}}, {{Site: 1, Product: "p", PerVial: 1, Usable: -1}}, {{Site: 1, Product: "p", PerVial: 1}, {Site: 1, Product: "p", PerVial: 1}}} {
		if _, err := relief.Make(r, wrong, none); err == nil {
			t.Errorf("%+v was planned", wrong)
		}
	}
}

// broken fails where it is told to.
type broken struct{ booking.Ledger }

var errBroken = errors.New("broken")

func (broken) Apply(context.Context, []booking.Request) ([]booking.Outcome, error) {
	return nil, errBroken
}

// TestRandomHolds: random bookings, stocks and rules. The plan is exact about who is short, takes the last booked, promises no dose and no seat twice,
// leaves everybody else alone, places everybody for whom there is a dose and a seat anywhere, and is carried out and taken back whole.
func TestRandomHolds(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		sites, seats := rapid.IntRange(2, 6).Draw(t, "sites"), rapid.IntRange(1, 3).Draw(t, "seats")
		c := newCountry(ctx, t, dir, sites, seats)
		defer func() { _ = c.ledger.Close() }()
		n := 0
		for range rapid.IntRange(0, 40).Draw(t, "bookings") {
			n++
			c.book(ctx, t, n, site.Num(rapid.IntRange(1, sites).Draw(t, "site")), today+civil.Date(rapid.IntRange(0, 3).Draw(t, "day")), rapid.SampledFrom([]int{540, 840}).Draw(t, "minute"), seats, "flu")
		}
		var stock []relief.Stock
		spare := map[site.Num]int{}
		for s := range sites {
			k := relief.Stock{Site: site.Num(s + 1), Product: "flu", Usable: rapid.IntRange(0, 15).Draw(t, "usable"), PerVial: rapid.IntRange(1, 3).Draw(t, "per vial")}
			if rapid.Bool().Draw(t, "touched") {
				k.Held = rapid.IntRange(1, 10).Draw(t, "held")
			}
			stock = append(stock, k)
			spare[k.Site] = max(0, k.Usable-len(c.booked[k.Site]))
		}
		p := c.plan(ctx, t, stock...)
		lost := map[int64]bool{}
		for _, m := range p.Moves {
			lost[m.Booking] = true
		}
		for _, a := range p.Without {
			lost[a.Booking] = true
		}
		count := 0
		for _, k := range stock {
			list := c.booked[k.Site] // in the order of booking
			missing := min(max(0, len(list)-k.Usable), k.Held)
			count += missing
			for i, a := range list {
				if want := i >= len(list)-missing; lost[a.Booking] != want {
					t.Fatalf("site %d: booking %d of %d loses its dose: %t, want %t (%+v)", k.Site, i+1, len(list), lost[a.Booking], want, k)
				}
			}
		}
		if len(p.Moves)+len(p.Without) != count {
			t.Fatalf("%d moves and %d without, want %d", len(p.Moves), len(p.Without), count)
		}
		for _, m := range p.Moves {
			if spare[m.To.Site]--; spare[m.To.Site] < 0 {
				t.Fatalf("site %d promises a dose that it does not have", m.To.Site)
			}
		}
		before := map[int64]booking.Slot{}
		all := func(yield func(booking.Booking)) {
			if err := c.ledger.All(ctx, func(b booking.Booking) error { yield(b); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		all(func(b booking.Booking) { before[b.ID] = b.Doses[0].Slot })
		if _, err := relief.Carry(ctx, broken{c.ledger}, c.rules, p, relief.Doing{Why: "w", Now: func() time.Time { return at }}); len(p.Moves) > 0 && !errors.Is(err, errBroken) {
			t.Fatalf("a ledger that fails: %v", err)
		}
		o, err := relief.Carry(ctx, c.ledger, c.rules, p, relief.Doing{Why: "w", Now: func() time.Time { return at }})
		if err != nil || o != (relief.Outcome{Moved: len(p.Moves)}) {
			t.Fatalf("%+v of %d, %v", o, len(p.Moves), err)
		}
		all(func(b booking.Booking) {
			if !lost[b.ID] && (b.Doses[0].Slot != before[b.ID] || b.Changed != 0) {
				t.Fatalf("booking %d was touched", b.ID)
			}
		})
		for _, f := range booking.Check(ctx, c.ledger) {
			t.Fatalf("%s", f)
		}
		// Nobody is without as long as some site has a dose and a free seat on any day.
		if len(p.Without) > 0 {
			snap, err := booking.NewSnapshot(ctx, c.ledger)
			if err != nil {
				t.Fatal(err)
			}
			for s, left := range spare {
				for day := today; left > 0 && day <= today+9; day++ {
					for _, x := range c.rules.Sessions(s, day) {
						if snap.Free(booking.SeatCounter(booking.Session{Site: s, Day: day, Minute: x.Minute}), x.Seats) > 0 {
							t.Fatalf("%d are without, and site %d has a dose and a seat on %s", len(p.Without), s, day)
						}
					}
				}
			}
		}
		if o, err = relief.Carry(ctx, c.ledger, c.rules, p, relief.Doing{Undo: true, Why: "w", Now: func() time.Time { return at }}); err != nil || o.Moved != len(p.Moves) {
			t.Fatalf("back: %+v of %d, %v", o, len(p.Moves), err)
		}
		all(func(b booking.Booking) {
			if b.Doses[0].Slot != before[b.ID] {
				t.Fatalf("booking %d did not come back", b.ID)
			}
		})
	})
}
