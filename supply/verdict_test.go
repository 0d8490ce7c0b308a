package supply_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"charye/supply"
)

func verdict(a supply.Action, of string, boxes ...supply.SSCC) supply.Verdict {
	return supply.Verdict{At: zero, Action: a, Case: of, Boxes: boxes, Reason: "why", Evidence: []string{"file"}, Asked: "rule", Agreed: "officer"}
}

func TestVerdictsNeedTwo(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*supply.Verdict){
		"one":      func(v *supply.Verdict) { v.Agreed = v.Asked },
		"nobody":   func(v *supply.Verdict) { v.Asked, v.Agreed = "", "" },
		"no other": func(v *supply.Verdict) { v.Agreed = "" },
	} {
		v := verdict(supply.Hold, "c", 1)
		spoil(&v)
		if _, err := supply.NewRegister().Decide(v); !errors.Is(err, supply.ErrFourEyes) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, spoil := range map[string]func(*supply.Verdict){
		"no reason": func(v *supply.Verdict) { v.Reason = "" }, "no evidence": func(v *supply.Verdict) { v.Evidence = nil }, "no case": func(v *supply.Verdict) { v.Case = "" },
		"no box": func(v *supply.Verdict) { v.Boxes = nil }, "a zero box": func(v *supply.Verdict) { v.Boxes = []supply.SSCC{0} }, "no such action": func(v *supply.Verdict) { v.Action = "freeze" },
	} {
		v := verdict(supply.Hold, "c", 1)
		spoil(&v)
		g := supply.NewRegister()
		if _, err := g.Decide(v); !errors.Is(err, supply.ErrVerdict) || g.Seq() != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTwoCases: what one case releases another still holds.
func TestTwoCases(t *testing.T) {
	t.Parallel()
	g := supply.NewRegister()
	for _, v := range []supply.Verdict{verdict(supply.Hold, "truck", 1, 2), verdict(supply.Hold, "maker", 2, 3), verdict(supply.Release, "truck", 1, 2)} {
		if _, err := g.Decide(v); err != nil {
			t.Fatal(err)
		}
	}
	if g.State(1) != supply.Usable || g.State(2) != supply.Held || !slices.Equal(g.Cases(2), []string{"maker"}) {
		t.Errorf("%s, %s by %v", g.State(1), g.State(2), g.Cases(2))
	}
	if _, err := g.Decide(verdict(supply.Release, "truck", 2)); !errors.Is(err, supply.ErrNextStep) {
		t.Errorf("released by another case: %v", err)
	}
	// All or nothing: 1 is usable, so 3 is not released either.
	if _, err := g.Decide(verdict(supply.Release, "maker", 1, 3)); !errors.Is(err, supply.ErrNextStep) || g.State(3) != supply.Held {
		t.Errorf("%v, %s", err, g.State(3))
	}
}

// TestRegisterAgainstModel: random verdicts; the state of each box is what the list of events, looked through from the beginning, says.
func TestRegisterAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := supply.NewRegister()
		var events []supply.Verdict
		for range rapid.IntRange(1, 30).Draw(t, "verdicts") {
			v := verdict(rapid.SampledFrom([]supply.Action{supply.Hold, supply.Hold, supply.Release, supply.Recall, supply.Destroy}).Draw(t, "action"),
				rapid.SampledFrom([]string{"a", "b"}).Draw(t, "case"), rapid.SliceOfN(rapid.Custom(func(t *rapid.T) supply.SSCC {
					return supply.SSCC(rapid.IntRange(1, 4).Draw(t, "box"))
				}), 1, 3).Draw(t, "boxes")...)
			legal := true
			for _, b := range v.Boxes {
				state, cases := model(events, b)
				legal = legal && map[supply.Action]bool{
					supply.Hold: state == supply.Usable || state == supply.Held, supply.Release: state == supply.Held && cases[v.Case],
					supply.Recall: state == supply.Usable || state == supply.Held, supply.Destroy: state == supply.Held || state == supply.Recalled,
				}[v.Action]
			}
			e, err := g.Decide(v)
			if legal != (err == nil) {
				t.Fatalf("%+v: %v, by the model legal: %t", v, err, legal)
			}
			if err == nil {
				events = append(events, e)
			}
			for b := supply.SSCC(1); b <= 4; b++ {
				if want, _ := model(events, b); g.State(b) != want {
					t.Fatalf("box %d: %s, by the model %s", b, g.State(b), want)
				}
			}
		}
		again := supply.NewRegister()
		if err := again.Replay(events); err != nil || again.Seq() != int64(len(events)) {
			t.Fatal(err)
		}
		for b := supply.SSCC(1); b <= 4; b++ {
			if again.State(b) != g.State(b) {
				t.Fatalf("box %d after replay: %s, was %s", b, again.State(b), g.State(b))
			}
		}
		if len(events) > 1 {
			if err := supply.NewRegister().Replay(events[1:]); !errors.Is(err, supply.ErrVerdict) {
				t.Fatalf("a replay with a hole: %v", err)
			}
		}
	})
}

// model looks through all events: the last final word counts, else any case whose last word on the box is a hold.
func model(events []supply.Verdict, b supply.SSCC) (supply.State, map[string]bool) {
	cases := map[string]bool{}
	final := supply.State("")
	for _, e := range events {
		if !slices.Contains(e.Boxes, b) {
			continue
		}
		switch e.Action {
		case supply.Hold:
			cases[e.Case] = true
		case supply.Release:
			delete(cases, e.Case)
		case supply.Recall:
			final = supply.Recalled
		case supply.Destroy:
			final = supply.Destroyed
		}
	}
	switch {
	case final != "":
		return final, cases
	case len(cases) > 0:
		return supply.Held, cases
	}
	return supply.Usable, cases
}
