package standby_test

import (
	"testing"
	"time"

	"charye/booking"
	"charye/line"
	"charye/walk"
)

const standing = "standing-by"

// come has person n take a pass of the campaign that stands by.
func (w *world) come(n int) (walk.Pass, error) {
	w.T.Helper()
	p, err := w.PlaceOf(w.T.Context(), w.Actor(n), standing, "")
	must(w.T, err)
	return w.Enter(w.T.Context(), w.Actor(n), standing, "", p.Ticket, "phone", false)
}

// take has person n book there.
func (w *world) take(n int) walk.Booking {
	w.T.Helper()
	pass, err := w.come(n)
	must(w.T, err)
	slots, err := w.Slots(w.T.Context(), standing, "S1", firstDay)
	must(w.T, err)
	for _, s := range slots {
		if s.Free > 0 {
			b, err := w.BookSlot(n, pass.Token, s.ID)
			must(w.T, err)
			return b
		}
	}
	w.T.Fatal("no seat is free")
	return walk.Booking{}
}

// wantKept fails unless those people, and nobody else of the first nine, have a dose kept until an instant.
func (w *world) wantKept(until time.Time, people ...int) {
	w.T.Helper()
	kept := map[int]bool{}
	for _, n := range people {
		kept[n] = true
	}
	for n := 1; n <= 9; n++ {
		p, err := w.PlaceOf(w.T.Context(), w.Actor(n), standing, "")
		must(w.T, err)
		if has := !p.KeptUntil.IsZero(); has != kept[n] || has && (p.KeptUntil.Sub(until).Abs() > time.Minute || p.State != line.Admitted) {
			w.T.Fatalf("person %d has a dose kept until %v (%s), want %v of %v until %v", n, p.KeptUntil, p.State, kept[n], people, until)
		}
	}
}

// TestStandby: after a campaign was sold out, what comes free is kept for the next in line for some hours, whoever else runs, and
// then for the one behind them; a delivery is shared out in the same order.
func TestStandby(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Set(at(12, 20, 0))
	for n := 1; n <= 9; n++ {
		_, _, err := w.Join(t.Context(), w.Actor(n), standing, "")
		must(t, err)
	}
	w.GoOn()
	first := w.take(1)
	w.take(2)
	w.GoOn()
	w.GoOn()
	c, err := w.Campaign(t.Context(), standing)
	must(t, err)
	if c.State != walk.StateSoldOut {
		t.Fatalf("state %s, want sold out", c.State)
	}
	w.wantKept(time.Time{})

	_, err = w.Cancel(t.Context(), w.Actor(1), first.ID)
	must(t, err)
	w.Advance(at(12, 21, 0))
	w.GoOn()
	w.wantKept(at(13, 20, 0), 3) // twelve hours from the end of the quiet ones
	_, err = w.come(1)           // whoever gave it back has a turn still, and no dose
	wantCode(t, err, walk.SlotFull)
	_, err = w.come(4)
	wantCode(t, err, walk.NotYourTurn)
	w.take(3)
	w.GoOn()
	w.wantKept(time.Time{})

	w.Advance(at(13, 12, 0))
	w.GoOn()
	w.wantKept(at(14, 0, 0), 4, 5)
	pass, err := w.come(4)
	must(t, err)
	slot, ok := w.slotsOf(t)
	if !ok {
		t.Fatal("no slot is free")
	}
	held, err := w.Hold(t.Context(), w.Actor(4), pass.Token, slot)
	must(t, err)
	if !held.ExpiresAt.Before(at(13, 12, 10)) {
		t.Fatalf("the slot is held until %v", held.ExpiresAt)
	}
	w.Advance(at(13, 12, 10)) // the slot is over, the invitation is not
	w.wantKept(at(14, 0, 0), 4, 5)
	w.take(5)
	w.Advance(at(14, 0, 1))
	w.GoOn()
	w.wantKept(at(14, 20, 0), 6)
	_, err = w.come(4)
	wantCode(t, err, walk.SlotFull)
	w.take(6)

	if broken := booking.Check(t.Context(), w.Ledger); len(broken) > 0 {
		t.Fatal(broken)
	}
}

// slotsOf gives a slot of the campaign that stands by.
func (w *world) slotsOf(t *testing.T) (string, bool) {
	slots, err := w.Slots(t.Context(), standing, "S2", firstDay)
	must(t, err)
	return slots[0].ID, len(slots) > 0
}
