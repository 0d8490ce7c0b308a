package tell_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/walk"
	"charye/walk/whole"
)

// nearRules has a line in which one person is let in every ten seconds, and people are told two minutes before.
const nearRules = `
programme: near-test
name: {en: Near}
timezone: Asia/Seoul
messages: {near: 2m}
products:
  - {id: janssen, name: {en: Janssen}, cvx: "212", dosesPerVial: 5, series: {doses: 1}}
campaigns:
  - id: slow
    name: {ko: 느린 줄, en: Slow}
    products: [janssen]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 1000
    line: {order: arrival, inside: 100, perSecond: 0.1, passMinutes: 10}
    helpers: {allowed: true, perHelper: 5}
  - id: silent
    name: {en: Silent}
    products: [janssen]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 1000
    line: {order: arrival, inside: 100, perSecond: 0.1, passMinutes: 10}
    messages: {near: 0}
  - id: awake
    name: {en: Awake}
    products: [janssen]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 1000
    line: {order: arrival, inside: 100, perSecond: 0.1, passMinutes: 10}
    messages: {near: {within: 2m, inQuiet: true}}
timetables:
  - {sites: all, start: 2021-07-26, days: 14, from: "09:00", to: "10:00", every: 30m, seats: 50}
`

// post is a courier of a world, and what it took out.
type post struct {
	*notify.Courier
	mu   sync.Mutex
	sent map[string][]notify.Words // by address
}

func (p *post) Send(_ context.Context, _ notify.ID, to notify.Address, w notify.Words) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[to.Value] = append(p.sent[to.Value], w)
	return nil
}

func (w *world) post() *post {
	w.T.Helper()
	p := &post{sent: map[string][]notify.Words{}}
	c, err := notify.NewCourier(notify.Wiring{
		Outbox: w.Outbox, Ledger: w.Ledger, Rules: notify.RulesOf(w.Programme()), Gateways: map[notify.Channel]notify.Gateway{notify.Mail: p},
		Describe: w.Facts("https://charye.example/bookings"), Invited: w.Invitation("https://charye.example"),
		Near: w.NearTurn("https://charye.example"), Helpers: w.Helpers, Clock: w.Deps.Clock, Log: slog.New(slog.DiscardHandler),
	})
	must(w.T, err)
	p.Courier = c
	return p
}

// round takes out what is due, and gives how many messages an address has got by now.
func (p *post) round(t testing.TB, of string) int {
	t.Helper()
	must(t, p.Round(t.Context()))
	return len(p.sent[of])
}

func mailOf(n int) string { return fmt.Sprintf("p%d@example.org", n) }

func (w *world) leaves(n int) {
	w.T.Helper()
	_, err := w.SetContact(w.T.Context(), w.Actor(n), notify.Contact{Lang: "en", Addresses: []notify.Address{{Channel: notify.Mail, Value: mailOf(n)}}})
	must(w.T, err)
}

func (w *world) joins(campaign string, from, to int) {
	w.T.Helper()
	for n := from; n < to; n++ {
		_, _, err := w.Join(w.T.Context(), w.Actor(n), campaign, "")
		must(w.T, err)
	}
}

func (w *world) stands(campaign string, n int) walk.Place {
	w.T.Helper()
	p, err := w.PlaceOf(w.T.Context(), w.Actor(n), campaign, "")
	must(w.T, err)
	return p
}

func nearWorld(t *testing.T) *world {
	t.Helper()
	w, end := worldOf(t, nearRules)
	t.Cleanup(end)
	w.Set(at(12, 20, 0))
	return w
}

