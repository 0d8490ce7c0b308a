package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"charye/internal/ical"
	"charye/walk"
)

// reminder is how long before a dose its person is reminded: the day before, when changing is mostly still possible.
const reminder = 24 * time.Hour

// Calendar writes the calendar file of a booking, one event for each dose, in a language ("ko", or "en"). The same booking in
// the same state gives the same bytes.
//
// The UIDs follow from the booking's id and the dose and nothing else, but do not show the id: a calendar is shared with
// people who must not be able to look the booking up. The number to say on the telephone is in the description.
//
// The pages give the same file, so that what was taken from one face is changed and cancelled by what comes from the
// other. SEQUENCE is the booking's, and one more once it is cancelled, so that the cancelled entries count as the newer ones.
func Calendar(b walk.Booking, lang string) []byte { return calendarOf(b, lang).Append(nil) }

func calendarOf(b walk.Booking, lang string) ical.Calendar {
	ko := lang != "en"
	c := ical.Calendar{Lang: "ko"}
	if !ko {
		c.Lang = "en"
	}
	if b.Campaign != nil {
		c.Name = b.Campaign.Name.In(c.Lang)
	}
	sequence := b.Sequence
	if b.Cancelled {
		sequence++
	}
	for _, d := range b.Doses {
		c.Events = append(c.Events, ical.Event{
			UID:         eventUID(b.ID, d.Dose),
			Sequence:    sequence,
			Stamp:       b.MadeAt,
			Start:       d.Start,
			End:         d.End,
			Summary:     summary(b, d, ko),
			Location:    joined(", ", d.Site.Name, d.Site.Address),
			Description: description(b, d, ko),
			Placed:      d.Site.Placed(),
			Lat:         d.Site.Lat,
			Lon:         d.Site.Lon,
			Cancelled:   b.Cancelled,
			Remind:      reminder,
		})
	}
	return c
}

func eventUID(booking string, dose int) string {
	h := sha256.Sum256([]byte("charye calendar\x00" + booking + "\x00" + strconv.Itoa(dose)))
	return hex.EncodeToString(h[:16]) + "@charye"
}

func summary(b walk.Booking, d walk.Dose, ko bool) string {
	var s string
	if ko {
		s = fmt.Sprintf("예방접종 %d차 (%s)", d.Dose, d.Product.Name.In("ko"))
	} else {
		s = fmt.Sprintf("Vaccination, dose %d (%s)", d.Dose, d.Product.Name.In("en"))
	}
	return joined(" · ", s, b.ForName)
}

func description(b walk.Booking, d walk.Dose, ko bool) string {
	number, phone := "Booking number: ", "Telephone: "
	if ko {
		number, phone = "예약번호: ", "전화: "
	}
	lines := []string{number + b.Number}
	if d.Site.Phone != "" {
		lines = append(lines, phone+d.Site.Phone)
	}
	return strings.Join(lines, "\n")
}

// joined puts the parts that are not empty together.
func joined(sep string, parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, sep)
}
