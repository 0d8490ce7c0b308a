package cluster_test

import (
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/internal/civil"
	"charye/internal/pgdb"
	"charye/internal/seal"
	"charye/notify"
	notifypostgres "charye/notify/postgres"
	notifysqlite "charye/notify/sqlite"
	"charye/person"
	personpostgres "charye/person/postgres"
	personsqlite "charye/person/sqlite"
	"charye/test/services"
)

// fillUps are the ways to the database that a move may go.
func fillUps(t *testing.T) map[string]string {
	t.Helper()
	p, b := services.SharedPostgres(t), services.SharedBouncer(t)
	ready := func(ctx context.Context, url string) error {
		s, err := personpostgres.Open(ctx, url, nil)
		if err != nil {
			return err
		}
		return s.Close()
	}
	return map[string]string{"straight": p.URL(p.Database(t, ready)), "behind PgBouncer": b.URL(p.Database(t, ready))}
}

func fillKeys(t *testing.T) *seal.Keys {
	t.Helper()
	keys, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func keyOf(n int) (k person.Key) {
	binary.BigEndian.PutUint64(k[8:], uint64(n)+1)
	return k
}

// TestFillPeople moves rosters and recipients, and goes on with them where they arrived.
func TestFillPeople(t *testing.T) {
	t.Parallel()
	for name, url := range fillUps(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, keys, at := t.Context(), fillKeys(t), time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)
			from, err := personsqlite.Open(ctx, t.TempDir(), keys)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = from.Close() })
			const people = 5000
			rows := func(yield func(person.Identity, error) bool) {
				for n := range people {
					who := person.Identity{Key: keyOf(n), Born: civil.New(1962, 3, 1+n%28)}
					binary.BigEndian.PutUint64(who.Index[:], uint64(n)*7919+1)
					if !yield(who, nil) {
						return
					}
				}
			}
			for range 2 {
				if _, err := from.ReplaceRoster(ctx, "fifties", rows, at); err != nil {
					t.Fatal(err)
				}
			}
			var kept person.Recipient
			for n, name := range []string{"김하나", "이두리", "박세찬"} {
				r, err := from.AddRecipient(ctx, person.Recipient{Helper: keyOf(1), Key: keyOf(100 + n), Campaign: "c", Name: name,
					Born: civil.New(1940, 1, 1), RegisteredAt: at}, 5)
				if err != nil {
					t.Fatal(err)
				}
				if n == 1 {
					err = from.RemoveRecipient(ctx, keyOf(1), r.ID, at)
				}
				if err != nil {
					t.Fatal(err)
				}
				kept = r
			}
			desk := keyOf(900)
			for n, phone := range []string{"0101", "", "0103"} {
				r, err := from.AddRecipient(ctx, person.Recipient{Helper: desk, Key: keyOf(300 + n), Campaign: "c", Name: "누구", Born: civil.New(1940, 1, 1), RegisteredAt: at,
					Kind: person.OfOffice, Clerk: keyOf(901), Consent: person.ConsentHere, Phone: phone, Temporary: n == 2}, 5)
				if err == nil && n == 0 {
					err = from.SettleRecipient(ctx, desk, r.ID, true)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			temporary := person.TemporaryIdentity{Index: [16]byte{9}, Key: keyOf(302), Like: [16]byte{8}, Name: "누구", Born: civil.New(1940, 1, 1),
				Paper: person.PaperStay, Desk: desk, Clerk: keyOf(901), IssuedAt: at}
			if err := from.IssueTemporary(ctx, temporary); err != nil {
				t.Fatal(err)
			}

			to, err := personpostgres.Open(ctx, url, keys)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = to.Close() })
			for _, again := range []bool{false, true} {
				if done, err := to.Fill(ctx, "this one", from); err != nil || done != again {
					t.Fatalf("fill: done %v, %v; want %v", done, err, again)
				}
			}
			if _, err := to.Fill(ctx, "another", from); !errors.Is(err, pgdb.ErrNotEmpty) {
				t.Errorf("filled from two installations: %v", err)
			}
			everything := func(s person.Store) (out []any) {
				versions, err := s.RosterVersions(ctx)
				out = append(out, versions, err)
				for k, err := range s.RosterKeys(ctx, "fifties") {
					out = append(out, k, err)
				}
				for n := 0; n < people; n += 611 {
					var index [16]byte
					binary.BigEndian.PutUint64(index[:], uint64(n)*7919+1)
					who, err := s.FindIdentity(ctx, index)
					out = append(out, who, err)
				}
				list, err := s.Recipients(ctx, keyOf(1))
				out = append(out, list, err)
				list, err = s.Recipients(ctx, desk)
				out = append(out, list, err)
				list, err = s.OpenRecipients(ctx, desk, "c", 10)
				out = append(out, list, err)
				who, err := s.FindIdentity(ctx, temporary.Index)
				out = append(out, who, err)
				n, err := s.TemporaryLike(ctx, desk, temporary.Like)
				return append(out, n, err)
			}
			if d := cmp.Diff(everything(from), everything(to)); d != "" {
				t.Errorf("what arrived differs (-from +to):\n%s", d)
			}
			if err := to.IssueTemporary(ctx, temporary); !errors.Is(err, person.ErrTemporaryTaken) {
				t.Errorf("the temporary identity that arrived is given again: %v", err)
			}
			if _, err := to.AddRecipient(ctx, person.Recipient{Helper: keyOf(1), Key: keyOf(200), Campaign: "c", Name: "최네찬", RegisteredAt: at}, 5); err != nil {
				t.Error(err)
			}
			if err := to.RemoveRecipient(ctx, keyOf(1), kept.ID, at); err != nil {
				t.Error(err)
			}
			if n, err := to.ReplaceRoster(ctx, "fifties", rows, at); err != nil || n != people {
				t.Errorf("%d people, %v", n, err)
			}
			if v, err := to.RosterVersions(ctx); err != nil || v["fifties"] != 3 {
				t.Errorf("versions %v, %v; want 3", v, err)
			}
		})
	}
}

