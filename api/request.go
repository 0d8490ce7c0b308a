package api

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"charye/internal/civil"
	"charye/walk"
)

// maxBody is the largest request body in bytes.
const maxBody = 16 << 10

// Bounds on texts, in characters; openapi.yaml has the same.
const (
	maxID       = 128
	maxDevice   = 128
	maxName     = 100
	maxIdentity = 64
	maxRegion   = 60
	maxCursor   = 256
	maxIdemKey  = 255
	maxDose     = 9
)

// onlySpelling reports whether a path is written in the one way that this face takes. Where a path has one spelling,
// no two layers (proxy, cache, rate limit, router) can read it differently.
func onlySpelling(u *url.URL) bool {
	p := u.Path
	// RawPath is set exactly when the path was not written in its default encoding.
	if u.RawPath != "" || p == "" || p[0] != '/' || u.Opaque != "" {
		return false
	}
	if p != "/" && p[len(p)-1] == '/' {
		return false
	}
	for i := range len(p) {
		if c := p[i]; c < ' ' || c == 0x7f || c == '\\' {
			return false
		}
		if p[i] == '/' && i+1 < len(p) {
			switch rest := p[i+1:]; {
			case rest[0] == '/', rest == ".", rest == "..", strings.HasPrefix(rest, "./"), strings.HasPrefix(rest, "../"):
				return false
			}
		}
	}
	return utf8.ValidString(p)
}

// path reads a wildcard of the route's pattern.
func (x *exchange) path(name string) (string, error) {
	v := x.r.PathValue(name)
	if len(v) > maxID {
		// Too long to be an id of anything: it is simply not there.
		return "", &walk.Error{Code: walk.NotFound, Detail: "There is nothing at this path."}
	}
	return v, nil
}

// body reads the request's JSON object. An empty body is an empty object where that is allowed.
func (x *exchange) body(emptyAllowed bool) (*form, error) {
	if x.r.ContentLength == 0 {
		if emptyAllowed {
			return &form{}, nil
		}
		return nil, &walk.Error{Code: walk.BadRequest, Field: "body", Detail: "The body is empty; send a JSON object."}
	}
	if x.r.ContentLength > maxBody {
		return nil, tooLarge(x)
	}
	if err := checkType(x.r.Header); err != nil {
		return nil, err
	}
	// A ResponseWriter without deadlines is a test's. net/http lifts the deadline itself once the body has been read.
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(x.face.opts.BodyTimeout))
	buf := getBuffer()
	defer putBuffer(buf)
	b, err := readUpTo(x.r.Body, *buf, maxBody+1)
	*buf = b
	if err != nil {
		if t := net.Error(nil); errors.As(err, &t) && t.Timeout() {
			x.w.Header()["Connection"] = []string{"close"}
			return nil, &walk.Error{Code: walk.BadRequest, Field: "body", Detail: "The body did not arrive in time."}
		}
		return nil, &walk.Error{Code: walk.BadRequest, Field: "body", Detail: "The body did not arrive whole."}
	}
	if len(b) > maxBody {
		return nil, tooLarge(x)
	}
	if len(b) == 0 && emptyAllowed {
		return &form{}, nil
	}
	return parseObject(b)
}

func tooLarge(x *exchange) error {
	x.w.Header()["Connection"] = []string{"close"}
	return &statusError{status: http.StatusRequestEntityTooLarge,
		refusal: &walk.Error{Code: walk.BadRequest, Field: "body", Detail: "The body is larger than " + strconv.Itoa(maxBody) + " bytes."}}
}

func checkType(h http.Header) error {
	if len(h["Content-Encoding"]) > 0 {
		return &statusError{status: http.StatusUnsupportedMediaType,
			refusal: &walk.Error{Code: walk.BadRequest, Field: "Content-Encoding", Detail: "Send the body without a content encoding."}}
	}
	if v := h["Content-Type"]; len(v) == 1 {
		if v[0] == "application/json" {
			return nil
		}
		t, params, err := mime.ParseMediaType(v[0])
		charset, given := params["charset"]
		if err == nil && t == "application/json" && (!given || strings.EqualFold(charset, "utf-8")) {
			return nil
		}
	}
	return &statusError{status: http.StatusUnsupportedMediaType,
		refusal: &walk.Error{Code: walk.BadRequest, Field: "Content-Type", Detail: "Send the body as application/json in UTF-8."}}
}

