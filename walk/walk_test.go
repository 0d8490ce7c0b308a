package walk_test

import (
	"crypto/sha256"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"charye/internal/civil"
	"charye/line"
	"charye/person"
	"charye/walk"
)

// TestWholeWalk takes one person from joining to cancelling.
func TestWholeWalk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()

	p := w.PlaceFor(1)
	if p.State != line.Gathering || p.Number != 0 {
		t.Fatalf("place before the opening: %+v, want gathering without a number", p.Place)
	}
	w.Advance(at(12, 20, 0))
	p, err := w.PlaceByTicket(ctx, campaign, p.Ticket)
	must(t, err)
	if p.State != line.Admitted || p.Number != 1 {
		t.Fatalf("place after the opening: %+v, want admitted with number 1", p.Place)
	}
	pass := w.Admit(1, "phone")
	b, err := w.BookSlot(1, pass.Token, w.SlotAt(firstDay, 1))
	must(t, err)
	if len(b.Doses) != 2 || b.Name != "김차례" || b.Cancelled || !b.Changeable {
		t.Fatalf("booking %+v, want two doses in the person's name", b)
	}
	first, second := b.Doses[0], b.Doses[1]
	if !first.Start.Equal(time.Date(2021, 7, 26, 9, 30, 0, 0, seoul)) || !second.Start.Equal(first.Start.AddDate(0, 0, 28)) || second.Site.ID != "S1" {
		t.Fatalf("doses %v and %v at %s, want 28 days apart at the same place and time", first.Start, second.Start, second.Site.ID)
	}

	again, err := w.Booking(ctx, w.Actor(1), b.ID)
	must(t, err)
	if again.Number != b.Number {
		t.Fatalf("looked up %s, want %s", again.Number, b.Number)
	}
	moved, err := w.Change(ctx, w.Actor(1), b.ID, 1, w.SlotAt(firstDay+1, 0))
	must(t, err)
	if moved.Sequence != 1 || moved.ID != b.ID || moved.Doses[1].Start.Equal(moved.Doses[0].Start) {
		t.Fatalf("changed booking %+v", moved)
	}
	if gap := moved.Doses[1].Start.Sub(moved.Doses[0].Start).Hours() / 24; gap < 21 || gap > 42 {
		t.Fatalf("%v days between the doses after the change, want 21 to 42", gap)
	}
	for range 2 { // cancelling twice is the same as once
		c, err := w.Cancel(ctx, w.Actor(1), b.ID)
		must(t, err)
		if !c.Cancelled {
			t.Fatal("not cancelled")
		}
	}
	w.GoOn()
	c, err := w.Campaign(ctx, campaign)
	must(t, err)
	if c.Remaining != 4 {
		t.Fatalf("%d doses remain after the cancellation, want all 4", c.Remaining)
	}
}

// TestManyWindows: Seoul, July 2021: every window, device and relative had a place of their own.
func TestManyWindows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var group sync.WaitGroup
	seqs := make([]uint32, 50)
	created := make([]bool, 50)
	for i := range seqs {
		group.Go(func() {
			p, c, err := w.Join(t.Context(), w.Actor(1), campaign, "")
			if err == nil {
				seqs[i], created[i] = p.Seq, c
			}
		})
	}
	group.Wait()
	made := 0
	for i, s := range seqs {
		if s != 1 {
			t.Fatalf("window %d has place %d, want the one place 1", i, s)
		}
		if created[i] {
			made++
		}
	}
	if made != 1 {
		t.Fatalf("%d windows were told of a new place, want 1", made)
	}
}

