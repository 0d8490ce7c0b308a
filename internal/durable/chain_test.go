package durable_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"testing/fstest"

	"charye/internal/chain/chaintest"
	"charye/internal/durable"
)

var chained = fstest.MapFS{"migrations/00001_events.sql": {Data: []byte(`-- +goose Up
CREATE TABLE events (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, who BLOB, what TEXT NOT NULL) STRICT;
CREATE TABLE events_chain (seq INTEGER PRIMARY KEY, chain BLOB NOT NULL CHECK (length(chain) = 32)) STRICT;
`)}}

var history = durable.History{Table: "events", Columns: []string{"at", "who", "what"}}

func openChained(t testing.TB) *durable.DB {
	t.Helper()
	db, err := durable.Open(t.Context(), filepath.Join(t.TempDir(), "events.db"), chained)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestChain(t *testing.T) {
	t.Parallel()
	chaintest.Run(t, func(t *testing.T) chaintest.Bench {
		db := openChained(t)
		exec := func(query string, args ...any) {
			t.Helper()
			if _, err := db.W.ExecContext(t.Context(), query, args...); err != nil {
				t.Fatal(err)
			}
		}
		return chaintest.Bench{
			Keeper: durable.Chained{DB: db, Of: history},
			Add: func(n int) {
				for range n {
					exec(`INSERT INTO events (at, who, what) VALUES (7, NULL, '{"n":' || (SELECT count(*) FROM events) || '}')`)
				}
			},
			Change: func(seq int64) { exec(`UPDATE events SET who = x'01' WHERE seq = ?`, seq) },
			Exchange: func(a, b int64) {
				exec(`UPDATE events SET seq = -1 WHERE seq = ?`, a)
				exec(`UPDATE events SET seq = ? WHERE seq = ?`, a, b)
				exec(`UPDATE events SET seq = ? WHERE seq = -1`, b)
			},
			Remove: func(seq int64) { exec(`DELETE FROM events WHERE seq = ?`, seq) },
			Insert: func(seq int64) { exec(`INSERT INTO events (seq, at, who, what) VALUES (?, 7, NULL, 'another')`, seq) },
			Forge: func(seq int64) {
				exec(`UPDATE events_chain SET chain = ? WHERE seq = ?`, bytes.Repeat([]byte{1}, 32), seq)
			},
			Cut: func(after int64) {
				exec(`DELETE FROM events WHERE seq > ?`, after)
				exec(`DELETE FROM events_chain WHERE seq > ?`, after)
			},
		}
	})
}

// BenchmarkChain is what the chain adds to a transaction of one event.
func BenchmarkChain(b *testing.B) {
	for name, chain := range map[string]bool{"without": false, "with": true} {
		b.Run(name, func(b *testing.B) {
			db := openChained(b)
			for b.Loop() {
				tx, err := db.W.BeginTx(b.Context(), nil)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := tx.ExecContext(b.Context(), `INSERT INTO events (at, who, what) VALUES (7, NULL, '{"recipient":"NYRTFLT46D6QTGUVQLJPPEQOCP"}')`); err != nil {
					b.Fatal(err)
				}
				if chain {
					if _, err := history.Extend(b.Context(), tx); err != nil {
						b.Fatal(err)
					}
				}
				if err := tx.Commit(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
