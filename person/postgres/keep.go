package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
	"charye/internal/seal"
	"charye/person"
)

// Census implements [person.Keeper].
func (s *Store) Census(ctx context.Context) (c seal.Census, err error) {
	b := &pgx.Batch{}
	for _, query := range []string{
		`SELECT substr(name, 1, 5), count(*) FROM recipient GROUP BY 1`,
		`SELECT substr(phone, 1, 5), count(*) FROM recipient WHERE phone IS NOT NULL GROUP BY 1`,
		`SELECT substr(name, 1, 5), count(*) FROM temporary_identity GROUP BY 1`,
	} {
		b.Queue(query).Query(func(rows pgx.Rows) error {
			var prefix []byte
			var n int64
			_, err := pgx.ForEachRow(rows, []any{&prefix, &n}, func() error { c.Field(seal.KeyOf(prefix), n); return nil })
			return err
		})
	}
	for _, query := range []string{
		`SELECT layer, count(*) FROM temporary_identity GROUP BY 1`,
		`SELECT r.layer, coalesce(sum(length(p.rows)), 0)::bigint / 36 FROM roster r JOIN roster_index_page p USING (generation) GROUP BY 1`,
	} {
		b.Queue(query).Query(func(rows pgx.Rows) error {
			var layer int
			var n int64
			_, err := pgx.ForEachRow(rows, []any{&layer, &n}, func() error { c.Layer(layer, n); return nil })
			return err
		})
	}
	if err := s.db.Snapshot(ctx, b); err != nil {
		return c, fmt.Errorf("keys of people: %w", pgdb.Wrap(err))
	}
	return c, nil
}

// Reseal implements [person.Keeper].
func (s *Store) Reseal(ctx context.Context, pace seal.Pace) (moved int64, err error) {
	for _, part := range []func(context.Context, seal.Pace) (int64, error){s.resealRecipients, s.resealTemporaries, s.resealRosters} {
		n, err := part(ctx, pace)
		moved += n
		if err != nil {
			return moved, fmt.Errorf("re-seal people: %w", pgdb.Wrap(err))
		}
	}
	return moved, nil
}

func (s *Store) resealRecipients(ctx context.Context, pace seal.Pace) (moved int64, err error) {
	type row struct {
		NR          int64
		ID          string
		Name, Phone []byte
	}
	for after := int64(0); ; {
		rows, err := s.db.Query(ctx, `SELECT nr, id, name, phone FROM recipient WHERE nr > $1::bigint
			AND (substr(name, 1, 5) <> $2::bytea OR phone IS NOT NULL AND substr(phone, 1, 5) <> $2::bytea) ORDER BY nr LIMIT $3::bigint`,
			after, s.keys.Prefix(), seal.ResealAtOnce)
		var list []row
		if err == nil {
			list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		}
		if err != nil || len(list) == 0 {
			return moved, err
		}
		b := &pgx.Batch{}
		for _, r := range list {
			name, _, err := s.keys.Reseal(namePlace(r.ID), namePlace(r.ID), r.Name)
			phone := r.Phone
			if err == nil && phone != nil {
				phone, _, err = s.keys.Reseal(person.PhonePlace(r.ID), person.PhonePlace(r.ID), phone)
			}
			if err != nil {
				return moved, fmt.Errorf("recipient %s: %w", r.ID, err)
			}
			// What somebody wrote meanwhile is sealed with the key in use already.
			b.Queue(`UPDATE recipient SET name = CASE WHEN name = $2::bytea THEN $3::bytea ELSE name END,
				phone = CASE WHEN phone = $4::bytea THEN $5::bytea ELSE phone END WHERE id = $1::text`, r.ID, r.Name, name, r.Phone, phone)
			after = r.NR
		}
		if err := s.once(ctx, b); err != nil {
			return moved, err
		}
		moved += int64(len(list))
		if err := pace(ctx, len(list)); err != nil {
			return moved, err
		}
	}
}

