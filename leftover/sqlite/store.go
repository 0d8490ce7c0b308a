// Package sqlite is the embedded engine of [leftover.Store]: one file, leftover.db, in the data directory.
//
// It owns the tables of that file. It decides nothing: it loads what requests touch, calls [leftover.Decide] and writes what
// came out, in one transaction whose commit is on disk when Apply returns.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"charye/internal/durable"
	"charye/leftover"
	"charye/person"
	"charye/site"
)

//go:embed migrations
var migrations embed.FS

// File is the name of the database in a data directory.
const File = "leftover.db"

// Store is the engine. Several processes may have the same file open; writers wait for one another.
type Store struct{ db *durable.DB }

var _ leftover.Store = (*Store)(nil)

// Open opens or creates the leftover doses of a data directory, which must exist.
func Open(ctx context.Context, dir string) (*Store, error) {
	db, err := durable.Open(ctx, filepath.Join(dir, File), migrations)
	if err != nil {
		return nil, err
	}
	return &Store{db: db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Apply implements [leftover.Store].
func (s *Store) Apply(ctx context.Context, list []leftover.Request) (out []leftover.Outcome, err error) {
	if len(list) > leftover.MaxRequests {
		return nil, fmt.Errorf("leftovers: %d requests at once, want %d at most", len(list), leftover.MaxRequests)
	}
	tx, err := s.db.W.BeginTx(ctx, nil)
	if err == nil {
		if out, err = apply(ctx, tx, list); err != nil {
			err = errors.Join(err, tx.Rollback())
		} else {
			err = tx.Commit()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("leftovers: %w", durable.Wrap(err))
	}
	return out, nil
}

func apply(ctx context.Context, tx *sql.Tx, list []leftover.Request) ([]leftover.Outcome, error) {
	var nextID, nextSeq int64
	err := tx.QueryRowContext(ctx, `SELECT (SELECT next FROM numbers), (SELECT coalesce(max(seq), 0) + 1 FROM events)`).Scan(&nextID, &nextSeq)
	if err != nil {
		return nil, err
	}
	st := leftover.NewLoaded(nextID, nextSeq)
	if err := load(ctx, reader{tx}, leftover.Needs(list), st); err != nil {
		return nil, err
	}
	out := leftover.Decide(st, list)
	return out, write(ctx, tx, st.Changes())
}

// load brings in what requests touch.
func load(ctx context.Context, r reader, n leftover.Need, st *leftover.Loaded) error {
	people := n.People
	for _, id := range n.Offers {
		offers, err := r.offers(ctx, `WHERE id = ?`, id)
		if err != nil {
			return err
		}
		for _, o := range offers {
			st.AddOffer(o)
			people = append(people, leftover.PersonIn{Campaign: o.Campaign, Person: o.Person})
			b, _, err := r.batch(ctx, o.Batch)
			if err != nil {
				return err
			}
			st.AddBatch(b, false)
		}
	}
	for _, p := range people {
		entries, err := r.entries(ctx, `WHERE person = ? AND campaign = ?`, p.Person[:], p.Campaign)
		if err != nil {
			return err
		}
		for _, e := range entries {
			st.AddEntry(e)
		}
		open, err := r.offers(ctx, `WHERE person = ? AND campaign = ? AND state IN (1, 2)`, p.Person[:], p.Campaign)
		if err != nil {
			return err
		}
		for _, o := range open {
			st.AddOffer(o)
		}
	}
	for _, l := range n.Advance {
		v, ok, err := r.view(ctx, l.Batch, l.Room)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		st.AddBatch(v.Batch, v.More)
		for _, o := range v.Offers {
			st.AddOffer(o)
		}
		for _, e := range v.Next {
			st.AddEntry(e)
		}
	}
	return nil
}

func write(ctx context.Context, tx *sql.Tx, ch leftover.Changes) error {
	var failed error
	do := func(query string, args ...any) {
		if failed == nil {
			_, failed = tx.ExecContext(ctx, query, args...)
		}
	}
	for i := range ch.NewEntries {
		e := &ch.NewEntries[i]
		do(`INSERT INTO entries (campaign, site, person, born, since, turn, gone) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			e.Campaign, e.Site, e.Person[:], e.Born, e.Since, micro(e.Turn), e.Left)
	}
	for i := range ch.Entries {
		e := &ch.Entries[i]
		do(`UPDATE entries SET born = ?, since = ?, turn = ?, gone = ? WHERE campaign = ? AND site = ? AND person = ?`,
			e.Born, e.Since, micro(e.Turn), e.Left, e.Campaign, e.Site, e.Person[:])
	}
	for i := range ch.NewBatches {
		b := &ch.NewBatches[i]
		do(`INSERT INTO batches (id, campaign, site, product, doses, made, until, minutes, next) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			b.ID, b.Campaign, b.Site, b.Product, b.Doses, micro(b.Made), micro(b.Until), b.Minutes, nullable(b.Next))
	}
	for i := range ch.Batches {
		do(`UPDATE batches SET next = ? WHERE id = ?`, nullable(ch.Batches[i].Next), ch.Batches[i].ID)
	}
	for i := range ch.Offers { // before new ones, which need the room that these give
		o := &ch.Offers[i]
		do(`UPDATE offers SET state = ?, answered = ? WHERE id = ?`, o.State, micro(o.Answered), o.ID)
	}
	for i := range ch.NewOffers {
		o := &ch.NewOffers[i]
		do(`INSERT INTO offers (id, batch, campaign, person, state, made, until, answered) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			o.ID, o.Batch, o.Campaign, o.Person[:], o.State, micro(o.Made), micro(o.Until), micro(o.Answered))
	}
	for i := range ch.Events {
		e := &ch.Events[i]
		var who []byte
		if !e.Person.IsZero() {
			who = e.Person[:]
		}
		do(`INSERT INTO events (seq, at, kind, campaign, site, person, batch, offer, doses, channel, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			e.Seq, micro(e.At), string(e.Kind), e.Campaign, e.Site, who, e.Batch, e.Offer, e.Doses, e.Channel, e.Why)
	}
	do(`UPDATE numbers SET next = ?`, ch.NextID)
	if failed == nil && len(ch.Events) > 0 {
		_, failed = history.Extend(ctx, tx)
	}
	return failed
}

// micro is how instants are kept; the zero instant as 0.
func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicro(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func nullable(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// View implements [leftover.Store].
func (s *Store) View(ctx context.Context, batch int64, room int) (v leftover.View, ok bool, err error) {
	// One read transaction, so that what is read fits together.
	tx, err := s.db.R.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return v, false, fmt.Errorf("leftovers: %w", durable.Wrap(err))
	}
	v, ok, err = reader{tx}.view(ctx, batch, room)
	if err := errors.Join(err, tx.Rollback()); err != nil {
		return v, false, fmt.Errorf("leftovers: %w", durable.Wrap(err))
	}
	return v, ok, nil
}

// Batch implements [leftover.Store].
func (s *Store) Batch(ctx context.Context, id int64) (leftover.Batch, bool, error) {
	b, ok, err := reader{s.db.R}.batch(ctx, id)
	if err != nil {
		err = fmt.Errorf("leftovers: %w", durable.Wrap(err))
	}
	return b, ok, err
}

// Since implements [leftover.Store].
func (s *Store) Since(ctx context.Context, at time.Time, limit int) (out []leftover.View, err error) {
	return s.since(ctx, `WHERE made >= ? ORDER BY id LIMIT ?`, at.UnixMicro(), limit)
}

// SiteSince implements [leftover.Store].
func (s *Store) SiteSince(ctx context.Context, at site.Num, since time.Time, limit int) ([]leftover.View, error) {
	return s.since(ctx, `WHERE made >= ? AND site = ? ORDER BY id LIMIT ?`, since.UnixMicro(), int64(at), limit)
}

func (s *Store) since(ctx context.Context, which string, args ...any) (out []leftover.View, err error) {
	r := reader{s.db.R}
	list, err := r.batches(ctx, which, args...)
	for i := 0; err == nil && i < len(list); i++ {
		var offers []leftover.Offer
		offers, err = r.offers(ctx, `WHERE batch = ? ORDER BY id`, list[i].ID)
		out = append(out, leftover.View{Batch: list[i], Offers: offers})
	}
	if err != nil {
		return nil, fmt.Errorf("leftovers: %w", durable.Wrap(err))
	}
	return out, nil
}

// Due implements [leftover.Store].
func (s *Store) Due(ctx context.Context, now time.Time, limit int) (ids []int64, err error) {
	err = s.db.Each(ctx, "leftovers", func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT id FROM batches WHERE next <= ? ORDER BY next, id LIMIT ?`, now.UnixMicro(), limit)
	return ids, err
}

// Live implements [leftover.Store].
func (s *Store) Live(ctx context.Context, now time.Time, after int64, limit int) ([]leftover.Offer, error) {
	list, err := reader{s.db.R}.offers(ctx, `WHERE state = 1 AND until > ? AND id > ? ORDER BY id LIMIT ?`, now.UnixMicro(), after, limit)
	if err != nil {
		return nil, fmt.Errorf("leftovers: %w", durable.Wrap(err))
	}
	return list, nil
}

// Of implements [leftover.Store].
func (s *Store) Of(ctx context.Context, campaign uint32, who person.Key, limit int) ([]leftover.Entry, []leftover.Offer, error) {
	r := reader{s.db.R}
	entries, err := r.entries(ctx, `WHERE person = ? AND campaign = ? AND gone = 0 ORDER BY site`, who[:], campaign)
	var offers []leftover.Offer
	if err == nil {
		offers, err = r.offers(ctx, `WHERE person = ? AND campaign = ? AND state < 7 ORDER BY id DESC LIMIT ?`, who[:], campaign, limit)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("leftovers: %w", durable.Wrap(err))
	}
	return entries, offers, nil
}

// Waiting implements [leftover.Store].
func (s *Store) Waiting(ctx context.Context, campaign uint32, at site.Num) (n int, err error) {
	err = s.db.R.QueryRowContext(ctx, `SELECT count(*) FROM entries WHERE campaign = ? AND site = ? AND gone = 0`, campaign, at).Scan(&n)
	if err != nil {
		err = fmt.Errorf("leftovers: %w", durable.Wrap(err))
	}
	return n, err
}

// Events implements [leftover.Store].
func (s *Store) Events(ctx context.Context, after int64, limit int) (list []leftover.Event, err error) {
	err = s.db.Each(ctx, "leftovers", func(rows *sql.Rows) error {
		var e leftover.Event
		var at int64
		var who []byte
		var kind string
		if err := rows.Scan(&e.Seq, &at, &kind, &e.Campaign, &e.Site, &who, &e.Batch, &e.Offer, &e.Doses, &e.Channel, &e.Why); err != nil {
			return err
		}
		e.At, e.Kind = fromMicro(at), leftover.EventKind(kind)
		copy(e.Person[:], who)
		list = append(list, e)
		return nil
	}, `SELECT seq, at, kind, campaign, site, person, batch, offer, doses, channel, why FROM events WHERE seq > ? ORDER BY seq LIMIT ?`, after, limit)
	return list, err
}
