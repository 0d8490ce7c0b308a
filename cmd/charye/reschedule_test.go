package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	approvalsqlite "charye/approval/sqlite"
)

// onePlan is a plan of one move, of a booking that is not there.
const onePlan = `{"reschedule":"p","campaign":"c","why":"interval","made":"2021-09-23T01:00:00Z"}
{"booking":7,"dose":2,"from":"FROM","to":"TO"}
{"end":{"looked":3,"own":0,"kept":1,"unplaced":1}}
`

// TestPlanNeedsTwo: a plan is carried out when two managers agreed to exactly this one, once; its undoing is another matter.
func TestPlanNeedsTwo(t *testing.T) {
	t.Parallel()
	w := newRulesWorld(t, "")
	data := w.dir.Path()
	file := w.dir.File("plan")
	text := strings.NewReplacer("FROM", "1-20211004-0900-moderna", "TO", "1-20210927-0900-moderna").Replace(onePlan)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	charye := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(t.Context(), args, streams{out: &out, err: &errs})
		return code, out.String() + errs.String()
	}
	apply := func(when, verb, want string) {
		t.Helper()
		code, said := charye("reschedule", verb, "--data", data, "--plan", file)
		if (code == exitDone) != (want == "1 cancelled") || !strings.Contains(said, want) {
			t.Fatalf("%s: %d %s; want %q", when, code, said, want)
		}
	}
	apply("nobody was asked", "apply", "charye reschedule ask --plan")
	if code, said := charye("reschedule", "ask", "--data", data, "--plan", file, "--reason", "six weeks are four now"); code != exitDone ||
		!strings.Contains(said, "Move 1 follow-up doses of campaign c") || !strings.Contains(said, "1 find no free seat nearer") {
		t.Fatalf("ask: %d %s", code, said)
	}
	apply("nobody agreed", "apply", "waits for 2 of 2")
	agree(t, data, 1, 2)
	write(strings.Replace(text, `"booking":7`, `"booking":8`, 1))
	apply("the plan was changed after it was agreed to", "apply", "charye reschedule ask")
	write(text)
	apply("its undoing, which is another matter", "undo", "--undo")
	apply("agreed", "apply", "1 cancelled")
	apply("a second time", "apply", "is done; ask again")
	if code, said := charye("reschedule", "ask", "--undo", "--data", data, "--plan", file, "--reason", "back"); code != exitDone || !strings.Contains(said, "Undo: move back 1") {
		t.Fatalf("ask to undo: %d %s", code, said)
	}
	agree(t, data, 1, 2)
	apply("undone", "undo", "1 cancelled")

	s, err := approvalsqlite.Open(context.Background(), data)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	r, err := s.Request(t.Context(), 1)
	if err != nil || r.Done.Why != "0 moved, 0 were there already, 1 not" {
		t.Errorf("%+v %v", r.Done, err)
	}
}

// TestPlanOfATrial: a trial goes without, unless its file says otherwise; a real programme may say up to how many doses.
func TestPlanOfATrial(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("FROM", "1-20211004-0900-moderna", "TO", "1-20210927-0900-moderna").Replace(onePlan)
	for more, free := range map[string]bool{"trial: true": true, "trial: true\nfourEyes: {}": false, "fourEyes: {reschedule: 1}": true, "": false} {
		w := newRulesWorld(t, more)
		file := w.dir.File("plan")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"reschedule", "apply", "--data", w.dir.Path(), "--plan", file}, streams{out: &out, err: &errs})
		if (code == exitDone) != free {
			t.Errorf("%q: %d %s%s", more, code, out.String(), errs.String())
		}
	}
}
