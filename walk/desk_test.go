package walk_test

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

const deskRules = `
programme: desk-test
name: {en: Test}
timezone: Asia/Seoul
products:
  - {id: flu, name: {en: Flu}, cvx: "158", dosesPerVial: 10, series: {doses: 1}}
campaigns:
  - id: main
    name: {en: Main}
    products: [flu]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 100
    line: {order: arrival, inside: 1, perSecond: 1000, passMinutes: 10}
    helpers: {allowed: true, perHelper: 2}
    desk: {allowed: true, perClerk: 3, until: 2021-07-14}
  - id: listed
    name: {en: By roster}
    products: [flu]
    eligible: {roster: residents}
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 100
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
    desk: {allowed: true, perClerk: 3}
  - id: listed-too
    name: {en: By roster or temporary identity}
    products: [flu]
    eligible: {roster: residents, temporary: true, except: [elsewhere]}
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 100
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
    desk: {allowed: true, perClerk: 3}
  - id: no-desk
    name: {en: Online only}
    products: [flu]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 100
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
timetables:
  - {sites: all, start: 2021-07-26, days: 14, from: "09:00", to: "10:00", every: 30m, seats: 50}
`

func newDesk(t *testing.T) *world {
	t.Helper()
	w, end := worldOf(t, deskRules)
	t.Cleanup(end)
	w.set(at(12, 20, 1))
	return w
}

// clerk is somebody at work: n tells them apart, unit their offices.
func (w *world) clerk(n int, role person.Role, unit byte) walk.Actor {
	w.t.Helper()
	now := time.Unix(0, w.now.Load()).Truncate(time.Second)
	a, err := walk.StaffActor(person.Session{
		Key: w.keyer.Key("staff", fmt.Sprint(n)), SignedInAt: now, ExpiresAt: now.Add(person.StaffSessionLife), Roles: person.RolesOf(role), Unit: [16]byte{unit},
	}, role, func() (string, error) { return "나상담", nil })
	must(w.t, err)
	return a
}

func (w *world) calls(a walk.Actor, n int, campaign string) (person.Recipient, error) {
	consent := person.ConsentPhone
	if a.Role == person.Office {
		consent = person.ConsentHere
	}
	return w.RegisterCaller(w.t.Context(), a, desk.NewCaller{
		Campaign: campaign, Name: "김하나", Born: born, Identity: person.Trial(n).Identity, Phone: "010-1234-5678", Consent: consent,
	})
}

// TestWhoMayDoWhat is the whole table, written down once more.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"clinic": "list-visitors tell-of-visit offer-leftover", "calldesk": "find-caller list-callers serve-caller", "office": "find-caller list-callers serve-caller issue-temporary",
		"manager":   "see-requests ask-request decide-request see-supply ask-verdict agree-verdict ask-rules end-sessions see-figures see-waiting",
		"logistics": "ask-request see-supply ask-verdict agree-verdict", "auditor": "see-requests see-supply see-chains see-looks",
		"operator": "end-sessions see-waiting see-installation", "none": "",
	}
	for _, r := range append(person.AllRoles(), person.NoRole) {
		var may []string
		for _, act := range walk.Acts {
			a := walk.Actor{Session: person.Session{Key: person.Key{1}, Roles: person.RolesOf(r)}, Role: r}
			if walk.May(a, act) {
				may = append(may, string(act))
			}
			// Having a role is not acting in it, and the other way round.
			a.Roles = person.RolesOf(person.AllRoles()...) &^ person.RolesOf(r)
			if walk.May(a, act) {
				t.Errorf("%s does %s without having the role", r, act)
			}
			a.Roles, a.Role = person.RolesOf(r), person.NoRole
			if walk.May(a, act) {
				t.Errorf("%s does %s without acting in a role", r, act)
			}
		}
		if got := strings.Join(may, " "); got != want[r.String()] {
			t.Errorf("%s may %q, want %q", r, got, want[r.String()])
		}
	}
}

