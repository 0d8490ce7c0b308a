package keeping_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/booking"
	bookingsqlite "charye/booking/sqlite"
	"charye/internal/civil"
	"charye/internal/seal"
	"charye/keeping"
	"charye/leftover"
	leftoversqlite "charye/leftover/sqlite"
	"charye/notify"
	notifysqlite "charye/notify/sqlite"
	"charye/person"
	personsqlite "charye/person/sqlite"
	"charye/programme"
	"charye/site"
)

const rules = `programme: p
name: {ko: 가, en: P}
timezone: Asia/Seoul
products:
  - {id: alpha, name: {ko: 가, en: A}, cvx: "207", dosesPerVial: 10, series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}}
campaigns:
  - {id: first, name: {en: F}, products: [alpha], eligible: {roster: staff}, opens: 2021-07-12T20:00:00+09:00, closes: 2021-07-18T00:00:00+09:00, stock: 100, line: {order: arrival}, leftovers: {minutes: 10, sites: 3, withinKm: 10}}
  - {id: second, name: {en: S}, products: [alpha], eligible: all, opens: 2021-09-01T20:00:00+09:00, closes: 2021-09-10T18:00:00+09:00, stock: 100, line: {order: arrival}}
timetables:
  - {sites: all, start: 2021-07-19, days: 90, from: "09:00", to: "17:00", every: 30m, seats: 50}
`

const retention = "retention: {contacts: 30d, phones: 1w, recipients: 60d, temporaries: 90d, rosters: 20d, leftovers: 2d, names: 100d}\n"