// TestStepsOutOfTurn tries every step before it is due, and with what belongs to somebody or something else.
func TestStepsOutOfTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	enter := func(n int, ticket, device string, takeover bool) error {
		_, err := w.Enter(ctx, w.Actor(n), campaign, "", ticket, device, takeover)
		return err
	}

	w.Set(at(12, 18, 59))
	_, _, err := w.Join(ctx, w.Actor(1), campaign, "")
	if e := wantCode(t, err, walk.NotOpen); e.RetryAfter != time.Minute {
		t.Fatalf("retry after %v, want the minute until gathering begins", e.RetryAfter)
	}
	w.Set(at(12, 19, 0))
	mine, others := w.PlaceFor(1), w.PlaceFor(2)
	wantCode(t, enter(1, mine.Ticket, "phone", false), walk.NotOpen)

	young := w.Actor(3)
	young.Born = civil.New(1967, time.January, 1)
	_, _, err = w.Join(ctx, young, campaign, "")
	wantCode(t, err, walk.NotEligible)
	_, _, err = w.Join(ctx, w.Actor(1), "reserve", "")
	wantCode(t, err, walk.NotEligible)
	_, _, err = w.Join(ctx, walk.Actor{}, campaign, "")
	wantCode(t, err, walk.NotSignedIn)
	_, _, err = w.Join(ctx, w.Actor(1), "no-such", "")
	wantCode(t, err, walk.NotFound)

	slot := w.SlotAt(firstDay, 0)
	for _, pass := range []string{"", "x", mine.Ticket, strings.Repeat("A", 98)} {
		_, err = w.BookSlot(1, pass, slot)
		wantCode(t, err, walk.NoPass)
		_, err = w.Hold(ctx, w.Actor(1), pass, slot)
		wantCode(t, err, walk.NoPass)
	}

	w.Advance(at(12, 20, 0))
	wantCode(t, enter(1, others.Ticket, "phone", false), walk.NoPass)
	wantCode(t, enter(1, mine.Ticket+"A", "phone", false), walk.BadRequest)
	wantCode(t, enter(1, "", "phone", false), walk.BadRequest)
	wantCode(t, enter(1, mine.Ticket, "", false), walk.BadRequest)

	pass := w.Admit(1, "phone")
	wantCode(t, enter(1, mine.Ticket, "laptop", false), walk.OtherDevice)
	stale := w.Actor(1)
	stale.SignedInAt = stale.SignedInAt.Add(-6 * time.Minute)
	_, err = w.Enter(ctx, stale, campaign, "", mine.Ticket, "laptop", true)
	wantCode(t, err, walk.NotSignedIn)
	_, err = w.BookSlot(2, pass.Token, slot)
	wantCode(t, err, walk.NoPass)

	must(t, enter(1, mine.Ticket, "laptop", true))
	_, err = w.BookSlot(1, pass.Token, slot)
	wantCode(t, err, walk.NoPass) // taken over

	p, err := w.Enter(ctx, w.Actor(1), campaign, "", mine.Ticket, "laptop", false)
	must(t, err)
	for name, bad := range map[string]string{
		"no slot": "x", "no such site": "99-20210726-0900-moderna", "no such time": "1-20210726-0905-moderna",
		"another campaign's product": "1-20210726-0900-janssen", "before the first day": "1-20210725-0900-moderna",
		"follow-up hours": "1-20210823-0900-moderna",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.BookSlot(1, p.Token, bad)
			wantCode(t, err, walk.BadRequest)
		})
	}
	w.Set(p.ExpiresAt)
	_, err = w.BookSlot(1, p.Token, slot)
	wantCode(t, err, walk.PassExpired)
	w.Set(at(17, 18, 0))
	wantCode(t, enter(1, mine.Ticket, "laptop", false), walk.Closed)
	_, _, err = w.Join(ctx, w.Actor(9), campaign, "")
	wantCode(t, err, walk.Closed)
}

// TestPause: nobody enters or books while a campaign is paused, and the refusal says until when.
func TestPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.PlaceFor(1)
	w.Advance(at(12, 20, 0))
	w.Set(at(12, 23, 55))
	pass := w.Admit(1, "phone")
	w.Set(at(13, 0, 1))
	_, err := w.BookSlot(1, pass.Token, w.SlotAt(firstDay, 0))
	if e := wantCode(t, err, walk.NotOpen); e.RetryAfter != 59*time.Minute {
		t.Fatalf("retry after %v, want the 59 minutes that the pause still lasts", e.RetryAfter)
	}
	_, err = w.Enter(t.Context(), w.Actor(1), campaign, "", p.Ticket, "phone", false)
	wantCode(t, err, walk.NotOpen)
	c, err := w.Campaign(t.Context(), campaign)
	must(t, err)
	if c.State != "paused" || c.PauseWhy.EN != "maintenance" {
		t.Fatalf("campaign is %s (%q), want paused with its reason", c.State, c.PauseWhy.EN)
	}
}

