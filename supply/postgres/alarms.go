package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
	"charye/site"
	"charye/supply"
)

var _ supply.Alarms = (*Store)(nil)

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
	if len(list) == 0 {
		return 0, nil
	}
	var last int64
	first := &pgx.Batch{}
	first.Queue(`SELECT 1 FROM supply_head FOR UPDATE`)
	// A statement of its own: it sees what was committed before the lock was given.
	first.Queue(`SELECT coalesce(max(seq), 0) FROM supply_alarm`).QueryRow(func(row pgx.Row) error { return row.Scan(&last) })
	tx, err := s.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return 0, wrap(err)
	}
	defer tx.End()
	b := &pgx.Batch{}
	for i := range list {
		a := &list[i]
		b.Queue(`INSERT INTO supply_alarm (seq, at, cause, point, begin_at, box, episode, site, boxes, doses)
			VALUES ($1::bigint, $2::bigint, $3::text, $4::text, $5::bigint, $6::bigint, $7::integer, $8::bigint, $9::bigint, $10::bigint) ON CONFLICT DO NOTHING RETURNING seq`,
			last+int64(i)+1, a.At.UnixNano(), string(a.Cause), string(a.Point), nano(a.Begin), int64(a.Box), a.Episode, int64(a.Site), a.Boxes, a.Doses).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				news++
			}
			return rows.Err()
		})
	}
	if err := tx.Commit(ctx, b); err != nil {
		return 0, wrap(err)
	}
	return news, nil
}

// Clear implements [supply.Alarms].
func (s *Store) Clear(ctx context.Context, seqs []int64, at time.Time) error {
	if len(seqs) == 0 {
		return nil
	}
	_, err := s.db.Exec(ctx, `INSERT INTO supply_alarm_cleared (seq, at) SELECT seq, $2::bigint FROM supply_alarm WHERE seq = ANY($1::bigint[]) ON CONFLICT DO NOTHING`, seqs, at.UnixNano())
	return wrap(err)
}

// Alarms implements [supply.Alarms].
func (s *Store) Alarms(ctx context.Context, after int64, yield func(supply.Alarm) error) error {
	rows, err := s.db.Query(ctx, `SELECT a.seq, a.at, cause, point, begin_at, box, episode, site, boxes, doses, coalesce(c.at, 0)
		FROM supply_alarm a LEFT JOIN supply_alarm_cleared c ON c.seq = a.seq WHERE a.seq > $1::bigint ORDER BY a.seq`, after)
	if err != nil {
		return wrap(err)
	}
	var a supply.Alarm
	var at, begin, box, place, cleared int64
	var cause, point string
	_, err = pgx.ForEachRow(rows, []any{&a.Seq, &at, &cause, &point, &begin, &box, &a.Episode, &place, &a.Boxes, &a.Doses, &cleared}, func() error {
		a.At, a.Cause, a.Point, a.Begin, a.Box, a.Site = instant(at), supply.Cause(cause), supply.Point(point), instant(begin), supply.SSCC(box), site.Num(place)
		a.Cleared = instant(cleared)
		return yield(a)
	})
	return err
}

// Lead implements [supply.Alarms].
func (s *Store) Lead(ctx context.Context, who string, now, until time.Time) (bool, error) {
	tag, err := s.db.Exec(ctx, `INSERT INTO supply_lease AS l (one, who, until) VALUES (1, $1::text, $2::bigint)
		ON CONFLICT (one) DO UPDATE SET who = excluded.who, until = excluded.until WHERE l.who = excluded.who OR l.until <= $3::bigint`, who, until.UnixNano(), now.UnixNano())
	return err == nil && tag.RowsAffected() == 1, wrap(err)
}

// KeepPlan implements [supply.Alarms].
func (s *Store) KeepPlan(ctx context.Context, digest string, at time.Time, plan []byte) error {
	_, err := s.db.Exec(ctx, `INSERT INTO supply_plan (digest, at, body) VALUES ($1::text, $2::bigint, $3::bytea) ON CONFLICT DO NOTHING`, digest, at.UnixNano(), plan)
	return wrap(err)
}

// Plan implements [supply.Alarms].
func (s *Store) Plan(ctx context.Context, digest string) (plan []byte, err error) {
	err = s.db.QueryRow(ctx, `SELECT body FROM supply_plan WHERE digest = $1::text`, digest).Scan(&plan)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, supply.ErrNoPlan
	}
	return plan, wrap(err)
}

// WantPlan implements [supply.Alarms].
func (s *Store) WantPlan(ctx context.Context, digest string) error {
	tag, err := s.db.Exec(ctx, `UPDATE supply_plan SET wanted = true WHERE digest = $1::text`, digest)
	if err == nil && tag.RowsAffected() == 0 {
		return supply.ErrNoPlan
	}
	return wrap(err)
}

// Plans implements [supply.Alarms].
func (s *Store) Plans(ctx context.Context, yield func(string, time.Time, []byte) error) error {
	rows, err := s.db.Query(ctx, `SELECT digest, at, body FROM supply_plan WHERE wanted ORDER BY at, digest`)
	if err != nil {
		return wrap(err)
	}
	var digest string
	var at int64
	var plan []byte
	_, err = pgx.ForEachRow(rows, []any{&digest, &at, &plan}, func() error { return yield(digest, instant(at), plan) })
	return err
}

// DropPlans implements [supply.Alarms].
func (s *Store) DropPlans(ctx context.Context, before time.Time) error {
	_, err := s.db.Exec(ctx, `DELETE FROM supply_plan WHERE NOT wanted AND at < $1::bigint`, before.UnixNano())
	return wrap(err)
}

// fillAlarms takes over the alarms and the wanted plans of another store, with their numbers: nobody is told of them again.
func fillAlarms(ctx context.Context, f *pgdb.Filling, from supply.Alarms) error {
	alarms := f.Table("supply_alarm", "seq", "at", "cause", "point", "begin_at", "box", "episode", "site", "boxes", "doses")
	cleared := f.Table("supply_alarm_cleared", "seq", "at")
	var over [][2]int64
	if err := from.Alarms(ctx, 0, func(a supply.Alarm) error {
		if !a.Cleared.IsZero() {
			over = append(over, [2]int64{a.Seq, a.Cleared.UnixNano()})
		}
		return alarms.Add(ctx, a.Seq, a.At.UnixNano(), string(a.Cause), string(a.Point), nano(a.Begin), int64(a.Box), a.Episode, int64(a.Site), a.Boxes, a.Doses)
	}); err != nil {
		return err
	}
	if err := alarms.Flush(ctx); err != nil {
		return err
	}
	for _, c := range over {
		if err := cleared.Add(ctx, c[0], c[1]); err != nil {
			return err
		}
	}
	if err := cleared.Flush(ctx); err != nil {
		return err
	}
	plans := f.Table("supply_plan", "digest", "at", "wanted", "body")
	if err := from.Plans(ctx, func(digest string, at time.Time, plan []byte) error {
		return plans.Add(ctx, digest, at.UnixNano(), true, append([]byte(nil), plan...))
	}); err != nil {
		return err
	}
	return plans.Flush(ctx)
}
