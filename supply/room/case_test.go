package room_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"charye/approval"
	"charye/booking"
	"charye/person"
	"charye/site"
	"charye/supply"
	"charye/supply/order"
	"charye/supply/room"
	"charye/supply/room/roomtest"
)

var (
	asker = approval.Who{Key: roomtest.Who(201), Role: person.Logistics}
	other = approval.Who{Key: roomtest.Who(202), Role: person.Manager}
)

func wish(a supply.Action, boxes ...int) room.Wish {
	w := room.Wish{Action: a, Case: "2026-09 트럭", Reason: "얼었습니다", Evidence: []string{"file-3"}, Metres: 30_000, Days: 20}
	for _, n := range boxes {
		w.Boxes = append(w.Boxes, roomtest.Box(n))
	}
	return w
}

// stocked is the shipment with counted vials and three who have booked where the frozen box is.
func stocked(t *testing.T) (*roomtest.World, []int64) {
	t.Helper()
	w := roomtest.New(t)
	w.Shipment()
	w.Stock(1, 8)
	w.Stock(2, 4)
	w.Stock(3, 4)
	var ids []int64
	for n := range 3 {
		ids = append(ids, w.Book(n+1, 2, 5).ID)
	}
	return w, ids
}

func where(t *testing.T, w *roomtest.World, id int64) site.Num {
	t.Helper()
	b, ok, err := w.Ledger.Booking(context.Background(), id)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return b.Doses[0].Slot.Site
}

func agreed(t *testing.T, r *room.Room, w room.Wish) approval.Request {
	t.Helper()
	ctx := context.Background()
	d, err := r.Preview(ctx, asker, w)
	if err != nil {
		t.Fatal(err)
	}
	q, err := r.Ask(ctx, asker, d.Digest)
	if err == nil {
		q, err = r.Agree(ctx, other, q.ID, q.Digest)
	}
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestFourEyes: from the preview, which changes nothing, over a second person to a hold that is done, and the release that brings people back.
func TestFourEyes(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w, ids := stocked(t)
	r := w.Room()
	round(t, r)
	d, err := r.Preview(ctx, asker, wish(supply.Hold, 3))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Plan.Moves) != 3 || len(d.Plan.Without) != 0 || d.Plan.Boxes != 1 || len(d.Plan.Vials) != 1 || d.Plan.Vials[0].To != 0 {
		t.Errorf("plan: %+v", d.Plan)
	}
	if g, list, err := supply.Registered(ctx, w.Store); err != nil || len(list) != 0 || g.State(roomtest.Box(3)) != supply.Usable || where(t, w, ids[0]) != 2 {
		t.Errorf("the preview changed something: %v, %v", list, err)
	}
	if _, err := r.Ask(ctx, other, d.Digest); !errors.Is(err, room.ErrNotYours) {
		t.Errorf("somebody else asks for it: %v", err)
	}
	if _, err := r.Ask(ctx, asker, strings.Repeat("0", 64)); !errors.Is(err, supply.ErrNoPlan) {
		t.Errorf("what was never previewed: %v", err)
	}
	q, err := r.Ask(ctx, asker, d.Digest)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		who    approval.Who
		digest approval.Digest
		want   error
	}{
		"the one who asked":               {asker, q.Digest, approval.ErrOwn},
		"the one who asked, as a manager": {approval.Who{Key: asker.Key, Role: person.Manager}, q.Digest, approval.ErrOwn},
		"another digest":                  {other, approval.Digest{1}, approval.ErrChanged},
	} {
		if _, err := r.Agree(ctx, c.who, q.ID, c.digest); !errors.Is(err, c.want) {
			t.Errorf("%s agrees: %v", name, err)
		}
	}
	round(t, r)
	if _, list, _ := supply.Registered(ctx, w.Store); len(list) != 0 {
		t.Fatal("a verdict without a second person is kept")
	}
	w.At(250)
	if _, err := r.Agree(ctx, other, q.ID, q.Digest); err != nil {
		t.Fatal(err)
	}
	v := round(t, r)
	c, err := r.Case(ctx, q.ID)
	if err != nil || c.State(w.Now()) != approval.Done {
		t.Fatalf("%+v, %v", c.Request, err)
	}
	o, ok := room.ParseOutcome(c.Done.Why)
	if !ok || o.Moves.Moved != 3 || o.Seq != 1 || o.Vials != 1 {
		t.Errorf("outcome %q: %+v, %t", c.Done.Why, o, ok)
	}
	_, list, err := supply.Registered(ctx, w.Store)
	if err != nil || len(list) != 1 || !list[0].At.Equal(roomtest.Minute(250)) || list[0].Asked != room.Name(asker) || list[0].Agreed != room.Name(other) {
		t.Errorf("verdicts %+v, %v", list, err)
	}
	for _, id := range ids {
		if n := where(t, w, id); n != 1 {
			t.Errorf("booking %d is at site %d", id, n)
		}
	}
	round(t, r)
	v = round(t, r)
	if _, list, _ := supply.Registered(ctx, w.Store); len(list) != 1 {
		t.Error("it was done twice")
	}
	if v.Register.State(roomtest.Box(3)) != supply.Held || v.Alarms[0].Needs() != true || len(v.Alarms[0].Act) != 1 {
		t.Errorf("of the alarm is left %+v", v.Alarms[0])
	}
	w.At(260)
	q = agreed(t, r, wish(supply.Release, 3))
	round(t, r)
	if c, err = r.Case(ctx, q.ID); err != nil || len(c.Plan.Moves) != 3 || !strings.Contains(c.Done.Why, "3 moved") {
		t.Errorf("release: %+v, %v", c.Request.Done, err)
	}
	if where(t, w, ids[2]) != 2 {
		t.Error("nobody came back")
	}
}

