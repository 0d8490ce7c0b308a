package epcis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"charye/internal/batch"
	"charye/internal/telemetry"
	"charye/supply/epcis"
)

// Prefix is where the interface lies.
const Prefix = "/epcis/v2"

// The bounds of one capture, and of all that are being read at one moment: a document is several times as large in memory.
const (
	MaxBody        = 8 << 20
	MaxEvents      = 5000
	bodiesInFlight = 3 * MaxBody
	// maxTogether is how many events of several captures are committed at once: few enough that a slow store ends it in time.
	maxTogether     = 2000
	usualPatience   = 25 * time.Second
	captureInEngine = 22 * time.Second
)

// Options are what a face is given.
type Options struct {
	Tokens  *Tokens
	Now     func() time.Time // the server's clock
	Logger  *slog.Logger
	Metrics *telemetry.Metrics
	// Patience is how long a capture waits for its answer; it should be below the server's bound on answers. 0: 25 seconds.
	Patience time.Duration
}

// Face is the HTTP handler. It is to be stopped.
type Face struct {
	store  epcis.Store
	opts   Options
	mux    *http.ServeMux
	pool   *batch.Pool[epcis.Job, epcis.Outcome]
	bodies *semaphore.Weighted
}

// New makes the face of a store.
func New(store epcis.Store, o Options) *Face {
	f := &Face{store: store, opts: o, mux: http.NewServeMux(), bodies: semaphore.NewWeighted(bodiesInFlight)}
	if f.opts.Patience == 0 {
		f.opts.Patience = usualPatience
	}
	// One lane for all clients, in the order in which they came: however many there are, one capture at a time asks the store for its lock. Those
	// that wait are bounded by the bytes of their bodies.
	f.pool = batch.NewSized(store.Capture, func(j epcis.Job) int { return len(j.Events) }, batch.Options{MaxBatch: 256, Waiting: 1024, MaxSize: maxTogether, Timeout: captureInEngine})
	byPath := map[string][]route{}
	for _, r := range routes {
		byPath[r.path] = append(byPath[r.path], r)
	}
	for path, list := range byPath {
		f.mux.Handle(Prefix+path, f.resource(path, list))
	}
	f.mux.Handle("/", f.resource("/", nil))
	return f
}

// Owns reports whether a path is this face's.
func Owns(path string) bool { return path == Prefix || strings.HasPrefix(path, Prefix+"/") }

// Waiting is how many captures wait for the next commit.
func (f *Face) Waiting() int { return f.pool.Waiting() }

// Stop answers the captures that wait and takes no more.
func (f *Face) Stop() { f.pool.Stop() }

// ServeHTTP answers a request of a party that has shown its token, and no other.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("GS1-EPCIS-Version", "2.0.0")
	h.Set("GS1-CBV-Version", "2.0.0")
	h.Set("GS1-EPC-Format", "Never_Translates")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	party, known := f.opts.Tokens.find(token)
	if !ok || !known {
		refuse(http.StatusUnauthorized, "SecurityException", "Not authorised", "send the token of a party: Authorization: Bearer TOKEN").write(w)
		return
	}
	f.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), partyKey{}, party)))
}

type partyKey struct{}

// exchange is one request being answered.
type exchange struct {
	*Face
	w     http.ResponseWriter
	r     *http.Request
	party Party
	now   time.Time
}

type route struct {
	method string
	path   string
	right  Rights
	handle func(*exchange) error
}

// routes are all there is; each has the right that it asks for.
var routes = []route{
	{"POST", "/capture", MayCapture, (*exchange).postCapture},
	{"GET", "/capture/{captureID}", MayCapture, (*exchange).getCapture},
	{"POST", "/events", MayCapture, (*exchange).postEvent},
	{"GET", "/events", MayQuery, (*exchange).getEvents},
	{"GET", "/events/{eventID}", MayQuery, (*exchange).getEvent},
	{"GET", "/eventTypes", MayQuery, (*exchange).getEventTypes},
	{"GET", "/epcs", MayQuery, namesOf(epcis.NamedEPC)},
	{"GET", "/bizLocations", MayQuery, namesOf(epcis.NamedLocation)},
	{"GET", "/readPoints", MayQuery, namesOf(epcis.NamedReadPoint)},
	{"GET", "/bizSteps", MayQuery, namesOf(epcis.NamedStep)},
	{"GET", "/dispositions", MayQuery, namesOf(epcis.NamedDisposition)},
	{"GET", "/eventTypes/{value}/events", MayQuery, eventsOf("eventType")},
	{"GET", "/epcs/{value}/events", MayQuery, eventsOf("MATCH_anyEPC")},
	{"GET", "/bizSteps/{value}/events", MayQuery, eventsOf("EQ_bizStep")},
	{"GET", "/bizLocations/{value}/events", MayQuery, eventsOf("EQ_bizLocation")},
	{"GET", "/readPoints/{value}/events", MayQuery, eventsOf("EQ_readPoint")},
	{"GET", "/dispositions/{value}/events", MayQuery, eventsOf("EQ_disposition")},
	{"POST", "/queries", MayQuery, (*exchange).postQuery},
	{"GET", "/queries", MayQuery, (*exchange).getQueries},
	{"GET", "/queries/{name}", MayQuery, (*exchange).getQuery},
	{"DELETE", "/queries/{name}", MayQuery, (*exchange).deleteQuery},
	{"GET", "/queries/{name}/events", MayQuery, (*exchange).getQueryEvents},
}

