package epcis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"charye/internal/batch"
	"charye/supply/epcis"
)

// problem is a refusal as the wire shows it: RFC 9457, with the standard's exception as its type.
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail,omitempty"`
	Pointer string `json:"pointer,omitempty"` // into the document that was sent (RFC 6901)
	Rule    string `json:"rule,omitempty"`    // of our schema
	EventID string `json:"eventID,omitempty"`

	retryAfter time.Duration
	allow      string
	cause      error // for the log
}

func (p *problem) Error() string { return p.Title + ": " + p.Detail }

func refuse(status int, exception, title, detail string) *problem {
	return &problem{Type: "epcisException:" + exception, Title: title, Status: status, Detail: detail}
}

func notFound(detail string) *problem {
	return refuse(http.StatusNotFound, "NoSuchResourceException", "Resource not found", detail)
}

// problemOf gives every error its document. What has none is an internal error, whose text stays here.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*epcis.RefusedError](err); ok {
		p := refuse(http.StatusBadRequest, "ValidationException", "Not a valid EPCIS document", e.Error())
		p.Pointer, p.Rule = e.Pointer, e.Rule
		return p
	}
	if e, ok := errors.AsType[*epcis.ParameterError](err); ok {
		return refuse(http.StatusBadRequest, "QueryParameterException", "Query parameter not understood", e.Error())
	}
	if e, ok := errors.AsType[*epcis.TooLargeError](err); ok {
		return refuse(http.StatusRequestEntityTooLarge, "QueryTooLargeException", "Query result too large", e.Error())
	}
	if e, ok := errors.AsType[*epcis.ConflictError](err); ok {
		p := refuse(http.StatusConflict, "ResourceAlreadyExistsException", "Event exists already", e.Error())
		p.EventID = e.ID
		return p
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(fmt.Sprintf("the body has more than %d bytes", e.Limit))
	}
	if errors.Is(err, epcis.ErrTooMany) {
		return tooLarge(err.Error())
	}
	if errors.Is(err, epcis.ErrTaken) {
		return refuse(http.StatusConflict, "ResourceAlreadyExistsException", "Query exists already", err.Error())
	}
	if errors.Is(err, epcis.ErrManyQueries) {
		return refuse(http.StatusConflict, "ImplementationException", "No room for another query", err.Error())
	}
	if errors.Is(err, epcis.ErrNotFound) {
		return notFound("")
	}
	if e, ok := errors.AsType[*batch.FullError](err); ok {
		return busy(e.RetryAfter)
	}
	p := refuse(http.StatusInternalServerError, "ImplementationException", "Internal error", "")
	switch {
	case errors.Is(err, epcis.ErrUnknown):
		p = away("whether the events were captured is not known; capture them again, which is safe")
	case errors.Is(err, epcis.ErrBusy), errors.Is(err, context.DeadlineExceeded), errors.Is(err, batch.ErrStopped):
		p = away("the store is away or too slow just now; nothing was taken")
	}
	p.cause = err
	return p
}

func tooLarge(detail string) *problem {
	return refuse(http.StatusRequestEntityTooLarge, "CaptureLimitExceededException", "Too much in one capture", detail)
}

// busy says that there is no room just now. The standard has no exception of that kind.
func busy(again time.Duration) *problem {
	p := refuse(http.StatusServiceUnavailable, "ImplementationException", "Busy", "too much is being captured at once; nothing was taken")
	p.retryAfter = max(again, time.Second)
	return p
}

// away says that the store does not answer as it should, and will again.
func away(detail string) *problem {
	p := refuse(http.StatusServiceUnavailable, "ImplementationException", "Not available", detail)
	p.retryAfter = 5 * time.Second
	return p
}

func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="epcis"`)
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	w.WriteHeader(p.Status)
	b, _ := json.Marshal(p) // strings and numbers
	_, _ = w.Write(b)       // who does not take the answer has gone
}
