package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/booking"
	"charye/person"
)

const (
	bookingColumns = `id, person, campaign, gone, actor, channel, made_at, changed, doses, shared, sealed, idempotency, asked, missed`
	holdColumns    = `id, person, campaign, until, doses, shared, invited`
)

// view is what a batch was decided on: what the tables held at one instant.
type view struct {
	now      time.Time         // by the database's clock; zero when it was not asked
	bookings []booking.Booking // of the persons, by id
	holds    []booking.Hold    // of the persons
	due      []booking.Hold    // over, whoever's: first those that ended first, at most dueAtOnce
	versions map[person.Key]int64
	counters map[booking.Counter]booking.CounterState
}

// need is what a view holds.
type need struct {
	booking.Need
	counters []booking.Counter // ascending
}

// decision is a decided batch with the ground that it stands on.
type decision struct {
	outcomes []booking.Outcome
	changes  booking.Changes
	view     *view
	asked    []person.Key
	exact    []booking.Counter // these had to be as full as they were
	room     []booking.Claim   // these had to have room
	until    time.Time         // no hold may be over at this instant but those given back; zero: not checked
	ids      span              // of the events
	partly   bool              // only holds that are over were given back: there were too many of them for one transaction
}

// mostReads bounds how often a view turns out too small: a person's bookings, and with them the counters that matter, may
// change from one reading to the next.
const mostReads = 10

// decide reads what the batch touches and decides it. It reads again when the bookings and holds found name counters that were
// not read.
func (l *Ledger) decide(ctx context.Context, batch []booking.Request) (*decision, error) {
	n := need{Need: booking.Needs(batch), counters: booking.NewState(1, 1).Touches(batch)}
	for range mostReads {
		v, err := l.read(ctx, &n)
		if err != nil {
			return nil, err
		}
		if err := l.inTime(batch, v.now); err != nil {
			return nil, err
		}
		d := &decision{view: v}
		asked := batch
		if d.partly = len(v.due) == dueAtOnce; d.partly {
			asked = []booking.Request{{Op: booking.OpExpire, Channel: "system", At: v.due[dueAtOnce-1].Until}}
		}
		numbers, err := l.bookings.take(ctx, l.db, mostBookings(asked))
		if err != nil {
			return nil, err
		}
		if d.ids, err = l.events.take(ctx, l.db, mostEvents(asked)+2*len(v.holds)+2*len(v.due)); err != nil {
			return nil, err
		}
		st := booking.NewState(numbers.first, d.ids.first)
		v.fill(st, d.partly)
		missing := slices.DeleteFunc(st.Touches(asked), func(c booking.Counter) bool {
			_, read := slices.BinarySearch(n.counters, c)
			return read
		})
		if len(missing) == 0 {
			d.outcomes = booking.Decide(st, asked)
			d.changes = st.Changes()
		}
		l.bookings.back(numbers, max(d.changes.NextBooking, numbers.first))
		l.events.back(d.ids, max(d.changes.NextSeq, d.ids.first))
		if len(missing) > 0 {
			n.counters = append(n.counters, missing...)
			slices.Sort(n.counters)
			continue
		}
		d.asked = n.Persons
		if !d.partly {
			d.until = n.Until
		}
		d.findExact(asked)
		return d, nil
	}
	return nil, fmt.Errorf("what a batch touches changed %d times while it was read", mostReads)
}

// mostBookings is how many bookings requests can make.
func mostBookings(asked []booking.Request) int {
	n := len(asked)
	for i := range asked {
		if asked[i].Partner != nil {
			n++
		}
	}
	return n
}

// mostEvents is how many events requests can cause, beside those of holds that are over.
func mostEvents(asked []booking.Request) int {
	n := 2 * mostBookings(asked)
	for i := range asked {
		n += len(asked[i].Callees)
		if asked[i].Resize != 0 {
			n += 2 // the stock, and what of it is everybody's
		}
	}
	return n
}

// inTime compares the instants of a batch with the database's clock.
func (l *Ledger) inTime(batch []booking.Request, now time.Time) error {
	if l.skew == 0 {
		return nil
	}
	for i := range batch {
		if apart := batch[i].At.Sub(now); apart.Abs() > l.skew {
			return fmt.Errorf("%w: by %v", ErrClock, apart.Round(time.Second))
		}
	}
	return nil
}

