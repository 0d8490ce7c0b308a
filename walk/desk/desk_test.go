package desk_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/walk"
	"charye/walk/desk"

	"github.com/google/go-cmp/cmp"
)

// TestEveryStaffStep: without a session, as a citizen, and in each wrong role; and what a session of staff is not for.
func TestEveryStaffStep(t *testing.T) {
	t.Parallel()
	w := newDesk(t)
	ctx := t.Context()
	r, err := w.Calling(w.Clerk(1, person.CallDesk, 0), 100, "main")
	must(t, err)
	steps := map[string]struct {
		act walk.Act
		do  func(a walk.Actor) error
	}{
		"register": {walk.FindCaller, func(a walk.Actor) error { _, err := w.Calling(a, 101, "main"); return err }},
		"caller":   {walk.ServeCaller, func(a walk.Actor) error { _, err := w.Caller(ctx, a, r.ID); return err }},
		"calls":    {walk.ListCallers, func(a walk.Actor) error { _, err := w.Calls(ctx, a, "main"); return err }},
		"remove":   {walk.ServeCaller, func(a walk.Actor) error { return w.RemoveCaller(ctx, a, "none") }},
		"issue": {walk.IssueTemporary, func(a walk.Actor) error {
			_, err := w.IssueTemporary(ctx, a, desk.NewTemporary{Name: "누구", Born: born, Paper: person.PaperNone, Anyway: true})
			return err
		}},
		"eligible": {walk.ServeCaller, func(a walk.Actor) error { return w.Eligible(ctx, a, "main", r.ID) }},
		"join":     {walk.ServeCaller, func(a walk.Actor) error { _, _, err := w.Join(ctx, a, "main", r.ID); return err }},
		"place":    {walk.ServeCaller, func(a walk.Actor) error { _, err := w.PlaceOf(ctx, a, "main", r.ID); return err }},
		"enter": {walk.ServeCaller, func(a walk.Actor) error {
			_, err := w.Enter(ctx, a, "main", r.ID, "x", "d", false)
			return err
		}},
		"slots": {walk.ServeCaller, func(a walk.Actor) error {
			_, err := w.SlotsFor(ctx, a, "main", r.ID, "S1", civil.New(2021, time.July, 26))
			return err
		}},
	}
	for name, s := range steps {
		wantCode(t, s.do(walk.Actor{}), walk.NotSignedIn)
		for _, role := range person.AllRoles() {
			a := w.Clerk(2, role, 0)
			err := s.do(a)
			e, _ := err.(*walk.Error) //nolint:errorlint // refusals come as they are
			if refused := e != nil && e.Code == walk.NotAllowed; refused == walk.May(a, s.act) {
				t.Errorf("%s as %s: %v", name, role, err)
			}
		}
	}
	for _, name := range []string{"register", "caller", "calls", "remove", "issue"} {
		wantCode(t, steps[name].do(w.Actor(3)), walk.NotAllowed)
	}
	for _, name := range []string{"eligible", "join", "place", "slots"} {
		wantCode(t, steps[name].do(w.Actor(3)), walk.HelperNotAllowed)
	}

	clerk := w.Clerk(1, person.CallDesk, 0)
	_, _, err = w.Join(ctx, clerk, "main", "")
	wantCode(t, err, walk.NotAllowed)
	_, err = w.Bookings(ctx, clerk)
	wantCode(t, err, walk.NotAllowed)
	_, err = w.Recipients(ctx, clerk)
	wantCode(t, err, walk.NotAllowed)
	_, err = w.AddRecipient(ctx, clerk, walk.NewRecipient{Campaign: "main", Name: "x", Born: born, Identity: person.Trial(100).Identity, Consent: true})
	wantCode(t, err, walk.NotAllowed)
	wantCode(t, w.RemoveRecipient(ctx, clerk, r.ID), walk.NotAllowed)
	_, err = w.Contact(ctx, clerk)
	wantCode(t, err, walk.NotAllowed)
	_, err = walk.StaffActor(clerk.Session, person.Operator, nil)
	wantCode(t, err, walk.NotAllowed)
}