// resource answers for a path with what its methods do.
func (f *Face) resource(path string, list []route) http.Handler {
	allow := []string{"OPTIONS"}
	counters := map[string]*telemetry.Route{}
	for _, r := range list {
		allow = append(allow, r.method)
		counters[r.method] = f.opts.Metrics.Route(Prefix+path, r.method)
	}
	slices.Sort(allow)
	other := f.opts.Metrics.Route(Prefix+path, "OTHER")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		x := &exchange{Face: f, w: &answer{ResponseWriter: w}, r: r, now: f.opts.Now()}
		x.party, _ = r.Context().Value(partyKey{}).(Party)
		counter := counters[r.Method]
		if counter == nil {
			counter = other
		}
		defer func() { counter.Done(x.w.(*answer).status, time.Since(start)) }()
		if err := x.guarded(list, strings.Join(allow, ", ")); err != nil {
			x.refuse(err)
		}
	})
}

// answer remembers what was answered.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// guarded turns a panic into an error: it must cost one answer and not the process.
func (x *exchange) guarded(list []route, allow string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if len(list) == 0 {
		return notFound("there is no such resource here")
	}
	if x.r.Method == http.MethodOptions {
		x.discover(allow)
		return nil
	}
	for _, r := range list {
		if r.method != x.r.Method {
			continue
		}
		if x.party.Rights&r.right == 0 {
			return refuse(http.StatusForbidden, "SecurityException", "Not allowed", fmt.Sprintf("party %s has no right to %s", x.party.Name, r.right))
		}
		if err := x.acceptable(); err != nil {
			return err
		}
		return r.handle(x)
	}
	p := refuse(http.StatusMethodNotAllowed, "ImplementationException", "Method not allowed", "this resource takes "+allow)
	p.allow = allow
	return p
}

// discover tells what the resource takes and how much.
func (x *exchange) discover(allow string) {
	h := x.w.Header()
	h.Set("Allow", allow)
	for _, of := range []string{"EPCIS", "CBV"} {
		h.Set("GS1-"+of+"-Min", "2.0.0")
		h.Set("GS1-"+of+"-Max", "2.0.0")
	}
	h.Set("GS1-EPCIS-Capture-Limit", strconv.Itoa(MaxEvents))
	h.Set("GS1-EPCIS-Capture-File-Size-Limit", strconv.Itoa(MaxBody))
	h.Set("GS1-Capture-Error-Behaviour", "rollback")
	x.w.WriteHeader(http.StatusNoContent)
}

// acceptable refuses who wants another version or form than there is.
func (x *exchange) acceptable() error {
	for _, name := range []string{"GS1-EPCIS-Version", "GS1-CBV-Version"} {
		if v := x.r.Header.Get(name); v != "" && v != "2.0" && v != "2.0.0" {
			return refuse(http.StatusNotAcceptable, "NotAcceptableException", "Version not offered", name+": this is version 2.0")
		}
	}
	if v := x.r.Header.Get("GS1-EPC-Format"); v != "" && v != "No_Preference" && v != "Never_Translates" {
		return refuse(http.StatusNotAcceptable, "NotAcceptableException", "Format not offered", "GS1-EPC-Format: events are given back as they were written (Never_Translates)")
	}
	accept := x.r.Header.Get("Accept")
	if accept == "" {
		return nil
	}
	for kind := range strings.SplitSeq(accept, ",") {
		kind, _, _ = strings.Cut(kind, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "*/*", "application/*", "application/json", "application/ld+json":
			return nil
		}
	}
	return refuse(http.StatusNotAcceptable, "NotAcceptableException", "Format not offered", "Accept: this interface speaks application/json")
}

func (x *exchange) refuse(err error) {
	p := problemOf(err)
	if p.cause != nil && !errors.Is(p.cause, context.Canceled) {
		x.opts.Logger.LogAttrs(x.r.Context(), slog.LevelError, "epcis", slog.String("path", x.r.Pattern), slog.String("party", x.party.Name), slog.Any("error", p.cause))
	}
	p.write(x.w)
}
