package room

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"charye/approval"
	"charye/supply"
	"charye/supply/order"
)

// A preview is made in the background, by whichever node has time: a request waits for it for [Deps.Quick] and shows its progress after that. Every node
// makes one at a time. One that nobody looks at is stopped.
const (
	quick      = time.Second
	draftFor   = 10 * time.Second // how long a node has one without a word of it
	draftTold  = time.Second
	unlooked   = 2 * time.Minute
	mostDrafts = 12 // that are made or wait, on all nodes together
)

// Errors of previews.
var (
	// ErrBusy means that too many previews are wanted at once.
	ErrBusy = errors.New("too many previews are being made; wait until one is done")

	errUnlooked = errors.New("nobody looked at the preview any more")
	errTaken    = errors.New("another node makes the preview now")
)

const draftTask = "draft:"

// Making is a preview that is wanted, made, or was made.
type Making struct {
	supply.Task
	Name string // in addresses
}

func making(t supply.Task) (Making, bool) {
	name, ok := strings.CutPrefix(t.ID, draftTask)
	return Making{t, name}, ok
}

// Begin has a wish previewed, and waits a moment for it. What can be refused at once is: a box that nobody told of, a step that is not allowed.
func (r *Room) Begin(ctx context.Context, who approval.Who, w Wish) (Making, error) {
	if err := r.possible(Name(who), w); err != nil {
		return Making{}, err
	}
	now := r.Clock()
	list, err := r.Makings(ctx)
	if err != nil {
		return Making{}, err
	}
	open := 0
	for i := range list {
		if list[i].State.Open() && now.Sub(list[i].Looked) < unlooked {
			open++
		}
	}
	if open >= mostDrafts {
		return Making{}, ErrBusy
	}
	wish, err := json.Marshal(w)
	if err != nil {
		return Making{}, err
	}
	t := supply.Task{ID: draftTask + rand.Text(), By: Name(who), What: cut(string(w.Action)+" "+w.Case, MaxText), At: now, Wish: wish, State: supply.TaskWaits, Looked: now}
	if err := errors.Join(r.Tasks.DropTasks(ctx, now.Add(-draftsStay)), r.Tasks.AddTask(ctx, t)); err != nil {
		return Making{}, err
	}
	return r.await(ctx, t.ID)
}

// possible refuses what no reading of bookings is needed for.
func (r *Room) possible(asked string, w Wish) error {
	if !w.bounded() {
		return order.ErrReach
	}
	v := r.View()
	if v == nil {
		return nil // it is found out in the background
	}
	for _, k := range w.Boxes {
		if _, ok := v.Trace.Box(k); !ok {
			return fmt.Errorf("%w: %s; no event of custody tells what is in it", supply.ErrUnknownBox, k)
		}
	}
	g := supply.NewRegister()
	if err := g.Replay(v.Verdicts); err != nil {
		return err
	}
	verdict := w.verdict(asked)
	verdict.At = r.Clock()
	_, err := g.Decide(verdict)
	return err
}

// await has this node look for work, and waits a moment for it to be done, here or elsewhere.
func (r *Room) await(ctx context.Context, id string) (Making, error) {
	select {
	case r.drafting <- struct{}{}:
	default:
	}
	enough := time.NewTimer(r.Quick)
	defer enough.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		t, err := r.Tasks.Task(ctx, id)
		m, _ := making(t)
		if err != nil || !t.State.Open() {
			return m, err
		}
		select {
		case <-ctx.Done():
			return m, nil // it goes on
		case <-enough.C:
			return m, nil
		case <-tick.C:
		}
	}
}

// Makings lists the previews of a day, the last first, without their wishes.
func (r *Room) Makings(ctx context.Context) (out []Making, err error) {
	list, err := r.Tasks.Tasks(ctx)
	for _, t := range list {
		if m, ok := making(t); ok {
			out = append(out, m)
		}
	}
	return out, err
}

// Look gives a preview, and notes that somebody looks at it.
func (r *Room) Look(ctx context.Context, name string) (Making, error) {
	if err := r.Tasks.LookTask(ctx, draftTask+name, r.Clock()); err != nil {
		return Making{}, err
	}
	t, err := r.Tasks.Task(ctx, draftTask+name)
	m, _ := making(t)
	return m, err
}

// Retry has one made that failed or was stopped.
func (r *Room) Retry(ctx context.Context, name string) (Making, error) {
	if err := r.Tasks.RetryTask(ctx, draftTask+name, r.Clock()); err != nil {
		return Making{}, err
	}
	return r.await(ctx, draftTask+name)
}

// drafts makes the previews that nobody makes, the first wanted first.
func (r *Room) drafts(ctx context.Context) error {
	list, err := r.Makings(ctx)
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(list) {
		now := r.Clock()
		if !m.State.Open() || m.State == supply.TaskRuns && m.Until.After(now) {
			continue
		}
		mine, err := r.Tasks.TakeTask(ctx, m.ID, r.Node, now, now.Add(draftFor))
		if err != nil {
			return err
		}
		if mine {
			if err := r.draft(ctx, m.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// draft makes one that is this node's. An error means that it could not be said what became of it: another node goes on.
func (r *Room) draft(ctx context.Context, id string) error {
	t, err := r.Tasks.Task(ctx, id)
	if err != nil {
		return err
	}
	if r.Clock().Sub(t.Looked) > unlooked {
		_, err := r.Tasks.EndTask(ctx, id, r.Node, supply.TaskStopped, "")
		return err
	}
	var w Wish
	if err := json.Unmarshal(t.Wish, &w); err != nil {
		return fmt.Errorf("preview %s: %w", id, err)
	}
	work, stop := context.WithCancelCause(ctx)
	p := &telling{}
	var told sync.WaitGroup
	told.Go(func() { r.tellDraft(work, stop, id, p) })
	d, err := r.preview(work, t.By, w, func(at order.Progress) { p.set(at) })
	why := context.Cause(work)
	stop(nil)
	told.Wait()
	as, result := supply.TaskDone, d.Digest
	switch {
	case err == nil:
		_, _, err = r.Tasks.TellTask(ctx, id, r.Node, r.Clock().Add(draftFor), supply.Progress(p.get()))
	case errors.Is(why, errTaken) || ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(why, errUnlooked):
		as, result, err = supply.TaskStopped, "", nil
	default:
		as, result, err = supply.TaskFailed, cut(err.Error(), MaxText), nil
	}
	if err != nil {
		return err
	}
	_, err = r.Tasks.EndTask(ctx, id, r.Node, as, result)
	return err
}

// telling is how far a preview has come.
type telling struct {
	mu sync.Mutex
	at order.Progress
}

func (t *telling) set(at order.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = at
}

func (t *telling) get() order.Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.at
}

// tellDraft tells how far a preview is until ctx ends, and ends it when another node has it or nobody looks.
func (r *Room) tellDraft(ctx context.Context, stop context.CancelCauseFunc, id string, p *telling) {
	tick := time.NewTicker(draftTold)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := r.Clock()
		mine, looked, err := r.Tasks.TellTask(ctx, id, r.Node, now.Add(draftFor), supply.Progress(p.get()))
		switch {
		case err != nil: // its time goes on: when the store stays away another node takes it
		case !mine:
			stop(errTaken)
		case now.Sub(looked) > unlooked:
			stop(errUnlooked)
		}
	}
}
