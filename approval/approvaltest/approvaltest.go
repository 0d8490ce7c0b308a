// Package approvaltest is the conformance suite of [approval.Store]: what every engine must do, whatever it is made of.
//
// It owns the checks and no engine.
package approvaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"charye/approval"
	"charye/person"
)

// Open gives a store over a place; opening the same place again, also while the first is open, gives the same requests.
type Open func(t testing.TB, place string) approval.Store

// When is the instant at which the suite asks.
var When = time.Date(2026, 9, 21, 1, 0, 0, 123456000, time.UTC)

// Run checks an engine.
func Run(t *testing.T, open Open) {
	for name, check := range map[string]func(*testing.T, Open){
		"Keeps": keeps, "Refuses": refuses, "TwoAgreeAtOnce": twoAgree, "OneAgreesAtOnce": oneAgrees, "DoneOnce": doneOnce, "AskedOnce": askedOnce,
		"Cancelled": cancelled, "Model": model,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); check(t, open) })
	}
}

// Manager is the nth of those who are signed in.
func Manager(n int) approval.Who {
	return approval.Who{Key: person.Key{1, byte(n >> 8), byte(n)}, Role: person.Manager}
}

// Ask is a step that asks for something named.
func Ask(by approval.Who, what string) approval.Step {
	return approval.Step{
		Op: approval.OpAsk, At: When, By: by, Why: "회수 결정", Kind: approval.Verdict, Body: []byte(what),
		Summary: []string{"Recall of " + what, "3 boxes \"at\" <1 site>"}, Lapses: When.Add(approval.LifeUsual),
	}
}

// On is a step on a request, an hour after it was asked for.
func On(op approval.Op, r approval.Request, by approval.Who) approval.Step {
	return approval.Step{Op: op, At: r.AskedAt.Add(time.Hour), By: by, Why: "why", Request: r.ID, Digest: r.Digest}
}

// Do takes a step that must be taken.
func Do(t testing.TB, s approval.Store, step approval.Step) approval.Request {
	t.Helper()
	r, err := s.Decide(context.Background(), step)
	if err != nil {
		t.Fatalf("%s by %v: %v", step.Op, step.By, err)
	}
	return r
}

var same = cmpopts.EquateComparable(approval.Who{})

func keeps(t *testing.T, open Open) {
	ctx := context.Background()
	s := open(t, "keeps")
	r := Do(t, s, Ask(Manager(1), "one"))
	if r.ID != 1 || r.State(When) != approval.Asked || r.Needs != 1 || r.Digest != approval.DigestOf(approval.Verdict, []byte("one")) {
		t.Fatalf("%+v", r)
	}
	Do(t, s, On(approval.OpAgree, r, Manager(2)))
	Do(t, s, On(approval.OpBegin, r, Manager(1)))
	Do(t, s, On(approval.OpBegin, r, Manager(1))) // again: what was interrupted goes on
	done := Do(t, s, On(approval.OpDone, r, Manager(1)))
	shell := Do(t, s, Ask(approval.Shell, "two"))
	if half := Do(t, s, On(approval.OpAgree, shell, Manager(1))); half.State(When) != approval.Asked || half.Missing() != 1 {
		t.Errorf("asked on the command line, one agreed: %s, %d missing", half.State(When), half.Missing())
	}
	two := Do(t, s, On(approval.OpAgree, shell, Manager(2)))
	if two.State(When) != approval.Agreed {
		t.Errorf("two agreed: %s", two.State(When))
	}
	for _, from := range []approval.Store{s, open(t, "keeps")} {
		list, err := from.Latest(ctx, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]approval.Request{two, done}, list, same, cmpopts.IgnoreUnexported(approval.Request{})); d != "" {
			t.Error(d)
		}
		if list[1].State(When) != approval.Done || len(list[1].History) != 4 {
			t.Errorf("%s after %d events", list[1].State(When), len(list[1].History))
		}
		if got, err := from.About(ctx, approval.Verdict, shell.Digest); err != nil || len(got) != 1 || got[0].ID != 2 {
			t.Errorf("about: %v %v", got, err)
		}
		if b, err := from.Body(ctx, 2); err != nil || !bytes.Equal(b, []byte("two")) {
			t.Errorf("body: %q %v", b, err)
		}
		if before, err := from.Latest(ctx, 2, 10); err != nil || len(before) != 1 || before[0].ID != 1 {
			t.Errorf("before 2: %v %v", before, err)
		}
		a, err := approval.Audit(ctx, from)
		head, herr := from.Head(ctx)
		if err != nil || herr != nil || len(a.Findings) != 0 || a.Requests != 2 || a.Head != head || head.Seq != 7 {
			t.Errorf("audit: %+v %v; head %v %v", a, err, head, herr)
		}
	}
	enough := errors.New("enough")
	if err := s.Rows(ctx, 0, func(approval.Row) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("an error of yield: %v", err)
	}
	if _, err := s.Body(ctx, 9); !errors.Is(err, approval.ErrNone) {
		t.Errorf("no such body: %v", err)
	}
}