// TestNear: those who left an address are told once that their turn is near, when it is, with the campaign's address; whoever has
// booked, or is inside, is not.
func TestNear(t *testing.T) {
	t.Parallel()
	w := nearWorld(t)
	w.joins("slow", 0, 40)
	w.joins("silent", 0, 10)
	for _, n := range []int{3, 5, 7, 20, 30} {
		w.leaves(n)
	}
	w.GoOn()
	p := w.post()
	if p.round(t, mailOf(3)) != 1 || len(p.sent[mailOf(20)]) != 0 || len(p.sent[mailOf(2)]) != 0 {
		t.Fatalf("sent %v; want numbers 4 to 8 told, of those who left an address", p.sent)
	}
	got := p.sent[mailOf(7)][0]
	if got.Link != "https://charye.example/c/slow" || !strings.Contains(got.Subject, "Your turn is near") || !strings.Contains(got.Body, "20:02") || strings.Contains(got.Body, "you help") {
		t.Errorf("told %+v", got)
	}

	// A minute later nobody whose turn was told is told again, and the next are not near by the page's own estimate.
	w.Advance(at(12, 20, 1))
	if w.stands("slow", 20).Wait[1] < 2*time.Minute {
		t.Fatal("the test wants number 21 still far")
	}
	if p.round(t, mailOf(3)); len(p.sent[mailOf(3)]) != 1 || len(p.sent[mailOf(20)]) != 0 {
		t.Fatalf("sent %v", p.sent)
	}

	// Their turn near, but inside by the time the message goes out: nothing to tell.
	for i := range 60 {
		w.Advance(at(12, 20, 2).Add(time.Duration(i) * 10 * time.Second))
	}
	for _, n := range []int{20, 30} {
		if s := w.stands("slow", n).State; s != line.Admitted {
			t.Fatalf("person %d is %s", n, s)
		}
	}
	place := w.stands("slow", 20)
	_, err := w.Enter(t.Context(), w.Actor(20), "slow", "", place.Ticket, "phone", false)
	must(t, err)
	if p.round(t, mailOf(20)) != 0 {
		t.Errorf("whoever is inside was told %v", p.sent[mailOf(20)])
	}
	if late := p.sent[mailOf(30)]; len(late) != 1 || !strings.Contains(late[0].Body, "It is your turn") {
		t.Errorf("told %v, after the turn came", late)
	}
	counts, err := w.Outbox.Count(t.Context())
	must(t, err)
	if counts[notify.Sent] != 4 || counts[notify.Obsolete] != 1 || len(counts) != 2 {
		t.Errorf("messages are %v", counts)
	}
}

// TestNearInQuietHours: in the night only those are told whose campaign says so.
func TestNearInQuietHours(t *testing.T) {
	t.Parallel()
	w := nearWorld(t)
	w.Set(at(13, 2, 0))
	w.joins("slow", 0, 30)
	w.joins("awake", 100, 130)
	w.leaves(8)
	w.leaves(108)
	w.GoOn()
	w.Advance(at(13, 2, 2))
	p := w.post()
	if p.round(t, mailOf(8)) != 0 || len(p.sent[mailOf(108)]) != 1 {
		t.Fatalf("sent in the night: %v", p.sent)
	}
	w.Advance(at(13, 8, 0))
	if p.round(t, mailOf(8)) != 1 {
		t.Fatalf("sent in the morning: %v", p.sent)
	}
}

// TestNearWithHelpers: a helper is told of the turn of whom they help, without a name, and not any more once consent was withdrawn.
func TestNearWithHelpers(t *testing.T) {
	t.Parallel()
	w := nearWorld(t)
	helper := w.Actor(50)
	helper.Born = born
	var kept []string
	for _, n := range []int{105, 106} {
		r, err := w.AddRecipient(t.Context(), helper, walk.NewRecipient{Campaign: "slow", Name: "이순서", Born: born, Identity: person.Trial(n).Identity, Consent: true})
		must(t, err)
		_, _, err = w.Join(t.Context(), helper, "slow", r.ID)
		must(t, err)
		kept = append(kept, r.ID)
	}
	w.leaves(50)
	w.GoOn()
	must(t, w.RemoveRecipient(t.Context(), helper, kept[1]))
	p := w.post()
	if p.round(t, mailOf(50)) != 1 {
		t.Fatalf("sent %v, want one message: for one of the two the helper acts no more", p.sent)
	}
	if got := p.sent[mailOf(50)][0]; !strings.Contains(got.Body, "somebody you help") || strings.Contains(got.Subject+got.Body, "이순서") {
		t.Errorf("told %+v", got)
	}
}

