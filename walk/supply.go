package walk

import (
	"context"
	"time"

	"charye/supply/room"
)

// Supply gives the supply room as it stands, to whoever may see it. It names no person.
func (w *Walk) Supply(_ context.Context, a Actor) (*room.View, error) {
	if err := may(a, SeeSupply); err != nil {
		return nil, err
	}
	r, err := w.supplyRoom()
	if err != nil {
		return nil, err
	}
	v := r.View()
	if v == nil {
		e := refuse(Overloaded, "the supply room is still being read; try again after the time given")
		e.RetryAfter = 5 * time.Second
		return nil, e
	}
	return v, nil
}

func (w *Walk) supplyRoom() (*room.Room, error) {
	if w.supply == nil {
		return nil, refuse(NotFound, "no product of the programme has rules for its storage, so that there is no supply room")
	}
	return w.supply, nil
}
