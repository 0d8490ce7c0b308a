package walk_test

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

// rules is the programme of the tests: one campaign with a draw and helpers, one by roster without helpers, one with a
// choice of products.
const rules = `
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

var seoul = time.FixedZone("KST", 9*3600)

// at is an instant of the tests' July.
func at(day, hour, minute int) time.Time { return time.Date(2021, 7, day, hour, minute, 0, 0, seoul) }

// world is a whole Charye below the faces, on the real embedded engines, with a clock that the test moves.
type world struct {
	*whole.Walk
	t         testing.TB
	now       atomic.Int64
	line      *linesqlite.Line
	stuck     atomic.Bool // nobody can leave the line
	ledger    booking.Ledger
	people    *personsqlite.Store
	outbox    *notifysqlite.Outbox
	deps      whole.Deps // of which the walk was made
	leftovers *leftoversqlite.Store
	sites     site.Store
	approvals *approvalsqlite.Store
	keys      *seal.Keys
	keyer     *person.Keyer
	programme *programme.Programme
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

func newWorld(t *testing.T) *world {
	t.Helper()
	w, end := worldOf(t, rules)
	t.Cleanup(end)
	return w
}

// worldOf is a world with other rules; end closes it.
func worldOf(t *testing.T, rules string) (_ *world, end func()) {
	t.Helper()
	ctx := t.Context()
	keys, err := seal.Ephemeral()
	must(t, err)
	w := &world{t: t, keys: keys, keyer: person.NewKeyer(keys)}
	w.set(at(12, 19, 30))
	clock := func() time.Time { return time.Unix(0, w.now.Load()) }
	w.programme, err = programme.Parse("test.yaml", []byte(rules), programme.Options{})
	must(t, err)
	dir, err := os.MkdirTemp(t.TempDir(), "")
	must(t, err)
	sites, err := sitesqlite.Open(ctx, dir)
	must(t, err)
	w.sites = sites
	_, _, err = sites.Put(ctx, []site.Site{
		{ID: "S1", Name: "하나의원", Kind: "clinic", Region: "서울특별시", Address: "서울", Lat: 37.56, Lon: 126.98},
		{ID: "S2", Name: "두리병원", Kind: "hospital", Region: "부산광역시", Address: "부산", Lat: 35.18, Lon: 129.07},
	}, at(1, 0, 0))
	must(t, err)
	w.people, err = personsqlite.Open(ctx, dir, keys)
	must(t, err)
	w.roster("residents", 100, 110)
	w.ledger, err = bookingsqlite.Open(ctx, dir)
	must(t, err)
	w.leftovers, err = leftoversqlite.Open(ctx, dir)
	must(t, err)
	w.approvals, err = approvalsqlite.Open(ctx, dir)
	must(t, err)
	var configs []line.Config
	for _, c := range w.programme.Campaigns {
		configs = append(configs, line.Config{
			Campaign: c.Num, Gathers: c.Gathers, Opens: c.Opens, Closes: c.Closes, Draw: c.Line.Order == programme.OrderDraw, Inside: c.Line.Inside,
			PerSecond: c.Line.PerSecond, PassLife: 10 * time.Minute,
			Pauses: []line.Window{{From: at(13, 0, 0), To: at(13, 1, 0)}},
		})
	}
	w.line, err = linesqlite.Open(ctx, dir, configs, linesqlite.Options{Clock: clock, Pseudonyms: line.NewPseudonyms(keys)})
	must(t, err)
	w.outbox, err = notifysqlite.Open(ctx, dir, keys)
	must(t, err)
	w.deps = whole.Deps{
		Programme: w.programme, Line: stuck{w.line, &w.stuck}, Ledger: w.ledger, Sites: sites, People: w.people, Leftovers: w.leftovers, Outbox: w.outbox, Approvals: w.approvals, Keys: keys, Clock: clock,
		Log: slog.New(slog.DiscardHandler),
	}
	w.Walk, err = whole.New(ctx, w.deps)
	must(t, err)
	return w, func() {
		w.Stop()
		must(t, errors.Join(w.line.Close(), w.leftovers.Close(), w.approvals.Close(), w.ledger.Close(), w.people.Close(), w.outbox.Close(), sites.Close(), os.RemoveAll(dir)))
	}
}

// roster makes the trial people from … to-1 the whole of a roster.
func (w *world) roster(id string, from, to int) {
	w.t.Helper()
	_, err := w.people.ReplaceRoster(w.t.Context(), id, func(yield func(person.Identity, error) bool) {
		for n := from; n < to; n++ {
			t := person.Trial(n)
			if !yield(person.Identity{Key: w.keyer.Key("ci", t.Subject), Index: w.keyer.IdentityIndex(t.Identity), Born: born}, nil) {
				return
			}
		}
	}, at(1, 0, 0))
	must(w.t, err)
}

func (w *world) set(t time.Time) { w.now.Store(t.UnixNano()) }

// advance moves the clock and lets the background work of that moment happen.
func (w *world) advance(t time.Time) {
	w.t.Helper()
	w.set(t)
	w.settle()
}

// settle does one round of everything that happens without a request. Admission needs a few steps of a moving clock.
func (w *world) settle() {
	w.t.Helper()
	must(w.t, w.Round(w.t.Context()))
	for range 8 {
		w.now.Add(int64(250 * time.Millisecond))
		must(w.t, w.line.Step(w.t.Context()))
	}
	must(w.t, w.Round(w.t.Context()))
}

var born = civil.New(1964, time.July, 1)

// actor is trial person n, signed in just now.
func (w *world) actor(n int) walk.Actor {
	now := time.Unix(0, w.now.Load()).Truncate(time.Second)
	return walk.Actor{
		Session: person.Session{
			Key: w.keyer.Key("ci", person.Trial(n).Subject), Born: born, SignedInAt: now, ExpiresAt: now.Add(time.Hour),
		},
		Channel: "test", OpenName: func() (string, error) { return "김차례", nil },
	}
}

const campaign = "age-55-59"

// join gives person n a place.
func (w *world) join(n int) walk.Place {
	w.t.Helper()
	p, _, err := w.Join(w.t.Context(), w.actor(n), campaign, "")
	must(w.t, err)
	return p
}

// admit lets person n in on a device.
func (w *world) admit(n int, device string) walk.Pass {
	w.t.Helper()
	p, err := w.PlaceOf(w.t.Context(), w.actor(n), campaign, "")
	must(w.t, err)
	pass, err := w.Enter(w.t.Context(), w.actor(n), campaign, "", p.Ticket, device, false)
	must(w.t, err)
	return pass
}

// slot is the id of a slot of site S1.
func (w *world) slot(day civil.Date, i int) string {
	w.t.Helper()
	slots, err := w.Slots(w.t.Context(), campaign, "S1", day)
	must(w.t, err)
	if i >= len(slots) {
		w.t.Fatalf("S1 has %d slots on %v, want more than %d", len(slots), day, i)
	}
	return slots[i].ID
}

func (w *world) book(n int, pass, slot string) (walk.Booking, error) {
	b, _, err := w.Book(w.t.Context(), w.actor(n), pass, walk.BookRequest{Slot: slot, IdempotencyKey: slot + person.Trial(n).Subject})
	return b, err
}

var firstDay = civil.New(2021, time.July, 26)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCode fails unless err is the refusal with the code.
func wantCode(t testing.TB, err error, code walk.Code) *walk.Error {
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
