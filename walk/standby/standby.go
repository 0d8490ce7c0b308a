// Package standby is what comes after sold out: doses that come free are kept for the next in the line's order, and before all others for
// whoever lost a dose, who is recalled in the order in which they had booked.
//
// It owns who is invited when, and for how long a dose is kept. It must not know who asks or how anybody is told: it is given the rules, the
// ledger with its snapshot, the stock and the lines, and does its work in rounds.
package standby

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"charye/booking"
	"charye/internal/clock"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/walk/stock"
)

const (
	invitedAtOnce = 500    // people in one commit
	calleesAtOnce = 50_000 // people that the line is asked for, since it may read all of itself for them
)

// Deps are what standing by is wired to.
type Deps struct {
	Programme *programme.Programme
	Line      line.Line
	Ledger    booking.Ledger
	Free      *booking.Snapshot
	Stock     *stock.Stock
	Clock     clock.Func
	Log       *slog.Logger
}

// Standby is of one goroutine, which calls [Standby.Round].
type Standby struct {
	programme *programme.Programme
	line      line.Line
	ledger    booking.Ledger
	free      *booking.Snapshot
	stock     *stock.Stock
	messages  notify.Rules
	now       clock.Func
	log       *slog.Logger

	callees   map[uint32]callees           // by campaign
	displaced map[uint32][]booking.Booking // by campaign: who stands first, as read last
}

// New wires it.
func New(d Deps) *Standby {
	return &Standby{
		programme: d.Programme, line: d.Line, ledger: d.Ledger, free: d.Free, stock: d.Stock, messages: notify.RulesOf(d.Programme), now: d.Clock, log: d.Log,
		callees: map[uint32]callees{}, displaced: map[uint32][]booking.Booking{},
	}
}

// Every is how often [Standby.Round] is called.
const Every = time.Second

// callees are the next people of a line, as it told them.
type callees struct {
	after uint32
	who   []person.Key
}

// Round has what came free in campaigns that stand by kept for the next in their lines. It is one node's work; two of them at it do
// no harm.
func (s *Standby) Round(ctx context.Context) error {
	var errs []error
	for i := range s.programme.Campaigns {
		c := &s.programme.Campaigns[i]
		if (c.InviteFor > 0 || s.stock.StandFirst(c) > 0) && c.Phase(s.now()) == programme.PhaseOpen && s.line.Leads(c.Num) {
			errs = append(errs, s.inviteIn(ctx, c))
		}
	}
	return errors.Join(errs...)
}

func (s *Standby) inviteIn(ctx context.Context, c *programme.Campaign) error {
	st, err := s.line.Status(ctx, c.Num)
	if err != nil {
		return err
	}
	if n := s.stock.StandFirst(c); n > 0 {
		return s.recall(ctx, c, n)
	}
	id := booking.StandbyCounter(c.Num)
	numbers, stands := s.free.Capacity(id)
	switch {
	case !stands && (!st.SoldOut || st.Joined == 0):
		return nil
	case !stands:
		s.log.LogAttrs(ctx, slog.LevelInfo, "sold out: from now on what comes free is for those who are next in line", slog.String("campaign", c.ID), slog.Int("line", st.Joined))
		return s.ledger.SetCapacity(ctx, []booking.Claim{{Counter: id, Capacity: st.Joined}})
	case s.stock.Remaining(c) == 0:
		return nil
	}
	for at := uint32(s.free.Used(id)); ; {
		next, err := s.next(ctx, c, at)
		if err != nil || len(next) == 0 {
			return err
		}
		if last := int(next[len(next)-1].Number); last > numbers {
			if err := s.ledger.SetCapacity(ctx, []booking.Claim{{Counter: id, Capacity: last}}); err != nil {
				return err
			}
			numbers = last
		}
		out, err := s.inviteThese(ctx, c, next)
		if err != nil {
			return err
		}
		if at = out.UpTo; at < next[len(next)-1].Number { // no dose for the one behind it
			return nil
		}
	}
}

// next gives who comes after a number.
func (s *Standby) next(ctx context.Context, c *programme.Campaign, at uint32) ([]booking.Callee, error) {
	know := s.callees[c.Num]
	if at < know.after || at >= know.after+uint32(len(know.who)) {
		who, err := s.line.Numbered(ctx, c.Num, at, calleesAtOnce)
		if err != nil {
			return nil, err
		}
		know = callees{after: at, who: who}
		s.callees[c.Num] = know
	}
	list := know.who[at-know.after:]
	out := make([]booking.Callee, min(len(list), invitedAtOnce))
	for i := range out {
		out[i] = booking.Callee{Number: at + uint32(i) + 1, Person: list[i]}
	}
	return out, nil
}

func (s *Standby) inviteThese(ctx context.Context, c *programme.Campaign, list []booking.Callee) (booking.Invited, error) {
	now := s.now()
	req := booking.Request{
		Op: booking.OpInvite, Campaign: c.Num, Channel: "system", At: now, HoldUntil: s.keptUntil(c, c.InviteFor, now), Callees: list,
		Shared: s.stock.StockClaims(c, "", now),
	}
	out, err := s.ledger.Apply(ctx, []booking.Request{req})
	if err != nil {
		return booking.Invited{}, err
	}
	if r := out[0].Result; r != booking.Done && r != booking.Repeated {
		return booking.Invited{}, fmt.Errorf("unexpected outcome %d of an invitation", r)
	}
	return out[0].Invited, nil
}

// keptUntil is until when a dose is kept that is kept for so long from now on: nobody's hours pass before they are told.
func (s *Standby) keptUntil(c *programme.Campaign, long time.Duration, now time.Time) time.Time {
	until := s.messages.AfterQuiet(now).Add(long).Truncate(time.Second)
	if until.After(c.Closes) {
		until = c.Closes
	}
	return until
}
