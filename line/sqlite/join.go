package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"charye/internal/durable"
	"charye/internal/weak"
	"charye/line"
	"charye/person"
)

// joinRequest asks for the place of who; with settle it asks nothing but that the opening's count of the gathered is
// fixed if it is due.
type joinRequest struct {
	lane   *lane
	who    person.Key
	settle bool
}

type joinResult struct {
	seq     uint32
	created bool
	err     error
}

var errNobody = errors.New("line: the zero key is nobody")

// Join implements [line.Line]. Whoever has a place gets it from memory, at any time. A place that is returned is on disk.
func (l *Line) Join(ctx context.Context, campaign uint32, who person.Key) (line.Place, bool, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return line.Place{}, false, err
	}
	if who.IsZero() {
		return line.Place{}, false, errNobody
	}
	now := l.now()
	if seq := ln.index.find(who); seq != 0 {
		return ln.place(who, seq, now), false, nil
	}
	if err := ln.joinable(now); err != nil {
		return line.Place{}, false, err
	}
	res, err := l.joins.Do(ctx, joinRequest{lane: ln, who: who})
	if err == nil {
		err = res.err
	}
	if err != nil {
		return line.Place{}, false, err
	}
	return ln.place(who, res.seq, l.now()), res.created, nil
}

func (ln *lane) joinable(now time.Time) error {
	switch {
	case now.Before(ln.cfg.Gathers):
		return line.ErrNotOpen
	case !now.Before(ln.cfg.Closes):
		return line.ErrClosed
	}
	return nil
}

// newcomers are those of one batch who join one campaign.
type newcomers struct {
	seqs   map[person.Key]uint32
	people []person.Key
	fix    bool // the opening is past and how many gathered is to be fixed: all before this batch
}

// commitJoins is the joins pool's commit. All of a batch joins at one instant, taken at its start, so the opening falls
// between two batches: the gathered are those committed before the first batch after it.
func (l *Line) commitJoins(ctx context.Context, reqs []joinRequest) ([]joinResult, error) {
	if l.joinsDoubt {
		if err := l.readJoins(ctx); err != nil {
			return nil, err
		}
		l.joinsDoubt = false
	}
	now := l.now()
	results := make([]joinResult, len(reqs))
	fresh := make(map[*lane]*newcomers)
	for i, r := range reqs {
		results[i] = r.lane.decideJoin(r, now, fresh)
	}
	if len(fresh) == 0 {
		return results, nil
	}
	id := l.lastJoin
	err := l.write(ctx, func(tx *sql.Tx) error {
		for ln, n := range fresh {
			if n.fix {
				res, err := tx.ExecContext(ctx, `UPDATE campaigns SET gathered = ? WHERE campaign = ? AND NOT EXISTS (SELECT 1 FROM joins WHERE id > ?)`,
					int64(ln.index.len()), ln.cfg.Campaign, l.lastJoin)
				if err := onlyOne(res, err); err != nil {
					return err
				}
			}
			if len(n.people) == 0 {
				continue
			}
			id++
			blob := make([]byte, 0, 16*len(n.people))
			for _, who := range n.people {
				blob = append(blob, who[:]...)
			}
			if _, err := tx.ExecContext(ctx,
				`INSERT INTO joins (id, campaign, first_seq, people, joined_at) VALUES (?, ?, ?, ?, ?)`,
				id, ln.cfg.Campaign, int64(ln.index.len())+1, blob, now.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !weak.Off(weak.SlipToldEarly) {
		l.joinsDoubt = !weak.Off(weak.SlipJoinDoubt)
		return nil, fmt.Errorf("join: %w", err)
	}
	l.lastJoin = id
	for ln, n := range fresh {
		if n.fix {
			ln.gathered.Store(int64(ln.index.len()))
		}
		for _, who := range n.people {
			ln.index.add(who)
		}
		l.counters.places.Add(int64(len(n.people)))
	}
	l.counters.joinBatch(len(reqs))
	return results, nil
}

func (ln *lane) decideJoin(r joinRequest, now time.Time, fresh map[*lane]*newcomers) joinResult {
	n := fresh[ln]
	if n == nil {
		n = &newcomers{fix: ln.draw && ln.gathered.Load() < 0 && !now.Before(ln.cfg.Opens)}
		if n.fix {
			fresh[ln] = n
		}
	}
	if r.settle {
		return joinResult{}
	}
	if seq := ln.index.find(r.who); seq != 0 {
		return joinResult{seq: seq}
	}
	if seq := n.seqs[r.who]; seq != 0 && !weak.Off(weak.SlipTwoWindows) {
		return joinResult{seq: seq}
	}
	if err := ln.joinable(now); err != nil {
		return joinResult{err: err}
	}
	seq := int64(ln.index.len()) + int64(len(n.people)) + 1
	if seq > mostPlaces {
		return joinResult{err: line.ErrClosed}
	}
	if n.seqs == nil {
		n.seqs = make(map[person.Key]uint32)
		fresh[ln] = n
	}
	n.people = append(n.people, r.who)
	n.seqs[r.who] = uint32(seq)
	return joinResult{seq: uint32(seq), created: true}
}

// readJoins folds into memory what the file has and memory has not: everything at opening, and afterwards the batch
// whose commit failed although it had reached the file.
func (l *Line) readJoins(ctx context.Context) error {
	err := func() error {
		rows, err := l.db.W.QueryContext(ctx,
			`SELECT id, campaign, first_seq, people FROM joins WHERE id > ? ORDER BY id`, l.lastJoin)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id, first int64
			var campaign uint32
			var people sql.RawBytes
			if err := rows.Scan(&id, &campaign, &first, &people); err != nil {
				return err
			}
			if ln := l.lanes[campaign]; ln != nil {
				if err := ln.addRow(first, people); err != nil {
					return fmt.Errorf("%w: campaign %d: %w", ErrDamaged, campaign, err)
				}
				l.counters.places.Add(int64(len(people) / 16))
			}
			l.lastJoin = id
		}
		return rows.Err()
	}()
	if err != nil {
		return durable.Wrap(err)
	}
	return l.readGathered(ctx)
}

func (ln *lane) addRow(first int64, people []byte) error {
	if have := int64(ln.index.len()); first != have+1 {
		return fmt.Errorf("seq %d follows %d", first, have)
	}
	for ; len(people) >= 16; people = people[16:] {
		who := person.Key(people[:16])
		if seq, added := ln.index.add(who); !added {
			return fmt.Errorf("seq %d and %d are the same person", seq, ln.index.len()+1)
		}
	}
	return nil
}

func (l *Line) readGathered(ctx context.Context) error {
	for _, ln := range l.lanes {
		var g sql.NullInt64
		err := l.db.W.QueryRowContext(ctx, `SELECT gathered FROM campaigns WHERE campaign = ?`, ln.cfg.Campaign).Scan(&g)
		if err != nil {
			return durable.Wrap(err)
		}
		if !g.Valid {
			continue
		}
		if g.Int64 < 0 || g.Int64 > int64(ln.index.len()) {
			return fmt.Errorf("%w: campaign %d: %d gathered of %d", ErrDamaged, ln.cfg.Campaign, g.Int64, ln.index.len())
		}
		ln.gathered.Store(g.Int64)
	}
	return nil
}
