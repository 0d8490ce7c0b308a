package manage_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"charye/approval"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/walk/approvals"
	"charye/walk/manage"
	"charye/walk/whole"
)

func asking(what string) approvals.Asking {
	return approvals.Asking{Kind: approval.Verdict, Body: []byte(what), Summary: []string{what}, Reason: "why"}
}

// TestEveryManagersStep: without a session, as a citizen, and in each wrong role.
func TestEveryManagersStep(t *testing.T) {
	t.Parallel()
	w := newDesk(t)
	ctx := t.Context()
	digest := approval.DigestOf(approval.Verdict, []byte("x"))
	for name, s := range map[string]struct {
		act walk.Act
		do  func(a walk.Actor) error
	}{
		"requests": {walk.SeeRequests, func(a walk.Actor) error { _, err := w.Requests(ctx, a, 0, 9); return err }},
		"request":  {walk.SeeRequests, func(a walk.Actor) error { _, _, err := w.Request(ctx, a, 77); return err }},
		"ask":      {walk.AskRequest, func(a walk.Actor) error { _, err := w.Ask(ctx, a, asking("x")); return err }},
		"agree":    {walk.DecideRequest, func(a walk.Actor) error { _, err := w.Agree(ctx, a, 77, digest, ""); return err }},
		"decline":  {walk.DecideRequest, func(a walk.Actor) error { _, err := w.Decline(ctx, a, 77, "no"); return err }},
		"withdraw": {walk.AskRequest, func(a walk.Actor) error { _, err := w.Withdraw(ctx, a, 77, ""); return err }},
		"carry": {walk.AskRequest, func(a walk.Actor) error {
			_, err := w.Carry(ctx, a, 77, digest, func(context.Context) (string, error) { t.Error("done"); return "", nil })
			return err
		}},
		"rules":        {walk.AskRules, func(a walk.Actor) error { _, err := w.RuleChange(a, []byte("x")); return err }},
		"ask rules":    {walk.AskRules, func(a walk.Actor) error { _, err := w.AskRules(ctx, a, []byte("x"), "why"); return err }},
		"end":          {walk.EndSessions, func(a walk.Actor) error { return w.EndSessions(ctx, a, "x", "why") }},
		"ended":        {walk.EndSessions, func(a walk.Actor) error { _, err := w.Ended(ctx, a); return err }},
		"figures":      {walk.SeeFigures, func(a walk.Actor) error { _, err := w.Figures(ctx, a); return err }},
		"waiting":      {walk.SeeWaiting, func(a walk.Actor) error { _, err := w.WaitingRules(a); return err }},
		"chains":       {walk.SeeChains, func(a walk.Actor) error { _, err := w.ChainHeads(ctx, a); return err }},
		"looks":        {walk.SeeLooks, func(a walk.Actor) error { _, err := w.Looks(ctx, a, civil.New(2021, 7, 12), "", 0); return err }},
		"installation": {walk.SeeInstallation, func(a walk.Actor) error { _, err := w.Installation(ctx, a); return err }},
	} {
		wantCode(t, s.do(walk.Actor{}), walk.NotSignedIn)
		wantCode(t, s.do(w.Actor(3)), walk.NotAllowed)
		for _, role := range person.AllRoles() {
			a := w.Clerk(2, role, 0)
			err := s.do(a)
			e, _ := err.(*walk.Error) //nolint:errorlint // refusals come as they are
			if refused := e != nil && e.Code == walk.NotAllowed; refused == walk.May(a, s.act) {
				t.Errorf("%s as %s: %v", name, role, err)
			}
		}
	}
}

