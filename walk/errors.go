package walk

import (
	"errors"
	"fmt"
	"time"
)

// Code is a stable name for why something was refused; faces translate it (api: problem documents, web: sentences).
type Code string

// The codes of DESIGN 8, and those it left open: not-found for a thing that is not there or not yours, unavailable for a
// store that is down (places are kept, entry stays closed), sold-out for a campaign without stock.
const (
	NotSignedIn      Code = "not-signed-in"
	NotEligible      Code = "not-eligible"
	NoPass           Code = "no-pass"
	PassExpired      Code = "pass-expired"
	HelperNotAllowed Code = "helper-not-allowed"
	NotAllowed       Code = "not-allowed" // not for this session: of a citizen, of staff, or of another role
	NotYourTurn      Code = "not-your-turn"
	NotOpen          Code = "not-open"
	OtherDevice      Code = "other-device"
	SlotFull         Code = "slot-full"
	AlreadyBooked    Code = "already-booked"
	Conflict         Code = "conflict"
	Closed           Code = "closed"
	BadRequest       Code = "bad-request"
	RateLimited      Code = "rate-limited"
	Overloaded       Code = "overloaded"
	NotFound         Code = "not-found"
	Internal         Code = "internal"
)

// Error is a refusal that is safe to show. Anything else that comes out of this package is internal and is shown as such.
type Error struct {
	Code       Code
	Detail     string        // one English sentence that names the field or fact and what would be right
	Field      string        // the field at fault, with BadRequest
	RetryAfter time.Duration // when to try again; 0 when trying again is no use
	// Alternatives are slots near the full one, with SlotFull.
	Alternatives []Slot
	Place        *Place // with NotYourTurn: where the person stands, so that one answer says how long to wait
	Err          error  // the cause, for logs; never shown
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Detail)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Refuse makes a refusal.
func Refuse(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Detail: fmt.Sprintf(format, args...)}
}

// At names the field at fault.
func (e *Error) At(name string) *Error {
	e.Field = name
	return e
}

// CodeOf is the code of a refusal; empty for none, [Internal] for other errors.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}
