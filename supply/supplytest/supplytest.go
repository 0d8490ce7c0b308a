// Package supplytest is the conformance suite of [supply.Verdicts]: what every engine must do, whatever it is made of.
//
// It owns the checks and no engine.
package supplytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/supply"
)

// Open gives a store over a place; opening the same place again, also while the first is open, gives the same verdicts.
type Open func(t testing.TB, place string) supply.Verdicts

var when = time.Date(2026, 9, 21, 1, 0, 0, 123456789, time.UTC)

// Run checks an engine.
func Run(t *testing.T, open Open) {
	for name, check := range map[string]func(*testing.T, Open){
		"Keeps": keeps, "Refuses": refuses, "TwoNodes": twoNodes, "Together": together, "Model": model,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); check(t, open) })
	}
}

func box(n int) supply.SSCC {
	k, _ := supply.NewSSCC(0, "8809999", uint64(n))
	return k
}

func verdict(a supply.Action, name string, boxes ...int) supply.Verdict {
	v := supply.Verdict{At: when, Action: a, Case: name, Reason: "온도", Evidence: []string{"file a", "file \"b\""}, Asked: "rule", Agreed: "officer"}
	for _, n := range boxes {
		v.Boxes = append(v.Boxes, box(n))
	}
	return v
}

func all(t testing.TB, s supply.Verdicts, after int64) (out []supply.Verdict) {
	t.Helper()
	if err := s.Verdicts(context.Background(), after, func(v supply.Verdict) error { out = append(out, v); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func keeps(t *testing.T, open Open) {
	ctx := context.Background()
	s := open(t, "keeps")
	var want []supply.Verdict
	for i, v := range []supply.Verdict{verdict(supply.Hold, "a", 3, 1, 2), verdict(supply.Release, "a", 2), verdict(supply.Recall, "a", 1)} {
		got, err := s.Decide(ctx, v)
		if err != nil || got.Seq != int64(i+1) {
			t.Fatalf("verdict %d: number %d, %v", i+1, got.Seq, err)
		}
		want = append(want, got)
	}
	for _, from := range []supply.Verdicts{s, open(t, "keeps")} {
		if d := cmp.Diff(want, all(t, from, 0)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(want[2:], all(t, from, 2)); d != "" {
			t.Error(d)
		}
		g, _, err := supply.Registered(ctx, from)
		if err != nil || g.State(box(1)) != supply.Recalled || g.State(box(2)) != supply.Usable || g.State(box(3)) != supply.Held {
			t.Errorf("%v: %v %v %v", err, g.State(box(1)), g.State(box(2)), g.State(box(3)))
		}
	}
	enough := errors.New("enough")
	if err := s.Verdicts(ctx, 0, func(supply.Verdict) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("an error of yield: %v", err)
	}
}

func refuses(t *testing.T, open Open) {
	ctx := context.Background()
	s := open(t, "refuses")
	alone := verdict(supply.Hold, "a", 1)
	alone.Agreed = alone.Asked
	for _, c := range []struct {
		v    supply.Verdict
		want error
	}{
		{alone, supply.ErrFourEyes}, {verdict(supply.Hold, "a"), supply.ErrVerdict}, {verdict(supply.Release, "a", 1), supply.ErrNextStep},
	} {
		if _, err := s.Decide(ctx, c.v); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.v, err, c.want)
		}
	}
	if list := all(t, s, 0); len(list) != 0 {
		t.Errorf("refused and kept: %+v", list)
	}
	if v, err := s.Decide(ctx, verdict(supply.Hold, "a", 1)); err != nil || v.Seq != 1 {
		t.Errorf("after refusals: number %d, %v", v.Seq, err)
	}
}

func twoNodes(t *testing.T, open Open) {
	ctx := context.Background()
	a, b := open(t, "nodes"), open(t, "nodes")
	for i := range 6 {
		s := a
		if i%2 == 1 {
			s = b
		}
		act := supply.Hold
		if i%2 == 1 {
			act = supply.Release // of what the other node holds
		}
		if v, err := s.Decide(ctx, verdict(act, "x", 7)); err != nil || v.Seq != int64(i+1) {
			t.Fatalf("step %d: number %d, %v", i, v.Seq, err)
		}
	}
}

func together(t *testing.T, open Open) {
	ctx := context.Background()
	nodes := []supply.Verdicts{open(t, "together"), open(t, "together")}
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() { _, errs[i] = nodes[i%2].Decide(ctx, verdict(supply.Hold, fmt.Sprint(i), i, 100)) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	g, list, err := supply.Registered(ctx, nodes[0])
	if err != nil || len(list) != 20 || len(g.Cases(box(100))) != 20 {
		t.Errorf("%d verdicts, %d cases, %v", len(list), len(g.Cases(box(100))), err)
	}
}

var places sync.Map

// model holds an engine against a register.
func model(t *testing.T, open Open) {
	rapid.Check(t, func(r *rapid.T) {
		n, _ := places.LoadOrStore(t.Name(), new(int))
		count := n.(*int)
		*count++
		if *count > 15 {
			return // each is a database of its own
		}
		ctx := context.Background()
		s, g := open(t, fmt.Sprintf("model%d", *count)), supply.NewRegister()
		for range rapid.IntRange(1, 15).Draw(r, "steps") {
			v := verdict(rapid.SampledFrom([]supply.Action{supply.Hold, supply.Release, supply.Recall, supply.Destroy}).Draw(r, "action"),
				rapid.SampledFrom([]string{"a", "b"}).Draw(r, "case"), rapid.SliceOfN(rapid.IntRange(1, 4), 1, 3).Draw(r, "boxes")...)
			want, wrong := g.Decide(v)
			got, err := s.Decide(ctx, v)
			if (wrong == nil) != (err == nil) {
				r.Fatalf("%v, the register says %v", err, wrong)
			}
			if d := cmp.Diff(want, got); wrong == nil && d != "" {
				r.Fatal(d)
			}
		}
	})
}
