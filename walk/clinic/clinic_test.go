package clinic_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
	"charye/supply/dispense"
	"charye/walk"
	"charye/walk/clinic"
	"charye/walk/whole"
)

// visitRules have two seats a session, ten doses a vial, and campaigns that are open on the days of vaccination.
const visitRules = `
programme: visit-test
name: {en: Test}
timezone: Asia/Seoul
products:
  - id: moderna
    name: {ko: 모더나, en: Moderna}
    cvx: "207"
    dosesPerVial: 2
    vials: {}
    series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}
campaigns:
  - id: age-55-59
    name: {ko: 55–59세, en: Ages 55–59}
    products: [moderna]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-09-30T18:00:00+09:00
    stock: 6
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
    leftovers: {minutes: 10, sites: 2, withinKm: 10}
    visits: [{from: 2021-07-26, lateMinutes: 30, keepDays: 5, noShow: {after: 60, then: rebook, afterDays: 2, limit: 1, withinDays: 9}}]
timetables:
  - {sites: all, start: 2021-07-26, days: 40, from: "09:00", to: "11:00", every: 30m, seats: 2}
`

// visitWorld is a world of those rules, with bookings of people 1 to n in the first session of the first day at S1, some minutes before it.
func visitWorld(t *testing.T, n int) (*world, []walk.Booking) {
	t.Helper()
	w, end := worldOf(t, visitRules)
	t.Cleanup(end)
	w.StaffFrom([]string{staffSpace})
	must(t, w.Ledger.SetCapacity(t.Context(), []booking.Claim{{Counter: booking.VialsCounter(1, w.Programme().Products[0].Num), Capacity: 20}}))
	w.Set(at(12, 20, 1))
	w.GoOn()
	var out []walk.Booking
	for i := 1; i <= n; i++ {
		out = append(out, w.comes(i, firstDay, (i-1)/2))
	}
	w.Advance(at(26, 8, 55))
	return w, out
}

// comes books person n into the i-th session of a day at S1.
func (w *world) comes(n int, day civil.Date, i int) walk.Booking {
	w.T.Helper()
	w.PlaceFor(n)
	w.GoOn()
	b, err := w.BookSlot(n, w.Admit(n, "phone").Token, w.SlotAt(day, i))
	must(w.T, err)
	return b
}

func (w *world) stored(b walk.Booking) booking.Booking {
	w.T.Helper()
	id, err := booking.ParseNumber(b.Number)
	must(w.T, err)
	got, ok, err := w.Ledger.Booking(w.T.Context(), id)
	if err != nil || !ok {
		w.T.Fatalf("booking %s: %v, %v", b.Number, ok, err)
	}
	return got
}

func (w *world) checked() {
	w.T.Helper()
	for _, finding := range booking.Check(w.T.Context(), w.Ledger) {
		w.T.Error(finding)
	}
}

// TestClinicDay: people are listed by session, arrive, are given the dose; the vials add up, and each list is a look.
func TestClinicDay(t *testing.T) {
	t.Parallel()
	w, booked := visitWorld(t, 3)
	nurse := w.Nurse(1, "S1")
	day, err := w.ClinicDay(t.Context(), nurse)
	must(t, err)
	if len(day.Sessions) != 2 || len(day.Sessions[0].People) != 2 || len(day.Sessions[1].People) != 1 || day.Counts[booking.Expected] != 3 || day.More {
		t.Fatalf("the day is %+v", day)
	}
	if v := day.Sessions[0].People[0]; v.Name != "김차례" || v.BornYear != 1964 || v.Dose != 1 || v.Of != 2 || !v.Late.Equal(at(26, 10, 0)) || v.Missable {
		t.Errorf("shown as %+v", v)
	}
	for _, state := range []booking.VisitState{booking.Arrived, booking.Given, booking.Given} {
		v, err := w.TellOf(booked[0], 1, state)
		must(t, err)
		if v.State != state {
			t.Errorf("%v after saying %v", v.State, state)
		}
	}
	_, err = w.TellOf(booked[0], 1, booking.Given, "CD34")
	wantCode(t, err, walk.Conflict)
	_, err = w.TellOf(booked[0], 1, booking.Arrived)
	wantCode(t, err, walk.Conflict)
	day, err = w.ClinicDay(t.Context(), nurse)
	must(t, err)
	if p := day.Products[0]; p.Given != 1 || p.Coming != 2 || p.Open != 1 || p.Left != 1 || p.Spare != 0 || p.Last != "(10)AB12" {
		t.Errorf("the product stands at %+v", p)
	}
	_, err = w.Cancel(t.Context(), w.Actor(1), booked[0].ID)
	wantCode(t, err, walk.Closed)
	if _, err := w.TellOf(booked[0], 1, booking.Expected); err != nil {
		t.Error(err)
	}
	if got := w.stored(booked[0]); got.Doses[0].Visit != (booking.Visit{}) {
		t.Errorf("after undoing it is %+v", got.Doses[0].Visit)
	}
	w.checked()
	looks := 0
	must(t, w.PeopleStore.History(t.Context(), func(e person.PastEvent) error {
		if e.Kind == "staff.looked" {
			looks++
		}
		return nil
	}))
	if looks != 2 { // the list, of the same people twice, and the one booking, again and again
		t.Errorf("%d looks, want 2", looks)
	}
}

