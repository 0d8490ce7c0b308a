package booking_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"charye/booking"
)

// TestCanonicalBytes writes the bytes of an event out by hand: a chain that was noted stays true for ever.
func TestCanonicalBytes(t *testing.T) {
	t.Parallel()
	e := booking.Event{
		Seq: 5, At: time.UnixMicro(1_626_087_600_000_001), Kind: booking.EventBooked, Campaign: 7, Person: [16]byte{1}, Actor: [16]byte{2},
		Channel: "web", Why: "ok", Booking: 9, Deltas: []booking.Delta{{Counter: 3, By: -1}},
	}
	bytes, err := hex.DecodeString("01" + "0005c6eb05c58c01" + "00000007" +
		"01000000000000000000000000000000" + "02000000000000000000000000000000" + "0000000000000009" +
		"00000006" + hex.EncodeToString([]byte("booked")) + "00000003" + hex.EncodeToString([]byte("web")) + "00000002" + hex.EncodeToString([]byte("ok")) +
		"00000001" + "0000000000000003" + "ffffffffffffffff")
	if err != nil {
		t.Fatal(err)
	}
	digest := booking.Hash(sha256.Sum256(bytes))
	if e.Digest() != digest {
		t.Errorf("digest %x, want %x", e.Digest(), digest)
	}
	before := booking.Hash{31: 1}
	link := append(append(append([]byte(nil), before[:]...), 0, 0, 0, 0, 0, 0, 0, 5), digest[:]...)
	if got, want := booking.Link(before, 5, digest), booking.Hash(sha256.Sum256(link)); got != want {
		t.Errorf("link %x, want %x", got, want)
	}
}

// TestDigestSaysAll changes one field after the other: each is in the digest, and none runs into its neighbour.
func TestDigestSaysAll(t *testing.T) {
	t.Parallel()
	made := func(change func(*booking.Event)) booking.Hash {
		e := booking.Event{At: time.UnixMicro(1), Kind: "held", Channel: "web", Why: "ok", Deltas: []booking.Delta{{Counter: 1, By: 1}}}
		change(&e)
		return e.Digest()
	}
	seen := map[booking.Hash]string{}
	for name, change := range map[string]func(*booking.Event){
		"as it is": func(*booking.Event) {}, "at": func(e *booking.Event) { e.At = e.At.Add(time.Microsecond) },
		"kind": func(e *booking.Event) { e.Kind = "heldw" }, "border": func(e *booking.Event) { e.Kind, e.Channel = "heldw", "eb" },
		"campaign": func(e *booking.Event) { e.Campaign = 1 }, "person": func(e *booking.Event) { e.Person[15] = 1 },
		"actor": func(e *booking.Event) { e.Actor[15] = 1 }, "channel": func(e *booking.Event) { e.Channel = "" },
		"why": func(e *booking.Event) { e.Why = "ok " }, "booking": func(e *booking.Event) { e.Booking = 1 },
		"by": func(e *booking.Event) { e.Deltas[0].By = -1 }, "counter": func(e *booking.Event) { e.Deltas[0].Counter = 2 },
		"no delta": func(e *booking.Event) { e.Deltas = nil }, "two": func(e *booking.Event) { e.Deltas = append(e.Deltas, e.Deltas[0]) },
	} {
		d := made(change)
		if other, twice := seen[d]; twice {
			t.Errorf("%q and %q have one digest", name, other)
		}
		seen[d] = name
	}
}

func TestParseNoted(t *testing.T) {
	t.Parallel()
	n := booking.Noted{Seq: 1042, Chain: booking.Hash{1, 2, 31: 3}}
	if got, err := booking.ParseNoted(n.String()); err != nil || got != n {
		t.Errorf("%v, %v", got, err)
	}
	for _, wrong := range []string{"", ":", "5", "5:", "x:" + n.String()[5:], "-1:" + n.String()[5:], n.String() + "00", n.String()[:20], n.String()[:68] + "x"} {
		if got, err := booking.ParseNoted(wrong); err == nil {
			t.Errorf("%q was read as %v", wrong, got)
		}
	}
	if !bytes.Contains([]byte(n.String()), []byte("1042:0102")) {
		t.Error(n.String())
	}
}
