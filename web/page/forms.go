package page

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"charye/internal/civil"
)

// FieldError is a mistake in a form: the field's element id and what to do.
type FieldError struct{ Field, Text string }

// FormField is a field that a form sends along unseen.
type FormField struct{ Name, Value string }

// Birthday reads the three boxes of a date of birth. It must be a real day, not in the future.
func Birthday(year, month, day string, now time.Time, zone *time.Location) (civil.Date, error) {
	if !isDigits(year) || !isDigits(month) || !isDigits(day) || len(year) != 4 || len(month) > 2 || len(day) > 2 {
		return 0, errors.New("date of birth: want digits for year, month and day")
	}
	m, _ := strconv.Atoi(month) // digits, at most two
	dd, _ := strconv.Atoi(day)
	born, err := civil.Parse(fmt.Sprintf("%s-%02d-%02d", year, m, dd))
	if err != nil {
		return 0, err
	}
	if born > civil.Of(now, zone) || born < civil.New(1880, time.January, 1) {
		return 0, errors.New("date of birth: out of range")
	}
	return born, nil
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// Plain writes a date without its weekday.
func (q *Request) Plain(d civil.Date) string {
	s, err := q.Lang.PlainDay(d)
	if err != nil {
		q.h.Log.ErrorContext(q.Context(), "catalogue", slog.Any("err", err))
	}
	return s
}
