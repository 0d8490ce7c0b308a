package approval

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"charye/person"
)

var noon = time.Date(2026, 9, 21, 3, 0, 0, 0, time.UTC)

func manager(n byte) Who { return Who{Key: person.Key{n}, Role: person.Manager} }

func asking(by Who) Step {
	return Step{Op: OpAsk, At: noon, By: by, Why: "why", Kind: Reschedule, Body: []byte("b"), Summary: []string{"one"}, Lapses: noon.Add(time.Hour)}
}

func must(t *testing.T, g *Register, s Step) Request {
	t.Helper()
	_, r, err := g.Decide(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func on(op Op, r Request, by Who) Step {
	return Step{Op: op, At: noon.Add(time.Minute), By: by, Why: "w", Request: r.ID, Digest: r.Digest}
}

// TestRules goes through what each rule refuses, in each state that matters.
func TestRules(t *testing.T) {
	t.Parallel()
	one, two, three := manager(1), manager(2), manager(3)
	oneAsAuditor := Who{Key: one.Key, Role: person.Auditor}
	for name, tc := range map[string]struct {
		before []Op // by two, after one asked
		asker  Who  // one
		step   Op   //
		by     Who  //
		at     time.Duration
		want   error
	}{
		"another agrees":                   {nil, one, OpAgree, two, 0, nil},
		"who asked agrees":                 {nil, one, OpAgree, one, 0, ErrOwn},
		"who asked agrees in another role": {nil, one, OpAgree, oneAsAuditor, 0, ErrOwn},
		"the command line agrees":          {nil, one, OpAgree, Shell, 0, ErrShell},
		"its own request":                  {nil, Shell, OpAgree, Shell, 0, ErrShell},
		"twice":                            {[]Op{OpAgree}, Shell, OpAgree, two, 0, ErrTwice},
		"the second of two":                {[]Op{OpAgree}, Shell, OpAgree, three, 0, nil},
		"one of two is not enough":         {[]Op{OpAgree}, Shell, OpBegin, Shell, 0, ErrState},
		"a third where one is enough":      {[]Op{OpAgree}, one, OpAgree, three, 0, ErrState},
		"at the lapse":                     {nil, one, OpAgree, two, time.Hour, ErrLapsed},
		"just before":                      {nil, one, OpAgree, two, time.Hour - time.Microsecond, nil},
		"begun at the lapse":               {[]Op{OpAgree}, one, OpBegin, one, time.Hour, ErrLapsed},
		"done at the lapse":                {[]Op{OpAgree}, one, OpDone, one, time.Hour, ErrLapsed},
		"begun before, done after":         {[]Op{OpAgree, OpBegin}, one, OpDone, one, 2 * time.Hour, nil},
		"not agreed":                       {nil, one, OpDone, one, 0, ErrState},
		"done":                             {[]Op{OpAgree}, one, OpDone, one, 0, nil},
		"done again":                       {[]Op{OpAgree, OpDone}, one, OpDone, one, 0, ErrState},
		"begun again after it was done":    {[]Op{OpAgree, OpDone}, one, OpBegin, one, 0, ErrState},
		"declined":                         {nil, one, OpDecline, two, 0, nil},
		"declined by who asked":            {nil, one, OpDecline, one, 0, ErrOwn},
		"second thoughts":                  {[]Op{OpAgree}, one, OpDecline, two, 0, nil},
		"too late for second thoughts":     {[]Op{OpAgree, OpBegin}, one, OpDecline, two, 0, ErrState},
		"agreed after a no":                {[]Op{OpDecline}, one, OpAgree, three, 0, ErrState},
		"withdrawn":                        {[]Op{OpAgree}, one, OpWithdraw, one, 0, nil},
		"withdrawn by another":             {nil, one, OpWithdraw, two, 0, ErrNotOwn},
		"withdrawn from the command line":  {nil, one, OpWithdraw, Shell, 0, ErrNotOwn},
		"its own, withdrawn":               {nil, Shell, OpWithdraw, Shell, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &Register{}
			r := must(t, g, asking(tc.asker))
			for _, op := range tc.before {
				must(t, g, on(op, r, two))
			}
			s := on(tc.step, r, tc.by)
			if tc.at > 0 {
				s.At = noon.Add(tc.at)
			}
			was := g.Head()
			if _, _, err := g.Decide(s); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if (tc.want == nil) == (g.Head() == was) {
				t.Errorf("the history went from %v to %v", was, g.Head())
			}
		})
	}
}

// TestStopping: the end of sessions needs nobody, is on record, and is done once.
func TestStopping(t *testing.T) {
	t.Parallel()
	for _, by := range []Who{Shell, manager(1)} {
		g := &Register{}
		s := asking(by)
		s.Kind = Sessions
		r := must(t, g, s)
		if r.State(noon) != Agreed || r.Missing() != 0 {
			t.Errorf("asked by %v: %s", by, r.State(noon))
		}
		must(t, g, on(OpDone, r, by))
		if _, _, err := g.Decide(on(OpDone, r, by)); !errors.Is(err, ErrState) {
			t.Errorf("again: %v", err)
		}
	}
}

// TestChanged: what was not seen is not agreed to, and what was not agreed to is not done.
func TestChanged(t *testing.T) {
	t.Parallel()
	g := &Register{}
	r := must(t, g, asking(manager(1)))
	other := r
	other.Digest = DigestOf(Reschedule, []byte("c"))
	if _, _, err := g.Decide(on(OpAgree, other, manager(2))); !errors.Is(err, ErrChanged) {
		t.Errorf("agreed: %v", err)
	}
	must(t, g, on(OpAgree, r, manager(2)))
	for _, op := range []Op{OpBegin, OpDone} {
		if _, _, err := g.Decide(on(op, other, manager(1))); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if DigestOf(Verdict, []byte("b")) == DigestOf(Reschedule, []byte("b")) {
		t.Error("the kind is not in the digest")
	}
}

// TestSteps: what contradicts itself is refused with the field named.
func TestSteps(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*Step){
		"at:":                                  func(s *Step) { s.At = time.Time{} },
		"by:":                                  func(s *Step) { s.By = Who{Role: person.Manager} },
		"by: want":                             func(s *Step) { s.By = Who{Key: person.Key{1}} },
		"why:":                                 func(s *Step) { s.Why = " " },
		"kind:":                                func(s *Step) { s.Kind = "lunch" },
		"body:":                                func(s *Step) { s.Body = nil },
		"want 1 to 1048576 bytes, got 1048577": func(s *Step) { s.Body = make([]byte, MaxBody+1) },
		"summary:":                             func(s *Step) { s.Summary = nil },
		"summary: line 2":                      func(s *Step) { s.Summary = []string{"a", "b\nc"} },
		"lapses:":                              func(s *Step) { s.Lapses = s.At },
		"lapses: want":                         func(s *Step) { s.Lapses = s.At.Add(MaxLife + time.Hour) },
		"op:":                                  func(s *Step) { s.Op = "sing" },
	} {
		s := asking(manager(1))
		change(&s)
		if _, _, err := (&Register{}).Decide(s); !errors.Is(err, ErrStep) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	g := &Register{}
	for i := range MaxOpen {
		s := asking(manager(1))
		s.Body = []byte{1, byte(i)}
		must(t, g, s)
	}
	if _, _, err := g.Decide(asking(manager(1))); !errors.Is(err, ErrMany) {
		t.Errorf("one more than may be open: %v", err)
	}
	later := asking(manager(1))
	later.At, later.Lapses = noon.Add(2*time.Hour), noon.Add(3*time.Hour)
	must(t, g, later)
}

// TestTake: a register that reads what another decided knows the same, and no byte of it can be another.
func TestTake(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		g, rows := &Register{}, []Row(nil)
		at := noon
		for range rapid.IntRange(1, 10).Draw(rt, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(0, 40).Draw(rt, "minutes")) * time.Minute)
			by := rapid.SampledFrom([]Who{Shell, manager(1), manager(2), {Key: person.Key{3}, Role: person.Auditor}}).Draw(rt, "by")
			s := Step{Op: rapid.SampledFrom([]Op{OpAsk, OpAgree, OpDecline, OpWithdraw, OpBegin, OpDone}).Draw(rt, "op"), At: at, By: by,
				Why: rapid.StringN(1, 20, 60).Draw(rt, "why"), Request: 1}
			if len(g.list) > 0 {
				s.Digest = g.list[0].Digest
			}
			if s.Op == OpAsk {
				s.Kind, s.Body, s.Summary, s.Lapses = Programme, []byte(rapid.String().Draw(rt, "body")), []string{"a", "<b> & \u2028"}, at.Add(time.Hour)
			}
			if row, _, err := g.Decide(s); err == nil && row.Seq > 0 {
				rows = append(rows, row)
			}
		}
		same := &Register{}
		for _, r := range rows {
			if err := same.Take(r); err != nil {
				rt.Fatal(err)
			}
		}
		a, _ := json.Marshal(g.list)
		b, _ := json.Marshal(same.list)
		if string(a) != string(b) || g.Head() != same.Head() {
			rt.Fatalf("%s\n%s", a, b)
		}
		if len(rows) == 0 {
			return
		}
		i := rapid.IntRange(0, len(rows)-1).Draw(rt, "row")
		k := rapid.IntRange(0, len(rows[i].Text)-1).Draw(rt, "byte")
		text := []byte(rows[i].Text)
		text[k] ^= byte(rapid.IntRange(1, 255).Draw(rt, "by"))
		rows[i].Text = string(text)
		broken := &Register{}
		for j, r := range rows {
			if err := broken.Take(r); err != nil {
				if !errors.Is(err, ErrBroken) || j != i {
					rt.Fatalf("row %d was changed, row %d is refused: %v", i, j, err)
				}
				return
			}
		}
		rt.Fatal("a changed row was taken")
	})
}