// TestTheDesk: one clerk registers and takes a place, another rings, books and cancels; nobody of another desk gets at any of it.
func TestTheDesk(t *testing.T) {
	t.Parallel()
	w := newDesk(t)
	ctx := t.Context()
	early, late := w.Clerk(1, person.CallDesk, 0), w.Clerk(2, person.CallDesk, 0)
	r, err := w.Calling(early, 100, "main")
	must(t, err)
	again, err := w.Calling(late, 100, "main")
	must(t, err)
	if again.ID != r.ID || r.Kind != person.OfCallDesk || r.Clerk != early.Key || r.Phone != "01012345678" {
		t.Errorf("registered as %+v, then as %+v", r, again)
	}
	list := func(called, near, notJoined, waiting int) desk.Calls {
		t.Helper()
		got, err := w.Calls(ctx, late, "main")
		must(t, err)
		if d := cmp.Diff([]int{called, near, notJoined, waiting}, []int{len(got.Called), len(got.Near), len(got.NotJoined), got.Waiting}); d != "" {
			t.Errorf("called, near, not joined, waiting (-want +got):\n%s", d)
		}
		return got
	}
	list(0, 0, 1, 0)
	// Somebody online comes first: the caller stands in the same line.
	_, _, err = w.Join(ctx, w.Actor(1), "main", "")
	must(t, err)
	_, _, err = w.Join(ctx, early, "main", r.ID)
	must(t, err)
	list(0, 1, 0, 0)
	w.GoOn()
	p1, err := w.PlaceOf(ctx, w.Actor(1), "main", "")
	must(t, err)
	pass1, err := w.Enter(ctx, w.Actor(1), "main", "", p1.Ticket, "d", false)
	must(t, err)
	_, _, err = w.Book(ctx, w.Actor(1), pass1.Token, walk.BookRequest{Slot: w.slotOf("main"), IdempotencyKey: "k1"})
	must(t, err)
	w.GoOn()
	if got := list(1, 0, 0, 0); got.Called[0].Number != 2 || got.Called[0].Phone != "01012345678" {
		t.Errorf("called: %+v", got.Called[0])
	}

	p, err := w.PlaceOf(ctx, late, "main", r.ID)
	must(t, err)
	pass, err := w.Enter(ctx, late, "main", r.ID, p.Ticket, "desk", false)
	must(t, err)
	other, office := w.Clerk(3, person.CallDesk, 9), w.Clerk(4, person.Office, 0)
	for name, a := range map[string]walk.Actor{"another call desk": other, "an office": office} {
		_, err := w.Caller(ctx, a, r.ID)
		wantCode(t, err, walk.NotFound)
		_, err = w.PlaceOf(ctx, a, "main", r.ID)
		wantCode(t, err, walk.NotFound)
		_, err = w.Hold(ctx, a, pass.Token, w.slotOf("main"))
		wantCode(t, err, walk.NoPass)
		if got, err := w.Calls(ctx, a, "main"); err != nil || len(got.Called)+len(got.Near)+len(got.NotJoined)+got.Waiting != 0 {
			t.Errorf("%s lists %+v, %v", name, got, err)
		}
	}
	_, err = w.Hold(ctx, w.Actor(3), pass.Token, w.slotOf("main"))
	wantCode(t, err, walk.NoPass)

	req := walk.BookRequest{Slot: w.slotOf("main"), IdempotencyKey: "k2", Recipient: r.ID}
	b, repeated, err := w.Book(ctx, late, pass.Token, req)
	must(t, err)
	if repeated || b.ForName != "김하나" {
		t.Errorf("booked %+v", b)
	}
	twice, repeated, err := w.Book(ctx, late, "", req)
	if err != nil || !repeated || twice.ID != b.ID {
		t.Errorf("a second click: %v, %t, %v", twice.ID, repeated, err)
	}
	list(0, 0, 0, 0)
	_, err = w.Booking(ctx, office, b.ID)
	wantCode(t, err, walk.NotFound)
	mine, err := w.Bookings(ctx, w.Actor(100))
	if err != nil || len(mine) != 1 || mine[0].ID != b.ID {
		t.Errorf("the person's own bookings: %v, %v", mine, err)
	}
	// Channel and actor are kept.
	var channels []string
	events, err := w.Ledger.Events(ctx, 0, 100)
	must(t, err)
	for _, e := range events {
		if e.Kind == booking.EventBooked {
			channels = append(channels, e.Channel)
			if e.Channel == "calldesk" && e.Actor != late.Key {
				t.Error("the clerk who booked is not written down")
			}
		}
	}
	if d := cmp.Diff([]string{"test", "calldesk"}, channels); d != "" {
		t.Error(d)
	}
	c, err := w.Cancel(ctx, early, b.ID)
	if err != nil || !c.Cancelled {
		t.Errorf("a colleague cancels: %v, %v", c.Cancelled, err)
	}
	must(t, w.RemoveCaller(ctx, early, r.ID))
	_, err = w.Caller(ctx, late, r.ID)
	wantCode(t, err, walk.NotFound)
}

