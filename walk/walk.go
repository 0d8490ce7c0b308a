// Package walk is the one way through Charye, step by step: eligible, join, wait, enter, choose, book, look up, change,
// cancel. Every face (api, web) goes through here, so that each rule of DESIGN 6 is checked in one place, on the server.
//
// It owns the order of the checks and the errors people can meet ([Error], [Code]). It must not know of HTTP, HTML, SQL or
// how anything is kept: it is given the domains' contracts and a clock.
package walk

import (
	"slices"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/line"
	"charye/person"
	"charye/programme"
	"charye/site"
)

// Actor is a verified person together with the channel the request came by. Faces make it from a checked session token
// and nothing else.
type Actor struct {
	person.Session
	Channel string // "web" or "api"; of staff the name of Role
	// Role is what a session of staff acts as at this moment; none for citizens. See [StaffActor].
	Role person.Role
	// OpenName opens the name that is sealed in the session token; nil when there is none. It is asked for only when a
	// booking is made.
	OpenName func() (string, error)
}

// CampaignState is a campaign's state as published: the dates' phase, or sold out.
type CampaignState string

// StateSoldOut joins the phases of package programme: draft gathering open paused soldOut closed.
const StateSoldOut CampaignState = "soldOut"

// Campaign is a campaign as everybody may see it.
type Campaign struct {
	*programme.Campaign
	State     CampaignState
	OnOffer   int            // doses of dose 1, with what was delivered by now
	Remaining int            // what is on offer without a channel of one's own
	PauseWhy  programme.Text // set while paused
	// SetAside is what is left for those who book in another way, such as by telephone, while nothing else is; from Released on all may have what is
	// left of it then. Zero: that never comes.
	SetAside int
	Released time.Time
}

// LineDoc is the public document that every waiting page reads; the same for everybody.
type LineDoc struct {
	State      CampaignState
	Joined     int
	Admitted   uint32
	Inside     int
	PerMinute  float64
	Remaining  int
	Commitment [32]byte
	Seed       [32]byte
	Drawn      bool
	ServerTime time.Time
}

// Place is a person's place with the ticket that proves it.
type Place struct {
	line.Place
	Ticket    string
	Pseudonym [16]byte
	KeptUntil time.Time // until when a dose is kept for them, where the campaign stands by; zero: none is
}

// Pass is a pass with its token.
type Pass struct {
	Token     string
	ExpiresAt time.Time
}

// SiteQuery asks for sites. Near sorts by distance; otherwise order is by region and name.
type SiteQuery struct {
	Region   string
	Near     bool
	Lat, Lon float64
	Date     civil.Date // with HasDate: only free counts of this day
	HasDate  bool
	Cursor   string // from the page before; empty for the first
}

// SiteFree is a site with its free seats for first doses by day.
type SiteFree struct {
	site.Site
	Metres int // distance; only with Near and a placed site, else -1
	Free   []DayFree
}

// DayFree is how many first-dose seats are free on a day.
type DayFree struct {
	Day  civil.Date
	Free int
}

// SitePage is a page of sites; Next is empty on the last.
type SitePage struct {
	Sites []SiteFree
	Next  string
}

// Slot is a slot with its free seats.
type Slot struct {
	ID         string
	Start, End time.Time
	Product    string
	Free       int
}

// Hold is a held slot.
type Hold struct {
	ID        string
	Slot      string
	ExpiresAt time.Time
}

// Booking is a confirmed booking as its person sees it.
type Booking struct {
	ID         string // unguessable
	Number     string // to say on the telephone
	Campaign   *programme.Campaign
	Name       string // whose booking it is; empty when it was not known
	Recipient  string // recipient id when a helper looks at it, else empty
	ForName    string // recipient's name when a helper looks at it, else empty
	Cancelled  bool
	Missed     bool        // nobody came for the first dose; it is over
	Again      *ComesAgain // with Missed and no other booking: when they may book again, where the rules have others go first
	Closed     bool        // with Missed: the campaign is over
	Repeat     *Repeat     // a dose of it was spoilt
	Doses      []Dose
	MadeAt     time.Time
	Sequence   int
	Displaced  bool     // cancelled since its dose was lost: its person stands first in line for what comes free
	Changeable bool     // within the cut-off at the time of asking, the whole of it
	UntilDays  int      // of the cut-off that holds now; see programme.ChangeRules
	With       *Booking // of a booking that was just made for two: the other's
}

// Dose is one appointment of a booking.
type Dose struct {
	Dose       int  // its place in the booking; the API's name for it
	Of         int  // its number in the series: one that was spoilt does not count
	Repeats    bool // the dose before it was spoilt, and this one is for it
	Site       site.Site
	Start, End time.Time
	Product    programme.Product
	SlotID     string
	State      booking.VisitState // what happened at it
	Why        string             // of turned away
	KeptUntil  time.Time          // of turned away, dose 1: until when the dose is kept for them to choose another time
	Changeable bool               // within its own cut-off at the time of asking
	Movable    bool               // it can be moved although its time has come, since it was not given
}

// LaterChangeable reports whether a later dose can still be changed where the first's time for that is over.
func (b Booking) LaterChangeable() bool {
	return !b.Changeable && slices.ContainsFunc(b.Doses, func(d Dose) bool { return d.Changeable })
}

// BookRequest names what to book: a slot, or a hold made before.
type BookRequest struct {
	Slot, Hold     string
	IdempotencyKey string
	WithPass       string // the pass of somebody who is booked at the same time and place, or not at all; may be empty
	// Recipient is for whom a clerk books. It is asked for only when the pass is gone: by a second try of what was granted.
	Recipient string
}
