// Package citizen is the pages for citizens, from the list of campaigns over the line and the choice of a time to bookings, messages, leftover doses
// and what is kept about them. The part from the wait on serves the desk too, for a caller, under the desk's address ([Pages.CallerRoutes]).
//
// It owns what people see there and in which order. It decides nothing: every rule is in package walk, and no page, cookie or script grants anything.
// It must not know of the other faces, of engines, of how people are identified, or of the JSON interface beyond the two public addresses that the
// waiting page's script reads.
//
// Every page works without JavaScript: forms are plain POST followed by a redirect, and the waiting page asks again by itself when the server said
// it should.
package citizen

import (
	"context"
	"embed"
	"time"

	"charye/internal/civil"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/walk"
	"charye/walk/desk"
	"charye/walk/held"
	"charye/walk/leftovers"
	"charye/web/page"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Options is what the pages of citizens need beside the services. The zero value has no files to take along.
type Options struct {
	// Calendar writes a booking as a calendar file (RFC 5545) in a language; without it there is no calendar link.
	Calendar func(b walk.Booking, lang string) []byte
	// Export writes all that is kept about somebody as a file of JSON; without it there is no such file.
	Export func(a walk.Actor, h held.Held) []byte
	// PushKey is the public key by which browsers subscribe to messages, in base64url; without it they cannot.
	PushKey string
}

// Pages are the pages of citizens and, for a caller, of the desk. Immutable after newCitizenPages.
type Pages struct {
	*page.Frame
	svc  Service
	opts Options
}

// New makes the pages; it fails when a template is wrong.
func New(f *page.Frame, svc Service, o Options) (*Pages, error) {
	return &Pages{Frame: f, svc: svc, opts: o}, f.AddTemplates(templateFiles)
}

// Routes lists the pages for citizens.
func (h *Pages) Routes() []page.Route {
	// Somebody who reloads the answer to a form must not meet a dead end.
	toWait := func(q *page.Request) error {
		return q.Redirect(q.Path(q.PathValue("campaign"), "wait", q.Recipient()))
	}
	toLeftovers := func(q *page.Request) error { return q.Redirect("/leftovers") }
	return []page.Route{
		{Pattern: "GET /{$}", Do: h.home},
		{Pattern: "GET /lang", Do: h.chooseLanguage},
		{Pattern: "GET /about/fair-turn", Do: h.fairTurn},

		{Pattern: "GET /c/{campaign}", Do: h.campaign},
		{Pattern: "GET /c/{campaign}/for", Do: h.forWhom},
		{Pattern: "POST /c/{campaign}/for", Do: h.addRecipient},
		{Pattern: "POST /c/{campaign}/for/remove", Do: h.removeRecipient},
		{Pattern: "POST /c/{campaign}/join", Do: h.join},
		{Pattern: "GET /c/{campaign}/join", Do: toWait},
		{Pattern: "GET /c/{campaign}/wait", Do: h.wait},
		{Pattern: "POST /c/{campaign}/enter", Do: h.enter},
		{Pattern: "GET /c/{campaign}/enter", Do: toWait},
		{Pattern: "GET /c/{campaign}/takeover", Do: h.takeover},

		{Pattern: "GET /c/{campaign}/sites", Do: h.sites},
		{Pattern: "GET /c/{campaign}/sites/{site}", Do: h.site},
		{Pattern: "POST /c/{campaign}/hold", Do: h.hold},
		{Pattern: "GET /c/{campaign}/hold", Do: toWait},
		{Pattern: "GET /c/{campaign}/confirm", Do: h.confirm},
		{Pattern: "POST /c/{campaign}/confirm", Do: h.book},

		{Pattern: "GET /bookings", Do: h.bookings},
		{Pattern: "GET /bookings/{id}", Do: h.receipt},
		{Pattern: "GET /bookings/{id}/calendar.ics", Do: h.calendar},
		{Pattern: "GET /bookings/{id}/change", Do: h.changePage},
		{Pattern: "GET /bookings/{id}/change/sites", Do: h.changeSites},
		{Pattern: "POST /bookings/{id}/change", Do: h.change},
		{Pattern: "GET /bookings/{id}/cancel", Do: h.cancelPage},
		{Pattern: "POST /bookings/{id}/cancel", Do: h.cancel},

		{Pattern: "GET /contact", Do: h.contact},
		{Pattern: "POST /contact", Do: h.setContact},
		{Pattern: "POST /contact/device", Do: h.addDevice},
		{Pattern: "POST /contact/device/remove", Do: h.removeDevices},
		{Pattern: "GET /contact/device", Do: func(q *page.Request) error { return q.Redirect("/contact") }},

		{Pattern: "GET /me", Do: h.held},
		{Pattern: "GET /me/charye.json", Do: h.heldFile},

		{Pattern: "GET /leftovers", Do: h.leftovers},
		{Pattern: "POST /leftovers", Do: h.setLeftovers},
		{Pattern: "POST /leftovers/{offer}/accept", Do: h.acceptLeftover},
		{Pattern: "POST /leftovers/{offer}/decline", Do: h.declineLeftover},
		{Pattern: "GET /leftovers/{offer}/accept", Do: toLeftovers},
		{Pattern: "GET /leftovers/{offer}/decline", Do: toLeftovers},
	}
}

// CallerRoutes lists the pages that the desk has for a caller: those of citizens from the wait on, under its own address.
func (h *Pages) CallerRoutes() []page.Route {
	return []page.Route{
		{Pattern: "GET /desk/c/{campaign}/wait", Act: walk.ServeCaller, Do: h.wait},
		{Pattern: "POST /desk/c/{campaign}/enter", Act: walk.ServeCaller, Do: h.enter},
		{Pattern: "GET /desk/c/{campaign}/takeover", Act: walk.ServeCaller, Do: h.takeover},
		{Pattern: "GET /desk/c/{campaign}/sites", Act: walk.ServeCaller, Do: h.sites},
		{Pattern: "GET /desk/c/{campaign}/sites/{site}", Act: walk.ServeCaller, Do: h.site},
		{Pattern: "POST /desk/c/{campaign}/hold", Act: walk.ServeCaller, Do: h.hold},
		{Pattern: "GET /desk/c/{campaign}/confirm", Act: walk.ServeCaller, Do: h.confirm},
		{Pattern: "POST /desk/c/{campaign}/confirm", Act: walk.ServeCaller, Do: h.book},
		{Pattern: "GET /desk/bookings/{id}", Act: walk.ServeCaller, Do: h.receipt},
		{Pattern: "GET /desk/bookings/{id}/calendar.ics", Act: walk.ServeCaller, Do: h.calendar},
		{Pattern: "GET /desk/bookings/{id}/change", Act: walk.ServeCaller, Do: h.changePage},
		{Pattern: "GET /desk/bookings/{id}/change/sites", Act: walk.ServeCaller, Do: h.changeSites},
		{Pattern: "POST /desk/bookings/{id}/change", Act: walk.ServeCaller, Do: h.change},
		{Pattern: "GET /desk/bookings/{id}/cancel", Act: walk.ServeCaller, Do: h.cancelPage},
		{Pattern: "POST /desk/bookings/{id}/cancel", Act: walk.ServeCaller, Do: h.cancel},
	}
}

// Service is what these pages use of those who walk (package walk and those under it).
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

	// Caller is for pages that a clerk looks at for somebody.
	Caller(ctx context.Context, a walk.Actor, id string) (desk.Caller, error)
}
