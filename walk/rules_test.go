package walk_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"charye/internal/civil"
	"charye/programme"
	"charye/walk"
)

const younger = "younger"

// TestRota: who comes on another's day is told, before any waiting, when their own begins; on it they take a place, and after the
// rota everybody does.
func TestRota(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.Advance(at(12, 20, 30))
	twelfth, thirteenth, fifth := w.BornOn(1, civil.New(1990, 3, 12)), w.BornOn(2, civil.New(1990, 3, 23)), w.BornOn(3, civil.New(1990, 3, 5))
	if _, _, err := w.Join(ctx, twelfth, younger, ""); err != nil {
		t.Errorf("born on a 12th, on the 12th: %v", err)
	}
	for who, from := range map[*walk.Actor]time.Time{&thirteenth: at(13, 20, 0), &fifth: at(15, 18, 0)} {
		for what, err := range map[string]error{
			"eligible": w.Eligible(ctx, *who, younger, ""),
			"join":     func() error { _, _, err := w.Join(ctx, *who, younger, ""); return err }(),
		} {
			e := wantCode(t, err, walk.NotOpen)
			later, ok := errors.AsType[*walk.ComesLater](err)
			if !ok || !later.From.Equal(from) || e.RetryAfter != from.Sub(time.Unix(0, w.Clock.Load())) {
				t.Errorf("%s of who comes from %v: %v, again after %v", what, from, err, e.RetryAfter)
			}
		}
	}
	w.Advance(at(13, 20, 0))
	if _, _, err := w.Join(ctx, thirteenth, younger, ""); err != nil {
		t.Errorf("born on a 23rd, on the 13th: %v", err)
	}
	w.Advance(at(15, 18, 0))
	if _, _, err := w.Join(ctx, fifth, younger, ""); err != nil {
		t.Errorf("after the rota: %v", err)
	}
}

// TestExcept: who is on a list of those vaccinated elsewhere is told so before any waiting, also when the list comes late, and is let
// in again once it was corrected.
func TestExcept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.Advance(at(12, 20, 30))
	a := w.BornOn(7, civil.New(1990, 3, 12))
	if err := w.Eligible(ctx, a, younger, ""); err != nil {
		t.Fatal(err)
	}
	w.Roster("elsewhere", 7, 9)
	w.GoOn()
	err := w.Eligible(ctx, a, younger, "")
	wantCode(t, err, walk.NotEligible)
	if not, ok := errors.AsType[*programme.NotEligible](err); !ok || not.Reason != programme.ReasonExcept {
		t.Errorf("told %v", err)
	}
	w.Roster("elsewhere", 8, 9)
	w.GoOn()
	if err := w.Eligible(ctx, a, younger, ""); err != nil {
		t.Errorf("after the correction: %v", err)
	}
}

// TestProductsByAgeAndDate: only what is offered to somebody is listed for them, and only that is booked.
func TestProductsByAgeAndDate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.Advance(at(12, 20, 30))
	listed := func(a walk.Actor) string {
		t.Helper()
		slots, err := w.SlotsFor(ctx, a, younger, "", "S1", firstDay)
		must(t, err)
		var out []string
		for _, s := range slots {
			if len(out) == 0 || out[len(out)-1] != s.Product {
				out = append(out, s.Product)
			}
		}
		return strings.Join(out, " ")
	}
	young, old := w.BornOn(1, civil.New(1990, 3, 12)), w.BornOn(2, civil.New(1975, 3, 12))
	if got := listed(young) + ", " + listed(old); got != "moderna, " {
		t.Errorf("on the 12th: %q", got)
	}
	pass := func(a walk.Actor) string {
		t.Helper()
		p, _, err := w.Join(ctx, a, younger, "")
		must(t, err)
		w.GoOn()
		in, err := w.Enter(ctx, a, younger, "", p.Ticket, "a device", false)
		must(t, err)
		return in.Token
	}
	book := func(a walk.Actor, slot string) error {
		t.Helper()
		_, _, err := w.Book(ctx, a, pass(a), walk.BookRequest{Slot: slot, IdempotencyKey: slot})
		return err
	}
	slots, err := w.Slots(ctx, younger, "S1", firstDay)
	must(t, err)
	if e := wantCode(t, book(old, slots[0].ID), walk.BadRequest); e.Field != "slot" || !strings.Contains(e.Detail, "of this age") {
		t.Errorf("somebody too old for the product was told: %v", e)
	}
	if err := book(young, slots[0].ID); err != nil {
		t.Error(err)
	}
	w.Advance(at(15, 18, 0))
	if got := listed(old); got != "janssen" {
		t.Errorf("on the 15th: %q", got)
	}
}

// TestHelpersByDate: before their day helpers are told when it is.
func TestHelpersByDate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Advance(at(13, 23, 59))
	_, err := w.AddRecipient(t.Context(), w.Actor(1), walk.NewRecipient{Campaign: younger})
	if e := wantCode(t, err, walk.HelperNotAllowed); !strings.Contains(e.Detail, "from 2021-07-14") {
		t.Errorf("told %v", e)
	}
	w.Set(at(14, 0, 0))
	_, err = w.AddRecipient(t.Context(), w.Actor(1), walk.NewRecipient{Campaign: younger})
	wantCode(t, err, walk.BadRequest) // now it is about what was filled in
}
