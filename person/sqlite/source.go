package sqlite

import (
	"context"
	"database/sql"
	"time"

	"charye/internal/civil"
	"charye/person"
)

var _ person.Source = (*Store)(nil)

// Rosters implements [person.Source].
func (s *Store) Rosters(ctx context.Context) (list []person.RosterState, err error) {
	err = s.db.Each(ctx, "rosters", func(rows *sql.Rows) error {
		var r person.RosterState
		var at int64
		if err := rows.Scan(&r.ID, &r.Version, &r.People, &at, &r.Layer); err != nil {
			return err
		}
		r.ReplacedAt = time.UnixMilli(at).UTC()
		list = append(list, r)
		return nil
	}, `SELECT id, version, people, replaced_at, layer FROM roster ORDER BY generation`)
	return list, err
}

// RosterPages implements [person.Source].
func (s *Store) RosterPages(ctx context.Context, id string, keys, index func([]byte) error) error {
	page := func(take func([]byte) error) func(*sql.Rows) error {
		return func(rows *sql.Rows) error {
			var b []byte
			if err := rows.Scan(&b); err != nil {
				return err
			}
			return take(b)
		}
	}
	if err := s.db.Each(ctx, "roster "+id, page(keys),
		`SELECT p.keys FROM roster r JOIN roster_key_page p USING (generation) WHERE r.id = ? ORDER BY p.page`, id); err != nil {
		return err
	}
	return s.db.Each(ctx, "roster "+id, page(index),
		`SELECT p.rows FROM roster r JOIN roster_index_page p USING (generation) WHERE r.id = ? ORDER BY p.first`, id)
}

// SealedRecipients implements [person.Source].
func (s *Store) SealedRecipients(ctx context.Context, yield func(person.SealedRecipient) error) error {
	return s.db.Each(ctx, "recipients", func(rows *sql.Rows) error {
		var r person.SealedRecipient
		var helper, key, clerk []byte
		var born, at int64
		if err := rows.Scan(&r.ID, &helper, &key, &r.Campaign, &r.Name, &born, &at, &r.Kind, &clerk, &r.Consent, &r.Phone, &r.Settled, &r.Temporary); err != nil {
			return err
		}
		if clerk != nil {
			r.Clerk = person.Key(clerk)
		}
		r.Helper, r.Key, r.Born, r.RegisteredAt = person.Key(helper), person.Key(key), civil.Date(born), time.UnixMilli(at).UTC()
		return yield(r)
	}, recipientColumns+`ORDER BY registered_at, rowid`)
}

// SealedTemporaries implements [person.Source].
func (s *Store) SealedTemporaries(ctx context.Context, yield func(person.SealedTemporary) error) error {
	return s.db.Each(ctx, "temporary identities", func(rows *sql.Rows) error {
		var t person.SealedTemporary
		var ident, key, alike, desk, clerk []byte
		var born, at int64
		if err := rows.Scan(&ident, &key, &alike, &t.Sealed, &born, &t.Paper, &desk, &clerk, &at, &t.Layer); err != nil {
			return err
		}
		t.Index, t.Key, t.Like, t.Desk, t.Clerk = [16]byte(ident), person.Key(key), [16]byte(alike), person.Key(desk), person.Key(clerk)
		t.Born, t.IssuedAt = civil.Date(born), time.UnixMilli(at).UTC()
		return yield(t)
	}, `SELECT ident, person, alike, name, born, paper, desk, clerk, issued_at, layer FROM temporary_identity ORDER BY issued_at, rowid`)
}

// History implements [person.Source].
func (s *Store) History(ctx context.Context, yield func(person.PastEvent) error) error {
	return s.db.Each(ctx, "history", func(rows *sql.Rows) error {
		var e person.PastEvent
		var at int64
		var who []byte
		if err := rows.Scan(&e.Seq, &at, &e.Kind, &who, &e.What); err != nil {
			return err
		}
		e.At = time.UnixMilli(at).UTC()
		if who != nil {
			e.Who = person.Key(who)
		}
		return yield(e)
	}, `SELECT seq, at, kind, who, what FROM event ORDER BY seq`)
}
