package walk_test

import (
	"strings"
	"testing"

	"charye/person"
	"charye/walk"
)

// TestBookAgain: whoever cancelled keeps the turn: a new pass, and a new booking under a new key.
func TestBookAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.PlaceFor(1)
	w.Advance(at(12, 20, 0))
	pass, slot := w.Admit(1, "phone"), w.SlotAt(firstDay, 0)
	first, err := w.BookSlot(1, pass.Token, slot)
	must(t, err)
	p, err := w.PlaceOf(ctx, w.Actor(1), campaign, "")
	must(t, err)
	_, err = w.Enter(ctx, w.Actor(1), campaign, "", p.Ticket, "phone", false)
	wantCode(t, err, walk.AlreadyBooked)
	_, err = w.Cancel(ctx, w.Actor(1), first.ID)
	must(t, err)

	_, err = w.BookSlot(1, pass.Token, slot)
	wantCode(t, err, walk.NoPass) // it ended with the first booking
	pass = w.Admit(1, "laptop")
	_, err = w.BookSlot(1, pass.Token, slot)
	if e := wantCode(t, err, walk.Conflict); e.Field != "Idempotency-Key" {
		t.Fatalf("the key of a cancelled booking was refused for %q", e.Field)
	}
	ask := walk.BookRequest{Slot: slot, IdempotencyKey: "again"}
	again, repeated, err := w.Book(ctx, w.Actor(1), pass.Token, ask)
	must(t, err)
	if repeated || again.ID == first.ID || again.Cancelled {
		t.Fatalf("booked again: %+v (repeated %v), want a new booking", again, repeated)
	}
}

// TestLeaveTriedAgain: the room of somebody who booked while the line's store was away is given back when it is there again, and
// not that of somebody who has cancelled since and is choosing anew.
func TestLeaveTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inside := func() int {
		s, err := w.LineStore.Status(t.Context(), must1(w.Programme().Campaign(campaign)).Num)
		must(t, err)
		return s.Inside
	}
	w.PlaceFor(1)
	w.PlaceFor(2)
	w.Advance(at(12, 20, 0))
	pass := map[int]walk.Pass{1: w.Admit(1, "phone"), 2: w.Admit(2, "phone")}
	w.Stuck.Store(true)
	var second walk.Booking
	for n := range pass {
		b, err := w.BookSlot(n, pass[n].Token, w.SlotAt(firstDay, 0))
		must(t, err)
		if n == 2 {
			second = b
		}
	}
	if w.Round(t.Context()) == nil || inside() != 2 {
		t.Fatalf("%d inside while nobody can leave, want 2 and an error", inside())
	}
	_, err := w.Cancel(t.Context(), w.Actor(2), second.ID)
	must(t, err)
	w.Stuck.Store(false)
	w.GoOn()
	if n := inside(); n != 1 {
		t.Fatalf("%d inside after the store came back, want the one who cancelled", n)
	}
}

func must1[T any](v T, ok bool) T {
	if !ok {
		panic("not there")
	}
	return v
}

// TestPassAtTheEnd: a pass that ran out as the campaign closed is not answered with "ask for a new one".
func TestPassAtTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.PlaceFor(1)
	w.Advance(at(12, 20, 0))
	w.Set(at(17, 17, 55))
	pass, slot := w.Admit(1, "phone"), w.SlotAt(firstDay, 0)
	w.Set(at(17, 18, 0))
	_, err := w.BookSlot(1, pass.Token, slot)
	wantCode(t, err, walk.Closed)
	_, err = w.Hold(t.Context(), w.Actor(1), pass.Token, slot)
	wantCode(t, err, walk.Closed)
}

