package postgres

import (
	"bytes"
	"slices"

	"github.com/jackc/pgx/v5"

	"charye/booking"
	"charye/person"
)

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
