package walk

import (
	"strconv"
	"strings"
	"time"

	"charye/booking"
	"charye/internal/civil"
)

// The year of birth stands behind the name in what is sealed, with a sign between them that no name has: so that two of one name are told
// apart at the counter. What was sealed by versions before has the name alone.
const yearMark = "\x1f"

func withYear(name string, born civil.Date) string {
	if born == 0 {
		return name
	}
	y, _, _ := born.At(0, time.UTC).Date()
	return name + yearMark + strconv.Itoa(y)
}

// OpenName gives the name, and the year of birth, that a booking was made with; empty and 0 where they are not known.
func (w *Walk) OpenName(b *booking.Booking) (name string, year int) {
	if len(b.Sealed) == 0 {
		return "", 0
	}
	plain, err := w.keys.Open(booking.NamePlace(b.Person), b.Sealed)
	if err != nil {
		return "", 0
	}
	name, rest, _ := strings.Cut(string(plain), yearMark)
	year, _ = strconv.Atoi(rest) // 0 without one
	return name, year
}
