// Package held is all that is kept about somebody, read room by room.
//
// It owns which rooms are asked. It must not know how anything is kept, or in which form it is shown.
package held

import (
	"context"
	"errors"

	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/walk/leftovers"
)

// Held is all that is kept about somebody, as far as it is theirs to read. What is kept for the sake of proof (events, the draw)
// names them by a key only, and is not among it.
type Held struct {
	Places     []walk.Place
	Bookings   []walk.Booking
	Recipients []person.Recipient
	Contact    notify.Contact
	Messages   []notify.Kept
	Leftovers  []leftovers.Mine
}

// Holder is what [Read] asks, room by room.
type Holder interface {
	Programme() *programme.Programme
	PlaceOf(ctx context.Context, a walk.Actor, campaign, recipient string) (walk.Place, error)
	Bookings(ctx context.Context, a walk.Actor) ([]walk.Booking, error)
	Recipients(ctx context.Context, a walk.Actor) ([]person.Recipient, error)
	Contact(ctx context.Context, a walk.Actor) (notify.Contact, error)
	Messages(ctx context.Context, a walk.Actor) ([]notify.Kept, error)
	Leftovers(ctx context.Context, a walk.Actor, campaign string) (leftovers.Mine, error)
}

// Read reads what is kept about the actor.
func Read(ctx context.Context, from Holder, a walk.Actor) (h Held, err error) {
	campaigns := from.Programme().Campaigns
	for i := range campaigns {
		p, err := from.PlaceOf(ctx, a, campaigns[i].ID, "")
		if e, ok := errors.AsType[*walk.Error](err); ok && e.Code == walk.NotFound {
			continue
		}
		if err != nil {
			return h, err
		}
		h.Places = append(h.Places, p)
	}
	if h.Bookings, err = from.Bookings(ctx, a); err != nil {
		return h, err
	}
	if h.Recipients, err = from.Recipients(ctx, a); err != nil {
		return h, err
	}
	if h.Contact, err = from.Contact(ctx, a); err != nil {
		return h, err
	}
	if h.Messages, err = from.Messages(ctx, a); err != nil {
		return h, err
	}
	for i := range campaigns {
		if campaigns[i].Leftovers == nil {
			continue
		}
		l, err := from.Leftovers(ctx, a, campaigns[i].ID)
		if err != nil {
			return h, err
		}
		h.Leftovers = append(h.Leftovers, l)
	}
	return h, nil
}
