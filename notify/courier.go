package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"charye/booking"
	"charye/internal/batch"
	"charye/internal/clock"
	"charye/person"
)

// Gateway takes messages over for delivery. Send is given the message's id, the same at every try: a gateway that can tell
// a repeat by it delivers once. Safe for concurrent use.
type Gateway interface {
	// Send returns nil when the message was taken over, [ErrRefused] when this address will never take it, any other error
	// when it is worth trying again.
	Send(ctx context.Context, id ID, to Address, w Words) error
}

var (
	// ErrRefused means that an address will never take this message: it does not exist, or is none.
	ErrRefused = errors.New("the address is refused for good")
	// ErrGone is an [ErrRefused] of an address that was good and is over, such as that of a browser which was reset: it is
	// taken out of the contact.
	ErrGone = fmt.Errorf("the address is over: %w", ErrRefused)
)

// Courier follows the ledger, keeps what there is to tell in the outbox, and takes it out. One is enough in a cluster; more
// do no harm, a message is in one courier's hands at a time.
type Courier struct {
	outbox    Outbox
	ledger    booking.Ledger
	rules     Rules
	gateways  map[Channel]Gateway
	describe  Describe
	invited   DescribeTurn
	near      DescribeTurn
	helpers   Helpers
	leftover  DescribeLeftover
	alarm     DescribeAlarm
	languages map[string]*Language
	from      int64
	now       clock.Func
	log       *slog.Logger
}

// Wiring is what a courier is made of. Gateways may lack a channel: addresses of it are then passed over.
type Wiring struct {
	Outbox   Outbox
	Ledger   booking.Ledger
	Rules    Rules
	Gateways map[Channel]Gateway
	Describe Describe
	Invited  DescribeTurn
	Near     DescribeTurn
	Helpers  Helpers          // nil: nobody helps anybody
	Leftover DescribeLeftover // nil: there are none
	Alarm    DescribeAlarm    // nil: there are none
	// From is where an outbox that has never followed the feed begins: behind it, what happened is not told any more.
	From  int64
	Clock clock.Func
	Log   *slog.Logger
}

// NewCourier makes a courier.
func NewCourier(w Wiring) (*Courier, error) {
	languages, err := Languages()
	if err != nil {
		return nil, err
	}
	return &Courier{
		outbox: w.Outbox, ledger: w.Ledger, rules: w.Rules, gateways: w.Gateways, describe: w.Describe, invited: w.Invited, near: w.Near, leftover: w.Leftover, alarm: w.Alarm, helpers: w.Helpers,
		languages: languages, from: w.From, now: w.Clock, log: w.Log,
	}, nil
}

// The courier's bounds: how many events it reads at a time, how many messages it has in hand, how many gateways calls are
// under way, how long a call may take, how long others leave its messages alone, and how long it waits between tries.
const (
	eventsAtOnce = 1000
	inHand       = 256
	abreast      = 32
	callTime     = 20 * time.Second
	leaseTime    = 3 * time.Minute // more than inHand/abreast calls take
	firstWait    = 10 * time.Second
	longestWait  = time.Hour
	roundEvery   = time.Second
)

