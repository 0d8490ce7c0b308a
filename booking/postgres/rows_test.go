package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/booking"
	"charye/internal/civil"
	"charye/site"
)

var anyClaim = rapid.Custom(func(t *rapid.T) booking.Claim {
	return booking.Claim{
		Counter:  booking.Counter(rapid.Uint64Max(1<<55).Draw(t, "counter")),
		Capacity: rapid.IntRange(0, booking.MaxQuantity).Draw(t, "capacity"), N: rapid.IntRange(1, booking.MaxQuantity).Draw(t, "n"),
	}
})

var anyDoses = rapid.Custom(func(t *rapid.T) (out []booking.Dose) {
	for n := range rapid.IntRange(0, booking.MaxDoses).Draw(t, "doses") {
		out = append(out, booking.Dose{
			Dose: n + 1, Minutes: rapid.IntRange(0, 1440).Draw(t, "minutes"), Seat: anyClaim.Draw(t, "seat"),
			Slot: booking.Slot{Product: rapid.StringMatching(`[a-z0-9-]{1,64}`).Draw(t, "product"), Session: booking.Session{
				Site: site.Num(rapid.Uint32Max(uint32(site.MaxNum)).Draw(t, "site")), Day: civil.Date(rapid.IntRange(0, 1<<16-1).Draw(t, "day")),
				Minute: rapid.IntRange(0, 1439).Draw(t, "minute"),
			}},
		})
	}
	return out
})

// Whatever a booking or an event may hold comes back from its columns as it was.
func TestRowsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		doses := anyDoses.Draw(t, "doses")
		gotDoses, err := readDoses([]byte(writeDoses(doses)))
		if diff := cmp.Diff(doses, gotDoses); err != nil || diff != "" {
			t.Fatalf("doses: %v\n%s", err, diff)
		}
		claims := rapid.SliceOfN(anyClaim, 1, booking.MaxShared).Draw(t, "claims")
		gotClaims, err := readClaims([]byte(writeClaims(claims)))
		if diff := cmp.Diff(claims, gotClaims); err != nil || diff != "" {
			t.Fatalf("claims: %v\n%s", err, diff)
		}
		e := booking.Event{Campaign: rapid.Uint32().Draw(t, "campaign"), Booking: rapid.Int64().Draw(t, "booking")}
		for range rapid.IntRange(0, 4).Draw(t, "deltas") {
			e.Deltas = append(e.Deltas, booking.Delta{
				Counter: booking.Counter(rapid.Uint64Max(1<<55).Draw(t, "counter")), By: rapid.IntRange(-booking.MaxQuantity, booking.MaxQuantity).Draw(t, "by"),
			})
		}
		var got booking.Event
		if err := readWhat([]byte(writeWhat(&e)), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Fatalf("event:\n%s", diff)
		}
	})
}

// A column that somebody else wrote is refused, never a panic; one that is read is written and read again as the same.
func FuzzRows(f *testing.F) {
	for _, s := range []string{
		`[]`, `[{"site":1042,"day":"2021-07-26","minute":540,"minutes":30,"product":"moderna","seat":{"counter":9,"capacity":5,"n":1}}]`,
		`[{"counter":4503599627370503,"capacity":1850000,"n":1}]`, `{"campaign":7,"booking":12,"deltas":[[9,1],[10,-1]]}`, `null`, `[{"day":"x"}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if claims, err := readClaims(b); err == nil {
			again, err := readClaims([]byte(writeClaims(claims)))
			if diff := cmp.Diff(claims, again); err != nil || diff != "" {
				t.Errorf("claims do not come back: %v\n%s", err, diff)
			}
		}
		var e, again booking.Event
		if readWhat(b, &e) == nil {
			if err := readWhat([]byte(writeWhat(&e)), &again); err != nil || !cmp.Equal(e, again) {
				t.Errorf("an event does not come back: %v\n%s", err, cmp.Diff(e, again))
			}
		}
		doses, err := readDoses(b)
		for _, d := range doses {
			if !d.Slot.Valid() || booking.SeatCounter(d.Slot.Session) == 0 {
				return // only what Decide granted is ever written
			}
			if _, err := booking.ParseSlot(d.Slot.String()); err != nil {
				return
			}
		}
		if err == nil {
			again, err := readDoses([]byte(writeDoses(doses)))
			if diff := cmp.Diff(doses, again); err != nil || diff != "" {
				t.Errorf("doses do not come back: %v\n%s", err, diff)
			}
		}
	})
}
