package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"charye/internal/durable"
	"charye/line"
)

// lately is how far back admission steps are read: beyond the longest time that a door counts on people who have not
// come yet.
const lately = 10 * time.Minute

// load makes memory the fold of the file.
func (l *Line) load(ctx context.Context) error {
	now := l.now()
	if err := l.meet(ctx, now); err != nil {
		return err
	}
	if err := l.readJoins(ctx); err != nil {
		return err
	}
	longest := int64(0)
	for _, ln := range l.lanes {
		life, err := l.loadLane(ctx, ln, now)
		if err != nil {
			return err
		}
		longest = max(longest, life)
	}
	from, err := l.firstPassSince(ctx, now.Add(-max(time.Duration(longest)*time.Second, lately)))
	if err != nil {
		return err
	}
	l.lastPass = from - 1
	if err := l.readPasses(ctx); err != nil {
		return err
	}
	for _, ln := range l.lanes {
		ln.inside.count(now.Unix())
		ln.mu.Lock()
		ln.publish(now)
		ln.mu.Unlock()
		l.checkEntrants(ln)
	}
	return nil
}

// meet gives every campaign its row, with a new seed at the first meeting, and settles what is a fact already.
func (l *Line) meet(ctx context.Context, now time.Time) error {
	return l.write(ctx, func(tx *sql.Tx) error {
		for _, ln := range l.lanes {
			seed := newSeed()
			commitment := line.Commitment(seed)
			life := int64((ln.cfg.PassLife + time.Second - 1) / time.Second)
			if _, err := tx.ExecContext(ctx, `INSERT INTO campaigns (campaign, met_at, draw, seed, commitment, longest_pass)
				VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET longest_pass = max(longest_pass, excluded.longest_pass)`,
				ln.cfg.Campaign, now.UnixMilli(), ln.cfg.Draw, seed[:], commitment[:], life); err != nil {
				return err
			}
			// The first to take a place was told how the line is ordered.
			if _, err := tx.ExecContext(ctx, `UPDATE campaigns SET draw = ?1 WHERE campaign = ?2
				AND gathered IS NULL AND NOT EXISTS (SELECT 1 FROM joins WHERE campaign = ?2)`, ln.cfg.Draw, ln.cfg.Campaign); err != nil {
				return err
			}
			var s, c []byte
			if err := tx.QueryRowContext(ctx, `SELECT draw, seed, commitment FROM campaigns WHERE campaign = ?`, ln.cfg.Campaign).
				Scan(&ln.draw, &s, &c); err != nil {
				return err
			}
			ln.seed, ln.commitment = [32]byte(s), [32]byte(c)
			if line.Commitment(ln.seed) != ln.commitment {
				return fmt.Errorf("%w: campaign %d: the seed is not the one committed to", ErrDamaged, ln.cfg.Campaign)
			}
			if ln.draw != ln.cfg.Draw {
				l.log.WarnContext(ctx, "the order of a line stays as it was when the first person joined",
					slog.Uint64("campaign", uint64(ln.cfg.Campaign)), slog.Bool("draw", ln.draw))
			}
		}
		return nil
	})
}

// loadLane reads the draw and the admission of a campaign; it gives the longest life, in seconds, that its passes ever had.
func (l *Line) loadLane(ctx context.Context, ln *lane, now time.Time) (life int64, err error) {
	var drawnAt sql.NullInt64
	var sha []byte
	var admitted int64
	if err := l.db.W.QueryRowContext(ctx,
		`SELECT drawn_at, entrants_sha, admitted, longest_pass FROM campaigns WHERE campaign = ?`, ln.cfg.Campaign).
		Scan(&drawnAt, &sha, &admitted, &life); err != nil {
		return 0, durable.Wrap(err)
	}
	if drawnAt.Valid {
		if len(sha) != 32 {
			return 0, fmt.Errorf("%w: campaign %d: the draw has no sum", ErrDamaged, ln.cfg.Campaign)
		}
		o := &order{at: time.UnixMilli(drawnAt.Int64).UTC(), sha: [32]byte(sha)}
		if o.numbers, err = l.readNumbers(ctx, ln); err != nil {
			return 0, err
		}
		ln.order.Store(o)
	}
	if admitted < 0 || admitted > int64(ln.index.len()) {
		return 0, fmt.Errorf("%w: campaign %d: %d admitted of %d", ErrDamaged, ln.cfg.Campaign, admitted, ln.index.len())
	}
	past, err := l.readWaves(ctx, ln, uint32(admitted), now)
	if err != nil {
		return 0, err
	}
	ln.door = line.NewDoor(ln.cfg, past)
	return life, nil
}