// Run follows and delivers until ctx ends. What fails is logged once and tried again; nothing is lost by it.
func (c *Courier) Run(ctx context.Context) error {
	tick := time.NewTicker(roundEvery)
	defer tick.Stop()
	failing := false
	for {
		err := c.Round(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			c.log.LogAttrs(ctx, slog.LevelWarn, "messages wait, trying on", slog.String("error", err.Error()))
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Round follows all there is to follow and delivers all that is due. Where much is due, what happens meanwhile is followed in
// between: it may be due before the rest.
func (c *Courier) Round(ctx context.Context) error {
	for {
		followed := c.follow(ctx)
		n, err := c.deliver(ctx)
		if err = errors.Join(followed, err); err != nil || n == 0 || ctx.Err() != nil {
			return err
		}
	}
}

// follow turns events into messages. An event's messages and the place behind it are kept in one step, so that a crash
// before it plans them again and a crash after it does not.
func (c *Courier) follow(ctx context.Context) error {
	at, err := c.outbox.Begin(ctx, c.from)
	if err != nil {
		return err
	}
	for {
		events, err := c.ledger.Events(ctx, at, eventsAtOnce)
		if err != nil || len(events) == 0 {
			return err
		}
		helpers, err := c.helpersOf(ctx, events)
		if err != nil {
			return err
		}
		var list []Message
		for i := range events {
			e := &events[i]
			if e.Booking == 0 {
				list = append(list, c.rules.Plan(e, nil, helpers[helped{e.Campaign, e.Person}])...)
				continue
			}
			b, ok, err := c.ledger.Booking(ctx, e.Booking)
			if err != nil {
				return err
			}
			if !ok {
				return fmt.Errorf("event %d tells of a booking that is not there", e.Seq)
			}
			list = append(list, c.rules.Plan(e, &b, nil)...)
		}
		next := events[len(events)-1].Seq
		err = c.outbox.Enqueue(ctx, at, next, list, c.now())
		if errors.Is(err, ErrOvertaken) {
			return nil // another node does it
		}
		if err != nil {
			return err
		}
		at = next
	}
}

// deliver takes out some of what is due, and says how many.
func (c *Courier) deliver(ctx context.Context) (int, error) {
	if ctx.Err() != nil {
		return 0, nil
	}
	now := c.now()
	list, err := c.outbox.Claim(ctx, now, now.Add(leaseTime), inHand)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	// Those abreast share a commit: each waits for its own, so that after a crash no more are told again than were in a call or behind it.
	pool := batch.New(func(ctx context.Context, list []Ending) ([]struct{}, error) {
		return make([]struct{}, len(list)), c.outbox.Finish(ctx, list)
	}, batch.Options{MaxBatch: abreast, Waiting: abreast, Timeout: callTime})
	defer pool.Stop()
	finish := func(ctx context.Context, e Ending) error {
		keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
		defer cancel()
		_, err := pool.Do(keep, e)
		return err
	}
	places := make(chan struct{}, abreast)
	for i := range list {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if err := c.one(ctx, &list[i], finish); err != nil {
				mu.Lock()
				failed = err
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return len(list), failed
}

// one delivers a message: to the first address that takes it. The state it ends in is kept also when ctx ended meanwhile,
// since what a gateway has taken over must not go out again.
func (c *Courier) one(ctx context.Context, m *Claimed, finish func(context.Context, Ending) error) error {
	now := c.now()
	end := func(s State, why string) error { return finish(ctx, Ending{ID: m.ID, State: s, Why: why, At: c.now()}) }
	later := func(why string) error {
		return finish(ctx, Ending{ID: m.ID, State: Queued, Why: why, At: now.Add(waitAfter(m.Tries))})
	}
	f, ok, err := c.facts(ctx, m)
	switch {
	case err != nil:
		return later("what it tells of could not be read")
	case !ok:
		return end(Obsolete, "what it tells of is gone")
	case m.Kind != Invited && m.Kind != Near && m.Kind != Leftover && m.Kind != Alarm && !m.True(&f.Booking):
		return end(Obsolete, "no longer true")
	case !now.Before(m.Expires):
		return end(Expired, "")
	}
	to, err := c.outbox.Contact(ctx, m.To)
	if errors.Is(err, ErrNoContact) {
		return end(Unreachable, "no address")
	}
	if err != nil {
		return err // its lease ends and it is tried again
	}
	words, err := c.languages[to.Lang].Put(&m.Message, &f)
	if err != nil {
		return err
	}
	words.Expires = m.Expires
	why := "no gateway for any address"
	again := false
	for _, a := range to.Addresses {
		g := c.gateways[a.Channel]
		if g == nil {
			continue
		}
		call, cancel := context.WithTimeout(ctx, callTime)
		err := g.Send(call, m.ID, a, words)
		cancel()
		if err == nil {
			return end(Sent, string(a.Channel))
		}
		if errors.Is(err, ErrGone) {
			if err := c.forget(ctx, m.To, a); err != nil {
				return err // its lease ends and it is tried again
			}
		}
		if errors.Is(err, ErrRefused) {
			why = "refused by " + string(a.Channel)
			continue
		}
		again = true
		why = string(a.Channel) + " gateway away"
	}
	if again {
		return later(why)
	}
	return end(Unreachable, why)
}

// forget takes an address that is over out of a contact; what the person changed meanwhile stands.
func (c *Courier) forget(ctx context.Context, who person.Key, a Address) error {
	_, err := c.outbox.EditContact(ctx, who, c.now(), func(had Contact) (Contact, error) { return had.WithoutDevice(a), nil })
	return err
}

// waitAfter is how long a message waits that was tried so often: twice as long after each try.
func waitAfter(tries int) time.Duration {
	if tries >= 9 {
		return longestWait
	}
	return min(firstWait<<tries, longestWait)
}
