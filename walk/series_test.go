package walk_test

import (
	"strings"
	"testing"

	"charye/booking"
	"charye/walk"
)

// bookIn has person n book the first free slot of a product in a campaign whose line is open.
func (w *world) bookIn(n int, campaign, product string) (walk.Booking, error) {
	w.T.Helper()
	ctx := w.T.Context()
	p, _, err := w.Join(ctx, w.Actor(n), campaign, "")
	must(w.T, err)
	w.GoOn()
	pass, err := w.Enter(ctx, w.Actor(n), campaign, "", p.Ticket, "phone", false)
	must(w.T, err)
	slots, err := w.Slots(ctx, campaign, "S1", firstDay)
	must(w.T, err)
	for _, s := range slots {
		if s.Product == product && s.Free > 0 {
			return w.BookSlot(n, pass.Token, s.ID)
		}
	}
	w.T.Fatalf("no slot of %s is free", product)
	return walk.Booking{}, nil
}

// TestMixedSeries: the second dose is of another product where the rules say so, at the interval of the first; it can be moved to a
// slot of that product and to no other, and follows a first dose that moves.
func TestMixedSeries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Set(at(12, 20, 0))
	b, err := w.bookIn(1, "mixed", "az")
	must(t, err)
	if b.Doses[0].Product.ID != "az" || b.Doses[1].Product.ID != "pfizer" || b.Doses[1].Start.Sub(b.Doses[0].Start).Hours() != 28*24 {
		t.Fatalf("booked %+v", b.Doses)
	}
	ctx := t.Context()
	later, err := w.DoseSlots(ctx, w.Actor(1), b.ID, 2, "S1", firstDay+30)
	must(t, err)
	if len(later) == 0 || later[0].Product != "pfizer" {
		t.Fatalf("for the second dose there are %+v", later)
	}
	_, err = w.Change(ctx, w.Actor(1), b.ID, 2, strings.ReplaceAll(later[0].ID, "pfizer", "az"))
	if e := wantCode(t, err, walk.BadRequest); !strings.Contains(e.Detail, "pfizer") {
		t.Fatal(e.Detail)
	}
	b, err = w.Change(ctx, w.Actor(1), b.ID, 2, later[0].ID)
	must(t, err)
	first, err := w.DoseSlots(ctx, w.Actor(1), b.ID, 1, "S2", firstDay+5)
	must(t, err)
	var az string
	for _, s := range first {
		if s.Product == "az" {
			az = s.ID
		}
	}
	b, err = w.Change(ctx, w.Actor(1), b.ID, 1, az)
	must(t, err)
	if b.Doses[1].Product.ID != "pfizer" || b.Doses[1].Site.ID != "S2" {
		t.Fatalf("after the move %+v", b.Doses)
	}
	if broken := booking.Check(ctx, w.Ledger); len(broken) > 0 {
		t.Fatal(broken)
	}
}

// TestNotTogether: who has one product booked does not get another that does not go together with it, either way round, nor more of one
// than the rules allow.
func TestNotTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Set(at(12, 20, 0))
	janssen, err := w.bookIn(1, "standing-by", "janssen")
	must(t, err)
	_, err = w.bookIn(1, "mixed", "pfizer")
	wantCode(t, err, walk.NotEligible)
	_, err = w.bookIn(2, "mixed", "pfizer")
	must(t, err)
	_, err = w.bookIn(2, "standing-by", "janssen")
	wantCode(t, err, walk.NotEligible)
	_, err = w.Cancel(t.Context(), w.Actor(1), janssen.ID)
	must(t, err)
	_, err = w.bookIn(1, "mixed", "pfizer")
	must(t, err)
}
