package supplytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/supply"
)

// OpenTasks gives a store over a place, as [Open] does.
type OpenTasks func(t testing.TB, place string) supply.Tasks

// RunTasks checks an engine of tasks.
func RunTasks(t *testing.T, open OpenTasks) {
	for name, check := range map[string]func(*testing.T, OpenTasks){"Life": taskLife, "Takeover": takeover, "TakenOnce": takenOnce} {
		t.Run(name, func(t *testing.T) { t.Parallel(); check(t, open) })
	}
}

func task(id string, at time.Time) supply.Task {
	return supply.Task{ID: id, By: "logistics 63023726603ab026", What: "hold 트럭", At: at, Wish: []byte{0, 1, 0xff}, State: supply.TaskWaits, Looked: at}
}

// taskLife goes from the wish to the result, and what is read anywhere is what was told.
func taskLife(t *testing.T, open OpenTasks) {
	ctx := context.Background()
	a, b := open(t, "life"), open(t, "life")
	if _, err := a.Task(ctx, "x"); !errors.Is(err, supply.ErrNoTask) {
		t.Errorf("a task that was never wanted: %v", err)
	}
	want := task("x", when)
	other := want
	other.By = "somebody else"
	if err := errors.Join(a.AddTask(ctx, want), b.AddTask(ctx, other), b.AddTask(ctx, supply.Task{ID: "y", At: when.Add(time.Second), State: supply.TaskWaits})); err != nil {
		t.Fatal(err)
	}
	same := func(step string) {
		t.Helper()
		got, err := b.Task(ctx, "x")
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", step, err, d)
		}
	}
	same("wanted")
	list, err := b.Tasks(ctx)
	if err != nil || len(list) != 2 || list[0].ID != "y" || list[1].By != want.By || list[1].Wish != nil {
		t.Errorf("%+v, %v", list, err)
	}
	want.State, want.Node, want.Until = supply.TaskRuns, "a", when.Add(time.Minute)
	if mine, err := a.TakeTask(ctx, "x", "a", when, want.Until); err != nil || !mine {
		t.Fatal(mine, err)
	}
	same("taken")
	for _, at := range []time.Duration{time.Second, 3 * time.Second, 2 * time.Second} {
		if err := b.LookTask(ctx, "x", when.Add(at)); err != nil {
			t.Fatal(err)
		}
	}
	want.Looked, want.Until, want.Progress = when.Add(3*time.Second), when.Add(2*time.Minute), supply.Progress{Sites: 1, OfSites: 2, Near: 3, People: 4, OfPeople: 5}
	if mine, looked, err := a.TellTask(ctx, "x", "a", want.Until, want.Progress); err != nil || !mine || !looked.Equal(want.Looked) {
		t.Errorf("%t, %v, %v", mine, looked, err)
	}
	same("told")
	if err := a.RetryTask(ctx, "x", when.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	same("wanted again while it runs")
	want.State, want.Result = supply.TaskFailed, "no"
	if mine, err := a.EndTask(ctx, "x", "a", want.State, want.Result); err != nil || !mine {
		t.Errorf("%t, %v", mine, err)
	}
	same("ended")
	for name, step := range map[string]func() (bool, error){
		"taken": func() (bool, error) { return a.TakeTask(ctx, "x", "a", when.Add(time.Hour), when.Add(2*time.Hour)) },
		"told": func() (bool, error) {
			mine, _, err := a.TellTask(ctx, "x", "a", when.Add(time.Hour), supply.Progress{})
			return mine, err
		},
		"ended":      func() (bool, error) { return a.EndTask(ctx, "x", "a", supply.TaskDone, "") },
		"of no task": func() (bool, error) { return a.TakeTask(ctx, "z", "a", when, when.Add(time.Hour)) },
		"told of none": func() (bool, error) {
			mine, _, err := a.TellTask(ctx, "z", "a", when, supply.Progress{})
			return mine, err
		},
	} {
		if mine, err := step(); mine || err != nil {
			t.Errorf("what is over is %s: %t, %v", name, mine, err)
		}
	}
	same("after its end")
	want.State, want.Result, want.At, want.Looked, want.Progress = supply.TaskWaits, "", when.Add(time.Hour), when.Add(time.Hour), supply.Progress{}
	if err := b.RetryTask(ctx, "x", want.At); err != nil {
		t.Error(err)
	}
	same("again")
	if err := b.DropTasks(ctx, when.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if list, err := a.Tasks(ctx); err != nil || len(list) != 1 || list[0].ID != "x" {
		t.Errorf("after the others were forgotten: %+v, %v", list, err)
	}
}

// takeover: a node keeps a task as long as it tells of it, and no longer; the one that had it finds out.
func takeover(t *testing.T, open OpenTasks) {
	ctx := context.Background()
	a, b := open(t, "takeover"), open(t, "takeover")
	if err := a.AddTask(ctx, task("x", when)); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		s     supply.Tasks
		node  string
		after time.Duration
		want  bool
	}{{a, "a", 0, true}, {b, "b", 5 * time.Second, false}, {a, "a", 6 * time.Second, true}, {b, "b", 15 * time.Second, false}, {b, "b", 16 * time.Second, true}, {a, "a", 17 * time.Second, false}} {
		now := when.Add(c.after)
		if mine, err := c.s.TakeTask(ctx, "x", c.node, now, now.Add(10*time.Second)); err != nil || mine != c.want {
			t.Errorf("step %d: %s: %t, %v", i, c.node, mine, err)
		}
	}
	if mine, _, err := a.TellTask(ctx, "x", "a", when.Add(time.Hour), supply.Progress{Sites: 9}); err != nil || mine {
		t.Errorf("the one that had it tells: %t, %v", mine, err)
	}
	if mine, err := a.EndTask(ctx, "x", "a", supply.TaskDone, "wrong"); err != nil || mine {
		t.Errorf("the one that had it ends it: %t, %v", mine, err)
	}
	if mine, err := b.EndTask(ctx, "x", "b", supply.TaskDone, "right"); err != nil || !mine {
		t.Errorf("the one that has it ends it: %t, %v", mine, err)
	}
	if got, err := a.Task(ctx, "x"); err != nil || got.Result != "right" || got.Sites != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// takenOnce: of nodes that reach for one at once one has it.
func takenOnce(t *testing.T, open OpenTasks) {
	ctx := context.Background()
	nodes := []supply.Tasks{open(t, "once"), open(t, "once")}
	if err := nodes[0].AddTask(ctx, task("x", when)); err != nil {
		t.Fatal(err)
	}
	var got atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			mine, err := nodes[i%2].TakeTask(ctx, "x", fmt.Sprint("node ", i), when, when.Add(time.Minute))
			if err != nil {
				t.Error(err)
			}
			if mine {
				got.Add(1)
			}
		})
	}
	wg.Wait()
	if got.Load() != 1 {
		t.Errorf("%d nodes have it", got.Load())
	}
}
