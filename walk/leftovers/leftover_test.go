package leftovers_test

import (
	"errors"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/leftover"
	"charye/walk"
	"charye/walk/leftovers"
)

const (
	spare    = "spare"     // of two doses
	spareOne = "spare-one" // of one
)

// spareWorld is a world of those rules in the afternoon of the first day of vaccination.
func spareWorld(t *testing.T) *world {
	t.Helper()
	w, end := worldOf(t, spareRules)
	t.Cleanup(end)
	w.Set(at(26, 14, 0))
	return w
}

func TestLeftoverDose(t *testing.T) {
	t.Parallel()
	w := spareWorld(t)
	ctx := t.Context()
	w.Wish(campaign, []string{"S1"}, 1, 2, 3)
	w.LeftOver(campaign, 1, "moderna", 1)
	first, o := w.Holder(campaign, 1, 2, 3)
	if first == 0 || !o.Until.Equal(at(26, 14, 10)) || !o.GiveBy.Equal(at(26, 17, 0)) || o.Site.ID != "S1" || o.Product.ID != "moderna" {
		t.Fatalf("person %d is offered %+v", first, o)
	}
	others := []int{1, 2, 3}
	for _, n := range others {
		if n == first {
			continue
		}
		_, err := w.AcceptLeftover(ctx, w.Actor(n), campaign, "", o.ID)
		wantCode(t, err, walk.NotFound)
		wantCode(t, w.DeclineLeftover(ctx, w.Actor(n), campaign, "", o.ID), walk.NotFound)
	}

	must(t, w.DeclineLeftover(ctx, w.Actor(first), campaign, "", o.ID))
	must(t, w.DeclineLeftover(ctx, w.Actor(first), campaign, "", o.ID))
	must(t, w.Round(ctx))
	second, o2 := w.Holder(campaign, 1, 2, 3)
	if second == 0 || second == first {
		t.Fatalf("after person %d declined the dose is offered to %d", first, second)
	}
	_, err := w.AcceptLeftover(ctx, w.Actor(first), campaign, "", o.ID)
	wantCode(t, err, walk.Closed)

	w.Set(at(26, 14, 10)) // the minutes are over
	_, err = w.AcceptLeftover(ctx, w.Actor(second), campaign, "", o2.ID)
	wantCode(t, err, walk.Closed)
	must(t, w.Round(ctx))
	third, o3 := w.Holder(campaign, 1, 2, 3)
	if third == 0 || third == first || third == second {
		t.Fatalf("then it is offered to %d", third)
	}

	w.Set(at(26, 14, 15))
	b, err := w.AcceptLeftover(ctx, w.Actor(third), campaign, "", o3.ID)
	must(t, err)
	if len(b.Doses) != 2 || !b.Doses[0].Start.Equal(at(26, 14, 15)) || !b.Doses[0].End.Equal(at(26, 17, 0)) || b.Doses[1].Start.Sub(b.Doses[0].Start) < 21*24*time.Hour-time.Hour*24 || b.Name != "김차례" {
		t.Errorf("booked: %+v", b)
	}
	again, err := w.AcceptLeftover(ctx, w.Actor(third), campaign, "", o3.ID)
	must(t, err)
	if again.ID != b.ID {
		t.Errorf("accepting again makes %s beside %s", again.ID, b.ID)
	}
	if x := w.OfferOf(third, campaign); x == nil || x.State != leftovers.Booked {
		t.Errorf("the offer stands as %+v", x)
	}
	_, err = w.SetLeftovers(ctx, w.Actor(third), campaign, "", []string{"S1"})
	wantCode(t, err, walk.AlreadyBooked)
	_, err = w.Cancel(ctx, w.Actor(third), b.ID)
	wantCode(t, err, walk.Closed)
	_, err = w.Change(ctx, w.Actor(third), b.ID, 1, w.SlotAt(firstDay+1, 0))
	wantCode(t, err, walk.Closed)

	must(t, w.Round(ctx))
	if n, x := w.Holder(campaign, 1, 2, 3); n != 0 {
		t.Errorf("after the last dose %d is offered %+v", n, x)
	}
	c, _ := w.Programme().Campaign(campaign)
	if used := w.UsedOf(t, booking.StockCounter(c.Num)); used != 0 {
		t.Errorf("a leftover dose took %d of the campaign's stock", used)
	}
	if broken := booking.Check(ctx, w.Ledger); len(broken) > 0 {
		t.Fatal(broken)
	}
}

