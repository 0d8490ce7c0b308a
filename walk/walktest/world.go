// Package walktest is a whole walk on the embedded engines with a clock of its own, for the tests of package walk and of what is beside it.
//
// It owns the made-up rules, sites and people of those tests. Nothing but tests may import it.
package walktest

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	approvalsqlite "charye/approval/sqlite"
	"charye/booking"
	bookingsqlite "charye/booking/sqlite"
	"charye/internal/civil"
	"charye/internal/seal"
	leftoversqlite "charye/leftover/sqlite"
	"charye/line"
	linesqlite "charye/line/sqlite"
	notifysqlite "charye/notify/sqlite"
	"charye/person"
	personsqlite "charye/person/sqlite"
	"charye/programme"
	"charye/site"
	sitesqlite "charye/site/sqlite"
	"charye/walk"
	"charye/walk/whole"
)

// Rules is the programme of the tests: one campaign with a draw and helpers, one by roster without helpers, one with a
// choice of products.
const Rules = `
programme: walk-test
name: {ko: 시험, en: Test}
timezone: Asia/Seoul
products:
  - id: moderna
    name: {ko: 모더나, en: Moderna}
    cvx: "207"
    dosesPerVial: 10
    series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}
  - id: janssen
    name: {ko: 얀센, en: Janssen}
    cvx: "212"
    dosesPerVial: 5
    series: {doses: 1}
  - id: az
    name: {ko: 아스트라제네카, en: AstraZeneca}
    cvx: "210"
    dosesPerVial: 10
    series:
      doses: 2
      intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]
      mixed: [{dose: 2, product: pfizer, from: 2021-07-05, born: {from: 1960-01-01, to: 2003-12-31}}]
  - id: pfizer
    name: {ko: 화이자, en: Pfizer}
    cvx: "208"
    dosesPerVial: 6
    notWith: [janssen]
    most: 2
    series: {doses: 2, intervals: [{from: 2021-01-01, default: 21d, min: 21d, max: 42d}]}
campaigns:
  - id: age-55-59
    name: {ko: 55–59세, en: Ages 55–59}
    products: [moderna]
    eligible: {born: {from: 1962-01-01, to: 1966-12-31}}
    gathers: 2021-07-12T19:00:00+09:00
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 4
    line: {order: draw, inside: 100, perSecond: 1000, passMinutes: 10}
    helpers: {allowed: true, perHelper: 2}
    pauses: [{from: 2021-07-13T00:00:00+09:00, to: 2021-07-13T01:00:00+09:00, why: {en: maintenance}}]
  - id: reserve
    name: {en: Reserve}
    products: [janssen]
    eligible: {roster: reserve}
    gathers: 2021-07-12T19:00:00+09:00
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 10
    line: {order: draw, inside: 100, perSecond: 1000, passMinutes: 10}
  - id: both
    name: {en: A choice of products}
    products: [moderna, janssen]
    eligible: all
    gathers: 2021-07-12T19:00:00+09:00
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 10
    line: {order: draw, inside: 100, perSecond: 1000, passMinutes: 10}
  - id: younger
    name: {en: By the last digit of the day of birth}
    products: [{id: moderna, born: {from: 1980-01-01, to: 2003-12-31}}, {id: janssen, from: 2021-07-14}]
    eligible: {born: {from: 1972-01-01, to: 2003-12-31}, except: [elsewhere]}
    rota: {from: 2021-07-12, days: 3, opens: "20:00", closes: "18:00"}
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 10
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
    helpers: {allowed: true, perHelper: 2, from: 2021-07-14}
  - id: mixed
    name: {en: A series of two products}
    products: [az, pfizer]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 10
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
  - id: standing-by
    name: {en: Invitations after it was sold out}
    products: [janssen]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 2
    deliveries: [{at: 2021-07-13T12:00:00+09:00, doses: 2}]
    invitations: {hours: 12}
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
timetables:
  - {sites: all, start: 2021-07-26, days: 14, from: "09:00", to: "10:00", every: 30m, seats: 2}
`

// Seoul is where the tests take place.
var Seoul = time.FixedZone("KST", 9*3600)

// At is an instant of the tests' July.
func At(day, hour, minute int) time.Time { return time.Date(2021, 7, day, hour, minute, 0, 0, Seoul) }

