package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/internal/load"
	"charye/internal/weak"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/walk"
	"charye/walk/held"
	"charye/walk/leftovers"
)

// Service is what the pages use of [walk.Walk].
type Service interface {
	Programme() *programme.Programme
	Now() time.Time

	Campaigns(ctx context.Context) ([]walk.Campaign, error)
	Campaign(ctx context.Context, id string) (walk.Campaign, error)
	Line(ctx context.Context, campaign string) (walk.LineDoc, error)
	Draw(ctx context.Context, campaign string) (line.Draw, error)

	Eligible(ctx context.Context, a walk.Actor, campaign, recipient string) error
	Join(ctx context.Context, a walk.Actor, campaign, recipient string) (p walk.Place, created bool, err error)
	PlaceOf(ctx context.Context, a walk.Actor, campaign, recipient string) (walk.Place, error)
	Enter(ctx context.Context, a walk.Actor, campaign, recipient, ticket, device string, takeover bool) (walk.Pass, error)

	Regions(ctx context.Context) []string
	Sites(ctx context.Context, campaign string, q walk.SiteQuery) (walk.SitePage, error)
	Site(ctx context.Context, campaign, siteID string) (walk.SiteFree, error)
	Slots(ctx context.Context, campaign, siteID string, day civil.Date) ([]walk.Slot, error)
	SlotsFor(ctx context.Context, a walk.Actor, campaign, recipient, siteID string, day civil.Date) ([]walk.Slot, error)
	Slot(ctx context.Context, campaign, slotID string) (walk.Slot, site.Site, error)
	DoseSlots(ctx context.Context, a walk.Actor, bookingID string, dose int, siteID string, day civil.Date) ([]walk.Slot, error)

	Hold(ctx context.Context, a walk.Actor, pass, slot string) (walk.Hold, error)
	Book(ctx context.Context, a walk.Actor, pass string, r walk.BookRequest) (b walk.Booking, repeated bool, err error)
	Bookings(ctx context.Context, a walk.Actor) ([]walk.Booking, error)
	Booking(ctx context.Context, a walk.Actor, id string) (walk.Booking, error)
	Change(ctx context.Context, a walk.Actor, id string, dose int, slot string) (walk.Booking, error)
	Cancel(ctx context.Context, a walk.Actor, id string) (walk.Booking, error)

	AddRecipient(ctx context.Context, a walk.Actor, r walk.NewRecipient) (person.Recipient, error)
	Recipients(ctx context.Context, a walk.Actor) ([]person.Recipient, error)
	RemoveRecipient(ctx context.Context, a walk.Actor, id string) error

	Contact(ctx context.Context, a walk.Actor) (notify.Contact, error)
	SetContact(ctx context.Context, a walk.Actor, c notify.Contact) (notify.Contact, error)
	AddDevice(ctx context.Context, a walk.Actor, lang string, s notify.Subscription) (notify.Contact, error)
	RemoveDevices(ctx context.Context, a walk.Actor) (notify.Contact, error)
	Messages(ctx context.Context, a walk.Actor) ([]notify.Kept, error)

	Leftovers(ctx context.Context, a walk.Actor, campaign string) (leftovers.Mine, error)
	LeftoversFor(ctx context.Context, a walk.Actor, campaign, recipient string) (leftovers.Mine, error)
	SetLeftovers(ctx context.Context, a walk.Actor, campaign, recipient string, sites []string) (leftovers.Mine, error)
	AcceptLeftover(ctx context.Context, a walk.Actor, campaign, recipient, offer string) (walk.Booking, error)
	DeclineLeftover(ctx context.Context, a walk.Actor, campaign, recipient, offer string) error
	DeskService
	ClinicService
	ManageService
	SupplyService
}

// Provider is one way to sign in, as people choose it.
type Provider struct {
	ID    string
	Name  programme.Text
	Staff bool // for those at work, on the pages under /desk
}

