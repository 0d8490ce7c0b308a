package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"charye/internal/batch"
	"charye/internal/durable"
	"charye/internal/weak"
	"charye/line"
)

const (
	stepEvery  = 250 * time.Millisecond
	redrawWait = 5 * time.Second
	// complainEvery keeps a full disk from filling the log.
	complainEvery = 10 * time.Second
)

// errSecond means that the file moved on without this program.
var errSecond = errors.New("a second program writes this line's file")

// onlyOne wants a statement to have changed the one row that it is about, as this program knew it.
func onlyOne(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errSecond, err)
	}
	return nil
}

// Run implements [line.Line]: a step every quarter of a second. A step that fails (a full disk, say) is logged and tried
// again; until it succeeds nobody more is admitted. Draws run beside, so that other campaigns go on. It returns nil when
// ctx ends.
func (l *Line) Run(ctx context.Context) error {
	t := time.NewTicker(stepEvery)
	defer t.Stop()
	var draws sync.WaitGroup
	defer draws.Wait()
	var complained time.Time
	for {
		err := l.turn(ctx, func(ln *lane) error {
			draws.Go(func() {
				defer ln.drawing.Store(false)
				if err := l.drawNow(ctx, ln); err != nil && ctx.Err() == nil {
					l.log.ErrorContext(ctx, "the draw failed and will be tried again", slog.Any("error", err))
				}
			})
			return nil
		})
		if err != nil && ctx.Err() == nil && time.Since(complained) >= complainEvery {
			complained = time.Now()
			l.log.ErrorContext(ctx, "admission stands still and will be tried again", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Step is one turn of Run, for tests and tools that own the clock: it draws what is due, before it returns, and advances
// admission.
func (l *Line) Step(ctx context.Context) error {
	return l.turn(ctx, func(ln *lane) error {
		defer ln.drawing.Store(false)
		ln.redraw = time.Time{}
		return l.drawNow(ctx, ln)
	})
}

func (l *Line) turn(ctx context.Context, draw func(*lane) error) error {
	l.step.Lock()
	defer l.step.Unlock()
	now := l.now()
	var errs []error
	for _, ln := range l.lanes {
		if ln.draw && ln.gathered.Load() < 0 && !now.Before(ln.cfg.Opens) {
			// A full waiting room is no fault: any batch after the opening counts the gathered.
			if _, err := l.joins.Do(ctx, joinRequest{lane: ln, settle: true}); err != nil && !errors.Is(err, batch.ErrFull) {
				errs = append(errs, err)
			}
		}
		if ln.drawDue() && !now.Before(ln.redraw) && ln.drawing.CompareAndSwap(false, true) {
			ln.redraw = now.Add(redrawWait)
			errs = append(errs, draw(ln))
		}
	}
	return errors.Join(append(errs, l.advance(ctx))...)
}

// advance lets in as many as the doors say: durable first, then visible.
func (l *Line) advance(ctx context.Context) error {
	now := l.now()
	if l.wavesDoubt {
		if err := l.readAdmitted(ctx, now); err != nil {
			return err
		}
		l.wavesDoubt = false
	}
	upTo, from := make(map[*lane]uint32), make(map[*lane]uint32)
	for _, ln := range l.lanes {
		c := ln.crowd(now)
		ln.mu.Lock()
		c.Supply = ln.supply
		if n := ln.door.Next(now, c); n > ln.door.Admitted() {
			upTo[ln], from[ln] = n, ln.door.Admitted()
		}
		ln.mu.Unlock()
	}
	var err error
	if len(upTo) > 0 {
		err = l.write(ctx, func(tx *sql.Tx) error {
			for ln, n := range upTo {
				res, err := tx.ExecContext(ctx, `UPDATE campaigns SET admitted = ? WHERE campaign = ? AND admitted = ?`, int64(n), ln.cfg.Campaign, int64(from[ln]))
				if err := onlyOne(res, err); err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, `INSERT INTO waves (campaign, admitted, admitted_at) VALUES (?, ?, ?)`,
					ln.cfg.Campaign, int64(n), now.UnixMilli()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			l.wavesDoubt = true
			err = fmt.Errorf("admission: %w", err)
			if !weak.Off(weak.SlipAdmitEarly) {
				clear(upTo)
			}
		}
	}
	for _, ln := range l.lanes {
		ln.mu.Lock()
		ln.door.Admit(now, upTo[ln])
		ln.publish(now)
		ln.mu.Unlock()
	}
	return err
}

func (ln *lane) crowd(now time.Time) line.Crowd {
	c := line.Crowd{Live: ln.inside.count(now.Unix())}
	switch {
	case !ln.draw:
		c.Numbers = ln.index.len()
	case ln.order.Load() != nil:
		c.Numbers, c.Gathered = ln.index.len(), int(ln.gathered.Load())
	}
	return c
}

func (l *Line) readAdmitted(ctx context.Context, now time.Time) error {
	for _, ln := range l.lanes {
		var admitted uint32
		if err := l.db.W.QueryRowContext(ctx, `SELECT admitted FROM campaigns WHERE campaign = ?`, ln.cfg.Campaign).
			Scan(&admitted); err != nil {
			return durable.Wrap(err)
		}
		ln.mu.Lock()
		ln.door.Admit(now, admitted)
		ln.mu.Unlock()
	}
	return nil
}
