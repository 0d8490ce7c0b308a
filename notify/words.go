package notify

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"

	"charye/booking"
	"charye/programme"
	"charye/site"
)

//go:embed texts/*.json
var textFiles embed.FS

// Facts are what a message can tell of a booking: what the rules and the directory of sites say about it.
type Facts struct {
	Booking  booking.Booking
	Campaign programme.Text
	Number   string // to say on the telephone
	Doses    []DoseFacts
	Was      []DoseFacts // with [Changed]: where and when it was before; without dose and product
	Zone     *time.Location
	Link     string    // where it can be looked up; it opens nothing without signing in
	Until    time.Time // until when a dose is kept, with [Invited], [Leftover] and [Turned]
	Come     bool      // with [Near]: the turn has come
	Expected time.Time // with [Near]: when it is expected; zero: nobody can say
	Next     Next      // with [Missed] of dose 1: what follows
	From     time.Time // with [NextFrom] and [NextLast]: from when on, at the latest; with [Spoilt]: the first day of giving it again; zero: nobody can say
	Alarm    AlarmFacts
}

// Next is what follows for somebody who did not come for the first dose.
type Next string

// What may follow.
const (
	NextNow  Next = "now"  // they may book again at once
	NextFrom Next = "from" // from an instant on
	NextLast Next = "last" // when others have had their turn, and from an instant on at the latest
	NextOver Next = "over" // the campaign is over
)

// DoseFacts are those of one appointment.
type DoseFacts struct {
	Dose    int
	Start   time.Time
	Site    site.Site
	Product programme.Text
}

// Words is a message in words. Body ends with a line break, and Link stands in it already, if there is one.
// Urgent ones are worth waking a device for; Expires is when the message is worth nothing any more, where that is known.
type Words struct {
	Subject, Body, Link string
	Urgent              bool
	Expires             time.Time
}

// Language puts messages into words of one language. Safe for concurrent use.
type Language struct {
	id       string
	subjects map[Kind]*template.Template
	bodies   map[Kind]*template.Template
}

// Languages reads the texts of every language, by its id; a text that is missing or wrong is an error.
func Languages() (map[string]*Language, error) {
	out := map[string]*Language{}
	for _, id := range []string{"ko", "en"} {
		b, err := textFiles.ReadFile("texts/" + id + ".json")
		if err != nil {
			return nil, err
		}
		var texts map[string]struct{ Subject, Body string }
		if err := json.Unmarshal(b, &texts); err != nil {
			return nil, fmt.Errorf("texts %s: %w", id, err)
		}
		l := &Language{id: id, subjects: map[Kind]*template.Template{}, bodies: map[Kind]*template.Template{}}
		parts := template.New("").Option("missingkey=error")
		for _, part := range []string{"doses", "link"} {
			if _, err := parts.New(part).Parse(texts[part].Body); err != nil {
				return nil, fmt.Errorf("texts %s: %s: %w", id, part, err)
			}
		}
		for _, k := range Kinds {
			t := texts[string(k)]
			if t.Subject == "" || t.Body == "" {
				return nil, fmt.Errorf("texts %s: no text for %q", id, k)
			}
			if l.subjects[k], err = parts.New(string(k) + ".subject").Parse(t.Subject); err == nil {
				l.bodies[k], err = parts.New(string(k)).Parse(t.Body)
			}
			if err != nil {
				return nil, fmt.Errorf("texts %s: %s: %w", id, k, err)
			}
		}
		out[id] = l
	}
	return out, nil
}

type told struct {
	Campaign, Number, Link string
	Until                  string // with [Invited]
	Come                   bool   // with [Near], as Expected
	Expected               string
	Doses, Was             []toldDose
	Reminded               toldDose
	Next                   string // with [Missed]; empty: a later dose, which is to be moved
	From                   string
	Alarm                  toldAlarm
	Helper                 bool // to the helper
	ByHelper               bool // to the person, of what a helper did
}

