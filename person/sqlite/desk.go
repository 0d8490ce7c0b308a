package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"charye/internal/civil"
	"charye/internal/durable"
	"charye/person"
)

func keyOrNull(k person.Key) []byte {
	if k.IsZero() {
		return nil
	}
	return k[:]
}

// sealPhone gives nil for no number.
func (s *Store) sealPhone(id, phone string) ([]byte, error) {
	if phone == "" {
		return nil, nil
	}
	return s.keys.Seal(person.PhonePlace(id), []byte(phone))
}

// RecipientOf implements [person.DeskStore].
func (s *Store) RecipientOf(ctx context.Context, helper person.Key, campaign string, who person.Key) (person.Recipient, error) {
	r, err := s.recipient(s.db.R.QueryRowContext(ctx, recipientColumns+`WHERE helper = ? AND campaign = ? AND person = ?`, helper[:], campaign, who[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return person.Recipient{}, person.ErrNoRecipient
	}
	if err != nil {
		return person.Recipient{}, fmt.Errorf("recipient: %w", err)
	}
	return r, nil
}

// OpenRecipients implements [person.DeskStore].
func (s *Store) OpenRecipients(ctx context.Context, helper person.Key, campaign string, most int) (list []person.Recipient, err error) {
	err = s.db.Each(ctx, "open recipients", func(rows *sql.Rows) error {
		r, err := s.recipient(rows)
		list = append(list, r)
		return err
	}, recipientColumns+`WHERE helper = ? AND campaign = ? AND settled = 0 AND clerk IS NOT NULL ORDER BY registered_at, rowid LIMIT ?`,
		helper[:], campaign, most)
	return list, err
}

// SettleRecipient implements [person.DeskStore].
func (s *Store) SettleRecipient(ctx context.Context, helper person.Key, id string, settled bool) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE recipient SET settled = ? WHERE id = ? AND helper = ? AND clerk IS NOT NULL`, settled, id, helper[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("settle recipient: %w", err)
	}
	return nil
}

// SetRecipientPhone implements [person.DeskStore].
func (s *Store) SetRecipientPhone(ctx context.Context, helper person.Key, id, phone string, clerk person.Key, at time.Time) error {
	sealed, err := s.sealPhone(id, phone)
	if err == nil {
		err = s.write(ctx, func(tx *sql.Tx) error {
			var key []byte
			var campaign string
			err := tx.QueryRowContext(ctx, `UPDATE recipient SET phone = ? WHERE id = ? AND helper = ? AND clerk IS NOT NULL RETURNING person, campaign`,
				sealed, id, helper[:]).Scan(&key, &campaign)
			if errors.Is(err, sql.ErrNoRows) {
				return person.ErrNoRecipient
			}
			if err != nil {
				return err
			}
			return event(ctx, tx, at, "recipient.telephone", helper[:], map[string]any{
				"recipient": id, "person": person.Key(key).String(), "campaign": campaign, "clerk": clerk.String(),
			})
		})
	}
	if err != nil {
		return fmt.Errorf("telephone of a recipient: %w", err)
	}
	return nil
}

// Looked implements [person.DeskStore].
func (s *Store) Looked(ctx context.Context, l person.Look) error {
	if err := s.write(ctx, func(tx *sql.Tx) error { return event(ctx, tx, l.At, "staff.looked", l.Clerk[:], l.Told()) }); err != nil {
		return fmt.Errorf("look: %w", err)
	}
	return nil
}

// Looks implements [person.DeskStore].
func (s *Store) Looks(ctx context.Context, from, until time.Time, before int64, limit int) (list []person.SeenLook, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	err = s.db.Each(ctx, "list looks", func(rows *sql.Rows) error {
		var seq, at int64
		var clerk, what []byte
		if err := rows.Scan(&seq, &at, &clerk, &what); err != nil {
			return err
		}
		l, err := person.ReadLook(seq, time.UnixMilli(at), clerk, what)
		list = append(list, l)
		return err
	}, `SELECT seq, at, who, what FROM event WHERE kind = 'staff.looked' AND at >= ? AND at < ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
		from.UnixMilli(), until.UnixMilli(), before, limit)
	return list, err
}

// IssueTemporary implements [person.DeskStore].
func (s *Store) IssueTemporary(ctx context.Context, t person.TemporaryIdentity) error {
	name, err := s.keys.Seal(person.TemporaryNamePlace(t.Index), []byte(t.Name))
	if err == nil {
		err = s.write(ctx, func(tx *sql.Tx) error {
			res, err := tx.ExecContext(ctx, `INSERT INTO temporary_identity (ident, person, alike, name, born, paper, desk, clerk, issued_at, layer)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				t.Index[:], t.Key[:], t.Like[:], name, int64(t.Born), t.Paper, t.Desk[:], t.Clerk[:], t.IssuedAt.UnixMilli(), t.Layer)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n == 0 {
				return errors.Join(err, person.ErrTemporaryTaken)
			}
			return event(ctx, tx, t.IssuedAt, "temporary.issued", t.Clerk[:], t.Issued())
		})
	}
	if err != nil {
		return fmt.Errorf("issue temporary identity: %w", err)
	}
	return nil
}

// TemporaryLike implements [person.DeskStore].
func (s *Store) TemporaryLike(ctx context.Context, desk person.Key, like ...[16]byte) (n int, err error) {
	for _, l := range like {
		var some int
		if err := s.db.R.QueryRowContext(ctx, `SELECT count(*) FROM temporary_identity WHERE desk = ? AND alike = ?`, desk[:], l[:]).Scan(&some); err != nil {
			return 0, fmt.Errorf("temporary identities: %w", durable.Wrap(err))
		}
		n += some
	}
	return n, nil
}

// temporary finds a temporary identity by its index.
func (s *Store) temporary(ctx context.Context, index [16]byte) (person.Identity, error) {
	var key []byte
	var born int64
	err := s.db.R.QueryRowContext(ctx, `SELECT person, born FROM temporary_identity WHERE ident = ?`, index[:]).Scan(&key, &born)
	if errors.Is(err, sql.ErrNoRows) {
		return person.Identity{}, person.ErrIdentityUnknown
	}
	if err != nil {
		return person.Identity{}, fmt.Errorf("find identity: %w", err)
	}
	return person.Identity{Key: person.Key(key), Index: index, Born: civil.Date(born), Temporary: true}, nil
}
