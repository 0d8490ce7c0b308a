package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"charye/internal/durable"
	"charye/internal/weak"
	"charye/line"
)

// Draw implements [line.Line]. A line in arrival order has no draw; its record is the zero one.
func (l *Line) Draw(_ context.Context, campaign uint32) (line.Draw, error) {
	ln, err := l.lane(campaign)
	if err != nil || !ln.draw {
		return line.Draw{}, err
	}
	d := line.Draw{Commitment: ln.commitment}
	if o := ln.order.Load(); o != nil {
		d.Seed, d.Drawn, d.Entrants, d.At = ln.seed, true, len(o.numbers), o.at
	}
	return d, nil
}

// Entrants implements [line.Line].
func (l *Line) Entrants(_ context.Context, campaign uint32) (io.ReadSeekCloser, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return nil, err
	}
	if ln.order.Load() == nil {
		return nil, line.ErrNotOpen
	}
	f, err := os.Open(l.entrantsPath(ln))
	if err != nil {
		return nil, fmt.Errorf("the list of entrants: %w", err)
	}
	return f, nil
}

func (l *Line) entrantsPath(ln *lane) string {
	return filepath.Join(l.dir, fmt.Sprintf("draw-%d.bin", ln.cfg.Campaign))
}

// drawDue reports whether the gathered are counted and not drawn.
func (ln *lane) drawDue() bool {
	return ln.draw && ln.gathered.Load() >= 0 && ln.order.Load() == nil
}

// drawNow draws a campaign: the list of entrants first, then the numbers, then the fact that makes both count. Dying at
// any point between, the next start does it all again with the same outcome.
func (l *Line) drawNow(ctx context.Context, ln *lane) error {
	err := l.drawOnce(ctx, ln)
	if err != nil {
		return fmt.Errorf("draw of campaign %d: %w", ln.cfg.Campaign, durable.Wrap(err))
	}
	return nil
}

