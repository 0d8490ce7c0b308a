package page

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"charye/walk"
)

// refusal says in the reader's language why something did not happen and what to do next.
type refusal struct {
	status      int
	title, text string // catalogue keys
	next        string // catalogue key of the link onward; empty: only home
}

// refusals has an entry for every code of package walk; a test compares.
var refusals = map[walk.Code]refusal{
	walk.NotSignedIn:      {http.StatusUnauthorized, "refused.signin.title", "refused.signin.text", "refused.signin.next"},
	walk.NotEligible:      {http.StatusForbidden, "refused.eligible.title", "refused.eligible.text", "refused.eligible.next"},
	walk.NoPass:           {http.StatusForbidden, "refused.nopass.title", "refused.nopass.text", "refused.nopass.next"},
	walk.PassExpired:      {http.StatusForbidden, "refused.expired.title", "refused.expired.text", "refused.expired.next"},
	walk.HelperNotAllowed: {http.StatusForbidden, "refused.helper.title", "refused.helper.text", "refused.helper.next"},
	walk.NotAllowed:       {http.StatusForbidden, "refused.allowed.title", "refused.allowed.text", ""},
	walk.NotYourTurn:      {http.StatusForbidden, "refused.turn.title", "refused.turn.text", "refused.turn.next"},
	walk.NotOpen:          {http.StatusForbidden, "refused.notopen.title", "refused.notopen.text", "refused.notopen.next"},
	walk.OtherDevice:      {http.StatusConflict, "refused.device.title", "refused.device.text", "refused.device.next"},
	walk.SlotFull:         {http.StatusConflict, "refused.full.title", "refused.full.text", "refused.full.next"},
	walk.AlreadyBooked:    {http.StatusConflict, "refused.booked.title", "refused.booked.text", "refused.booked.next"},
	walk.Conflict:         {http.StatusConflict, "refused.conflict.title", "refused.conflict.text", "refused.conflict.next"},
	walk.Closed:           {http.StatusGone, "refused.closed.title", "refused.closed.text", ""},
	walk.BadRequest:       {http.StatusBadRequest, "refused.bad.title", "refused.bad.text", "refused.bad.next"},
	walk.RateLimited:      {http.StatusTooManyRequests, "refused.rate.title", "refused.rate.text", "refused.retry"},
	walk.Overloaded:       {http.StatusServiceUnavailable, "refused.busy.title", "refused.busy.text", "refused.retry"},
	walk.NotFound:         {http.StatusNotFound, "refused.missing.title", "refused.missing.text", ""},
	walk.Internal:         {http.StatusInternalServerError, "refused.internal.title", "refused.internal.text", "refused.retry"},
}

// StatusOf gives the status with which a refusal is told.
func StatusOf(c walk.Code) int { return refusals[c].status }

// refusedData is what the page of a refusal shows. With Again, the button sends the same form once more: its idempotency
// key goes with it, so that nothing is ever done twice.
type refusedData struct {
	Code        walk.Code
	Title, Text string
	Wait        string // "try again in …", when trying again makes sense
	Next, URL   string
	Home        string
	Again       []FormField
	AgainURL    string
}

// refuse answers with the page that fits an error. Only refusals of package walk are told as they are; all else is an
// internal error, logged without anything about the person.
func (q *Request) refuse(err error) {
	var e *walk.Error
	if !errors.As(err, &e) {
		e = &walk.Error{Code: walk.Internal, Err: err}
	}
	r, known := refusals[e.Code]
	if !known {
		e = &walk.Error{Code: walk.Internal, Err: err}
		r = refusals[walk.Internal]
	}
	if e.Code == walk.Internal {
		q.h.Log.ErrorContext(q.Context(), "page failed", slog.String("pattern", q.Pattern), slog.Any("err", err))
	}
	if e.Code == walk.NotSignedIn {
		_ = q.Redirect(WithQuery(q.Base+"/sign-in", "return", q.Back, "why", "needed"))
		return
	}

	campaign := q.PathValue("campaign")
	d := refusedData{Code: e.Code, Title: q.Words(r.title), Text: q.Words(r.text), URL: q.Back, Home: q.Base + "/"}
	if r.next != "" {
		d.Next = q.Words(r.next)
	}
	if e.Code == walk.NotAllowed && e.Field == "unit" {
		d.Title, d.Text = q.Words("refused.unit.title"), q.Words("refused.unit.text")
	}
	switch e.Code {
	case walk.NoPass, walk.PassExpired, walk.NotYourTurn:
		d.URL = q.Path(campaign, "wait", q.Recipient())
	case walk.OtherDevice:
		d.URL = q.Path(campaign, "takeover", q.Recipient())
	case walk.NotEligible, walk.HelperNotAllowed, walk.NotOpen:
		d.URL = q.Path(campaign, "", q.Recipient())
	case walk.AlreadyBooked:
		d.URL = "/bookings"
		if q.Base != "" {
			d.URL = q.Path(campaign, "", q.Recipient())
		}
	}
	if campaign == "" && d.URL == "/c/" {
		d.URL = q.Base + "/"
	}
	refresh := 0
	if e.Code == walk.Overloaded || e.Code == walk.RateLimited || e.Code == walk.Internal {
		wait := max(e.RetryAfter.Round(time.Second), 5*time.Second)
		q.W.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
		d.Wait = q.Words("refused.wait", "n", int(wait/time.Second))
		if q.Again != nil {
			d.AgainURL, d.URL = q.URL.RequestURI(), ""
			for _, name := range q.Again {
				if v := q.Field(name); v != "" {
					d.Again = append(d.Again, FormField{name, v})
				}
			}
		} else if e.Code != walk.Internal && q.Method == http.MethodGet {
			refresh = int(wait / time.Second)
		}
	}
	if err := q.Show(r.status, "refused", View{Title: d.Title, Refresh: refresh, Error: true, D: d}); err != nil {
		q.h.Log.ErrorContext(q.Context(), "refusal page failed", slog.Any("err", err))
		http.Error(q.W, "잠시 후 다시 시도해 주세요. Please try again in a moment.", http.StatusInternalServerError)
	}
}

// CodeOf gives the refusal's code; [walk.Internal] for anything that is not a refusal.
func CodeOf(err error) walk.Code {
	var e *walk.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return walk.Internal
}
