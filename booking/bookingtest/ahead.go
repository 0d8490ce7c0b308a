package bookingtest

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"charye/booking"
	"charye/internal/civil"
	"charye/site"
)

// testAhead has people book one to four doses at more sites than an engine reads at once, move and cancel, and holds what is ahead at some of the sites
// against what is booked at all.
func testAhead(t *testing.T, open Open) {
	b := fresh(t, open)
	ctx := t.Context()
	rng := rand.New(rand.NewPCG(7, 7))
	const people, sites = 60, booking.AheadAtOnce + 5
	slots := func(n int) [][]booking.Choice {
		var out [][]booking.Choice
		for i := range n {
			c := seat(28*i+rng.IntN(3), rng.IntN(3), people)
			c.Slot.Site = site.Num(1 + rng.IntN(sites))
			c.Seat.Counter = booking.SeatCounter(c.Slot.Session)
			out = append(out, []booking.Choice{c})
		}
		return out
	}
	ids := make([]int64, people)
	doses := make([]int, people)
	for n := range ids {
		doses[n] = []int{1, 1, 2, 2, 3, 4}[n%6]
		ids[n] = b.want(booking.Done, book(n+1, slots(doses[n]), nil)).Booking.ID
	}
	compare := func(step string) {
		t.Helper()
		for range 6 {
			var at []site.Num
			for s := range site.Num(sites + 3) {
				if rng.IntN(2) == 0 {
					at = append(at, s+1)
				}
			}
			from := firstDay + civil.Date(rng.IntN(90))
			if rng.IntN(3) == 0 {
				from = firstDay
			}
			var want, got []booking.Ahead
			if err := b.All(ctx, func(k booking.Booking) error {
				a := booking.Ahead{ID: k.ID, Person: k.Person, Campaign: k.Campaign, MadeAt: k.MadeAt}
				for i := range k.Doses {
					a.Slots, a.Visits = append(a.Slots, k.Doses[i].Slot), append(a.Visits, k.Doses[i].Visit.State)
				}
				if k.Status == booking.Booked && slices.ContainsFunc(a.Slots, func(s booking.Slot) bool { return s.Day >= from && slices.Contains(at, s.Site) }) {
					want = append(want, a)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			rng.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
			if err := b.Ahead(ctx, at, from, func(a booking.Ahead) error { got = append(got, a); return nil }); err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(got, func(a, b booking.Ahead) int { return cmp.Compare(a.ID, b.ID) })
			if d := gocmp.Diff(want, got); d != "" {
				t.Errorf("%s, sites %v from %s: %s", step, at, from, d)
			}
		}
	}
	compare("booked")
	for n, id := range ids {
		switch n % 4 {
		case 0:
			b.want(booking.Done, change(n+1, id, slots(doses[n])))
		case 1:
			b.want(booking.Done, cancel(n+1, id))
		}
	}
	b.want(booking.Done, tell(3, ids[2], 1, state(booking.Given)))
	compare("moved")
	b.crash()
	compare("opened again")
	if err := b.Ahead(ctx, nil, firstDay, func(booking.Ahead) error { return errors.New("nobody is there") }); err != nil {
		t.Error(err)
	}
	enough := errors.New("enough")
	all := make([]site.Num, sites)
	for i := range all {
		all[i] = site.Num(i + 1)
	}
	if err := b.Ahead(ctx, all, firstDay, func(booking.Ahead) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the error of yield becomes %v", err)
	}
}