func (l *Line) drawOnce(ctx context.Context, ln *lane) error {
	// A former try may have failed after its last commit had reached the file.
	var drawnAt sql.NullInt64
	var sha []byte
	if err := l.db.W.QueryRowContext(ctx, `SELECT drawn_at, entrants_sha FROM campaigns WHERE campaign = ?`, ln.cfg.Campaign).
		Scan(&drawnAt, &sha); err != nil {
		return err
	}
	if drawnAt.Valid && len(sha) == 32 {
		numbers, err := l.readNumbers(ctx, ln)
		if err != nil {
			return err
		}
		ln.order.Store(&order{numbers: numbers, at: time.UnixMilli(drawnAt.Int64).UTC(), sha: [32]byte(sha)})
		return nil
	}

	start := time.Now()
	names := l.pseudonyms(ln, int(ln.gathered.Load()))
	drawn := line.Order(ln.seed, names)
	if weak.Off(weak.SlipNoLot) {
		slices.Sort(drawn)
	}
	numbers := make([]uint32, len(drawn))
	for i, at := range drawn {
		numbers[at] = uint32(i) + 1
	}
	sum, err := l.writeEntrants(ln, func(i int) [16]byte { return names[drawn[i]] }, len(drawn))
	if err != nil {
		return err
	}
	if err := l.writeNumbers(ctx, ln, numbers); err != nil {
		return err
	}
	at := l.now().Truncate(time.Millisecond).UTC()
	if err := l.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE campaigns SET drawn_at = ?, entrants_sha = ? WHERE campaign = ?`,
			at.UnixMilli(), sum[:], ln.cfg.Campaign)
		return err
	}); err != nil {
		return err
	}
	ln.order.Store(&order{numbers: numbers, at: at, sha: sum})
	l.log.InfoContext(ctx, "drawn", slog.Uint64("campaign", uint64(ln.cfg.Campaign)),
		slog.Int("entrants", len(numbers)), slog.Duration("took", time.Since(start)))
	return nil
}

// pseudonyms gives those of seq 1 … n, on all cores.
func (l *Line) pseudonyms(ln *lane, n int) [][16]byte {
	names := make([][16]byte, n)
	parallel(n, func(i int) { names[i] = l.names.Of(ln.cfg.Campaign, ln.index.key(uint32(i)+1)) })
	return names
}

// parallel calls work for 0 … n-1, on all cores.
func parallel(n int, work func(i int)) {
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := n * w / workers; i < n*(w+1)/workers; i++ {
				work(i)
			}
		})
	}
	wg.Wait()
}

// writeEntrants puts the list of entrants under its name, whole and on disk, or not at all.
func (l *Line) writeEntrants(ln *lane, entrant func(i int) [16]byte, n int) (sum [32]byte, err error) {
	tmp, err := os.CreateTemp(l.dir, ".draw-*")
	if err != nil {
		return sum, err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	h := sha256.New()
	w := io.MultiWriter(tmp, h)
	buf := make([]byte, 16*min(n, 1<<18))
	for from := 0; from < n && err == nil; from += 1 << 18 {
		part := buf[:16*min(n-from, 1<<18)]
		parallel(len(part)/16, func(i int) {
			p := entrant(from + i)
			copy(part[16*i:], p[:])
		})
		_, err = w.Write(part)
	}
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return sum, err
	}
	if err := os.Rename(tmp.Name(), l.entrantsPath(ln)); err != nil {
		return sum, err
	}
	d, err := os.Open(l.dir)
	if err != nil {
		return sum, err
	}
	return [32]byte(h.Sum(nil)), errors.Join(d.Sync(), d.Close())
}

// writeNumbers writes the drawn numbers in many short transactions, so that joins between them hardly wait. They mean
// nothing yet.
func (l *Line) writeNumbers(ctx context.Context, ln *lane, numbers []uint32) error {
	const perRow, perCommit = 1 << 14, 1 << 19
	for from := 0; from < len(numbers); from += perCommit {
		err := l.write(ctx, func(tx *sql.Tx) error {
			for first := from; first < min(from+perCommit, len(numbers)); first += perRow {
				part := numbers[first:min(first+perRow, len(numbers))]
				b := make([]byte, 0, 4*len(part))
				for _, k := range part {
					b = binary.BigEndian.AppendUint32(b, k)
				}
				if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO numbers (campaign, first_seq, numbers) VALUES (?, ?, ?)`,
					ln.cfg.Campaign, first+1, b); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkEntrants makes sure that the published list is the one of the draw, and makes it again from the numbers when it is
// not. The numbers do not depend on it: should the pseudonyms have changed (another key file), the line goes on without.
func (l *Line) checkEntrants(ln *lane) {
	o := ln.order.Load()
	if o == nil {
		return
	}
	if f, err := os.Open(l.entrantsPath(ln)); err == nil {
		h := sha256.New()
		_, err := io.Copy(h, f)
		_ = f.Close()
		if err == nil && [32]byte(h.Sum(nil)) == o.sha {
			return
		}
	}
	names := l.pseudonyms(ln, len(o.numbers))
	seqs := make([]uint32, len(o.numbers))
	h := sha256.New()
	for i, number := range o.numbers {
		seqs[number-1] = uint32(i)
	}
	for _, i := range seqs {
		h.Write(names[i][:])
	}
	var err error
	if [32]byte(h.Sum(nil)) != o.sha {
		err = errors.New("the pseudonyms are not those of the draw: is this the key file of that time?")
	} else {
		_, err = l.writeEntrants(ln, func(i int) [16]byte { return names[seqs[i]] }, len(seqs))
	}
	if err != nil {
		l.log.Error("the list of entrants is missing or wrong and cannot be made again",
			slog.Uint64("campaign", uint64(ln.cfg.Campaign)), slog.Any("error", err))
		_ = os.Remove(l.entrantsPath(ln)) // a wrong list is worse than none
	}
}
