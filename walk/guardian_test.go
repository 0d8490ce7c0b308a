package walk_test

import (
	"testing"

	"charye/internal/civil"
	"charye/person"
	"charye/walk"
	"charye/walk/walktest"
)

// TestGuardian: a child is signed up by its parent or guardian and by nobody else; who can agree for themselves has no guardian, but for wards.
func TestGuardian(t *testing.T) {
	t.Parallel()
	w, end := worldOf(t, walktest.GuardedRules(", guardians: {under: 19}"))
	defer end()
	ctx := t.Context()
	w.Set(at(12, 20, 0))
	young := civil.New(2005, 7, 13)  // 16 years
	almost := civil.New(2002, 7, 13) // 18, and 19 tomorrow
	w.Children("pupils", young, 201)
	w.Children("almost", almost, 202)
	ask := func(n int, born civil.Date, guardian bool) walk.NewRecipient {
		return walk.NewRecipient{Campaign: campaign, Name: "김하늘", Born: born, Identity: person.Trial(n).Identity, Consent: true, Guardian: guardian}
	}
	for name, r := range map[string]walk.NewRecipient{
		"a child by family": ask(201, young, false), "a grown-up by a guardian": ask(100, born, true),
	} {
		_, err := w.AddRecipient(ctx, w.Actor(50), r)
		if e := wantCode(t, err, walk.HelperNotAllowed); e.Field != "guardian" {
			t.Errorf("%s: the refusal is about %q: %s", name, e.Field, e.Detail)
		}
	}
	agreed := ask(201, young, true)
	agreed.Consent = false
	_, err := w.AddRecipient(ctx, w.Actor(50), agreed)
	wantCode(t, err, walk.BadRequest)
	wrong := ask(201, young+1, true) // the roster knows another day of birth
	_, err = w.AddRecipient(ctx, w.Actor(50), wrong)
	wantCode(t, err, walk.HelperNotAllowed)

	child, err := w.AddRecipient(ctx, w.Actor(50), ask(201, young, true))
	must(t, err)
	if child.Kind != person.Guardian {
		t.Errorf("registered as %q", child.Kind)
	}
	p, _, err := w.Join(ctx, w.Actor(50), campaign, child.ID)
	must(t, err)
	w.GoOn()
	pass, err := w.Enter(ctx, w.Actor(50), campaign, child.ID, p.Ticket, "phone", false)
	must(t, err)
	b, _, err := w.Book(ctx, w.Actor(50), pass.Token, walk.BookRequest{Slot: w.SlotAt(firstDay, 0), IdempotencyKey: "k"})
	must(t, err)
	if b.Recipient != child.ID || b.Name != "김하늘" {
		t.Errorf("booked: %+v", b)
	}
	// Who comes of age agrees for themselves from that day on.
	eighteen, err := w.AddRecipient(ctx, w.Actor(50), ask(202, almost, true))
	must(t, err)
	_, _, err = w.Join(ctx, w.Actor(50), campaign, eighteen.ID)
	must(t, err)
	w.Advance(at(13, 9, 0))
	_, err = w.PlaceOf(ctx, w.Actor(50), campaign, eighteen.ID)
	wantCode(t, err, walk.HelperNotAllowed)
	_, err = w.PlaceOf(ctx, w.Actor(202), campaign, "") // the place is theirs
	must(t, err)

	wards, end := worldOf(t, walktest.GuardedRules(", guardians: {under: 19, wards: true}"))
	defer end()
	wards.Set(at(12, 20, 0))
	must(t, wards.Round(ctx))
	_, err = wards.AddRecipient(ctx, wards.Actor(50), ask(100, born, true))
	must(t, err)
	none, end := worldOf(t, walktest.GuardedRules(""))
	defer end()
	none.Set(at(12, 20, 0))
	must(t, none.Round(ctx))
	_, err = none.AddRecipient(ctx, none.Actor(50), ask(100, born, true))
	wantCode(t, err, walk.HelperNotAllowed)
}