func parse(t *testing.T, src string) *programme.Programme {
	t.Helper()
	p, err := programme.Parse("test", []byte(src), programme.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func day(text string) civil.Date {
	d, err := civil.Parse(text)
	if err != nil {
		panic(err)
	}
	return d
}

func TestPlan(t *testing.T) {
	t.Parallel()
	p := parse(t, rules+retention)
	first := p.Campaigns[0].Num
	// A campaign that closes at midnight ends with the day before; a dose that is booked later makes it end later.
	got := keeping.Plan(p, keeping.Ends{})
	want := []keeping.Due{
		{Rule: keeping.Names},
		{Rule: keeping.Leftovers, Of: "first", On: day("2021-07-19")},
		{Rule: keeping.Phones, Of: "first", On: day("2021-07-24")},
		{Rule: keeping.Rosters, Of: "staff", On: day("2021-08-06")},
		{Rule: keeping.Recipients, Of: "first", On: day("2021-09-15")},
		{Rule: keeping.Phones, Of: "second", On: day("2021-09-17")},
		{Rule: keeping.Contacts, On: day("2021-10-10")},
		{Rule: keeping.Recipients, Of: "second", On: day("2021-11-09")},
		{Rule: keeping.Temporaries, On: day("2021-12-09")},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("plan (-want +got):\n%s", d)
	}
	for _, due := range keeping.Plan(p, keeping.Ends{first: day("2021-10-01")}) {
		if due.Rule == keeping.Contacts && due.On != day("2021-10-31") || due.Rule == keeping.Rosters && due.On != day("2021-10-21") {
			t.Errorf("with a dose on 1 October: %+v", due)
		}
	}
	for _, due := range keeping.Plan(parse(t, rules+strings.Replace(retention, "names", "keepUntil: 2023-01-01, names", 1)), keeping.Ends{}) {
		if due.On < day("2023-01-01") {
			t.Errorf("before the day until which all is kept: %+v", due)
		}
	}
	if got := keeping.Plan(parse(t, rules), keeping.Ends{}); len(got) != 0 {
		t.Errorf("without rules: %+v", got)
	}
}

// home is an installation's rooms on real files.
type home struct {
	*testing.T
	dir    string
	keys   *seal.Keys
	p      *programme.Programme
	people *personsqlite.Store
	outbox *notifysqlite.Outbox
	ledger *bookingsqlite.Ledger
	lists  *leftoversqlite.Store
}

func (h *home) rooms() keeping.Rooms {
	return keeping.Rooms{People: h.people, Outbox: h.outbox, Ledger: h.ledger, Leftovers: h.lists}
}

func (h *home) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func open(t *testing.T, dir string) *home {
	t.Helper()
	h := &home{T: t, dir: dir, p: parse(t, rules+retention)}
	var err error
	h.keys, err = seal.LoadOrCreate(filepath.Join(dir, "keys.json"))
	h.must(err)
	h.people, err = personsqlite.Open(t.Context(), dir, h.keys)
	h.must(err)
	h.outbox, err = notifysqlite.Open(t.Context(), dir, h.keys)
	h.must(err)
	h.ledger, err = bookingsqlite.Open(t.Context(), dir)
	h.must(err)
	h.lists, err = leftoversqlite.Open(t.Context(), dir)
	h.must(err)
	return h
}

func (h *home) close() {
	h.Helper()
	h.must(errors.Join(h.people.Close(), h.outbox.Close(), h.ledger.Close(), h.lists.Close()))
}

func who(n int) (k person.Key) {
	copy(k[:], fmt.Sprintf("person %09d", n))
	return k
}

var at = time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)

const people = 40

// furnish gives everybody everything, and gives what is kept of their names as it is kept.
func (h *home) furnish() (sealed map[string][]byte) {
	h.Helper()
	ctx := h.Context()
	sealed = map[string][]byte{}
	session := booking.Session{Site: 1, Day: day("2021-08-02"), Minute: 540}
	slot := func(s booking.Session) []booking.Choice {
		return []booking.Choice{{Slot: booking.Slot{Session: s, Product: "alpha"}, Minutes: 30,
			Seat: booking.Claim{Counter: booking.SeatCounter(s), Capacity: 50, N: 1}}}
	}
	later := session
	later.Day += 28
	for n := range people {
		h.must(h.outbox.SetContact(ctx, who(n), notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Mail, Value: fmt.Sprintf("p%d@example.org", n)}}}, at))
		_, err := h.people.AddRecipient(ctx, person.Recipient{
			Helper: who(1000), Key: who(n), Campaign: "first", Name: fmt.Sprintf("이름 %d", n), RegisteredAt: at,
			Kind: person.OfCallDesk, Clerk: who(2000), Consent: person.ConsentPhone, Phone: "01012345678",
		}, people)
		h.must(err)
		name, err := h.keys.Seal(booking.NamePlace(who(n)), fmt.Appendf(nil, "이름 %d", n))
		h.must(err)
		sealed[fmt.Sprintf("the name on booking %d", n)] = name
		out, err := h.ledger.Apply(ctx, []booking.Request{{
			Op: booking.OpBook, Campaign: h.p.Campaigns[0].Num, Person: who(n), Actor: who(n), Channel: "web", At: at, Sealed: name,
			Doses: [][]booking.Choice{slot(session), slot(later)},
		}})
		h.must(err)
		if out[0].Result != booking.Done {
			h.Fatalf("booking %d: %+v", n, out[0])
		}
		_, err = h.lists.Apply(ctx, []leftover.Request{{Op: leftover.OpSignUp, At: at, Day: 18820, Campaign: h.p.Campaigns[0].Num, Person: who(n), Born: 5, Sites: []site.Num{1}, Most: 5, Channel: "web"}})
		h.must(err)
		if n%10 == 9 {
			_, err := h.ledger.Apply(ctx, []booking.Request{{Op: booking.OpCancel, Campaign: h.p.Campaigns[0].Num, Person: who(n), Channel: "web", At: at, Booking: out[0].Booking.ID}})
			h.must(err)
		}
	}
	h.must(h.people.IssueTemporary(ctx, person.TemporaryIdentity{
		Index: who(1), Key: who(1), Like: who(2), Name: "누구인가", Paper: person.PaperNone, Desk: who(1000), Clerk: who(2000), IssuedAt: at,
	}))
	_, err := h.people.ReplaceRoster(ctx, "staff", func(yield func(person.Identity, error) bool) {
		for n := range people {
			if !yield(person.Identity{Key: who(n), Index: who(100 + n)}, nil) {
				return
			}
		}
	}, at)
	h.must(err)
	h.must(h.people.SealedRecipients(ctx, func(r person.SealedRecipient) error {
		sealed["the name of recipient "+r.ID], sealed["the telephone of recipient "+r.ID] = bytes.Clone(r.Name), bytes.Clone(r.Phone)
		return nil
	}))
	h.must(h.people.SealedTemporaries(ctx, func(p person.SealedTemporary) error {
		sealed["the name of a temporary identity"] = bytes.Clone(p.Sealed)
		return nil
	}))
	h.must(h.outbox.SealedContacts(ctx, func(c notify.SealedContact) error {
		sealed[fmt.Sprintf("the addresses of %x", c.Person)] = bytes.Clone(c.Sealed)
		return nil
	}))
	return sealed
}