// TestAskingForRules: a manager asks for what a file changes, and for nothing that nobody has to agree to.
func TestAskingForRules(t *testing.T) {
	t.Parallel()
	base := newDesk(t)
	deps := base.Deps
	deps.ChangeOf = func(src []byte) (manage.RuleChange, error) {
		switch string(src) {
		case "free":
			return manage.RuleChange{Rest: []programme.Change{{Path: "name", Before: "a", After: "b"}}}, nil
		case "wrong":
			return manage.RuleChange{}, errors.New("file:7: what is this")
		}
		c := manage.RuleChange{Needs: true, Body: src, Rest: []programme.Change{{Path: "name"}}}
		for range 100 {
			c.Open = append(c.Open, programme.Change{Path: "campaigns[c].x", Before: "1", After: string(make([]byte, 1000))})
		}
		return c, nil
	}
	w, err := whole.New(t.Context(), deps)
	must(t, err)
	t.Cleanup(w.Stop)
	a := base.Clerk(1, person.Manager, 0)
	_, err = w.AskRules(t.Context(), a, []byte("wrong"), "why")
	wantCode(t, err, walk.BadRequest)
	_, err = w.AskRules(t.Context(), a, []byte("free"), "why")
	wantCode(t, err, walk.Conflict)
	_, err = w.AskRules(t.Context(), a, []byte("changed"), " ")
	wantCode(t, err, walk.BadRequest)
	r, err := w.AskRules(t.Context(), a, []byte("changed"), "why")
	must(t, err)
	if r.Kind != approval.Programme || len(r.Summary) != approval.MaxLines || r.Summary[38] != "and 62 changes more" {
		t.Errorf("%d lines: %q", len(r.Summary), r.Summary[len(r.Summary)-2:])
	}
}

// TestLookSheet: an auditor sees each look of the day under names that stay, can ask for one desk, and sees nobody.
func TestLookSheet(t *testing.T) {
	t.Parallel()
	w := newDesk(t)
	ctx := t.Context()
	one, other := w.Clerk(1, person.CallDesk, 0), w.Clerk(2, person.Office, 7)
	var people []person.Recipient
	for i, a := range []walk.Actor{one, one, other} {
		r, err := w.Calling(a, 100+i, "main")
		must(t, err)
		_, err = w.Caller(ctx, a, r.ID)
		must(t, err)
		people = append(people, r)
	}
	auditor := w.Clerk(9, person.Auditor, 0)
	all, err := w.Looks(ctx, auditor, civil.New(2021, time.July, 12), "", 0)
	if err != nil || len(all.Rows) != 3 || all.Next != 0 {
		t.Fatalf("%+v %v", all, err)
	}
	first, last := all.Rows[2], all.Rows[0]
	if first.Clerk != all.Rows[1].Clerk || first.Clerk == last.Clerk || first.Desk == last.Desk || first.People[0] == all.Rows[1].People[0] || last.Role != person.Office || last.Why != "caller" {
		t.Errorf("%+v", all.Rows)
	}
	if first.Clerk != w.StaffName(one.Key) || first.People[0] == people[0].Key.String() || first.People[0] == first.Clerk {
		t.Errorf("names: %+v", first)
	}
	ofDesk, err := w.Looks(ctx, auditor, civil.New(2021, time.July, 12), last.Desk, 0)
	if err != nil || len(ofDesk.Rows) != 1 || ofDesk.Rows[0].Seq != last.Seq {
		t.Errorf("%+v %v", ofDesk, err)
	}
	none, err := w.Looks(ctx, auditor, civil.New(2021, time.July, 13), "", 0)
	if err != nil || len(none.Rows) != 0 {
		t.Errorf("another day: %+v %v", none, err)
	}
	older, err := w.Looks(ctx, auditor, civil.New(2021, time.July, 12), "", last.Seq)
	if err != nil || len(older.Rows) != 2 {
		t.Errorf("before the last: %+v %v", older, err)
	}
}

