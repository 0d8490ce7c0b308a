package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"charye/internal/durable"
	"charye/internal/seal"
	"charye/person"
)

// Census implements [person.Keeper].
func (s *Store) Census(ctx context.Context) (c seal.Census, err error) {
	field := func(rows *sql.Rows) error {
		var prefix []byte
		var n int64
		err := rows.Scan(&prefix, &n)
		c.Field(seal.KeyOf(prefix), n)
		return err
	}
	layer := func(rows *sql.Rows) error {
		var l int
		var n int64
		err := rows.Scan(&l, &n)
		c.Layer(l, n)
		return err
	}
	for _, q := range []struct {
		take  func(*sql.Rows) error
		query string
	}{
		{field, `SELECT substr(name, 1, 5), count(*) FROM recipient GROUP BY 1`},
		{field, `SELECT substr(phone, 1, 5), count(*) FROM recipient WHERE phone IS NOT NULL GROUP BY 1`},
		{field, `SELECT substr(name, 1, 5), count(*) FROM temporary_identity GROUP BY 1`},
		{layer, `SELECT layer, count(*) FROM temporary_identity GROUP BY 1`},
		{layer, `SELECT r.layer, coalesce(sum(length(p.rows)), 0) / 36 FROM roster r JOIN roster_index_page p USING (generation) GROUP BY 1`},
	} {
		if err := s.db.Each(ctx, "keys of people", q.take, q.query); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Reseal implements [person.Keeper].
func (s *Store) Reseal(ctx context.Context, pace seal.Pace) (moved int64, err error) {
	for _, part := range []func(context.Context, seal.Pace) (int64, error){s.resealRecipients, s.resealTemporaries, s.resealRosters} {
		n, err := part(ctx, pace)
		moved += n
		if err != nil {
			return moved, fmt.Errorf("re-seal people: %w", durable.Wrap(err))
		}
	}
	return moved, nil
}

func (s *Store) resealRecipients(ctx context.Context, pace seal.Pace) (moved int64, err error) {
	type row struct {
		id          string
		name, phone []byte
	}
	for after := int64(0); ; {
		var list []row
		prefix := s.keys.Prefix()
		if err := s.db.Each(ctx, "recipients", func(rows *sql.Rows) error {
			var r row
			if err := rows.Scan(&after, &r.id, &r.name, &r.phone); err != nil {
				return err
			}
			list = append(list, r)
			return nil
		}, `SELECT rowid, id, name, phone FROM recipient WHERE rowid > ?1 AND (substr(name, 1, 5) <> ?2 OR phone IS NOT NULL AND substr(phone, 1, 5) <> ?2)
			ORDER BY rowid LIMIT ?3`, after, prefix, seal.ResealAtOnce); err != nil || len(list) == 0 {
			return moved, err
		}
		if err := s.write(ctx, func(tx *sql.Tx) error {
			for _, r := range list {
				name, _, err := s.keys.Reseal(namePlace(r.id), namePlace(r.id), r.name)
				phone := r.phone
				if err == nil && phone != nil {
					phone, _, err = s.keys.Reseal(person.PhonePlace(r.id), person.PhonePlace(r.id), phone)
				}
				if err != nil {
					return fmt.Errorf("recipient %s: %w", r.id, err)
				}
				// What somebody wrote meanwhile is sealed with the key in use already.
				if _, err := tx.ExecContext(ctx, `UPDATE recipient SET name = ? WHERE id = ? AND name = ?`, name, r.id, r.name); err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, `UPDATE recipient SET phone = ? WHERE id = ? AND phone = ?`, phone, r.id, r.phone); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
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
		ident, alike, name []byte
		layer              int
	}
	for after := int64(0); ; {
		var list []row
		in := s.keys.InUse()
		if err := s.db.Each(ctx, "temporary identities", func(rows *sql.Rows) error {
			var r row
			if err := rows.Scan(&after, &r.ident, &r.alike, &r.name, &r.layer); err != nil {
				return err
			}
			list = append(list, r)
			return nil
		}, `SELECT rowid, ident, alike, name, layer FROM temporary_identity WHERE rowid > ? AND (layer < ? OR substr(name, 1, 5) <> ?)
			ORDER BY rowid LIMIT ?`, after, in.Layer, s.keys.Prefix(), seal.ResealAtOnce); err != nil || len(list) == 0 {
			return moved, err
		}
		if err := s.write(ctx, func(tx *sql.Tx) error {
			for _, r := range list {
				ident, alike, name, err := person.RaiseTemporary(s.keys, r.layer, [16]byte(r.ident), [16]byte(r.alike), r.name)
				if err != nil {
					return fmt.Errorf("temporary identity: %w", err)
				}
				if _, err := tx.ExecContext(ctx, `UPDATE temporary_identity SET ident = ?, alike = ?, name = ?, layer = ? WHERE ident = ? AND name = ?`,
					ident.Value[:], alike.Value[:], name, ident.Layer, r.ident, r.name); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
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
		id         string
		generation int64
		layer      int
	}
	var list []roster
	if err := s.db.Each(ctx, "rosters", func(rows *sql.Rows) error {
		var r roster
		err := rows.Scan(&r.id, &r.generation, &r.layer)
		list = append(list, r)
		return err
	}, `SELECT id, generation, layer FROM roster WHERE layer < ? ORDER BY id`, s.keys.InUse().Layer); err != nil {
		return 0, err
	}
	for _, r := range list {
		n, err := s.relayer(ctx, r.id, r.generation, r.layer, pace)
		moved += n
		if err != nil {
			return moved, fmt.Errorf("roster %s: %w", r.id, err)
		}
	}
	return moved, nil
}

// relayer writes a roster anew with its indexes moved to the layer in use: the same people, found by other indexes. An import of the
// same roster that ends meanwhile wins; one that is under way has to be begun again.
func (s *Store) relayer(ctx context.Context, id string, generation int64, layer int, pace seal.Pace) (moved int64, err error) {
	keys := newSorter(s.dir, s.chunk, func(k *person.Key) []byte { return k[:] })
	defer keys.close()
	index := newSorter(s.dir, s.chunk, func(r *row) []byte { return r[:] })
	defer index.close()
	target := s.keys.InUse().Layer
	err = s.RosterPages(ctx, id, func(page []byte) error {
		for ; len(page) >= keySize; page = page[keySize:] {
			if err := keys.add(person.Key(page[:keySize])); err != nil {
				return err
			}
		}
		return nil
	}, func(page []byte) error {
		n := len(page) / rowSize
		for ; len(page) >= rowSize; page = page[rowSize:] {
			r := row(page[:rowSize])
			at, err := person.RaiseIdentity(s.keys, seal.Index{Layer: layer, Value: [16]byte(r.index())})
			if err == nil && at.Layer != target {
				err = errors.New("another key came into use meanwhile; begin again")
			}
			if err != nil {
				return err
			}
			copy(r.index(), at.Value[:])
			if err := index.add(r); err != nil {
				return err
			}
		}
		moved += int64(n)
		return pace(ctx, n)
	})
	if err != nil {
		return 0, err
	}
	_, err = s.publish(ctx, id, keys, index, time.Now(), func(fresh int64, people int) error {
		return s.write(ctx, func(tx *sql.Tx) error {
			if err := staging(ctx, tx, fresh); err != nil {
				return err
			}
			for _, q := range []string{`UPDATE roster_generation SET state = 'old' WHERE generation = ?2 AND state = 'live' AND ?1 > 0`,
				`UPDATE roster_generation SET state = 'live' WHERE generation = ?1 AND ?2 > 0`,
				`UPDATE roster SET generation = ?1, layer = ?3 WHERE id = ?4 AND generation = ?2`} {
				res, err := tx.ExecContext(ctx, q, fresh, generation, target, id)
				if err != nil {
					return err
				}
				if n, err := res.RowsAffected(); err != nil || n != 1 {
					return errors.Join(err, errOvertaken)
				}
			}
			return nil
		})
	})
	if err != nil {
		return 0, err
	}
	return moved, nil
}

// erasures are the rows of each kind of erasure, table by table. The parameters are the campaign and the person.
var erasures = map[person.ErasureKind][]struct{ table, change, where string }{
	person.ErasePhones:      {{"recipient", `UPDATE recipient SET phone = NULL`, `campaign = ?1 AND phone IS NOT NULL AND ?2 IS NOT NULL`}},
	person.EraseRecipients:  {{"recipient", `DELETE FROM recipient`, `campaign = ?1 AND ?2 IS NOT NULL`}},
	person.EraseTemporaries: {{"temporary_identity", `DELETE FROM temporary_identity`, `?1 IS NOT NULL AND ?2 IS NOT NULL`}},
	person.ErasePerson: {
		{"recipient", `DELETE FROM recipient`, `(helper = ?2 OR person = ?2) AND ?1 IS NOT NULL`},
		{"temporary_identity", `DELETE FROM temporary_identity`, `person = ?2 AND ?1 IS NOT NULL`},
	},
}

// Count implements [person.Keeper].
func (s *Store) Count(ctx context.Context, e person.Erasure) (total int64, err error) {
	if err := e.Check(); err != nil {
		return 0, err
	}
	if e.What == person.EraseRoster {
		err := s.db.R.QueryRowContext(ctx, `SELECT coalesce(sum(people), 0) FROM roster WHERE id = ?`, e.Of).Scan(&total)
		return total, durable.Wrap(err)
	}
	for _, part := range erasures[e.What] {
		var n int64
		if err := s.db.R.QueryRowContext(ctx, `SELECT count(*) FROM `+part.table+` WHERE `+part.where, e.Of, e.Who[:]).Scan(&n); err != nil {
			return 0, fmt.Errorf("count what is to be erased: %w", durable.Wrap(err))
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
		_, err = s.replaceRoster(ctx, e.Of, func(func(person.Identity, error) bool) {}, at, func(int) (string, map[string]any) {
			return "erased", e.Told(erased)
		})
	} else {
		err = s.write(ctx, func(tx *sql.Tx) error {
			erased = 0
			for _, part := range erasures[e.What] {
				res, err := tx.ExecContext(ctx, part.change+` WHERE rowid IN (SELECT rowid FROM `+part.table+` WHERE `+part.where+` LIMIT ?3)`,
					e.Of, e.Who[:], limit-int(erased))
				if err != nil {
					return err
				}
				n, err := res.RowsAffected()
				if err != nil {
					return err
				}
				erased += n
			}
			if erased == 0 {
				return nil
			}
			var who []byte
			if !e.Who.IsZero() {
				who = e.Who[:]
			}
			return event(ctx, tx, at, "erased", who, e.Told(erased))
		})
	}
	if err != nil {
		return 0, fmt.Errorf("erase %s: %w", e.What, durable.Wrap(err))
	}
	return erased, nil
}
