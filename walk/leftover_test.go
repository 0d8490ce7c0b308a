package walk_test

import (
	"errors"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/leftover"
	"charye/site"
	"charye/walk"
	"charye/walk/leftovers"
)

const (
	spare    = "spare"     // of two doses
	spareOne = "spare-one" // of one
)

// spareRules are campaigns that offer leftover doses on the days of vaccination.
const spareRules = `
programme: walk-test
name: {en: Test}
timezone: Asia/Seoul
products:
  - id: moderna
    name: {ko: 모더나, en: Moderna}
    cvx: "207"
    dosesPerVial: 10
    series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}
  - id: janssen
    name: {ko: 얀센, en: Janssen}
    cvx: "212"
    dosesPerVial: 5
    ages: [{from: 2021-01-01, min: 30}]
    series: {doses: 1}
campaigns:
  - id: age-55-59
    name: {ko: 55–59세, en: Ages 55–59}
    products: [moderna]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 4
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
    leftovers: {minutes: 10, sites: 2, withinKm: 10, from: 2021-07-26, until: 2021-08-08}
  - id: spare-one
    name: {en: One dose}
    products: [janssen]
    eligible: {born: {from: 1930-01-01, to: 2003-12-31}}
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 4
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
    leftovers: {minutes: 10, sites: 2, withinKm: 10}
  - id: no-spare
    name: {en: Without}
    products: [janssen]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 4
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
timetables:
  - {sites: all, start: 2021-07-26, days: 40, from: "09:00", to: "10:00", every: 30m, seats: 2}
`

// spareWorld is a world of those rules in the afternoon of the first day of vaccination.
func spareWorld(t *testing.T) *world {
	t.Helper()
	w, end := worldOf(t, spareRules)
	t.Cleanup(end)
	w.set(at(26, 14, 0))
	return w
}

// wish puts people into the lists of sites.
func (w *world) wish(campaign string, sites []string, people ...int) {
	w.t.Helper()
	for _, n := range people {
		_, err := w.SetLeftovers(w.t.Context(), w.actor(n), campaign, "", sites)
		must(w.t, err)
	}
}

// leftOver has a site tell of doses until 17:00, and the background work offer them.
func (w *world) leftOver(campaign string, num site.Num, product string, doses int) int64 {
	w.t.Helper()
	c, _ := w.programme.Campaign(campaign)
	now := time.Unix(0, w.now.Load())
	out, err := w.leftovers.Apply(w.t.Context(), []leftover.Request{{Op: leftover.OpOpen, At: now, Channel: "staff", Batch: leftover.Batch{
		Campaign: c.Num, Site: num, Product: product, Doses: doses, Until: civil.Of(now, seoul).At(17*60, seoul), Minutes: 10,
	}}})
	must(w.t, err)
	must(w.t, w.Round(w.t.Context()))
	return out[0].Batch.ID
}

// offered gives the offer that somebody sees.
func (w *world) offered(n int, campaign string) *leftovers.Offer {
	w.t.Helper()
	l, err := w.Leftovers(w.t.Context(), w.actor(n), campaign)
	must(w.t, err)
	return l.Offer
}

// holder finds the one of some people whose offer waits for an answer.
func (w *world) holder(campaign string, people ...int) (n int, o leftovers.Offer) {
	w.t.Helper()
	for _, p := range people {
		if x := w.offered(p, campaign); x != nil && x.State == leftovers.Offered {
			if n != 0 {
				w.t.Fatalf("both %d and %d have an offer", n, p)
			}
			n, o = p, *x
		}
	}
	return n, o
}

