package postgres

import (
	"context"
	"fmt"
	"math"

	"charye/booking"
	"charye/internal/pgdb"
)

// eventsPerBatch is how many events of a filled feed stand under one batch.
const eventsPerBatch = 1000

// Fill takes over a ledger at rest, with its ids and the numbers of its events; see [pgdb.DB.Import].
func (l *Ledger) Fill(ctx context.Context, source string, from booking.Ledger) (done bool, err error) {
	done, err = l.db.Import(ctx, "bookings", source, []string{"counters", "bookings", "holds", "booking_batches"}, func(ctx context.Context, f *pgdb.Filling) error {
		for _, step := range []func(context.Context, *pgdb.Filling, booking.Ledger) error{fillCounters, fillBookings, fillHolds, fillEvents} {
			if err := step(ctx, f, from); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("booking: fill: %w", err)
	}
	return done, nil
}

func fillCounters(ctx context.Context, f *pgdb.Filling, from booking.Ledger) error {
	var list []booking.CounterState
	if _, err := from.Counters(ctx, func(c booking.CounterState) { list = append(list, c) }); err != nil {
		return err
	}
	counters := f.Table("counters", "id", "capacity", "used")
	for _, c := range list {
		if err := counters.Add(ctx, int64(c.Counter), int32(c.Capacity), int32(c.Used)); err != nil {
			return err
		}
	}
	return counters.Flush(ctx)
}

func fillBookings(ctx context.Context, f *pgdb.Filling, from booking.Ledger) error {
	bookings := f.Table("bookings", "id", "person", "campaign", "gone", "actor", "channel", "made_at", "changed", "doses", "shared", "sealed",
		"idempotency", "asked", "missed")
	last := int64(0)
	if err := from.All(ctx, func(b booking.Booking) error {
		gone := int64(0)
		if b.Status != booking.Booked {
			gone = b.ID
		}
		last = max(last, b.ID)
		return bookings.Add(ctx, b.ID, b.Person[:], int64(b.Campaign), gone, orNull(b.Actor[:]), b.Channel, b.MadeAt, int32(b.Changed),
			writeDoses(b.Doses), writeClaims(b.Shared), b.Sealed, orNull(b.Idempotency[:]), orNull(b.Body[:]), b.Status == booking.Missed)
	}); err != nil {
		return err
	}
	if err := bookings.Flush(ctx); err != nil {
		return err
	}
	return nextBlock(ctx, f, "booking_blocks", bookingBlock, last)
}

// nextBlock has a sequence go on with the first block that begins behind an id.
func nextBlock(ctx context.Context, f *pgdb.Filling, sequence string, block, last int64) error {
	return f.Exec(ctx, `SELECT setval($1::text::regclass, $2::bigint, false)`, sequence, (last+block-1)/block)
}

func fillHolds(ctx context.Context, f *pgdb.Filling, from booking.Ledger) error {
	list, err := from.DueHolds(ctx, lastInstant, math.MaxInt32)
	if err != nil {
		return err
	}
	holds := f.Table("holds", "id", "person", "campaign", "until", "doses", "shared", "invited")
	for i := range list {
		h := &list[i]
		if err := holds.Add(ctx, h.ID, h.Person[:], int64(h.Campaign), h.Until, writeDoses(h.Doses), writeClaims(h.Shared), orNone(h.Invited)); err != nil {
			return err
		}
	}
	return holds.Flush(ctx)
}

// fillEvents keeps the numbers of the feed as the ids of its events; a hold, which is named by its event, keeps its name.
func fillEvents(ctx context.Context, f *pgdb.Filling, from booking.Ledger) error {
	events := f.Table("events", "stream", "seq", "at", "kind", "person", "actor", "channel", "why", "what")
	batches := f.Table("booking_batches", "first_event", "events", "first_seq", "digests", "chain")
	last := int64(0)
	var chain booking.Hash
	for {
		page, err := from.Events(ctx, last, eventsPerBatch)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			e := &page[i]
			if err := events.Add(ctx, "booking", e.Seq, e.At, string(e.Kind), orNull(e.Person[:]), orNull(e.Actor[:]), e.Channel, e.Why, writeWhat(e)); err != nil {
				return err
			}
		}
		for i := range page {
			chain = booking.Link(chain, page[i].Seq, page[i].Digest())
		}
		if err := batches.Add(ctx, page[0].Seq, int32(len(page)), page[0].Seq, digestsOf(page), append([]byte(nil), chain[:]...)); err != nil {
			return err
		}
		last = page[len(page)-1].Seq
	}
	if err := events.Flush(ctx); err != nil {
		return err
	}
	if err := batches.Flush(ctx); err != nil {
		return err
	}
	if err := f.Exec(ctx, `UPDATE streams SET next_seq = $1::bigint WHERE name = 'booking'`, last+1); err != nil {
		return err
	}
	return nextBlock(ctx, f, "booking_event_blocks", eventBlock, last)
}
