package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"charye/internal/load"
	"charye/internal/ratelimit"
	"charye/internal/telemetry"
	"charye/internal/weak"
	"charye/person"
	"charye/walk"
)

// exchange is one request being answered.
type exchange struct {
	face    *face
	route   *Route
	allow   string // with a wrong method: what the path takes
	w       http.ResponseWriter
	r       *http.Request
	ctx     context.Context
	now     time.Time  // server time, read once
	actor   walk.Actor // verified; zero on public routes and where a ticket stands for it
	ticket  string     // on HasPlace routes that were shown one
	status  int        // of the answer once it has begun
	lane    *lane      // that this request counts in; nil when it no longer does
	passed  bool       // the gate, in this rank, which it has not left
	rank    load.Rank
	hurries bool // past the gate, and others wait for it
}

// serve answers one request: every route goes through here and nowhere else.
func (f *face) serve(route *Route, allow string, w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	x := &exchange{face: f, route: route, allow: allow, w: w, r: r, ctx: r.Context(), now: f.svc.Now()}
	defer func() { route.counters.Done(x.status, time.Since(start)) }()
	err := f.guarded(x)
	if err == nil {
		return
	}
	f.refuse(x, err)
}

// guarded turns a panic into an error: it must cost one answer, not the process, and must be seen. The one panic with a
// meaning, [http.ErrAbortHandler], goes on.
func (f *face) guarded(x *exchange) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	lane := &f.lanes[x.route.lane]
	if err := lane.enter(); err != nil {
		return err
	}
	x.lane = lane
	defer x.leaveLane()
	defer x.leaveGate()
	if err := x.heldBack(); err != nil {
		return err
	}
	secure(x.w.Header())
	if err := f.limitAddress(x); err != nil {
		return err
	}
	if err := f.identify(x); err != nil {
		return err
	}
	if x.route.lane == laneBook && f.opts.Gate != nil { // only of somebody who is known: a stranger makes nobody wait
		f.opts.Gate.Hurry()
		x.hurries = true
	}
	// A poll has no timer of its own: it is the most frequent call, and the line answers it from memory.
	if (x.route.lane == laneWork || x.route.lane == laneBook) && x.route.class != classPoll {
		ctx, cancel := context.WithTimeout(x.ctx, f.opts.CallTimeout)
		defer cancel()
		x.ctx = ctx
	}
	return x.route.handle(f, x)
}

// identify is the one place where a request becomes a verified actor.
func (f *face) identify(x *exchange) error {
	switch x.route.Access {
	case Public:
		return nil
	case HasPlace:
		ticket, err := credential(x.r.Header, ticketHeader)
		if err != nil {
			return err
		}
		if ticket != "" {
			x.ticket = ticket
			return nil
		}
	case SignedIn:
	default:
		return fmt.Errorf("route %s: access %d is not one", x.route.Pattern, x.route.Access)
	}
	token, err := bearer(x.r.Header)
	if err != nil && weak.Off(weak.Session) {
		x.actor = walk.Actor{Session: person.Session{Key: person.Key{1}, ExpiresAt: x.now.Add(time.Hour)}, Channel: "api"}
		return nil
	}
	if err != nil {
		return err
	}
	s, err := f.sessions.Verify(token, x.now)
	if err != nil {
		return &walk.Error{Code: walk.NotSignedIn, Detail: "The session is not good or no longer good. Sign in again.", Err: errBadSession}
	}
	if s.Key.IsZero() {
		return errors.New("a verified session has no person key")
	}
	if s.IsStaff() && !weak.Off(weak.Apart) {
		return &walk.Error{Code: walk.NotAllowed, Detail: "This is a session of staff, which is for the pages of the desk; sign in as a citizen."}
	}
	if x.route.named {
		if s.Name, err = f.sessions.OpenName(token); err != nil {
			return &walk.Error{Code: walk.NotSignedIn, Detail: "The session is not good or no longer good. Sign in again.", Err: errBadSession}
		}
	}
	x.actor = walk.Actor{
		Session: s, Channel: "api", OpenName: func() (string, error) { return f.sessions.OpenName(token) },
	}
	return f.limitPerson(x)
}

// errBadSession marks a refusal of a session that was sent, as against one that was not.
var errBadSession = errors.New("session refused")

const (
	ticketHeader      = "Charye-Ticket"
	passHeader        = "Charye-Pass"
	idempotencyHeader = "Idempotency-Key"

	maxCredential = 4096
)

// bearer reads the session token. It is the only way to sign in to this face: without cookies there is no cross-site
// request to forge.
func bearer(h http.Header) (string, error) {
	values := h["Authorization"]
	if len(values) == 1 {
		scheme, token, ok := strings.Cut(values[0], " ")
		if ok && strings.EqualFold(scheme, "Bearer") && token != "" && len(token) <= maxCredential && visible(token) {
			return token, nil
		}
	}
	return "", &walk.Error{Code: walk.NotSignedIn, Detail: "Sign in and send the session as a bearer token."}
}

// credential reads a header that is sent once or not at all; "" when it is not.
func credential(h http.Header, name string) (string, error) {
	values := h[name]
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", badRequest(name, "is sent %d times; send it once", len(values))
	case values[0] == "" || len(values[0]) > maxCredential || !visible(values[0]):
		return "", badRequest(name, "is not one of ours: want 1 to %d visible ASCII characters", maxCredential)
	}
	return values[0], nil
}

