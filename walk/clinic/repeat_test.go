package clinic_test

import (
	"errors"
	"strings"
	"testing"

	"charye/booking"
	"charye/internal/civil"
	"charye/walk"
)

// spoil has the supply room say that a dose was given from what was not fit.
func (w *world) spoil(b walk.Booking, dose int) {
	w.T.Helper()
	s := w.stored(b)
	out, err := w.Ledger.Apply(w.T.Context(), []booking.Request{{
		Op: booking.OpVisit, Campaign: s.Campaign, Person: s.Person, Channel: "system", Why: "2020-09", At: w.Now(), Booking: s.ID, Dose: dose,
		Visit: booking.Visit{State: booking.Spoilt, Why: "2020-09"},
	}})
	must(w.T, err)
	if out[0].Result != booking.Done {
		w.T.Fatalf("spoilt: result %d", out[0].Result)
	}
}

// onDay is a slot of S1 on a day.
func (w *world) onDay(b walk.Booking, dose int, day civil.Date) (string, error) {
	w.T.Helper()
	list, err := w.DoseSlots(w.T.Context(), w.Actor(1), b.ID, dose, "S1", day)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0].ID, nil
}

// TestSpoiltDoseAgain: who was given a dose that was spoilt books it again, from the legal day on, without a line; what was booked behind it comes after.
func TestSpoiltDoseAgain(t *testing.T) {
	t.Parallel()
	text := strings.Replace(visitRules, "doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]", "doses: 1, again: [{from: 2021-01-01, after: 14d}]", 1)
	w, end := worldOf(t, text)
	t.Cleanup(end)
	w.StaffFrom([]string{staffSpace})
	must(t, w.Ledger.SetCapacity(t.Context(), []booking.Claim{{Counter: booking.VialsCounter(1, w.Programme().Products[0].Num), Capacity: 20}}))
	w.Set(at(12, 20, 1))
	w.GoOn()
	b := w.comes(1, firstDay, 0)
	w.Advance(at(26, 8, 55))
	_, err := w.TellOf(b, 1, booking.Given, "AB12")
	must(t, err)
	if got, err := w.Booking(t.Context(), w.Actor(1), b.ID); err != nil || got.Repeat != nil {
		t.Fatalf("before: %+v, %v", got.Repeat, err)
	}
	if _, err := w.Change(t.Context(), w.Actor(1), b.ID, 2, w.SlotAt(firstDay+14, 0)); code(err) != walk.BadRequest {
		t.Errorf("a second dose of one: %v", err)
	}
	if _, err := w.TellOf(b, 1, booking.Spoilt); code(err) != walk.BadRequest {
		t.Errorf("a nurse says that it was spoilt: %v", err)
	}
	w.spoil(b, 1)
	got, err := w.Booking(t.Context(), w.Actor(1), b.ID)
	must(t, err)
	if r := got.Repeat; r == nil || r.Spoilt != 1 || r.Dose != 2 || r.From != firstDay+14 || r.TooSoon {
		t.Fatalf("what is to be done: %+v", got.Repeat)
	}
	if slot, err := w.onDay(b, 2, firstDay+13); slot != "" || err != nil {
		t.Errorf("a day too soon: %q, %v", slot, err)
	}
	if _, err := w.Change(t.Context(), w.Actor(1), b.ID, 2, w.SlotAt(firstDay+13, 0)); code(err) != walk.BadRequest {
		t.Errorf("taken a day too soon: %v", err)
	}
	if _, err := w.Change(t.Context(), w.Actor(1), b.ID, 1, w.SlotAt(firstDay+14, 0)); err == nil {
		t.Error("the dose that was given moved")
	}
	if _, err := w.Change(t.Context(), w.Actor(2), b.ID, 2, w.SlotAt(firstDay+14, 0)); code(err) != walk.NotFound {
		t.Errorf("somebody else: %v", err)
	}
	slot, err := w.onDay(b, 2, firstDay+14)
	must(t, err)
	got, err = w.Change(t.Context(), w.Actor(1), b.ID, 2, slot)
	must(t, err)
	if len(got.Doses) != 2 || !got.Doses[1].Repeats || got.Doses[0].State != booking.Spoilt || got.Repeat.Dose != 0 {
		t.Errorf("booked again: %+v", got)
	}
	if s := w.stored(b); s.Shared[0].N != 2 {
		t.Errorf("it took %d of the stock, want 2: what was spoilt is gone", s.Shared[0].N)
	}
	if _, err := w.Change(t.Context(), w.Actor(1), b.ID, 3, w.SlotAt(firstDay+15, 0)); code(err) != walk.BadRequest {
		t.Errorf("a third dose: %v", err)
	}
	slot, err = w.onDay(b, 2, firstDay+20) // another day after all
	must(t, err)
	got, err = w.Change(t.Context(), w.Actor(1), b.ID, 2, slot)
	must(t, err)
	if len(got.Doses) != 2 || w.stored(b).Shared[0].N != 2 {
		t.Errorf("moved: %+v", got)
	}
	w.checked()
}

