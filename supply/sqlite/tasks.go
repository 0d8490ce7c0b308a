package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"charye/internal/durable"
	"charye/supply"
)

var _ supply.Tasks = (*Store)(nil)

// AddTask implements [supply.Tasks].
func (s *Store) AddTask(ctx context.Context, t supply.Task) error {
	wish := t.Wish
	if wish == nil {
		wish = []byte{}
	}
	_, err := s.onTask(ctx, `INSERT INTO task (id, asker, what, at, wish, state, node, until, looked, sites, of_sites, near, people, of_people, result)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		t.ID, t.By, t.What, nano(t.At), wish, string(t.State), t.Node, nano(t.Until), nano(t.Looked), t.Sites, t.OfSites, t.Near, t.People, t.OfPeople, t.Result)
	return err
}

// taskColumns are those of every task; what is kept of a wish comes before them.
const taskColumns = `id, asker, what, at, state, node, until, looked, sites, of_sites, near, people, of_people, result FROM task`

func scanTask(scan func(...any) error) (t supply.Task, err error) {
	var at, until, looked int64
	var state string
	err = scan(&t.Wish, &t.ID, &t.By, &t.What, &at, &state, &t.Node, &until, &looked, &t.Sites, &t.OfSites, &t.Near, &t.People, &t.OfPeople, &t.Result)
	t.At, t.State, t.Until, t.Looked = instant(at), supply.TaskState(state), instant(until), instant(looked)
	if len(t.Wish) == 0 {
		t.Wish = nil
	}
	return t, err
}

// Task implements [supply.Tasks].
func (s *Store) Task(ctx context.Context, id string) (supply.Task, error) {
	t, err := scanTask(s.db.R.QueryRowContext(ctx, `SELECT wish, `+taskColumns+` WHERE id = ?`, id).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return supply.Task{}, supply.ErrNoTask
	case err != nil:
		return supply.Task{}, fmt.Errorf("task: %w", durable.Wrap(err))
	}
	return t, nil
}

// Tasks implements [supply.Tasks].
func (s *Store) Tasks(ctx context.Context) (out []supply.Task, err error) {
	err = s.db.Each(ctx, "tasks", func(rows *sql.Rows) error {
		t, err := scanTask(rows.Scan)
		out = append(out, t)
		return err
	}, `SELECT x'', `+taskColumns+` ORDER BY at DESC, id`)
	return out, err
}

// TakeTask implements [supply.Tasks].
func (s *Store) TakeTask(ctx context.Context, id, node string, now, until time.Time) (bool, error) {
	return s.onTask(ctx, `UPDATE task SET state = 'runs', node = ?2, until = ?3 WHERE id = ?1 AND (state = 'waits' OR state = 'runs' AND (node = ?2 OR until <= ?4))`,
		id, node, until.UnixNano(), now.UnixNano())
}

// TellTask implements [supply.Tasks].
func (s *Store) TellTask(ctx context.Context, id, node string, until time.Time, p supply.Progress) (mine bool, looked time.Time, err error) {
	err = s.write(ctx, "task", func(tx *sql.Tx) error {
		var at int64
		err := tx.QueryRowContext(ctx, `UPDATE task SET until = ?3, sites = ?4, of_sites = ?5, near = ?6, people = ?7, of_people = ?8 WHERE id = ?1 AND state = 'runs' AND node = ?2 RETURNING looked`,
			id, node, until.UnixNano(), p.Sites, p.OfSites, p.Near, p.People, p.OfPeople).Scan(&at)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		mine, looked = err == nil, instant(at)
		return err
	})
	return mine && err == nil, looked, err
}

// EndTask implements [supply.Tasks].
func (s *Store) EndTask(ctx context.Context, id, node string, as supply.TaskState, result string) (bool, error) {
	return s.onTask(ctx, `UPDATE task SET state = ?3, result = ?4 WHERE id = ?1 AND state = 'runs' AND node = ?2`, id, node, string(as), result)
}

// LookTask implements [supply.Tasks].
func (s *Store) LookTask(ctx context.Context, id string, at time.Time) error {
	_, err := s.onTask(ctx, `UPDATE task SET looked = ?2 WHERE id = ?1 AND looked < ?2`, id, at.UnixNano())
	return err
}

// RetryTask implements [supply.Tasks].
func (s *Store) RetryTask(ctx context.Context, id string, now time.Time) error {
	_, err := s.onTask(ctx, `UPDATE task SET state = 'waits', at = ?2, looked = ?2, sites = 0, of_sites = 0, near = 0, people = 0, of_people = 0, result = ''
		WHERE id = ?1 AND state IN ('failed', 'stopped')`, id, now.UnixNano())
	return err
}

// DropTasks implements [supply.Tasks].
func (s *Store) DropTasks(ctx context.Context, before time.Time) error {
	_, err := s.onTask(ctx, `DELETE FROM task WHERE at < ?`, before.UnixNano())
	return err
}

func (s *Store) onTask(ctx context.Context, text string, args ...any) (some bool, err error) {
	err = s.write(ctx, "task", func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, text, args...)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		some = n > 0
		return err
	})
	return some && err == nil, err
}
