package walk

import (
	"context"
	"io"
	"time"

	"charye/internal/civil"
	"charye/line"
	"charye/person"
	"charye/programme"
	"charye/site"
)

// Walk is the service that faces call. Safe for concurrent use.
type Walk struct{}

// Programme gives the rules in force.
func (w *Walk) Programme() *programme.Programme { panic("walk: not wired") }

// Now is server time.
func (w *Walk) Now() time.Time { panic("walk: not wired") }

// Campaigns lists all campaigns as they stand.
func (w *Walk) Campaigns(ctx context.Context) ([]Campaign, error) { panic("walk: not wired") }

// Campaign finds one campaign by id; [NotFound] otherwise.
func (w *Walk) Campaign(ctx context.Context, id string) (Campaign, error) { panic("walk: not wired") }

// Line gives the public document of a campaign's line.
func (w *Walk) Line(ctx context.Context, campaign string) (LineDoc, error) { panic("walk: not wired") }

// Draw gives the public record of the draw.
func (w *Walk) Draw(ctx context.Context, campaign string) (line.Draw, error) {
	panic("walk: not wired")
}

// Entrants opens the drawn order; the caller closes it. [NotOpen] before the draw.
func (w *Walk) Entrants(ctx context.Context, campaign string) (io.ReadSeekCloser, error) {
	panic("walk: not wired")
}

// Eligible answers, before any waiting, whether the actor (or their recipient) may book in the campaign; nil means yes.
func (w *Walk) Eligible(ctx context.Context, a Actor, campaign, recipient string) error {
	panic("walk: not wired")
}

// Join gives the one place of the actor, or of their recipient.
func (w *Walk) Join(ctx context.Context, a Actor, campaign, recipient string) (p Place, created bool, err error) {
	panic("walk: not wired")
}

// PlaceByTicket shows the place that a ticket proves. A ticket opens nothing else.
func (w *Walk) PlaceByTicket(ctx context.Context, campaign, ticket string) (Place, error) {
	panic("walk: not wired")
}

// PlaceOf shows the actor's (or recipient's) place without a ticket; [NotFound] when there is none.
func (w *Walk) PlaceOf(ctx context.Context, a Actor, campaign, recipient string) (Place, error) {
	panic("walk: not wired")
}

// Enter exchanges a place whose turn has come for a pass on this device. takeover moves a live pass from another device
// and needs a sign-in within the last five minutes.
func (w *Walk) Enter(ctx context.Context, a Actor, campaign, recipient, ticket, device string, takeover bool) (Pass, error) {
	panic("walk: not wired")
}

// Regions lists the provinces that have sites, in their usual order.
func (w *Walk) Regions(ctx context.Context) []string { panic("walk: not wired") }

// Sites lists sites with free counts, from the snapshot. Public.
func (w *Walk) Sites(ctx context.Context, campaign string, q SiteQuery) (SitePage, error) {
	panic("walk: not wired")
}

// Site finds one site of a campaign with its free counts on every day, from the snapshot; [NotFound] otherwise. Public.
func (w *Walk) Site(ctx context.Context, campaign, siteID string) (SiteFree, error) {
	panic("walk: not wired")
}

// Slot tells what a slot's id stands for, whether or not a seat is left in it; [NotFound] when there is no such slot.
// Public.
func (w *Walk) Slot(ctx context.Context, campaign, slotID string) (Slot, site.Site, error) {
	panic("walk: not wired")
}

// Slots lists a site's first-dose slots on a day, from the snapshot. Public.
func (w *Walk) Slots(ctx context.Context, campaign, siteID string, day civil.Date) ([]Slot, error) {
	panic("walk: not wired")
}

// DoseSlots lists the slots that one dose of the actor's booking could move to on a day at a site, within the interval.
func (w *Walk) DoseSlots(ctx context.Context, a Actor, bookingID string, dose int, siteID string, day civil.Date) ([]Slot, error) {
	panic("walk: not wired")
}

// Hold keeps a slot, with its whole series, for minutes.
func (w *Walk) Hold(ctx context.Context, a Actor, pass, slot string) (Hold, error) {
	panic("walk: not wired")
}

// Book confirms: committed when it returns. repeated tells that the idempotency key had been answered before.
func (w *Walk) Book(ctx context.Context, a Actor, pass string, r BookRequest) (b Booking, repeated bool, err error) {
	panic("walk: not wired")
}

// Bookings lists the actor's bookings and those of their recipients, newest first.
func (w *Walk) Bookings(ctx context.Context, a Actor) ([]Booking, error) { panic("walk: not wired") }

// Booking finds one of those by id; anybody else's is [NotFound].
func (w *Walk) Booking(ctx context.Context, a Actor, id string) (Booking, error) {
	panic("walk: not wired")
}

// Change moves one dose (1, 2 …) of a booking to another slot; the later doses follow where the interval demands it.
func (w *Walk) Change(ctx context.Context, a Actor, id string, dose int, slot string) (Booking, error) {
	panic("walk: not wired")
}

// Cancel cancels a whole booking. Cancelling a cancelled one gives it again.
func (w *Walk) Cancel(ctx context.Context, a Actor, id string) (Booking, error) {
	panic("walk: not wired")
}

// NewRecipient is what a helper fills in. Consent must be true: the helper states that the recipient agreed.
type NewRecipient struct {
	Campaign string
	Name     string
	Born     civil.Date
	Identity string // identity number, checked against the roster and not kept
	Consent  bool
}

// AddRecipient registers a recipient for the actor as helper.
func (w *Walk) AddRecipient(ctx context.Context, a Actor, r NewRecipient) (person.Recipient, error) {
	panic("walk: not wired")
}

// Recipients lists the actor's recipients.
func (w *Walk) Recipients(ctx context.Context, a Actor) ([]person.Recipient, error) {
	panic("walk: not wired")
}

// RemoveRecipient withdraws one.
func (w *Walk) RemoveRecipient(ctx context.Context, a Actor, id string) error {
	panic("walk: not wired")
}
