package reschedule_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"charye/booking"
	"charye/booking/moves"
	"charye/booking/sqlite"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/reschedule"
	"charye/site"
	"charye/test/ledgers"
	"charye/test/services"
)

func TestMain(m *testing.M) { services.Main(m) }

// file is a programme whose interval is as many weeks as wanted from 27 September on.
func file(t testing.TB, weeks int) *programme.Programme {
	t.Helper()
	return fileUpTo(t, weeks, 6)
}

// fileUpTo has another greatest interval.
func fileUpTo(t testing.TB, weeks, most int) *programme.Programme {
	t.Helper()
	p, err := programme.Parse("test.yaml", fmt.Appendf(nil, `
programme: moving
name: {en: Test}
timezone: Asia/Seoul
products:
  - id: moderna
    name: {en: Moderna}
    cvx: "207"
    dosesPerVial: 10
    series: {doses: 2, intervals: [{from: 2021-01-01, default: %dw, min: 3w, max: %dw}]}
campaigns:
  - id: fifties
    name: {en: Fifties}
    products: [moderna]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 10000000
    line: {order: arrival}
timetables:
  - {sites: all, start: 2021-08-02, days: 28, from: "09:00", to: "17:00", every: 30m, seats: 40}
`, weeks, most), programme.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var start = civil.New(2021, 8, 2)

type world struct {
	ledger booking.Ledger
	sites  []site.Site
}

func (w *world) rules(t testing.TB, weeks int) moves.Rules {
	return moves.Rules{Programme: file(t, weeks), Sites: w.sites}
}

func key(n int) (k person.Key) {
	binary.BigEndian.PutUint64(k[8:], uint64(n)+1)
	return k
}

var at = time.Date(2021, 7, 12, 12, 0, 0, 0, time.UTC)

func seat(p *programme.Programme, num site.Num, day civil.Date, minute int) booking.Choice {
	s := booking.Session{Site: num, Day: day, Minute: minute}
	capacity := 0
	for _, x := range p.Sessions("s", "clinic", "r", day) {
		if x.Minute == minute {
			capacity = x.Seats
		}
	}
	return booking.Choice{Slot: booking.Slot{Session: s, Product: "moderna"}, Minutes: 30, Seat: booking.Claim{Counter: booking.SeatCounter(s), Capacity: capacity, N: 1}}
}

// fill books n people with six weeks between the doses, spread over the sites and days.
func (w *world) fill(t testing.TB, n, sites int) {
	t.Helper()
	p := file(t, 6)
	c, _ := p.Campaign("fifties")
	for i := range sites {
		w.sites = append(w.sites, site.Site{Num: site.Num(i + 1), ID: "s" + strconv.Itoa(i), Kind: "clinic", Region: "r"})
	}
	var batch []booking.Request
	for i := range n {
		num, day, minute := site.Num(i%sites+1), start+civil.Date(i/sites%20), 540+30*(i/sites/20%16)
		batch = append(batch, booking.Request{
			Op: booking.OpBook, Campaign: c.Num, Person: key(i), Actor: key(i), Channel: "web", At: at,
			Doses:  [][]booking.Choice{{seat(p, num, day, minute)}, {seat(p, num, day+42, minute)}},
			Shared: []booking.Claim{{Counter: booking.StockCounter(c.Num), Capacity: 10_000_000, N: 1}},
		})
		if len(batch) == 1000 || i == n-1 {
			out, err := w.ledger.Apply(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			for i := range out {
				if out[i].Result != booking.Done {
					t.Fatalf("booking: %v, dose %d", out[i].Result, out[i].FullDose)
				}
			}
			batch = batch[:0]
		}
	}
}

// weeks counts the live bookings by the days between their doses.
func (w *world) weeks(t testing.TB) map[int]int {
	t.Helper()
	out := map[int]int{}
	if err := w.ledger.All(t.Context(), func(b booking.Booking) error {
		if b.Status == booking.Booked {
			out[int(b.Doses[1].Slot.Day-b.Doses[0].Slot.Day)]++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) told(t testing.TB) (changes int) {
	t.Helper()
	for last := int64(0); ; {
		page, err := w.ledger.Events(t.Context(), last, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return changes
		}
		for i := range page {
			if page[i].Kind == booking.EventChanged {
				changes++
			}
		}
		last = page[len(page)-1].Seq
	}
}

var wish = reschedule.Wish{Campaign: "fifties", Product: "moderna", Dose: 2, NotBefore: start, Why: "interval-2021-09-27"}

// engines runs a test on both engines.
func engines(t *testing.T, test func(t *testing.T, w *world)) {
	ledgers.Each(t, func(t *testing.T, l booking.Ledger) { test(t, &world{ledger: l}) })
}

func TestReschedule(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, w *world) {
		const people = 3000
		w.fill(t, people, 5)
		ctx, r := t.Context(), w.rules(t, 5)
		// One moved their second dose themselves: it stays. One cancels, one moves, after the plan was made.
		p := file(t, 6)
		c, _ := p.Campaign("fifties")
		change := func(who, days int) {
			t.Helper()
			bs, err := w.ledger.Bookings(ctx, key(who))
			if err != nil {
				t.Fatal(err)
			}
			d := bs[0].Doses
			moved := seat(p, d[1].Slot.Site, d[0].Slot.Day+civil.Date(days), d[1].Slot.Minute)
			out, err := w.ledger.Apply(ctx, []booking.Request{{
				Op: booking.OpChange, Campaign: c.Num, Person: key(who), Actor: key(who), Channel: "web", At: at, Booking: bs[0].ID,
				Doses: [][]booking.Choice{{{Slot: d[0].Slot, Minutes: 30, Seat: d[0].Seat}}, {moved}},
			}})
			if err != nil || out[0].Result != booking.Done {
				t.Fatal(out, err)
			}
		}
		change(7, 40)
		var plan bytes.Buffer
		asked, err := w.ledger.Bookings(ctx, key(20))
		if err != nil {
			t.Fatal(err)
		}
		keeping := wish
		keeping.Keep = map[int64]bool{asked[0].ID: true}
		sum, err := reschedule.Plan(ctx, w.ledger, r, keeping, at, io.Discard)
		if err != nil || sum.Kept != 1 || sum.Own != 1 || sum.Moved != people-2 {
			t.Fatalf("the plan that leaves one alone: %+v, %v", *sum, err)
		}
		sum, err = reschedule.Plan(ctx, w.ledger, r, wish, at, &plan)
		if err != nil {
			t.Fatal(err)
		}
		if sum.Looked != people || sum.Own != 1 || sum.Moved != people-1 || sum.Unplaced != 0 {
			t.Fatalf("the plan: %+v", *sum)
		}
		if n := w.weeks(t); n[42] != people-1 || n[40] != 1 {
			t.Fatalf("a plan changed something: %v", n)
		}
		change(11, 39)
		bs, err := w.ledger.Bookings(ctx, key(12))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.ledger.Apply(ctx, []booking.Request{{Op: booking.OpCancel, Campaign: c.Num, Person: key(12), Actor: key(12), Channel: "web", At: at, Booking: bs[0].ID}}); err != nil {
			t.Fatal(err)
		}

		way := reschedule.Way{Now: func() time.Time { return at }}
		killed := &ledgers.Killed{Ledger: w.ledger, After: 1}
		if o, err := reschedule.Carry(ctx, killed, r, bytes.NewReader(plan.Bytes()), way); !errors.Is(err, ledgers.ErrKilled) || o.Moved == 0 || o.Moved > people/2 { // the second batch was kept, and nobody heard of it
			t.Fatalf("killed in the middle: %+v, %v", o, err)
		}
		o, err := reschedule.Carry(ctx, w.ledger, r, bytes.NewReader(plan.Bytes()), way)
		if err != nil || o.Since != 1 || o.Cancelled != 1 || o.Full != 0 || o.Moved+o.There != people-3 {
			t.Fatalf("%+v, %v", o, err)
		}
		if n := w.weeks(t); n[35] != people-3 || n[40] != 1 || n[39] != 1 || len(n) != 3 {
			t.Errorf("applied: %v", n)
		}
		if n := w.told(t); n != people-3+2 {
			t.Errorf("%d changes were told, want one for each of %d and the two people's own", n, people-3)
		}
		if again, err := reschedule.Carry(ctx, w.ledger, r, bytes.NewReader(plan.Bytes()), way); err != nil || again.Moved != 0 || again.There != people-3 {
			t.Errorf("once more: %+v, %v", again, err)
		}
		way.Undo = true
		if back, err := reschedule.Carry(ctx, w.ledger, r, bytes.NewReader(plan.Bytes()), way); err != nil || back.Moved != people-3 {
			t.Errorf("undone: %+v, %v", back, err)
		}
		if n := w.weeks(t); n[42] != people-3 || len(n) != 3 {
			t.Errorf("undone: %v", n)
		}
		for _, f := range booking.Check(ctx, w.ledger) {
			t.Error(f)
		}
	})
}

// TestRescheduleWithoutRoom: where the default day is full a dose comes as near as there is room and the rule allows, and the plan
// says which days overflow; nobody is moved further from the day than they are.
func TestRescheduleWithoutRoom(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, w *world) {
		w.fill(t, 600, 1)
		ctx, r := t.Context(), w.rules(t, 5)
		// Strangers take all seats of the day that the first day's people would come to.
		p := file(t, 6)
		full := start + 35
		for _, x := range p.Sessions("s", "clinic", "r", full) {
			c := seat(p, 1, full, x.Minute)
			var batch []booking.Request
			for i := range x.Seats {
				batch = append(batch, booking.Request{Op: booking.OpBook, Campaign: 99, Person: key(1_000_000 + x.Minute*1000 + i), Channel: "web", At: at, Doses: [][]booking.Choice{{c}}})
			}
			if _, err := w.ledger.Apply(ctx, batch); err != nil {
				t.Fatal(err)
			}
		}
		var plan bytes.Buffer
		sum, err := reschedule.Plan(ctx, w.ledger, r, wish, at, &plan)
		if err != nil {
			t.Fatal(err)
		}
		if d := sum.Days[full]; d.Come != 0 || d.Overflow != 30 {
			t.Errorf("the full day: %+v", d)
		}
		o, err := reschedule.Carry(ctx, w.ledger, r, &plan, reschedule.Way{Now: func() time.Time { return at }})
		if err != nil || o.Moved != sum.Moved || o.Full != 0 {
			t.Errorf("%+v, %v; planned %d", o, err, sum.Moved)
		}
		if err := w.ledger.All(ctx, func(b booking.Booking) error {
			if len(b.Doses) == 2 {
				if d := int(b.Doses[1].Slot.Day - b.Doses[0].Slot.Day); d < 34 || d > 36 {
					t.Errorf("booking %d has %d days between its doses", b.ID, d)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, f := range booking.Check(ctx, w.ledger) {
			t.Error(f)
		}
	})
}

// TestRescheduleElsewhere: a dose that has no room within the new interval at its site goes to the nearest site that has, if that is within
// reach; whoever declines in time comes back, and nobody afterwards.
func TestRescheduleElsewhere(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, w *world) {
		const people = 40
		w.fill(t, 0, 1)
		ctx := t.Context()
		p := fileUpTo(t, 5, 5) // six weeks are too many from now on
		c, _ := p.Campaign("fifties")
		var batch []booking.Request
		for i := range people { // their second doses are behind all that is within the interval
			day, minute := start+civil.Date(i%5), 540+30*(i/5)
			batch = append(batch, booking.Request{
				Op: booking.OpBook, Campaign: c.Num, Person: key(i), Actor: key(i), Channel: "web", At: at,
				Doses: [][]booking.Choice{{seat(p, 1, day, minute)}, {seat(p, 1, day+42, minute)}},
			})
		}
		w.sites[0].Lat, w.sites[0].Lon = 37.5, 127
		for i, north := range []float64{0.05, 0.01, 1} { // 5.6 km, 1.1 km, 111 km
			w.sites = append(w.sites, site.Site{Num: site.Num(i + 2), ID: "e" + strconv.Itoa(i), Kind: "clinic", Region: "r", Lat: 37.5 + north, Lon: 127})
		}
		r := moves.Rules{Programme: p, Sites: w.sites}
		// One whose day is still right by the rule, if not the nearest to the default, stays.
		batch = append(batch, booking.Request{
			Op: booking.OpBook, Campaign: c.Num, Person: key(people), Actor: key(people), Channel: "web", At: at,
			Doses: [][]booking.Choice{{seat(p, 1, start, 960)}, {seat(p, 1, start+30, 960)}},
		})
		// Strangers have every seat of the site that is within the interval, and at the nearest other site all but one a day.
		for day := start + 21; day < start+5+35; day++ {
			for i, x := range p.Sessions("s", "clinic", "r", day) {
				for num, left := range map[site.Num]int{1: 0, 3: 1} {
					c := seat(p, num, day, x.Minute)
					if c.Seat.N = x.Seats; i == 0 {
						c.Seat.N -= left
					}
					if num == 1 && day == start+30 && x.Minute == 960 {
						c.Seat.N--
					}
					batch = append(batch, booking.Request{Op: booking.OpBook, Campaign: 99, Person: key(1_000_000 + len(batch)), Channel: "web", At: at, Doses: [][]booking.Choice{{c}}})
				}
			}
		}
		if _, err := w.ledger.Apply(ctx, batch); err != nil {
			t.Fatal(err)
		}
		away := wish
		plan := func(metres int) (*reschedule.Summary, *bytes.Buffer) {
			t.Helper()
			away.Metres, away.DeclineDays = metres, 3
			var out bytes.Buffer
			sum, err := reschedule.Plan(ctx, w.ledger, r, away, at, &out)
			if err != nil {
				t.Fatal(err)
			}
			return sum, &out
		}
		if sum, _ := plan(0); sum.Unplaced != people+1 || sum.Sent != 0 {
			t.Fatalf("without reach: %+v", *sum)
		}
		if sum, _ := plan(2000); sum.Sent == 0 || sum.Sent == people || sum.Metres[sum.Sent-1] > 2000 || sum.Unplaced != people+1-sum.Sent {
			t.Fatalf("within two kilometres there is one seat a day: %+v", *sum)
		}
		sum, made := plan(6000)
		if sum.Sent != people || sum.Unplaced != 1 || sum.Metres[0] > 1200 || sum.Metres[people-1] < 5000 {
			t.Fatalf("within six kilometres: %+v", *sum)
		}
		if got := text(t, sum); !strings.Contains(got, "40 of them go to another site") {
			t.Errorf("the summary says\n%s", got)
		}
		now := at
		way := reschedule.Way{Now: func() time.Time { return now }}
		if o, err := reschedule.Carry(ctx, w.ledger, r, bytes.NewReader(made.Bytes()), way); err != nil || o.Moved != people {
			t.Fatalf("%+v, %v", o, err)
		}
		one, err := w.ledger.Bookings(ctx, key(7))
		if err != nil {
			t.Fatal(err)
		}
		if d := one[0].Doses; d[0].Slot.Site != 1 || d[1].Slot.Site == 1 || d[1].Slot.Day-d[0].Slot.Day > 35 {
			t.Errorf("moved: %+v", d)
		}
		way.Undo, way.Only = true, map[int64]bool{one[0].ID: true}
		if o, err := reschedule.Carry(ctx, w.ledger, r, bytes.NewReader(made.Bytes()), way); err != nil || o.Moved != 1 {
			t.Fatalf("one declines: %+v, %v", o, err)
		}
		now = at.AddDate(0, 0, 5)
		if _, err := reschedule.Carry(ctx, w.ledger, r, bytes.NewReader(made.Bytes()), way); !errors.Is(err, reschedule.ErrTooLate) {
			t.Errorf("declined after the days for it: %v", err)
		}
		way.Only = nil
		if o, err := reschedule.Carry(ctx, w.ledger, r, bytes.NewReader(made.Bytes()), way); err != nil || o.Moved != people-1 || o.There != 1 {
			t.Fatalf("undone: %+v, %v", o, err)
		}
		for _, f := range booking.Check(ctx, w.ledger) {
			t.Error(f)
		}
	})
}

// TestRescheduleAtItsOwnSite: a dose that is at another site than the one before it moves there, or stays: the site of the one before may be far away.
func TestRescheduleAtItsOwnSite(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, w *world) {
		w.fill(t, 0, 2)
		ctx := t.Context()
		p := fileUpTo(t, 5, 5)
		c, _ := p.Campaign("fifties")
		w.sites[0].Lat, w.sites[0].Lon, w.sites[1].Lat, w.sites[1].Lon = 37.5, 127, 35.2, 129
		r := moves.Rules{Programme: p, Sites: w.sites}
		var batch []booking.Request
		for i := range 2 {
			first := start + civil.Date(22*i)
			batch = append(batch, booking.Request{
				Op: booking.OpBook, Campaign: c.Num, Person: key(i), Actor: key(i), Channel: "web", At: at,
				Doses: [][]booking.Choice{{seat(p, 1, first, 540)}, {seat(p, 2, first+civil.Date(42-2*i), 540)}},
			})
		}
		// Strangers have every seat at the second one's site within the interval.
		for day := start + 22 + 21; day <= start+22+35; day++ {
			for _, x := range p.Sessions("s", "clinic", "r", day) {
				taken := seat(p, 2, day, x.Minute)
				taken.Seat.N = x.Seats
				batch = append(batch, booking.Request{Op: booking.OpBook, Campaign: 99, Person: key(1_000_000 + len(batch)), Channel: "web", At: at, Doses: [][]booking.Choice{{taken}}})
			}
		}
		out, err := w.ledger.Apply(ctx, batch)
		if err != nil {
			t.Fatal(err)
		}
		for i := range out {
			if out[i].Result != booking.Done {
				t.Fatalf("%d: %+v", i, out[i])
			}
		}
		near := wish
		near.Metres = 10_000
		var plan bytes.Buffer
		if sum, err := reschedule.Plan(ctx, w.ledger, r, near, at, &plan); err != nil || sum.Moved != 1 || sum.Sent != 0 || sum.Unplaced != 1 {
			t.Errorf("the plan: %+v, %v", sum, err)
		}
		if _, err := reschedule.Carry(ctx, w.ledger, r, &plan, reschedule.Way{Now: func() time.Time { return at }}); err != nil {
			t.Fatal(err)
		}
		for i, days := range []civil.Date{35, 40} {
			list, err := w.ledger.Bookings(ctx, key(i))
			if err != nil {
				t.Fatal(err)
			}
			if d := list[0].Doses; d[1].Slot.Site != 2 || d[1].Slot.Day != d[0].Slot.Day+days {
				t.Errorf("%d: %v", i, d)
			}
		}
	})
}

func text(t *testing.T, s *reschedule.Summary) string {
	t.Helper()
	var b strings.Builder
	if err := s.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWrongPlans(t *testing.T) {
	t.Parallel()
	l, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := &world{ledger: l}
	for _, plan := range []string{
		"", "no JSON", `{"reschedule":"another"}`, "{\"reschedule\":\"moving\"}\nno move", "{\"reschedule\":\"moving\"}\n{\"booking\":1,\"dose\":1}",
		"{\"reschedule\":\"moving\"}\n{\"booking\":1,\"dose\":2,\"from\":\"x\",\"to\":\"y\"}",
	} {
		if _, err := reschedule.Carry(t.Context(), l, w.rules(t, 5), strings.NewReader(plan), reschedule.Way{Now: time.Now}); !errors.Is(err, reschedule.ErrPlan) {
			t.Errorf("%q: %v", plan, err)
		}
	}
	for _, wrong := range []reschedule.Wish{
		{Campaign: "nobody", Product: "moderna", Dose: 2}, {Campaign: "fifties", Product: "none", Dose: 2}, {Campaign: "fifties", Product: "moderna", Dose: 3}, {Campaign: "fifties", Product: "moderna", Dose: 1},
	} {
		if _, err := reschedule.Plan(t.Context(), l, w.rules(t, 5), wrong, at, &bytes.Buffer{}); err == nil {
			t.Errorf("%+v was planned", wrong)
		}
	}
}

// TestRescheduleMany measures: CHARYE_RESCHEDULE=1000000 go test -v -run TestRescheduleMany ./reschedule
func TestRescheduleMany(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("CHARYE_RESCHEDULE"))
	if err != nil {
		t.Skip("measures: set CHARYE_RESCHEDULE to a number of people")
	}
	engines(t, func(t *testing.T, w *world) {
		w.fill(t, n, max(n/12_800+1, 1)*2)
		r := w.rules(t, 5)
		var plan bytes.Buffer
		begun := time.Now()
		sum, err := reschedule.Plan(t.Context(), w.ledger, r, wish, at, &plan)
		if err != nil {
			t.Fatal(err)
		}
		planned := time.Since(begun)
		begun = time.Now()
		o, err := reschedule.Carry(t.Context(), w.ledger, r, &plan, reschedule.Way{Now: func() time.Time { return at }})
		if err != nil || o.Moved != sum.Moved {
			t.Fatal(o, err)
		}
		t.Logf("%d of %d moved; planned in %v, applied in %v", o.Moved, sum.Looked, planned.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
	})
}
