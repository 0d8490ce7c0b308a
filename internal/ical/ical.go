// Package ical writes calendar files (RFC 5545): what every calendar program can read, byte for byte.
//
// It owns the file format. It must not know what an event is about.
package ical

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ContentType is the media type of a calendar file.
const ContentType = "text/calendar; charset=utf-8"

// Calendar is one file.
type Calendar struct {
	Name   string // shown by many programs; may be empty
	Lang   string // language of the texts, such as "ko"; may be empty
	Events []Event
}

// Event is one entry. Times are written in UTC, which every program shows in its user's zone and which no change of a
// zone's rules can move.
type Event struct {
	UID         string // stable for the life of the entry: a later file with the same UID changes it
	Sequence    int    // grows with each change
	Stamp       time.Time
	Start, End  time.Time
	Summary     string
	Location    string
	Description string
	Placed      bool // Lat and Lon are known
	Lat, Lon    float64
	Cancelled   bool
	// Remind is how long before the start to remind; 0 is never. A cancelled event never reminds.
	Remind time.Duration
}

// Append appends the file to b.
func (c Calendar) Append(b []byte) []byte {
	b = line(b, "BEGIN:VCALENDAR")
	b = line(b, "VERSION:2.0")
	b = line(b, "PRODID:-//Charye//Charye//EN")
	b = line(b, "CALSCALE:GREGORIAN")
	b = text(b, "X-WR-CALNAME", "", c.Name)
	for _, e := range c.Events {
		b = e.append(b, c.Lang)
	}
	return line(b, "END:VCALENDAR")
}

func (e Event) append(b []byte, lang string) []byte {
	b = line(b, "BEGIN:VEVENT")
	b = text(b, "UID", "", e.UID)
	b = line(b, "SEQUENCE:"+strconv.Itoa(e.Sequence))
	b = line(b, "DTSTAMP:"+utc(e.Stamp))
	b = line(b, "DTSTART:"+utc(e.Start))
	b = line(b, "DTEND:"+utc(e.End))
	b = text(b, "SUMMARY", lang, e.Summary)
	b = text(b, "LOCATION", lang, e.Location)
	b = text(b, "DESCRIPTION", lang, e.Description)
	if e.Placed {
		b = line(b, "GEO:"+strconv.FormatFloat(e.Lat, 'f', 6, 64)+";"+strconv.FormatFloat(e.Lon, 'f', 6, 64))
	}
	b = line(b, "TRANSP:OPAQUE")
	if e.Cancelled {
		b = line(b, "STATUS:CANCELLED")
		return line(b, "END:VEVENT")
	}
	b = line(b, "STATUS:CONFIRMED")
	if e.Remind > 0 {
		b = line(b, "BEGIN:VALARM")
		b = line(b, "ACTION:DISPLAY")
		b = line(b, "TRIGGER:-PT"+strconv.Itoa(int(e.Remind/time.Minute))+"M")
		// DISPLAY demands a text, even where there is none to show.
		b = fold(b, "DESCRIPTION"+language(lang)+":"+escape(e.Summary))
		b = line(b, "END:VALARM")
	}
	return line(b, "END:VEVENT")
}

func utc(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

func language(lang string) string {
	if lang == "" {
		return ""
	}
	return ";LANGUAGE=" + lang
}

// text writes a property of type TEXT, or nothing when there is no text.
func text(b []byte, name, lang, value string) []byte {
	if value == "" {
		return b
	}
	return fold(b, name+language(lang)+":"+escape(value))
}

// escape is RFC 5545 3.3.11. Bytes that are no UTF-8 and control characters, which the format cannot carry, go.
func escape(s string) string {
	var out strings.Builder
	s = strings.ReplaceAll(s, "\r\n", "\n")
	for _, r := range strings.ToValidUTF8(s, "") {
		switch {
		case r == '\\' || r == ';' || r == ',':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n' || r == '\r':
			out.WriteString(`\n`)
		case r == '\t' || r >= ' ' && r != 0x7f:
			out.WriteRune(r)
		}
	}
	return out.String()
}

func line(b []byte, s string) []byte { return append(append(b, s...), "\r\n"...) }

// maxOctets is the longest line without its line break (RFC 5545 3.1).
const maxOctets = 75

// fold writes a content line, broken where it is too long, never inside a character.
func fold(b []byte, s string) []byte {
	for room := maxOctets; len(s) > room; room = maxOctets - 1 { // the space that begins a further line counts
		cut := room
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		b = append(append(b, s[:cut]...), "\r\n "...)
		s = s[cut:]
	}
	return line(b, s)
}