type toldDose struct {
	Dose                                int
	When, Site, Address, Phone, Product string
}

// toldAlarm is an alarm in words.
type toldAlarm struct {
	Cause, Where, Begin string
	Boxes, Doses, More  int
}

// Put puts a message into words.
func (l *Language) Put(m *Message, f *Facts) (Words, error) {
	v := told{
		Campaign: f.Campaign.In(l.id), Number: f.Number, Link: f.Link,
		Helper: m.Helper, ByHelper: !m.Helper && !f.Booking.Actor.IsZero() && f.Booking.Actor != f.Booking.Person,
	}
	if m.Kind == Invited || m.Kind == Leftover {
		v.Until = l.when(f.Until.In(f.Zone))
	}
	if m.Kind == Missed && m.Dose == 1 {
		v.Next = string(f.Next)
		if !f.From.IsZero() {
			v.From = l.when(f.From.In(f.Zone))
		}
	}
	if m.Kind == Turned && !f.Until.IsZero() {
		v.Until = l.when(f.Until.In(f.Zone))
	}
	if m.Kind == Spoilt && !f.From.IsZero() {
		v.From = l.day(f.From.In(f.Zone))
	}
	if m.Kind == Near {
		v.Come = f.Come
		if !f.Come && !f.Expected.IsZero() {
			v.Expected = l.when(f.Expected.In(f.Zone))
		}
	}
	if a := &f.Alarm; m.Kind == Alarm {
		v.Alarm = toldAlarm{Cause: a.Cause, Where: a.Where, Boxes: a.Boxes, Doses: a.Doses, More: a.More}
		if !a.Begin.IsZero() {
			v.Alarm.Begin = l.when(a.Begin.In(f.Zone))
		}
	}
	for _, d := range f.Was {
		v.Was = append(v.Was, toldDose{When: l.when(d.Start.In(f.Zone)), Site: d.Site.Name})
	}
	for _, d := range f.Doses {
		t := toldDose{
			Dose: d.Dose, When: l.when(d.Start.In(f.Zone)), Site: d.Site.Name, Address: d.Site.Address, Phone: d.Site.Phone,
			Product: d.Product.In(l.id),
		}
		v.Doses = append(v.Doses, t)
		if d.Dose == m.Dose {
			v.Reminded = t
		}
	}
	if (m.Kind == Reminder || m.Kind == Missed || m.Kind == Turned || m.Kind == Spoilt) && v.Reminded.Dose == 0 {
		return Words{}, errors.New("a message of a dose that the booking does not have")
	}
	var subject, body strings.Builder
	if err := l.subjects[m.Kind].Execute(&subject, v); err != nil {
		return Words{}, err
	}
	if err := l.bodies[m.Kind].Execute(&body, v); err != nil {
		return Words{}, err
	}
	// What a site is called comes from a file: it must not begin a header of its own.
	return Words{Subject: strings.Join(strings.Fields(subject.String()), " "), Body: body.String(), Link: f.Link, Urgent: m.Kind == Near || m.Kind == Invited || m.Kind == Alarm}, nil
}

var koreanDays = [...]string{"일", "월", "화", "수", "목", "금", "토"}

// when tells an instant of the local day, as pages do.
func (l *Language) when(t time.Time) string {
	if l.id == "en" {
		return l.day(t) + t.Format(", 15:04")
	}
	half := "오전"
	if t.Hour() >= 12 {
		half = "오후"
	}
	hour := (t.Hour()+11)%12 + 1
	return fmt.Sprintf("%s %s %d:%02d", l.day(t), half, hour, t.Minute())
}

// day tells a local day, as pages do.
func (l *Language) day(t time.Time) string {
	if l.id == "en" {
		return t.Format("Monday 2 January 2006")
	}
	return fmt.Sprintf("%d년 %d월 %d일(%s)", t.Year(), int(t.Month()), t.Day(), koreanDays[t.Weekday()])
}