// World is a whole Charye below the faces, on the real embedded engines, with a clock that the test moves.
type World struct {
	*whole.Walk
	T             testing.TB
	Clock         atomic.Int64 // what time it is, in nanoseconds of the Unix era
	Stuck         atomic.Bool  // nobody can leave the line
	Deps          whole.Deps   // of which the walk was made
	LineStore     *linesqlite.Line
	Ledger        booking.Ledger
	PeopleStore   *personsqlite.Store
	Outbox        *notifysqlite.Outbox
	LeftoverStore *leftoversqlite.Store
	SiteStore     site.Store
	ApprovalStore *approvalsqlite.Store
	Keys          *seal.Keys
	Keyer         *person.Keyer
}

// stuck is a line whose store, for a while, does not take that people leave.
type stuck struct {
	*linesqlite.Line
	now *atomic.Bool
}

func (s stuck) Leave(ctx context.Context, campaign uint32, who person.Key) error {
	if s.now.Load() {
		return errors.New("the line's store is away")
	}
	return s.Line.Leave(ctx, campaign, who)
}

// New is a world with [Rules].
func New(t *testing.T) *World {
	t.Helper()
	w, end := Of(t, Rules)
	t.Cleanup(end)
	return w
}

// Of is a world with other rules; end closes it.
func Of(t *testing.T, rules string) (_ *World, end func()) {
	t.Helper()
	ctx := t.Context()
	keys, err := seal.Ephemeral()
	Must(t, err)
	w := &World{T: t, Keys: keys, Keyer: person.NewKeyer(keys)}
	w.Set(At(12, 19, 30))
	clock := func() time.Time { return time.Unix(0, w.Clock.Load()) }
	p, err := programme.Parse("test.yaml", []byte(rules), programme.Options{})
	Must(t, err)
	dir, err := os.MkdirTemp(t.TempDir(), "")
	Must(t, err)
	sites, err := sitesqlite.Open(ctx, dir)
	Must(t, err)
	w.SiteStore = sites
	_, _, err = sites.Put(ctx, []site.Site{
		{ID: "S1", Name: "하나의원", Kind: "clinic", Region: "서울특별시", Address: "서울", Lat: 37.56, Lon: 126.98},
		{ID: "S2", Name: "두리병원", Kind: "hospital", Region: "부산광역시", Address: "부산", Lat: 35.18, Lon: 129.07},
	}, At(1, 0, 0))
	Must(t, err)
	w.PeopleStore, err = personsqlite.Open(ctx, dir, keys)
	Must(t, err)
	w.Roster("residents", 100, 110)
	w.Ledger, err = bookingsqlite.Open(ctx, dir)
	Must(t, err)
	w.LeftoverStore, err = leftoversqlite.Open(ctx, dir)
	Must(t, err)
	w.ApprovalStore, err = approvalsqlite.Open(ctx, dir)
	Must(t, err)
	var configs []line.Config
	for _, c := range p.Campaigns {
		configs = append(configs, line.Config{
			Campaign: c.Num, Gathers: c.Gathers, Opens: c.Opens, Closes: c.Closes, Draw: c.Line.Order == programme.OrderDraw, Inside: c.Line.Inside,
			PerSecond: c.Line.PerSecond, PassLife: 10 * time.Minute,
			Pauses: []line.Window{{From: At(13, 0, 0), To: At(13, 1, 0)}},
		})
	}
	w.LineStore, err = linesqlite.Open(ctx, dir, configs, linesqlite.Options{Clock: clock, Pseudonyms: line.NewPseudonyms(keys)})
	Must(t, err)
	w.Outbox, err = notifysqlite.Open(ctx, dir, keys)
	Must(t, err)
	w.Deps = whole.Deps{
		Programme: p, Line: stuck{w.LineStore, &w.Stuck}, Ledger: w.Ledger, Sites: sites, People: w.PeopleStore, Leftovers: w.LeftoverStore, Outbox: w.Outbox, Approvals: w.ApprovalStore, Keys: keys, Clock: clock,
		Log: slog.New(slog.DiscardHandler),
	}
	w.Walk, err = whole.New(ctx, w.Deps)
	Must(t, err)
	return w, func() {
		w.Stop()
		Must(t, errors.Join(w.LineStore.Close(), w.LeftoverStore.Close(), w.ApprovalStore.Close(), w.Ledger.Close(), w.PeopleStore.Close(), w.Outbox.Close(), sites.Close(), os.RemoveAll(dir)))
	}
}