// TestSoldOutKeepsOrder: what is left is public, the end is no end, and what comes back goes on in order.
func TestSoldOutKeepsOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	const people = 8
	for n := range people {
		w.PlaceFor(n + 1)
	}
	w.Advance(at(12, 20, 0))
	byNumber := make(map[uint32]int)
	for n := 1; n <= people; n++ {
		p, err := w.PlaceOf(ctx, w.Actor(n), campaign, "")
		must(t, err)
		byNumber[p.Number] = n
	}
	var last walk.Booking
	booked := 0
	for number := uint32(1); number <= people && booked < 4; number++ {
		n := byNumber[number]
		pass := w.Admit(n, "phone")
		b, err := w.BookSlot(n, pass.Token, w.SlotAt(firstDay+civil.Date(booked), 0))
		must(t, err)
		last = b
		booked++
		w.GoOn()
	}
	doc, err := w.Line(ctx, campaign)
	must(t, err)
	if doc.State != walk.StateSoldOut || doc.Remaining != 0 {
		t.Fatalf("line is %s with %d remaining, want soldOut with 0", doc.State, doc.Remaining)
	}
	waiting := byNumber[people]
	p, err := w.PlaceOf(ctx, w.Actor(waiting), campaign, "")
	must(t, err)
	admitted := doc.Admitted
	if p.Number <= admitted {
		t.Skipf("all %d were let in for 4 doses: nobody stands by", people)
	}
	if p.State != line.Standby {
		t.Fatalf("the last place is %s, want standby", p.State)
	}
	_, err = w.Enter(ctx, w.Actor(waiting), campaign, "", p.Ticket, "phone", false)
	if e := wantCode(t, err, walk.NotYourTurn); e.Place == nil || e.Place.Number != people {
		t.Fatal("the refusal does not say where the person stands")
	}
	_, err = w.Cancel(ctx, w.Actor(byNumber[4]), last.ID)
	must(t, err)
	w.GoOn()
	doc, err = w.Line(ctx, campaign)
	must(t, err)
	if doc.State == walk.StateSoldOut || doc.Admitted < admitted {
		t.Fatalf("after a cancellation the line is %s with %d admitted, want open and not fewer than %d", doc.State, doc.Admitted, admitted)
	}
}

// TestHelper: consent, roster, limit, and one place whoever asks.
func TestHelper(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	helper := w.Actor(50)
	helper.Born = civil.New(1990, time.May, 5) // a helper need not be eligible
	fill := func(n int) walk.NewRecipient {
		return walk.NewRecipient{Campaign: campaign, Name: "이어른", Born: born, Identity: person.Trial(n).Identity, Consent: true}
	}
	for name, spoil := range map[string]func(*walk.NewRecipient){
		"consent":  func(r *walk.NewRecipient) { r.Consent = false },
		"name":     func(r *walk.NewRecipient) { r.Name = " " },
		"identity": func(r *walk.NewRecipient) { r.Identity = "" },
	} {
		r := fill(100)
		spoil(&r)
		_, err := w.AddRecipient(ctx, helper, r)
		if e := wantCode(t, err, walk.BadRequest); e.Field != name {
			t.Fatalf("the refusal names %q, want %q", e.Field, name)
		}
	}
	unknown, wrongDay := fill(999), fill(100)
	wrongDay.Born++
	_, errUnknown := w.AddRecipient(ctx, helper, unknown)
	_, errDay := w.AddRecipient(ctx, helper, wrongDay)
	if a, b := wantCode(t, errUnknown, walk.HelperNotAllowed), wantCode(t, errDay, walk.HelperNotAllowed); a.Detail != b.Detail {
		t.Fatalf("an unknown number and a wrong date can be told apart: %q, %q", a.Detail, b.Detail)
	}
	other := fill(100)
	other.Campaign = "reserve"
	_, err := w.AddRecipient(ctx, helper, other)
	wantCode(t, err, walk.HelperNotAllowed)

	r, err := w.AddRecipient(ctx, helper, fill(100))
	must(t, err)
	same, err := w.AddRecipient(ctx, helper, fill(100))
	must(t, err)
	if same.ID != r.ID {
		t.Fatal("registering somebody twice made two recipients")
	}
	_, err = w.AddRecipient(ctx, helper, fill(101))
	must(t, err)
	_, err = w.AddRecipient(ctx, helper, fill(102))
	wantCode(t, err, walk.HelperNotAllowed) // the limit is 2

	_, _, err = w.Join(ctx, w.Actor(51), campaign, r.ID)
	wantCode(t, err, walk.HelperNotAllowed) // somebody else's recipient
	p, created, err := w.Join(ctx, helper, campaign, r.ID)
	must(t, err)
	own, _, err := w.Join(ctx, w.Actor(100), campaign, "")
	must(t, err)
	if !created || own.Seq != p.Seq {
		t.Fatalf("helper has place %d and the person place %d, want one place", p.Seq, own.Seq)
	}
	w.Advance(at(12, 20, 0))
	pass, err := w.Enter(ctx, helper, campaign, r.ID, p.Ticket, "helper's phone", false)
	must(t, err)
	_, err = w.BookSlot(51, pass.Token, w.SlotAt(firstDay, 0))
	wantCode(t, err, walk.NoPass)
	b, err := w.BookSlot(50, pass.Token, w.SlotAt(firstDay, 0))
	must(t, err)
	if b.ForName != "이어른" || b.Recipient != r.ID {
		t.Fatalf("helper's view is for %q (%s), want the recipient", b.ForName, b.Recipient)
	}
	mine, err := w.Bookings(ctx, w.Actor(100))
	must(t, err)
	if len(mine) != 1 || mine[0].Number != b.Number || mine[0].Recipient != "" {
		t.Fatalf("the person sees %+v, want their own booking", mine)
	}
	must(t, w.RemoveRecipient(ctx, helper, r.ID))
	_, err = w.Booking(ctx, helper, b.ID)
	wantCode(t, err, walk.NotFound) // consent withdrawn
}