// TestClinicSite: staff see and change what is at their own site; without one nothing.
func TestClinicSite(t *testing.T) {
	t.Parallel()
	w, booked := visitWorld(t, 1)
	ctx := t.Context()
	other, none := w.Nurse(2, "S2"), w.Nurse(3, "S9")
	foreign := w.Clerk(4, person.Clinic, 0)
	foreign.Unit = w.Keyer.Unit("another.example", "S1")
	_, err := w.ClinicDay(ctx, none)
	wantCode(t, err, walk.NotAllowed)
	_, err = w.ClinicDay(ctx, foreign)
	wantCode(t, err, walk.NotAllowed)
	_, err = w.ClinicDay(ctx, w.Actor(1))
	wantCode(t, err, walk.NotAllowed)
	_, err = w.ClinicDay(ctx, w.Clerk(5, person.Office, 0))
	wantCode(t, err, walk.NotAllowed)
	day, err := w.ClinicDay(ctx, other)
	if err != nil || len(day.Sessions) != 0 {
		t.Errorf("another site sees %+v, %v", day, err)
	}
	for _, a := range []walk.Actor{other, none, w.Actor(1), w.Clerk(5, person.Office, 0)} {
		want := walk.NotAllowed
		if a.Key == other.Key {
			want = walk.NotFound
		}
		_, err = w.TellVisit(ctx, a, clinic.TellVisit{Booking: booked[0].ID, Dose: 1, State: booking.Arrived})
		wantCode(t, err, want)
		_, err = w.Visitor(ctx, a, booked[0].ID, 1)
		wantCode(t, err, want)
	}
	for text, n := range map[string]int{booked[0].Number: 1, "차례": 1, " 김 차례 ": 1, "홍길동": 0, booking.Number(999): 0} {
		mine, err := w.FindVisitors(ctx, w.Nurse(1, "S1"), text)
		must(t, err)
		theirs, err := w.FindVisitors(ctx, other, text)
		must(t, err)
		if len(mine) != n && len(mine) != 2*n || len(theirs) != 0 { // by its number both doses
			t.Errorf("%q finds %d at the site and %d at another, want %d and 0", text, len(mine), len(theirs), n)
		}
	}
	_, err = w.TellOf(booked[0], 2, booking.Arrived) // four weeks later
	wantCode(t, err, walk.Closed)
	for _, public := range []string{"", "1-x", booked[0].ID + "x"} {
		_, err = w.TellVisit(ctx, w.Nurse(1, "S1"), clinic.TellVisit{Booking: public, Dose: 1, State: booking.Arrived})
		wantCode(t, err, walk.NotFound)
	}
	// A site that comes later is known as soon as it is imported.
	_, _, err = w.SiteStore.Put(ctx, []site.Site{{ID: "S9", Name: "아홉의원", Kind: "clinic", Region: "서울특별시", Address: "서울"}}, at(26, 8, 56))
	must(t, err)
	w.GoOn()
	if _, err := w.ClinicDay(ctx, none); err != nil {
		t.Error(err)
	}
}

