package ical

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
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
