package notify

import (
	"strings"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/site"
)

func facts(b *booking.Booking) Facts {
	f := Facts{
		Booking: *b, Campaign: programme.Text{KO: "55–59세", EN: "Ages 55–59"}, Number: "0000-0009-4", Zone: seoul, Link: "https://charye.example/bookings",
		Until: kst(14, 9, 0), Expected: kst(12, 20, 40),
	}
	for _, d := range b.Doses {
		f.Doses = append(f.Doses, DoseFacts{
			Dose: d.Dose, Start: d.Slot.Day.At(d.Slot.Minute, seoul), Product: programme.Text{KO: "모더나", EN: "Moderna"},
			Site: site.Site{Name: "햇살의원", Address: "서울특별시 중구 세종대로 110", Phone: "02-120"},
		})
	}
	return f
}

// TestEveryText puts every kind of message into words in every language, to the person and to a helper.
func TestEveryText(t *testing.T) {
	t.Parallel()
	languages, err := Languages()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"ko", "en"} {
		for _, kind := range Kinds {
			for _, toHelper := range []bool{false, true} {
				b := bookingOn(booking.Booked, 16, 20)
				b.Actor = person.Key{2}
				f := facts(b)
				m := Message{Kind: kind, Helper: toHelper, Dose: 2, Day: civil.New(2021, 7, 20)}
				w, err := languages[id].Put(&m, &f)
				if err != nil {
					t.Fatalf("%s %s: %v", id, kind, err)
				}
				wanted := []string{f.Number, f.Link, f.Campaign.In(id)}
				switch kind {
				case Invited, Leftover:
					wanted[0] = languages[id].when(f.Until)
				case Near:
					wanted[0] = languages[id].when(f.Expected)
				case Alarm:
					f.Alarm = AlarmFacts{Cause: "frozen", Where: "하나의원", Begin: kst(20, 9, 0), Boxes: 12, Doses: 480, More: 3}
					if w, err = languages[id].Put(&m, &f); err != nil || !w.Urgent {
						t.Errorf("%s alarm: %v, urgent %t", id, err, w.Urgent)
					}
					wanted = append(wanted[1:], "하나의원", languages[id].when(kst(20, 9, 0)), "12", "480", " 3")
				}
				if kind == Invited || kind == Near {
					own := m
					own.Helper = !toHelper
					if other, err := languages[id].Put(&own, &f); err != nil || other.Body == w.Body {
						t.Errorf("%s %s says the same to the person and to a helper (%v):\n%s", id, kind, err, w.Body)
					}
				}
				for _, want := range wanted {
					if !strings.Contains(w.Subject+w.Body, want) {
						t.Errorf("%s %s does not tell %q:\n%s\n%s", id, kind, want, w.Subject, w.Body)
					}
				}
				if strings.Contains(w.Subject, "\n") || !strings.HasSuffix(w.Body, "\n") || strings.Contains(w.Body, "<no value>") {
					t.Errorf("%s %s is out of form:\n%q\n%q", id, kind, w.Subject, w.Body)
				}
				if kind == Booked && strings.Contains(w.Body, "대리인이") == toHelper && id == "ko" {
					t.Errorf("the helper's part of a receipt is wrong:\n%s", w.Body)
				}
			}
		}
	}
}

func TestWhen(t *testing.T) {
	t.Parallel()
	ko, en := &Language{id: "ko"}, &Language{id: "en"}
	for _, c := range []struct {
		hour, minute int
		ko, en       string
	}{
		{9, 0, "2021년 7월 26일(월) 오전 9:00", "Monday 26 July 2021, 09:00"},
		{12, 5, "2021년 7월 26일(월) 오후 12:05", "Monday 26 July 2021, 12:05"},
		{0, 30, "2021년 7월 26일(월) 오전 12:30", "Monday 26 July 2021, 00:30"},
		{17, 30, "2021년 7월 26일(월) 오후 5:30", "Monday 26 July 2021, 17:30"},
	} {
		at := kst(26, c.hour, c.minute)
		if got := ko.when(at); got != c.ko {
			t.Errorf("%q, want %q", got, c.ko)
		}
		if got := en.when(at); got != c.en {
			t.Errorf("%q, want %q", got, c.en)
		}
	}
}

// TestSubjectIsOneLine: a site or campaign whose name has a line break cannot begin a header.
func TestSubjectIsOneLine(t *testing.T) {
	t.Parallel()
	languages, err := Languages()
	if err != nil {
		t.Fatal(err)
	}
	f := facts(bookingOn(booking.Booked, 16))
	f.Campaign.KO = "접종\r\nBcc: everybody@example.org"
	w, err := languages["ko"].Put(&Message{Kind: Booked}, &f)
	if err != nil || strings.ContainsAny(w.Subject, "\r\n") {
		t.Errorf("%q, %v", w.Subject, err)
	}
}

// TestNearInWords: a turn that has come is not told as near, and where nobody can say when it comes no time is told.
func TestNearInWords(t *testing.T) {
	t.Parallel()
	languages, err := Languages()
	if err != nil {
		t.Fatal(err)
	}
	put := func(f Facts) Words {
		w, err := languages["en"].Put(&Message{Kind: Near}, &f)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	f := Facts{Campaign: programme.Text{EN: "Ages 55–59"}, Zone: seoul, Link: "https://charye.example/c/age-55-59", Expected: kst(12, 20, 40)}
	if w := put(f); !strings.Contains(w.Body, "near") || !strings.Contains(w.Body, "20:40") || w.Link != f.Link {
		t.Errorf("expected: %+v", w)
	}
	f.Come = true
	if w := put(f); strings.Contains(w.Subject+w.Body, "near") || strings.Contains(w.Body, "20:40") || !strings.Contains(w.Body, "It is your turn") {
		t.Errorf("come: %+v", w)
	}
	f.Come, f.Expected = false, time.Time{}
	if w := put(f); !strings.Contains(w.Body, "near") || strings.Contains(w.Body, "expected") {
		t.Errorf("unknown: %+v", w)
	}
}
