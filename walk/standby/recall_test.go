package standby_test

import (
	"bytes"
	"testing"
	"time"

	"charye/booking"
	"charye/booking/moves"
	"charye/reduce"
	"charye/walk"
)

// reduce takes so many doses from a campaign, from those who booked last, at this instant.
func (w *world) reduce(campaign string, doses int) ([]byte, reduce.Outcome) {
	w.T.Helper()
	all, err := w.SiteStore.All(w.T.Context())
	must(w.T, err)
	var plan bytes.Buffer
	r := moves.Rules{Programme: w.Programme(), Sites: all}
	now := func() time.Time { return time.Unix(0, w.Clock.Load()) }
	_, err = reduce.Plan(w.T.Context(), w.Ledger, r, reduce.Wish{Campaign: campaign, Doses: doses, Why: "reduction"}, now(), &plan)
	must(w.T, err)
	o, err := reduce.Carry(w.T.Context(), w.Ledger, r, bytes.NewReader(plan.Bytes()), reduce.Way{Now: now})
	must(w.T, err)
	w.GoOn()
	return plan.Bytes(), o
}

// deliver brings doses beside the rules.
func (w *world) deliver(campaign string, doses int) {
	w.T.Helper()
	c, ok := w.Programme().Campaign(campaign)
	if !ok {
		w.T.Fatalf("no campaign %s", campaign)
	}
	id := booking.DeliveredCounter(c.Num)
	must(w.T, w.Ledger.Adjust(w.T.Context(), []booking.Counter{id}, func(have map[booking.Counter]booking.CounterState) ([]booking.Claim, error) {
		return []booking.Claim{{Counter: id, Capacity: have[id].Capacity + doses}}, nil
	}))
	w.GoOn()
	w.GoOn()
}

// enter has person n take a pass of a campaign.
func (w *world) enter(n int, campaign string) (walk.Pass, error) {
	w.T.Helper()
	p, _, err := w.Join(w.T.Context(), w.Actor(n), campaign, "")
	must(w.T, err)
	w.GoOn()
	return w.Enter(w.T.Context(), w.Actor(n), campaign, "", p.Ticket, "phone", false)
}

// TestRecall: in a campaign without invitations too, whoever lost a dose comes before all others once one is there, in the order of the
// bookings; to others it is sold out until then, and afterwards it goes on as before.
func TestRecall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const campaign = "both"
	w.Set(at(12, 20, 0))
	for n := 1; n <= 3; n++ {
		pass, err := w.enter(n, campaign)
		must(t, err)
		slots, err := w.Slots(t.Context(), campaign, "S1", firstDay)
		must(t, err)
		_, err = w.BookSlot(n, pass.Token, slots[(n-1)/2*2+1].ID) // one dose of janssen, in two sessions
		must(t, err)
		w.Advance(at(12, 20, n))
	}
	_, o := w.reduce(campaign, 9)
	if o.Displaced != 2 || o.Short != 0 {
		t.Fatalf("of ten doses nine went: %+v", o)
	}
	for n := 1; n <= 3; n++ {
		list, err := w.Bookings(t.Context(), w.Actor(n))
		must(t, err)
		if lost := n > 1; len(list) != 1 || list[0].Displaced != lost || list[0].Cancelled != lost {
			t.Errorf("person %d has %+v", n, list)
		}
	}
	c, err := w.Campaign(t.Context(), campaign)
	must(t, err)
	if c.State != walk.StateSoldOut || c.OnOffer != 1 {
		t.Errorf("%s, %d on offer", c.State, c.OnOffer)
	}
	_, err = w.enter(3, campaign)
	wantCode(t, err, walk.SlotFull)

	w.deliver(campaign, 1)
	p, err := w.PlaceOf(t.Context(), w.Actor(2), campaign, "")
	must(t, err)
	if want := at(13, 20, 5); p.KeptUntil.Before(want.Add(-6*time.Minute)) || p.KeptUntil.After(at(14, 8, 0)) {
		t.Errorf("kept until %v", p.KeptUntil)
	}
	for _, n := range []int{3, 4} {
		_, err = w.enter(n, campaign)
		if err == nil {
			t.Errorf("person %d came in before the one who booked first", n)
		}
	}
	pass, err := w.enter(2, campaign)
	must(t, err)
	slots, err := w.Slots(t.Context(), campaign, "S2", firstDay)
	must(t, err)
	_, err = w.BookSlot(2, pass.Token, slots[1].ID)
	must(t, err)
	w.deliver(campaign, 2)
	if p, err = w.PlaceOf(t.Context(), w.Actor(3), campaign, ""); err != nil || p.KeptUntil.IsZero() {
		t.Errorf("the next: kept until %v, %v", p.KeptUntil, err)
	}
	w.GoOn()
	_, err = w.enter(4, campaign) // nobody stands first any more
	must(t, err)
	if broken := booking.Check(t.Context(), w.Ledger); len(broken) > 0 {
		t.Fatal(broken)
	}
}

// TestForward: who lost a dose and got one of a delivery to come has it; when that comes, what they have of it is not given out again.
func TestForward(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Set(at(12, 20, 0))
	for n := 1; n <= 5; n++ {
		_, _, err := w.Join(t.Context(), w.Actor(n), standing, "")
		must(t, err)
	}
	w.GoOn()
	w.take(1)
	w.Advance(at(12, 20, 1))
	w.take(2)
	_, o := w.reduce(standing, 1)
	if o.Moved != 1 || o.Displaced != 0 {
		t.Fatalf("a delivery of two is to come: %+v", o)
	}
	if list, err := w.Bookings(t.Context(), w.Actor(2)); err != nil || list[0].Displaced || list[0].Cancelled {
		t.Errorf("person 2 has %+v, %v", list, err)
	}
	w.Advance(at(13, 12, 0))
	w.GoOn()
	c, err := w.Campaign(t.Context(), standing)
	must(t, err)
	if c.OnOffer != 2 { // two at first, less the one that went, and one of the two that came
		t.Errorf("%d on offer", c.OnOffer)
	}
	w.wantKeptOf(5, 3)
	if broken := booking.Check(t.Context(), w.Ledger); len(broken) > 0 {
		t.Fatal(broken)
	}
}

// wantKeptOf fails unless of the first people in line the one alone has a dose kept.
func (w *world) wantKeptOf(people, one int) {
	w.T.Helper()
	for n := 1; n <= people; n++ {
		p, err := w.PlaceOf(w.T.Context(), w.Actor(n), standing, "")
		must(w.T, err)
		if p.KeptUntil.IsZero() == (n == one) {
			w.T.Errorf("person %d has a dose kept until %v", n, p.KeptUntil)
		}
	}
}
