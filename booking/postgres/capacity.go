package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/booking"
)

// SetCapacity changes capacities, each with an event.
func (l *Ledger) SetCapacity(ctx context.Context, claims []booking.Claim) error {
	ids := make([]booking.Counter, len(claims))
	for i, c := range claims {
		if c.Counter.Kind() == 0 || c.Capacity < 0 || c.Capacity > booking.MaxQuantity {
			return fmt.Errorf("booking: set capacity of %v to %d: no such counter or capacity", c.Counter, c.Capacity)
		}
		ids[i] = c.Counter
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	err := l.change(ctx, func() (change, error) {
		set := map[booking.Counter]booking.CounterState{}
		read := &pgx.Batch{}
		queueCounters(read, ids, func(c booking.CounterState) { set[c.Counter] = c })
		if err := l.db.Snapshot(ctx, read); err != nil {
			return change{}, err
		}
		span, err := l.events.take(ctx, l.db, len(claims))
		if err != nil {
			return change{}, err
		}
		// What was read must stand; then all of it is written anew.
		d := decision{ids: span, view: &view{counters: map[booking.Counter]booking.CounterState{}}, exact: ids}
		for id, c := range set {
			d.view.counters[id] = c
		}
		d.changes, err = capacities(claims, set, time.Now().UTC().Truncate(time.Microsecond), span.first)
		l.events.back(span, max(d.changes.NextSeq, span.first))
		if err != nil || len(d.changes.Events) == 0 {
			return change{}, err
		}
		c := change{batch: &pgx.Batch{}, events: span, count: len(d.changes.Events)}
		writeRows(c.batch, &d.changes)
		d.setCounters(c.batch)
		queueBatch(c.batch, d.changes.Events)
		return c, nil
	})
	if err != nil {
		return fmt.Errorf("booking: %w", err)
	}
	return nil
}

// setCounters locks and checks all that was read, and gives the changed counters their capacity.
func (d *decision) setCounters(b *pgx.Batch) {
	changed := d.changes.Counters
	d.changes.Counters = nil
	d.moveCounters(b)
	n := len(changed)
	id, capacity, used := make([]int64, n), make([]int32, n), make([]int32, n)
	for i, c := range changed {
		id[i], capacity[i], used[i] = int64(c.Counter), int32(c.Capacity), int32(c.Used)
	}
	b.Queue(`INSERT INTO counters (id, capacity, used) SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[])
		ON CONFLICT (id) DO UPDATE SET capacity = excluded.capacity`, id, capacity, used)
}

// capacities gives what changing the counters in set writes.
func capacities(claims []booking.Claim, set map[booking.Counter]booking.CounterState, at time.Time, nextSeq int64) (booking.Changes, error) {
	ch := booking.Changes{NextSeq: nextSeq}
	changed := map[booking.Counter]bool{}
	for _, c := range claims {
		old, known := set[c.Counter]
		switch {
		case c.Capacity < old.Used:
			return ch, fmt.Errorf("set capacity of %v to %d: %w (%d)", c.Counter, c.Capacity, booking.ErrBelowUsed, old.Used)
		case known && c.Capacity == old.Capacity:
			continue
		}
		set[c.Counter] = booking.CounterState{Counter: c.Counter, Capacity: c.Capacity, Used: old.Used}
		changed[c.Counter] = true
		ch.Events = append(ch.Events, booking.Event{
			Seq: ch.NextSeq, At: at, Kind: booking.EventCapacity, Channel: "system",
			Why: fmt.Sprintf("%d to %d", old.Capacity, c.Capacity), Deltas: []booking.Delta{{Counter: c.Counter}},
		})
		ch.NextSeq++
	}
	for id := range changed {
		ch.Counters = append(ch.Counters, set[id])
	}
	slices.SortFunc(ch.Counters, func(a, b booking.CounterState) int { return cmp.Compare(a.Counter, b.Counter) })
	return ch, nil
}
