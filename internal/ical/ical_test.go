package ical

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"charye/programme"
	"charye/site"
	"charye/walk"
)

func TestFile(t *testing.T) {
	t.Parallel()
	kst := time.FixedZone("KST", 9*3600)
	e := Event{
		UID: "u@charye", Sequence: 2,
		Stamp: time.Date(2021, 7, 12, 20, 1, 2, 345, kst),
		Start: time.Date(2021, 7, 26, 9, 30, 0, 0, kst), End: time.Date(2021, 7, 26, 10, 0, 0, 0, kst),
		Summary:     `Dose 1; "Moderna", \o/`,
		Location:    "가나다라마바사아자차카타파하 가나다라마바사아자차카타파하",
		Description: "one\r\ntwo\nthree\x00\a",
		Placed:      true, Lat: 37.567817, Lon: 127.004501,
		Remind: 24 * time.Hour,
	}
	cancelled := Event{UID: "v@charye", Stamp: e.Stamp, Start: e.Start, End: e.End, Cancelled: true, Remind: time.Hour}
	got := string(Calendar{Name: "Ages 55–59", Lang: "ko", Events: []Event{e, cancelled}}.Append(nil))
	want := strings.ReplaceAll(`BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Charye//Charye//EN
CALSCALE:GREGORIAN
X-WR-CALNAME:Ages 55–59
BEGIN:VEVENT
UID:u@charye
SEQUENCE:2
DTSTAMP:20210712T110102Z
DTSTART:20210726T003000Z
DTEND:20210726T010000Z
SUMMARY;LANGUAGE=ko:Dose 1\; "Moderna"\, \\o/
LOCATION;LANGUAGE=ko:가나다라마바사아자차카타파하 가나다
 라마바사아자차카타파하
DESCRIPTION;LANGUAGE=ko:one\ntwo\nthree
GEO:37.567817;127.004501
TRANSP:OPAQUE
STATUS:CONFIRMED
BEGIN:VALARM
ACTION:DISPLAY
TRIGGER:-PT1440M
DESCRIPTION;LANGUAGE=ko:Dose 1\; "Moderna"\, \\o/
END:VALARM
END:VEVENT
BEGIN:VEVENT
UID:v@charye
SEQUENCE:0
DTSTAMP:20210712T110102Z
DTSTART:20210726T003000Z
DTEND:20210726T010000Z
TRANSP:OPAQUE
STATUS:CANCELLED
END:VEVENT
END:VCALENDAR
`, "\n", "\r\n")
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

func booking() walk.Booking {
	c := &programme.Campaign{ID: "age-55-59", Name: programme.Text{KO: "55–59세", EN: "Ages 55–59"}}
	moderna := programme.Product{ID: "moderna", Name: programme.Text{KO: "모더나", EN: "Moderna"}}
	at := time.Date(2021, 7, 26, 0, 30, 0, 0, time.UTC)
	s := site.Site{ID: "S1", Name: "을지의원", Address: "서울특별시 중구 을지로 1", Phone: "02-000-0000"}
	return walk.Booking{
		MadeAt: at.AddDate(0, 0, -14),
		ID:     "bk-secret", Number: "1234-5678", Campaign: c, Sequence: 3,
		Doses: []walk.Dose{
			{Dose: 1, Site: s, Start: at, End: at.Add(30 * time.Minute), Product: moderna},
			{Dose: 2, Site: s, Start: at.AddDate(0, 0, 28), End: at.AddDate(0, 0, 28).Add(30 * time.Minute), Product: moderna},
		},
	}
}

func TestOfBooking(t *testing.T) {
	t.Parallel()
	b := booking()
	ko, en := ofBooking(b, "ko"), ofBooking(b, "en")
	if len(ko.Events) != 2 || len(en.Events) != 2 {
		t.Fatalf("%d and %d events for two doses", len(ko.Events), len(en.Events))
	}
	if ko.Events[0].Summary != "예방접종 1차 (모더나)" || en.Events[1].Summary != "Vaccination, dose 2 (Moderna)" {
		t.Errorf("summaries %q, %q", ko.Events[0].Summary, en.Events[1].Summary)
	}
	if ko.Events[0].Location != "을지의원, 서울특별시 중구 을지로 1" || ko.Events[0].Description != "예약번호: 1234-5678\n전화: 02-000-0000" {
		t.Errorf("location %q, description %q", ko.Events[0].Location, ko.Events[0].Description)
	}
	if ko.Events[0].UID != en.Events[0].UID || ko.Events[0].UID == ko.Events[1].UID {
		t.Error("UIDs must depend on booking and dose, not on the language")
	}
	if file := string(Booking(b, "ko")); strings.Contains(file, b.ID) {
		t.Error("the file shows the booking's id")
	}

	b.Cancelled, b.Sequence, b.ForName = true, 4, "어머니"
	again := ofBooking(b, "ko")
	for i, e := range again.Events {
		if !e.Cancelled || e.Sequence != 5 || e.UID != ko.Events[i].UID {
			t.Errorf("event %d after cancelling: %+v", i, e)
		}
	}
	if again.Events[0].Summary != "예방접종 1차 (모더나) · 어머니" {
		t.Errorf("for a recipient: %q", again.Events[0].Summary)
	}
}

// Whatever the texts, the file keeps the format: CRLF, short lines, UTF-8, one property a line, and the texts read back.
func FuzzFile(f *testing.F) {
	f.Add("summary", "location", "description")
	f.Add("END:VEVENT\r\nBEGIN:VEVENT", "a\rb", ";,\\")
	f.Add(strings.Repeat("가", 200), strings.Repeat("a", 74)+"가", "\xff\xfe\x00")
	f.Add(strings.Repeat("😀", 40), "\\n", "\t")
	f.Fuzz(func(t *testing.T, summary, location, description string) {
		e := Event{UID: "u", Summary: summary, Location: location, Description: description}
		file := string(Calendar{Events: []Event{e}}.Append(nil))
		if !utf8.ValidString(file) {
			t.Fatal("not UTF-8")
		}
		lines := strings.Split(file, "\r\n")
		if lines[len(lines)-1] != "" {
			t.Fatal("no line break at the end")
		}
		for _, l := range lines {
			if len(l) > 75 || strings.ContainsAny(l, "\r\n") {
				t.Fatalf("line %q", l)
			}
			if !utf8.ValidString(l) {
				t.Fatalf("folded inside a character: %q", l)
			}
		}
		props := map[string]string{}
		for _, l := range strings.Split(strings.ReplaceAll(file, "\r\n ", ""), "\r\n") {
			if name, value, ok := strings.Cut(l, ":"); ok {
				if _, twice := props[name]; twice && name != "BEGIN" && name != "END" {
					t.Fatalf("%s twice: a text broke out", name)
				}
				props[name] = value
			}
		}
		for name, in := range map[string]string{"SUMMARY": summary, "LOCATION": location, "DESCRIPTION": description} {
			if want := carried(in); unescape(props[name]) != want {
				t.Fatalf("%s reads back as %q, want %q", name, unescape(props[name]), want)
			}
		}
	})
}

// carried is what of a text the format can carry.
func carried(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\;`, `;`, `\,`, `,`, `\n`, "\n").Replace(s)
}
