package moves

import (
	"context"

	"golang.org/x/time/rate"

	"charye/programme"
	"charye/site"
)

// Rules are what a plan is made by, and carried out under.
type Rules struct {
	Programme *programme.Programme
	Sites     []site.Site
}

// Places are the sessions of the rules; see [NewPlaces].
func (r Rules) Places() *Places { return NewPlaces(r.Programme, r.Sites) }

// Stream carries out a plan as it is read: what is added goes to the ledger in batches of at most [AtOnce].
type Stream[T any] struct {
	send  func(ctx context.Context, batch []T) error
	pace  *rate.Limiter
	batch []T
}

// NewStream makes one that sends at most so many a second, so that those who book go on meanwhile; 0: as fast as it goes. A batch belongs to send
// until it returns.
func NewStream[T any](perSecond float64, send func(ctx context.Context, batch []T) error) *Stream[T] {
	s := &Stream[T]{send: send, pace: rate.NewLimiter(rate.Inf, AtOnce), batch: make([]T, 0, AtOnce)}
	if perSecond > 0 {
		s.pace.SetLimit(rate.Limit(perSecond))
	}
	return s
}

// Add takes one, and sends the batch when it is full.
func (s *Stream[T]) Add(ctx context.Context, x T) error {
	if s.batch = append(s.batch, x); len(s.batch) < AtOnce {
		return nil
	}
	return s.Flush(ctx)
}

// Flush sends what is left.
func (s *Stream[T]) Flush(ctx context.Context) error {
	if len(s.batch) == 0 {
		return nil
	}
	if err := s.pace.WaitN(ctx, len(s.batch)); err != nil {
		return err
	}
	if err := s.send(ctx, s.batch); err != nil {
		return err
	}
	s.batch = s.batch[:0]
	return nil
}
