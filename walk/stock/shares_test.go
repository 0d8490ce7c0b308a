package stock_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/walk"
)

// sharing is a programme whose stock is split: by channel, region and day, and by the vials of each site.
const sharing = `
programme: shares
name: {en: Shares}
timezone: Asia/Seoul
products:
  - id: moderna
    name: {en: Moderna}
    cvx: "207"
    dosesPerVial: 3
    vials: {opensWith: 2}
    series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}
  - id: janssen
    name: {en: Janssen}
    cvx: "212"
    dosesPerVial: 5
    series: {doses: 1}
  - id: flu
    name: {en: Influenza}
    cvx: "88"
    dosesPerVial: 1
    apart: [{from: 2021-01-01, products: [janssen], days: 14, sameDay: true}, {from: 2021-01-01, products: [moderna], days: 5}]
    series: {doses: 1}
campaigns:
  - id: channels
    name: {en: By channel}
    products: [janssen]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 5
    holdBack: {doses: 1, until: 2021-07-14T09:00:00+09:00}
    shares: [{channel: calldesk, doses: 2, until: 2021-07-13T12:00:00+09:00}]
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
    helpers: {allowed: true, perHelper: 2}
  - id: places
    name: {en: By region and day}
    products: [janssen]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 50
    shares: [{region: 서울, doses: 2}, {day: 2021-07-27, doses: 1}]
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
  - id: vials
    name: {en: Vials at sites}
    products: [moderna]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 50
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
  - id: influenza
    name: {en: Influenza}
    products: [flu]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 50
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
timetables:
  - {sites: all, start: 2021-07-26, days: 14, from: "09:00", to: "10:00", every: 30m, seats: 4}
`

func sharingWorld(t *testing.T) *world {
	t.Helper()
	w, end := worldOf(t, sharing)
	t.Cleanup(end)
	w.Set(at(12, 20, 0))
	return w
}

// enterAs lets person n into a campaign by a channel.
func (w *world) enterAs(n int, campaign, channel string) (walk.Actor, walk.Pass, error) {
	w.T.Helper()
	a := w.Actor(n)
	a.Channel = channel
	p, _, err := w.Join(w.T.Context(), a, campaign, "")
	must(w.T, err)
	w.GoOn()
	pass, err := w.Enter(w.T.Context(), a, campaign, "", p.Ticket, "phone", false)
	return a, pass, err
}

// bookAs has person n book a slot of a campaign by a channel; "" takes the first that is free at a site on a day.
func (w *world) bookAs(n int, campaign, channel, site string, day civil.Date) (walk.Booking, error) {
	w.T.Helper()
	a, pass, err := w.enterAs(n, campaign, channel)
	if err != nil {
		return walk.Booking{}, err
	}
	b, _, err := w.Book(w.T.Context(), a, pass.Token, walk.BookRequest{Slot: w.free(campaign, site, day), IdempotencyKey: "k-" + campaign})
	return b, err
}

// free is the first slot of a day that shows a seat, else the first at all.
func (w *world) free(campaign, site string, day civil.Date) string {
	w.T.Helper()
	slots, err := w.Slots(w.T.Context(), campaign, site, day)
	must(w.T, err)
	for _, s := range slots {
		if s.Free > 0 {
			return s.ID
		}
	}
	return slots[0].ID
}

func (w *world) sound() {
	w.T.Helper()
	if broken := booking.Check(context.Background(), w.Ledger); len(broken) > 0 {
		w.T.Fatal(broken)
	}
}

// TestChannelShares: what is set aside for the call desk is nobody else's until its time is over; what is held back comes on offer later.
func TestChannelShares(t *testing.T) {
	t.Parallel()
	w := sharingWorld(t)
	const c = "channels"
	remaining := func(want int) {
		t.Helper()
		w.GoOn()
		got, err := w.Campaign(t.Context(), c)
		must(t, err)
		if got.Remaining != want || (got.State == walk.StateSoldOut) != (want == 0) {
			t.Fatalf("%d remain (%s), want %d", got.Remaining, got.State, want)
		}
	}
	remaining(2) // 5, one held back, two set aside
	for n := 1; n <= 2; n++ {
		_, err := w.bookAs(n, c, "web", "S1", firstDay)
		must(t, err)
	}
	remaining(0)
	_, _, err := w.enterAs(3, c, "web")
	if e := wantCode(t, err, walk.SlotFull); !strings.Contains(e.Detail, "set aside") || !strings.Contains(e.Detail, "from 2021-07-13T12:00:00+09:00 on") || e.RetryAfter < 15*time.Hour {
		t.Error(e.Detail, e.RetryAfter)
	}
	if got, err := w.Campaign(t.Context(), c); err != nil || got.SetAside != 2 || !got.Released.Equal(at(13, 12, 0)) {
		t.Errorf("%d are set aside until %v, %v", got.SetAside, got.Released, err)
	}
	desk, err := w.bookAs(4, c, programme.ChannelDesk, "S1", firstDay)
	must(t, err)
	_, err = w.Cancel(t.Context(), w.Actor(4), desk.ID)
	must(t, err)
	remaining(0) // it is the desk's again
	_, err = w.bookAs(5, c, programme.ChannelDesk, "S1", firstDay)
	must(t, err)
	w.Advance(at(13, 12, 0))
	remaining(1)
	_, err = w.bookAs(3, c, "web", "S1", firstDay)
	must(t, err)
	remaining(0)
	_, _, err = w.enterAs(6, c, programme.ChannelDesk) // nothing is left for anybody: nobody is called
	wantCode(t, err, walk.NotYourTurn)
	w.Advance(at(14, 9, 0))
	remaining(1)
	_, err = w.bookAs(6, c, "web", "S1", firstDay)
	must(t, err)
	remaining(0)
	w.sound()
}