// TestSpoiltDoseInASeries: the dose booked behind a spoilt one takes its number, has to be far enough, and one more is booked.
func TestSpoiltDoseInASeries(t *testing.T) {
	t.Parallel()
	text := strings.Replace(visitRules, "series: {doses: 2,", "series: {again: [{from: 2021-01-01, after: 30d}], doses: 2,", 1)
	text = strings.Replace(text, "days: 40", "days: 100", 1)
	w, end := worldOf(t, text)
	t.Cleanup(end)
	w.StaffFrom([]string{staffSpace})
	must(t, w.Ledger.SetCapacity(t.Context(), []booking.Claim{{Counter: booking.VialsCounter(1, w.Programme().Products[0].Num), Capacity: 20}}))
	w.Set(at(12, 20, 1))
	w.GoOn()
	b := w.comes(1, firstDay, 0)
	w.Advance(at(26, 8, 55))
	_, err := w.TellOf(b, 1, booking.Given, "AB12")
	must(t, err)
	if got, err := w.Booking(t.Context(), w.Actor(1), b.ID); err != nil || got.Changeable || got.Doses[0].Changeable || !got.Doses[1].Changeable || !got.LaterChangeable() {
		t.Errorf("dose 1 is given, dose 2 can still be moved: %+v, %v", got, err)
	}
	w.spoil(b, 1)
	got, err := w.Booking(t.Context(), w.Actor(1), b.ID)
	must(t, err)
	if r := got.Repeat; r == nil || r.Dose != 2 || !r.TooSoon || r.From != firstDay+30 {
		t.Fatalf("28 days behind it, and 30 are wanted: %+v", got.Repeat)
	}
	w.Set((firstDay + 28).At(9*60, w.Programme().Zone))
	if _, err := w.TellOf(b, 2, booking.Given, "AB12"); code(err) != walk.Conflict {
		t.Errorf("given again two days too soon: %v", err)
	}
	w.Set((firstDay + 1).At(9*60, w.Programme().Zone))
	slot, err := w.onDay(b, 2, firstDay+30)
	must(t, err)
	got, err = w.Change(t.Context(), w.Actor(1), b.ID, 2, slot)
	must(t, err)
	if len(got.Doses) != 3 || !got.Doses[1].Repeats || got.Doses[2].Repeats || got.Repeat.Dose != 0 {
		t.Errorf("moved, and planned anew: %+v, %+v", got.Doses, got.Repeat)
	}
	if gap := got.Doses[2].Start.Sub(got.Doses[1].Start).Hours() / 24; gap < 21 || gap > 42 {
		t.Errorf("dose 3 is %v days behind", gap)
	}
	w.checked()
}

// code is why something was refused; empty when it was not.
func code(err error) walk.Code {
	if e, ok := errors.AsType[*walk.Error](err); ok {
		return e.Code
	}
	return ""
}
