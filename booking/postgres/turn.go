package postgres

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/booking"
	"charye/internal/pgdb"
	"charye/person"
)

// turn is a transaction that holds the lock of the feed, with what was loaded in its first round trip.
type turn struct {
	tx                   *pgdb.Tx
	nextSeq, nextBooking int64

	bookings   []booking.Booking // by id
	holds, due []booking.Hold    // of the persons; over, those that ended first, at most dueAtOnce

	asked []booking.Counter // ascending: loaded in the first round trip
	found []booking.CounterState
}

// need is what the first round trip loads: all that can be known from the requests alone, so that a batch of bookings
// needs no second one.
type need struct {
	booking.Need
	counters []booking.Counter // ascending
}

func needs(batch []booking.Request) *need {
	return &need{Need: booking.Needs(batch), counters: booking.NewState(1, 1).Touches(batch)}
}

const (
	bookingColumns = `id, person, campaign, gone, actor, channel, made_at, changed, doses, shared, sealed, idempotency, asked`
	holdColumns    = `id, person, campaign, until, doses, shared`
	lockFeed       = `SELECT next_seq, next_id FROM streams WHERE name = 'booking' FOR UPDATE`
)

// begin takes the lock and then loads what need names. Isolation is READ COMMITTED: each statement after the lock sees all
// that was committed under it.
func (l *Ledger) begin(ctx context.Context, need *need) (*turn, error) {
	t := &turn{}
	b := &pgx.Batch{}
	b.Queue(lockFeed).QueryRow(func(row pgx.Row) error { return row.Scan(&t.nextSeq, &t.nextBooking) })
	if need != nil && len(need.Persons) > 0 {
		keys := make([][]byte, len(need.Persons))
		for i := range need.Persons {
			keys[i] = need.Persons[i][:]
		}
		b.Queue(`SELECT `+bookingColumns+` FROM bookings WHERE person = ANY ($1::bytea[])`, keys).Query(scanInto(&t.bookings, scanBooking))
		b.Queue(`SELECT `+holdColumns+` FROM holds WHERE person = ANY ($1::bytea[])`, keys).Query(scanInto(&t.holds, scanHold))
	}
	if need != nil && !need.Until.IsZero() {
		b.Queue(`SELECT `+holdColumns+` FROM holds WHERE until <= $1::timestamptz ORDER BY until, id LIMIT $2::bigint`, need.Until, dueAtOnce).
			Query(scanInto(&t.due, scanHold))
	}
	if need != nil && len(need.counters) > 0 {
		t.asked = need.counters
		queueCounters(b, t.asked, func(c booking.CounterState) { t.found = append(t.found, c) })
	}
	var err error
	t.tx, err = l.db.Begin(ctx, b, !pgdb.Long)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(t.bookings, func(a, b booking.Booking) int { return cmp.Compare(a.ID, b.ID) })
	return t, nil
}

// state makes the state for a batch; with dueOnly it holds nothing but the holds that are over.
func (t *turn) state(ctx context.Context, batch []booking.Request, dueOnly bool) (*booking.State, error) {
	st := booking.NewState(t.nextBooking, t.nextSeq)
	if !dueOnly {
		for i := range t.bookings {
			st.AddBooking(t.bookings[i])
		}
		for i := range t.holds {
			st.AddHold(t.holds[i])
		}
	}
	for i := range t.due {
		st.AddHold(t.due[i])
	}
	for _, c := range t.found {
		st.AddCounter(c)
	}
	// What is left are the counters of bookings and holds that were loaded.
	rest := slices.DeleteFunc(st.Touches(batch), func(c booking.Counter) bool {
		_, asked := slices.BinarySearch(t.asked, c)
		return asked
	})
	return st, t.counters(ctx, rest, st.AddCounter)
}

