package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/booking"
)

// SetCapacity changes capacities, each with an event.
func (l *Ledger) SetCapacity(ctx context.Context, claims []booking.Claim) error {
	ids := make([]booking.Counter, len(claims))
	for i, c := range claims {
		ids[i] = c.Counter
	}
	return l.Adjust(ctx, ids, func(map[booking.Counter]booking.CounterState) ([]booking.Claim, error) { return claims, nil })
}

// Adjust changes capacities by what they are.
func (l *Ledger) Adjust(ctx context.Context, counters []booking.Counter, rule func(map[booking.Counter]booking.CounterState) ([]booking.Claim, error)) error {
	ids := slices.Clone(counters)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	err := l.change(ctx, func() (change, error) {
		set := map[booking.Counter]booking.CounterState{}
		read := &pgx.Batch{}
		queueCounters(read, ids, func(c booking.CounterState) { set[c.Counter] = c })
		if err := l.db.Snapshot(ctx, read); err != nil {
			return change{}, err
		}
		claims, err := rule(maps.Clone(set))
		if err != nil {
			return change{}, err
		}
		for _, c := range claims {
			if _, named := slices.BinarySearch(ids, c.Counter); !named || c.Counter.Kind() == 0 || c.Capacity < 0 || c.Capacity > booking.MaxQuantity {
				return change{}, fmt.Errorf("set capacity of %v to %d: no such counter or capacity", c.Counter, c.Capacity)
			}
		}
		if len(claims) == 0 {
			return change{}, nil
		}
		span, err := l.events.take(ctx, l.db, len(claims))
		if err != nil {
			return change{}, err
		}
		// What was read must stand; then all of it is written anew.
		d := decision{ids: span, view: &view{counters: map[booking.Counter]booking.CounterState{}}, exact: ids}
		maps.Copy(d.view.counters, set)
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
	// Those that nobody had touched are plainly inserted: one that came into being meanwhile is in the way, and all is read anew.
	var old, fresh []int64
	var oldCapacity, freshCapacity []int32
	for _, c := range changed {
		if _, known := d.view.counters[c.Counter]; known {
			old, oldCapacity = append(old, int64(c.Counter)), append(oldCapacity, int32(c.Capacity))
		} else {
			fresh, freshCapacity = append(fresh, int64(c.Counter)), append(freshCapacity, int32(c.Capacity))
		}
	}
	if len(old) > 0 {
		b.Queue(`UPDATE counters c SET capacity = n.capacity FROM unnest($1::bigint[], $2::integer[]) AS n (id, capacity) WHERE c.id = n.id`, old, oldCapacity)
	}
	if len(fresh) > 0 {
		b.Queue(`INSERT INTO counters (id, capacity, used) SELECT id, capacity, 0 FROM unnest($1::bigint[], $2::integer[]) AS n (id, capacity)`, fresh, freshCapacity)
	}
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
