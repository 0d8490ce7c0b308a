package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/supply/epcis"
)

const (
	selected = `SELECT e.seq, e.id, e.declared, e.recorded, e.party, e.time, e.body, c.body FROM `
	columns  = selected + `epcis_event e JOIN epcis_context c ON c.id = e.context `
)

func scan(rows pgx.Rows) (e epcis.Stored, at int64, err error) {
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
	rows, err := s.db.Query(ctx, columns+`WHERE e.name = $1::bytea ORDER BY e.declared`, nameOf(id))
	if err != nil {
		return nil, wrap("event", err)
	}
	defer rows.Close()
	for rows.Next() {
		e, _, err := scan(rows)
		if err != nil {
			return nil, wrap("event", err)
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, wrap("event", err)
	}
	if len(out) == 0 {
		return nil, epcis.ErrNotFound
	}
	return out, nil
}

// Events implements [epcis.Store].
func (s *Store) Events(ctx context.Context, q epcis.Query) (epcis.Page, error) {
	start := time.Now()
	return epcis.Walk(ctx, q, epcis.Reading{Page: s.page, Names: s.Names, Late: func() bool { return time.Since(start) > epcis.Patience }})
}

// page gives a page of what the indexes can tell. Where the pages begin, all of them stay within what is there in this snapshot.
func (s *Store) page(ctx context.Context, q epcis.Query) (p epcis.Page, err error) {
	cursor := epcis.Cursor{}
	if q.After != nil {
		cursor = *q.After
	}
	b := &pgx.Batch{}
	if len(q.Matches) == 0 && len(q.IDs) == 0 {
		// The order of a page is that of an index. Where nobody has analysed the tables the server takes what it is to sort for little, and sorts half of them.
		b.Queue(`SELECT set_config('enable_sort', 'off', true)`)
	}
	if q.After == nil {
		b.Queue(`SELECT seq FROM epcis_head`).QueryRow(func(row pgx.Row) error { return row.Scan(&cursor.Bound) })
	}
	text, args := build(q)
	b.Queue(text, args...).Query(func(rows pgx.Rows) error {
		defer rows.Close()
		size := 0
		for rows.Next() {
			e, at, err := scan(rows)
			if err != nil {
				return err
			}
			size += len(e.JSON) + len(e.Context)
			if n := len(p.Events); n == q.Limit || n > 0 && size > epcis.PageBytes {
				p.Next = &cursor
				return nil
			}
			p.Events = append(p.Events, e)
			cursor.Seq, cursor.At = e.Seq, at
		}
		return rows.Err()
	})
	err = s.db.Snapshot(ctx, b)
	p.Bound = cursor.Bound
	return p, wrap("events", err)
}

// conditions gathers the WHERE of a query.
type conditions struct {
	sql  []string
	args []any
}

// arg takes a value and gives its mark.
func (c *conditions) arg(v any, kind string) string {
	c.args = append(c.args, v)
	return fmt.Sprintf("$%d::%s", len(c.args), kind)
}

func (c *conditions) add(sql string) { c.sql = append(c.sql, sql) }

func (c *conditions) in(column string, values []string) {
	switch len(values) {
	case 0:
	case 1: // which an index can give in order
		c.add(column + ` = ` + c.arg(values[0], "text"))
	default:
		c.add(column + ` = ANY (` + c.arg(values, "text[]") + `)`)
	}
}

func (c *conditions) between(column string, from, before time.Time) {
	if !from.IsZero() {
		c.add(column + ` >= ` + c.arg(from.UnixMicro(), "bigint"))
	}
	if !before.IsZero() {
		c.add(column + ` < ` + c.arg(before.UnixMicro(), "bigint"))
	}
}

// build makes a query of pages. Where it asks for one of several places, dispositions or steps, the page of each is taken from the index, and the page
// of all from those.
func build(q epcis.Query) (string, []any) {
	var w conditions
	each := ""
	for _, c := range []struct {
		column string
		values []string
	}{{"e.location", q.BizLocations}, {"e.read_point", q.ReadPoints}, {"e.disposition", q.Dispositions}, {"e.step", q.BizSteps}} {
		if len(c.values) > 1 && each == "" && len(q.Matches) == 0 && len(q.IDs) == 0 && q.Order == epcis.ByEventTime && len(w.sql) == 0 {
			values := slices.Clone(c.values)
			slices.Sort(values)
			each = `unnest(` + w.arg(slices.Compact(values), "text[]") + `) AS v (value)`
			w.add(c.column + ` = v.value`)
			continue
		}
		w.in(c.column, c.values)
	}
	w.in("e.type", q.Types)
	w.in("e.action", q.Actions)
	if len(q.IDs) > 0 {
		names := make([][]byte, len(q.IDs))
		for i, id := range q.IDs {
			names[i] = nameOf(id)
		}
		// Found first and by themselves: each is one event and its declaration, which the server cannot know.
		w.add(`e.seq = ANY (ARRAY (SELECT f.seq FROM epcis_event f WHERE f.name = ANY (` + w.arg(names, "bytea[]") + `)))`)
	}
	if q.Declared {
		w.add(`e.declared`)
	}
	w.between("e.time", q.From, q.Before)
	w.between("e.recorded", q.RecordedFrom, q.RecordedBefore)
	if q.Order == epcis.ByRecordTime && !q.RecordedFrom.IsZero() { // record times never go back: the first number says the same
		w.add(`e.seq > coalesce((SELECT f.seq FROM epcis_event f WHERE f.recorded < ` + w.arg(q.RecordedFrom.UnixMicro(), "bigint") + ` ORDER BY f.recorded DESC, f.seq DESC LIMIT 1), 0)`)
	}
	for _, m := range q.Matches {
		w.match(m)
	}
	direction, beyond := "DESC", "<"
	if q.Ascending {
		direction, beyond = "ASC", ">"
	}
	order := ` ORDER BY e.seq ` + direction
	if q.Order == epcis.ByEventTime {
		order = ` ORDER BY e.time ` + direction + `, e.seq ` + direction
	}
	if c := q.After; c != nil {
		w.add(`e.seq <= ` + w.arg(c.Bound, "bigint"))
		if q.Order == epcis.ByEventTime {
			w.add(`(e.time, e.seq) ` + beyond + ` (` + w.arg(c.At, "bigint") + `, ` + w.arg(c.Seq, "bigint") + `)`)
		} else {
			w.add(`e.seq ` + beyond + ` ` + w.arg(c.Seq, "bigint"))
		}
	}
	where := `WHERE ` + strings.Join(append(w.sql, `true`), ` AND `) + order + ` LIMIT ` + w.arg(q.Limit+1, "bigint")
	if each != "" {
		page := `SELECT e.seq FROM ` + each + ` CROSS JOIN LATERAL (SELECT e.seq, e.time FROM epcis_event e ` + where + `) e` + order + ` LIMIT ` + w.arg(q.Limit+1, "bigint")
		return selected + `unnest(ARRAY (` + page + `)) WITH ORDINALITY AS p (number, place) JOIN epcis_event e ON e.seq = p.number JOIN epcis_context c ON c.id = e.context ORDER BY p.place`, w.args
	}
	return columns + where, w.args
}

// match asks for events that mention one of the things wanted, in one of the roles.
func (c *conditions) match(m epcis.Match) {
	var ways []string
	if len(m.Wanted.Keys) > 0 {
		ways = append(ways, `SELECT id FROM epcis_thing WHERE key = ANY (`+c.arg(m.Wanted.Keys, "text[]")+`)`)
	}
	for _, p := range m.Wanted.Prefixes {
		ways = append(ways, `SELECT id FROM epcis_thing WHERE key >= `+c.arg(p, "text")+` AND key < `+c.arg(epcis.After(p), "text"))
	}
	roles := make([]int16, len(m.Roles))
	for i, r := range m.Roles {
		roles[i] = int16(r)
	}
	c.add(`e.seq IN (SELECT m.seq FROM epcis_mention m JOIN (` + strings.Join(ways, ` UNION ALL `) + `) t ON t.id = m.thing WHERE m.role = ANY (` + c.arg(roles, "smallint[]") + `))`)
}