// read reads a view, in one round trip.
func (l *Ledger) read(ctx context.Context, n *need) (*view, error) {
	v := &view{versions: map[person.Key]int64{}, counters: make(map[booking.Counter]booking.CounterState, len(n.counters))}
	b := &pgx.Batch{}
	version := func(rows pgx.Rows) error {
		var who []byte
		var at int64
		_, err := pgx.ForEachRow(rows, []any{&who, &at}, func() error {
			k, err := keyOf(who)
			v.versions[k] = at
			return err
		})
		return err
	}
	if len(n.Persons) > 0 {
		keys := make([][]byte, len(n.Persons))
		for i := range n.Persons {
			keys[i] = n.Persons[i][:]
		}
		b.Queue(`SELECT person, version FROM takers WHERE person = ANY ($1::bytea[])`, keys).Query(version)
		b.Queue(`SELECT `+bookingColumns+` FROM bookings WHERE person = ANY ($1::bytea[])`, keys).Query(scanInto(&v.bookings, scanBooking))
		b.Queue(`SELECT `+holdColumns+` FROM holds WHERE person = ANY ($1::bytea[])`, keys).Query(scanInto(&v.holds, scanHold))
	}
	if !n.Until.IsZero() {
		const due = ` FROM holds WHERE until <= $1::timestamptz ORDER BY until, id LIMIT $2::bigint`
		b.Queue(`SELECT `+holdColumns+due, n.Until, dueAtOnce).Query(scanInto(&v.due, scanHold))
		b.Queue(`SELECT person, version FROM takers WHERE person IN (SELECT person`+due+`)`, n.Until, dueAtOnce).Query(version)
	}
	if len(n.counters) > 0 {
		queueCounters(b, n.counters, func(c booking.CounterState) { v.counters[c.Counter] = c })
	}
	if l.skew > 0 {
		b.Queue(`SELECT clock_timestamp()`).QueryRow(func(row pgx.Row) error { return row.Scan(&v.now) })
	}
	if err := l.db.Snapshot(ctx, b); err != nil {
		return nil, err
	}
	slices.SortFunc(v.bookings, func(a, b booking.Booking) int { return cmp.Compare(a.ID, b.ID) })
	return v, nil
}

func queueCounters(b *pgx.Batch, ids []booking.Counter, yield func(booking.CounterState)) {
	list := make([]int64, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	b.Queue(`SELECT id, capacity, used FROM counters WHERE id = ANY ($1::bigint[])`, list).Query(func(rows pgx.Rows) error {
		return eachCounter(rows, yield)
	})
}

// fill puts a view into a state; with dueOnly nothing but the holds that are over.
func (v *view) fill(st *booking.State, dueOnly bool) {
	if !dueOnly {
		for i := range v.bookings {
			st.AddBooking(v.bookings[i])
		}
		for i := range v.holds {
			st.AddHold(v.holds[i])
		}
	}
	for i := range v.due {
		st.AddHold(v.due[i])
	}
	for _, c := range v.counters {
		st.AddCounter(c)
	}
}

// change puts a decision into statements: checks before what they guard, everybody's locks in the same order, and in the
// order that frees a unique key before it is taken anew.
func (d *decision) change() change {
	ch := &d.changes
	c := change{batch: &pgx.Batch{}, events: d.ids, count: len(ch.Events)}
	if c.count == 0 {
		return c
	}
	b := c.batch
	d.checkPersons(b)
	writeRows(b, ch)
	d.moveCounters(b)
	if !d.until.IsZero() {
		// Under the counters' locks: whoever holds anew and is not seen here shares no counter with this batch.
		// Holds of its own may be as short as they like.
		b.Queue(`SELECT booking_must(NOT EXISTS (SELECT FROM holds WHERE until <= $1::timestamptz AND id NOT BETWEEN $2::bigint AND $3::bigint))`,
			d.until, d.ids.first, ch.NextSeq-1)
	}
	queueBatch(b, ch.Events)
	return c
}
