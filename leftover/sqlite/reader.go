package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"charye/internal/civil"
	"charye/leftover"
	"charye/person"
)

// reader reads rows, in a transaction or outside.
type reader struct {
	db interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
}

func (r reader) each(ctx context.Context, take func(*sql.Rows) error, query string, args ...any) (err error) {
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := take(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (r reader) entries(ctx context.Context, where string, args ...any) (list []leftover.Entry, err error) {
	err = r.each(ctx, func(rows *sql.Rows) error {
		var e leftover.Entry
		var who []byte
		var turn, born, since int64
		if err := rows.Scan(&e.Campaign, &e.Site, &who, &born, &since, &turn, &e.Left); err != nil {
			return err
		}
		e.Person, e.Born, e.Since, e.Turn = person.Key(who), civil.Date(born), civil.Date(since), fromMicro(turn)
		list = append(list, e)
		return nil
	}, `SELECT campaign, site, person, born, since, turn, gone FROM entries e `+where, args...)
	return list, err
}

func (r reader) batches(ctx context.Context, where string, args ...any) (list []leftover.Batch, err error) {
	err = r.each(ctx, func(rows *sql.Rows) error {
		var b leftover.Batch
		var made, until int64
		var next sql.NullInt64
		if err := rows.Scan(&b.ID, &b.Campaign, &b.Site, &b.Product, &b.Doses, &made, &until, &b.Minutes, &next); err != nil {
			return err
		}
		b.Made, b.Until, b.Next = fromMicro(made), fromMicro(until), fromMicro(next.Int64)
		list = append(list, b)
		return nil
	}, `SELECT id, campaign, site, product, doses, made, until, minutes, next FROM batches `+where, args...)
	return list, err
}

func (r reader) batch(ctx context.Context, id int64) (b leftover.Batch, ok bool, err error) {
	list, err := r.batches(ctx, `WHERE id = ?`, id)
	if err != nil || len(list) == 0 {
		return b, false, err
	}
	return list[0], true, nil
}

func (r reader) offers(ctx context.Context, where string, args ...any) (list []leftover.Offer, err error) {
	err = r.each(ctx, func(rows *sql.Rows) error {
		var o leftover.Offer
		var who []byte
		var made, until, answered int64
		if err := rows.Scan(&o.ID, &o.Batch, &o.Campaign, &who, &o.State, &made, &until, &answered); err != nil {
			return err
		}
		o.Person, o.Made, o.Until, o.Answered = person.Key(who), fromMicro(made), fromMicro(until), fromMicro(answered)
		list = append(list, o)
		return nil
	}, `SELECT id, batch, campaign, person, state, made, until, answered FROM offers `+where, args...)
	return list, err
}

// mayBeOffered is who is in the list of a batch's site and may be offered a dose of it: see [leftover.View].
const mayBeOffered = `WHERE campaign = ?1 AND site = ?2 AND gone = 0
	AND NOT EXISTS (SELECT 1 FROM offers o WHERE o.batch = ?3 AND o.person = e.person)
	AND NOT EXISTS (SELECT 1 FROM offers o WHERE o.person = e.person AND o.campaign = ?1 AND o.state IN (1, 2))`

// view gives a batch with the first of its list, and all equals of the last of them.
func (r reader) view(ctx context.Context, id int64, room int) (v leftover.View, ok bool, err error) {
	if v.Batch, ok, err = r.batch(ctx, id); err != nil || !ok {
		return v, false, err
	}
	if v.Offers, err = r.offers(ctx, `WHERE batch = ? ORDER BY id`, id); err != nil {
		return v, false, err
	}
	in := []any{v.Batch.Campaign, v.Batch.Site, id}
	// The place of the last one, and of the first behind all that are equal to it.
	var since, turn int64
	found := false
	err = r.each(ctx, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(&since, &turn)
	}, `SELECT since, turn FROM entries e `+mayBeOffered+` ORDER BY since, turn LIMIT 1 OFFSET ?4`, append(in, v.Batch.Doses+room-1)...)
	if err != nil {
		return v, false, err
	}
	if !found {
		v.Next, err = r.entries(ctx, mayBeOffered, in...)
		return v, err == nil, err
	}
	in = append(in, since, turn)
	if v.Next, err = r.entries(ctx, mayBeOffered+` AND (since, turn) <= (?4, ?5)`, in...); err != nil {
		return v, false, err
	}
	err = r.each(ctx, func(*sql.Rows) error {
		v.More = true
		return nil
	}, `SELECT 1 FROM entries e `+mayBeOffered+` AND (since, turn) > (?4, ?5) LIMIT 1`, in...)
	return v, err == nil, err
}
