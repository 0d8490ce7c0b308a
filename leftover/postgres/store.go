// Package postgres keeps the leftover doses in a PostgreSQL database that all nodes share: the engine of [leftover.Store] for
// many machines.
//
// It owns its tables and the feed "leftover" of the shared table of events. It decides nothing: it loads what requests touch,
// under the lock of the feed, calls [leftover.Decide] and writes what came out in the same transaction.
package postgres

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
	"charye/leftover"
	"charye/person"
	"charye/site"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the engine. Any number of nodes and commands may use one database; writers wait for one another.
type Store struct{ db *pgdb.DB }

var _ leftover.Store = (*Store)(nil)

// Open connects to the database at url and brings its tables up to date.
func Open(ctx context.Context, url string) (*Store, error) {
	db, err := pgdb.Open(ctx, url, "leftover", migrations)
	if err != nil {
		return nil, err
	}
	return &Store{db: db}, nil
}

// Close ends all connections. It may be called more than once.
func (s *Store) Close() error { return s.db.Close() }

// tries is how often an Apply is begun when others get in its way, or connections die before anything was sent.
const tries = 5

// Apply implements [leftover.Store]. When the connection was lost during the commit it is found out whether it happened.
func (s *Store) Apply(ctx context.Context, list []leftover.Request) ([]leftover.Outcome, error) {
	if len(list) > leftover.MaxRequests {
		return nil, fmt.Errorf("leftovers: %d requests at once, want %d at most", len(list), leftover.MaxRequests)
	}
	var err error
	for range tries {
		var out []leftover.Outcome
		var again bool
		if out, again, err = s.apply(ctx, list); err == nil {
			return out, nil
		}
		if !again {
			break
		}
	}
	return nil, fmt.Errorf("leftovers: %w", pgdb.Wrap(err))
}

// apply is one try; again is true when nothing happened and another try is worth it.
func (s *Store) apply(ctx context.Context, list []leftover.Request) (out []leftover.Outcome, again bool, err error) {
	var nextID, nextSeq int64
	b := &pgx.Batch{}
	// The lock comes first: what is read after it is as the last writer left it.
	b.Queue(`SELECT next_id, next_seq FROM streams WHERE name = 'leftover' FOR UPDATE`).
		QueryRow(func(row pgx.Row) error { return row.Scan(&nextID, &nextSeq) })
	n := leftover.Needs(list)
	l := &loading{}
	l.people(b, n)
	l.offers(b, n)
	for _, k := range n.Advance {
		l.advance(b, k)
	}
	tx, err := s.db.Begin(ctx, b, false)
	if err != nil {
		return nil, pgdb.Again(err), err
	}
	defer tx.End()
	st := leftover.NewLoaded(nextID, nextSeq)
	l.into(st)
	out = leftover.Decide(st, list)
	ch := st.Changes()
	if len(ch.Events) == 0 && len(ch.Batches) == 0 {
		return out, false, ctx.Err()
	}
	if err := tx.Commit(ctx, write(ch)); err != nil {
		if !tx.Sent {
			return nil, pgdb.Again(err), err
		}
		tx.End()
		return s.after(ctx, &ch, out, err)
	}
	return out, false, nil
}

// after finds out whether a commit happened whose answer did not come: the numbers that it took tell.
func (s *Store) after(ctx context.Context, ch *leftover.Changes, out []leftover.Outcome, lost error) ([]leftover.Outcome, bool, error) {
	if len(ch.Events) == 0 {
		return nil, true, lost // only the time to look again: setting it twice is the same
	}
	first := &ch.Events[0]
	var kind string
	var at time.Time
	err := s.db.QueryRow(ctx, `SELECT kind, at FROM events WHERE stream = 'leftover' AND seq = $1::bigint AND what @> $2::jsonb`,
		first.Seq, string(body(first))).Scan(&kind, &at)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, true, lost
	case err != nil:
		return nil, false, errors.Join(lost, err)
	case kind == string(first.Kind) && at.Equal(first.At):
		return out, false, nil
	}
	return nil, true, lost
}

// told is what an event's columns do not hold.
type told struct {
	Campaign uint32   `json:"campaign"`
	Site     site.Num `json:"site"`
	Batch    int64    `json:"batch,omitempty"`
	Offer    int64    `json:"offer,omitempty"`
	Doses    int      `json:"doses,omitempty"`
}

func body(e *leftover.Event) []byte {
	b, err := json.Marshal(told{e.Campaign, e.Site, e.Batch, e.Offer, e.Doses})
	if err != nil {
		return nil // five numbers: it cannot
	}
	return b
}

// View implements [leftover.Store].
func (s *Store) View(ctx context.Context, batch int64, room int) (v leftover.View, ok bool, err error) {
	l := &loading{}
	b := &pgx.Batch{}
	l.advance(b, leftover.Look{Batch: batch, Room: room})
	if err := s.db.Snapshot(ctx, b); err != nil {
		return v, false, fmt.Errorf("leftovers: %w", pgdb.Wrap(err))
	}
	if a := l.advances[0]; a.found {
		return a.View, true, nil
	}
	return v, false, nil
}

