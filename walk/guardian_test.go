package walk_test

import (
	"strings"
	"testing"
	"time"

	"charye/internal/civil"
	"charye/notify"
	"charye/person"
	"charye/walk"
	"charye/walk/leftovers"
)

// children makes trial people a roster of those born on a day.
func (w *world) children(id string, born civil.Date, people ...int) {
	w.t.Helper()
	_, err := w.people.ReplaceRoster(w.t.Context(), id, func(yield func(person.Identity, error) bool) {
		for _, n := range people {
			t := person.Trial(n)
			if !yield(person.Identity{Key: w.keyer.Key("ci", t.Subject), Index: w.keyer.IdentityIndex(t.Identity), Born: born}, nil) {
				return
			}
		}
	}, at(1, 0, 0))
	must(w.t, err)
	must(w.t, w.Round(w.t.Context()))
}

// guardedRules has the campaign of the leftover doses take helpers, and guardians for those under 19.
func guardedRules(guardians string) string {
	return strings.Replace(spareRules, "leftovers: {minutes: 10, sites: 2, withinKm: 10, from: 2021-07-26, until: 2021-08-08}",
		"leftovers: {minutes: 10, sites: 2, withinKm: 10, from: 2021-07-26, until: 2021-08-08}\n    helpers: {allowed: true, perHelper: 4"+guardians+"}", 1)
}

// TestGuardian: a child is signed up by its parent or guardian and by nobody else; who can agree for themselves has no guardian, but for wards.
func TestGuardian(t *testing.T) {
	t.Parallel()
	w, end := worldOf(t, guardedRules(", guardians: {under: 19}"))
	defer end()
	ctx := t.Context()
	w.set(at(12, 20, 0))
	young := civil.New(2005, 7, 13)  // 16 years
	almost := civil.New(2002, 7, 13) // 18, and 19 tomorrow
	w.children("pupils", young, 201)
	w.children("almost", almost, 202)
	ask := func(n int, born civil.Date, guardian bool) walk.NewRecipient {
		return walk.NewRecipient{Campaign: campaign, Name: "김하늘", Born: born, Identity: person.Trial(n).Identity, Consent: true, Guardian: guardian}
	}
	for name, r := range map[string]walk.NewRecipient{
		"a child by family": ask(201, young, false), "a grown-up by a guardian": ask(100, born, true),
	} {
		_, err := w.AddRecipient(ctx, w.actor(50), r)
		if e := wantCode(t, err, walk.HelperNotAllowed); e.Field != "guardian" {
			t.Errorf("%s: the refusal is about %q: %s", name, e.Field, e.Detail)
		}
	}
	agreed := ask(201, young, true)
	agreed.Consent = false
	_, err := w.AddRecipient(ctx, w.actor(50), agreed)
	wantCode(t, err, walk.BadRequest)
	wrong := ask(201, young+1, true) // the roster knows another day of birth
	_, err = w.AddRecipient(ctx, w.actor(50), wrong)
	wantCode(t, err, walk.HelperNotAllowed)

	child, err := w.AddRecipient(ctx, w.actor(50), ask(201, young, true))
	must(t, err)
	if child.Kind != person.Guardian {
		t.Errorf("registered as %q", child.Kind)
	}
	p, _, err := w.Join(ctx, w.actor(50), campaign, child.ID)
	must(t, err)
	w.settle()
	pass, err := w.Enter(ctx, w.actor(50), campaign, child.ID, p.Ticket, "phone", false)
	must(t, err)
	b, _, err := w.Book(ctx, w.actor(50), pass.Token, walk.BookRequest{Slot: w.slot(firstDay, 0), IdempotencyKey: "k"})
	must(t, err)
	if b.Recipient != child.ID || b.Name != "김하늘" {
		t.Errorf("booked: %+v", b)
	}
	// Who comes of age agrees for themselves from that day on.
	eighteen, err := w.AddRecipient(ctx, w.actor(50), ask(202, almost, true))
	must(t, err)
	_, _, err = w.Join(ctx, w.actor(50), campaign, eighteen.ID)
	must(t, err)
	w.advance(at(13, 9, 0))
	_, err = w.PlaceOf(ctx, w.actor(50), campaign, eighteen.ID)
	wantCode(t, err, walk.HelperNotAllowed)
	_, err = w.PlaceOf(ctx, w.actor(202), campaign, "") // the place is theirs
	must(t, err)

	wards, end := worldOf(t, guardedRules(", guardians: {under: 19, wards: true}"))
	defer end()
	wards.set(at(12, 20, 0))
	must(t, wards.Round(ctx))
	_, err = wards.AddRecipient(ctx, wards.actor(50), ask(100, born, true))
	must(t, err)
	none, end := worldOf(t, guardedRules(""))
	defer end()
	none.set(at(12, 20, 0))
	must(t, none.Round(ctx))
	_, err = none.AddRecipient(ctx, none.actor(50), ask(100, born, true))
	wantCode(t, err, walk.HelperNotAllowed)
}

