// Package postgres is the engine of notify.Outbox for many nodes: tables in a PostgreSQL database.
//
// It owns the tables of messages and contacts and the feed "notify" of the shared table of events. It decides nothing: what
// is due and what becomes of a message is told to it. Addresses are sealed, bound to the person they belong to. Nodes claim
// messages past one another (SKIP LOCKED), so that several couriers do not wait in a row.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/civil"
	"charye/internal/pgdb"
	"charye/internal/seal"
	"charye/notify"
	"charye/person"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Outbox is the engine. Safe for concurrent use, by any number of nodes that share the keys.
type Outbox struct {
	db   *pgdb.DB
	keys *seal.Keys
}

var _ notify.Outbox = (*Outbox)(nil)

// Open connects to the database at url and brings the tables of messages up to date.
func Open(ctx context.Context, url string, keys *seal.Keys) (*Outbox, error) {
	db, err := pgdb.Open(ctx, url, "notify", migrations)
	if err != nil {
		return nil, err
	}
	return &Outbox{db: db, keys: keys}, nil
}

// Close ends all connections.
func (o *Outbox) Close() error { return o.db.Close() }

// Begin implements [notify.Outbox].
func (o *Outbox) Begin(ctx context.Context, seq int64) (at int64, err error) {
	err = o.db.QueryRow(ctx, `SELECT seq FROM message_place`).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err = o.db.Exec(ctx, `INSERT INTO message_place (one, seq) VALUES (1, $1::bigint) ON CONFLICT DO NOTHING`, seq); err == nil {
			err = o.db.QueryRow(ctx, `SELECT seq FROM message_place`).Scan(&at)
		}
	}
	return at, wrap("begin messages", err)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, pgdb.Wrap(err))
}

// Enqueue implements [notify.Outbox].
func (o *Outbox) Enqueue(ctx context.Context, from, to int64, list []notify.Message, at time.Time) error {
	moved := false
	first := &pgx.Batch{}
	first.Queue(`UPDATE message_place SET seq = $2::bigint WHERE seq = $1::bigint RETURNING seq`, from, to).Query(func(rows pgx.Rows) error {
		moved = rows.Next()
		rows.Close()
		return rows.Err()
	})
	tx, err := o.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return wrap("keep messages", err)
	}
	defer tx.End()
	if !moved {
		return fmt.Errorf("keep messages: %w", notify.ErrOvertaken)
	}
	b := &pgx.Batch{}
	insert(b, ``, list, at)
	return wrap("keep messages", tx.Commit(ctx, b))
}

// insert keeps those messages that a condition holds of; n is their row in it.
func insert(b *pgx.Batch, condition string, list []notify.Message, at time.Time) *pgx.QueuedQuery {
	n := len(list)
	id, who, kind, about := make([][]byte, n), make([][]byte, n), make([]string, n), make([][]byte, n)
	booking, event, helper, campaign := make([]int64, n), make([]int64, n), make([]bool, n), make([]int64, n)
	dose, day := make([]int32, n), make([]int32, n)
	due, expires := make([]time.Time, n), make([]time.Time, n)
	for i := range list {
		m := &list[i]
		id[i], who[i], kind[i], booking[i], event[i], helper[i] = m.ID[:], m.To[:], string(m.Kind), m.Booking, m.Event, m.Helper
		dose[i], day[i], due[i], expires[i], campaign[i] = int32(m.Dose), int32(m.Day), m.Due, m.Expires, int64(m.Campaign)
		about[i] = aboutOf(m)
	}
	return b.Queue(`INSERT INTO messages (`+columns+`, turn, state, at)
		SELECT n.*, n.due, 'queued', $13::timestamptz FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[],
			$7::integer[], $8::integer[], $9::timestamptz[], $10::timestamptz[], $11::bytea[], $12::bigint[]) AS n (`+columns+`) `+condition+`
		ON CONFLICT (id) DO NOTHING`, id, who, kind, booking, event, helper, dose, day, due, expires, about, campaign, at)
}

func aboutOf(m *notify.Message) []byte {
	if m.About.IsZero() {
		return []byte{}
	}
	return m.About[:]
}

const columns = `id, person, kind, booking, event, helper, dose, day, due, expires, about, campaign`