func (w *world) slotOf(campaign string) string {
	w.T.Helper()
	slots, err := w.Slots(w.T.Context(), campaign, "S1", firstDay)
	must(w.T, err)
	return slots[0].ID
}

func TestDeskRules(t *testing.T) {
	t.Parallel()
	w := newDesk(t)
	ctx := t.Context()
	a := w.Clerk(1, person.CallDesk, 0)
	for n := range 3 {
		_, err := w.Calling(a, 100+n, "main")
		must(t, err)
	}
	_, err := w.Calling(a, 103, "main")
	wantCode(t, err, walk.HelperNotAllowed)
	_, err = w.Calling(w.Clerk(2, person.CallDesk, 0), 103, "main")
	must(t, err)
	_, err = w.Calling(a, 103, "no-desk")
	wantCode(t, err, walk.HelperNotAllowed)
	for field, change := range map[string]func(*desk.NewCaller){
		"consent":  func(n *desk.NewCaller) { n.Consent = "" },
		"consent ": func(n *desk.NewCaller) { n.Consent = person.ConsentHere }, // nobody is at a call desk in person
		"phone":    func(n *desk.NewCaller) { n.Phone = "twelve" },
		"name":     func(n *desk.NewCaller) { n.Name = "\x00" },
		"identity": func(n *desk.NewCaller) { n.Identity = "" },
		"code":     func(n *desk.NewCaller) { n.Identity = "XT-0000-0000-0000-0001" },
	} {
		n := desk.NewCaller{Campaign: "main", Name: "x", Born: born, Identity: person.Trial(104).Identity, Consent: person.ConsentPhone}
		change(&n)
		_, err := w.RegisterCaller(ctx, w.Clerk(3, person.CallDesk, 0), n)
		if e := wantCode(t, err, walk.BadRequest); e.Field != strings.TrimSpace(field) {
			t.Errorf("%s: field %q", field, e.Field)
		}
	}
	guess := w.Clerk(5, person.CallDesk, 0)
	for range 10 {
		_, err := w.RegisterCaller(ctx, guess, desk.NewCaller{Campaign: "main", Name: "x", Born: born, Identity: "900101-1234567", Consent: person.ConsentPhone})
		wantCode(t, err, walk.HelperNotAllowed)
	}
	_, err = w.Calling(guess, 104, "main")
	wantCode(t, err, walk.RateLimited)

	r, err := w.Calling(w.Clerk(2, person.CallDesk, 0), 103, "main")
	must(t, err)
	w.Set(at(15, 9, 0))
	_, _, err = w.Join(ctx, a, "main", r.ID)
	wantCode(t, err, walk.HelperNotAllowed)
}