// TestFiguresAndState: numbers, chains and the state of the node follow what happened.
func TestFiguresAndState(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.PlaceFor(1)
	w.Advance(at(12, 20, 1))
	pass := w.Admit(1, "a")
	_, err := w.BookSlot(1, pass.Token, w.SlotAt(firstDay, 0))
	must(t, err)
	w.GoOn()
	list, err := w.Figures(ctx, w.Clerk(1, person.Manager, 0))
	if err != nil || len(list) != len(w.Programme().Campaigns) {
		t.Fatalf("%d %v", len(list), err)
	}
	if f := list[0]; f.Taken != 1 || f.Line.Joined != 1 || f.Line.Admitted != 1 || f.OnOffer != 4 || f.Remaining != 3 {
		t.Errorf("%+v", f)
	}
	heads, err := w.ChainHeads(ctx, w.Clerk(1, person.Auditor, 0))
	if err != nil {
		t.Fatal(err)
	}
	seals, err := w.Ledger.Seals(ctx, 0, 1000)
	must(t, err)
	if last := seals[len(seals)-1]; heads.Bookings.Seq != last.Seq || heads.Bookings.Chain != last.Chain || heads.Requests.Seq != 0 {
		t.Errorf("%v, the last seal is %v", heads, last)
	}
	in, err := w.Installation(ctx, w.Clerk(1, person.Operator, 0))
	must(t, err)
	for _, c := range in.Checks {
		if !c.OK {
			t.Errorf("%s %s does not answer", c.Name, c.Of)
		}
	}
	if len(in.Checks) != 5+len(w.Programme().Campaigns) || in.Feed != heads.Bookings.Seq || in.Untold < 0 {
		t.Errorf("%+v", in)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	in, err = w.Installation(gone, w.Clerk(1, person.Operator, 0))
	must(t, err)
	for _, c := range in.Checks {
		if c.OK && c.Name == "people" {
			t.Errorf("%s answers who has gone", c.Name)
		}
	}
}

// TestSessionsEnd: a session that has begun before it was ended counts no more, at another node within seconds; another's, and one that begins later,
// does; and where the store does not answer, what is known counts for half a minute and then nothing does.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	w := newDesk(t)
	ctx := t.Context()
	other, err := whole.New(ctx, w.Deps) // another node
	must(t, err)
	t.Cleanup(other.Stop)
	lost, colleague, boss := w.Clerk(1, person.CallDesk, 0), w.Clerk(2, person.CallDesk, 0), w.Clerk(3, person.Manager, 0)
	is := func(node *whole.Walk, a walk.Actor, want bool) {
		t.Helper()
		if over, err := node.SessionEnded(ctx, a.Session); err != nil || over != want {
			t.Errorf("ended: %v %v, want %v", over, err, want)
		}
	}
	is(w.Walk, lost, false)
	is(other, lost, false)
	wantCode(t, w.EndSessions(ctx, boss, "somebody", "x"), walk.BadRequest)
	wantCode(t, w.EndSessions(ctx, boss, w.StaffName(lost.Key), ""), walk.BadRequest)
	wantCode(t, w.EndSessions(ctx, colleague, w.StaffName(lost.Key), "x"), walk.NotAllowed)
	must(t, w.EndSessions(ctx, boss, w.StaffName(lost.Key), "a lost laptop"))
	is(w.Walk, lost, true)
	is(w.Walk, colleague, false)
	is(w.Walk, boss, false)
	w.Set(at(12, 20, 2))
	is(other, lost, true)
	again := w.Clerk(1, person.CallDesk, 0)
	is(w.Walk, again, false)
	must(t, w.EndSessions(ctx, boss, manage.EverybodyOfStaff, "a drill"))
	must(t, w.EndSessions(ctx, boss, manage.EverybodyOfStaff, "a drill"))
	for _, a := range []walk.Actor{lost, again, colleague, boss} {
		is(w.Walk, a, true)
	}
	list, err := w.Ended(ctx, boss)
	if err != nil || len(list) != 3 || list[0].Staff != manage.EverybodyOfStaff || list[2].Why != "a lost laptop" {
		t.Errorf("%+v %v", list, err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	w.Set(at(12, 20, 2).Add(20 * time.Second))
	if over, err := w.SessionEnded(gone, lost.Session); err != nil || !over {
		t.Errorf("the store is away for 20 seconds: %v %v", over, err)
	}
	w.Set(at(12, 20, 3))
	_, err = w.SessionEnded(gone, colleague.Session)
	wantCode(t, err, walk.Overloaded)
	w.Set(at(13, 5, 0))
	if list, err := w.Ended(ctx, boss); err != nil || len(list) != 0 {
		t.Errorf("after a shift: %+v %v", list, err)
	}
}
