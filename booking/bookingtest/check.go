package bookingtest

import (
	"context"

	"charye/booking"
)

// Check is [booking.Check], for those who test: it names what is broken in a ledger at rest, and nothing when all is well.
func Check(ctx context.Context, l booking.Ledger) []string { return booking.Check(ctx, l) }