func (l *Line) readNumbers(ctx context.Context, ln *lane) ([]uint32, error) {
	want := int(ln.gathered.Load())
	if want < 0 {
		return nil, fmt.Errorf("%w: campaign %d: drawn, but nobody was counted", ErrDamaged, ln.cfg.Campaign)
	}
	numbers := make([]uint32, 0, want)
	rows, err := l.db.W.QueryContext(ctx, `SELECT first_seq, numbers FROM numbers WHERE campaign = ? ORDER BY first_seq`, ln.cfg.Campaign)
	if err != nil {
		return nil, durable.Wrap(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var first int64
		var b sql.RawBytes
		if err := rows.Scan(&first, &b); err != nil {
			return nil, durable.Wrap(err)
		}
		if first != int64(len(numbers))+1 || len(numbers)+len(b)/4 > want {
			return nil, fmt.Errorf("%w: campaign %d: drawn numbers from seq %d follow %d", ErrDamaged, ln.cfg.Campaign, first, len(numbers))
		}
		for ; len(b) >= 4; b = b[4:] {
			numbers = append(numbers, binary.BigEndian.Uint32(b))
		}
	}
	if err := rows.Err(); err != nil {
		return nil, durable.Wrap(err)
	}
	if !dense(numbers, want) {
		return nil, fmt.Errorf("%w: campaign %d: the drawn numbers are not 1 to %d", ErrDamaged, ln.cfg.Campaign, want)
	}
	return numbers, nil
}

// dense reports whether numbers are 1 … n, each once.
func dense(numbers []uint32, n int) bool {
	if len(numbers) != n {
		return false
	}
	seen := make([]uint64, n/64+1)
	for _, k := range numbers {
		if k == 0 || int(k) > n || seen[k/64]&(1<<(k%64)) != 0 {
			return false
		}
		seen[k/64] |= 1 << (k % 64)
	}
	return true
}

// readWaves gives the late steps of admission, oldest first, ending where admission stands.
func (l *Line) readWaves(ctx context.Context, ln *lane, admitted uint32, now time.Time) ([]line.Wave, error) {
	rows, err := l.db.W.QueryContext(ctx, `SELECT campaign, admitted, admitted_at FROM waves ORDER BY id DESC`)
	if err != nil {
		return nil, durable.Wrap(err)
	}
	defer func() { _ = rows.Close() }()
	var past []line.Wave
	for rows.Next() {
		var campaign, upTo uint32
		var at int64
		if err := rows.Scan(&campaign, &upTo, &at); err != nil {
			return nil, durable.Wrap(err)
		}
		if at < now.Add(-lately).UnixMilli() {
			break
		}
		if campaign == ln.cfg.Campaign {
			past = append(past, line.Wave{At: time.UnixMilli(at).UTC(), UpTo: upTo})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, durable.Wrap(err)
	}
	slices.Reverse(past)
	switch n := len(past); {
	case n > 0 && past[n-1].UpTo != admitted:
		return nil, fmt.Errorf("%w: campaign %d: admission stands at %d and at %d", ErrDamaged, ln.cfg.Campaign, admitted, past[n-1].UpTo)
	case n == 0 && admitted > 0:
		past = []line.Wave{{At: now.Add(-lately), UpTo: admitted}}
	}
	return past, nil
}

// firstPassSince gives the id of the first row of the passes journal noted at or after t; ids and times grow together.
func (l *Line) firstPassSince(ctx context.Context, t time.Time) (int64, error) {
	var last sql.NullInt64
	if err := l.db.W.QueryRowContext(ctx, `SELECT max(id) FROM passes`).Scan(&last); err != nil {
		return 0, durable.Wrap(err)
	}
	lo, hi := int64(1), last.Int64+1
	for lo < hi {
		mid := lo + (hi-lo)/2
		var at int64
		err := l.db.W.QueryRowContext(ctx, `SELECT noted_at FROM passes WHERE id >= ? ORDER BY id LIMIT 1`, mid).Scan(&at)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, durable.Wrap(err)
		}
		if err == nil && at < t.UnixMilli() {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	// The last row is always read: its time and id are where the journal goes on.
	return min(lo, max(last.Int64, 1)), nil
}