// Batch implements [leftover.Store].
func (s *Store) Batch(ctx context.Context, id int64) (leftover.Batch, bool, error) {
	list, err := all(ctx, s, scanBatch, selectBatches+`WHERE id = $1::bigint`, id)
	if err != nil || len(list) == 0 {
		return leftover.Batch{}, false, err
	}
	return list[0], true, nil
}

// Since implements [leftover.Store].
func (s *Store) Since(ctx context.Context, at time.Time, limit int) ([]leftover.View, error) {
	return s.since(ctx, `WHERE made >= $1::timestamptz ORDER BY id LIMIT $2::bigint`, at, limit)
}

// SiteSince implements [leftover.Store].
func (s *Store) SiteSince(ctx context.Context, at site.Num, since time.Time, limit int) ([]leftover.View, error) {
	return s.since(ctx, `WHERE made >= $1::timestamptz AND site = $3::bigint ORDER BY id LIMIT $2::bigint`, since, limit, int64(at))
}

func (s *Store) since(ctx context.Context, which string, args ...any) (out []leftover.View, err error) {
	list, err := all(ctx, s, scanBatch, selectBatches+which, args...)
	for i := 0; err == nil && i < len(list); i++ {
		var offers []leftover.Offer
		offers, err = all(ctx, s, scanOffer, selectOffers+`WHERE batch = $1::bigint ORDER BY id`, list[i].ID)
		out = append(out, leftover.View{Batch: list[i], Offers: offers})
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Due implements [leftover.Store].
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]int64, error) {
	return all(ctx, s, pgx.RowTo[int64], `SELECT id FROM leftover_batches WHERE next <= $1::timestamptz ORDER BY next, id LIMIT $2::bigint`, now, limit)
}

// Live implements [leftover.Store].
func (s *Store) Live(ctx context.Context, now time.Time, after int64, limit int) ([]leftover.Offer, error) {
	return all(ctx, s, scanOffer, selectOffers+`WHERE state = 1 AND until > $1::timestamptz AND id > $2::bigint ORDER BY id LIMIT $3::bigint`, now, after, limit)
}

// Of implements [leftover.Store].
func (s *Store) Of(ctx context.Context, campaign uint32, who person.Key, limit int) (entries []leftover.Entry, offers []leftover.Offer, err error) {
	entries, err = all(ctx, s, scanEntry, selectEntries+`WHERE person = $1::bytea AND campaign = $2::bigint AND NOT gone ORDER BY site`, who[:], int64(campaign))
	if err == nil {
		offers, err = all(ctx, s, scanOffer, selectOffers+`WHERE person = $1::bytea AND campaign = $2::bigint AND state < 7 ORDER BY id DESC LIMIT $3::bigint`,
			who[:], int64(campaign), limit)
	}
	return entries, offers, err
}

// Waiting implements [leftover.Store].
func (s *Store) Waiting(ctx context.Context, campaign uint32, at site.Num) (n int, err error) {
	err = s.db.QueryRow(ctx, `SELECT count(*) FROM leftover_entries WHERE campaign = $1::bigint AND site = $2::integer AND NOT gone`, int64(campaign), int32(at)).Scan(&n)
	if err != nil {
		err = fmt.Errorf("leftovers: %w", pgdb.Wrap(err))
	}
	return n, err
}

// Events implements [leftover.Store].
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]leftover.Event, error) {
	return all(ctx, s, func(row pgx.CollectableRow) (e leftover.Event, err error) {
		var who, what []byte
		var kind string
		if err := row.Scan(&e.Seq, &e.At, &kind, &who, &e.Channel, &e.Why, &what); err != nil {
			return e, err
		}
		var t told
		err = json.Unmarshal(what, &t)
		e.At, e.Kind = e.At.UTC(), leftover.EventKind(kind)
		e.Campaign, e.Site, e.Batch, e.Offer, e.Doses = t.Campaign, t.Site, t.Batch, t.Offer, t.Doses
		copy(e.Person[:], who)
		return e, err
	}, `SELECT seq, at, kind, person, channel, why, what FROM events WHERE stream = 'leftover' AND seq > $1::bigint ORDER BY seq LIMIT $2::bigint`, after, limit)
}

// all collects the rows of a query.
func all[T any](ctx context.Context, s *Store, scan pgx.RowToFunc[T], query string, args ...any) (list []T, _ error) {
	rows, err := s.db.Query(ctx, query, args...)
	if err == nil {
		list, err = pgx.AppendRows(list, rows, scan)
	}
	if err != nil {
		return nil, fmt.Errorf("leftovers: %w", pgdb.Wrap(err))
	}
	return list, nil
}