// TestChangeOfProduct: another product brings its own number of doses, whichever way.
func TestChangeOfProduct(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p, _, err := w.Join(ctx, w.Actor(1), "both", "")
	must(t, err)
	w.Advance(at(12, 20, 0))
	pass, err := w.Enter(ctx, w.Actor(1), "both", "", p.Ticket, "phone", false)
	must(t, err)
	slots, err := w.Slots(ctx, "both", "S1", firstDay)
	must(t, err)
	of := func(product string) string {
		t.Helper()
		for _, s := range slots {
			if s.Product == product {
				return s.ID
			}
		}
		t.Fatalf("no slot of %s", product)
		return ""
	}
	b, err := w.BookSlot(1, pass.Token, of("janssen"))
	must(t, err)
	for _, step := range []struct {
		product string
		doses   int
	}{{"janssen", 1}, {"moderna", 2}, {"moderna", 2}, {"janssen", 1}} {
		b, err = w.Change(ctx, w.Actor(1), b.ID, 1, of(step.product))
		must(t, err)
		if len(b.Doses) != step.doses || b.Doses[0].Product.ID != step.product {
			t.Fatalf("changed to %s: %d doses of %s, want %d", step.product, len(b.Doses), b.Doses[0].Product.ID, step.doses)
		}
	}
	_, err = w.Change(ctx, w.Actor(1), b.ID, 2, of("janssen"))
	wantCode(t, err, walk.BadRequest) // there is no second dose any more
}

// TestAlternativesLeadSomewhere: a refused slot is never among what is offered instead, and a second dose is offered hours
// of its own day.
func TestAlternativesLeadSomewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for n := 1; n <= 3; n++ {
		w.PlaceFor(n)
	}
	w.Advance(at(12, 20, 0))
	var second, mine walk.Booking
	for n := 1; n <= 3; n++ {
		b, err := w.BookSlot(n, w.Admit(n, "phone").Token, w.SlotAt(firstDay, n/3))
		must(t, err)
		second, mine = mine, b
	}
	must(t, w.Round(ctx))
	full, own := second.Doses[1], mine.Doses[1]
	if full.SlotID == own.SlotID {
		t.Fatal("the third person has the hour of the others")
	}
	_, err := w.Change(ctx, w.Actor(3), mine.ID, 2, full.SlotID)
	e := wantCode(t, err, walk.SlotFull)
	if len(e.Alternatives) == 0 {
		t.Fatal("no alternatives for dose 2")
	}
	for _, alt := range e.Alternatives {
		if alt.ID == full.SlotID || alt.Start.YearDay() != full.Start.YearDay() {
			t.Errorf("%s is offered instead of %s", alt.ID, full.SlotID)
		}
		_, err := w.Change(ctx, w.Actor(3), mine.ID, 2, alt.ID)
		must(t, err)
	}
}

// TestGuessing: identity numbers cannot be tried through, by whatever face.
func TestGuessing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	guess := func(helper, n int) error {
		_, err := w.AddRecipient(ctx, w.Actor(helper), walk.NewRecipient{
			Campaign: campaign, Name: "이어른", Born: born, Identity: person.Trial(n).Identity, Consent: true,
		})
		return err
	}
	for range 10 {
		wantCode(t, guess(50, 999), walk.HelperNotAllowed)
	}
	e := wantCode(t, guess(50, 100), walk.RateLimited) // right by now, but nobody finds out
	if e.RetryAfter <= 0 {
		t.Fatal("no time to try again was given")
	}
	must(t, guess(51, 101)) // another helper is not held back
	w.Clock.Add(int64(e.RetryAfter))
	must(t, guess(50, 100))
}

// TestLongestTexts: what the contract allows is taken, a character more is not.
func TestLongestTexts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	add := func(name string) error {
		_, err := w.AddRecipient(t.Context(), w.Actor(50), walk.NewRecipient{
			Campaign: campaign, Name: name, Born: born, Identity: person.Trial(100).Identity, Consent: true,
		})
		return err
	}
	if e := wantCode(t, add(strings.Repeat("가", 101)), walk.BadRequest); e.Field != "name" {
		t.Fatalf("the refusal names %q, want name", e.Field)
	}
	must(t, add(strings.Repeat("가", 100)))
}