// Roster makes the trial people from … to-1 the whole of a roster.
func (w *World) Roster(id string, from, to int) {
	w.T.Helper()
	_, err := w.PeopleStore.ReplaceRoster(w.T.Context(), id, func(yield func(person.Identity, error) bool) {
		for n := from; n < to; n++ {
			t := person.Trial(n)
			if !yield(person.Identity{Key: w.Keyer.Key("ci", t.Subject), Index: w.Keyer.IdentityIndex(t.Identity), Born: Born}, nil) {
				return
			}
		}
	}, At(1, 0, 0))
	Must(w.T, err)
}

// Set moves the clock alone.
func (w *World) Set(t time.Time) { w.Clock.Store(t.UnixNano()) }

// Advance moves the clock and lets the background work of that moment happen.
func (w *World) Advance(t time.Time) {
	w.T.Helper()
	w.Set(t)
	w.GoOn()
}

// GoOn does one round of everything that happens without a request. Admission needs a few steps of a moving clock.
func (w *World) GoOn() {
	w.T.Helper()
	Must(w.T, w.Round(w.T.Context()))
	for range 8 {
		w.Clock.Add(int64(250 * time.Millisecond))
		Must(w.T, w.LineStore.Step(w.T.Context()))
	}
	Must(w.T, w.Round(w.T.Context()))
}

// Born is when the people of the tests were born, where nothing else is said.
var Born = civil.New(1964, time.July, 1)

// Actor is trial person n, signed in just now.
func (w *World) Actor(n int) walk.Actor {
	now := time.Unix(0, w.Clock.Load()).Truncate(time.Second)
	return walk.Actor{
		Session: person.Session{
			Key: w.Keyer.Key("ci", person.Trial(n).Subject), Born: Born, SignedInAt: now, ExpiresAt: now.Add(time.Hour),
		},
		Channel: "test", OpenName: func() (string, error) { return "김차례", nil },
	}
}

// Campaign is the first of [Rules].
const Campaign = "age-55-59"

// PlaceFor gives person n a place.
func (w *World) PlaceFor(n int) walk.Place {
	w.T.Helper()
	p, _, err := w.Join(w.T.Context(), w.Actor(n), Campaign, "")
	Must(w.T, err)
	return p
}

// Admit lets person n in on a device.
func (w *World) Admit(n int, device string) walk.Pass {
	w.T.Helper()
	p, err := w.PlaceOf(w.T.Context(), w.Actor(n), Campaign, "")
	Must(w.T, err)
	pass, err := w.Enter(w.T.Context(), w.Actor(n), Campaign, "", p.Ticket, device, false)
	Must(w.T, err)
	return pass
}

// SlotAt is the id of a slot of site S1.
func (w *World) SlotAt(day civil.Date, i int) string {
	w.T.Helper()
	slots, err := w.Slots(w.T.Context(), Campaign, "S1", day)
	Must(w.T, err)
	if i >= len(slots) {
		w.T.Fatalf("S1 has %d slots on %v, want more than %d", len(slots), day, i)
	}
	return slots[i].ID
}

// BookSlot books person n with their pass.
func (w *World) BookSlot(n int, pass, slot string) (walk.Booking, error) {
	b, _, err := w.Book(w.T.Context(), w.Actor(n), pass, walk.BookRequest{Slot: slot, IdempotencyKey: slot + person.Trial(n).Subject})
	return b, err
}

// FirstDay is the first day of vaccination.
var FirstDay = civil.New(2021, time.July, 26)

// Must fails the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// WantCode fails unless err is the refusal with the code.
func WantCode(t testing.TB, err error, code walk.Code) *walk.Error {
	t.Helper()
	var e *walk.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want a refusal %s", err, code)
	}
	if e.Code != code {
		t.Fatalf("refused with %s (%s), want %s", e.Code, e.Detail, code)
	}
	return e
}