func (s *Store) resealTemporaries(ctx context.Context, pace seal.Pace) (moved int64, err error) {
	type row struct {
		Person, Ident, Alike, Name []byte
		Layer                      int
	}
	for after := []byte{}; ; {
		rows, err := s.db.Query(ctx, `SELECT person, ident, alike, name, layer FROM temporary_identity
			WHERE person > $1::bytea AND (layer < $2::integer OR substr(name, 1, 5) <> $3::bytea) ORDER BY person LIMIT $4::bigint`,
			after, s.keys.InUse().Layer, s.keys.Prefix(), seal.ResealAtOnce)
		var list []row
		if err == nil {
			list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		}
		if err != nil || len(list) == 0 {
			return moved, err
		}
		b := &pgx.Batch{}
		for _, r := range list {
			ident, alike, name, err := person.RaiseTemporary(s.keys, r.Layer, [16]byte(r.Ident), [16]byte(r.Alike), r.Name)
			if err != nil {
				return moved, fmt.Errorf("temporary identity: %w", err)
			}
			b.Queue(`UPDATE temporary_identity SET ident = $3::bytea, alike = $4::bytea, name = $5::bytea, layer = $6::integer
				WHERE ident = $1::bytea AND name = $2::bytea`, r.Ident, r.Name, ident.Value[:], alike.Value[:], name, ident.Layer)
			after = r.Person
		}
		if err := s.once(ctx, b); err != nil {
			return moved, err
		}
		moved += int64(len(list))
		if err := pace(ctx, len(list)); err != nil {
			return moved, err
		}
	}
}

func (s *Store) resealRosters(ctx context.Context, pace seal.Pace) (moved int64, err error) {
	type roster struct {
		ID         string
		Generation int64
		Layer      int
	}
	target := s.keys.InUse().Layer
	rows, err := s.db.Query(ctx, `SELECT id, generation, layer FROM roster WHERE layer < $1::integer ORDER BY id`, target)
	var list []roster
	if err == nil {
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[roster])
	}
	if err != nil {
		return 0, err
	}
	for _, r := range list {
		var n int64
		// The same people are written anew, found by other indexes. An import of the same roster that ends meanwhile wins.
		_, err := s.replaceRoster(ctx, r.ID, func(yield func(person.Identity, error) bool) {
			n = s.raised(ctx, r.Generation, r.Layer, target, pace, yield)
		}, time.Now(), &r.Generation, nil)
		if err == nil && n == 0 { // nobody in it has an index
			_, err = s.db.Exec(ctx, `UPDATE roster SET layer = $2::integer WHERE id = $1::text AND layer < $2::integer`, r.ID, target)
		}
		if err != nil {
			return moved, fmt.Errorf("roster %s: %w", r.ID, err)
		}
		moved += n
	}
	return moved, nil
}

var errOtherKey = errors.New("another key came into use meanwhile; begin again")

// raised streams a generation with its indexes moved to a layer, some pages at a time.
func (s *Store) raised(ctx context.Context, generation int64, layer, target int, pace seal.Pace, yield func(person.Identity, error) bool) (n int64) {
	for last := int64(-1); ; {
		var keys []byte
		err := s.db.QueryRow(ctx, `SELECT page, keys FROM roster_key_page WHERE generation = $1::bigint AND page > $2::bigint ORDER BY page LIMIT 1`,
			generation, last).Scan(&last, &keys)
		if errors.Is(err, pgx.ErrNoRows) {
			break
		}
		if err != nil {
			yield(person.Identity{}, err)
			return n
		}
		for ; len(keys) >= keySize; keys = keys[keySize:] {
			if !yield(person.Identity{Key: person.Key(keys[:keySize]), Layer: target}, nil) {
				return n
			}
		}
	}
	for last := []byte{}; ; {
		var page []byte
		err := s.db.QueryRow(ctx, `SELECT first, rows FROM roster_index_page WHERE generation = $1::bigint AND first > $2::bytea ORDER BY first LIMIT 1`,
			generation, last).Scan(&last, &page)
		if errors.Is(err, pgx.ErrNoRows) {
			return n
		}
		rows := len(page) / rowSize
		if err == nil {
			err = pace(ctx, rows)
		}
		for ; err == nil && len(page) >= rowSize; page = page[rowSize:] {
			who := unpacked(page[:rowSize])
			var at seal.Index
			if at, err = person.RaiseIdentity(s.keys, seal.Index{Layer: layer, Value: who.Index}); err != nil {
				break
			}
			if at.Layer != target {
				err = errOtherKey
				break
			}
			who.Index, who.Layer = at.Value, at.Layer
			if !yield(who, nil) {
				return n
			}
		}
		if err != nil {
			yield(person.Identity{}, err)
			return n
		}
		n += int64(rows)
	}
}

