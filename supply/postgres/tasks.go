package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/supply"
)

var _ supply.Tasks = (*Store)(nil)

// AddTask implements [supply.Tasks].
func (s *Store) AddTask(ctx context.Context, t supply.Task) error {
	wish := t.Wish
	if wish == nil {
		wish = []byte{}
	}
	_, err := s.db.Exec(ctx, `INSERT INTO supply_task (id, asker, what, at, wish, state, node, until, looked, sites, of_sites, near, people, of_people, result)
		VALUES ($1::text, $2::text, $3::text, $4::bigint, $5::bytea, $6::text, $7::text, $8::bigint, $9::bigint, $10::bigint, $11::bigint, $12::bigint, $13::bigint, $14::bigint, $15::text) ON CONFLICT DO NOTHING`,
		t.ID, t.By, t.What, nano(t.At), wish, string(t.State), t.Node, nano(t.Until), nano(t.Looked), t.Sites, t.OfSites, t.Near, t.People, t.OfPeople, t.Result)
	return wrap(err)
}

// taskColumns are those of every task; what is kept of a wish comes before them.
const taskColumns = `id, asker, what, at, state, node, until, looked, sites, of_sites, near, people, of_people, result FROM supply_task`

func scanTask(row pgx.CollectableRow) (t supply.Task, err error) {
	var at, until, looked int64
	var state string
	err = row.Scan(&t.Wish, &t.ID, &t.By, &t.What, &at, &state, &t.Node, &until, &looked, &t.Sites, &t.OfSites, &t.Near, &t.People, &t.OfPeople, &t.Result)
	t.At, t.State, t.Until, t.Looked = instant(at), supply.TaskState(state), instant(until), instant(looked)
	if len(t.Wish) == 0 {
		t.Wish = nil
	}
	return t, err
}

// Task implements [supply.Tasks].
func (s *Store) Task(ctx context.Context, id string) (supply.Task, error) {
	list, err := s.tasks(ctx, `SELECT wish, `+taskColumns+` WHERE id = $1::text`, id)
	if err == nil && len(list) == 0 {
		err = supply.ErrNoTask
	}
	if err != nil {
		return supply.Task{}, err
	}
	return list[0], nil
}

// Tasks implements [supply.Tasks].
func (s *Store) Tasks(ctx context.Context) ([]supply.Task, error) {
	return s.tasks(ctx, `SELECT NULL::bytea, `+taskColumns+` ORDER BY at DESC, id`)
}

func (s *Store) tasks(ctx context.Context, sql string, args ...any) (out []supply.Task, err error) {
	rows, err := s.db.Query(ctx, sql, args...)
	if err == nil {
		out, err = pgx.CollectRows(rows, scanTask)
	}
	return out, wrap(err)
}

// TakeTask implements [supply.Tasks].
func (s *Store) TakeTask(ctx context.Context, id, node string, now, until time.Time) (bool, error) {
	return s.onTask(ctx, `UPDATE supply_task SET state = 'runs', node = $2::text, until = $3::bigint WHERE id = $1::text AND (state = 'waits' OR state = 'runs' AND (node = $2::text OR until <= $4::bigint))`,
		id, node, until.UnixNano(), now.UnixNano())
}

// TellTask implements [supply.Tasks].
func (s *Store) TellTask(ctx context.Context, id, node string, until time.Time, p supply.Progress) (mine bool, looked time.Time, err error) {
	var at int64
	err = s.db.QueryRow(ctx, `UPDATE supply_task SET until = $3::bigint, sites = $4::bigint, of_sites = $5::bigint, near = $6::bigint, people = $7::bigint, of_people = $8::bigint
		WHERE id = $1::text AND state = 'runs' AND node = $2::text RETURNING looked`, id, node, until.UnixNano(), p.Sites, p.OfSites, p.Near, p.People, p.OfPeople).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, looked, nil
	}
	return err == nil, instant(at), wrap(err)
}

// EndTask implements [supply.Tasks].
func (s *Store) EndTask(ctx context.Context, id, node string, as supply.TaskState, result string) (bool, error) {
	return s.onTask(ctx, `UPDATE supply_task SET state = $3::text, result = $4::text WHERE id = $1::text AND state = 'runs' AND node = $2::text`, id, node, string(as), result)
}

// LookTask implements [supply.Tasks].
func (s *Store) LookTask(ctx context.Context, id string, at time.Time) error {
	_, err := s.onTask(ctx, `UPDATE supply_task SET looked = $2::bigint WHERE id = $1::text AND looked < $2::bigint`, id, at.UnixNano())
	return err
}

// RetryTask implements [supply.Tasks].
func (s *Store) RetryTask(ctx context.Context, id string, now time.Time) error {
	_, err := s.onTask(ctx, `UPDATE supply_task SET state = 'waits', at = $2::bigint, looked = $2::bigint, sites = 0, of_sites = 0, near = 0, people = 0, of_people = 0, result = ''
		WHERE id = $1::text AND state IN ('failed', 'stopped')`, id, now.UnixNano())
	return err
}

// DropTasks implements [supply.Tasks].
func (s *Store) DropTasks(ctx context.Context, before time.Time) error {
	_, err := s.onTask(ctx, `DELETE FROM supply_task WHERE at < $1::bigint`, before.UnixNano())
	return err
}

func (s *Store) onTask(ctx context.Context, sql string, args ...any) (bool, error) {
	tag, err := s.db.Exec(ctx, sql, args...)
	return err == nil && tag.RowsAffected() > 0, wrap(err)
}
