package notify

import (
	"strings"
	"testing"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
)

// TestVisitMessages: a missed appointment and one that could not be kept are each told once, to the person alone, by day; what else happens at a
// clinic is nobody's news.
func TestVisitMessages(t *testing.T) {
	t.Parallel()
	clerk := person.Key{9}
	for kind, want := range map[booking.EventKind]Kind{
		booking.EventNoShow: Missed, booking.EventTurnedAway: Turned, booking.EventArrived: "", booking.EventGiven: "", booking.EventUndone: "",
		booking.EventSpoilt: Spoilt,
	} {
		e := event(kind, kst(16, 23, 30), clerk)
		e.Channel, e.Dose = "clinic", 2
		got := rules.Plan(e, bookingOn(booking.Booked, 16, 20), nil)
		if want == "" {
			if len(got) > 0 {
				t.Errorf("%s: %+v", kind, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Kind != want || got[0].To != alice || got[0].Dose != 2 || !got[0].Due.Equal(rules.AfterQuiet(e.At)) || !got[0].Due.After(e.At) {
			t.Errorf("%s: %+v", kind, got)
		}
		b := bookingOn(booking.Booked, 16, 20)
		if got[0].True(b) {
			t.Errorf("%s is true of a dose that is expected", want)
		}
		b.Doses[1].Visit.State = map[Kind]booking.VisitState{Missed: booking.NoShow, Turned: booking.TurnedAway, Spoilt: booking.Spoilt}[want]
		if !got[0].True(b) {
			t.Errorf("%s is not true", want)
		}
		b.Status = booking.Cancelled
		if got[0].True(b) {
			t.Errorf("%s is true of a cancelled booking", want)
		}
	}
}

// TestWhatFollows puts each thing that may follow a missed appointment into words.
func TestWhatFollows(t *testing.T) {
	t.Parallel()
	languages, err := Languages()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]Next{}
	for id, l := range languages {
		for _, next := range []Next{NextNow, NextFrom, NextLast, NextOver} {
			f := facts(bookingOn(booking.Missed, 16, 20))
			f.Next, f.From = next, civil.New(2021, 7, 28).At(0, seoul)
			w, err := l.Put(&Message{Kind: Missed, Dose: 1}, &f)
			if err != nil {
				t.Fatal(err)
			}
			if dated := next == NextFrom || next == NextLast; strings.Contains(w.Body, l.when(f.From)) != dated {
				t.Errorf("%s %s:\n%s", id, next, w.Body)
			}
			if other, twice := seen[w.Body]; twice {
				t.Errorf("%s: %s and %s read the same", id, next, other)
			}
			seen[w.Body] = next
		}
		f := facts(bookingOn(booking.Booked, 16, 20))
		f.From = civil.New(2021, 8, 28).At(0, seoul)
		w, err := l.Put(&Message{Kind: Spoilt, Dose: 2}, &f)
		if err != nil || !strings.Contains(w.Body, l.day(f.From)) || strings.Contains(w.Body, l.when(f.From)) {
			t.Errorf("%s: %v\n%s", id, err, w.Body)
		}
		if _, err := l.Put(&Message{Kind: Turned, Dose: 3}, &f); err == nil {
			t.Errorf("%s: a dose that there is not was told of", id)
		}
	}
}
