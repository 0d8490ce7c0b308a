package walk

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"charye/person"
	"charye/programme"

	"golang.org/x/time/rate"
)

// A pass that stays live behind a booking counts as somebody inside who will want a dose: near the end of the stock it keeps
// the next one waiting until it runs out. So giving back the room is tried again until the line's store takes it.
const (
	leaveTimeout = time.Second // of the request that booked; its answer waits for this
	leavingMost  = 1 << 16     // who is remembered; beyond that the room comes back when the pass runs out
	leavingOnce  = 256         // tried again in one round
)

// leavers are those who booked and whose room could not be given back yet.
type leavers struct {
	mu    sync.Mutex
	list  []leaver
	fails rate.Sometimes // a store that stalls fails for everybody at once: one line in the log says it
}

type leaver struct {
	campaign *programme.Campaign
	who      person.Key
}

func (l *leavers) add(list ...leaver) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, list[:min(len(list), leavingMost-len(l.list))]...)
}

func (l *leavers) take() []leaver {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.list), leavingOnce)
	out := l.list[:n:n]
	l.list = l.list[n:]
	return out
}

// Leave gives back the room inside after a booking, also when the person has hung up meanwhile. If it fails the booking
// stands, and [Walk.leaveAgain] tries on.
func (w *Walk) Leave(ctx context.Context, c *programme.Campaign, who person.Key) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	if err := w.line.Leave(ctx, c.Num, who); err != nil {
		w.leavers.fails.Do(func() {
			w.log.LogAttrs(ctx, slog.LevelWarn, "leave the line after booking, trying on", slog.String("error", err.Error()))
		})
		w.leavers.add(leaver{c, who})
	}
}

// leaveAgain gives back rooms that could not be given back before. Whoever has no booking any more may have a new pass, which
// stays theirs.
func (w *Walk) leaveAgain(ctx context.Context) error {
	list := w.leavers.take()
	for i, l := range list {
		_, live, err := w.LiveBooking(ctx, l.campaign, l.who)
		if err == nil && live {
			err = w.line.Leave(ctx, l.campaign.Num, l.who)
		}
		if err != nil {
			w.leavers.add(list[i:]...)
			return err
		}
	}
	return nil
}
