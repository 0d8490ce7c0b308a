package main

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// TestCheckFindsEachFault serves a small campaign, stops, and plants one fault after the other into a copy of what it left,
// past the engines: each is found and named, and without one nothing is.
func TestCheckFindsEachFault(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	t.Run("serve", func(t *testing.T) { // ends the server with it
		// The six are in the draw, also where signing them in takes long.
		s := serve(t, strings.Replace(demoNow(), "opens: +1s", "opens: +5s", 1), func(c *serveCmd) { c.Data = data })
		people := s.admit(1, 6)
		free := s.slots()
		for i, p := range people[:4] {
			s.must(201, "POST", "/api/v1/bookings", `{"slot":"`+free[i]+`"}`, "Authorization", p.bearer, "Charye-Pass", p.pass, "Idempotency-Key", "k")
		}
		s.must(201, "POST", "/api/v1/holds", `{"slot":"`+free[4]+`"}`, "Authorization", people[4].bearer, "Charye-Pass", people[4].pass)
		var out bytes.Buffer
		if err := (checkCmd{Data: data}).Run(t.Context(), streams{out: &out, err: &out}); err == nil || !strings.Contains(err.Error(), "stop the server first") {
			t.Errorf("a directory that is being served: %v", err)
		}
	})
	var sound bytes.Buffer
	if err := (checkCmd{Data: data}).Run(t.Context(), streams{out: &sound, err: &sound}); err != nil {
		t.Fatalf("%v\n%s", err, &sound)
	}
	_, chain, _ := strings.Cut(sound.String(), "\nchain         ")
	chain, _, _ = strings.Cut(chain, "\n")
	for _, c := range []struct{ name, file, sql, want string }{
		{"nothing", "booking.db", `SELECT 1`, ""},
		{"a seat taken by nobody", "booking.db", `UPDATE counters SET used = used + 1 WHERE id = (SELECT min(id) FROM counters)`, "its events add up to"},
		{"a booking that is gone", "booking.db", `DELETE FROM bookings WHERE id = 1`, "booking 1 is in the events and nowhere else"},
		{"a booking from nowhere", "booking.db", `INSERT INTO bookings SELECT 900, randomblob(16), campaign, 0, body FROM bookings WHERE id = 1`, "booking 900 is in no event"},
		{"somebody booked twice", "booking.db", `DROP INDEX bookings_one_live; UPDATE bookings SET person = (SELECT person FROM bookings WHERE id = 1) WHERE id = 2`, "bookings 1 and 2 are of one person"},
		{"cancelled without a word", "booking.db", `UPDATE bookings SET gone = id WHERE id = 3`, "booking 3 is live and gone at once"},
		{"an event that is gone", "booking.db", `DROP TRIGGER events_stay_there; DELETE FROM events WHERE seq = 2`, "event 3 follows event 1"},
		{"an event that is changed", "booking.db", `DROP TRIGGER events_stay; UPDATE events SET body = CAST(substr(body, 1, 16) || randomblob(4) || substr(body, 21) AS BLOB) WHERE seq = 3`, "the chain breaks at event 3:"},
		{"an event that cannot be read", "booking.db", `DROP TRIGGER events_stay; UPDATE events SET body = x'00' WHERE seq = 3`, "event 3: booking.db: a row cannot be read"},
		{"an event of somebody else", "booking.db", `DROP TRIGGER events_stay; UPDATE events SET body = (SELECT body FROM events WHERE seq = 4) WHERE seq = 3`, "the chain breaks at event 3:"},
		{"another chain", "booking.db", `DROP TRIGGER events_stay; UPDATE events SET chain = randomblob(32) WHERE seq = 2`, "the chain breaks at event 2:"},
		{"two events in each other's place", "booking.db", `DROP TRIGGER events_stay; UPDATE events SET seq = -seq WHERE seq IN (2, 3); UPDATE events SET seq = 5 + seq WHERE seq < 0`, "the chain breaks at event 2:"},
		{"an event put in", "booking.db", `DROP TRIGGER events_stay; UPDATE events SET seq = -seq - 1 WHERE seq > 2; UPDATE events SET seq = -seq WHERE seq < 0;
			INSERT INTO events (seq, body, chain) SELECT 3, body, chain FROM events WHERE seq = 2`, "the chain breaks at event 3:"},
		{"an event taken out, and the gap closed", "booking.db", `DROP TRIGGER events_stay; DROP TRIGGER events_stay_there; DELETE FROM events WHERE seq = 2; UPDATE events SET seq = -seq WHERE seq > 2; UPDATE events SET seq = -seq - 1 WHERE seq < 0`, "the chain breaks at event 2:"},
		{"a chain made anew", "booking.db", `DROP TRIGGER events_stay; UPDATE events SET chain = NULL; UPDATE events SET body = CAST(substr(body, 1, 16) || randomblob(4) || substr(body, 21) AS BLOB) WHERE seq = 3`, "what happened up to there was changed since"},
		{"the last event taken away", "booking.db", `DROP TRIGGER events_stay_there; DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)`, "events were taken away"},
		{"an event of a site that is changed", "sites.db", `DROP TRIGGER events_stay; UPDATE events SET change = '{}' WHERE seq = 3`, "sites: the chain breaks at event 3:"},
		{"an event of a site that is taken out", "sites.db", `DROP TRIGGER events_stay_there; DELETE FROM events WHERE seq = 4`, "sites: event 4 was taken out"},
		{"a hold beside a booking", "booking.db", `UPDATE holds SET person = (SELECT person FROM bookings WHERE id = 1)`, "is of a person who has booking 1"},
		{"a place that is gone", "line.db", `UPDATE joins SET first_seq = first_seq + 1 WHERE first_seq = (SELECT max(first_seq) FROM joins)`, "line"},
		{"admitted beyond the line", "line.db", `UPDATE campaigns SET admitted = admitted + 50; UPDATE waves SET admitted = admitted + 50`, "admitted of"},
		{"another seed", "line.db", `DROP TRIGGER draw_is_a_fact; UPDATE campaigns SET seed = randomblob(32)`, "the seed is not the one committed to"},
		{"a draw to somebody's liking", "line.db", `UPDATE numbers SET numbers = CAST(substr(numbers, 5, 4) || substr(numbers, 1, 4) || substr(numbers, 9) AS BLOB) WHERE first_seq = 1`, "is not whom the seed draws"},
		{"a pass without a turn", "line.db", `DROP TRIGGER admitted_never_falls; UPDATE campaigns SET admitted = 1 WHERE admitted > 1; DELETE FROM waves; INSERT INTO waves (campaign, admitted, admitted_at) SELECT campaign, 1, 0 FROM campaigns WHERE admitted = 1`, "admitted are 1"},
		{"a pass without a place", "line.db", `UPDATE passes SET seq = 999 WHERE id = 1`, "999"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(dir, os.DirFS(data)); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", filepath.Join(dir, c.file))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(context.Background(), c.sql); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			err = checkCmd{Data: dir, Chain: []string{chain}}.Run(t.Context(), streams{out: &out, err: &out})
			said := out.String()
			if err != nil {
				said += err.Error()
			}
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%v\n%s", err, &out)
			case c.want != "" && (err == nil || !strings.Contains(said, c.want)):
				t.Errorf("it said %v, want %q:\n%s", err, c.want, said)
			}
		})
	}
}