// TestFillMessages moves messages in every state, and how people want to be told.
func TestFillMessages(t *testing.T) {
	t.Parallel()
	for name, url := range fillUps(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, keys, at := t.Context(), fillKeys(t), time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)
			from, err := notifysqlite.Open(ctx, t.TempDir(), keys)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = from.Close() })
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(from.SetContact(ctx, keyOf(1), notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Mail, Value: "a@example.org"}}}, at))
			must(from.SetContact(ctx, keyOf(2), notify.Contact{Lang: "en", Addresses: []notify.Address{{Channel: notify.Text, Value: "01000000000"}}}, at))
			must(from.SetContact(ctx, keyOf(2), notify.Contact{Lang: "en"}, at))
			_, err = from.Begin(ctx, 0)
			must(err)
			var list []notify.Message
			for n := range 6 {
				m := notify.Message{To: keyOf(1), Kind: notify.Booked, Booking: int64(n + 1), Event: int64(n + 1), Helper: n%2 == 1, Dose: 1,
					Day: civil.New(2021, 7, 26), Due: at.Add(time.Duration(n) * time.Minute), Expires: at.Add(24 * time.Hour)}
				m.ID = notify.NewID(m)
				list = append(list, m)
			}
			must(from.Enqueue(ctx, 0, 6, list, at))
			claimed, err := from.Claim(ctx, at.Add(3*time.Minute), at.Add(10*time.Minute), 3)
			must(err)
			must(from.Finish(ctx, []notify.Ending{
				{ID: claimed[0].ID, State: notify.Sent, At: at.Add(3 * time.Minute)},
				{ID: claimed[1].ID, State: notify.Queued, Why: "busy", At: at.Add(5 * time.Minute)},
			}))

			to, err := notifypostgres.Open(ctx, url, keys)
			must(err)
			t.Cleanup(func() { _ = to.Close() })
			for _, again := range []bool{false, true} {
				if done, err := to.Fill(ctx, "this one", from); err != nil || done != again {
					t.Fatalf("fill: done %v, %v; want %v", done, err, again)
				}
			}
			everything := func(o notify.Outbox) (out []any) {
				kept, err := o.Messages(ctx, keyOf(1), 100)
				count, err2 := o.Count(ctx)
				contact, err3 := o.Contact(ctx, keyOf(1))
				_, none := o.Contact(ctx, keyOf(2))
				place, err4 := o.Begin(ctx, 999)
				due, err5 := o.Claim(ctx, at.Add(20*time.Minute), at.Add(30*time.Minute), 100)
				return append(out, kept, err, count, err2, contact, err3, errors.Is(none, notify.ErrNoContact), place, err4, due, err5)
			}
			got, want := everything(to), everything(from)
			byDue := cmp.Transformer("due", func(list []notify.Claimed) map[notify.ID]notify.Claimed {
				m := map[notify.ID]notify.Claimed{}
				for _, c := range list {
					m[c.ID] = c
				}
				return m
			})
			if d := cmp.Diff(want, got, byDue); d != "" {
				t.Errorf("what arrived differs (-from +to):\n%s", d)
			}
			must(to.SetContact(ctx, keyOf(3), notify.Contact{Lang: "en", Addresses: []notify.Address{{Channel: notify.Mail, Value: "b@example.org"}}}, at))
		})
	}
}
