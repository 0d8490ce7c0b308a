package postgres

import (
	"bytes"
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

// findExact collects the counters that had to be as they were for the outcomes to be what they are: what people were refused
// for want of, all that was looked at before it, and the choices that were passed over for a later one. Shared counters, which
// everybody moves, need only have room still where they had it.
func (d *decision) findExact(asked []booking.Request) {
	for i := range d.outcomes {
		o, r := &d.outcomes[i], &asked[i]
		switch {
		case r.Op == booking.OpInvite: // whose turn it is
			d.exact = append(d.exact, booking.StandbyCounter(r.Campaign), booking.DisplacedCounter(r.Campaign))
		case r.Op == booking.OpVisit:
			d.exactVisit(o)
		case r.Partner == nil:
			d.exactFor(o, r)
		case o.Partner != nil && o.Result == o.Partner.Result && o.Booking.ID == 0: // refused for the partner's sake, with both at the counter
			d.exactAll(r)
			d.exactAll(r.Partner)
		default:
			d.exactFor(o, r)
			if o.Partner != nil {
				d.exactFor(o.Partner, r.Partner)
			}
		}
	}
	// How many vials what is booked on a day opens depends on how much is booked.
	for _, c := range d.changes.Counters {
		if c.Counter.Kind() == booking.KindOpened {
			d.exact = append(d.exact, c.Counter)
		}
	}
}

// exactAll wants all that a request named to be as it was.
func (d *decision) exactAll(r *booking.Request) {
	for _, c := range r.Shared {
		d.exact = append(d.exact, c.Counter)
	}
	for _, choices := range r.Doses {
		d.exactChoices(choices)
	}
}

// exactVisit wants what a booking, to be taken back from being over, found no room in to be as it was.
func (d *decision) exactVisit(o *booking.Outcome) {
	if o.Result != booking.Full {
		return
	}
	for _, c := range o.Booking.Shared {
		d.exact = append(d.exact, c.Counter)
	}
	for i := range o.Booking.Doses {
		k := &o.Booking.Doses[i]
		d.exactChoices([]booking.Choice{{Slot: k.Slot, Seat: k.Seat, Vial: k.Vial}})
	}
}

func (d *decision) exactChoices(choices []booking.Choice) {
	for i := range choices {
		d.exact = append(d.exact, choices[i].Counters()...)
	}
}

func (d *decision) exactFor(o *booking.Outcome, r *booking.Request) {
	if o.Result == booking.Full {
		shared := r.Shared
		if shared == nil {
			shared = o.Booking.Shared // a change keeps what the booking has
		}
		for _, c := range shared {
			if o.FullDose == 0 {
				d.exact = append(d.exact, c.Counter)
			} else {
				d.room = append(d.room, c)
			}
		}
		for _, choices := range r.Doses[:o.FullDose] {
			d.exactChoices(choices)
		}
		return
	}
	got := o.Booking.Doses
	if r.Op == booking.OpHold {
		got = o.Hold.Doses
	}
	if r.Hold != 0 || o.Result != booking.Done && (o.Result != booking.Repeated || r.Op != booking.OpChange) {
		return
	}
	for k, choices := range r.Doses[:min(len(r.Doses), len(got))] {
		at := slices.IndexFunc(choices, func(c booking.Choice) bool { return c.Slot == got[k].Slot })
		d.exactChoices(choices[:max(at, 0)])
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

// checkPersons sees to it that everybody whom the batch decided about is as they were read, and moves the versions of those
// whose bookings or holds change. Whoever is only refused is locked and not changed: two nodes that refuse one person do
// not disturb each other. New rows come first and then the locks, each ascending: nobody who holds a lock waits for a new row.
func (d *decision) checkPersons(b *pgx.Batch) {
	changes := make(map[person.Key]bool, len(d.changes.Events))
	for i := range d.changes.Events {
		if who := d.changes.Events[i].Person; !who.IsZero() {
			changes[who] = true
		}
	}
	who := slices.Clone(d.asked)
	for k := range changes {
		who = append(who, k)
	}
	slices.SortFunc(who, func(a, b person.Key) int { return bytes.Compare(a[:], b[:]) })
	who = slices.Compact(who)
	var fresh, lock, move [][]byte
	var first, read []int64
	made := 0
	for i := range who {
		version, known := d.view.versions[who[i]]
		if !known {
			fresh = append(fresh, who[i][:])
			if changes[who[i]] {
				first = append(first, 1)
				made++
				continue
			}
			first = append(first, 0)
		}
		lock, read = append(lock, who[i][:]), append(read, version)
		if changes[who[i]] {
			move = append(move, who[i][:])
		}
	}
	if len(fresh) > 0 {
		b.Queue(`WITH fresh AS (INSERT INTO takers (person, version) SELECT * FROM unnest($1::bytea[], $2::bigint[]) ON CONFLICT DO NOTHING RETURNING version)
			SELECT booking_must(count(*) = $3::bigint) FROM fresh WHERE version = 1`, fresh, first, made)
	}
	if len(lock) > 0 {
		b.Queue(`SELECT booking_must(count(*) = $3::bigint) FROM (SELECT person, version FROM takers WHERE person = ANY ($1::bytea[]) ORDER BY person FOR UPDATE) t
			JOIN unnest($1::bytea[], $2::bigint[]) AS n (person, version) ON t.person = n.person AND t.version = n.version`, lock, read, len(lock))
	}
	if len(move) > 0 {
		b.Queue(`UPDATE takers SET version = version + 1 WHERE person = ANY ($1::bytea[])`, move)
	}
}

// moveCounters locks the counters that matter, checks those that must be as they were read, and moves the others.
func (d *decision) moveCounters(b *pgx.Batch) {
	var lock, moved, fresh, exact, absent []int64
	var by, high, freshCapacity, freshUsed, capacity, used []int32
	var sized []int64
	var size []int32
	peak := peaks(d.changes.Events)
	after := make(map[booking.Counter]booking.CounterState, len(d.changes.Counters))
	for _, c := range d.changes.Counters {
		after[c.Counter] = c
		old, known := d.view.counters[c.Counter]
		if !known {
			fresh, freshCapacity, freshUsed = append(fresh, int64(c.Counter)), append(freshCapacity, int32(c.Capacity)), append(freshUsed, int32(c.Used))
			continue
		}
		lock = append(lock, int64(c.Counter))
		if c.Capacity != old.Capacity {
			d.exact = append(d.exact, c.Counter)
			sized, size = append(sized, int64(c.Counter)), append(size, int32(c.Capacity))
		}
		moved, by, high = append(moved, int64(c.Counter)), append(by, int32(c.Used-old.Used)), append(high, int32(peak[c.Counter]))
	}
	// What has room beyond all that this batch takes is asked for that room; what is nearly full must be as it was.
	var tight, need []int64
	for _, c := range d.room {
		st, known := d.view.counters[c.Counter]
		last, moved := after[c.Counter]
		switch {
		case moved && !known:
			continue // this batch brings it into being, with room
		case moved:
			st = last
		}
		if st.Capacity-st.Used < c.N {
			d.exact = append(d.exact, c.Counter)
			continue
		}
		tight, need = append(tight, int64(c.Counter)), append(need, int64(c.N))
	}
	slices.Sort(d.exact)
	for _, id := range slices.Compact(d.exact) {
		old, known := d.view.counters[id]
		if !known {
			absent = append(absent, int64(id))
			continue
		}
		lock = append(lock, int64(id))
		exact, capacity, used = append(exact, int64(id)), append(capacity, int32(old.Capacity)), append(used, int32(old.Used))
	}
	if len(lock) > 0 {
		b.Queue(`SELECT count(*) FROM (SELECT FROM counters WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE) AS locked`, lock)
	}
	if len(exact) > 0 {
		b.Queue(`SELECT booking_must(count(*) = $4::bigint) FROM counters c
			JOIN unnest($1::bigint[], $2::integer[], $3::integer[]) AS n (id, capacity, used) ON c.id = n.id AND c.capacity = n.capacity AND c.used = n.used`,
			exact, capacity, used, len(exact))
	}
	if len(absent) > 0 {
		// All but those that this batch brings into being itself.
		b.Queue(`SELECT booking_must(NOT EXISTS (SELECT FROM counters WHERE id = ANY ($1::bigint[])))`, absent)
	}
	// What grows does so before it is taken from, and what shrinks after it was given back: the table's check holds at each moment.
	resize := func(grows bool) {
		if len(sized) > 0 {
			b.Queue(`UPDATE counters c SET capacity = n.capacity FROM unnest($1::bigint[], $2::integer[]) AS n (id, capacity)
				WHERE c.id = n.id AND (n.capacity > c.capacity) = $3::boolean AND n.capacity <> c.capacity`, sized, size, grows)
		}
	}
	resize(true)
	if len(moved) > 0 {
		b.Queue(`WITH now AS (UPDATE counters c SET used = c.used + n.by FROM unnest($1::bigint[], $2::integer[], $3::integer[]) AS n (id, by, high)
				WHERE c.id = n.id AND c.used + n.by >= 0 AND c.used + n.high <= c.capacity RETURNING 1)
			SELECT booking_must(count(*) = $4::bigint) FROM now`, moved, by, high, len(moved))
	}
	resize(false)
	if len(tight) > 0 {
		b.Queue(`SELECT booking_must(bool_and(c.capacity - c.used >= n.need)) FROM counters c JOIN unnest($1::bigint[], $2::bigint[]) AS n (id, need) USING (id)`, tight, need)
	}
	if len(fresh) > 0 {
		b.Queue(`INSERT INTO counters (id, capacity, used) SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[])`, fresh, freshCapacity, freshUsed)
	}
}

// peaks gives for each counter how far above its beginning the events of a batch take it on their way: a batch that takes a
// seat and gives one back needs room for both moments, so that its events can be replayed.
func peaks(events []booking.Event) map[booking.Counter]int {
	sum, high := map[booking.Counter]int{}, map[booking.Counter]int{}
	for i := range events {
		for _, d := range events[i].Deltas {
			sum[d.Counter] += d.By
			high[d.Counter] = max(high[d.Counter], sum[d.Counter])
		}
	}
	return high
}

// writeRows writes bookings, holds and events.
func writeRows(b *pgx.Batch, ch *booking.Changes) {
	if len(ch.HoldsGone) > 0 {
		b.Queue(`DELETE FROM holds WHERE id = ANY ($1::bigint[])`, ch.HoldsGone)
	}
	if len(ch.Changed) > 0 {
		r := bookingRows(ch.Changed)
		b.Queue(`UPDATE bookings b SET gone = n.gone, missed = n.missed, changed = n.changed, doses = n.doses::jsonb, shared = n.shared::jsonb
			FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::text[], $6::boolean[]) AS n (id, gone, changed, doses, shared, missed)
			WHERE b.id = n.id`, r.id, r.gone, r.changed, r.doses, r.shared, r.missed)
	}
	if len(ch.Booked) > 0 {
		r := bookingRows(ch.Booked)
		b.Queue(`INSERT INTO bookings (`+bookingColumns+`)
			SELECT id, person, campaign, gone, actor, channel, made_at, changed, doses::jsonb, shared::jsonb, sealed, idempotency, asked, missed
			FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[], $6::text[], $7::timestamptz[], $8::integer[],
				$9::text[], $10::text[], $11::bytea[], $12::bytea[], $13::bytea[], $14::boolean[])
			AS n (`+bookingColumns+`)`,
			r.id, r.person, r.campaign, r.gone, r.actor, r.channel, r.madeAt, r.changed, r.doses, r.shared, r.sealed, r.idempotency, r.asked, r.missed)
	}
	if len(ch.Held) > 0 {
		r := holdRows(ch.Held)
		b.Queue(`INSERT INTO holds (`+holdColumns+`)
			SELECT id, person, campaign, until, doses::jsonb, shared::jsonb, invited
			FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::timestamptz[], $5::text[], $6::text[], $7::timestamptz[]) AS n (`+holdColumns+`)`,
			r.id, r.person, r.campaign, r.until, r.doses, r.shared, r.invited)
	}
	r := eventRows(ch.Events)
	b.Queue(`INSERT INTO events (stream, seq, at, kind, person, actor, channel, why, what)
		SELECT 'booking', seq, at, kind, person, actor, channel, why, what::jsonb
		FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::bytea[], $5::bytea[], $6::text[], $7::text[], $8::text[])
		AS n (seq, at, kind, person, actor, channel, why, what)`,
		r.seq, r.at, r.kind, r.person, r.actor, r.channel, r.why, r.what)
}

// queueBatch writes the row of a batch. It is the last statement: its id is taken when all locks are held.
func queueBatch(b *pgx.Batch, events []booking.Event) {
	b.Queue(`INSERT INTO booking_batches (first_event, events, digests) VALUES ($1::bigint, $2::integer, $3::bytea)`, events[0].Seq, len(events), digestsOf(events))
}
