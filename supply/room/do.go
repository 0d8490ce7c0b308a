package room

import (
	"context"
	"errors"
	"fmt"
	"time"

	"charye/approval"
	"charye/booking"
	"charye/internal/civil"
	"charye/supply"
	"charye/supply/order"
)

func dateOf(days int) civil.Date { return civil.Date(days) }

// taskOf names the work at a request.
func taskOf(id int64) string { return fmt.Sprint("case:", id) }

// progress is how far what is being done has come, by request.
func (r *Room) progress(ctx context.Context, id int64) (moved, all int, err error) {
	t, err := r.Tasks.Task(ctx, taskOf(id))
	if errors.Is(err, supply.ErrNoTask) {
		return 0, 0, nil
	}
	return t.People, t.OfPeople, err
}

// doAgreed does the verdicts that two people want. Where it was interrupted, by whatever, it goes on.
func (r *Room) doAgreed(ctx context.Context) error {
	if r.Requests == nil {
		return nil
	}
	list, err := r.Cases(ctx, 0, mostLooked)
	if err != nil {
		return err
	}
	var failed error
	for i := len(list) - 1; i >= 0; i-- { // the first asked for first
		switch list[i].State(r.Clock()) {
		case approval.Agreed, approval.Begun:
			failed = errors.Join(failed, r.do(ctx, list[i]))
		case approval.Asked, approval.Done, approval.Declined, approval.Withdrawn, approval.Lapsed:
		}
	}
	return failed
}

// do does one. What a register refuses is refused for good: it is done with, and says so.
func (r *Room) do(ctx context.Context, q approval.Request) error {
	step := approval.Step{Op: approval.OpBegin, At: r.Clock(), By: approval.Shell, Request: q.ID, Digest: q.Digest}
	c, err := r.withPlan(ctx, q)
	if err != nil {
		return err
	}
	if q, err = r.Requests.Decide(ctx, step); err != nil {
		return err
	}
	// The verdict takes effect when the last of them agreed: the same instant each time this is gone on with.
	agreed := q.Agreed[len(q.Agreed)-1]
	c.Plan.Verdict.Agreed, c.Plan.Verdict.At = Name(agreed.Who), agreed.At.UTC()
	places, err := r.Places(ctx)
	if err != nil {
		return err
	}
	w := &order.World{Programme: r.Programme, Sites: places.Sites, Now: r.Clock()}
	l := &counting{Ledger: r.Ledger, room: r, id: q.ID, all: len(c.Plan.Moves), leads: r.Clock()}
	if err := l.begin(ctx); err != nil {
		return err
	}
	o, err := w.Do(ctx, l, r.Verdicts, c.Plan, order.Reach{Metres: MaxMetres, Until: w.Today() + MaxDays, Notice: notice}, r.Clock)
	switch {
	case errors.Is(err, supply.ErrNextStep), errors.Is(err, supply.ErrVerdict), errors.Is(err, supply.ErrFourEyes), errors.Is(err, order.ErrPlan):
		step.Why = cut("not done: "+err.Error(), approval.MaxReason)
	case err != nil:
		return fmt.Errorf("request %d: %w", q.ID, err)
	default:
		step.Why = Outcome{o}.String()
	}
	step.Op, step.At = approval.OpDone, r.Clock()
	if _, err = r.Requests.Decide(context.WithoutCancel(ctx), step); err != nil {
		return err
	}
	l.at = l.all
	if err := l.tell(ctx); err != nil {
		return err
	}
	_, err = r.Tasks.EndTask(ctx, taskOf(q.ID), r.Node, supply.TaskDone, "")
	return err
}

// Outcome is what came of a verdict, as it is kept with the request.
type Outcome struct{ order.Outcome }

const outcomeForm = "verdict %d; vials of %d sites set, %d set by others since, %d with more booked than vials; %d moved, %d moved by themselves since, %d cancelled, %d whose new place was taken, %d whose new session is gone"

func (o Outcome) String() string {
	m := &o.Moves
	return fmt.Sprintf(outcomeForm, o.Seq, o.Vials, o.Changed, o.Short, m.Moved+m.There, m.Since, m.Cancelled, m.Full, m.Gone)
}

// ParseOutcome reads what String writes; ok is false for a verdict that was not done.
func ParseOutcome(text string) (o Outcome, ok bool) {
	m := &o.Moves
	_, err := fmt.Sscanf(text, outcomeForm, &o.Seq, &o.Vials, &o.Changed, &o.Short, &m.Moved, &m.Since, &m.Cancelled, &m.Full, &m.Gone)
	return o, err == nil
}

// counting is a ledger that says how far it has come, and that stops when another node has taken over.
type counting struct {
	booking.Ledger
	room    *Room
	id      int64
	all, at int
	leads   time.Time
	told    time.Time
}

var errOvertaken = errors.New("another node does the work in the background now")

// tellEvery is how often what is under way is told to the other nodes at most.
const tellEvery = 300 * time.Millisecond

// begin shows the work to all nodes. Whose it is, is for the lease: it is taken from whoever had it.
func (c *counting) begin(ctx context.Context) error {
	now := c.room.Clock()
	if err := c.room.Tasks.AddTask(ctx, supply.Task{ID: taskOf(c.id), At: now, State: supply.TaskWaits, Looked: now}); err != nil {
		return err
	}
	if _, err := c.room.Tasks.TakeTask(ctx, taskOf(c.id), c.room.Node, now, now); err != nil {
		return err
	}
	return c.tell(ctx)
}

func (c *counting) tell(ctx context.Context) error {
	c.told = time.Now()
	_, _, err := c.room.Tasks.TellTask(ctx, taskOf(c.id), c.room.Node, c.room.Clock(), supply.Progress{People: min(c.at, c.all), OfPeople: c.all})
	return err
}

// Several implements [booking.Ledger]. Every move is looked at first, whether it was made before or is to be made now.
func (c *counting) Several(ctx context.Context, ids []int64) ([]booking.Booking, error) {
	if now := c.room.Clock(); now.Sub(c.leads) > leaseFor/3 {
		mine, err := c.room.Alarms.Lead(ctx, c.room.Node, now, now.Add(leaseFor))
		if err != nil {
			return nil, err
		}
		if !mine {
			return nil, errOvertaken
		}
		c.leads = now
	}
	list, err := c.Ledger.Several(ctx, ids)
	if err == nil && time.Since(c.told) > tellEvery {
		err = c.tell(ctx)
	}
	c.at += len(ids)
	return list, err
}
