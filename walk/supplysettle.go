package walk

import (
	"context"

	"charye/approval"
	"charye/supply/journal"
	"charye/supply/room"
)

// SettleDeparture settles a departure as it was shown, named by the digest of its boxes. [Error.Field] says why not: taken, changed, again or cutoff.
func (w *Walk) SettleDeparture(ctx context.Context, a Actor, digest string) (journal.Event, error) {
	return w.onDelivery(a, func(r *room.Room, who approval.Who) (journal.Event, error) { return r.Settle(ctx, who, digest) })
}

// WithdrawSettlement takes back what of a settlement has not left, with a reason.
func (w *Walk) WithdrawSettlement(ctx context.Context, a Actor, id int64, why string) (journal.Event, error) {
	return w.onDelivery(a, func(r *room.Room, who approval.Who) (journal.Event, error) {
		return r.WithdrawSettlement(ctx, who, id, why)
	})
}

func (w *Walk) onDelivery(a Actor, do func(*room.Room, approval.Who) (journal.Event, error)) (journal.Event, error) {
	if err := may(a, SettleDelivery); err != nil {
		return journal.Event{}, err
	}
	r, err := w.supplyRoom()
	if err != nil {
		return journal.Event{}, err
	}
	e, err := do(r, whoOf(a))
	return e, supplyError(err)
}

// Settlement gives what was settled under a number, as things stand.
func (w *Walk) Settlement(ctx context.Context, a Actor, id int64) (*room.View, *journal.Settlement, error) {
	if _, err := w.Supply(ctx, a); err != nil {
		return nil, nil, err
	}
	v, s, err := w.supply.Settlement(ctx, id)
	return v, s, supplyError(err)
}

// PlannedDeparture gives what was planned under a digest, now or shortly before.
func (w *Walk) PlannedDeparture(_ context.Context, a Actor, digest string) (room.Departure, error) {
	if err := may(a, SeeSupply); err != nil {
		return room.Departure{}, err
	}
	r, err := w.supplyRoom()
	if err != nil {
		return room.Departure{}, err
	}
	d, _, ok := r.Departure(digest)
	if !ok {
		return d, refuse(NotFound, "the plan was made anew since").field("again")
	}
	return d, nil
}

// SettlementShipping gives the EPCIS document with which what is open of a settlement leaves.
func (w *Walk) SettlementShipping(ctx context.Context, a Actor, s *journal.Settlement) ([]byte, error) {
	if err := may(a, SeeSupply); err != nil {
		return nil, err
	}
	r, err := w.supplyRoom()
	if err != nil {
		return nil, err
	}
	return r.Shipping(ctx, s)
}