func TestLeftoverDose(t *testing.T) {
	t.Parallel()
	w := spareWorld(t)
	ctx := t.Context()
	w.wish(campaign, []string{"S1"}, 1, 2, 3)
	w.leftOver(campaign, 1, "moderna", 1)
	first, o := w.holder(campaign, 1, 2, 3)
	if first == 0 || !o.Until.Equal(at(26, 14, 10)) || !o.GiveBy.Equal(at(26, 17, 0)) || o.Site.ID != "S1" || o.Product.ID != "moderna" {
		t.Fatalf("person %d is offered %+v", first, o)
	}
	others := []int{1, 2, 3}
	for _, n := range others {
		if n == first {
			continue
		}
		_, err := w.AcceptLeftover(ctx, w.actor(n), campaign, "", o.ID)
		wantCode(t, err, walk.NotFound)
		wantCode(t, w.DeclineLeftover(ctx, w.actor(n), campaign, "", o.ID), walk.NotFound)
	}

	must(t, w.DeclineLeftover(ctx, w.actor(first), campaign, "", o.ID))
	must(t, w.DeclineLeftover(ctx, w.actor(first), campaign, "", o.ID))
	must(t, w.Round(ctx))
	second, o2 := w.holder(campaign, 1, 2, 3)
	if second == 0 || second == first {
		t.Fatalf("after person %d declined the dose is offered to %d", first, second)
	}
	_, err := w.AcceptLeftover(ctx, w.actor(first), campaign, "", o.ID)
	wantCode(t, err, walk.Closed)

	w.set(at(26, 14, 10)) // the minutes are over
	_, err = w.AcceptLeftover(ctx, w.actor(second), campaign, "", o2.ID)
	wantCode(t, err, walk.Closed)
	must(t, w.Round(ctx))
	third, o3 := w.holder(campaign, 1, 2, 3)
	if third == 0 || third == first || third == second {
		t.Fatalf("then it is offered to %d", third)
	}

	w.set(at(26, 14, 15))
	b, err := w.AcceptLeftover(ctx, w.actor(third), campaign, "", o3.ID)
	must(t, err)
	if len(b.Doses) != 2 || !b.Doses[0].Start.Equal(at(26, 14, 15)) || !b.Doses[0].End.Equal(at(26, 17, 0)) || b.Doses[1].Start.Sub(b.Doses[0].Start) < 21*24*time.Hour-time.Hour*24 || b.Name != "김차례" {
		t.Errorf("booked: %+v", b)
	}
	again, err := w.AcceptLeftover(ctx, w.actor(third), campaign, "", o3.ID)
	must(t, err)
	if again.ID != b.ID {
		t.Errorf("accepting again makes %s beside %s", again.ID, b.ID)
	}
	if x := w.offered(third, campaign); x == nil || x.State != leftovers.Booked {
		t.Errorf("the offer stands as %+v", x)
	}
	_, err = w.SetLeftovers(ctx, w.actor(third), campaign, "", []string{"S1"})
	wantCode(t, err, walk.AlreadyBooked)
	_, err = w.Cancel(ctx, w.actor(third), b.ID)
	wantCode(t, err, walk.Closed)
	_, err = w.Change(ctx, w.actor(third), b.ID, 1, w.slot(firstDay+1, 0))
	wantCode(t, err, walk.Closed)

	must(t, w.Round(ctx))
	if n, x := w.holder(campaign, 1, 2, 3); n != 0 {
		t.Errorf("after the last dose %d is offered %+v", n, x)
	}
	c, _ := w.programme.Campaign(campaign)
	if used := w.used(t, booking.StockCounter(c.Num)); used != 0 {
		t.Errorf("a leftover dose took %d of the campaign's stock", used)
	}
	if broken := booking.Check(ctx, w.ledger); len(broken) > 0 {
		t.Fatal(broken)
	}
}

func (w *world) used(t *testing.T, id booking.Counter) (n int) {
	t.Helper()
	_, err := w.ledger.Counters(t.Context(), func(c booking.CounterState) {
		if c.Counter == id {
			n = c.Used
		}
	})
	must(t, err)
	return n
}