// TestNoShow: who does not come loses the booking once, an hour after the session, not before; what they took comes back but for a dose in an
// open vial; and they come back themselves, by the rules.
func TestNoShow(t *testing.T) {
	t.Parallel()
	w, booked := visitWorld(t, 4) // two at 9:00, two at 9:30
	ctx := t.Context()
	_, err := w.TellOf(booked[0], 1, booking.NoShow)
	wantCode(t, err, walk.NotOpen)
	w.Set(at(26, 9, 5))
	for _, b := range booked[:3] {
		_, err := w.TellOf(b, 1, booking.Arrived)
		must(t, err)
	}
	_, err = w.TellOf(booked[0], 1, booking.Expected)
	must(t, err)
	_, err = w.TellOf(booked[1], 1, booking.Given)
	must(t, err)
	_, err = w.TellOf(booked[2], 1, booking.Given)
	must(t, err)
	w.Advance(at(26, 10, 29)) // the first session ended at 9:30
	if got := w.stored(booked[0]); got.Status != booking.Booked {
		t.Fatalf("status %d before the hour is over", got.Status)
	}
	stock := booking.StockCounter(booked[0].Campaign.Num)
	w.Advance(at(26, 10, 30))
	w.GoOn()
	if got := w.stored(booked[0]); got.Status != booking.Missed || got.Doses[0].Visit.State != booking.NoShow || got.Doses[0].Visit.Kept {
		t.Fatalf("after the hour: %+v", got)
	}
	w.Advance(at(26, 11, 1))
	if got := w.stored(booked[3]); got.Status != booking.Missed || got.Doses[0].Visit.Kept {
		t.Fatalf("two of a vial of two were given, the fourth is in another: %+v", got)
	}
	if n := w.UsedOf(t, stock); n != 2 {
		t.Errorf("%d doses of the stock are taken, want those given", n)
	}
	w.checked()
	kinds := w.kinds(w.stored(booked[0]).ID)
	if got := strings.Join(kinds, " "); got != "booked arrived undone no-show" {
		t.Errorf("the events are %q", got)
	}
	// Not before the 28th; then at once.
	p, err := w.PlaceOf(ctx, w.Actor(1), campaign, "")
	must(t, err)
	_, err = w.Enter(ctx, w.Actor(1), campaign, "", p.Ticket, "phone", false)
	if e, ok := errors.AsType[*walk.ComesAgain](wantCode(t, err, walk.NotOpen)); !ok || !e.From.Equal(at(28, 0, 0)) || e.Last {
		t.Errorf("they come again %+v", e)
	}
	w.Advance(at(28, 0, 0))
	again := w.comes(1, firstDay+3, 0)
	w.Advance(at(29, 11, 0))
	if got := w.stored(again); got.Status != booking.Booked {
		t.Error("somebody missed an appointment at a site that told nothing all day")
	}
	w.Advance(at(29, 11, 1))
	_, err = w.TellOf(again, 1, booking.NoShow) // by the clinic, at closing
	must(t, err)
	w.checked()
	// The second time, more than the limit: others go first, but at most for nine days.
	w.Advance(at(31, 0, 0))
	w.PlaceFor(7)
	_, err = w.Enter(ctx, w.Actor(1), campaign, "", p.Ticket, "phone", false)
	if e, ok := errors.AsType[*walk.ComesAgain](wantCode(t, err, walk.NotOpen)); !ok || !e.Last || !e.Until.Equal(at(38, 0, 0)) {
		t.Errorf("the second time they come again %+v", e)
	}
	w.GoOn() // person 7 has had a turn
	if _, err = w.Enter(ctx, w.Actor(1), campaign, "", p.Ticket, "phone", false); err != nil {
		t.Errorf("nobody is ahead any more: %v", err)
	}
}