// TestNearLate: who leaves an address after their number was looked at is told at once, helpers as well, and once.
func TestNearLate(t *testing.T) {
	t.Parallel()
	w := nearWorld(t)
	w.joins("slow", 0, 5)
	helper := w.Actor(50)
	r, err := w.AddRecipient(t.Context(), helper, walk.NewRecipient{Campaign: "slow", Name: "이순서", Born: born, Identity: person.Trial(105).Identity, Consent: true})
	must(t, err)
	_, _, err = w.Join(t.Context(), helper, "slow", r.ID)
	must(t, err)
	w.joins("slow", 6, 40)
	w.GoOn()
	for range 2 {
		for _, n := range []int{4, 50, 35} {
			w.leaves(n)
		}
	}
	p := w.post()
	if p.round(t, mailOf(4)) != 1 || len(p.sent[mailOf(50)]) != 1 || len(p.sent[mailOf(35)]) != 0 {
		t.Fatalf("sent %v", p.sent)
	}
}

// dying is an outbox whose process dies at some writings, before or after they took effect.
type dying struct {
	notify.Outbox
	next func() (dies, effect bool)
}

var errDied = errors.New("the process died")

func (d *dying) TellNear(ctx context.Context, campaign, from, to uint32, list []notify.Message, at time.Time) (int, error) {
	dies, effect := d.next()
	if !dies {
		return d.Outbox.TellNear(ctx, campaign, from, to, list, at)
	}
	if effect {
		if _, err := d.Outbox.TellNear(ctx, campaign, from, to, list, at); err != nil && !errors.Is(err, notify.ErrOvertaken) {
			return 0, err
		}
	}
	return 0, errDied
}

// TestNearOnceForAll has people join and leave addresses at any time, while two nodes look through the line and die at it: in the
// end everybody who left an address, and whose number was looked at, has one message, and nobody else has any.
func TestNearOnceForAll(t *testing.T) {
	t.Parallel()
	const enough = 8 * time.Second
	began, fault, told := time.Now(), false, 0
	rapid.Check(t, func(rt *rapid.T) {
		if !fault && time.Since(began) > enough {
			return
		}
		sound := false
		defer func() { fault = fault || !sound }()
		w, end := worldOf(t, nearRules)
		defer end()
		w.Set(at(12, 20, 0))
		var nodes []*whole.Walk
		start := func() *whole.Walk {
			d := w.Deps
			d.Outbox = &dying{w.Outbox, func() (bool, bool) {
				return rapid.IntRange(0, 3).Draw(rt, "dies") == 0, rapid.Bool().Draw(rt, "effect")
			}}
			n, err := whole.New(t.Context(), d)
			must(t, err)
			return n
		}
		for range 2 {
			nodes = append(nodes, start())
		}
		defer func() {
			for _, n := range nodes {
				n.Stop()
			}
		}()
		joined := 0
		left := map[int]bool{}    // who left an address while they waited
		perhaps := map[int]bool{} // who did later than that
		for range rapid.IntRange(5, 30).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				more := rapid.IntRange(1, 10).Draw(rt, "join")
				w.joins("slow", joined, joined+more)
				joined += more
			case 1:
				if joined == 0 {
					continue
				}
				n := rapid.IntRange(0, joined-1).Draw(rt, "who")
				if w.stands("slow", n).State == line.Waiting {
					left[n] = true
				} else if !left[n] {
					perhaps[n] = true
				}
				w.leaves(n)
			case 2:
				w.Clock.Add(int64(rapid.IntRange(1, 40).Draw(rt, "seconds")) * int64(time.Second))
				must(t, w.LineStore.Step(t.Context()))
			default:
				i := rapid.IntRange(0, 1).Draw(rt, "node")
				if err := nodes[i].Round(t.Context()); errors.Is(err, errDied) {
					nodes[i].Stop()
					nodes[i] = start()
				} else {
					must(t, err)
				}
			}
		}
		w.GoOn()
		upTo, err := w.Outbox.Near(t.Context(), w.Programme().Campaigns[0].Num)
		must(t, err)
		for n := range joined {
			list, err := w.Outbox.Messages(t.Context(), w.Actor(n).Key, 10)
			must(t, err)
			want := 0
			if left[n] && w.stands("slow", n).Number <= upTo {
				want = 1
			}
			if len(list) != want && !(perhaps[n] && len(list) <= 1) {
				rt.Fatalf("person %d, number %d of %d looked at, has %d messages, want %d", n, w.stands("slow", n).Number, upTo, len(list), want)
			}
			told += want
		}
		sound = !rt.Failed()
	})
	if told == 0 {
		t.Error("nobody was told anything: the test looks at nothing")
	}
}
