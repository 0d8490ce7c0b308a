package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"sort"
	"time"

	"charye/internal/civil"
	"charye/internal/durable"
	"charye/person"
)

const (
	rowsPerPage = 2000 // records of a page: 32 kB of keys, 72 kB of index rows
	pagesPerTx  = 32   // pages written or deleted in one transaction, so that other writers get their turn
)

// errOvertaken means that a later import of the same roster began while this one was running: that one is to win.
var errOvertaken = errors.New("another import of this roster began meanwhile")

// ReplaceRoster implements [person.Store]. Of two imports of one roster at the same time the one that began last wins
// and the other fails. A row without person key, or an identity number that stands for two people, refuses the whole.
// Memory stays the same for any number of rows; a temporary file in the data directory takes up to 52 bytes a row.
func (s *Store) ReplaceRoster(ctx context.Context, id string, rows iter.Seq2[person.Identity, error], at time.Time) (int, error) {
	n, err := s.replaceRoster(ctx, id, rows, at, func(people int) (string, map[string]any) {
		return "roster.replaced", map[string]any{"roster": id, "people": people}
	})
	if err != nil {
		return 0, fmt.Errorf("replace roster %s: %w", id, err)
	}
	return n, nil
}

// telling gives the event of a roster's new content.
type telling func(people int) (kind string, what map[string]any)

func (s *Store) replaceRoster(ctx context.Context, id string, rows iter.Seq2[person.Identity, error], at time.Time, told telling) (int, error) {
	if id == "" || len(id) > 64 {
		return 0, errors.New("want an id of 1 to 64 bytes")
	}
	keys := newSorter(s.dir, s.chunk, func(k *person.Key) []byte { return k[:] })
	defer keys.close()
	index := newSorter(s.dir, s.chunk, func(r *row) []byte { return r[:] })
	defer index.close()
	var count int
	var layer person.IndexLayer
	for who, err := range rows {
		if err == nil && who.Key.IsZero() {
			err = fmt.Errorf("row %d has no person key", count+1)
		}
		if err == nil {
			err = layer.Add(who)
		}
		if err == nil {
			err = keys.add(who.Key)
		}
		if err == nil && who.Index != [16]byte{} {
			err = index.add(packed(who))
		}
		if err != nil {
			return 0, durable.Wrap(err)
		}
		if count++; count%4096 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}

	return s.publish(ctx, id, keys, index, at, func(generation int64, people int) error {
		return s.flip(ctx, id, generation, people, layer.Layer(), at, told)
	})
}

// publish writes a new content of a roster and makes it the one that counts with flip.
func (s *Store) publish(ctx context.Context, id string, keys *sorter[person.Key], index *sorter[row], at time.Time, flip func(generation int64, people int) error) (int, error) {
	generation, err := s.stage(ctx, id, at)
	if err != nil {
		return 0, err
	}
	people, err := s.fill(ctx, generation, keys, index)
	if err == nil {
		err = flip(generation, people)
	}
	// Whatever was or became old goes now; what cannot go now goes with the next import.
	sweep := s.sweep(context.WithoutCancel(ctx), id, generation, err != nil)
	if err != nil {
		return 0, errors.Join(err, sweep)
	}
	return people, nil
}

func packed(who person.Identity) row {
	var r row
	copy(r.index(), who.Index[:])
	copy(r.key(), who.Key[:])
	binary.BigEndian.PutUint32(r[indexSize+keySize:], uint32(who.Born))
	return r
}