// inFiles tells which of what is sealed stands in the bytes of the directory's files.
func (h *home) inFiles(sealed map[string][]byte) (found []string) {
	h.Helper()
	entries, err := os.ReadDir(h.dir)
	h.must(err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(h.dir, e.Name()))
		h.must(err)
		for what, text := range sealed {
			if bytes.Contains(b, text) {
				found = append(found, what+" in "+e.Name())
			}
		}
	}
	return found
}

func calm(context.Context, int) error { return nil }

// TestErasedByDate goes through the days: nothing goes before its day, what is due goes whole, also when it is ended in the middle, and
// at the end the bytes of the files have none of it, while the ledger keeps its promises.
func TestErasedByDate(t *testing.T) {
	t.Parallel()
	h := open(t, t.TempDir())
	sealed := h.furnish()
	if found := h.inFiles(sealed); len(found) < len(sealed) {
		t.Fatalf("of %d sealed values %d are found in the files", len(sealed), len(found))
	}
	apply := func(on string, want map[keeping.Rule]int64) {
		t.Helper()
		counted, err := keeping.Count(t.Context(), h.rooms(), h.p, day(on))
		h.must(err)
		told := map[keeping.Rule]int64{}
		for _, c := range counted {
			if c.Rows > 0 {
				told[c.Rule] += c.Rows
			}
		}
		if d := cmp.Diff(want, told); d != "" {
			t.Errorf("%s: what is due (-want +got):\n%s", on, d)
		}
		got := map[keeping.Rule]int64{}
		take := func(c keeping.Counted) {
			if c.Rows > 0 {
				got[c.Rule] += c.Rows
			}
		}
		stop := errors.New("stop")
		err = keeping.Apply(t.Context(), h.rooms(), h.p, day(on), at, func(context.Context, int) error { return stop }, take)
		if len(want) > 0 && !errors.Is(err, stop) {
			t.Errorf("%s: ended in the middle: %v", on, err)
		}
		h.must(keeping.Apply(t.Context(), h.rooms(), h.p, day(on), at, calm, take))
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: erased (-want +got):\n%s", on, d)
		}
		for _, finding := range booking.Check(t.Context(), h.ledger) {
			t.Errorf("%s: %s", on, finding)
		}
	}
	// The last dose of the first campaign is on 30 August; those who cancelled have one of 30 August in the booking too.
	apply("2021-08-31", map[keeping.Rule]int64{})
	apply("2021-09-01", map[keeping.Rule]int64{keeping.Leftovers: people})
	apply("2021-09-05", map[keeping.Rule]int64{})
	apply("2021-09-06", map[keeping.Rule]int64{keeping.Phones: people})
	apply("2021-09-19", map[keeping.Rule]int64{keeping.Rosters: people})
	apply("2021-10-10", map[keeping.Rule]int64{keeping.Contacts: people})
	apply("2021-12-07", map[keeping.Rule]int64{keeping.Recipients: people})
	apply("2021-12-09", map[keeping.Rule]int64{keeping.Names: people, keeping.Temporaries: 1})
	apply("2021-12-10", map[keeping.Rule]int64{})
	if kept := h.inFiles(sealed); len(kept) == 0 {
		t.Log("even the write-ahead logs have none of it")
	}
	h.close()
	if found := h.inFiles(sealed); len(found) > 0 {
		t.Errorf("erased, and still in the files: %s", strings.Join(found, ", "))
	}
	h = open(t, h.dir)
	defer h.close()
	list, err := h.ledger.Bookings(t.Context(), who(3))
	if err != nil || len(list) != 1 || list[0].Sealed != nil || len(list[0].Doses) != 2 {
		t.Errorf("a booking afterwards: %+v, %v", list, err)
	}
}

