package bookingtest

import (
	"context"
	"testing"

	"charye/booking"
)

// RunFailing proves that a batch whose commit fails has changed nothing and that the ledger goes on when its store does.
// limit makes a ledger's store refuse to grow by more than so many units of the engine's own (pages, say), or, with a
// negative number, grow again.
func RunFailing(t *testing.T, open Open, limit func(l booking.Ledger, units int) error) {
	b := fresh(t, open)
	b.want(booking.Done, book(1, pick(seat(0, 0, 1_000_000), seat(28, 0, 1_000_000)), stock(1, 1_000_000)))
	person := 1
	for units := 0; ; units = 1 + units*3/2 {
		batch := make([]booking.Request, 80)
		for i := range batch {
			person++
			r := book(person, pick(seat(i%20, i%16, 1_000_000), seat(28+i%20, i%16, 1_000_000)), stock(1, 1_000_000))
			r.Sealed = make([]byte, 500)
			batch[i] = r
		}
		before := b.picture()
		if err := limit(b.Ledger, units); err != nil {
			t.Fatal(err)
		}
		_, err := b.Apply(context.Background(), batch)
		if limitErr := limit(b.Ledger, -1); limitErr != nil {
			t.Fatal(limitErr)
		}
		switch {
		case err == nil && units == 0:
			t.Fatal("the store never refused")
		case err == nil:
			return // there was room for the whole batch
		}
		if after := b.picture(); after != before {
			t.Fatalf("with room for %d units a failed Apply changed something", units)
		}
		for i, out := range b.do(batch...) { // the same batch passes when there is room again
			if out.Result != booking.Done {
				t.Fatalf("request %d after the failure: %s", i, describe(out))
			}
		}
	}
}
