package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"charye/internal/durable"
	"charye/supply/epcis"
)

const columns = `SELECT event.seq, event.id, event.declared, event.recorded, event.party, event.time, event.body, context.body
	FROM event JOIN context ON context.id = event.context `

func scan(rows *sql.Rows) (e epcis.Stored, at int64, err error) {
	var recorded int64
	var body, context string
	err = rows.Scan(&e.Seq, &e.ID, &e.Declared, &recorded, &e.By, &at, &body, &context)
	e.Recorded, e.JSON = time.UnixMicro(recorded).UTC(), json.RawMessage(body)
	if context != "" {
		e.Context = json.RawMessage(context)
	}
	return e, at, err
}

// Event implements [epcis.Store].
func (s *Store) Event(ctx context.Context, id string) (out []epcis.Stored, err error) {
	err = s.db.Each(ctx, "event", func(rows *sql.Rows) error {
		e, _, err := scan(rows)
		out = append(out, e)
		return err
	}, columns+`WHERE event.name = ? ORDER BY event.declared`, nameOf(id))
	if err == nil && len(out) == 0 {
		err = epcis.ErrNotFound
	}
	return out, err
}

// Events implements [epcis.Store].
func (s *Store) Events(ctx context.Context, q epcis.Query) (epcis.Page, error) {
	start := time.Now()
	return epcis.Walk(ctx, q, epcis.Reading{Page: s.page, Names: s.Names, Late: func() bool { return time.Since(start) > epcis.Patience }})
}

// page gives a page of what the indexes can tell.
func (s *Store) page(ctx context.Context, q epcis.Query) (p epcis.Page, err error) {
	cursor := epcis.Cursor{}
	if q.After != nil {
		cursor = *q.After
	} else if err := s.db.R.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM event`).Scan(&cursor.Bound); err != nil {
		return p, fmt.Errorf("events: %w", durable.Wrap(err))
	}
	text, args := build(q, cursor)
	size := 0
	full := errors.New("the page is full")
	err = s.db.Each(ctx, "events", func(rows *sql.Rows) error {
		e, at, err := scan(rows)
		if err != nil {
			return err
		}
		size += len(e.JSON) + len(e.Context)
		if n := len(p.Events); n == q.Limit || n > 0 && size > epcis.PageBytes {
			p.Next = &cursor
			return full
		}
		p.Events = append(p.Events, e)
		cursor.Seq, cursor.At = e.Seq, at
		return nil
	}, text, args...)
	if errors.Is(err, full) {
		err = nil
	}
	p.Bound = cursor.Bound
	return p, err
}

// conditions gathers the WHERE of a query.
type conditions struct {
	sql  []string
	args []any
}

func (c *conditions) add(sql string, args ...any) {
	c.sql, c.args = append(c.sql, sql), append(c.args, args...)
}

func (c *conditions) in(column string, values []string) {
	if len(values) > 0 {
		c.add(column+` IN (`+marks(len(values))+`)`, anys(values)...)
	}
}

func (c *conditions) between(column string, from, before time.Time) {
	if !from.IsZero() {
		c.add(column+` >= ?`, from.UnixMicro())
	}
	if !before.IsZero() {
		c.add(column+` < ?`, before.UnixMicro())
	}
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

func anys(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

func build(q epcis.Query, c epcis.Cursor) (string, []any) {
	var w conditions
	w.in("event.type", q.Types)
	w.in("event.action", q.Actions)
	w.in("event.step", q.BizSteps)
	w.in("event.disposition", q.Dispositions)
	w.in("event.read_point", q.ReadPoints)
	w.in("event.location", q.BizLocations)
	if len(q.IDs) > 0 {
		names := make([]any, len(q.IDs))
		for i, id := range q.IDs {
			names[i] = nameOf(id)
		}
		w.add(`event.name IN (`+marks(len(names))+`)`, names...)
	}
	if q.Declared {
		w.add(`event.declared = 1`)
	}
	w.between("event.time", q.From, q.Before)
	w.between("event.recorded", q.RecordedFrom, q.RecordedBefore)
	for _, m := range q.Matches {
		w.match(m)
	}
	direction, beyond := "DESC", "<"
	if q.Ascending {
		direction, beyond = "ASC", ">"
	}
	order := ` ORDER BY event.seq ` + direction
	if q.Order == epcis.ByEventTime {
		order = ` ORDER BY event.time ` + direction + `, event.seq ` + direction
	}
	bound := c.Bound
	switch {
	case c.Seq == 0: // the first page
	case q.Order == epcis.ByEventTime:
		w.add(`(event.time, event.seq) `+beyond+` (?, ?)`, c.At, c.Seq)
	case q.Ascending:
		w.add(`event.seq > ?`, c.Seq)
	default: // of two upper bounds SQLite would begin at the first that it finds
		bound = min(bound, c.Seq-1)
	}
	if q.Order == epcis.ByEventTime {
		w.add(`+event.seq <= ?`, bound) // the plus keeps SQLite from going through all numbers and sorting them
	} else {
		w.add(`event.seq <= ?`, bound)
	}
	// Only the numbers are sorted, which for most queries are in the index; bodies are read for what is on the page.
	page := `SELECT event.seq FROM event WHERE ` + strings.Join(w.sql, ` AND `) + order + ` LIMIT ?`
	return columns + `WHERE event.seq IN (` + page + `)` + order, append(w.args, q.Limit+1)
}

// match asks for events that mention one of the things wanted, in one of the roles.
func (c *conditions) match(m epcis.Match) {
	var ways []string
	var args []any
	if len(m.Wanted.Keys) > 0 {
		ways = append(ways, `SELECT id FROM thing WHERE key IN (`+marks(len(m.Wanted.Keys))+`)`)
		args = append(args, anys(m.Wanted.Keys)...)
	}
	for _, p := range m.Wanted.Prefixes {
		ways = append(ways, `SELECT id FROM thing WHERE key >= ? AND key < ?`)
		args = append(args, p, epcis.After(p))
	}
	roles := make([]string, len(m.Roles))
	for i, r := range m.Roles {
		roles[i] = fmt.Sprint(int(r))
	}
	c.add(`event.seq IN (SELECT seq FROM mention WHERE role IN (`+strings.Join(roles, ",")+`) AND thing IN (`+strings.Join(ways, ` UNION ALL `)+`))`, args...)
}

// named are the columns of names that stand in an index with the event's time.
var named = map[epcis.Named]string{epcis.NamedLocation: "location", epcis.NamedReadPoint: "read_point", epcis.NamedStep: "step", epcis.NamedDisposition: "disposition"}

// Names implements [epcis.Store]. From each name the index is asked for the next.
func (s *Store) Names(ctx context.Context, what epcis.Named, after string, most int) (out []string, err error) {
	text := `SELECT key FROM thing WHERE key > ? AND EXISTS (SELECT 1 FROM mention WHERE mention.thing = thing.id AND role <= ` + fmt.Sprint(int(epcis.RoleOutput)) + `) ORDER BY key LIMIT ?`
	if c, ok := named[what]; ok {
		text = `WITH RECURSIVE n (name) AS (SELECT min(` + c + `) FROM event WHERE ` + c + ` > ?
			UNION ALL SELECT (SELECT min(` + c + `) FROM event WHERE ` + c + ` > n.name) FROM n WHERE n.name IS NOT NULL)
			SELECT name FROM n WHERE name IS NOT NULL LIMIT ?`
	}
	err = s.db.Each(ctx, "names", func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		out = append(out, name)
		return err
	}, text, after, most)
	return out, err
}