// TestRegionAndDayShares: a region and a day get no more first doses than theirs, pages show it before anybody tries, and a change to
// another region takes its share along.
func TestRegionAndDayShares(t *testing.T) {
	t.Parallel()
	w := sharingWorld(t)
	const c = "places"
	freeAt := func(site string, day civil.Date, want int) {
		t.Helper()
		w.GoOn()
		page, err := w.Sites(t.Context(), c, walk.SiteQuery{Date: day, HasDate: true})
		must(t, err)
		for _, s := range page.Sites {
			if s.ID == site && s.Free[0].Free != want {
				t.Fatalf("%s has %d free on %v, want %d", site, s.Free[0].Free, day, want)
			}
		}
	}
	freeAt("S1", firstDay, 2) // of eight seats
	freeAt("S1", firstDay+1, 1)
	freeAt("S2", firstDay, 8)
	freeAt("S2", firstDay+1, 1)
	first, err := w.bookAs(1, c, "web", "S1", firstDay)
	must(t, err)
	_, err = w.bookAs(2, c, "web", "S1", firstDay+1)
	must(t, err)
	freeAt("S1", firstDay, 0)
	freeAt("S2", firstDay+1, 0)
	_, err = w.bookAs(3, c, "web", "S1", firstDay)
	if e := wantCode(t, err, walk.SlotFull); !strings.Contains(e.Detail, "region") {
		t.Error(e.Detail)
	}
	_, err = w.bookAs(4, c, "web", "S2", firstDay+1)
	if e := wantCode(t, err, walk.SlotFull); !strings.Contains(e.Detail, "day") || len(e.Alternatives) == 0 {
		t.Error(e.Detail, e.Alternatives)
	}
	_, err = w.Change(t.Context(), w.Actor(1), first.ID, 1, w.free(c, "S2", firstDay+2))
	must(t, err)
	freeAt("S1", firstDay, 1)
	_, err = w.bookAs(3, c, "web", "S1", firstDay)
	must(t, err)
	_, err = w.Change(t.Context(), w.Actor(1), first.ID, 1, w.free(c, "S1", firstDay+3))
	wantCode(t, err, walk.SlotFull)
	w.sound()
}

// TestVialsAtSites: a site gives no more doses than its vials hold, second doses included; a half-used vial goes on on its day only.
func TestVialsAtSites(t *testing.T) {
	t.Parallel()
	w := sharingWorld(t)
	const c = "vials"
	s1 := func() walk.SiteFree {
		t.Helper()
		w.GoOn()
		s, err := w.Site(t.Context(), c, "S1")
		must(t, err)
		return s
	}
	if s := s1(); len(s.Free) != 0 {
		t.Fatalf("a site without vials shows %+v", s.Free)
	}
	product, _ := w.Programme().Product("moderna")
	slots, err := w.Slots(t.Context(), c, "S1", firstDay)
	must(t, err)
	slot, err := booking.ParseSlot(slots[0].ID)
	must(t, err)
	vials := booking.VialsCounter(slot.Site, product.Num)
	must(t, w.Ledger.SetCapacity(t.Context(), []booking.Claim{{Counter: vials, Capacity: 2}}))
	if s := s1(); len(s.Free) == 0 || s.Free[0].Free != 6 {
		t.Fatalf("two vials of three show as %+v", s.Free)
	}
	for n := 1; n <= 3; n++ { // a vial for the first dose, one for the second
		_, err := w.bookAs(n, c, "web", "S1", firstDay)
		must(t, err)
	}
	if s := s1(); len(s.Free) != 0 {
		t.Fatalf("without a vial left it shows %+v", s.Free)
	}
	_, err = w.bookAs(4, c, "web", "S1", firstDay)
	wantCode(t, err, walk.SlotFull)
	must(t, w.Ledger.SetCapacity(t.Context(), []booking.Claim{{Counter: vials, Capacity: 4}}))
	w.GoOn()
	_, err = w.bookAs(4, c, "web", "S1", firstDay)
	must(t, err)
	if s := s1(); len(s.Free) != 1 || s.Free[0].Day != firstDay || s.Free[0].Free != 2 {
		t.Fatalf("two doses are left in the open vial, it shows %+v", s.Free)
	}
	w.sound()
}