// stage begins a generation and makes those that other imports of the roster left or are writing old.
func (s *Store) stage(ctx context.Context, id string, at time.Time) (generation int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE roster_generation SET state = 'old' WHERE roster = ? AND state = 'staging'`, id); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `INSERT INTO roster_generation (roster, state, begun_at) VALUES (?, 'staging', ?) RETURNING generation`,
			id, at.UnixMilli()).Scan(&generation)
	})
	return generation, err
}

// fill writes the pages of a generation and counts its people.
func (s *Store) fill(ctx context.Context, generation int64, keys *sorter[person.Key], index *sorter[row]) (int, error) {
	p := &pager{s: s, ctx: ctx, generation: generation, insert: `INSERT INTO roster_key_page (generation, page, keys) VALUES (?, ?, ?)`}
	people := 0
	for k, err := range keys.sorted() {
		if err != nil {
			return 0, durable.Wrap(err)
		}
		if err := p.add(int64(people), k[:]); err != nil {
			return 0, err
		}
		people++
	}
	if err := p.flush(); err != nil {
		return 0, err
	}
	p = &pager{s: s, ctx: ctx, generation: generation, insert: `INSERT INTO roster_index_page (generation, first, rows) VALUES (?, ?, ?)`}
	var last row
	started := false
	for r, err := range index.sorted() {
		if err != nil {
			return 0, durable.Wrap(err)
		}
		if started && bytes.Equal(last.index(), r.index()) {
			return 0, person.ErrTwoPeople
		}
		last, started = r, true
		if err := p.add(bytes.Clone(r.index()), r[:]); err != nil {
			return 0, err
		}
	}
	return people, p.flush()
}

// pager gathers records into pages and writes them, some pages to a transaction.
type pager struct {
	s          *Store
	ctx        context.Context
	generation int64
	insert     string
	pages      []page
	n          int // records in the last page
}

type page struct {
	name any // primary key beside the generation: that of the page's first record
	data []byte
}

func (p *pager) add(name any, record []byte) error {
	if len(p.pages) == 0 || p.n == rowsPerPage {
		if len(p.pages) == pagesPerTx {
			if err := p.flush(); err != nil {
				return err
			}
		}
		p.pages = append(p.pages, page{name: name, data: make([]byte, 0, rowsPerPage*len(record))})
		p.n = 0
	}
	at := &p.pages[len(p.pages)-1]
	at.data = append(at.data, record...)
	p.n++
	return nil
}

func (p *pager) flush() error {
	if len(p.pages) == 0 {
		return nil
	}
	err := p.s.write(p.ctx, func(tx *sql.Tx) error {
		if err := staging(p.ctx, tx, p.generation); err != nil {
			return err
		}
		for _, pg := range p.pages {
			if _, err := tx.ExecContext(p.ctx, p.insert, p.generation, pg.name, pg.data); err != nil {
				return err
			}
		}
		return nil
	})
	p.pages, p.n = p.pages[:0], 0
	return err
}

func staging(ctx context.Context, tx *sql.Tx, generation int64) error {
	var state string
	err := tx.QueryRowContext(ctx, `SELECT state FROM roster_generation WHERE generation = ?`, generation).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) || err == nil && state != "staging" {
		return errOvertaken
	}
	return err
}

// flip makes a generation the roster's content, in one step.
func (s *Store) flip(ctx context.Context, id string, generation int64, people, layer int, at time.Time, told telling) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := staging(ctx, tx, generation); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE roster_generation SET state = 'old' WHERE roster = ? AND state = 'live'`, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE roster_generation SET state = 'live' WHERE generation = ?`, generation); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO roster (id, generation, version, people, replaced_at, layer) VALUES (?, ?, 1, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET generation = excluded.generation, version = version + 1, people = excluded.people, replaced_at = excluded.replaced_at,
			layer = excluded.layer`,
			id, generation, people, at.UnixMilli(), layer); err != nil {
			return err
		}
		kind, what := told(people)
		return event(ctx, tx, at, kind, nil, what)
	})
}

// sweep deletes the roster's old generations, and this one too when it failed.
func (s *Store) sweep(ctx context.Context, id string, generation int64, failed bool) error {
	if failed {
		// Another import, or the flip itself, may have changed the state already.
		if err := s.write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE roster_generation SET state = 'old' WHERE generation = ? AND state = 'staging'`, generation)
			return err
		}); err != nil {
			return err
		}
	}
	for _, q := range []string{
		`DELETE FROM roster_key_page WHERE rowid IN (SELECT p.rowid FROM roster_generation g JOIN roster_key_page p USING (generation) WHERE g.roster = ? AND g.state = 'old' LIMIT ?)`,
		`DELETE FROM roster_index_page WHERE rowid IN (SELECT p.rowid FROM roster_generation g JOIN roster_index_page p USING (generation) WHERE g.roster = ? AND g.state = 'old' LIMIT ?)`,
	} {
		for deleted := int64(pagesPerTx); deleted == pagesPerTx; {
			if err := s.write(ctx, func(tx *sql.Tx) error {
				res, err := tx.ExecContext(ctx, q, id, pagesPerTx)
				if err == nil {
					deleted, err = res.RowsAffected()
				}
				return err
			}); err != nil {
				return err
			}
		}
	}
	// An import that was overtaken finds its generation gone, or old, and writes nothing more.
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM roster_generation WHERE roster = ? AND state = 'old'`, id)
		return err
	})
}