// readUpTo appends at most limit bytes of r to b.
func readUpTo(r io.Reader, b []byte, limit int) ([]byte, error) {
	for len(b) < limit {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):min(cap(b), limit)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

// query reads the query parameters: each at most once, and none that the route does not know.
type query struct {
	values url.Values
	err    error
}

func (x *exchange) query() *query {
	if x.r.URL.RawQuery == "" {
		return &query{}
	}
	return parseQuery(x.r.URL.RawQuery)
}

func parseQuery(raw string) *query {
	values, err := url.ParseQuery(raw)
	q := &query{values: values}
	if err != nil {
		q.err = &walk.Error{Code: walk.BadRequest, Field: "query", Detail: "The query is not well formed."}
	}
	return q
}

func (q *query) fail(field, format string, args ...any) {
	if q.err == nil {
		q.err = badRequest(field, format, args...)
	}
}

// text takes a parameter of at most max characters; "" when it is not there.
func (q *query) text(name string, max int) string {
	values, ok := q.values[name]
	if !ok {
		return ""
	}
	delete(q.values, name)
	v := values[0]
	switch {
	case len(values) > 1:
		q.fail(name, "is given %d times; give it once", len(values))
	case v == "":
		q.fail(name, "is empty; leave it out")
	case !plain(v):
		q.fail(name, "has characters that are not text")
	case utf8.RuneCountInString(v) > max:
		q.fail(name, "is longer than %d characters", max)
	default:
		return v
	}
	return ""
}

func (q *query) day(name string) (d civil.Date, given bool) {
	v := q.text(name, 10)
	if v == "" {
		return 0, false
	}
	d, err := civil.Parse(v)
	if err != nil {
		q.fail(name, "must be a date such as 2021-07-26")
		return 0, false
	}
	return d, true
}

// degrees takes a plain decimal number: no exponent, no sign but a minus, nothing that is not a number.
func (q *query) degrees(name string, limit float64) (v float64, given bool) {
	s := q.text(name, 24)
	if s == "" {
		return 0, false
	}
	if degreesForm(s) {
		if v, err := strconv.ParseFloat(s, 64); err == nil && v >= -limit && v <= limit {
			return v, true
		}
	}
	q.fail(name, "must be degrees from -%g to %g, such as 37.57", limit, limit)
	return 0, false
}

func degreesForm(s string) bool {
	whole, fraction, dot := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return len(whole) >= 1 && len(whole) <= 3 && digits(whole) && (!dot || len(fraction) >= 1 && digits(fraction))
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// number takes a whole number from lo to hi in its shortest form; def when it is not there.
func (q *query) number(name string, def, lo, hi int) int {
	s := q.text(name, 12)
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < lo || n > hi || strconv.Itoa(n) != s {
		q.fail(name, "must be a whole number from %d to %d", lo, hi)
		return def
	}
	return n
}

// done gives the first fault; a parameter nobody took is one.
func (q *query) done() error {
	if q.err != nil {
		return q.err
	}
	unknown := ""
	for name := range q.values {
		if unknown == "" || name < unknown {
			unknown = name
		}
	}
	if len(q.values) > 0 {
		return badRequest(shown(unknown), "is not a parameter of this call")
	}
	return nil
}

// shown makes a name that a client made up fit for an answer.
func shown(name string) string {
	if name == "" || len(name) > 40 || !visible(name) {
		return "(unnamed)"
	}
	return name
}

// plain reports whether s is UTF-8 without control characters.
func plain(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return false
		}
	}
	return utf8.ValidString(s)
}