// TestForged: rows whose chain holds and that the rules would not have made are refused.
func TestForged(t *testing.T) {
	t.Parallel()
	g := &Register{}
	r := must(t, g, asking(manager(1)))
	for name, e := range map[string]Event{
		"who asked agrees": {Request: 1, At: noon, Op: OpAgree, By: manager(1), Digest: r.Digest},
		"done unasked":     {Request: 1, At: noon, Op: OpDone, By: manager(2), Digest: r.Digest},
		"of nothing":       {Request: 2, At: noon, Op: OpAgree, By: manager(2), Digest: r.Digest},
		"needs nobody":     {Request: 2, At: noon, Op: OpAsk, By: manager(2), Why: "w", Kind: Export, Summary: []string{"a"}, Lapses: noon.Add(time.Hour)},
	} {
		row, err := e.row(g.seq+1, g.chain)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Take(row); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRow(f *testing.F) {
	g := &Register{}
	row, r, err := g.Decide(asking(manager(1)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(row.Text)
	row, _, _ = g.Decide(on(OpAgree, r, manager(2)))
	f.Add(row.Text)
	f.Add(`{"request":1,"at":"2026-09-21T03:00:00Z","op":"done","who":"zz","role":"manager"}`)
	f.Fuzz(func(t *testing.T, text string) {
		row := Row{Seq: 1, Text: text}
		e, err := row.Event()
		if err != nil {
			return
		}
		again, err := e.row(1, [32]byte{})
		if err != nil {
			return // a year that has more than four digits
		}
		if e2, err := again.Event(); err != nil || e2.Request != e.Request || e2.By != e.By || e2.Op != e.Op {
			t.Errorf("%q was read as %+v and then as %+v, %v", text, e, e2, err)
		}
	})
}
