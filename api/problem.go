package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"charye/walk"
)

// problems is the one table from a refusal's code to what HTTP says of it.
var problems = map[walk.Code]struct {
	status int
	title  string
}{
	walk.NotSignedIn:      {http.StatusUnauthorized, "Not signed in"},
	walk.NotEligible:      {http.StatusForbidden, "Not eligible"},
	walk.NoPass:           {http.StatusForbidden, "No pass"},
	walk.PassExpired:      {http.StatusForbidden, "Pass expired"},
	walk.HelperNotAllowed: {http.StatusForbidden, "Helper not allowed"},
	walk.NotAllowed:       {http.StatusForbidden, "Not allowed"},
	walk.NotYourTurn:      {http.StatusTooEarly, "Not your turn yet"},
	walk.NotOpen:          {http.StatusTooEarly, "Not open yet"},
	walk.OtherDevice:      {http.StatusConflict, "In use on another device"},
	walk.SlotFull:         {http.StatusConflict, "Slot is full"},
	walk.AlreadyBooked:    {http.StatusConflict, "Already booked"},
	walk.Conflict:         {http.StatusConflict, "Conflict"},
	walk.Closed:           {http.StatusGone, "Closed"},
	walk.BadRequest:       {http.StatusBadRequest, "Request not understood"},
	walk.RateLimited:      {http.StatusTooManyRequests, "Too many requests"},
	walk.Overloaded:       {http.StatusServiceUnavailable, "Overloaded"},
	walk.NotFound:         {http.StatusNotFound, "Not found"},
	walk.Internal:         {http.StatusInternalServerError, "Internal error"},
}

// problem is a problem document (RFC 9457) before it is written.
type problem struct {
	status       int
	code         walk.Code
	title        string
	detail       string
	field        string
	instance     string
	retryAfter   time.Duration
	alternatives []walk.Slot
	place        *walk.Place
	cause        error
}

// statusError is a bad request for which HTTP has a narrower status than 400.
type statusError struct {
	refusal *walk.Error
	status  int
}

func (e *statusError) Error() string { return e.refusal.Error() }

// Unwrap gives the refusal, so that the table finds its code.
func (e *statusError) Unwrap() error { return e.refusal }

func badRequest(field, format string, args ...any) *walk.Error {
	return &walk.Error{Code: walk.BadRequest, Field: field, Detail: field + " " + fmt.Sprintf(format, args...) + "."}
}

// problemOf translates an error. Only a [*walk.Error] with a code of the table is shown; everything else is internal and
// says nothing of itself.
func problemOf(err error) problem {
	var e *walk.Error
	if errors.As(err, &e) && e.Code != walk.Internal {
		if row, ok := problems[e.Code]; ok {
			p := problem{
				status: row.status, code: e.Code, title: row.title, detail: e.Detail, field: e.Field,
				retryAfter: e.RetryAfter, alternatives: e.Alternatives, place: e.Place, cause: e.Err,
			}
			var s *statusError
			if errors.As(err, &s) {
				p.status = s.status
			}
			if p.detail == "" {
				p.detail = row.title + "."
			}
			if p.retryAfter <= 0 && (p.status == http.StatusTooManyRequests || p.status == http.StatusServiceUnavailable) {
				p.retryAfter = 2 * time.Second
			}
			if p.retryAfter <= 0 && p.place != nil {
				p.retryAfter = p.place.PollAfter
			}
			return p
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return problemOf(overloaded("This took too long and was given up. Asking again is safe.", err))
	}
	row := problems[walk.Internal]
	return problem{status: row.status, code: walk.Internal, title: row.title, cause: err,
		detail: "Something went wrong on our side. Nothing was lost."}
}

func newInstance() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	return "urn:charye:error:" + hex.EncodeToString(id[:])
}

func (p problem) append(b []byte, zone *time.Location) []byte {
	b = append(b, '{')
	b = str(b, "type", "urn:charye:problem:"+string(p.code))
	b = str(b, "title", p.title)
	b = integer(b, "status", int64(p.status))
	b = str(b, "code", string(p.code))
	b = str(b, "detail", p.detail)
	b = optional(b, "field", p.field)
	b = optional(b, "instance", p.instance)
	if p.retryAfter > 0 {
		b = key(b, "retryAfterSeconds")
		b = append(b, seconds(p.retryAfter)...)
	}
	if len(p.alternatives) > 0 {
		b = appendSlots(key(b, "alternatives"), p.alternatives, zone)
	}
	if p.place != nil {
		b = appendPlace(key(b, "place"), p.place, zone)
	}
	return append(b, '}')
}

// seconds rounds up: nobody is told to come back too early. At least 1.
func seconds(d time.Duration) string {
	return strconv.FormatInt(max(wholeSeconds(d), 1), 10)
}

func wholeSeconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return s
}

func refusePath(_ *face, _ *exchange) error {
	return &walk.Error{Code: walk.BadRequest, Field: "path",
		Detail: "The path must be written in its one spelling: no doubled or trailing slash, no dot segment, no needless percent-encoding."}
}

func refuseUnknown(_ *face, _ *exchange) error {
	return &walk.Error{Code: walk.NotFound, Detail: "There is nothing at this path. The contract is at /api/openapi.yaml."}
}

func refuseMethod(_ *face, x *exchange) error {
	return &statusError{status: http.StatusMethodNotAllowed,
		refusal: &walk.Error{Code: walk.BadRequest, Detail: "This path takes " + x.allow + "."}}
}
