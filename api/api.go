package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/internal/load"
	"charye/internal/ratelimit"
	"charye/internal/telemetry"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/walk/leftovers"
)

// Service is what this face uses of [*walk.Walk].
type Service interface {
	Programme() *programme.Programme
	Now() time.Time
	Campaigns(ctx context.Context) ([]walk.Campaign, error)
	Campaign(ctx context.Context, id string) (walk.Campaign, error)
	Line(ctx context.Context, campaign string) (walk.LineDoc, error)
	Draw(ctx context.Context, campaign string) (line.Draw, error)
	Entrants(ctx context.Context, campaign string) (io.ReadSeekCloser, error)
	Eligible(ctx context.Context, a walk.Actor, campaign, recipient string) error
	Join(ctx context.Context, a walk.Actor, campaign, recipient string) (walk.Place, bool, error)
	PlaceByTicket(ctx context.Context, campaign, ticket string) (walk.Place, error)
	PlaceOf(ctx context.Context, a walk.Actor, campaign, recipient string) (walk.Place, error)
	Enter(ctx context.Context, a walk.Actor, campaign, recipient, ticket, device string, takeover bool) (walk.Pass, error)
	Regions(ctx context.Context) []string
	Sites(ctx context.Context, campaign string, q walk.SiteQuery) (walk.SitePage, error)
	Slots(ctx context.Context, campaign, siteID string, day civil.Date) ([]walk.Slot, error)
	DoseSlots(ctx context.Context, a walk.Actor, bookingID string, dose int, siteID string, day civil.Date) ([]walk.Slot, error)
	Hold(ctx context.Context, a walk.Actor, pass, slot string) (walk.Hold, error)
	Book(ctx context.Context, a walk.Actor, pass string, r walk.BookRequest) (walk.Booking, bool, error)
	Bookings(ctx context.Context, a walk.Actor) ([]walk.Booking, error)
	Booking(ctx context.Context, a walk.Actor, id string) (walk.Booking, error)
	Change(ctx context.Context, a walk.Actor, id string, dose int, slot string) (walk.Booking, error)
	Cancel(ctx context.Context, a walk.Actor, id string) (walk.Booking, error)
	AddRecipient(ctx context.Context, a walk.Actor, r walk.NewRecipient) (person.Recipient, error)
	Recipients(ctx context.Context, a walk.Actor) ([]person.Recipient, error)
	RemoveRecipient(ctx context.Context, a walk.Actor, id string) error
	Contact(ctx context.Context, a walk.Actor) (notify.Contact, error)
	SetContact(ctx context.Context, a walk.Actor, c notify.Contact) (notify.Contact, error)
	Messages(ctx context.Context, a walk.Actor) ([]notify.Kept, error)
	Leftovers(ctx context.Context, a walk.Actor, campaign string) (leftovers.Mine, error)
	LeftoversFor(ctx context.Context, a walk.Actor, campaign, recipient string) (leftovers.Mine, error)
	SetLeftovers(ctx context.Context, a walk.Actor, campaign, recipient string, sites []string) (leftovers.Mine, error)
	AcceptLeftover(ctx context.Context, a walk.Actor, campaign, recipient, offer string) (walk.Booking, error)
	DeclineLeftover(ctx context.Context, a walk.Actor, campaign, recipient, offer string) error
}

// Verifier checks session tokens: [person.Sessions]. Any error means not signed in.
type Verifier interface {
	// Verify gives the session of a genuine, unexpired token; the name may be left empty.
	Verify(token string, now time.Time) (person.Session, error)
	// OpenName gives the name sealed in a genuine token; asked only where a name is needed.
	OpenName(token string) (string, error)
}

// Options set up the face. The zero value is a safe one, except that it is never ready.
type Options struct {
	// Logger gets what went wrong inside; what it is given names no person. Nil: nothing is logged.
	Logger *slog.Logger
	// Metrics is where requests are counted, and what /metrics shows. Nil: one of its own.
	Metrics *telemetry.Metrics
	// Ready reports whether the stores answer. Nil: never ready.
	Ready func(context.Context) error
	// Waiting names what waits for people, in a few fixed words, and is told beside being ready. Nil: nothing.
	Waiting func() []string
	// Limits are the rates; the zero value is [DefaultLimits].
	Limits Limits
	// TrustedProxies are the networks whose X-Forwarded-For is believed. From anyone else it is ignored.
	TrustedProxies []netip.Prefix
	// MaxInFlight is how many requests that reach the stores are answered at once; default 8192: so many that join, poll
	// and look, as many that enter and book, and as many of the public, cached kind. More are refused at once.
	MaxInFlight int
	// Gate holds back what is public or for those who wait (the lanes public and work) when there is too much to do. Nil: nothing is
	// held back.
	Gate *load.Gate
	// BodyTimeout is how long a client may take to send a body; default 10 s.
	BodyTimeout time.Duration
	// CallTimeout is how long one call may take; default 15 s, longer than one batch commit may.
	CallTimeout time.Duration
}