// TestEveryStaffStep: without a session, as a citizen, and in each wrong role; and what a session of staff is not for.
func TestEveryStaffStep(t *testing.T) {
	t.Parallel()
	w := newDesk(t)
	ctx := t.Context()
	r, err := w.calls(w.clerk(1, person.CallDesk, 0), 100, "main")
	must(t, err)
	steps := map[string]struct {
		act walk.Act
		do  func(a walk.Actor) error
	}{
		"register": {walk.FindCaller, func(a walk.Actor) error { _, err := w.calls(a, 101, "main"); return err }},
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
			a := w.clerk(2, role, 0)
			err := s.do(a)
			e, _ := err.(*walk.Error) //nolint:errorlint // refusals come as they are
			if refused := e != nil && e.Code == walk.NotAllowed; refused == walk.May(a, s.act) {
				t.Errorf("%s as %s: %v", name, role, err)
			}
		}
	}
	for _, name := range []string{"register", "caller", "calls", "remove", "issue"} {
		wantCode(t, steps[name].do(w.actor(3)), walk.NotAllowed)
	}
	for _, name := range []string{"eligible", "join", "place", "slots"} {
		wantCode(t, steps[name].do(w.actor(3)), walk.HelperNotAllowed)
	}

	clerk := w.clerk(1, person.CallDesk, 0)
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
	early, late := w.clerk(1, person.CallDesk, 0), w.clerk(2, person.CallDesk, 0)
	r, err := w.calls(early, 100, "main")
	must(t, err)
	again, err := w.calls(late, 100, "main")
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
	_, _, err = w.Join(ctx, w.actor(1), "main", "")
	must(t, err)
	_, _, err = w.Join(ctx, early, "main", r.ID)
	must(t, err)
	list(0, 1, 0, 0)
	w.settle()
	p1, err := w.PlaceOf(ctx, w.actor(1), "main", "")
	must(t, err)
	pass1, err := w.Enter(ctx, w.actor(1), "main", "", p1.Ticket, "d", false)
	must(t, err)
	_, _, err = w.Book(ctx, w.actor(1), pass1.Token, walk.BookRequest{Slot: w.slotOf("main"), IdempotencyKey: "k1"})
	must(t, err)
	w.settle()
	if got := list(1, 0, 0, 0); got.Called[0].Number != 2 || got.Called[0].Phone != "01012345678" {
		t.Errorf("called: %+v", got.Called[0])
	}

	p, err := w.PlaceOf(ctx, late, "main", r.ID)
	must(t, err)
	pass, err := w.Enter(ctx, late, "main", r.ID, p.Ticket, "desk", false)
	must(t, err)
	other, office := w.clerk(3, person.CallDesk, 9), w.clerk(4, person.Office, 0)
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
	_, err = w.Hold(ctx, w.actor(3), pass.Token, w.slotOf("main"))
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
	mine, err := w.Bookings(ctx, w.actor(100))
	if err != nil || len(mine) != 1 || mine[0].ID != b.ID {
		t.Errorf("the person's own bookings: %v, %v", mine, err)
	}
	// Channel and actor are kept.
	var channels []string
	events, err := w.ledger.Events(ctx, 0, 100)
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
	w.t.Helper()
	slots, err := w.Slots(w.t.Context(), campaign, "S1", firstDay)
	must(w.t, err)
	return slots[0].ID
}

func TestDeskRules(t *testing.T) {
	t.Parallel()
	w := newDesk(t)
	ctx := t.Context()
	a := w.clerk(1, person.CallDesk, 0)
	for n := range 3 {
		_, err := w.calls(a, 100+n, "main")
		must(t, err)
	}
	_, err := w.calls(a, 103, "main")
	wantCode(t, err, walk.HelperNotAllowed)
	_, err = w.calls(w.clerk(2, person.CallDesk, 0), 103, "main")
	must(t, err)
	_, err = w.calls(a, 103, "no-desk")
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
		_, err := w.RegisterCaller(ctx, w.clerk(3, person.CallDesk, 0), n)
		if e := wantCode(t, err, walk.BadRequest); e.Field != strings.TrimSpace(field) {
			t.Errorf("%s: field %q", field, e.Field)
		}
	}
	guess := w.clerk(5, person.CallDesk, 0)
	for range 10 {
		_, err := w.RegisterCaller(ctx, guess, desk.NewCaller{Campaign: "main", Name: "x", Born: born, Identity: "900101-1234567", Consent: person.ConsentPhone})
		wantCode(t, err, walk.HelperNotAllowed)
	}
	_, err = w.calls(guess, 104, "main")
	wantCode(t, err, walk.RateLimited)

	r, err := w.calls(w.clerk(2, person.CallDesk, 0), 103, "main")
	must(t, err)
	w.set(at(15, 9, 0))
	_, _, err = w.Join(ctx, a, "main", r.ID)
	wantCode(t, err, walk.HelperNotAllowed)
}

func TestTemporaryIdentity(t *testing.T) {
	t.Parallel()
	w := newDesk(t)
	ctx := t.Context()
	a := w.clerk(1, person.Office, 1)
	n := desk.NewTemporary{Name: "누구인가", Born: civil.New(1970, time.March, 3), Paper: person.PaperWitness}
	given, err := w.IssueTemporary(ctx, a, n)
	must(t, err)
	n.Name = " 누구 인가 "
	_, err = w.IssueTemporary(ctx, w.clerk(2, person.Office, 1), n)
	if e := wantCode(t, err, walk.Conflict); e.Field != "anyway" {
		t.Errorf("field %q", e.Field)
	}
	_, err = w.IssueTemporary(ctx, w.clerk(3, person.Office, 2), n) // of another office nothing is known
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
	r, err := w.calls(a, 100, "listed-too")
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
	a := w.clerk(1, person.CallDesk, 0)
	r, err := w.calls(a, 100, "main")
	must(t, err)
	for range 3 { // from page to page
		_, err = w.Caller(ctx, a, r.ID)
		must(t, err)
	}
	_, err = w.Caller(ctx, w.clerk(2, person.CallDesk, 0), r.ID)
	must(t, err)
	_, err = w.Calls(ctx, a, "main")
	must(t, err)
	w.set(at(12, 20, 30))
	_, err = w.Caller(ctx, a, r.ID)
	must(t, err)
	var got []string
	must(t, w.people.History(ctx, func(e person.PastEvent) error {
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
	if c, err := w.Caller(gone, w.clerk(3, person.CallDesk, 0), r.ID); err == nil || c.Name != "" {
		t.Errorf("shown without a look: %+v, %v", c.Recipient, err)
	}
}
