package leftover

import "context"

// Source is a store that another can be filled from.
type Source interface {
	// AllEntries calls yield for everybody who is or was in a list.
	AllEntries(ctx context.Context, yield func(Entry) error) error
	// AllBatches calls yield for every batch, by id.
	AllBatches(ctx context.Context, yield func(Batch) error) error
	// AllOffers calls yield for every offer, by id.
	AllOffers(ctx context.Context, yield func(Offer) error) error
	// NextID is the next free number of batches and offers.
	NextID(ctx context.Context) (int64, error)
	// Events lists events after a number, in order, at most limit.
	Events(ctx context.Context, after int64, limit int) ([]Event, error)
}