// failing is a ledger whose moves fail until it is mended.
type failing struct {
	booking.Ledger
	broken atomic.Bool
}

var errAway = errors.New("the ledger is away")

func (f *failing) Apply(ctx context.Context, batch []booking.Request) ([]booking.Outcome, error) {
	if f.broken.Load() {
		return nil, errAway
	}
	return f.Ledger.Apply(ctx, batch)
}

// TestGoesOn: a verdict whose moves were interrupted is gone on with by whoever starts next, and is kept once.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w, ids := stocked(t)
	l := &failing{Ledger: w.Ledger}
	w.Deps.Ledger = l
	r := w.Room()
	round(t, r)
	q := agreed(t, r, wish(supply.Hold, 3))
	l.broken.Store(true)
	if err := r.Round(ctx); !errors.Is(err, errAway) {
		t.Fatalf("round: %v", err)
	}
	if c, err := r.Case(ctx, q.ID); err != nil || c.State(w.Now()) != approval.Begun || where(t, w, ids[0]) != 2 {
		t.Errorf("interrupted: %+v, %v", c.Request, err)
	}
	l.broken.Store(false)
	again := w.Room()
	round(t, again)
	c, err := again.Case(ctx, q.ID)
	if err != nil || c.State(w.Now()) != approval.Done || where(t, w, ids[0]) != 1 {
		t.Errorf("after a restart: %+v, %v", c.Request, err)
	}
	if _, list, err := supply.Registered(ctx, w.Store); err != nil || len(list) != 1 {
		t.Errorf("verdicts: %+v, %v", list, err)
	}
}

// TestRefusedVerdicts: what is wrong with a wish is said at its preview; what became impossible while others thought it over ends with the reason.
func TestRefusedVerdicts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w, _ := stocked(t)
	r := w.Room()
	round(t, r)
	without, far, unknown := wish(supply.Hold, 3), wish(supply.Hold, 3), wish(supply.Hold, 99)
	without.Evidence, far.Metres = nil, room.MaxMetres+1
	for _, c := range []struct {
		w    room.Wish
		want error
	}{
		{without, supply.ErrVerdict}, {far, order.ErrReach}, {unknown, supply.ErrUnknownBox}, {wish(supply.Release, 3), supply.ErrNextStep},
		{wish("burn", 3), supply.ErrVerdict},
	} {
		if _, err := r.Preview(ctx, asker, c.w); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.w.Action, err, c.want)
		}
	}
	d, err := r.Preview(ctx, asker, wish(supply.Hold, 3))
	if err != nil {
		t.Fatal(err)
	}
	q, err := r.Ask(ctx, asker, d.Digest)
	if err != nil {
		t.Fatal(err)
	}
	first := agreed(t, r, wish(supply.Recall, 3))
	round(t, r)
	if _, err := r.Agree(ctx, other, q.ID, q.Digest); err != nil {
		t.Fatal(err)
	}
	round(t, r)
	if c, err := r.Case(ctx, q.ID); err != nil || !strings.Contains(c.Done.Why, "not done: ") || !strings.Contains(c.Done.Why, "recalled") {
		t.Errorf("a hold of what was recalled: %+v, %v", c.Done, err)
	}
	if _, ok := room.ParseOutcome("not done: x"); ok {
		t.Error("what was not done has an outcome")
	}
	list, err := r.Cases(ctx, 0, 10)
	if err != nil || len(list) != 2 || list[0].ID != first.ID {
		t.Errorf("cases %+v, %v", list, err)
	}
	// A plan that nobody asked for is forgotten, one that somebody asked for stays.
	if d, err = r.Preview(ctx, asker, wish(supply.Hold, 4)); err != nil {
		t.Fatal(err)
	}
	w.At(240 + 25*60)
	if _, err := r.Preview(ctx, asker, wish(supply.Hold, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Draft(ctx, d.Digest); !errors.Is(err, supply.ErrNoPlan) {
		t.Errorf("the draft of yesterday: %v", err)
	}
	if _, err := r.Case(ctx, q.ID); err != nil {
		t.Error(err)
	}
	// Requests of other kinds are not for these roles.
	x, err := w.Requests.Decide(ctx, approval.Step{Op: approval.OpAsk, At: w.Now(), By: asker, Why: "x", Kind: approval.Export, Body: []byte("x"), Summary: []string{"x"}, Lapses: w.Now().Add(approval.LifeUsual)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Agree(ctx, other, x.ID, x.Digest); !errors.Is(err, room.ErrNoCase) {
		t.Errorf("agreeing to a request of another kind: %v", err)
	}
}