// SignIn is who lets people in by name. Safe for concurrent use.
type SignIn interface {
	// Providers lists the ways to sign in, in the order to show them.
	Providers() []Provider
	// Begin starts a sign-in and gives the provider's address to go to. loginState is kept in a cookie of this browser
	// and handed back to Finish; fresh demands that the provider asks the person again (for a takeover).
	Begin(ctx context.Context, provider, returnTo string, fresh bool) (redirect, loginState string, err error)
	// Finish takes the query that the provider came back with. returnTo is what Begin was given.
	Finish(ctx context.Context, loginState string, query url.Values) (sessionToken, returnTo string, err error)
	// Verify reads a session token; any error means that nobody is signed in.
	Verify(token string) (person.Session, error)
	// OpenName gives the person's name out of a token that Verify accepted; it may be empty.
	OpenName(token string) (string, error)
}

// Options is what the pages need beside the services. The zero value serves plain http without a calendar.
type Options struct {
	// PublicURL is the address people type, such as "https://charye.example". With https, cookies are Secure and carry
	// the __Host- prefix.
	PublicURL string
	// Calendar writes a booking as a calendar file (RFC 5545) in a language; without it there is no calendar link.
	Calendar func(b walk.Booking, lang string) []byte
	// Export writes all that is kept about somebody as a file of JSON; without it there is no such file.
	Export func(a walk.Actor, h held.Held) []byte
	// PushKey is the public key by which browsers subscribe to messages, in base64url; without it they cannot.
	PushKey string
	// Gate holds pages back when there is too much to do, except the last steps of those who were let in. Nil: nothing is held back.
	Gate *load.Gate
	// HelpPhone is shown on every page when set.
	HelpPhone string
	// Log gets internal errors; never anything about a person. Nil: [slog.Default].
	Log *slog.Logger
}

// takeoverSignIn is how fresh a sign-in must be to move a pass to another device. Package walk enforces it; here it only
// decides whether the page offers the button or the sign-in first.
const takeoverSignIn = 5 * time.Minute

// handler is all pages. Immutable after New.
type handler struct {
	svc       Service
	signIn    SignIn
	opts      Options
	log       *slog.Logger
	zone      *time.Location
	cookies   cookieJar
	assets    *assets
	languages map[string]*language
	pages     map[string]map[string]*template.Template // by language and page
	mux       *http.ServeMux
}

// New makes the handler of all pages. It parses every template and catalogue and fails when one is wrong.
func New(svc Service, signIn SignIn, o Options) (http.Handler, error) {
	h := &handler{svc: svc, signIn: signIn, opts: o, log: o.Log, mux: http.NewServeMux()}
	if h.log == nil {
		h.log = slog.Default()
	}
	h.zone = svc.Programme().Zone
	if h.zone == nil {
		h.zone = time.UTC
	}
	guard := http.NewCrossOriginProtection()
	if weak.Off(weak.Origin) {
		guard.AddInsecureBypassPattern("/")
	}
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("public URL %q: want http(s)://host", o.PublicURL)
		}
		h.cookies.secure = u.Scheme == "https"
		if err := guard.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, fmt.Errorf("public URL: %w", err)
		}
	}
	var err error
	if h.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if h.languages, err = loadLanguages(h.zone); err != nil {
		return nil, err
	}
	if h.pages, err = parsePages(h.languages, h.assets); err != nil {
		return nil, err
	}
	h.routes()
	guard.SetDenyHandler(h.page(func(*request) error {
		return &walk.Error{Code: walk.BadRequest, Detail: "the form was sent from another site"}
	}))
	return secure(compress(guard.Handler(h.mux))), nil
}

