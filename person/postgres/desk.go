package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/civil"
	"charye/internal/pgdb"
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
	rows, err := s.db.Query(ctx, recipientColumns+`WHERE helper = $1::bytea AND campaign = $2::text AND person = $3::bytea`, helper[:], campaign, who[:])
	var out []person.Recipient
	if err == nil {
		out, err = s.recipients(rows)
	}
	switch {
	case err != nil:
		return person.Recipient{}, fmt.Errorf("recipient: %w", pgdb.Wrap(err))
	case len(out) == 0:
		return person.Recipient{}, person.ErrNoRecipient
	}
	return out[0], nil
}

// OpenRecipients implements [person.DeskStore].
func (s *Store) OpenRecipients(ctx context.Context, helper person.Key, campaign string, most int) ([]person.Recipient, error) {
	rows, err := s.db.Query(ctx, recipientColumns+`WHERE helper = $1::bytea AND campaign = $2::text AND NOT settled AND clerk IS NOT NULL
		ORDER BY registered_at, nr LIMIT $3::bigint`, helper[:], campaign, int64(most))
	var out []person.Recipient
	if err == nil {
		out, err = s.recipients(rows)
	}
	if err != nil {
		return nil, fmt.Errorf("open recipients: %w", pgdb.Wrap(err))
	}
	return out, nil
}

// SettleRecipient implements [person.DeskStore].
func (s *Store) SettleRecipient(ctx context.Context, helper person.Key, id string, settled bool) error {
	_, err := s.db.Exec(ctx, `UPDATE recipient SET settled = $3::boolean WHERE id = $1::text AND helper = $2::bytea AND clerk IS NOT NULL`, id, helper[:], settled)
	if err != nil {
		return fmt.Errorf("settle recipient: %w", pgdb.Wrap(err))
	}
	return nil
}

// SetRecipientPhone implements [person.DeskStore].
func (s *Store) SetRecipientPhone(ctx context.Context, helper person.Key, id, phone string, clerk person.Key, at time.Time) error {
	sealed, err := s.sealPhone(id, phone)
	if err == nil {
		err = s.setRecipientPhone(ctx, helper, id, sealed, clerk, at)
	}
	if err != nil {
		return fmt.Errorf("telephone of a recipient: %w", pgdb.Wrap(err))
	}
	return nil
}

func (s *Store) setRecipientPhone(ctx context.Context, helper person.Key, id string, sealed []byte, clerk person.Key, at time.Time) error {
	var key []byte
	var campaign string
	first := &pgx.Batch{}
	first.Queue(`UPDATE recipient SET phone = $3::bytea WHERE id = $1::text AND helper = $2::bytea AND clerk IS NOT NULL RETURNING person, campaign`, id, helper[:], sealed).
		Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&key, &campaign}, func() error { return nil })
			return err
		})
	tx, err := s.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return err
	}
	defer tx.End()
	if key == nil {
		return person.ErrNoRecipient
	}
	b := &pgx.Batch{}
	if err := tell(b, at, "recipient.telephone", helper[:], map[string]any{
		"recipient": id, "person": person.Key(key).String(), "campaign": campaign, "clerk": clerk.String(),
	}); err != nil {
		return err
	}
	return tx.Commit(ctx, b)
}

// Looked implements [person.DeskStore].
func (s *Store) Looked(ctx context.Context, l person.Look) error {
	b := &pgx.Batch{}
	err := tell(b, l.At, "staff.looked", l.Clerk[:], l.Told())
	if err == nil {
		err = s.once(ctx, b)
	}
	if err != nil {
		return fmt.Errorf("look: %w", pgdb.Wrap(err))
	}
	return nil
}

