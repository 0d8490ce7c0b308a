package api

import "charye/internal/telemetry"

// Access says what a caller must prove before a route's handler runs.
type Access uint8

// What is asked for. Only Public asks for nothing.
const (
	Public   Access = iota
	SignedIn        // a session
	HasPlace        // a ticket, or a session
)

// Route is one row of the table of routes.
type Route struct {
	Method  string
	Pattern string // of [http.ServeMux], and the path in openapi.yaml
	Access  Access

	lane     int
	class    class
	named    bool // the actor's name is opened from the token
	handle   func(*face, *exchange) error
	counters *telemetry.Route
}

// Routes lists every route of this face. openapi.yaml has exactly these; a test compares them.
func Routes() []Route {
	const c, b = "/api/v1/campaigns", "/api/v1/bookings"
	return []Route{
		{Method: "GET", Pattern: "/api/openapi.yaml", Access: Public, lane: lanePublic, class: classPublic, handle: getContract},
		{Method: "GET", Pattern: c, Access: Public, lane: lanePublic, class: classPublic, handle: getCampaigns},
		{Method: "GET", Pattern: c + "/{c}", Access: Public, lane: lanePublic, class: classPublic, handle: getCampaign},
		{Method: "GET", Pattern: c + "/{c}/line", Access: Public, lane: lanePublic, class: classPublic, handle: getLine},
		{Method: "GET", Pattern: c + "/{c}/draw", Access: Public, lane: lanePublic, class: classPublic, handle: getDraw},
		{Method: "GET", Pattern: c + "/{c}/draw/entrants", Access: Public, lane: laneBulk, class: classPublic, handle: getEntrants},
		{Method: "GET", Pattern: c + "/{c}/sites", Access: Public, lane: lanePublic, class: classPublic, handle: getSites},
		{Method: "GET", Pattern: c + "/{c}/sites/{s}/slots", Access: Public, lane: lanePublic, class: classPublic, handle: getSlots},
		{Method: "GET", Pattern: "/api/v1/regions", Access: Public, lane: lanePublic, class: classPublic, handle: getRegions},

		{Method: "GET", Pattern: c + "/{c}/eligibility", Access: SignedIn, lane: laneWork, class: classRead, handle: getEligibility},
		{Method: "POST", Pattern: c + "/{c}/places", Access: SignedIn, lane: laneWork, class: classJoin, handle: postPlaces},
		{Method: "GET", Pattern: c + "/{c}/place", Access: HasPlace, lane: laneWork, class: classPoll, handle: getPlace},
		{Method: "POST", Pattern: c + "/{c}/passes", Access: SignedIn, lane: laneBook, class: classJoin, handle: postPasses},

		{Method: "GET", Pattern: c + "/{c}/leftovers", Access: SignedIn, lane: laneWork, class: classRead, handle: getLeftovers},
		{Method: "PUT", Pattern: c + "/{c}/leftovers", Access: SignedIn, lane: laneWork, class: classJoin, handle: putLeftovers},
		{Method: "POST", Pattern: c + "/{c}/leftovers/{id}/accept", Access: SignedIn, lane: laneWork, class: classBook, named: true, handle: acceptLeftover},
		{Method: "POST", Pattern: c + "/{c}/leftovers/{id}/decline", Access: SignedIn, lane: laneWork, class: classBook, handle: declineLeftover},

		{Method: "POST", Pattern: "/api/v1/holds", Access: SignedIn, lane: laneBook, class: classBook, named: true, handle: postHolds},
		{Method: "GET", Pattern: b, Access: SignedIn, lane: laneWork, class: classRead, handle: getBookings},
		{Method: "POST", Pattern: b, Access: SignedIn, lane: laneBook, class: classBook, named: true, handle: postBookings},
		{Method: "GET", Pattern: b + "/{id}", Access: SignedIn, lane: laneWork, class: classRead, handle: getBooking},
		{Method: "DELETE", Pattern: b + "/{id}", Access: SignedIn, lane: laneBook, class: classBook, named: true, handle: deleteBooking},
		{Method: "PUT", Pattern: b + "/{id}/slot", Access: SignedIn, lane: laneBook, class: classBook, named: true, handle: putBookingSlot},
		{Method: "GET", Pattern: b + "/{id}/slots", Access: SignedIn, lane: laneWork, class: classRead, handle: getBookingSlots},
		{Method: "GET", Pattern: b + "/{id}/calendar.ics", Access: SignedIn, lane: laneWork, class: classRead, handle: getCalendar},

		{Method: "GET", Pattern: "/api/v1/me", Access: SignedIn, lane: laneWork, class: classRead, named: true, handle: getMe},
		{Method: "GET", Pattern: "/api/v1/me/export", Access: SignedIn, lane: laneWork, class: classIdentity, named: true, handle: getExport},
		{Method: "GET", Pattern: "/api/v1/me/contact", Access: SignedIn, lane: laneWork, class: classRead, handle: getContact},
		{Method: "PUT", Pattern: "/api/v1/me/contact", Access: SignedIn, lane: laneWork, class: classRead, handle: putContact},
		{Method: "GET", Pattern: "/api/v1/me/messages", Access: SignedIn, lane: laneWork, class: classRead, handle: getMessages},
		{Method: "GET", Pattern: "/api/v1/recipients", Access: SignedIn, lane: laneWork, class: classRead, handle: getRecipients},
		{Method: "POST", Pattern: "/api/v1/recipients", Access: SignedIn, lane: laneWork, class: classIdentity, handle: postRecipients},
		{Method: "DELETE", Pattern: "/api/v1/recipients/{id}", Access: SignedIn, lane: laneWork, class: classRead, handle: deleteRecipient},

		{Method: "GET", Pattern: "/healthz", Access: Public, lane: laneOps, class: classOps, handle: getHealth},
		{Method: "GET", Pattern: "/readyz", Access: Public, lane: laneOps, class: classOps, handle: getReady},
		{Method: "GET", Pattern: "/metrics", Access: Public, lane: laneOps, class: classOps, handle: getMetrics},
	}
}