func (h *handler) routes() {
	on := func(pattern string, f action) { h.mux.Handle(pattern, h.page(f)) }

	on("GET /{$}", h.home)
	on("GET /lang", h.chooseLanguage)
	on("GET /about/fair-turn", h.fairTurn)

	on("GET /sign-in", h.signInPage)
	on("GET /sign-in/callback", h.signInFinish)
	on("GET /sign-in/{provider}", h.signInBegin)
	on("POST /sign-out", h.signOut)

	on("GET /c/{campaign}", h.campaign)
	on("GET /c/{campaign}/for", h.forWhom)
	on("POST /c/{campaign}/for", h.addRecipient)
	on("POST /c/{campaign}/for/remove", h.removeRecipient)
	on("POST /c/{campaign}/join", h.join)
	on("GET /c/{campaign}/wait", h.wait)
	on("POST /c/{campaign}/enter", h.enter)
	on("GET /c/{campaign}/takeover", h.takeover)

	on("GET /c/{campaign}/sites", h.sites)
	on("GET /c/{campaign}/sites/{site}", h.site)
	on("POST /c/{campaign}/hold", h.hold)
	on("GET /c/{campaign}/confirm", h.confirm)
	on("POST /c/{campaign}/confirm", h.book)

	on("GET /bookings", h.bookings)
	on("GET /bookings/{id}", h.receipt)
	on("GET /bookings/{id}/calendar.ics", h.calendar)
	on("GET /bookings/{id}/change", h.changePage)
	on("GET /bookings/{id}/change/sites", h.changeSites)
	on("POST /bookings/{id}/change", h.change)
	on("GET /bookings/{id}/cancel", h.cancelPage)
	on("POST /bookings/{id}/cancel", h.cancel)

	h.deskRoutes()
	h.clinicRoutes()
	h.manageRoutes()
	h.supplyRoutes()

	on("GET /contact", h.contact)
	on("POST /contact", h.setContact)
	on("POST /contact/device", h.addDevice)
	on("POST /contact/device/remove", h.removeDevices)
	on("GET /contact/device", func(q *request) error { return q.redirect("/contact") })

	on("GET /me", h.held)
	on("GET /me/charye.json", h.heldFile)

	on("GET /leftovers", h.leftovers)
	on("POST /leftovers", h.setLeftovers)
	on("POST /leftovers/{offer}/accept", h.acceptLeftover)
	on("POST /leftovers/{offer}/decline", h.declineLeftover)

	// Somebody who reloads the answer to a form must not meet a dead end.
	toWait := func(q *request) error {
		return q.redirect(q.path(q.PathValue("campaign"), "wait", q.recipient()))
	}
	toLeftovers := func(q *request) error { return q.redirect("/leftovers") }
	on("GET /leftovers/{offer}/accept", toLeftovers)
	on("GET /leftovers/{offer}/decline", toLeftovers)
	on("GET /c/{campaign}/join", toWait)
	on("GET /c/{campaign}/enter", toWait)
	on("GET /c/{campaign}/hold", toWait)

	h.mux.Handle("GET /assets/{name}", h.assets)
	// A worker's scope is where it lies, so this one lies above all pages, and under a name that stays.
	h.mux.HandleFunc("GET /push.js", h.assets.worker)
	on("/", func(*request) error { return &walk.Error{Code: walk.NotFound, Detail: "there is no such page"} })
}

// campaignPath gives the address of a campaign's page for a recipient (empty: the person themselves), with more query
// parameters as name, value pairs; empty values are left out.
func campaignPath(campaign, page, recipient string, kv ...string) string {
	p := "/c/" + url.PathEscape(campaign)
	if page != "" {
		p += "/" + page
	}
	return withQuery(p, append([]string{"for", recipient}, kv...)...)
}

func withQuery(path string, kv ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i+1] != "" {
			v.Set(kv[i], kv[i+1])
		}
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// localPath gives p when it is an address on this service, else "/". It keeps sign-in and language links from becoming
// open redirects.
func localPath(p string) string {
	if weak.Off(weak.LocalPath) {
		return p
	}
	if len(p) > 1000 || !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n\t") {
		return "/"
	}
	if u, err := url.Parse(p); err != nil || u.Host != "" || u.Scheme != "" {
		return "/"
	}
	return p
}

// codeOf gives the refusal's code; [walk.Internal] for anything that is not a refusal.
func codeOf(err error) walk.Code {
	var e *walk.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return walk.Internal
}