// TestTwoProgrammesAtOnce: influenza and COVID-19 share a site's seats, each has its own stock; both shots in one visit where that is
// allowed, the interval kept where it is not.
func TestTwoProgrammesAtOnce(t *testing.T) {
	t.Parallel()
	w := sharingWorld(t)
	_, err := w.bookAs(1, "places", "web", "S2", firstDay)
	must(t, err)
	_, err = w.bookAs(1, "influenza", "web", "S1", firstDay+3)
	if e := wantCode(t, err, walk.NotEligible); !strings.Contains(e.Detail, "another campaign") {
		t.Error(e.Detail)
	}
	both, err := w.bookAs(1, "influenza", "web", "S2", firstDay) // two shots in one visit
	must(t, err)
	all, err := w.Bookings(t.Context(), w.Actor(1))
	must(t, err)
	if len(all) != 2 || !all[0].Doses[0].Start.Equal(all[1].Doses[0].Start) {
		t.Fatalf("one view of both: %+v", all)
	}
	_, err = w.Change(t.Context(), w.Actor(1), both.ID, 1, w.free("influenza", "S1", firstDay+6))
	wantCode(t, err, walk.NotEligible)
	w.GoOn()
	slots, err := w.Slots(t.Context(), "influenza", "S2", firstDay)
	must(t, err)
	if slots[0].Free != 2 {
		t.Fatalf("of four seats two are taken by one person's two shots; %d are free", slots[0].Free)
	}
	w.sound()
}

// TestCouple: somebody and the one they help are booked at one time and place, or neither is.
func TestCouple(t *testing.T) {
	t.Parallel()
	w := sharingWorld(t)
	const c = "channels"
	w.Roster("known", 1, 30)
	ctx := t.Context()
	add := func(n int) string {
		t.Helper()
		r, err := w.AddRecipient(ctx, w.Actor(1), walk.NewRecipient{Campaign: c, Name: "배우자", Born: born, Identity: person.Trial(n).Identity, Consent: true})
		must(t, err)
		return r.ID
	}
	pass := func(recipient, device string) walk.Pass {
		t.Helper()
		p, _, err := w.Join(ctx, w.Actor(1), c, recipient)
		must(t, err)
		w.GoOn()
		got, err := w.Enter(ctx, w.Actor(1), c, recipient, p.Ticket, device, false)
		must(t, err)
		return got
	}
	spouse := add(20)
	mine, theirs := pass("", "phone"), pass(spouse, "phone")
	slot := w.free(c, "S1", firstDay)
	for name, r := range map[string]walk.BookRequest{
		"with itself":   {Slot: slot, IdempotencyKey: "a", WithPass: mine.Token},
		"with no pass":  {Slot: slot, IdempotencyKey: "a", WithPass: "x"},
		"through holds": {Hold: "1", IdempotencyKey: "a", WithPass: theirs.Token},
	} {
		if _, _, err := w.Book(ctx, w.Actor(1), mine.Token, r); err == nil {
			t.Errorf("%s: booked", name)
		}
	}
	if _, _, err := w.Book(ctx, w.Actor(2), theirs.Token, walk.BookRequest{Slot: slot, IdempotencyKey: "a", WithPass: mine.Token}); err == nil {
		t.Error("a stranger booked for both")
	}
	b, _, err := w.Book(ctx, w.Actor(1), mine.Token, walk.BookRequest{Slot: slot, IdempotencyKey: "a", WithPass: theirs.Token})
	must(t, err)
	if b.With == nil || b.With.Doses[0].SlotID != b.Doses[0].SlotID || b.With.Recipient != spouse || b.Recipient != "" {
		t.Fatalf("booked %+v with %+v", b, b.With)
	}
	again, repeated, err := w.Book(ctx, w.Actor(1), mine.Token, walk.BookRequest{Slot: slot, IdempotencyKey: "a", WithPass: theirs.Token})
	if err == nil && (!repeated || again.ID != b.ID) {
		t.Fatalf("again: %+v, %v", again, repeated)
	}
	w.GoOn()
	if got, err := w.Campaign(ctx, c); err != nil || got.Remaining != 0 {
		t.Fatalf("%+v, %v: two of two doses are booked", got, err)
	}
	w.sound()
}
