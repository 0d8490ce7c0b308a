package booking

import (
	"context"
	"fmt"
	"time"

	"charye/person"
)

// NamePlace is where a booking's sealed name belongs: it opens for this person's bookings only.
func NamePlace(who person.Key) string { return "booking/name/" + who.String() }

// NameKeeper is what an engine of [Ledger] does with the sealed names of bookings as time goes by. It knows nothing of keys: what a
// name becomes is told to it.
type NameKeeper interface {
	// NamePrefixes counts sealed names by their first bytes, which tell the key.
	NamePrefixes(ctx context.Context, size int) (map[string]int64, error)
	// RewriteNames goes over the bookings that have a name by id, from behind after on, at most limit of them, and gives each the name
	// that rewrite says: nil erases it, and the same one changes nothing. All of it is one transaction, with an [EventErased] of the
	// count where some were erased. next is where to go on; 0 when there are no more. Bookings that others change meanwhile keep what they changed.
	RewriteNames(ctx context.Context, after int64, limit int, at time.Time, why string, rewrite func(*Booking) ([]byte, error)) (next int64, done Rewritten, err error)
}

// Rewritten is what became of names.
type Rewritten struct{ Seen, Changed, Erased int64 }

// Add adds another step.
func (r *Rewritten) Add(o Rewritten) {
	r.Seen, r.Changed, r.Erased = r.Seen+o.Seen, r.Changed+o.Changed, r.Erased+o.Erased
}

// Erased is the event of names that were erased. It is of nobody and no booking: it tells how many.
func Erased(seq int64, n int64, why string, at time.Time) Event {
	return Event{Seq: seq, At: at.UTC().Truncate(time.Microsecond), Kind: EventErased, Channel: "system", Why: fmt.Sprintf("%d names, %s", n, why)}
}