// TestLeftoverInsteadOfAppointment: whoever has an appointment and accepts a leftover dose keeps one booking; seat and stock of
// the appointment go back.
func TestLeftoverInsteadOfAppointment(t *testing.T) {
	t.Parallel()
	w := spareWorld(t)
	ctx := t.Context()
	w.Set(at(12, 20, 0))
	w.PlaceFor(1)
	w.GoOn()
	pass := w.Admit(1, "phone")
	before, err := w.BookSlot(1, pass.Token, w.SlotAt(firstDay+7, 0))
	must(t, err)
	c, _ := w.Programme().Campaign(campaign)
	seat := booking.SeatCounter(booking.Session{Site: 1, Day: firstDay + 7, Minute: 9 * 60})
	if w.UsedOf(t, booking.StockCounter(c.Num)) != 1 || w.UsedOf(t, seat) != 1 {
		t.Fatal("the appointment is not where the test looks for it")
	}
	w.Set(at(26, 14, 0))
	w.Wish(campaign, []string{"S1"}, 1)
	w.LeftOver(campaign, 1, "moderna", 1)
	n, o := w.Holder(campaign, 1)
	if n == 0 {
		t.Fatal("no offer")
	}
	after, err := w.AcceptLeftover(ctx, w.Actor(1), campaign, "", o.ID)
	must(t, err)
	if after.ID != before.ID || !after.Doses[0].Start.Equal(at(26, 14, 0)) || after.Doses[1].Start.Equal(before.Doses[1].Start) {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if w.UsedOf(t, booking.StockCounter(c.Num)) != 0 || w.UsedOf(t, seat) != 0 {
		t.Error("the appointment's seat or dose did not go back")
	}
	if broken := booking.Check(ctx, w.Ledger); len(broken) > 0 {
		t.Fatal(broken)
	}
}

// TestLeftoverUnfit: who cannot take a dose is passed over at once, and nobody's minutes are lost for it.
func TestLeftoverUnfit(t *testing.T) {
	t.Parallel()
	w := spareWorld(t)
	ctx := t.Context()
	young := w.Actor(1)
	young.Born = civil.New(2001, time.May, 5) // janssen is from 30 on
	_, err := w.SetLeftovers(ctx, young, spareOne, "", []string{"S1"})
	must(t, err)
	w.Set(at(27, 14, 0))
	w.Wish(spareOne, []string{"S1"}, 2)
	w.LeftOver(spareOne, 1, "janssen", 1)
	if n, _ := w.Holder(spareOne, 1, 2); n != 2 {
		t.Errorf("offered to %d, want 2", n)
	}
	// Nobody could finish the series: the site has no sessions in the interval.
	w.Wish(campaign, []string{"S1"}, 3)
	w.Set(at(31, 14, 0).AddDate(0, 0, 62)) // 1 October; there are sessions until the fifteenth, for second doses
	w.LeftOver(campaign, 1, "moderna", 1)
	if n, _ := w.Holder(campaign, 3); n != 0 {
		t.Errorf("offered to %d, for whom no second dose is to be had", n)
	}
	if l, err := w.Leftovers(ctx, w.Actor(3), campaign); err != nil || len(l.Sites) != 1 {
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
		a := w.Actor(1)
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

	w.Wish(campaign, []string{"S1"}, 1)
	l, err := w.Leftovers(ctx, w.Actor(1), campaign)
	must(t, err)
	if len(l.Sites) != 1 || l.Sites[0].ID != "S1" || l.Sites[0].Since != firstDay || !l.Today || l.Offer != nil {
		t.Errorf("after signing up: %+v", l)
	}
	w.Wish(campaign, nil, 1)
	if l, err = w.Leftovers(ctx, w.Actor(1), campaign); err != nil || len(l.Sites) != 0 {
		t.Errorf("after leaving: %+v, %v", l, err)
	}
	w.Set(at(31, 12, 0).AddDate(0, 0, 9)) // 9 August
	_, err = w.SetLeftovers(ctx, w.Actor(1), campaign, "", []string{"S1"})
	wantCode(t, err, walk.Closed)
	w.Wish(campaign, nil, 1) // leaving is always possible
}

// TestLeftoverCrash: a server that ends between accepting and booking has given the dose away; it is booked when the person
// asks again, or by itself.
func TestLeftoverCrash(t *testing.T) {
	t.Parallel()
	for name, finish := range map[string]func(*world, leftovers.Offer){
		"asked again": func(w *world, o leftovers.Offer) {
			_, err := w.AcceptLeftover(w.T.Context(), w.Actor(1), campaign, "", o.ID)
			must(w.T, err)
		},
		"by itself": func(w *world, _ leftovers.Offer) {
			w.Set(at(26, 14, 1))
			must(w.T, w.Round(w.T.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := spareWorld(t)
			w.Wish(campaign, []string{"S1"}, 1)
			w.LeftOver(campaign, 1, "moderna", 1)
			_, o := w.Holder(campaign, 1)
			_, offers, err := w.LeftoverStore.Of(t.Context(), w.Programme().Campaigns[0].Num, w.Actor(1).Key, 1)
			must(t, err)
			_, err = w.LeftoverStore.Apply(t.Context(), []leftover.Request{{Op: leftover.OpAccept, At: at(26, 14, 0), Person: w.Actor(1).Key, Offer: offers[0].ID}})
			must(t, err)
			finish(w, o)
			list, err := w.Bookings(t.Context(), w.Actor(1))
			must(t, err)
			if len(list) != 1 || list[0].Cancelled {
				t.Errorf("bookings: %+v", list)
			}
			if x := w.OfferOf(1, campaign); x == nil || x.State != leftovers.Booked {
				t.Errorf("the offer stands as %+v", x)
			}
		})
	}
}