// TestIdempotency: a repeated request gets the first answer, also after the pass is gone; another one does not.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.PlaceFor(1)
	w.Advance(at(12, 20, 0))
	pass := w.Admit(1, "phone")
	ask := walk.BookRequest{Slot: w.SlotAt(firstDay, 0), IdempotencyKey: "k"}
	b, repeated, err := w.Book(ctx, w.Actor(1), pass.Token, ask)
	must(t, err)
	if repeated {
		t.Fatal("the first request was taken for a repetition")
	}
	again, repeated, err := w.Book(ctx, w.Actor(1), pass.Token, ask)
	must(t, err)
	if !repeated || again.ID != b.ID {
		t.Fatalf("repeated request: booking %s (repeated %v), want %s", again.ID, repeated, b.ID)
	}
	other := ask
	other.Slot = w.SlotAt(firstDay, 1)
	_, _, err = w.Book(ctx, w.Actor(1), pass.Token, other)
	if err == nil {
		t.Fatal("the same key booked something else")
	}
	_, _, err = w.Book(ctx, w.Actor(1), pass.Token, walk.BookRequest{Slot: ask.Slot})
	wantCode(t, err, walk.BadRequest)
	_, _, err = w.Book(ctx, w.Actor(1), pass.Token, walk.BookRequest{Slot: "a", Hold: "1", IdempotencyKey: "z"})
	wantCode(t, err, walk.BadRequest)
}

// TestHoldAndFull: a held seat is nobody else's, it comes back when its minutes are over, and a full slot has alternatives.
func TestHoldAndFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for n := 1; n <= 3; n++ {
		w.PlaceFor(n)
	}
	w.Advance(at(12, 20, 0))
	slot := w.SlotAt(firstDay, 0)
	passes := map[int]walk.Pass{}
	for n := 1; n <= 3; n++ {
		passes[n] = w.Admit(n, "phone")
	}
	h, err := w.Hold(ctx, w.Actor(1), passes[1].Token, slot)
	must(t, err)
	_, err = w.BookSlot(2, passes[2].Token, slot)
	must(t, err)
	_, err = w.BookSlot(3, passes[3].Token, slot)
	if e := wantCode(t, err, walk.SlotFull); len(e.Alternatives) == 0 || e.Alternatives[0].ID == slot {
		t.Fatalf("alternatives %v, want others", e.Alternatives)
	}
	_, _, err = w.Book(ctx, w.Actor(3), passes[3].Token, walk.BookRequest{Hold: h.ID, IdempotencyKey: "theft"})
	wantCode(t, err, walk.Conflict)
	w.Advance(h.ExpiresAt)
	_, _, err = w.Book(ctx, w.Actor(1), passes[1].Token, walk.BookRequest{Hold: h.ID, IdempotencyKey: "late"})
	wantCode(t, err, walk.Conflict)
	_, err = w.BookSlot(3, passes[3].Token, slot)
	must(t, err)
}