func scan(row pgx.CollectableRow, m *notify.Message, more ...any) error {
	var id, who, about []byte
	var kind string
	var day int32
	to := append([]any{&id, &who, &kind, &m.Booking, &m.Event, &m.Helper, &m.Dose, &day, &m.Due, &m.Expires, &about, &m.Campaign}, more...)
	if err := row.Scan(to...); err != nil {
		return err
	}
	m.ID, m.To, m.Kind, m.Day = notify.ID(id), person.Key(who), notify.Kind(kind), civil.Date(day)
	m.Due, m.Expires = m.Due.UTC(), m.Expires.UTC()
	copy(m.About[:], about)
	return nil
}

// Claim implements [notify.Outbox].
func (o *Outbox) Claim(ctx context.Context, now, lease time.Time, limit int) (list []notify.Claimed, err error) {
	for _, which := range []string{`kind <> 'near'`, `kind = 'near'`} { // in the words of the indices
		if len(list) == limit {
			break
		}
		rows, err := o.db.Query(ctx, `UPDATE messages m SET state = 'sending', turn = $2::timestamptz, at = $1::timestamptz FROM
			(SELECT id AS claimed FROM messages WHERE state IN ('queued', 'sending') AND `+which+` AND turn <= $1::timestamptz
				ORDER BY turn, id LIMIT $3::bigint FOR UPDATE SKIP LOCKED) d
			WHERE m.id = d.claimed RETURNING `+columns+`, tries`, now, lease, limit-len(list))
		if err == nil {
			list, err = pgx.AppendRows(list, rows, func(row pgx.CollectableRow) (c notify.Claimed, err error) {
				return c, scan(row, &c.Message, &c.Tries)
			})
		}
		if err != nil {
			return list, wrap("claim messages", err)
		}
	}
	return list, nil
}

// Finish implements [notify.Outbox]. Rows are locked in order, so that two couriers with the same message in hand do not wait for each other.
func (o *Outbox) Finish(ctx context.Context, list []notify.Ending) error {
	n := len(list)
	id, state, why, at := make([][]byte, n), make([]string, n), make([]string, n), make([]time.Time, n)
	for i := range list {
		id[i], state[i], why[i], at[i] = list[i].ID[:], string(list[i].State), list[i].Why, list[i].At
	}
	_, err := o.db.Exec(ctx, `WITH e AS (
			SELECT n.* FROM unnest($1::bytea[], $2::text[], $3::text[], $4::timestamptz[]) AS n (id, state, why, at)
				JOIN messages m ON m.id = n.id WHERE m.state = 'sending' ORDER BY m.id FOR UPDATE OF m)
		UPDATE messages m SET state = e.state, why = e.why,
			at = CASE e.state WHEN 'queued' THEN m.at ELSE e.at END,
			turn = CASE e.state WHEN 'queued' THEN e.at ELSE m.turn END,
			tries = m.tries + CASE e.state WHEN 'queued' THEN 1 ELSE 0 END
		FROM e WHERE m.id = e.id`, id, state, why, at)
	return wrap("finish messages", err)
}

// Messages implements [notify.Outbox].
func (o *Outbox) Messages(ctx context.Context, to person.Key, limit int) ([]notify.Kept, error) {
	rows, err := o.db.Query(ctx, `SELECT `+columns+`, state, why, at FROM messages WHERE person = $1::bytea ORDER BY due DESC, id LIMIT $2::bigint`, to[:], limit)
	var list []notify.Kept
	if err == nil {
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (k notify.Kept, err error) {
			var state string
			err = scan(row, &k.Message, &state, &k.Why, &k.At)
			k.State, k.At = notify.State(state), k.At.UTC()
			return k, err
		})
	}
	return list, wrap("messages", err)
}

// Count implements [notify.Outbox].
func (o *Outbox) Count(ctx context.Context) (map[notify.State]int, error) {
	out := map[notify.State]int{}
	rows, err := o.db.Query(ctx, `SELECT state, count(*) FROM messages GROUP BY state`)
	if err == nil {
		var s string
		var n int
		_, err = pgx.ForEachRow(rows, []any{&s, &n}, func() error {
			out[notify.State(s)] = n
			return nil
		})
	}
	return out, wrap("count messages", err)
}