func refuses(t *testing.T, open Open) {
	ctx := context.Background()
	s := open(t, "refuses")
	r := Do(t, s, Ask(Manager(1), "one"))
	changed := On(approval.OpAgree, r, Manager(2))
	changed.Digest[0]++
	late := On(approval.OpAgree, r, Manager(2))
	late.At = r.Lapses
	for _, c := range []struct {
		step approval.Step
		want error
	}{
		{On(approval.OpAgree, r, Manager(1)), approval.ErrOwn},
		{On(approval.OpAgree, r, approval.Shell), approval.ErrShell},
		{changed, approval.ErrChanged},
		{late, approval.ErrLapsed},
		{On(approval.OpBegin, r, Manager(1)), approval.ErrState},
		{On(approval.OpDone, r, Manager(1)), approval.ErrState},
		{On(approval.OpAgree, approval.Request{ID: 2, AskedAt: When}, Manager(2)), approval.ErrNone},
		{Ask(Manager(2), "one"), approval.ErrAsked},
		{Ask(Manager(2), ""), approval.ErrStep},
	} {
		if _, err := s.Decide(ctx, c.step); !errors.Is(err, c.want) {
			t.Errorf("%s by %v: %v, want %v", c.step.Op, c.step.By, err, c.want)
		}
	}
	if head, err := s.Head(ctx); err != nil || head.Seq != 1 {
		t.Errorf("refused and kept: %v %v", head, err)
	}
	if got := Do(t, s, On(approval.OpAgree, r, Manager(2))); got.State(When) != approval.Agreed {
		t.Errorf("after refusals: %s", got.State(When))
	}
}

// atOnce takes steps at once on several nodes, and gives their errors.
func atOnce(nodes []approval.Store, steps ...approval.Step) []error {
	errs := make([]error, len(steps))
	var wg sync.WaitGroup
	for i := range steps {
		wg.Go(func() { _, errs[i] = nodes[i%len(nodes)].Decide(context.Background(), steps[i]) })
	}
	wg.Wait()
	return errs
}

func took(errs []error) (n int) {
	for _, err := range errs {
		if err == nil {
			n++
		}
	}
	return n
}

// twoAgree: of many who agree at once as many count as are needed.
func twoAgree(t *testing.T, open Open) {
	nodes := []approval.Store{open(t, "two"), open(t, "two")}
	r := Do(t, nodes[0], Ask(approval.Shell, "x"))
	var steps []approval.Step
	for i := range 8 {
		steps = append(steps, On(approval.OpAgree, r, Manager(i+1)))
	}
	errs := atOnce(nodes, steps...)
	got, err := nodes[1].Request(context.Background(), r.ID)
	if err != nil || took(errs) != 2 || len(got.Agreed) != 2 || got.State(When) != approval.Agreed {
		t.Errorf("%d were told that they agreed, %d are kept, %s, %v", took(errs), len(got.Agreed), got.State(When), err)
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, approval.ErrState) {
			t.Error(err)
		}
	}
}

