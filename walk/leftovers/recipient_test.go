package leftovers_test

import (
	"testing"
	"time"

	"charye/notify"
	"charye/person"
	"charye/walk"
	"charye/walk/leftovers"
	"charye/walk/walktest"
)

// TestLeftoverForRecipient: a helper signs somebody up for leftover doses, is told of the offer beside them, and answers for them; nobody else can.
func TestLeftoverForRecipient(t *testing.T) {
	t.Parallel()
	w, end := worldOf(t, walktest.GuardedRules(""))
	defer end()
	ctx := t.Context()
	w.Set(at(26, 14, 0))
	must(t, w.Round(ctx))
	r, err := w.AddRecipient(ctx, w.Actor(50), walk.NewRecipient{Campaign: campaign, Name: "박말순", Born: born, Identity: person.Trial(100).Identity, Consent: true})
	must(t, err)
	l, err := w.SetLeftovers(ctx, w.Actor(50), campaign, r.ID, []string{"S1"})
	must(t, err)
	if len(l.Sites) != 1 {
		t.Fatalf("signed up: %+v", l)
	}
	if own, err := w.Leftovers(ctx, w.Actor(50), campaign); err != nil || len(own.Sites) != 0 {
		t.Errorf("the helper is in %d lists, %v", len(own.Sites), err)
	}
	if theirs, err := w.Leftovers(ctx, w.Actor(100), campaign); err != nil || len(theirs.Sites) != 1 {
		t.Errorf("the person is in %d lists, %v", len(theirs.Sites), err)
	}
	_, err = w.SetLeftovers(ctx, w.Actor(51), campaign, r.ID, nil)
	wantCode(t, err, walk.HelperNotAllowed)
	w.LeftOver(campaign, 1, "moderna", 1)
	must(t, w.Round(ctx))
	l, err = w.LeftoversFor(ctx, w.Actor(50), campaign, r.ID)
	must(t, err)
	if l.Offer == nil || l.Offer.State != leftovers.Offered {
		t.Fatalf("offered: %+v", l.Offer)
	}
	for n, helper := range map[int]bool{100: false, 50: true} {
		list, err := w.Outbox.Messages(ctx, w.Actor(n).Key, 9)
		must(t, err)
		if len(list) != 1 || list[0].Kind != notify.Leftover || list[0].Helper != helper {
			t.Errorf("person %d is told %+v", n, list)
			continue
		}
		facts, ok, err := w.LeftoverOffered("https://charye.example")(ctx, list[0].Event, &list[0].Message)
		if err != nil || !ok || len(facts.Doses) != 1 {
			t.Errorf("there is this to tell person %d: %+v, %v, %v", n, facts, ok, err)
		}
	}
	_, err = w.AcceptLeftover(ctx, w.Actor(51), campaign, r.ID, l.Offer.ID)
	wantCode(t, err, walk.HelperNotAllowed)
	_, err = w.AcceptLeftover(ctx, w.Actor(50), campaign, "", l.Offer.ID)
	wantCode(t, err, walk.NotFound)
	b, err := w.AcceptLeftover(ctx, w.Actor(50), campaign, r.ID, l.Offer.ID)
	must(t, err)
	if b.Name != "박말순" || b.Recipient != r.ID {
		t.Errorf("booked: %+v", b)
	}
	if list, err := w.Bookings(ctx, w.Actor(100)); err != nil || len(list) != 1 || !list[0].Doses[0].Start.Equal(at(26, 14, 0).Truncate(time.Minute)) {
		t.Errorf("the person has %+v, %v", list, err)
	}
	// A helper whose consent was withdrawn is told nothing.
	must(t, w.RemoveRecipient(ctx, w.Actor(50), r.ID))
	list, err := w.Outbox.Messages(ctx, w.Actor(50).Key, 9)
	must(t, err)
	if _, ok, err := w.LeftoverOffered("")(ctx, list[0].Event, &list[0].Message); ok || err != nil {
		t.Errorf("told after the consent was withdrawn: %v, %v", ok, err)
	}
}
