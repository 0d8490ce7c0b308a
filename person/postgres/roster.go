package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/civil"
	"charye/internal/pgdb"
	"charye/person"
)

const (
	indexSize = 16
	keySize   = 16
	rowSize   = indexSize + keySize + 4

	rowsPerPage = 2000 // records of a page: 32 kB of keys, 72 kB of index rows
)

// ReplaceRoster implements [person.Store]. Rows stream into a temporary table of one transaction, in which the database
// sorts them into pages; memory on this side stays the same for any number of rows. Of two imports of one roster at the
// same time the one that commits last stands. A row without person key, or an identity number that stands for two people,
// refuses the whole. The transaction lasts as long as the file: the database keeps what others delete meanwhile, so large
// imports belong to quiet hours.
func (s *Store) ReplaceRoster(ctx context.Context, id string, rows iter.Seq2[person.Identity, error], at time.Time) (int, error) {
	n, err := s.replaceRoster(ctx, id, rows, at, nil, func(people int) (string, map[string]any) {
		return "roster.replaced", map[string]any{"roster": id, "people": people}
	})
	if err != nil {
		return 0, fmt.Errorf("replace roster %s: %w", id, pgdb.Wrap(err))
	}
	return n, nil
}

// telling gives the event of a roster's new content.
type telling func(people int) (kind string, what map[string]any)

// errOvertaken means that a roster was replaced while its indexes were moved to another layer.
var errOvertaken = errors.New("the roster was replaced meanwhile")

// replaceRoster writes a content. over, which may be nil, is the generation that must still count: the new one is then the same
// people, and replaces it without a word.
func (s *Store) replaceRoster(ctx context.Context, id string, rows iter.Seq2[person.Identity, error], at time.Time, over *int64, told telling) (people int, err error) {
	if id == "" || len(id) > 64 {
		return 0, errors.New("want an id of 1 to 64 bytes")
	}
	var generation int64
	first := &pgx.Batch{}
	first.Queue(`CREATE TEMPORARY TABLE coming (key bytea NOT NULL, row bytea) ON COMMIT DROP`)
	first.Queue(`SELECT nextval('roster_generation')`).QueryRow(func(row pgx.Row) error { return row.Scan(&generation) })
	tx, err := s.db.Begin(ctx, first, pgdb.Long)
	if err != nil {
		return 0, err
	}
	defer tx.End()
	var layer person.IndexLayer
	if err := copyRows(ctx, tx, rows, &layer); err != nil {
		return 0, err
	}
	b := &pgx.Batch{}
	var twice bool
	b.Queue(`SELECT EXISTS (SELECT FROM (SELECT DISTINCT row FROM coming WHERE row IS NOT NULL) d GROUP BY substr(row, 1, 16) HAVING count(*) > 1)`).
		QueryRow(func(row pgx.Row) error { return row.Scan(&twice) })
	b.Queue(`INSERT INTO roster_key_page (generation, page, keys)
		SELECT $1::bigint, n / $2::bigint, string_agg(key, ''::bytea ORDER BY n)
		FROM (SELECT key, row_number() OVER (ORDER BY key) - 1 AS n FROM (SELECT DISTINCT key FROM coming) d) k
		GROUP BY n / $2::bigint`, generation, int64(rowsPerPage))
	b.Queue(`INSERT INTO roster_index_page (generation, first, rows)
		SELECT $1::bigint, substr(rows, 1, 16), rows FROM (
			SELECT string_agg(row, ''::bytea ORDER BY n) AS rows
			FROM (SELECT row, row_number() OVER (ORDER BY row) - 1 AS n FROM (SELECT DISTINCT row FROM coming WHERE row IS NOT NULL) d) k
			GROUP BY n / $2::bigint) p`, generation, int64(rowsPerPage))
	b.Queue(`SELECT coalesce(sum(length(keys)) / 16, 0)::bigint FROM roster_key_page WHERE generation = $1::bigint`, generation).
		QueryRow(func(row pgx.Row) error { return row.Scan(&people) })
	// From here on an import of the same roster waits for this one.
	var old int64
	lock := `INSERT INTO roster (id, generation, version, people, replaced_at) VALUES ($1::text, 0, 0, 0, $2::timestamptz)
		ON CONFLICT (id) DO UPDATE SET replaced_at = excluded.replaced_at RETURNING generation`
	if over != nil {
		lock = `SELECT generation FROM roster WHERE id = $1::text AND $2::timestamptz IS NOT NULL FOR UPDATE`
	}
	b.Queue(lock, id, at).
		QueryRow(func(row pgx.Row) error { return row.Scan(&old) })
	if err := tx.Do(ctx, b); err != nil {
		return 0, err
	}
	if twice {
		return 0, person.ErrTwoPeople
	}
	if over != nil && old != *over {
		return 0, errOvertaken
	}
	last := &pgx.Batch{}
	last.Queue(`UPDATE roster SET generation = $2::bigint, version = version + $5::bigint, people = $3::bigint, layer = $4::integer WHERE id = $1::text`,
		id, generation, int64(people), layer.Layer(), step(over == nil))
	for _, table := range []string{"roster_key_page", "roster_index_page"} {
		last.Queue(`DELETE FROM `+table+` WHERE generation = $1::bigint`, old)
	}
	if told != nil {
		kind, what := told(people)
		if err := tell(last, at, kind, nil, what); err != nil {
			return 0, err
		}
	}
	return people, tx.Commit(ctx, last)
}

