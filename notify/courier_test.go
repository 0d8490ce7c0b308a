package notify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"charye/booking"
	bookingsqlite "charye/booking/sqlite"
	"charye/internal/civil"
	"charye/internal/seal"
	"charye/notify"
	notifysqlite "charye/notify/sqlite"
	"charye/person"
	"charye/programme"
	"charye/site"
)

// world is a courier on real engines, with gateways that can fail and a clock that stands where it is put.
type world struct {
	*testing.T
	ledger  *bookingsqlite.Ledger
	outbox  *notifysqlite.Outbox
	text    *gateway
	mail    *gateway
	push    *gateway
	courier *notify.Courier

	mu      sync.Mutex
	now     time.Time
	helpers map[person.Key][]person.Key
}

// gateway keeps what it was given. fail decides what it answers; taken says whether it took the message all the same.
type gateway struct {
	mu   sync.Mutex
	sent []sent
	fail func(sent) (err error, taken bool)
}

type sent struct {
	id notify.ID
	to string
	w  notify.Words
}

func (g *gateway) Send(_ context.Context, id notify.ID, to notify.Address, w notify.Words) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := sent{id, to.Value, w}
	if g.fail != nil {
		if err, taken := g.fail(s); err != nil {
			if taken {
				g.sent = append(g.sent, s)
			}
			return err
		}
	}
	g.sent = append(g.sent, s)
	return nil
}

var (
	seoul   = time.FixedZone("KST", 9*60*60)
	noon    = time.Date(2021, 7, 12, 12, 0, 0, 0, seoul)
	errAway = errors.New("gateway away")
)

func person1(n int) (k person.Key) { k[0], k[1] = byte(n), byte(n>>8); return k }

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	keys, err := seal.LoadOrCreate(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, text: &gateway{}, mail: &gateway{}, push: &gateway{}, now: noon}
	if w.ledger, err = bookingsqlite.Open(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if w.outbox, err = notifysqlite.Open(t.Context(), dir, keys); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(w.ledger.Close(), w.outbox.Close()); err != nil {
			t.Error(err)
		}
	})
	w.courier = w.newCourier(w.outbox)
	return w
}

