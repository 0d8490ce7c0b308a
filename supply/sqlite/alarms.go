package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"charye/internal/durable"
	"charye/site"
	"charye/supply"
)

var _ supply.Alarms = (*Store)(nil)

func (s *Store) write(ctx context.Context, what string, do func(*sql.Tx) error) error {
	tx, err := s.db.W.BeginTx(ctx, nil)
	if err == nil {
		defer tx.Rollback()
		if err = do(tx); err == nil {
			err = tx.Commit()
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, durable.Wrap(err))
	}
	return nil
}

func nano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func instant(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// Raise implements [supply.Alarms].
func (s *Store) Raise(ctx context.Context, list []supply.Alarm) (news int, err error) {
	err = s.write(ctx, "alarm", func(tx *sql.Tx) error {
		for i := range list {
			a := &list[i]
			r, err := tx.ExecContext(ctx, `INSERT INTO alarm (at, cause, point, begin_at, box, episode, site, boxes, doses)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				a.At.UnixNano(), string(a.Cause), string(a.Point), nano(a.Begin), int64(a.Box), a.Episode, int64(a.Site), a.Boxes, a.Doses)
			if err != nil {
				return err
			}
			n, err := r.RowsAffected()
			if err != nil {
				return err
			}
			news += int(n)
		}
		return nil
	})
	return news, err
}

// Clear implements [supply.Alarms].
func (s *Store) Clear(ctx context.Context, seqs []int64, at time.Time) error {
	return s.write(ctx, "alarm", func(tx *sql.Tx) error {
		for _, seq := range seqs {
			if _, err := tx.ExecContext(ctx, `INSERT INTO alarm_cleared (seq, at) SELECT seq, ? FROM alarm WHERE seq = ? ON CONFLICT DO NOTHING`, at.UnixNano(), seq); err != nil {
				return err
			}
		}
		return nil
	})
}

// Alarms implements [supply.Alarms].
func (s *Store) Alarms(ctx context.Context, after int64, yield func(supply.Alarm) error) error {
	return s.db.Each(ctx, "alarms", func(rows *sql.Rows) error {
		var a supply.Alarm
		var at, begin, box, place, cleared int64
		var cause, point string
		if err := rows.Scan(&a.Seq, &at, &cause, &point, &begin, &box, &a.Episode, &place, &a.Boxes, &a.Doses, &cleared); err != nil {
			return err
		}
		a.At, a.Cause, a.Point, a.Begin, a.Box, a.Site = instant(at), supply.Cause(cause), supply.Point(point), instant(begin), supply.SSCC(box), site.Num(place)
		a.Cleared = instant(cleared)
		return yield(a)
	}, `SELECT a.seq, a.at, cause, point, begin_at, box, episode, site, boxes, doses, coalesce(c.at, 0)
		FROM alarm a LEFT JOIN alarm_cleared c ON c.seq = a.seq WHERE a.seq > ? ORDER BY a.seq`, after)
}

// Lead implements [supply.Alarms].
func (s *Store) Lead(ctx context.Context, who string, now, until time.Time) (mine bool, err error) {
	err = s.write(ctx, "lease", func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `INSERT INTO lease (one, who, until) VALUES (1, ?, ?)
			ON CONFLICT (one) DO UPDATE SET who = excluded.who, until = excluded.until WHERE who = excluded.who OR until <= ?`, who, until.UnixNano(), now.UnixNano())
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		mine = n == 1
		return err
	})
	return mine && err == nil, err
}

// KeepPlan implements [supply.Alarms].
func (s *Store) KeepPlan(ctx context.Context, digest string, at time.Time, plan []byte) error {
	return s.write(ctx, "plan", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO plan (digest, at, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, digest, at.UnixNano(), plan)
		return err
	})
}

// Plan implements [supply.Alarms].
func (s *Store) Plan(ctx context.Context, digest string) (plan []byte, err error) {
	err = s.db.R.QueryRowContext(ctx, `SELECT body FROM plan WHERE digest = ?`, digest).Scan(&plan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, supply.ErrNoPlan
	case err != nil:
		return nil, fmt.Errorf("plan: %w", durable.Wrap(err))
	}
	return plan, nil
}

// WantPlan implements [supply.Alarms].
func (s *Store) WantPlan(ctx context.Context, digest string) error {
	return s.write(ctx, "plan", func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE plan SET wanted = 1 WHERE digest = ?`, digest)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, supply.ErrNoPlan)
		}
		return nil
	})
}

// Plans implements [supply.Alarms].
func (s *Store) Plans(ctx context.Context, yield func(string, time.Time, []byte) error) error {
	return s.db.Each(ctx, "plans", func(rows *sql.Rows) error {
		var digest string
		var at int64
		var plan []byte
		if err := rows.Scan(&digest, &at, &plan); err != nil {
			return err
		}
		return yield(digest, instant(at), plan)
	}, `SELECT digest, at, body FROM plan WHERE wanted = 1 ORDER BY at, digest`)
}

// DropPlans implements [supply.Alarms].
func (s *Store) DropPlans(ctx context.Context, before time.Time) error {
	return s.write(ctx, "plan", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM plan WHERE wanted = 0 AND at < ?`, before.UnixNano())
		return err
	})
}
