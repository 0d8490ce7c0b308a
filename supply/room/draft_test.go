package room_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"charye/booking"
	"charye/internal/civil"
	"charye/site"
	"charye/supply"
	"charye/supply/room"
)

// gated is a ledger in which whoever reads what is ahead waits.
type gated struct {
	booking.Ledger
	asked  chan struct{}
	gate   chan struct{}
	broken atomic.Bool
}

func (g *gated) Ahead(ctx context.Context, sites []site.Num, from civil.Date, yield func(booking.Ahead) error) error {
	if len(sites) == 0 {
		return nil
	}
	if g.broken.Load() {
		return errAway
	}
	select {
	case g.asked <- struct{}{}:
	default:
	}
	select {
	case <-g.gate:
	case <-ctx.Done():
		return ctx.Err()
	}
	return g.Ledger.Ahead(ctx, sites, from, yield)
}

func begin(t *testing.T, r *room.Room, w room.Wish) room.Making {
	t.Helper()
	m, err := r.Begin(t.Context(), asker, w)
	if err != nil || m.State != supply.TaskWaits || m.By != room.Name(asker) || m.What != "hold 2026-09 트럭" {
		t.Fatalf("%+v, %v", m, err)
	}
	return m
}

func stands(t *testing.T, r *room.Room, m room.Making, want supply.TaskState) room.Making {
	t.Helper()
	got, err := r.Look(t.Context(), m.Name)
	if err != nil || got.State != want {
		t.Errorf("it is %+v, %v; want it to be %s", got, err, want)
	}
	return got
}