func (w *world) newCourier(o notify.Outbox) *notify.Courier {
	w.Helper()
	c, err := notify.NewCourier(notify.Wiring{
		Outbox: o, Ledger: w.ledger, Rules: notify.Rules{Zone: seoul, QuietFrom: 21 * 60, QuietTo: 8 * 60, RemindDays: 1, RemindAt: 10 * 60},
		Gateways: map[notify.Channel]notify.Gateway{notify.Text: w.text, notify.Mail: w.mail, notify.Push: w.push},
		Describe: w.describe, Invited: w.invitation, Helpers: w.helpersOf, Clock: w.clock, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.Fatal(err)
	}
	return c
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) at(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = t
}

func (w *world) describe(ctx context.Context, id int64, was []booking.Session) (notify.Facts, bool, error) {
	b, ok, err := w.ledger.Booking(ctx, id)
	f := notify.Facts{Booking: b, Campaign: programme.Text{KO: "접종"}, Number: b.Number(), Zone: seoul}
	for _, d := range b.Doses {
		f.Doses = append(f.Doses, notify.DoseFacts{Dose: d.Dose, Start: d.Slot.Day.At(d.Slot.Minute, seoul), Site: site.Site{Name: "의원"}, Product: programme.Text{KO: "백신"}})
	}
	for _, x := range was {
		f.Was = append(f.Was, notify.DoseFacts{Start: x.Day.At(x.Minute, seoul), Site: site.Site{Name: fmt.Sprintf("의원 %d", x.Site)}})
	}
	return f, ok, err
}

func (w *world) invitation(ctx context.Context, campaign uint32, m *notify.Message) (notify.Facts, bool, error) {
	h, ok, err := w.ledger.Hold(ctx, m.Subject(), campaign)
	return notify.Facts{Campaign: programme.Text{KO: "접종"}, Zone: seoul, Until: h.Invited}, ok && h.Invited.After(w.clock()), err
}

func (w *world) helpersOf(_ context.Context, campaign uint32, who []person.Key) (map[person.Key][]person.Key, error) {
	out := map[person.Key][]person.Key{}
	for _, k := range who {
		if h := w.helpers[k]; h != nil && campaign == 1 {
			out[k] = h
		}
	}
	return out, nil
}

// invite keeps a dose for the first so many people, for three hours.
func (w *world) invite(n int) {
	w.Helper()
	ctx := context.Background()
	if err := w.ledger.SetCapacity(ctx, []booking.Claim{{Counter: booking.StandbyCounter(1), Capacity: 100}}); err != nil {
		w.Fatal(err)
	}
	r := booking.Request{Op: booking.OpInvite, Campaign: 1, Channel: "system", At: w.clock(), HoldUntil: w.clock().Add(3 * time.Hour),
		Shared: []booking.Claim{{Counter: booking.StockCounter(1), Capacity: 100, N: 1}}}
	for i := 1; i <= n; i++ {
		r.Callees = append(r.Callees, booking.Callee{Number: uint32(i), Person: person1(i)})
	}
	if out, err := w.ledger.Apply(ctx, []booking.Request{r}); err != nil || out[0].Invited.People != n {
		w.Fatalf("invite: %+v, %v", out, err)
	}
}

func (w *world) book(n, day int) booking.Booking {
	w.Helper()
	s := booking.Session{Site: 1, Day: civil.New(2021, 7, day), Minute: 540}
	out, err := w.ledger.Apply(context.Background(), []booking.Request{{
		Op: booking.OpBook, Campaign: 1, Person: person1(n), Actor: person1(n), Channel: "web", At: w.clock(),
		Doses: [][]booking.Choice{{{Slot: booking.Slot{Session: s, Product: "moderna"}, Minutes: 30, Seat: booking.Claim{Counter: booking.SeatCounter(s), Capacity: 1000, N: 1}}}},
	}})
	if err != nil || out[0].Result != booking.Done {
		w.Fatalf("book: %v, %v", out, err)
	}
	return out[0].Booking
}

func (w *world) cancel(b booking.Booking) {
	w.Helper()
	out, err := w.ledger.Apply(context.Background(), []booking.Request{{Op: booking.OpCancel, Campaign: 1, Person: b.Person, Actor: b.Person, Channel: "web", At: w.clock(), Booking: b.ID}})
	if err != nil || out[0].Result != booking.Done {
		w.Fatalf("cancel: %v, %v", out, err)
	}
}

func (w *world) contact(n int, a ...notify.Address) {
	w.Helper()
	if err := w.outbox.SetContact(context.Background(), person1(n), notify.Contact{Lang: "ko", Addresses: a}, w.clock()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) round() {
	w.Helper()
	if err := w.courier.Round(context.Background()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) want(states map[notify.State]int) {
	w.Helper()
	got, err := w.outbox.Count(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(states) {
		w.Fatalf("messages are %v, want %v", got, states)
	}
}

func text(v string) notify.Address { return notify.Address{Channel: notify.Text, Value: v} }
func mail(v string) notify.Address { return notify.Address{Channel: notify.Mail, Value: v} }

func TestReceiptAndReminder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.contact(1, text("01011112222"))
	w.book(1, 26)
	w.round()
	w.round()
	if len(w.text.sent) != 1 || w.text.sent[0].to != "01011112222" {
		t.Fatalf("sent %v, want one receipt", w.text.sent)
	}
	w.at(time.Date(2021, 7, 25, 9, 59, 0, 0, seoul))
	w.round()
	if len(w.text.sent) != 1 {
		t.Fatal("reminded before its time")
	}
	w.at(time.Date(2021, 7, 25, 10, 0, 0, 0, seoul))
	w.round()
	w.want(map[notify.State]int{notify.Sent: 2})
}

// TestNothingFalse: what was undone before it could be told is not told.
func TestNothingFalse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.contact(1, text("01011112222"))
	b := w.book(1, 26)
	w.cancel(b)
	w.round()
	if len(w.text.sent) != 1 {
		t.Fatalf("sent %v, want only the cancellation", w.text.sent)
	}
	w.at(time.Date(2021, 7, 25, 10, 0, 0, 0, seoul))
	w.round()
	w.want(map[notify.State]int{notify.Sent: 1, notify.Obsolete: 1}) // the cancelled event plans no reminder; the receipt is false
}

// TestMovedAndLost: whoever was moved is told where from; whose dose is lost is told that, unless it is there again by then.
func TestMovedAndLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.contact(1, text("01011112222"))
	b := w.book(1, 26)
	w.round()
	to := booking.Session{Site: 2, Day: civil.New(2021, 7, 28), Minute: 600}
	choice := booking.Choice{Slot: booking.Slot{Session: to, Product: "moderna"}, Minutes: 30, Seat: booking.Claim{Counter: booking.SeatCounter(to), Capacity: 9, N: 1}}
	ask := func(op booking.Op) booking.Request {
		return booking.Request{Op: op, Campaign: 1, Person: b.Person, Channel: "system", At: w.clock(), Booking: b.ID, Doses: [][]booking.Choice{{choice}},
			Shared: []booking.Claim{{Counter: booking.StockCounter(1), Capacity: 9, N: 1}}}
	}
	apply := func(batch ...booking.Request) {
		t.Helper()
		out, err := w.ledger.Apply(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range out {
			if o.Result != booking.Done {
				t.Fatalf("%+v", o)
			}
		}
	}
	apply(ask(booking.OpChange))
	w.round()
	if n := len(w.text.sent); n != 2 || !strings.Contains(w.text.sent[1].w.Body, "전 예약: 2021년 7월 26일(월) 오전 9:00, 의원 1") {
		t.Fatalf("sent %v, want where it was", w.text.sent)
	}
	lost := ask(booking.OpDisplace)
	lost.Doses, lost.Shared = nil, nil
	apply(lost)
	w.round()
	if n := len(w.text.sent); n != 3 || !strings.Contains(w.text.sent[2].w.Subject, "백신 부족") {
		t.Fatalf("sent %v, want that the dose is lost", w.text.sent)
	}
	apply(ask(booking.OpReinstate))
	apply(lost)
	apply(ask(booking.OpReinstate))
	w.round()
	if n := len(w.text.sent); n != 5 || !strings.Contains(w.text.sent[4].w.Subject, "예약 확정") {
		t.Fatalf("sent %v, want that it stands again, and nothing that is over", w.text.sent)
	}
}

func TestGatewayAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.contact(1, text("01011112222"))
	w.text.fail = func(sent) (error, bool) { return errAway, false }
	w.book(1, 13)
	w.round()
	w.want(map[notify.State]int{notify.Queued: 1})
	w.at(noon.Add(9 * time.Second))
	w.text.fail = nil
	w.round()
	w.want(map[notify.State]int{notify.Queued: 1})
	w.at(noon.Add(10 * time.Second))
	w.round()
	w.want(map[notify.State]int{notify.Sent: 1})
}

// TestGivesUp: a gateway that stays away makes the message expire, and is asked less and less.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.contact(1, text("01011112222"))
	asked := 0
	w.text.fail = func(sent) (error, bool) { asked++; return errAway, false }
	w.book(1, 13)
	for at := noon; at.Before(noon.Add(4 * 24 * time.Hour)); at = at.Add(10 * time.Minute) {
		w.at(at)
		w.round()
	}
	w.want(map[notify.State]int{notify.Expired: 1})
	if asked < 20 || asked > 100 {
		t.Errorf("the gateway was asked %d times in three days", asked)
	}
}

func TestNextAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.contact(1, text("01011112222"), mail("a@example.org"))
	w.text.fail = func(sent) (error, bool) { return fmt.Errorf("no such number: %w", notify.ErrRefused), false }
	w.book(1, 13)
	w.contact(2, text("01033334444"))
	w.book(2, 13)
	w.book(3, 13)
	w.round()
	w.want(map[notify.State]int{notify.Sent: 1, notify.Unreachable: 2})
	if len(w.mail.sent) != 1 || w.mail.sent[0].to != "a@example.org" {
		t.Errorf("mail has %v", w.mail.sent)
	}
}

// dying is an outbox whose process dies at the n-th writing: that call and all after it fail, before or after they took
// effect.
type dying struct {
	notify.Outbox
	mu      sync.Mutex
	left    int
	effects bool
}

var errDied = errors.New("the process died")

func (d *dying) write(do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left--
	if d.left > 0 {
		return do()
	}
	if d.left == 0 && d.effects {
		return errors.Join(do(), errDied)
	}
	return errDied
}

func (d *dying) Enqueue(ctx context.Context, from, to int64, list []notify.Message, at time.Time) error {
	return d.write(func() error { return d.Outbox.Enqueue(ctx, from, to, list, at) })
}

func (d *dying) Claim(ctx context.Context, now, lease time.Time, limit int) (list []notify.Claimed, err error) {
	err = d.write(func() error {
		list, err = d.Outbox.Claim(ctx, now, lease, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (d *dying) Finish(ctx context.Context, list []notify.Ending) error {
	return d.write(func() error { return d.Outbox.Finish(ctx, list) })
}

// TestExactlyOnce has the courier die at every writing in turn, before and after it took effect, and be started again: to a
// gateway that knows a message by its id each message is one, and none is missing.
func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	const people = 3
	for _, effects := range []bool{false, true} {
		for at := 1; at <= 7; at++ {
			t.Run(fmt.Sprintf("%d,%v", at, effects), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				for n := range people {
					w.contact(n+1, text(fmt.Sprint("0101111", 1000+n)))
					w.book(n+1, 13)
				}
				dies := w.newCourier(&dying{Outbox: w.outbox, left: at, effects: effects})
				if err := dies.Round(context.Background()); !errors.Is(err, errDied) && at <= 1+1+people {
					t.Fatalf("the courier lived on: %v", err)
				}
				for i := range 4 { // past every lease
					w.at(noon.Add(time.Duration(1+i) * 4 * time.Minute))
					w.round()
				}
				w.want(map[notify.State]int{notify.Sent: people})
				ids := map[notify.ID]bool{}
				for _, s := range w.text.sent {
					ids[s.id] = true
				}
				if len(ids) != people {
					t.Errorf("%d different messages went out, want %d", len(ids), people)
				}
			})
		}
	}
}

// TestTwoCouriers has two of them at work at once: every message goes out once.
func TestTwoCouriers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const people = 60
	for n := range people {
		w.contact(n+1, text(fmt.Sprint("0101111", 1000+n)))
		w.book(n+1, 13)
	}
	other := w.newCourier(w.outbox)
	var wg sync.WaitGroup
	for _, c := range []*notify.Courier{w.courier, other} {
		wg.Go(func() {
			for range 3 {
				if err := c.Round(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	w.want(map[notify.State]int{notify.Sent: people})
	if len(w.text.sent) != people {
		t.Errorf("%d messages went out, want %d", len(w.text.sent), people)
	}
}

// TestInvited: whoever a dose is kept for is told once, after the quiet hours, and not when they have booked by then or the dose is
// another's already.
func TestInvited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := 1; n <= 3; n++ {
		w.contact(n, notify.Address{Channel: notify.Text, Value: "+821012345678"})
	}
	w.at(time.Date(2021, 7, 13, 6, 0, 0, 0, seoul)) // in the quiet hours
	w.invite(3)
	w.round()
	w.want(map[notify.State]int{notify.Queued: 3})
	w.book(2, 26)
	w.at(time.Date(2021, 7, 13, 8, 0, 0, 0, seoul))
	w.round()
	w.round()
	w.want(map[notify.State]int{notify.Sent: 3, notify.Obsolete: 1, notify.Queued: 1}) // with the receipt, and a reminder to come

	late := newWorld(t)
	late.contact(1, notify.Address{Channel: notify.Text, Value: "+821012345678"})
	late.at(time.Date(2021, 7, 13, 4, 0, 0, 0, seoul))
	late.invite(1)
	late.round()
	late.at(time.Date(2021, 7, 13, 8, 0, 0, 0, seoul))
	late.round()
	late.want(map[notify.State]int{notify.Obsolete: 1})
}

// TestInvitedThroughHelper: those who help somebody are told of their invitation, each by their own address and once, and are not told
// whose it is.
func TestInvitedThroughHelper(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.contact(8, text("01088888888"))
	w.contact(2, text("01022222222"))
	w.helpers = map[person.Key][]person.Key{person1(1): {person1(8), person1(9)}, person1(2): {person1(8)}}
	w.invite(2)
	w.round()
	w.round()
	to := map[string]int{}
	for _, s := range w.text.sent {
		to[s.to]++
		if helped := strings.Contains(s.w.Body, "대신 예약하시는 분"); helped != (s.to == "01088888888") {
			t.Errorf("to %s: %s", s.to, s.w.Body)
		}
	}
	if to["01088888888"] != 2 || to["01022222222"] != 1 || len(to) != 2 {
		t.Errorf("sent %v: want the helper told of both, and the one who left an address of their own", to)
	}
	w.want(map[notify.State]int{notify.Sent: 3, notify.Unreachable: 2})
}

// TestGoneDevice: a device whose subscription is over is forgotten, the next address is told, and what the person changed meanwhile
// stands.
func TestGoneDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	device := func(n string) notify.Address { return notify.Address{Channel: notify.Push, Value: n} }
	w.contact(1, device("old"), device("new"), text("01011112222"))
	w.push.fail = func(s sent) (error, bool) {
		if s.to != "old" {
			return nil, false
		}
		w.contact(1, device("old"), device("new"), text("01033334444")) // at this very moment
		return fmt.Errorf("status 410: %w", notify.ErrGone), false
	}
	w.book(1, 13)
	w.round()
	w.want(map[notify.State]int{notify.Sent: 1})
	if len(w.push.sent) != 1 || w.push.sent[0].to != "new" {
		t.Errorf("sent %v, want it to the other device", w.push.sent)
	}
	c, err := w.outbox.Contact(context.Background(), person1(1))
	if err != nil || len(c.Addresses) != 2 || c.Addresses[0] != device("new") || c.Addresses[1] != text("01033334444") {
		t.Errorf("left is %v, %v", c, err)
	}

	// The only address there was: nothing is left, and the message says so.
	w.contact(2, device("old"))
	w.push.fail = func(sent) (error, bool) { return notify.ErrGone, false }
	w.book(2, 13)
	w.round()
	w.want(map[notify.State]int{notify.Sent: 1, notify.Unreachable: 1})
	if c, err := w.outbox.Contact(context.Background(), person1(2)); !errors.Is(err, notify.ErrNoContact) {
		t.Errorf("left is %v, %v", c, err)
	}
}