func TestTemporaryIdentity(t *testing.T) {
	t.Parallel()
	w := newDesk(t)
	ctx := t.Context()
	a := w.Clerk(1, person.Office, 1)
	n := desk.NewTemporary{Name: "누구인가", Born: civil.New(1970, time.March, 3), Paper: person.PaperWitness}
	given, err := w.IssueTemporary(ctx, a, n)
	must(t, err)
	n.Name = " 누구 인가 "
	_, err = w.IssueTemporary(ctx, w.Clerk(2, person.Office, 1), n)
	if e := wantCode(t, err, walk.Conflict); e.Field != "anyway" {
		t.Errorf("field %q", e.Field)
	}
	_, err = w.IssueTemporary(ctx, w.Clerk(3, person.Office, 2), n) // of another office nothing is known
	must(t, err)
	n.Anyway = true
	second, err := w.IssueTemporary(ctx, a, n)
	if err != nil || second.Code == given.Code {
		t.Errorf("once more: %q, %v", second.Code, err)
	}
	register := func(campaign string, change func(*desk.NewCaller)) (person.Recipient, error) {
		c := desk.NewCaller{Campaign: campaign, Name: given.Name, Born: given.Born, Identity: strings.ToLower(given.Code), Consent: person.ConsentHere}
		if change != nil {
			change(&c)
		}
		return w.RegisterCaller(ctx, a, c)
	}
	_, err = register("main", func(c *desk.NewCaller) { c.Born++ })
	wantCode(t, err, walk.HelperNotAllowed)
	for campaign, want := range map[string]walk.Code{"main": "", "listed": walk.NotEligible, "listed-too": ""} {
		r, err := register(campaign, nil)
		must(t, err)
		if !r.Temporary || r.Kind != person.OfOffice {
			t.Errorf("registered as %+v", r)
		}
		_, _, err = w.Join(ctx, a, campaign, r.ID)
		if want == "" {
			must(t, err)
			continue
		}
		if e := wantCode(t, err, want); !strings.Contains(e.Detail, "temporary identity is in no list") {
			t.Errorf("told %q", e.Detail)
		}
		c, err := w.Caller(ctx, a, r.ID)
		must(t, err)
		wantCode(t, c.Why, want)
	}
	// A roster's own people are not made temporary by the rule.
	r, err := w.Calling(a, 100, "listed-too")
	if err != nil || r.Temporary {
		t.Errorf("somebody of the roster: %+v, %v", r, err)
	}
	for field, change := range map[string]func(*desk.NewTemporary){
		"name": func(n *desk.NewTemporary) { n.Name = "" }, "paper": func(n *desk.NewTemporary) { n.Paper = "library card" },
		"born": func(n *desk.NewTemporary) { n.Born = civil.New(2022, time.January, 1) },
	} {
		n := desk.NewTemporary{Name: "x", Born: born, Paper: person.PaperNone}
		change(&n)
		_, err := w.IssueTemporary(ctx, a, n)
		if e := wantCode(t, err, walk.BadRequest); e.Field != field {
			t.Errorf("%s: field %q", field, e.Field)
		}
	}
	for err = nil; err == nil; {
		_, err = w.IssueTemporary(ctx, a, desk.NewTemporary{Name: "x", Born: born, Paper: person.PaperNone, Anyway: true})
	}
	wantCode(t, err, walk.RateLimited)
}

// TestLooksAreWrittenDown: who looked at whom, and why; and nobody is shown whose look could not be written.
func TestLooksAreWrittenDown(t *testing.T) {
	t.Parallel()
	w := newDesk(t)
	ctx := t.Context()
	a := w.Clerk(1, person.CallDesk, 0)
	r, err := w.Calling(a, 100, "main")
	must(t, err)
	for range 3 { // from page to page
		_, err = w.Caller(ctx, a, r.ID)
		must(t, err)
	}
	_, err = w.Caller(ctx, w.Clerk(2, person.CallDesk, 0), r.ID)
	must(t, err)
	_, err = w.Calls(ctx, a, "main")
	must(t, err)
	w.Set(at(12, 20, 30))
	_, err = w.Caller(ctx, a, r.ID)
	must(t, err)
	var got []string
	must(t, w.PeopleStore.History(ctx, func(e person.PastEvent) error {
		if e.Kind == "staff.looked" {
			what := string(e.What)
			if !strings.Contains(what, r.Key.String()) || !strings.Contains(what, `"role":"calldesk"`) || strings.Contains(what, "김하나") {
				t.Errorf("the look tells %s", what)
			}
			_, why, _ := strings.Cut(what, `"why":"`)
			why, _, _ = strings.Cut(why, `"`)
			got = append(got, fmt.Sprint(why, " ", e.Who == a.Key))
		}
		return nil
	}))
	if d := cmp.Diff([]string{"caller true", "caller false", "list true", "caller true"}, got); d != "" {
		t.Errorf("looks (-want +got):\n%s", d)
	}
	gone, stop := context.WithCancel(ctx)
	stop()
	if c, err := w.Caller(gone, w.Clerk(3, person.CallDesk, 0), r.ID); err == nil || c.Name != "" {
		t.Errorf("shown without a look: %+v, %v", c.Recipient, err)
	}
}