// Owns reports whether a request path belongs to this face. Dispatch by it and not by an [http.ServeMux], which would
// redirect the misspelt paths that this face refuses.
func Owns(path string) bool {
	switch path {
	case "/api", "/healthz", "/readyz", "/metrics":
		return true
	}
	return strings.HasPrefix(path, "/api/")
}

// maxBulk is how many downloads of entrants run at once: each may read 160 MB.
const maxBulk = 64

// Bytes that the caches of encoded answers may take.
const (
	pageCacheBytes = 32 << 20 // sites and slots
	docCacheBytes  = 8 << 20  // documents that exist once, or once for each campaign
)

// face is the handler with all it needs.
type face struct {
	svc      Service
	sessions Verifier
	log      *slog.Logger
	opts     Options
	limits   Limits
	asked    *ratelimit.Memory // nil: no limits
	logged   *ratelimit.Memory
	lanes    [laneCount]lane
	refusals map[walk.Code]counter
	docs     *cache
	lines    *cache
	pages    *cache
	ready    readiness
	metrics  http.Handler
	mux      *http.ServeMux
	badPath  *Route
	notFound *Route
	notTaken *Route
}

type counter interface{ Inc() }

// New makes the handler of all routes of [Routes]. It is safe for concurrent use.
func New(svc Service, sessions Verifier, opts Options) http.Handler {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Metrics == nil {
		opts.Metrics = telemetry.New()
	}
	if opts.MaxInFlight <= 0 {
		opts.MaxInFlight = 8192
	}
	if opts.BodyTimeout <= 0 {
		opts.BodyTimeout = 10 * time.Second
	}
	if opts.CallTimeout <= 0 {
		opts.CallTimeout = 15 * time.Second
	}
	f := &face{
		svc: svc, sessions: sessions, log: opts.Logger, opts: opts,
		limits:   opts.Limits.orDefault(),
		logged:   ratelimit.NewMemory(1024),
		refusals: make(map[walk.Code]counter),
		docs:     newCache(time.Second, docCacheBytes, svc.Now),
		lines:    newCache(time.Second, docCacheBytes, svc.Now),
		pages:    newCache(time.Second, pageCacheBytes, svc.Now),
		metrics:  opts.Metrics.Handler(),
		mux:      http.NewServeMux(),
	}
	if !f.limits.Off {
		f.asked = ratelimit.NewMemory(f.limits.Keys)
	}
	for l, max := range [laneCount]int{laneOps: 64, lanePublic: opts.MaxInFlight, laneWork: opts.MaxInFlight, laneBook: opts.MaxInFlight, laneBulk: maxBulk} {
		f.lanes[l].max = int64(max)
		f.lanes[l].gauge = opts.Metrics.InFlight(laneNames[l])
	}
	for code := range problems {
		f.refusals[code] = opts.Metrics.Refusal(string(code))
	}
	f.mount(opts.Metrics)
	return f
}

// mount puts the routes on the mux, one handler for each path so that a wrong method gets a problem and not plain text.
func (f *face) mount(m *telemetry.Metrics) {
	paths := make(map[string]*pathHandler)
	for _, r := range Routes() {
		r.counters = m.Route(r.Pattern, r.Method)
		p := paths[r.Pattern]
		if p == nil {
			p = &pathHandler{face: f, methods: make(map[string]*Route)}
			paths[r.Pattern] = p
			f.mux.Handle(r.Pattern, p)
		}
		p.methods[r.Method] = &r
	}
	for _, p := range paths {
		p.allow = allowed(p.methods)
	}
	f.badPath = &Route{Pattern: "(bad path)", lane: lanePublic, class: classPublic, handle: refusePath, counters: m.Route("(bad path)", "any")}
	f.notFound = &Route{Pattern: "(not found)", lane: lanePublic, class: classPublic, handle: refuseUnknown, counters: m.Route("(not found)", "any")}
	f.notTaken = &Route{Pattern: "(wrong method)", lane: lanePublic, class: classPublic, handle: refuseMethod, counters: m.Route("(wrong method)", "any")}
	f.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { f.serve(f.notFound, "", w, r) })
}

// ServeHTTP implements [http.Handler].
func (f *face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !onlySpelling(r.URL) {
		f.serve(f.badPath, "", w, r)
		return
	}
	f.mux.ServeHTTP(w, r)
}

// pathHandler picks the route by method. HEAD goes where GET goes; net/http leaves the body out.
type pathHandler struct {
	face    *face
	methods map[string]*Route
	allow   string
}

// ServeHTTP implements [http.Handler].
func (p *pathHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	route := p.methods[method]
	if route == nil {
		p.face.serve(p.face.notTaken, p.allow, w, r)
		return
	}
	p.face.serve(route, "", w, r)
}

func allowed(methods map[string]*Route) string {
	var list []string
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
		if methods[m] != nil || m == "HEAD" && methods["GET"] != nil {
			list = append(list, m)
		}
	}
	return strings.Join(list, ", ")
}