// TestLeftoverInsteadOfAppointment: whoever has an appointment and accepts a leftover dose keeps one booking; seat and stock of
// the appointment go back.
func TestLeftoverInsteadOfAppointment(t *testing.T) {
	t.Parallel()
	w := spareWorld(t)
	ctx := t.Context()
	w.set(at(12, 20, 0))
	w.join(1)
	w.settle()
	pass := w.admit(1, "phone")
	before, err := w.book(1, pass.Token, w.slot(firstDay+7, 0))
	must(t, err)
	c, _ := w.programme.Campaign(campaign)
	seat := booking.SeatCounter(booking.Session{Site: 1, Day: firstDay + 7, Minute: 9 * 60})
	if w.used(t, booking.StockCounter(c.Num)) != 1 || w.used(t, seat) != 1 {
		t.Fatal("the appointment is not where the test looks for it")
	}
	w.set(at(26, 14, 0))
	w.wish(campaign, []string{"S1"}, 1)
	w.leftOver(campaign, 1, "moderna", 1)
	n, o := w.holder(campaign, 1)
	if n == 0 {
		t.Fatal("no offer")
	}
	after, err := w.AcceptLeftover(ctx, w.actor(1), campaign, "", o.ID)
	must(t, err)
	if after.ID != before.ID || !after.Doses[0].Start.Equal(at(26, 14, 0)) || after.Doses[1].Start.Equal(before.Doses[1].Start) {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if w.used(t, booking.StockCounter(c.Num)) != 0 || w.used(t, seat) != 0 {
		t.Error("the appointment's seat or dose did not go back")
	}
	if broken := booking.Check(ctx, w.ledger); len(broken) > 0 {
		t.Fatal(broken)
	}
}

// TestLeftoverUnfit: who cannot take a dose is passed over at once, and nobody's minutes are lost for it.
func TestLeftoverUnfit(t *testing.T) {
	t.Parallel()
	w := spareWorld(t)
	ctx := t.Context()
	young := w.actor(1)
	young.Born = civil.New(2001, time.May, 5) // janssen is from 30 on
	_, err := w.SetLeftovers(ctx, young, spareOne, "", []string{"S1"})
	must(t, err)
	w.set(at(27, 14, 0))
	w.wish(spareOne, []string{"S1"}, 2)
	w.leftOver(spareOne, 1, "janssen", 1)
	if n, _ := w.holder(spareOne, 1, 2); n != 2 {
		t.Errorf("offered to %d, want 2", n)
	}
	// Nobody could finish the series: the site has no sessions in the interval.
	w.wish(campaign, []string{"S1"}, 3)
	w.set(at(31, 14, 0).AddDate(0, 0, 62)) // 1 October; there are sessions until the fifteenth, for second doses
	w.leftOver(campaign, 1, "moderna", 1)
	if n, _ := w.holder(campaign, 3); n != 0 {
		t.Errorf("offered to %d, for whom no second dose is to be had", n)
	}
	if l, err := w.Leftovers(ctx, w.actor(3), campaign); err != nil || len(l.Sites) != 1 {
		t.Errorf("that costs them their place in the list: %+v, %v", l, err)
	}
}

func TestLeftoverSignUp(t *testing.T) {
	t.Parallel()
	w := spareWorld(t)
	ctx := t.Context()
	for name, c := range map[string]struct {
		campaign string
		sites    []string
		born     civil.Date
		want     walk.Code
	}{
		"no rules":            {"no-spare", []string{"S1"}, born, walk.NotFound},
		"no campaign":         {"nowhere", []string{"S1"}, born, walk.NotFound},
		"no such site":        {campaign, []string{"S9"}, born, walk.BadRequest},
		"a site twice":        {campaign, []string{"S1", "S1"}, born, walk.BadRequest},
		"too many":            {campaign, []string{"S1", "S2", "S3"}, born, walk.BadRequest},
		"too far":             {campaign, []string{"S1", "S2"}, born, walk.BadRequest},
		"not for this cohort": {spareOne, []string{"S1"}, civil.New(2010, 1, 1), walk.NotEligible},
	} {
		a := w.actor(1)
		a.Born = c.born
		_, err := w.SetLeftovers(ctx, a, c.campaign, "", c.sites)
		if e := (*walk.Error)(nil); !errors.As(err, &e) || e.Code != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	_, err := w.SetLeftovers(ctx, walk.Actor{}, campaign, "", []string{"S1"})
	wantCode(t, err, walk.NotSignedIn)
	_, err = w.Leftovers(ctx, walk.Actor{}, campaign)
	wantCode(t, err, walk.NotSignedIn)

	w.wish(campaign, []string{"S1"}, 1)
	l, err := w.Leftovers(ctx, w.actor(1), campaign)
	must(t, err)
	if len(l.Sites) != 1 || l.Sites[0].ID != "S1" || l.Sites[0].Since != firstDay || !l.Today || l.Offer != nil {
		t.Errorf("after signing up: %+v", l)
	}
	w.wish(campaign, nil, 1)
	if l, err = w.Leftovers(ctx, w.actor(1), campaign); err != nil || len(l.Sites) != 0 {
		t.Errorf("after leaving: %+v, %v", l, err)
	}
	w.set(at(31, 12, 0).AddDate(0, 0, 9)) // 9 August
	_, err = w.SetLeftovers(ctx, w.actor(1), campaign, "", []string{"S1"})
	wantCode(t, err, walk.Closed)
	w.wish(campaign, nil, 1) // leaving is always possible
}

// TestLeftoverCrash: a server that ends between accepting and booking has given the dose away; it is booked when the person
// asks again, or by itself.
func TestLeftoverCrash(t *testing.T) {
	t.Parallel()
	for name, finish := range map[string]func(*world, leftovers.Offer){
		"asked again": func(w *world, o leftovers.Offer) {
			_, err := w.AcceptLeftover(w.t.Context(), w.actor(1), campaign, "", o.ID)
			must(w.t, err)
		},
		"by itself": func(w *world, _ leftovers.Offer) {
			w.set(at(26, 14, 1))
			must(w.t, w.Round(w.t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := spareWorld(t)
			w.wish(campaign, []string{"S1"}, 1)
			w.leftOver(campaign, 1, "moderna", 1)
			_, o := w.holder(campaign, 1)
			_, offers, err := w.leftovers.Of(t.Context(), w.programme.Campaigns[0].Num, w.actor(1).Key, 1)
			must(t, err)
			_, err = w.leftovers.Apply(t.Context(), []leftover.Request{{Op: leftover.OpAccept, At: at(26, 14, 0), Person: w.actor(1).Key, Offer: offers[0].ID}})
			must(t, err)
			finish(w, o)
			list, err := w.Bookings(t.Context(), w.actor(1))
			must(t, err)
			if len(list) != 1 || list[0].Cancelled {
				t.Errorf("bookings: %+v", list)
			}
			if x := w.offered(1, campaign); x == nil || x.State != leftovers.Booked {
				t.Errorf("the offer stands as %+v", x)
			}
		})
	}
}
