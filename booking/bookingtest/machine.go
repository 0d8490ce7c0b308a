package bookingtest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"charye/booking"
	"charye/internal/civil"
)

// testAgainstModel does random things, one batch after the other, with crashes in between, to a ledger and to the model:
// as often as rapid is told to, but on a slow machine no longer than some seconds, unless there is a fault to pin down.
func testAgainstModel(t *testing.T, open Open) {
	const enough = 3 * time.Second
	began, fault := time.Now(), false
	rapid.Check(t, func(rt *rapid.T) {
		if !fault && time.Since(began) > enough {
			return
		}
		sound := false
		defer func() { fault = fault || !sound }()
		l, reopen := open(t)
		m := &machine{bench: &bench{TB: t, Ledger: l, reopen: reopen}, now: start, model: model{capacity: map[booking.Counter]int{}, called: map[uint32]int{}}}
		m.snapshot = must(booking.NewSnapshot(context.Background(), l))
		rt.Repeat(map[string]func(*rapid.T){
			"apply":        m.apply,
			"set capacity": m.setCapacity,
			"crash": func(rt *rapid.T) {
				if rapid.IntRange(0, 9).Draw(rt, "really") != 0 {
					rt.Skip("a crash now and then is enough, and opening takes its time")
				}
				m.Ledger = m.reopen()
				m.snapshot = must(booking.NewSnapshot(context.Background(), m.Ledger))
			},
			"": m.compare,
		})
		for _, finding := range Check(context.Background(), m.Ledger) {
			rt.Error(finding)
		}
		sound = !rt.Failed()
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type machine struct {
	*bench
	model    model
	snapshot *booking.Snapshot
	now      time.Time
	ids      []int64 // of bookings
	holdIDs  []int64
}

const (
	people  = 4
	perVial = 2 // doses in a vial of [vial]
)

// vial is what some sessions' doses draw on.
var vial = booking.Vial{Product: 7, Doses: perVial}

func (m *machine) apply(rt *rapid.T) {
	batch := make([]booking.Request, rapid.IntRange(1, 5).Draw(rt, "batch"))
	for i := range batch {
		batch[i] = m.request(rt)
	}
	out, err := m.Apply(context.Background(), batch)
	if err != nil {
		rt.Fatalf("apply: %v", err)
	}
	for i := range batch {
		var why string
		if m.model, why = m.model.step(batch[i], out[i]); why != "" {
			rt.Fatalf("request %d of %+v:\n%s", i, batch, why)
		}
		if id := out[i].Booking.ID; out[i].Result == booking.Done && batch[i].Op == booking.OpBook {
			m.ids = append(m.ids, id)
		}
		if p := out[i].Partner; p != nil && p.Result == booking.Done {
			m.ids = append(m.ids, p.Booking.ID)
		}
		if id := out[i].Hold.ID; id != 0 {
			m.holdIDs = append(m.holdIDs, id)
		}
	}
}

func (m *machine) request(rt *rapid.T) booking.Request {
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds")) * time.Second)
	n := rapid.IntRange(1, people).Draw(rt, "person")
	r := book(n, nil, nil)
	r.At = m.now
	r.Campaign = uint32(rapid.IntRange(1, 2).Draw(rt, "campaign"))
	r.Op = rapid.SampledFrom([]booking.Op{
		booking.OpBook, booking.OpBook, booking.OpHold, booking.OpHold, booking.OpChange, booking.OpCancel, booking.OpExpire,
		booking.OpInvite, booking.OpVisit, booking.OpVisit,
	}).Draw(rt, "op")
	switch r.Op {
	case booking.OpExpire:
		return booking.Request{Op: booking.OpExpire, At: m.now}
	case booking.OpInvite:
		return m.invite(rt, r.Campaign)
	case booking.OpChange, booking.OpCancel:
		r.Booking = draw(rt, "booking", m.ids)
	case booking.OpVisit:
		return m.visit(rt, r)
	case booking.OpHold:
		r.HoldUntil = m.now.Add(time.Duration(rapid.IntRange(1, 300).Draw(rt, "hold")) * time.Second)
	default:
		if rapid.IntRange(0, 2).Draw(rt, "through a hold") == 0 {
			r.Hold = draw(rt, "hold id", m.holdIDs)
		}
		r = withKey(r, rapid.IntRange(0, 3).Draw(rt, "key"), rapid.IntRange(0, 1).Draw(rt, "body"))
	}
	if r.Op == booking.OpBook && rapid.IntRange(0, 4).Draw(rt, "with a partner") == 0 {
		p := m.series(rt, withKey(at(book(1+n%people, nil, nil), m.now), rapid.IntRange(0, 3).Draw(rt, "key"), rapid.IntRange(0, 1).Draw(rt, "body")))
		r.Partner = &p
	}
	if r.Op == booking.OpCancel || r.Hold != 0 {
		return r
	}
	return m.series(rt, r)
}

// series fills in what a request is about.
func (m *machine) series(rt *rapid.T, r booking.Request) booking.Request {
	for dose := range rapid.IntRange(1, 2).Draw(rt, "doses") {
		choices := make([]booking.Choice, rapid.IntRange(0, 3).Draw(rt, "choices"))
		for i := range choices {
			s := rapid.IntRange(0, 2).Draw(rt, "session")
			// Two doses may meet in one session.
			choices[i] = seat(28*dose*rapid.IntRange(0, 1).Draw(rt, "day"), s, 1+s)
			if s == 2 {
				choices[i].Vial = vial
			}
		}
		r.Doses = append(r.Doses, choices)
	}
	if rapid.Bool().Draw(rt, "shared") {
		r.Shared = stock(r.Campaign, 3)
		r.Shared[0].N = rapid.IntRange(1, 2).Draw(rt, "n")
	}
	if rapid.IntRange(0, 2).Draw(rt, "apart") == 0 {
		r.Apart = []booking.Apart{{Product: "moderna", Days: rapid.IntRange(1, 60).Draw(rt, "days"), SameDay: rapid.Bool().Draw(rt, "same day")}}
	}
	return r
}

// visit says something of one of the last bookings, of its own person mostly.
func (m *machine) visit(rt *rapid.T, r booking.Request) booking.Request {
	r.Booking = draw(rt, "booking", m.ids)
	for _, b := range m.model.bookings {
		if b.ID == r.Booking && rapid.IntRange(0, 9).Draw(rt, "own") > 0 {
			r.Person, r.Campaign = b.Person, b.Campaign
		}
	}
	r.Dose = rapid.IntRange(1, 2).Draw(rt, "dose")
	r.Visit.State = booking.VisitState(rapid.IntRange(0, 5).Draw(rt, "state"))
	switch r.Visit.State {
	case booking.Given:
		r.Visit.From = rapid.SampledFrom([]string{"", "(10)AB1", "(10)\"<\\é"}).Draw(rt, "from")
	case booking.TurnedAway:
		r.Visit.Why = "fever"
	case booking.Spoilt:
		r.Visit.Why = "2020-09"
	case booking.NoShow:
		r.Visit.Kept = r.Dose == 1 && rapid.Bool().Draw(rt, "kept")
	default:
	}
	return r
}

// invite asks for invitations of a few numbers on end; number 3 is nobody's.
func (m *machine) invite(rt *rapid.T, campaign uint32) booking.Request {
	r := booking.Request{
		Op: booking.OpInvite, Campaign: campaign, Channel: "system", At: m.now, Shared: stock(campaign, 3),
		HoldUntil: m.now.Add(time.Duration(rapid.IntRange(1, 900).Draw(rt, "invitation")) * time.Second),
	}
	first := rapid.IntRange(1, people+1).Draw(rt, "first number")
	last := rapid.IntRange(first, people+1).Draw(rt, "last number")
	for n := first; n <= last; n++ {
		c := booking.Callee{Number: uint32(n)}
		switch {
		case n < 3:
			c.Person = who(n)
		case n > 3:
			c.Person = who(n - 1)
		}
		r.Callees = append(r.Callees, c)
	}
	return r
}

// draw gives one of the ids, or one that nobody has.
func draw(rt *rapid.T, label string, ids []int64) int64 {
	if i := rapid.IntRange(-1, len(ids)-1).Draw(rt, label); i >= 0 {
		return ids[i]
	}
	return 1 << 40
}

func (m *machine) setCapacity(rt *rapid.T) {
	var c booking.Claim
	switch rapid.IntRange(0, 6).Draw(rt, "counter") {
	case 5, 6:
		c.Counter = booking.VialsCounter(1, vial.Product)
	case 0:
		c.Counter = booking.StandbyCounter(uint32(rapid.IntRange(1, 2).Draw(rt, "campaign")))
	case 1, 2:
		c = stock(uint32(rapid.IntRange(1, 2).Draw(rt, "campaign")), 0)[0]
	default:
		c = seat(28*rapid.IntRange(0, 1).Draw(rt, "day"), rapid.IntRange(0, 2).Draw(rt, "session"), 0).Seat
	}
	c.Capacity = rapid.IntRange(0, 5).Draw(rt, "capacity")
	err := m.SetCapacity(context.Background(), []booking.Claim{c})
	if used := m.model.used(c.Counter, 0, 0); (err != nil) != (c.Capacity < used) {
		rt.Fatalf("capacity %d with %d taken: %v", c.Capacity, used, err)
	}
	if err == nil {
		m.model.capacity[c.Counter] = c.Capacity
	}
}

// compare holds ledger, snapshot and model against each other.
func (m *machine) compare(rt *rapid.T) {
	ctx := context.Background()
	seen := map[booking.Counter]int{}
	seq, err := m.Counters(ctx, func(c booking.CounterState) {
		seen[c.Counter] = c.Used
		if want := m.model.used(c.Counter, 0, 0); c.Used != want {
			rt.Errorf("%v has %d taken, want %d", c.Counter, c.Used, want)
		}
	})
	if err != nil {
		rt.Fatalf("counters: %v", err)
	}
	if err := m.snapshot.Refresh(ctx); err != nil {
		rt.Fatalf("refresh: %v", err)
	}
	if v := m.snapshot.Version(); v != seq {
		rt.Errorf("snapshot is at event %d, ledger at %d", v, seq)
	}
	for c, used := range seen {
		if want, set := m.model.capacity[c]; set && c.Kind() == booking.KindStandby {
			if got, told := m.snapshot.Capacity(c); !told || got != want {
				rt.Errorf("snapshot has a capacity of %d (%v) for %v, want %d", got, told, c, want)
			}
		}
		if got := m.snapshot.Used(c); got != used {
			rt.Errorf("snapshot has %d of %v taken, want %d", got, c, used)
		}
	}
	for n := 1; n <= people; n++ {
		list, err := m.Bookings(ctx, who(n))
		if err != nil {
			rt.Fatalf("bookings: %v", err)
		}
		var got, want string
		for _, b := range list {
			got += describeBooking(b) + "\n"
		}
		for _, b := range m.model.bookings {
			if b.Person == who(n) {
				want += describeBooking(b) + "\n"
			}
		}
		if got != want {
			rt.Errorf("bookings of person %d:\n%swant\n%s", n, got, want)
		}
	}
	for _, day := range []civil.Date{firstDay, firstDay + 28} {
		list, err := m.Day(ctx, 1, day, 1000)
		if err != nil {
			rt.Fatalf("day: %v", err)
		}
		var got, want []int64
		for _, b := range list {
			got = append(got, b.ID)
		}
		for _, b := range m.model.bookings {
			if b.On(1, day) {
				want = append(want, b.ID)
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			rt.Errorf("on %v there are %v, want %v", day, got, want)
		}
	}
	holds, err := m.DueHolds(ctx, start.AddDate(10, 0, 0), 100)
	if err != nil || len(holds) != len(m.model.holds) {
		rt.Errorf("%d holds, want %d: %v", len(holds), len(m.model.holds), fmt.Sprint(err))
	}
}