// visible reports whether s is visible ASCII only.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// refuse answers with the problem document of an error, and logs what is our own fault.
func (f *face) refuse(x *exchange, err error) {
	p := problemOf(err)
	if errors.Is(err, context.Canceled) && x.r.Context().Err() != nil {
		// The client has gone, most likely. If not, it must read a refusal: no answer at all would be sent as 200.
		p = problemOf(overloaded("The request was given up. Asking again is safe.", nil))
		defer func() { x.status = 0 }()
	}
	if p.code == walk.Internal {
		p.instance = newInstance()
	}
	if p.code == walk.Internal || p.cause != nil && p.code == walk.Overloaded {
		f.report(x, p, err)
	}
	f.refusals[p.code].Inc()
	if x.status != 0 {
		// Part of an answer is out: cutting the connection is the only honest end of it.
		panic(http.ErrAbortHandler)
	}
	h := x.w.Header()
	secure(h)
	if x.allow != "" {
		h["Allow"] = []string{x.allow}
	}
	if p.code == walk.NotSignedIn {
		h["Www-Authenticate"] = challenge
		if errors.Is(err, errBadSession) {
			h["Www-Authenticate"] = challengeAgain
		}
	}
	buf := getBuffer()
	defer putBuffer(buf)
	*buf = p.append(*buf, f.svc.Programme().Zone)
	if p.retryAfter > 0 {
		h["Retry-After"] = []string{seconds(p.retryAfter)}
	}
	x.write(p.status, problemType, *buf)
}

// report logs at most ten lines a second for each status, so that a jam does not become a second one.
func (f *face) report(x *exchange, p problem, err error) {
	if f.logged.Allow(ratelimit.Key{Class: uint8(p.status % 100)}, ratelimit.PerSecond(10, 20), x.now) > 0 {
		return
	}
	f.log.LogAttrs(x.ctx, slog.LevelError, "request failed",
		slog.String("route", x.route.Pattern), slog.String("method", x.route.Method), slog.String("code", string(p.code)),
		slog.String("instance", p.instance), slog.String("error", telemetry.Scrub(err.Error())))
}

var (
	challenge      = []string{`Bearer realm="charye"`}
	challengeAgain = []string{`Bearer realm="charye", error="invalid_token"`}

	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"}
	noStore     = []string{"no-store"}

	nosniff    = []string{"nosniff"}
	policy     = []string{"default-src 'none'; frame-ancestors 'none'"}
	noReferrer = []string{"no-referrer"}
)

// secure sets the headers of every answer. The slices are shared and never changed; no map is read for a canonical name.
func secure(h http.Header) {
	h["X-Content-Type-Options"] = nosniff
	h["Content-Security-Policy"] = policy
	h["Referrer-Policy"] = noReferrer
}

// write sends a private answer: nobody may keep it.
func (x *exchange) write(status int, contentType []string, body []byte) {
	h := x.w.Header()
	h["Content-Type"] = contentType
	if !weak.Off(weak.NoStore) {
		h["Cache-Control"] = noStore
	}
	x.begin(status)
	x.writing(len(body))
	// A failed write is a client that has gone; there is nobody to tell.
	_, _ = x.w.Write(body)
}

// answering ends the request's stay in its lane: the work is done, and how fast the client takes the answer must not
// matter to others. A download in the bulk lane is work until its end.
func (x *exchange) answering() {
	if x.route.lane != laneBulk {
		x.leaveLane()
	}
}

func (x *exchange) leaveLane() {
	if x.lane != nil {
		x.lane.leave()
		x.lane = nil
	}
}

// buffered is what net/http takes without writing to the connection.
const buffered = 2048

// writing leaves the gate before an answer for which the client may have to be waited for. A small one is part of the work.
func (x *exchange) writing(n int) {
	if n > buffered {
		x.leaveGate()
	}
}

// leaveGate lets the next one pass.
func (x *exchange) leaveGate() {
	if x.passed {
		x.face.opts.Gate.Leave(x.rank)
		x.passed = false
	}
	if x.hurries {
		x.face.opts.Gate.Arrive()
		x.hurries = false
	}
}

// heldBack waits until there is room for what can be asked again. Entering, booking, changing and cancelling never wait here: they go on
// while others are held back.
func (x *exchange) heldBack() error {
	switch {
	case x.face.opts.Gate == nil:
		return nil
	case x.route.lane == lanePublic:
		x.rank = load.Cheap
	case x.route.lane != laneWork:
		return nil
	case x.route.class == classJoin || x.route.class == classPoll:
		x.rank = load.Work
	default:
		x.rank = load.Read
	}
	if err := x.face.opts.Gate.Enter(x.ctx, x.rank); err != nil {
		return overloaded("More than we can serve well right now. The place in the line is kept.", err)
	}
	x.passed = true
	return nil
}

func (x *exchange) begin(status int) {
	x.answering()
	x.status = status
	x.w.WriteHeader(status)
}

// private sends a JSON document that build appends, in a buffer that is used again.
func (x *exchange) private(status int, build func(b []byte, zone *time.Location) []byte) error {
	buf := getBuffer()
	defer putBuffer(buf)
	*buf = build(*buf, x.face.svc.Programme().Zone)
	x.write(status, jsonType, *buf)
	return nil
}

// noted is a ResponseWriter for the handlers of net/http and of others that write the answer themselves.
type noted struct {
	http.ResponseWriter
	x *exchange
}

func (n noted) WriteHeader(status int) {
	if n.x.status < 200 {
		n.x.status = status
	}
	n.x.answering()
	n.ResponseWriter.WriteHeader(status)
}

func (n noted) Write(b []byte) (int, error) {
	if n.x.status == 0 {
		n.x.status = http.StatusOK
	}
	n.x.answering()
	n.x.writing(len(b))
	return n.ResponseWriter.Write(b)
}

// Unwrap serves [http.ResponseController].
func (n noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }
