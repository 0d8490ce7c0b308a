package postgres

import (
	"context"
	"fmt"

	"charye/internal/pgdb"
	"charye/leftover"
)

// Fill takes over the lists, batches, offers and history of another store; see [pgdb.DB.Import].
func (s *Store) Fill(ctx context.Context, source string, from leftover.Source) (done bool, err error) {
	tables := []string{"leftover_entries", "leftover_batches", "leftover_offers"}
	done, err = s.db.Import(ctx, "leftovers", source, tables, func(ctx context.Context, f *pgdb.Filling) error {
		entries := f.Table(tables[0], "campaign", "site", "person", "born", "since", "turn", "gone")
		if err := from.AllEntries(ctx, func(e leftover.Entry) error {
			return entries.Add(ctx, int64(e.Campaign), int32(e.Site), e.Person[:], int32(e.Born), int32(e.Since), turn(e.Turn), e.Left)
		}); err != nil {
			return err
		}
		if err := entries.Flush(ctx); err != nil {
			return err
		}
		batches := f.Table(tables[1], "id", "campaign", "site", "product", "doses", "made", "until", "minutes", "next")
		if err := from.AllBatches(ctx, func(b leftover.Batch) error {
			return batches.Add(ctx, b.ID, int64(b.Campaign), int32(b.Site), b.Product, int32(b.Doses), b.Made, b.Until, int32(b.Minutes), nullable(b.Next))
		}); err != nil {
			return err
		}
		if err := batches.Flush(ctx); err != nil {
			return err
		}
		offers := f.Table(tables[2], "id", "batch", "campaign", "person", "state", "made", "until", "answered")
		if err := from.AllOffers(ctx, func(o leftover.Offer) error {
			return offers.Add(ctx, o.ID, o.Batch, int64(o.Campaign), o.Person[:], int16(o.State), o.Made, o.Until, nullable(o.Answered))
		}); err != nil {
			return err
		}
		if err := offers.Flush(ctx); err != nil {
			return err
		}
		return fillHistory(ctx, f, from)
	})
	if err != nil {
		return false, fmt.Errorf("fill leftovers: %w", err)
	}
	return done, nil
}

func fillHistory(ctx context.Context, f *pgdb.Filling, from leftover.Source) error {
	const page = 10_000
	events := f.Table("events", "stream", "seq", "at", "kind", "person", "channel", "why", "what")
	seq := int64(0)
	for {
		list, err := from.Events(ctx, seq, page)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for i := range list {
			e := &list[i]
			var who []byte
			if !e.Person.IsZero() {
				who = e.Person[:]
			}
			if err := events.Add(ctx, "leftover", e.Seq, e.At, string(e.Kind), who, e.Channel, e.Why, string(body(e))); err != nil {
				return err
			}
			seq = e.Seq
		}
	}
	if err := events.Flush(ctx); err != nil {
		return err
	}
	next, err := from.NextID(ctx)
	if err != nil {
		return err
	}
	return f.Exec(ctx, `UPDATE streams SET next_seq = $1::bigint, next_id = $2::bigint WHERE name = 'leftover'`, seq+1, next)
}