// TestNoShowOfAnOpenVial: the dose stays with the site, which offers it, and is not given to the stock as well.
func TestNoShowOfAnOpenVial(t *testing.T) {
	t.Parallel()
	w, booked := visitWorld(t, 2)
	w.Set(at(26, 9, 5))
	_, err := w.TellOf(booked[0], 1, booking.Given)
	must(t, err)
	w.Advance(at(26, 10, 31))
	got := w.stored(booked[1])
	if got.Status != booking.Missed || !got.Doses[0].Visit.Kept {
		t.Fatalf("%+v", got)
	}
	if n := w.UsedOf(t, booking.StockCounter(booked[0].Campaign.Num)); n != 2 {
		t.Errorf("%d of the stock are taken, want both: one is given and one in the open vial", n)
	}
	nurse := w.Nurse(1, "S1")
	day, err := w.ClinicDay(t.Context(), nurse)
	must(t, err)
	if p := day.Products[0]; p.Spare != 1 || p.Left != 1 || p.Campaign == nil {
		t.Fatalf("the product stands at %+v", p)
	}
	offer := clinic.OfferLeftovers{Campaign: campaign, Product: "moderna", Doses: 2, Until: at(26, 17, 0)}
	_, err = w.OfferLeftovers(t.Context(), nurse, offer)
	wantCode(t, err, walk.BadRequest)
	w.Wish(campaign, []string{"S1"}, 9)
	offer.Doses = 1
	waiting, err := w.OfferLeftovers(t.Context(), nurse, offer)
	if err != nil || waiting != 1 {
		t.Fatalf("%d wait, %v", waiting, err)
	}
	_, err = w.OfferLeftovers(t.Context(), nurse, offer) // it is spoken for
	wantCode(t, err, walk.BadRequest)
	_, err = w.OfferLeftovers(t.Context(), w.Nurse(2, "S2"), offer)
	wantCode(t, err, walk.BadRequest)
	must(t, w.Round(t.Context()))
	n, o := w.Holder(campaign, 9)
	if n != 9 {
		t.Fatal("nobody is offered the dose")
	}
	b, err := w.AcceptLeftover(t.Context(), w.Actor(9), campaign, "", o.ID)
	must(t, err)
	_, err = w.TellOf(b, 1, booking.Given)
	must(t, err)
	w.checked()
	// Undone, it comes back as it was.
	_, err = w.TellOf(booked[1], 1, booking.Expected)
	must(t, err)
	if got := w.stored(booked[1]); got.Status != booking.Booked || len(got.Doses) != 2 {
		t.Errorf("undone: %+v", got)
	}
	w.checked()
}

// TestTurnedAway: it never counts against the person; the dose is kept, and another day is chosen without any cut-off. In the end it goes to others.
func TestTurnedAway(t *testing.T) {
	t.Parallel()
	w, booked := visitWorld(t, 2)
	ctx := t.Context()
	for _, b := range booked {
		_, err := w.TellOf(b, 1, booking.TurnedAway)
		must(t, err)
	}
	_, err := w.TellVisit(ctx, w.Nurse(1, "S1"), clinic.TellVisit{Booking: booked[0].ID, Dose: 1, State: booking.TurnedAway, Why: "ugly"})
	wantCode(t, err, walk.BadRequest)
	b, err := w.Booking(ctx, w.Actor(1), booked[0].ID)
	must(t, err)
	if d := b.Doses[0]; b.Cancelled || b.Missed || !d.Movable || d.State != booking.TurnedAway || d.Why != "no-vaccine" || !d.KeptUntil.Equal(at(32, 0, 0)) {
		t.Fatalf("they see %+v", b)
	}
	if n := w.UsedOf(t, booking.StockCounter(b.Campaign.Num)); n != 2 {
		t.Errorf("%d of the stock are kept, want 2", n)
	}
	b, err = w.Change(ctx, w.Actor(1), b.ID, 1, w.SlotAt(firstDay+1, 0))
	must(t, err)
	if b.Doses[0].State != booking.Expected || civil.Of(b.Doses[0].Start, seoul) != firstDay+1 || civil.Of(b.Doses[1].Start, seoul) < firstDay+22 {
		t.Errorf("moved to %+v", b.Doses)
	}
	w.checked()
	w.Advance(at(31, 23, 0))
	if got := w.stored(booked[1]); got.Status != booking.Booked {
		t.Error("the dose is kept for five days")
	}
	w.Advance(at(32, 0, 1))
	if got := w.stored(booked[1]); got.Status != booking.Cancelled {
		t.Errorf("after that it goes to others; status %d", got.Status)
	}
	w.PlaceFor(2)
	w.GoOn()
	w.Admit(2, "phone") // nothing is held against them
	w.checked()
}

