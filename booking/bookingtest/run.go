// Package bookingtest is what every engine of [booking.Ledger] must pass: [Run], and [RunFailing] for engines whose store
// can be made to fail. It also exports [Check], which proves the promises of a ledger that somebody else has been using.
//
// It knows the contract and nothing of any engine.
package bookingtest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"charye/booking"
)

// Open gives an empty ledger of its own to each call, and a way to open the same store again as after a crash: without
// closing the first. After reopen the first ledger is not used any more. Both are closed by the engine's test, at its end.
type Open func(t testing.TB) (l booking.Ledger, reopen func() booking.Ledger)

// Run proves that an engine keeps the contract.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"Book", testBook},
		{"FirstChoiceWithRoom", testFirstChoice},
		{"AllOrNothing", testAllOrNothing},
		{"OneCounterTwice", testOneCounterTwice},
		{"KeptCapacity", testKeptCapacity},
		{"Idempotency", testIdempotency},
		{"OneLiveBooking", testOneLiveBooking},
		{"Hold", testHold},
		{"HoldReplaced", testHoldReplaced},
		{"HoldOver", testHoldOver},
		{"ManyHoldsOver", testManyHoldsOver},
		{"HoldThenAnotherSlot", testHoldThenAnotherSlot},
		{"HoldGone", testHoldGone},
		{"Invitations", testInvitations},
		{"InvitationOver", testInvitationOver},
		{"InvitedAtOnce", testInvitedAtOnce},
		{"Displaced", testDisplaced},
		{"Reinstated", testReinstated},
		{"DisplacedAndFound", testDisplacedAndFound},
		{"Resize", testResize},
		{"Adjust", testAdjust},
		{"AdjustAtOnce", testAdjustAtOnce},
		{"Limits", testLimits},
		{"Apart", testApart},
		{"Vials", testVials},
		{"VialsAtOnce", testVialsAtOnce},
		{"Partner", testPartner},
		{"PartnerAtOnce", testPartnerAtOnce},
		{"Change", testChange},
		{"ChangeOwnSeat", testChangeOwnSeat},
		{"Cancel", testCancel},
		{"Ahead", testAhead},
		{"Visits", testVisits},
		{"Missed", testMissed},
		{"Spoilt", testSpoilt},
		{"MissedOnce", testMissedOnce},
		{"Malformed", testMalformed},
		{"WithinOneBatch", testWithinOneBatch},
		{"SetCapacity", testSetCapacity},
		{"Read", testRead},
		{"Events", testEvents},
		{"Chain", testChain},
		{"Names", testNames},
		{"Stopped", testStopped},
		{"Crash", testCrash},
		{"Snapshot", testSnapshot},
		{"SnapshotWhileBooking", testSnapshotWhileBooking},
		{"Desk", testDesk},
		{"LastSeats", testLastSeats},
		{"OnePersonManyWindows", testOnePersonManyWindows},
		{"Linearizable", testLinearizable},
		{"LinearizableCrowd", testLinearizableCrowd},
		{"AgainstModel", testAgainstModel},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open)
		})
	}
}

// bench is a ledger under test.
type bench struct {
	testing.TB
	booking.Ledger
	reopen func() booking.Ledger

	checked bool
}

// fresh opens a ledger that is checked at the end of the test.
func fresh(t testing.TB, open Open) *bench {
	t.Helper()
	l, reopen := open(t)
	b := &bench{TB: t, Ledger: l, reopen: reopen}
	t.Cleanup(b.lastCheck)
	return b
}

// crash opens the store anew without closing it.
func (b *bench) crash() {
	b.Ledger = b.reopen()
	b.Cleanup(b.lastCheck) // before the engine's test closes what was just opened
}

func (b *bench) lastCheck() {
	b.Helper()
	if !b.checked {
		b.checked = true
		b.check()
	}
}

// check proves the ledger's promises.
func (b *bench) check() {
	b.Helper()
	for _, finding := range Check(context.Background(), b.Ledger) {
		b.Error(finding)
	}
}

// do applies a batch.
func (b *bench) do(batch ...booking.Request) []booking.Outcome {
	b.Helper()
	out, err := b.Apply(context.Background(), batch)
	if err != nil {
		b.Fatalf("apply: %v", err)
	}
	if len(out) != len(batch) {
		b.Fatalf("apply gave %d outcomes for %d requests", len(out), len(batch))
	}
	return out
}

// want applies one request and expects a result.
func (b *bench) want(result booking.Result, r booking.Request) booking.Outcome {
	b.Helper()
	out := b.do(r)[0]
	if out.Result != result {
		b.Fatalf("%s\nwant result %d", describe(out), result)
	}
	return out
}

// used is a counter as the ledger tells it.
func (b *bench) used(c booking.Counter) booking.CounterState {
	b.Helper()
	var found booking.CounterState
	if _, err := b.Counters(context.Background(), func(s booking.CounterState) {
		if s.Counter == c {
			found = s
		}
	}); err != nil {
		b.Fatalf("counters: %v", err)
	}
	return found
}

func (b *bench) wantUsed(c booking.Counter, n int) {
	b.Helper()
	if got := b.used(c).Used; got != n {
		b.Fatalf("%v has %d taken, want %d", c, got, n)
	}
}

// kinds lists the kinds of all events after seq.
func (b *bench) kinds(after int64) (out []booking.EventKind) {
	b.Helper()
	for _, e := range b.events(after) {
		out = append(out, e.Kind)
	}
	return out
}

func (b *bench) events(after int64) []booking.Event {
	b.Helper()
	list, err := b.Events(context.Background(), after, 1_000_000)
	if err != nil {
		b.Fatalf("events: %v", err)
	}
	return list
}

func (b *bench) lastSeq() int64 {
	b.Helper()
	seq, err := b.Counters(context.Background(), func(booking.CounterState) {})
	if err != nil {
		b.Fatalf("counters: %v", err)
	}
	return seq
}

// picture is everything that can be read from a ledger, to see whether anything changed.
func (b *bench) picture() string {
	b.Helper()
	var lines []string
	seq, err := b.Counters(context.Background(), func(s booking.CounterState) {
		lines = append(lines, fmt.Sprintf("%v %d of %d", s.Counter, s.Used, s.Capacity))
	})
	if err != nil {
		b.Fatalf("counters: %v", err)
	}
	slices.Sort(lines)
	lines = append(lines, fmt.Sprintf("seq %d", seq))
	for _, e := range b.events(0) {
		lines = append(lines, fmt.Sprintf("%+v", e))
		if e.Booking == 0 {
			continue
		}
		k, ok, err := b.Booking(context.Background(), e.Booking)
		if err != nil || !ok {
			b.Fatalf("booking %d: found %v, %v", e.Booking, ok, err)
		}
		lines = append(lines, describeBooking(k))
	}
	holds, err := b.DueHolds(context.Background(), start.AddDate(100, 0, 0), 1_000_000)
	if err != nil {
		b.Fatalf("due holds: %v", err)
	}
	for _, h := range holds {
		lines = append(lines, describeHold(h))
	}
	return fmt.Sprint(lines)
}
