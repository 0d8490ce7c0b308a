package postgres_test

import (
	"strings"
	"testing"
	"time"

	"charye/booking"
	"charye/test/services"
)

// chained makes a ledger of four batches with three events each.
func chained(t *testing.T, p *services.Postgres) (name string, chain booking.Noted) {
	t.Helper()
	name = p.Database(t, migrate)
	l := openAt(t, p.URL(name))
	for batch := range 4 {
		var list []booking.Request
		for i := range 3 {
			session := booking.Session{Site: 1, Day: 18834, Minute: 540 + 30*batch}
			list = append(list, booking.Request{
				Op: booking.OpBook, Campaign: 1, Person: [16]byte{byte(batch + 1), byte(i)}, Channel: "web", At: time.Unix(1626087600, 0),
				Doses: [][]booking.Choice{{{
					Slot: booking.Slot{Session: session, Product: "moderna"}, Minutes: 30,
					Seat: booking.Claim{Counter: booking.SeatCounter(session), Capacity: 3, N: 1},
				}}},
			})
		}
		if _, err := l.Apply(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	a := booking.Audit(t.Context(), l, booking.Asked{})
	if len(a.Findings) > 0 || a.Events != 12 || a.Vouched != 12 {
		t.Fatalf("%+v", a)
	}
	return name, booking.Noted{Seq: a.Events, Chain: a.Chain}
}

// TestTampering goes past the triggers, as who owns the tables can: each change is found and named.
func TestTampering(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	const free = `ALTER TABLE events DISABLE TRIGGER ALL; ALTER TABLE booking_batches DISABLE TRIGGER ALL;`
	for _, c := range []struct{ name, sql, want string }{
		{"nothing", ``, ""},
		{"at", `UPDATE events SET at = at + '1us' WHERE seq = 5`, "event 5 is not as it was written"},
		{"kind", `UPDATE events SET kind = 'held' WHERE seq = 5`, "event 5 is not as it was written"},
		{"person", `UPDATE events SET person = '\x00112233445566778899aabbccddeeff' WHERE seq = 5`, "event 5 is not as it was written"},
		{"actor", `UPDATE events SET actor = '\x00112233445566778899aabbccddeeff' WHERE seq = 5`, "event 5 is not as it was written"},
		{"channel", `UPDATE events SET channel = 'desk' WHERE seq = 5`, "event 5 is not as it was written"},
		{"why", `UPDATE events SET why = 'otherwise' WHERE seq = 5`, "event 5 is not as it was written"},
		{"what", `UPDATE events SET what = jsonb_set(what, '{campaign}', '2') WHERE seq = 5`, "event 5 is not as it was written"},
		{"a dose that is none", `UPDATE events SET what = what || '{"from": "(10)X"}' WHERE seq = 5`, "event id 5 tells of more than was digested"},
		{"more of what", `UPDATE events SET what = what || '{"note": 1}' WHERE seq = 5`, "event id 5 tells of more than was digested"},
		{"stream", `UPDATE events SET stream = 'people' WHERE seq = 5`, "event 6 follows event 4"},
		{"number", `UPDATE events SET seq = 5000 WHERE seq = 5`, "event 6 follows event 4"},
		{"taken out", `DELETE FROM events WHERE seq = 5`, "event 6 follows event 4"},
		{"the last taken out", `DELETE FROM events WHERE seq = 12`, "the last event is 11"},
		{"put in", `INSERT INTO events SELECT stream, 700, at, kind, person, actor, channel, why, what FROM events WHERE seq = 5`, "event id 700 was put in"},
		{"put in and counted", `UPDATE events SET seq = seq + 1000 WHERE seq > 5; UPDATE events SET seq = seq - 999 WHERE seq > 1000;
			INSERT INTO events SELECT stream, 6, at, kind, person, actor, channel, why, what FROM events WHERE seq = 5`, "event 6 is not as it was written"},
		{"two in each other's place", `UPDATE events SET seq = seq + 1000 WHERE seq IN (4, 9); UPDATE events SET seq = 1013 - seq WHERE seq > 1000`, "event 4 is not as it was written"},
		{"two with what is kept of them", `UPDATE events SET seq = seq + 1000 WHERE seq IN (4, 5); UPDATE events SET seq = 1009 - seq WHERE seq > 1000;
			UPDATE booking_batches SET digests = substr(digests, 33, 32) || substr(digests, 1, 32) || substr(digests, 65) WHERE first_event = 4`, "the chain breaks at events 4 to 6"},
		{"two batches", `UPDATE booking_batches SET first_seq = 11 - first_seq WHERE first_seq IN (4, 7)`, "the chain breaks at events 4 to 6"},
		{"a batch taken out", `DELETE FROM booking_batches WHERE first_event = 4`, "event 7 follows event 3"},
		{"fewer events", `UPDATE booking_batches SET events = 2 WHERE first_event = 4`, "event 7 follows event 5"},
		{"another digest", `UPDATE booking_batches SET digests = set_byte(digests, 40, 255 - get_byte(digests, 40)) WHERE first_event = 4`, "event 5 is not as it was written"},
		{"another chain", `UPDATE booking_batches SET chain = digest_of_nobody() WHERE first_event = 4`, "the chain breaks at events 4 to 6"},
		{"a chain begun anew", `UPDATE events SET why = 'otherwise' WHERE seq = 5; UPDATE booking_batches SET digests = NULL, chain = NULL`, "what happened up to there was changed since"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			name, chain := chained(t, p)
			sql := strings.ReplaceAll(c.sql, "digest_of_nobody()", "sha256('')")
			if err := p.Exec(t.Context(), name, free+sql); err != nil {
				t.Fatal(err)
			}
			a := booking.Audit(t.Context(), openAt(t, p.URL(name)), booking.Asked{Noted: []booking.Noted{chain}})
			said := strings.Join(a.Findings, "\n")
			if c.want == "" && said != "" || !strings.Contains(said, c.want) {
				t.Errorf("found %q, want %q", said, c.want)
			}
		})
	}
}

// TestBatchesStay: also what orders the events and chains them is only ever added to.
func TestBatchesStay(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	name, _ := chained(t, p)
	for _, statement := range []string{
		`UPDATE booking_batches SET first_seq = 50 WHERE first_seq = 4`, `UPDATE booking_batches SET chain = sha256('')`, `UPDATE booking_batches SET digests = NULL`,
		`UPDATE booking_batches SET events = 2`, `DELETE FROM booking_batches`, `TRUNCATE booking_batches`,
	} {
		if err := p.Exec(t.Context(), name, statement); err == nil {
			t.Errorf("%s was done", statement)
		}
	}
}

// TestOlderNodesAreChained has batches as a node of the version before leaves them, with a place in the feed or without, among others: this
// version chains them too, and the chain is the one that it would have been.
func TestOlderNodesAreChained(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	for _, older := range []string{
		`UPDATE booking_batches SET digests = NULL, chain = NULL`,
		`UPDATE booking_batches SET digests = NULL, chain = NULL WHERE first_seq IN (7, 10)`,
		`UPDATE booking_batches SET digests = NULL WHERE first_seq = 7; UPDATE booking_batches SET chain = NULL WHERE first_seq > 1`,
		`UPDATE booking_batches SET digests = NULL, chain = NULL, first_seq = NULL WHERE first_seq = 10; UPDATE streams SET next_seq = 10 WHERE name = 'booking'`,
	} {
		name, chain := chained(t, p)
		if err := p.Exec(t.Context(), name, `ALTER TABLE booking_batches DISABLE TRIGGER ALL; `+older+`; ALTER TABLE booking_batches ENABLE TRIGGER ALL`); err != nil {
			t.Fatal(err)
		}
		a := booking.Audit(t.Context(), openAt(t, p.URL(name)), booking.Asked{Noted: []booking.Noted{chain}})
		if len(a.Findings) > 0 || a.Vouched != 12 || a.Chain != chain.Chain {
			t.Errorf("%s: %+v", older, a)
		}
	}
}