// TestOthersBookings: an id opens nothing to anybody but its person.
func TestOthersBookings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.PlaceFor(1)
	w.Advance(at(12, 20, 0))
	b, err := w.BookSlot(1, w.Admit(1, "phone").Token, w.SlotAt(firstDay, 0))
	must(t, err)
	for _, id := range []string{b.ID, "1", "1-", "1-aaaaaaaaaaaaaaaa", strings.ToUpper(b.ID), b.ID + " ", ""} {
		for _, who := range []int{2, 1} {
			if who == 1 && id == b.ID {
				continue
			}
			_, err := w.Booking(ctx, w.Actor(who), id)
			wantCode(t, err, walk.NotFound)
			_, err = w.Change(ctx, w.Actor(who), id, 1, w.SlotAt(firstDay, 1))
			wantCode(t, err, walk.NotFound)
			_, err = w.Cancel(ctx, w.Actor(who), id)
			wantCode(t, err, walk.NotFound)
		}
	}
}

// TestCutOff: a change is possible up to the end of the day before the dose, in the programme's zone.
func TestCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.PlaceFor(1)
	w.Advance(at(12, 20, 0))
	b, err := w.BookSlot(1, w.Admit(1, "phone").Token, w.SlotAt(firstDay, 0))
	must(t, err)
	w.Set(at(25, 23, 59))
	b, err = w.Change(ctx, w.Actor(1), b.ID, 1, w.SlotAt(firstDay, 1))
	must(t, err)
	w.Set(at(26, 0, 0))
	_, err = w.Change(ctx, w.Actor(1), b.ID, 1, w.SlotAt(firstDay+1, 1))
	wantCode(t, err, walk.Closed)
	_, err = w.Cancel(ctx, w.Actor(1), b.ID)
	wantCode(t, err, walk.Closed)
	// The second dose has its own cut-off, and its interval.
	slots, err := w.DoseSlots(ctx, w.Actor(1), b.ID, 2, "S1", firstDay+21)
	must(t, err)
	if len(slots) == 0 {
		t.Fatal("no slots for dose 2 at the shortest interval")
	}
	_, err = w.Change(ctx, w.Actor(1), b.ID, 2, slots[0].ID)
	must(t, err)
	early, err := w.DoseSlots(ctx, w.Actor(1), b.ID, 2, "S1", firstDay+20)
	must(t, err)
	if len(early) != 0 {
		t.Fatalf("%d slots below the shortest interval, want none", len(early))
	}
}

// TestDrawIsCheckable recomputes the order from what is public.
func TestDrawIsCheckable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	before, err := w.Draw(ctx, campaign)
	must(t, err)
	const people = 20
	for n := 1; n <= people; n++ {
		w.PlaceFor(n)
	}
	_, err = w.Entrants(ctx, campaign)
	wantCode(t, err, walk.NotOpen)
	w.Advance(at(12, 20, 0))
	after, err := w.Draw(ctx, campaign)
	must(t, err)
	if before.Drawn || !after.Drawn || after.Commitment != before.Commitment || sha256.Sum256(after.Seed[:]) != before.Commitment {
		t.Fatal("the seed is not the one that was committed to")
	}
	r, err := w.Entrants(ctx, campaign)
	must(t, err)
	defer func() { must(t, r.Close()) }()
	all, err := io.ReadAll(r)
	must(t, err)
	if len(all) != people*16 {
		t.Fatalf("%d bytes of entrants, want %d", len(all), people*16)
	}
	for n := 1; n <= people; n++ {
		p, err := w.PlaceOf(ctx, w.Actor(n), campaign, "")
		must(t, err)
		if [16]byte(all[(p.Number-1)*16:p.Number*16]) != p.Pseudonym {
			t.Fatalf("person %d is not where the published order says", n)
		}
	}
}
