package sqlite

import (
	"context"
	"fmt"

	"charye/internal/durable"
	"charye/leftover"
)

var _ leftover.Source = (*Store)(nil)

func each[T any](list []T, err error, yield func(T) error) error {
	if err != nil {
		return fmt.Errorf("leftovers: %w", durable.Wrap(err))
	}
	for _, v := range list {
		if err := yield(v); err != nil {
			return err
		}
	}
	return nil
}

// pageOf is how many rows are read at a time.
const pageOf = 10_000

// AllEntries implements [leftover.Source].
func (s *Store) AllEntries(ctx context.Context, yield func(leftover.Entry) error) error {
	var last leftover.Entry
	for {
		list, err := reader{s.db.R}.entries(ctx, `WHERE (campaign, site, person) > (?, ?, ?) ORDER BY campaign, site, person LIMIT ?`,
			last.Campaign, last.Site, last.Person[:], pageOf)
		if err := each(list, err, yield); err != nil || len(list) == 0 {
			return err
		}
		last = list[len(list)-1]
	}
}

// AllBatches implements [leftover.Source].
func (s *Store) AllBatches(ctx context.Context, yield func(leftover.Batch) error) error {
	for after := int64(0); ; {
		list, err := reader{s.db.R}.batches(ctx, `WHERE id > ? ORDER BY id LIMIT ?`, after, pageOf)
		if err := each(list, err, yield); err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
	}
}

// AllOffers implements [leftover.Source].
func (s *Store) AllOffers(ctx context.Context, yield func(leftover.Offer) error) error {
	for after := int64(0); ; {
		list, err := reader{s.db.R}.offers(ctx, `WHERE id > ? ORDER BY id LIMIT ?`, after, pageOf)
		if err := each(list, err, yield); err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
	}
}

// NextID implements [leftover.Source].
func (s *Store) NextID(ctx context.Context) (id int64, err error) {
	err = s.db.R.QueryRowContext(ctx, `SELECT next FROM numbers`).Scan(&id)
	if err != nil {
		err = fmt.Errorf("leftovers: %w", durable.Wrap(err))
	}
	return id, err
}