// RosterKeys implements [person.Store]. The whole stream is one content of the roster, also when it is replaced meanwhile.
func (s *Store) RosterKeys(ctx context.Context, id string) iter.Seq2[person.Key, error] {
	return func(yield func(person.Key, error) bool) {
		fail := func(err error) { yield(person.Key{}, fmt.Errorf("keys of roster %s: %w", id, err)) }
		rows, err := s.db.R.QueryContext(ctx, `SELECT p.keys FROM roster r JOIN roster_key_page p USING (generation) WHERE r.id = ? ORDER BY p.page`, id)
		if err != nil {
			fail(err)
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var data sql.RawBytes
			if err := rows.Scan(&data); err != nil {
				fail(err)
				return
			}
			for ; len(data) >= keySize; data = data[keySize:] {
				if !yield(person.Key(data[:keySize]), nil) {
					return
				}
			}
		}
		if err := rows.Err(); err != nil {
			fail(err)
		}
	}
}

// RosterVersions implements [person.Store].
func (s *Store) RosterVersions(ctx context.Context) (map[string]int64, error) {
	rows, err := s.db.R.QueryContext(ctx, `SELECT id, version FROM roster`)
	if err != nil {
		return nil, fmt.Errorf("roster versions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]int64{}
	for rows.Next() {
		var id string
		var version int64
		if err := rows.Scan(&id, &version); err != nil {
			return nil, fmt.Errorf("roster versions: %w", err)
		}
		out[id] = version
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("roster versions: %w", err)
	}
	return out, nil
}

// FindIdentity implements [person.Store]; of several rosters that know the number, the one replaced last answers,
// and where none does the temporary identities.
func (s *Store) FindIdentity(ctx context.Context, index ...[16]byte) (person.Identity, error) {
	for _, i := range index {
		if who, err := s.findIdentity(ctx, i); !errors.Is(err, person.ErrIdentityUnknown) {
			return who, err
		}
	}
	return person.Identity{}, person.ErrIdentityUnknown
}

func (s *Store) findIdentity(ctx context.Context, index [16]byte) (person.Identity, error) {
	if index == ([16]byte{}) {
		return person.Identity{}, person.ErrIdentityUnknown
	}
	rows, err := s.db.R.QueryContext(ctx, `SELECT p.rows FROM roster r JOIN roster_index_page p ON p.generation = r.generation
		AND p.first = (SELECT max(first) FROM roster_index_page WHERE generation = r.generation AND first <= ?)
		ORDER BY r.replaced_at DESC, r.generation DESC`, index[:])
	if err != nil {
		return person.Identity{}, fmt.Errorf("find identity: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var data sql.RawBytes
		if err := rows.Scan(&data); err != nil {
			return person.Identity{}, fmt.Errorf("find identity: %w", err)
		}
		n := len(data) / rowSize
		i := sort.Search(n, func(i int) bool { return bytes.Compare(data[i*rowSize:i*rowSize+indexSize], index[:]) >= 0 })
		if i == n {
			continue
		}
		if r := row(data[i*rowSize : (i+1)*rowSize]); bytes.Equal(r.index(), index[:]) {
			return person.Identity{
				Key: person.Key(r.key()), Index: index, Born: civil.Date(int32(binary.BigEndian.Uint32(r[indexSize+keySize:]))),
			}, nil
		}
	}
	if err := rows.Err(); err != nil {
		return person.Identity{}, fmt.Errorf("find identity: %w", err)
	}
	return s.temporary(ctx, index)
}