// TestMadeInTheBackground: what is begun at one node is made by whichever has time, is the plan that a preview at once gives, and is seen at both.
func TestMadeInTheBackground(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w, _ := stocked(t)
	one := w.Room()
	w.Deps.Node = "other"
	two := w.Room()
	round(t, one)
	round(t, two)
	for name, c := range map[string]struct {
		w    room.Wish
		want error
	}{"a box that nobody told of": {wish(supply.Hold, 99), supply.ErrUnknownBox}, "a step that is not allowed": {wish(supply.Release, 3), supply.ErrNextStep}} {
		if _, err := one.Begin(ctx, asker, c.w); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := begin(t, one, wish(supply.Hold, 3))
	stands(t, two, m, supply.TaskWaits)
	round(t, two)
	got := stands(t, one, m, supply.TaskDone)
	if got.Node != "other" || got.Sites != 1 || got.OfSites != 1 || got.People != 3 || got.OfPeople != 3 {
		t.Errorf("%+v", got)
	}
	direct, err := one.Preview(ctx, asker, wish(supply.Hold, 3))
	if err != nil || direct.Digest != got.Result {
		t.Errorf("made at once it is %s, in the background %s; %v", direct.Digest, got.Result, err)
	}
	if _, err := one.Ask(ctx, asker, got.Result); err != nil {
		t.Error(err)
	}
	if list, err := one.Makings(ctx); err != nil || len(list) != 1 || list[0].Name != m.Name {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := one.Look(ctx, "nobody's"); !errors.Is(err, supply.ErrNoTask) {
		t.Errorf("one that was never wanted: %v", err)
	}
}

// TestGoesOnElsewhere: a node that says nothing of a preview for a while has it no more, and cannot end it.
func TestGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	w, _ := stocked(t)
	g := &gated{Ledger: w.Ledger, asked: make(chan struct{}, 1), gate: make(chan struct{})}
	whole := w.Deps.Ledger
	w.Deps.Ledger = g
	one := w.Room()
	w.Deps.Ledger, w.Deps.Node = whole, "other"
	two := w.Room()
	round(t, two)
	m := begin(t, one, wish(supply.Hold, 3))
	ended := make(chan error, 1)
	go func() { ended <- one.Round(context.Background()) }()
	<-g.asked
	if err := two.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stands(t, two, m, supply.TaskRuns); got.Node != "test" {
		t.Errorf("while the first node has it: %+v", got)
	}
	w.At(240 + 1) // a minute later, before it says so
	if err := two.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stands(t, two, m, supply.TaskDone); got.Node != "other" {
		t.Errorf("when it had said nothing for a minute: %+v", got)
	}
	close(g.gate)
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := stands(t, one, m, supply.TaskDone); got.Node != "other" || got.Result == "" {
		t.Errorf("when the first one was back: %+v", got)
	}
}

// TestNobodyLooks: a preview that nobody looks at for two minutes is stopped, whether it waits or is made; who comes back has it made. What goes wrong is said.
func TestNobodyLooks(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w, _ := stocked(t)
	g := &gated{Ledger: w.Ledger, asked: make(chan struct{}, 1), gate: make(chan struct{})}
	w.Deps.Ledger = g
	r := w.Room()
	m := begin(t, r, wish(supply.Hold, 3))
	w.At(243)
	if err := r.Round(ctx); err != nil {
		t.Fatal(err)
	}
	stands(t, r, m, supply.TaskStopped)
	if m2, err := r.Retry(ctx, m.Name); err != nil || m2.State != supply.TaskWaits {
		t.Fatalf("%+v, %v", m2, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Round(ctx) }()
	<-g.asked
	w.At(246) // it is told within a second that nobody has looked
	if err := <-ended; err != nil {
		t.Error(err)
	}
	stands(t, r, m, supply.TaskStopped)
	g.broken.Store(true)
	if _, err := r.Retry(ctx, m.Name); err != nil {
		t.Fatal(err)
	}
	if err := r.Round(ctx); err != nil {
		t.Error(err)
	}
	if got := stands(t, r, m, supply.TaskFailed); !strings.Contains(got.Result, errAway.Error()) {
		t.Errorf("what went wrong: %q", got.Result)
	}
	g.broken.Store(false)
	close(g.gate)
	if _, err := r.Retry(ctx, m.Name); err != nil {
		t.Fatal(err)
	}
	if err := r.Round(ctx); err != nil {
		t.Error(err)
	}
	stands(t, r, m, supply.TaskDone)
}

// TestSoManyAtOnce: no more are made and wait than are bearable; those that nobody looks at do not count.
func TestSoManyAtOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w, _ := stocked(t)
	r := w.Room()
	n := 0
	for ; n < 100; n++ {
		if _, err := r.Begin(ctx, asker, wish(supply.Hold, 3)); errors.Is(err, room.ErrBusy) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n < 2 || n > 20 {
		t.Errorf("%d previews at once", n)
	}
	w.At(243)
	begin(t, r, wish(supply.Hold, 3))
}

// TestProgressIsSeen: how far a case is, is seen at a node that does not do it.
func TestProgressIsSeen(t *testing.T) {
	t.Parallel()
	w, _ := stocked(t)
	l := &failing{Ledger: w.Ledger}
	w.Deps.Ledger = l
	one := w.Room()
	round(t, one)
	w.Deps.Node = "other"
	two := w.Room()
	q := agreed(t, one, wish(supply.Hold, 3))
	if c, err := two.Case(t.Context(), q.ID); err != nil || c.Moves != 0 {
		t.Errorf("before it begins: %d of %d, %v", c.Moved, c.Moves, err)
	}
	l.broken.Store(true)
	if err := one.Round(t.Context()); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	if c, err := two.Case(t.Context(), q.ID); err != nil || c.Moves != 3 {
		t.Errorf("while it is done: %d of %d, %v", c.Moved, c.Moves, err)
	}
	l.broken.Store(false)
	w.At(240 + 1) // the lease of the first is over
	if err := two.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, err := one.Case(t.Context(), q.ID); err != nil || c.Request.Done.Why == "" || c.Moved != 3 {
		t.Errorf("done by the other: %d of %d, %+v, %v", c.Moved, c.Moves, c.Request.Done, err)
	}
}