// oneAgrees: one person in many windows is one.
func oneAgrees(t *testing.T, open Open) {
	nodes := []approval.Store{open(t, "one"), open(t, "one")}
	r := Do(t, nodes[0], Ask(approval.Shell, "x"))
	var steps []approval.Step
	for range 8 {
		steps = append(steps, On(approval.OpAgree, r, Manager(1)))
	}
	errs := atOnce(nodes, steps...)
	got, err := nodes[1].Request(context.Background(), r.ID)
	if err != nil || took(errs) != 1 || len(got.Agreed) != 1 || got.State(When) != approval.Asked {
		t.Errorf("%d agreed, %d are kept, %s, %v", took(errs), len(got.Agreed), got.State(When), err)
	}
}

func doneOnce(t *testing.T, open Open) {
	nodes := []approval.Store{open(t, "done"), open(t, "done")}
	r := Do(t, nodes[0], Ask(Manager(1), "x"))
	Do(t, nodes[0], On(approval.OpAgree, r, Manager(2)))
	var steps []approval.Step
	for i := range 8 {
		steps = append(steps, On(approval.OpDone, r, Manager(i)))
	}
	if errs := atOnce(nodes, steps...); took(errs) != 1 {
		t.Errorf("done %d times: %v", took(errs), errs)
	}
}

func askedOnce(t *testing.T, open Open) {
	nodes := []approval.Store{open(t, "asked"), open(t, "asked")}
	var steps []approval.Step
	for i := range 8 {
		steps = append(steps, Ask(Manager(i), "x"), Ask(Manager(i), fmt.Sprint("x", i)))
	}
	if errs := atOnce(nodes, steps...); took(errs) != 9 {
		t.Errorf("%d requests: %v", took(errs), errs)
	}
}

func cancelled(t *testing.T, open Open) {
	s := open(t, "cancelled")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Decide(ctx, Ask(Manager(1), "x")); err == nil {
		t.Error("asked by a cancelled call")
	}
	if head, err := s.Head(context.Background()); err != nil || head.Seq != 0 {
		t.Errorf("%v %v", head, err)
	}
	Do(t, s, Ask(Manager(1), "x"))
}

// model holds two nodes of an engine against a register, one life after the other, each long after the one before.
func model(t *testing.T, open Open) {
	ctx := context.Background()
	nodes := []approval.Store{open(t, "model"), open(t, "model")}
	g := &approval.Register{}
	var asked []approval.Digest
	at := When
	rapid.Check(t, func(rt *rapid.T) {
		at = at.Add(approval.MaxLife) // all that came before has lapsed
		first := int64(len(asked))
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(0, 30).Draw(rt, "hours")) * time.Hour)
			by := approval.Shell
			if n := rapid.IntRange(0, 3).Draw(rt, "who"); n > 0 {
				by = Manager(n)
			}
			step := Ask(by, fmt.Sprint(first, rapid.IntRange(0, 2).Draw(rt, "what")))
			step.At, step.Lapses = at, at.Add(approval.LifeUsual)
			if op := rapid.SampledFrom([]approval.Op{
				approval.OpAsk, approval.OpAgree, approval.OpAgree, approval.OpDecline, approval.OpWithdraw, approval.OpBegin, approval.OpDone,
			}).Draw(rt, "op"); op != approval.OpAsk {
				step = approval.Step{Op: op, At: at, By: by, Why: "w", Request: first + int64(rapid.IntRange(1, 3).Draw(rt, "request"))}
				if step.Request <= int64(len(asked)) {
					step.Digest = asked[step.Request-1]
				}
			}
			_, want, wantErr := g.Decide(step)
			if step.Op == approval.OpAsk && wantErr == nil {
				asked = append(asked, want.Digest)
			}
			got, err := nodes[rapid.IntRange(0, 1).Draw(rt, "node")].Decide(ctx, step)
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				rt.Fatalf("%s: %v, want %v", step.Op, err, wantErr)
			}
			if d := cmp.Diff(want, got, same, cmpopts.IgnoreUnexported(approval.Request{})); d != "" || want.State(at) != got.State(at) {
				rt.Fatal(d, want.State(at), got.State(at))
			}
		}
		head, err := nodes[0].Head(ctx)
		if err != nil || head != g.Head() {
			rt.Fatalf("%v %v, want %v", head, err, g.Head())
		}
	})
}