// TestSecondDoseMissed: the first was given, so the booking stays; the second is moved when the person likes.
func TestSecondDoseMissed(t *testing.T) {
	t.Parallel()
	w, booked := visitWorld(t, 1)
	ctx := t.Context()
	_, err := w.TellOf(booked[0], 1, booking.Given)
	must(t, err)
	second := booked[0].Doses[1].Start
	w.Advance(second.Add(2 * time.Hour))
	_, err = w.TellOf(booked[0], 2, booking.NoShow)
	must(t, err)
	w.checked()
	b, err := w.Booking(ctx, w.Actor(1), booked[0].ID)
	must(t, err)
	if b.Missed || !b.Doses[1].Movable || b.Doses[0].Movable {
		t.Fatalf("they see %+v", b)
	}
	w.Advance(second.AddDate(0, 0, 20)) // beyond the interval: late is better than never
	to := civil.Of(second, seoul) + 21
	slots, err := w.DoseSlots(ctx, w.Actor(1), b.ID, 2, "S1", to)
	if err != nil || len(slots) == 0 {
		t.Fatalf("%d slots, %v", len(slots), err)
	}
	b, err = w.Change(ctx, w.Actor(1), b.ID, 2, slots[0].ID)
	must(t, err)
	if b.Doses[0].State != booking.Given || b.Doses[1].State != booking.Expected {
		t.Errorf("moved to %+v", b.Doses)
	}
	w.checked()
}

// TestFromWhat: what may not be given from is refused at that moment, with what to do.
func TestFromWhat(t *testing.T) {
	t.Parallel()
	w, booked := visitWorld(t, 1)
	for from, reason := range map[string]dispense.Reason{
		"": dispense.Unread, "한글": dispense.Unread, "088099990000000014": dispense.Unread, "(01)08809999000013(17)210701(10)AB12": dispense.Expired,
	} {
		_, err := w.TellOf(booked[0], 1, booking.Given, from)
		var e *walk.Error
		if !errors.As(err, &e) || e.Field != "from" {
			t.Errorf("%q: %v", from, err)
			continue
		}
		if u, ok := errors.AsType[*dispense.Unfit](err); !ok || u.Reason != reason || u.Detail == "" {
			t.Errorf("%q: %+v, want %s", from, u, reason)
		}
	}
	v, err := w.TellOf(booked[0], 1, booking.Given, "]d2010880999900001317300101"+"10AB12")
	if err != nil || v.From != "(01)08809999000013(17)300101(10)AB12" {
		t.Errorf("%q, %v", v.From, err)
	}
}

// kinds lists what happened to a booking.
func (w *world) kinds(id int64) (out []string) {
	w.T.Helper()
	events, err := w.Ledger.Events(w.T.Context(), 0, 10_000)
	must(w.T, err)
	for _, e := range events {
		if e.Booking == id {
			out = append(out, string(e.Kind))
		}
	}
	return out
}

// TestNoShowOnTwoNodes: each node goes through the days by itself, and it is said once.
func TestNoShowOnTwoNodes(t *testing.T) {
	t.Parallel()
	w, booked := visitWorld(t, 2)
	_, err := w.TellOf(booked[0], 1, booking.Given)
	must(t, err)
	other, err := whole.New(t.Context(), w.Deps)
	must(t, err)
	t.Cleanup(other.Stop)
	w.Set(at(26, 10, 31))
	var group sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		group.Go(func() {
			if i%2 == 0 {
				errs[i] = w.Round(t.Context())
			} else {
				errs[i] = other.Round(t.Context())
			}
		})
		if i%2 == 1 { // the work of one node is one after the other
			group.Wait()
		}
	}
	must(t, errors.Join(errs...))
	if got := strings.Join(w.kinds(w.stored(booked[1]).ID), " "); got != "booked no-show" {
		t.Errorf("the events are %q", got)
	}
	w.checked()
}
