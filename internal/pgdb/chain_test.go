package pgdb_test

import (
	"bytes"
	"context"
	"testing"
	"testing/fstest"

	"charye/internal/chain/chaintest"
	"charye/internal/pgdb"
	"charye/test/services"
)

func TestMain(m *testing.M) { services.Main(m) }

var room = fstest.MapFS{"migrations/00001_room.sql": {Data: []byte("-- +goose Up\nINSERT INTO streams (name) VALUES ('room'), ('other');\n")}}

func migrate(ctx context.Context, url string) error {
	db, err := pgdb.Open(ctx, url, "room", room)
	if err != nil {
		return err
	}
	return db.Close()
}

const add = `WITH next AS (UPDATE streams SET next_seq = next_seq + 1 WHERE name = $1::text RETURNING next_seq - 1 AS seq)
	INSERT INTO events (stream, seq, at, kind, person, what) SELECT $1::text, seq, now(), 'k', $2::bytea, jsonb_build_object('n', seq) FROM next`

func TestChain(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	chaintest.Run(t, func(t *testing.T) chaintest.Bench {
		db, err := pgdb.Open(t.Context(), p.URL(p.Database(t, migrate)), "room", room)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		exec := func(query string, args ...any) {
			t.Helper()
			if _, err := db.Exec(t.Context(), query, args...); err != nil {
				t.Fatal(err)
			}
		}
		for _, table := range []string{"events", "event_chains"} { // as who owns them can
			if _, err := db.Exec(t.Context(), `DELETE FROM `+table); err == nil {
				t.Errorf("rows of %s can be taken out", table)
			}
			exec(`ALTER TABLE ` + table + ` DISABLE TRIGGER ALL`)
		}
		return chaintest.Bench{
			Keeper: pgdb.Chained{DB: db, Stream: "room"},
			Add: func(n int) {
				for range n {
					exec(add, "room", nil)
					exec(add, "other", []byte("a person of 16 b"))
				}
			},
			Change: func(seq int64) { exec(`UPDATE events SET why = 'x' WHERE stream = 'room' AND seq = $1`, seq) },
			Exchange: func(a, b int64) {
				exec(`UPDATE events SET seq = 1000 WHERE stream = 'room' AND seq = $1`, a)
				exec(`UPDATE events SET seq = $1 WHERE stream = 'room' AND seq = $2`, a, b)
				exec(`UPDATE events SET seq = $1 WHERE stream = 'room' AND seq = 1000`, b)
			},
			Remove: func(seq int64) { exec(`DELETE FROM events WHERE stream = 'room' AND seq = $1`, seq) },
			Insert: func(seq int64) {
				exec(`INSERT INTO events (stream, seq, at, kind, what) VALUES ('room', $1, now(), 'k', '{}')`, seq)
			},
			Forge: func(seq int64) {
				exec(`UPDATE event_chains SET chain = $2 WHERE stream = 'room' AND seq = $1`, seq, bytes.Repeat([]byte{1}, 32))
			},
			Cut: func(after int64) {
				exec(`DELETE FROM events WHERE stream = 'room' AND seq > $1`, after)
				exec(`DELETE FROM event_chains WHERE stream = 'room' AND seq > $1`, after)
			},
		}
	})
}

// BenchmarkChain is what chaining a thousand events costs whoever comes by.
func BenchmarkChain(b *testing.B) {
	p := services.SharedPostgres(b)
	db, err := pgdb.Open(b.Context(), p.URL(p.Database(b, migrate)), "room", room)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	const events = 1000
	for b.Loop() {
		b.StopTimer()
		if _, err := db.Exec(b.Context(), `WITH next AS (UPDATE streams SET next_seq = next_seq + $1::bigint WHERE name = 'room' RETURNING next_seq - $1::bigint AS seq)
			INSERT INTO events (stream, seq, at, kind, what) SELECT 'room', seq + n, now(), 'k', '{"recipient":"NYRTFLT46D6QTGUVQLJPPEQOCP"}' FROM next, generate_series(0, $1::bigint - 1) AS n`, events); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := (pgdb.Chained{DB: db, Stream: "room"}).ExtendChain(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/events*1e6, "µs/event")
}