// TestErasedOnRequest: what is theirs alone goes, a name that the rules keep stays, and nobody else is touched.
func TestErasedOnRequest(t *testing.T) {
	t.Parallel()
	h := open(t, t.TempDir())
	h.furnish()
	today := day("2021-07-20")
	for _, c := range []struct {
		n    int
		on   civil.Date
		want keeping.Own
	}{
		{1, today, keeping.Own{Recipients: 2, Contacts: 1, Leftovers: 1, NamesKept: 1, Bookings: 1}},             // also has a temporary identity
		{9, today, keeping.Own{Recipients: 1, Contacts: 1, Leftovers: 1, Names: 1, Bookings: 1}},                 // cancelled
		{2, day("2021-12-08"), keeping.Own{Recipients: 1, Contacts: 1, Leftovers: 1, Names: 1, Bookings: 1}},     // its time is over
		{2, day("2021-12-08"), keeping.Own{Bookings: 1}},                                                         // once more
		{3, day("2021-12-07"), keeping.Own{Recipients: 1, Contacts: 1, Leftovers: 1, NamesKept: 1, Bookings: 1}}, // a day early
		{777, today, keeping.Own{}},
	} {
		o, err := keeping.Preview(t.Context(), h.rooms(), h.p, who(c.n), c.on)
		if err != nil || o != c.want {
			t.Errorf("preview of %d: %+v, %v; want %+v", c.n, o, err, c.want)
		}
		if o, err = keeping.ErasePerson(t.Context(), h.rooms(), h.p, who(c.n), c.on, at); err != nil || o != c.want {
			t.Errorf("erased of %d: %+v, %v; want %+v", c.n, o, err, c.want)
		}
	}
	if n, err := h.people.Count(t.Context(), person.Erasure{What: person.EraseRecipients, Of: "first"}); err != nil || n != people-4 {
		t.Errorf("%d recipients are left, %v; want %d", n, err, people-4)
	}
	for _, finding := range booking.Check(t.Context(), h.ledger) {
		t.Error(finding)
	}
	h.close()
}

// TestMayRetire holds what still needs a key against it.
func TestMayRetire(t *testing.T) {
	t.Parallel()
	p := parse(t, rules)
	rotated := time.Date(2021, 7, 13, 0, 0, 0, 0, time.UTC)
	old := func(set seal.Set) seal.Version {
		return seal.Version{Set: set, Key: 7, State: seal.Old, Until: rotated}
	}
	for name, c := range map[string]struct {
		v           seal.Version
		census      seal.Census
		after       time.Duration
		compromised bool
		want        string
	}{
		"in use":                          {seal.Version{State: seal.Current}, seal.Census{}, 0, true, "in use"},
		"coming":                          {seal.Version{State: seal.Coming}, seal.Census{}, 0, true, "comes into use"},
		"inner":                           {seal.Version{State: seal.Inner}, seal.Census{}, 0, true, "retired"},
		"fields that rows need":           {old(seal.Fields), seal.Census{Fields: map[uint32]int64{7: 3}}, 1000 * time.Hour, true, "3 sealed fields"},
		"fields of another key":           {old(seal.Fields), seal.Census{Fields: map[uint32]int64{8: 3}}, 1000 * time.Hour, false, ""},
		"fields, names in sessions":       {old(seal.Fields), seal.Census{}, 167 * time.Hour, false, "lives until 2021-07-20"},
		"tokens while a campaign is open": {old(seal.Tokens), seal.Census{}, 24 * time.Hour, false, "tickets of the campaign first"},
		"tokens after it":                 {old(seal.Tokens), seal.Census{}, 168 * time.Hour, false, ""},
		"tokens in wrong hands":           {old(seal.Tokens), seal.Census{}, time.Hour, true, ""},
		"indexes that rows need":          {seal.Version{Set: seal.Indexes, Layer: 1, State: seal.Old, Until: rotated}, seal.Census{Layers: map[int]int64{0: 2, 1: 3, 2: 5}}, 1000 * time.Hour, false, "5 blind indexes"},
		"indexes above":                   {seal.Version{Set: seal.Indexes, Layer: 1, State: seal.Old, Until: rotated}, seal.Census{Layers: map[int]int64{2: 5}}, 25 * time.Hour, false, ""},
		"indexes, an import under way":    {old(seal.Indexes), seal.Census{}, time.Hour, false, "lives until"},
	} {
		err := keeping.MayRetire(c.v, c.census, p, rotated.Add(c.after), c.compromised)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
