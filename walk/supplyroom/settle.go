package supplyroom

import (
	"context"

	"charye/approval"
	"charye/supply/journal"
	"charye/supply/room"
	"charye/walk"
	"charye/walk/approvals"
)

// SettleDeparture settles a departure as it was shown, named by the digest of its boxes. [walk.Error.Field] says why not: taken, changed, again or cutoff.
func (s *Door) SettleDeparture(ctx context.Context, a walk.Actor, digest string) (journal.Event, error) {
	return s.onDelivery(a, func(r *room.Room, who approval.Who) (journal.Event, error) { return r.Settle(ctx, who, digest) })
}

// WithdrawSettlement takes back what of a settlement has not left, with a reason.
func (s *Door) WithdrawSettlement(ctx context.Context, a walk.Actor, id int64, why string) (journal.Event, error) {
	return s.onDelivery(a, func(r *room.Room, who approval.Who) (journal.Event, error) {
		return r.WithdrawSettlement(ctx, who, id, why)
	})
}

func (s *Door) onDelivery(a walk.Actor, do func(*room.Room, approval.Who) (journal.Event, error)) (journal.Event, error) {
	if err := walk.Allow(a, walk.SettleDelivery); err != nil {
		return journal.Event{}, err
	}
	r, err := s.supplyRoom()
	if err != nil {
		return journal.Event{}, err
	}
	e, err := do(r, approvals.Who(a))
	return e, supplyError(err)
}

// Settlement gives what was settled under a number, as things stand.
func (s *Door) Settlement(ctx context.Context, a walk.Actor, id int64) (*room.View, *journal.Settlement, error) {
	if _, err := s.Supply(ctx, a); err != nil {
		return nil, nil, err
	}
	v, x, err := s.room.Settlement(ctx, id)
	return v, x, supplyError(err)
}

// PlannedDeparture gives what was planned under a digest, now or shortly before.
func (s *Door) PlannedDeparture(_ context.Context, a walk.Actor, digest string) (room.Departure, error) {
	if err := walk.Allow(a, walk.SeeSupply); err != nil {
		return room.Departure{}, err
	}
	r, err := s.supplyRoom()
	if err != nil {
		return room.Departure{}, err
	}
	d, _, ok := r.Departure(digest)
	if !ok {
		return d, walk.Refuse(walk.NotFound, "the plan was made anew since").At("again")
	}
	return d, nil
}

// SettlementShipping gives the EPCIS document with which what is open of a settlement leaves.
func (s *Door) SettlementShipping(ctx context.Context, a walk.Actor, x *journal.Settlement) ([]byte, error) {
	if err := walk.Allow(a, walk.SeeSupply); err != nil {
		return nil, err
	}
	r, err := s.supplyRoom()
	if err != nil {
		return nil, err
	}
	return r.Shipping(ctx, x)
}