// TestLeftoverForRecipient: a helper signs somebody up for leftover doses, is told of the offer beside them, and answers for them; nobody else can.
func TestLeftoverForRecipient(t *testing.T) {
	t.Parallel()
	w, end := worldOf(t, guardedRules(""))
	defer end()
	ctx := t.Context()
	w.set(at(26, 14, 0))
	must(t, w.Round(ctx))
	r, err := w.AddRecipient(ctx, w.actor(50), walk.NewRecipient{Campaign: campaign, Name: "박말순", Born: born, Identity: person.Trial(100).Identity, Consent: true})
	must(t, err)
	l, err := w.SetLeftovers(ctx, w.actor(50), campaign, r.ID, []string{"S1"})
	must(t, err)
	if len(l.Sites) != 1 {
		t.Fatalf("signed up: %+v", l)
	}
	if own, err := w.Leftovers(ctx, w.actor(50), campaign); err != nil || len(own.Sites) != 0 {
		t.Errorf("the helper is in %d lists, %v", len(own.Sites), err)
	}
	if theirs, err := w.Leftovers(ctx, w.actor(100), campaign); err != nil || len(theirs.Sites) != 1 {
		t.Errorf("the person is in %d lists, %v", len(theirs.Sites), err)
	}
	_, err = w.SetLeftovers(ctx, w.actor(51), campaign, r.ID, nil)
	wantCode(t, err, walk.HelperNotAllowed)
	w.leftOver(campaign, 1, "moderna", 1)
	must(t, w.Round(ctx))
	l, err = w.LeftoversFor(ctx, w.actor(50), campaign, r.ID)
	must(t, err)
	if l.Offer == nil || l.Offer.State != leftovers.Offered {
		t.Fatalf("offered: %+v", l.Offer)
	}
	for n, helper := range map[int]bool{100: false, 50: true} {
		list, err := w.outbox.Messages(ctx, w.actor(n).Key, 9)
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
	_, err = w.AcceptLeftover(ctx, w.actor(51), campaign, r.ID, l.Offer.ID)
	wantCode(t, err, walk.HelperNotAllowed)
	_, err = w.AcceptLeftover(ctx, w.actor(50), campaign, "", l.Offer.ID)
	wantCode(t, err, walk.NotFound)
	b, err := w.AcceptLeftover(ctx, w.actor(50), campaign, r.ID, l.Offer.ID)
	must(t, err)
	if b.Name != "박말순" || b.Recipient != r.ID {
		t.Errorf("booked: %+v", b)
	}
	if list, err := w.Bookings(ctx, w.actor(100)); err != nil || len(list) != 1 || !list[0].Doses[0].Start.Equal(at(26, 14, 0).Truncate(time.Minute)) {
		t.Errorf("the person has %+v, %v", list, err)
	}
	// A helper whose consent was withdrawn is told nothing.
	must(t, w.RemoveRecipient(ctx, w.actor(50), r.ID))
	list, err := w.outbox.Messages(ctx, w.actor(50).Key, 9)
	must(t, err)
	if _, ok, err := w.LeftoverOffered("")(ctx, list[0].Event, &list[0].Message); ok || err != nil {
		t.Errorf("told after the consent was withdrawn: %v, %v", ok, err)
	}
}