// Looks implements [person.DeskStore].
func (s *Store) Looks(ctx context.Context, from, until time.Time, before int64, limit int) (list []person.SeenLook, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	rows, err := s.db.Query(ctx, `SELECT seq, at, person, what::text FROM events WHERE stream = 'person' AND kind = 'staff.looked'
		AND at >= $1::timestamptz AND at < $2::timestamptz AND seq < $3::bigint ORDER BY seq DESC LIMIT $4::bigint`, from, until, before, int64(limit))
	if err == nil {
		var seq int64
		var at time.Time
		var clerk []byte
		var what string
		_, err = pgx.ForEachRow(rows, []any{&seq, &at, &clerk, &what}, func() error {
			l, err := person.ReadLook(seq, at, clerk, []byte(what))
			list = append(list, l)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("list looks: %w", pgdb.Wrap(err))
	}
	return list, nil
}

// once runs a batch in a transaction of its own.
func (s *Store) once(ctx context.Context, b *pgx.Batch) error {
	tx, err := s.db.Begin(ctx, nil, !pgdb.Long)
	if err != nil {
		return err
	}
	defer tx.End()
	return tx.Commit(ctx, b)
}

// IssueTemporary implements [person.DeskStore].
func (s *Store) IssueTemporary(ctx context.Context, t person.TemporaryIdentity) error {
	name, err := s.keys.Seal(person.TemporaryNamePlace(t.Index), []byte(t.Name))
	if err == nil {
		err = s.issueTemporary(ctx, t, name)
	}
	if err != nil {
		return fmt.Errorf("issue temporary identity: %w", pgdb.Wrap(err))
	}
	return nil
}

func (s *Store) issueTemporary(ctx context.Context, t person.TemporaryIdentity, name []byte) error {
	kept := false
	first := &pgx.Batch{}
	first.Queue(`INSERT INTO temporary_identity (ident, person, alike, name, born, paper, desk, clerk, issued_at, layer)
		VALUES ($1::bytea, $2::bytea, $3::bytea, $4::bytea, $5::text::date, $6::text, $7::bytea, $8::bytea, $9::timestamptz, $10::integer)
		ON CONFLICT DO NOTHING RETURNING true`,
		t.Index[:], t.Key[:], t.Like[:], name, t.Born.String(), string(t.Paper), t.Desk[:], t.Clerk[:], t.IssuedAt, t.Layer).
		Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&kept}, func() error { return nil })
			return err
		})
	tx, err := s.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return err
	}
	defer tx.End()
	if !kept {
		return person.ErrTemporaryTaken
	}
	b := &pgx.Batch{}
	if err := tell(b, t.IssuedAt, "temporary.issued", t.Clerk[:], t.Issued()); err != nil {
		return err
	}
	return tx.Commit(ctx, b)
}

// TemporaryLike implements [person.DeskStore].
func (s *Store) TemporaryLike(ctx context.Context, desk person.Key, like ...[16]byte) (n int, err error) {
	list := make([][]byte, len(like))
	for i := range like {
		list[i] = like[i][:]
	}
	if err := s.db.QueryRow(ctx, `SELECT count(*) FROM temporary_identity WHERE desk = $1::bytea AND alike = ANY ($2::bytea[])`, desk[:], list).Scan(&n); err != nil {
		return 0, fmt.Errorf("temporary identities: %w", pgdb.Wrap(err))
	}
	return n, nil
}

// temporary finds a temporary identity by its index.
func (s *Store) temporary(ctx context.Context, index [16]byte) (person.Identity, error) {
	var key []byte
	var born time.Time
	err := s.db.QueryRow(ctx, `SELECT person, born FROM temporary_identity WHERE ident = $1::bytea`, index[:]).Scan(&key, &born)
	if errors.Is(err, pgx.ErrNoRows) {
		return person.Identity{}, person.ErrIdentityUnknown
	}
	if err != nil {
		return person.Identity{}, fmt.Errorf("find identity: %w", pgdb.Wrap(err))
	}
	return person.Identity{Key: person.Key(key), Index: index, Born: civil.Of(born, time.UTC), Temporary: true}, nil
}