func step(new bool) int64 {
	if new {
		return 1
	}
	return 0
}

// copyRows streams the rows in.
func copyRows(ctx context.Context, tx *pgdb.Tx, rows iter.Seq2[person.Identity, error], layer *person.IndexLayer) error {
	next, stop := iter.Pull2(rows)
	defer stop()
	n := 0
	var wrong error // told as it is: the server would only quote it
	_, err := tx.Conn().CopyFrom(ctx, pgx.Identifier{"coming"}, []string{"key", "row"}, pgx.CopyFromFunc(func() ([]any, error) {
		who, err, more := next()
		n++
		if !more || err != nil || n%4096 == 0 {
			wrong = errors.Join(err, ctx.Err())
		}
		if more && wrong == nil && who.Key.IsZero() {
			wrong = fmt.Errorf("row %d has no person key", n)
		}
		if more && wrong == nil {
			wrong = layer.Add(who)
		}
		switch {
		case wrong != nil || !more:
			return nil, wrong
		case who.Index == [16]byte{}:
			return []any{who.Key[:], nil}, nil
		default:
			return []any{who.Key[:], packed(who)}, nil
		}
	}))
	if wrong != nil {
		return wrong
	}
	return err
}

func packed(who person.Identity) []byte {
	r := make([]byte, 0, rowSize)
	r = append(append(r, who.Index[:]...), who.Key[:]...)
	return binary.BigEndian.AppendUint32(r, uint32(who.Born))
}

func unpacked(r []byte) person.Identity {
	return person.Identity{
		Key: person.Key(r[indexSize : indexSize+keySize]), Index: [16]byte(r[:indexSize]), Born: civil.Date(int32(binary.BigEndian.Uint32(r[indexSize+keySize:]))),
	}
}

// RosterKeys implements [person.Store]. The whole stream is one content of the roster, also when it is replaced meanwhile:
// it is one statement.
func (s *Store) RosterKeys(ctx context.Context, id string) iter.Seq2[person.Key, error] {
	return func(yield func(person.Key, error) bool) {
		rows, err := s.db.Query(ctx, `SELECT p.keys FROM roster r JOIN roster_key_page p USING (generation) WHERE r.id = $1::text ORDER BY p.page`, id)
		if err == nil {
			defer rows.Close()
			for rows.Next() {
				var data []byte
				if err = rows.Scan(&data); err != nil {
					break
				}
				for ; len(data) >= keySize; data = data[keySize:] {
					if !yield(person.Key(data[:keySize]), nil) {
						return
					}
				}
			}
			err = errors.Join(err, rows.Err())
		}
		if err != nil {
			yield(person.Key{}, fmt.Errorf("keys of roster %s: %w", id, pgdb.Wrap(err)))
		}
	}
}

// RosterVersions implements [person.Store].
func (s *Store) RosterVersions(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	rows, err := s.db.Query(ctx, `SELECT id, version FROM roster`)
	if err == nil {
		var id string
		var version int64
		_, err = pgx.ForEachRow(rows, []any{&id, &version}, func() error {
			out[id] = version
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("roster versions: %w", pgdb.Wrap(err))
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
	rows, err := s.db.Query(ctx, `SELECT p.rows FROM roster r CROSS JOIN LATERAL (
			SELECT rows FROM roster_index_page WHERE generation = r.generation AND first <= $1::bytea ORDER BY first DESC LIMIT 1) p
		ORDER BY r.replaced_at DESC, r.generation DESC`, index[:])
	var pages [][]byte
	if err == nil {
		pages, err = pgx.CollectRows(rows, pgx.RowTo[[]byte])
	}
	if err != nil {
		return person.Identity{}, fmt.Errorf("find identity: %w", pgdb.Wrap(err))
	}
	for _, page := range pages {
		n := len(page) / rowSize
		i := sort.Search(n, func(i int) bool { return bytes.Compare(page[i*rowSize:i*rowSize+indexSize], index[:]) >= 0 })
		if i == n {
			continue
		}
		if who := unpacked(page[i*rowSize : (i+1)*rowSize]); who.Index == index {
			return who, nil
		}
	}
	return s.temporary(ctx, index)
}