// erasures are the rows of each kind of erasure, table by table. The parameters are the campaign and the person.
var erasures = map[person.ErasureKind][]struct{ table, key, change, where string }{
	person.ErasePhones:      {{"recipient", "nr", `UPDATE recipient SET phone = NULL`, `campaign = $1::text AND phone IS NOT NULL AND $2::bytea IS NOT NULL`}},
	person.EraseRecipients:  {{"recipient", "nr", `DELETE FROM recipient`, `campaign = $1::text AND $2::bytea IS NOT NULL`}},
	person.EraseTemporaries: {{"temporary_identity", "person", `DELETE FROM temporary_identity`, `$1::text IS NOT NULL AND $2::bytea IS NOT NULL`}},
	person.ErasePerson: {
		{"recipient", "nr", `DELETE FROM recipient`, `(helper = $2::bytea OR person = $2::bytea) AND $1::text IS NOT NULL`},
		{"temporary_identity", "person", `DELETE FROM temporary_identity`, `person = $2::bytea AND $1::text IS NOT NULL`},
	},
}

// Count implements [person.Keeper].
func (s *Store) Count(ctx context.Context, e person.Erasure) (total int64, err error) {
	if err := e.Check(); err != nil {
		return 0, err
	}
	if e.What == person.EraseRoster {
		err := s.db.QueryRow(ctx, `SELECT coalesce(sum(people), 0)::bigint FROM roster WHERE id = $1::text`, e.Of).Scan(&total)
		return total, pgdb.Wrap(err)
	}
	for _, part := range erasures[e.What] {
		var n int64
		if err := s.db.QueryRow(ctx, `SELECT count(*) FROM `+part.table+` WHERE `+part.where, e.Of, e.Who[:]).Scan(&n); err != nil {
			return 0, fmt.Errorf("count what is to be erased: %w", pgdb.Wrap(err))
		}
		total += n
	}
	return total, nil
}

// Erase implements [person.Keeper].
func (s *Store) Erase(ctx context.Context, e person.Erasure, at time.Time, limit int) (erased int64, err error) {
	if err := e.Check(); err != nil {
		return 0, err
	}
	if e.What == person.EraseRoster {
		erased, err = s.Count(ctx, e)
		if err != nil || erased == 0 {
			return 0, err
		}
		// The id stays, with the number of its contents: whoever imports it again is noticed.
		_, err = s.replaceRoster(ctx, e.Of, func(func(person.Identity, error) bool) {}, at, nil, func(int) (string, map[string]any) {
			return "erased", e.Told(erased)
		})
	} else {
		erased, err = s.erase(ctx, e, at, limit)
	}
	if err != nil {
		return 0, fmt.Errorf("erase %s: %w", e.What, pgdb.Wrap(err))
	}
	return erased, nil
}

func (s *Store) erase(ctx context.Context, e person.Erasure, at time.Time, limit int) (erased int64, err error) {
	tx, err := s.db.Begin(ctx, nil, !pgdb.Long)
	if err != nil {
		return 0, err
	}
	defer tx.End()
	for _, part := range erasures[e.What] {
		tag, err := tx.Conn().Exec(ctx, part.change+` WHERE `+part.key+` IN (SELECT `+part.key+` FROM `+part.table+` WHERE `+part.where+` LIMIT $3::bigint)`,
			e.Of, e.Who[:], limit-int(erased))
		if err != nil {
			return 0, err
		}
		erased += tag.RowsAffected()
	}
	if erased == 0 {
		return 0, nil
	}
	var who []byte
	if !e.Who.IsZero() {
		who = e.Who[:]
	}
	b := &pgx.Batch{}
	if err := tell(b, at, "erased", who, e.Told(erased)); err != nil {
		return 0, err
	}
	return erased, tx.Commit(ctx, b)
}