// counters gives those of ids that were ever touched.
func (t *turn) counters(ctx context.Context, ids []booking.Counter, yield func(booking.CounterState)) error {
	if len(ids) == 0 {
		return ctx.Err()
	}
	b := &pgx.Batch{}
	queueCounters(b, ids, yield)
	return t.tx.Do(ctx, b)
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

// writes puts what changed into statements, in the order that frees a unique key before it is taken anew.
func writes(ch *booking.Changes) *pgx.Batch {
	b := &pgx.Batch{}
	if len(ch.HoldsGone) > 0 {
		b.Queue(`DELETE FROM holds WHERE id = ANY ($1::bigint[])`, ch.HoldsGone)
	}
	if len(ch.Changed) > 0 {
		r := bookingRows(ch.Changed)
		b.Queue(`UPDATE bookings b SET gone = n.gone, changed = n.changed, doses = n.doses::jsonb, shared = n.shared::jsonb
			FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::text[]) AS n (id, gone, changed, doses, shared)
			WHERE b.id = n.id`, r.id, r.gone, r.changed, r.doses, r.shared)
	}
	if len(ch.Booked) > 0 {
		r := bookingRows(ch.Booked)
		b.Queue(`INSERT INTO bookings (`+bookingColumns+`)
			SELECT id, person, campaign, gone, actor, channel, made_at, changed, doses::jsonb, shared::jsonb, sealed, idempotency, asked
			FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[], $6::text[], $7::timestamptz[], $8::integer[],
				$9::text[], $10::text[], $11::bytea[], $12::bytea[], $13::bytea[])
			AS n (`+bookingColumns+`)`,
			r.id, r.person, r.campaign, r.gone, r.actor, r.channel, r.madeAt, r.changed, r.doses, r.shared, r.sealed, r.idempotency, r.asked)
	}
	if len(ch.Held) > 0 {
		r := holdRows(ch.Held)
		b.Queue(`INSERT INTO holds (`+holdColumns+`)
			SELECT id, person, campaign, until, doses::jsonb, shared::jsonb
			FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::timestamptz[], $5::text[], $6::text[]) AS n (`+holdColumns+`)`,
			r.id, r.person, r.campaign, r.until, r.doses, r.shared)
	}
	if len(ch.Counters) > 0 {
		n := len(ch.Counters)
		id, capacity, used := make([]int64, n), make([]int32, n), make([]int32, n)
		for i, c := range ch.Counters {
			id[i], capacity[i], used[i] = int64(c.Counter), int32(c.Capacity), int32(c.Used)
		}
		b.Queue(`INSERT INTO counters (id, capacity, used) SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[])
			ON CONFLICT (id) DO UPDATE SET capacity = excluded.capacity, used = excluded.used`, id, capacity, used)
	}
	r := eventRows(ch.Events)
	b.Queue(`INSERT INTO events (stream, seq, at, kind, person, actor, channel, why, what)
		SELECT 'booking', seq, at, kind, person, actor, channel, why, what::jsonb
		FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::bytea[], $5::bytea[], $6::text[], $7::text[], $8::text[])
		AS n (seq, at, kind, person, actor, channel, why, what)`,
		r.seq, r.at, r.kind, r.person, r.actor, r.channel, r.why, r.what)
	b.Queue(`UPDATE streams SET next_seq = $1::bigint, next_id = $2::bigint WHERE name = 'booking'`, ch.NextSeq, ch.NextBooking)
	return b
}

type bookingColumnsOf struct {
	id, campaign, gone                        []int64
	changed                                   []int32
	person, actor, sealed, idempotency, asked [][]byte
	channel, doses, shared                    []string
	madeAt                                    []time.Time
}

func bookingRows(list []booking.Booking) (r bookingColumnsOf) {
	for i := range list {
		b := &list[i]
		gone := int64(0)
		if b.Status != booking.Booked {
			gone = b.ID
		}
		r.id, r.campaign, r.gone = append(r.id, b.ID), append(r.campaign, int64(b.Campaign)), append(r.gone, gone)
		r.changed = append(r.changed, int32(b.Changed))
		r.person, r.actor = append(r.person, b.Person[:]), append(r.actor, orNull(b.Actor[:]))
		r.channel, r.madeAt = append(r.channel, b.Channel), append(r.madeAt, b.MadeAt)
		r.doses, r.shared = append(r.doses, writeDoses(b.Doses)), append(r.shared, writeClaims(b.Shared))
		r.sealed = append(r.sealed, b.Sealed)
		r.idempotency, r.asked = append(r.idempotency, orNull(b.Idempotency[:])), append(r.asked, orNull(b.Body[:]))
	}
	return r
}

type holdColumnsOf struct {
	id, campaign  []int64
	person        [][]byte
	until         []time.Time
	doses, shared []string
}

func holdRows(list []booking.Hold) (r holdColumnsOf) {
	for i := range list {
		h := &list[i]
		r.id, r.campaign, r.person = append(r.id, h.ID), append(r.campaign, int64(h.Campaign)), append(r.person, h.Person[:])
		r.until = append(r.until, h.Until)
		r.doses, r.shared = append(r.doses, writeDoses(h.Doses)), append(r.shared, writeClaims(h.Shared))
	}
	return r
}

type eventColumnsOf struct {
	seq                      []int64
	at                       []time.Time
	kind, channel, why, what []string
	person, actor            [][]byte
}

func eventRows(list []booking.Event) (r eventColumnsOf) {
	for i := range list {
		e := &list[i]
		r.seq, r.at, r.kind = append(r.seq, e.Seq), append(r.at, e.At), append(r.kind, string(e.Kind))
		r.person, r.actor = append(r.person, orNull(e.Person[:])), append(r.actor, orNull(e.Actor[:]))
		r.channel, r.why, r.what = append(r.channel, e.Channel), append(r.why, e.Why), append(r.what, writeWhat(e))
	}
	return r
}

// orNull makes a key of zeros, which is no key, NULL.
func orNull(key []byte) []byte {
	if bytes.Count(key, []byte{0}) == len(key) {
		return nil
	}
	return key
}

// keyOf reads a key of 16 bytes; NULL is the zero key.
func keyOf(b []byte) (k person.Key, err error) {
	switch len(b) {
	case 0:
	case len(k):
		k = person.Key(b)
	default:
		err = errRow
	}
	return k, err
}
