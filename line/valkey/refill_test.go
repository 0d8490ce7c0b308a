package valkey_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"charye/internal/clock"
	"charye/line"
	"charye/line/linetest"
	"charye/line/postgres"
	"charye/line/valkey"
	"charye/test/services"
	"charye/test/services/redis"
)

func TestMain(m *testing.M) { services.Main(m) }

// records gives the URL of a database of records of its own.
func recordsURL(t testing.TB) string {
	t.Helper()
	p := services.SharedPostgres(t)
	return p.URL(p.Database(t, func(ctx context.Context, url string) error {
		r, err := postgres.Open(ctx, url)
		if err != nil {
			return err
		}
		return r.Close()
	}))
}

func openRecords(t testing.TB, url string) *postgres.Records {
	t.Helper()
	r, err := postgres.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// recover steps until the line is found again.
func recoverLine(t *testing.T, clk *linetest.Clock, ls ...*valkey.Line) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for _, l := range ls {
		for {
			l.Supply(theCampaign, 1e6, 1e6)
			clk.Add(time.Second)
			err := l.Step(t.Context())
			if _, e := l.Look(t.Context(), theCampaign); err == nil && e == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the line does not come back: %v", err)
			}
		}
	}
}

func entrantList(t *testing.T, l *valkey.Line) []byte {
	t.Helper()
	r, err := l.Entrants(t.Context(), theCampaign)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func audited(t *testing.T, l *valkey.Line) line.Audit {
	t.Helper()
	a, err := l.Audit(t.Context(), theCampaign)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range a.Violations {
		t.Error(v)
	}
	return a
}

// TestLostStoreComesBack empties the whole store, or one master of it, while people gather, wait, and are inside. Everybody is on
// their place again with the number they had, whoever has had their turn has it, nobody is inside, whoever comes anew stands
// behind all, and the draw is what it was.
func TestLostStoreComesBack(t *testing.T) {
	t.Parallel()
	for _, draw := range []bool{true, false} {
		for _, stage := range []string{"gathering", "waiting", "inside"} {
			for _, part := range []bool{false, true} {
				t.Run(fmt.Sprintf("draw=%v %s part=%v", draw, stage, part), func(t *testing.T) {
					t.Parallel()
					lostStore(t, draw, stage, part)
				})
			}
		}
	}
}

func lostStore(t *testing.T, draw bool, stage string, part bool) {
	const people = 240
	c := redis.StartCluster(t, 3)
	url := recordsURL(t)
	ls, clk := nodes(t, 1, config(draw), valkey.Options{Addresses: c.Addresses(), Prefix: freshPrefix(), Records: openRecords(t, url)})
	other := openLine(t, []line.Config{config(draw)}, valkey.Options{Addresses: c.Addresses(), Prefix: ls[0].Prefix(), Records: openRecords(t, url), Clock: clk.Now, Pseudonyms: names, Buckets: 16})
	ls = append(ls, other)
	seqs, _ := joinEverywhere(t, ls, 0, people, false)
	if stage != "gathering" {
		clk.Set(opens)
		for range 3 {
			for _, l := range ls {
				l.Supply(theCampaign, 1e6, 1e6)
			}
			clk.Add(500 * time.Millisecond)
			step(t, ls...)
		}
	}
	before := make([]line.Place, people)
	var passes []line.Pass
	for n := range before {
		p, err := ls[0].Place(t.Context(), theCampaign, linetest.Person(n))
		if err != nil || p.Seq != seqs[n] {
			t.Fatalf("person %d: %+v, %v", n, p, err)
		}
		before[n] = p
		if stage == "inside" && p.State == line.Admitted {
			pass, err := ls[1].Enter(t.Context(), theCampaign, linetest.Person(n), linetest.Device(0), false)
			if err != nil {
				t.Fatal(err)
			}
			passes = append(passes, pass)
		}
	}
	for _, l := range ls { // as each does five times a second
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	turn := admitted(t, ls[0])
	if (turn > 0) != (stage != "gathering") || (len(passes) > 0) != (stage == "inside") {
		t.Fatalf("%s: %d admitted, %d inside", stage, turn, len(passes))
	}
	var entrants []byte
	if draw && stage != "gathering" {
		entrants = entrantList(t, ls[0])
	}
	drawn, err := ls[0].Draw(t.Context(), theCampaign)
	if err != nil {
		t.Fatal(err)
	}

	if part {
		own := c.Owner(t, ls[0].Key(theCampaign))
		for _, m := range c.Masters(t) {
			if m != own {
				m.Do(t, "FLUSHALL")
				break
			}
		}
		lost := false
		for n := range people {
			if _, err := ls[0].Place(t.Context(), theCampaign, linetest.Person(n)); errors.Is(err, valkey.ErrLost) {
				lost = true
			}
		}
		if !lost {
			t.Fatal("nobody's bucket was lost")
		}
	} else {
		c.Flush(t)
		for _, l := range ls {
			if _, _, err := l.Join(t.Context(), theCampaign, linetest.Person(people)); !errors.Is(err, valkey.ErrLost) {
				t.Fatalf("somebody got a place in a line that is lost: %v", err)
			}
		}
	}
	recoverLine(t, clk, ls...)

	for i, l := range ls {
		for n := range before {
			p, err := l.Place(t.Context(), theCampaign, linetest.Person(n))
			if err != nil || p.Seq != before[n].Seq || p.Number != before[n].Number && before[n].Number != 0 {
				t.Fatalf("node %d, person %d: place %d number %d, %v; it was %d and %d", i, n, p.Seq, p.Number, err, before[n].Seq, before[n].Number)
			}
			if before[n].State == line.Admitted && p.State != line.Admitted {
				t.Errorf("person %d had their turn, and is %s", n, p.State)
			}
		}
		for _, p := range passes {
			if err := l.CheckPass(t.Context(), p); !errors.Is(err, line.ErrNoPass) {
				t.Errorf("a pass of the lost store: %v", err)
			}
		}
		if now := admitted(t, l); now < turn {
			t.Errorf("admission fell from %d to %d", turn, now)
		}
	}
	for n := range before {
		_, err := ls[n%2].Enter(t.Context(), theCampaign, linetest.Person(n), linetest.Device(1), false)
		if p, _ := ls[0].Place(t.Context(), theCampaign, linetest.Person(n)); err == nil && (p.Number == 0 || p.Number > admitted(t, ls[0])) {
			t.Fatalf("number %d is let in, admitted are %d", p.Number, admitted(t, ls[0]))
		}
	}
	late, created, err := ls[1].Join(t.Context(), theCampaign, linetest.Person(people+1))
	if err != nil || !created || late.Seq <= people {
		t.Fatalf("who comes anew gets place %d, %v, %v", late.Seq, created, err)
	}
	after, err := ls[1].Draw(t.Context(), theCampaign)
	if err != nil || after.Commitment != drawn.Commitment || drawn.Drawn && (after.Seed != drawn.Seed || after.Entrants != drawn.Entrants || !after.At.Equal(drawn.At)) {
		t.Errorf("the draw is %+v, %v; it was %+v", after, err, drawn)
	}
	if entrants != nil && !bytes.Equal(entrants, entrantList(t, ls[1])) {
		t.Error("the published list is another")
	}
	if a := audited(t, ls[1]); a.Found != people+1 {
		t.Errorf("%d places are found, want %d", a.Found, people+1)
	}
}

// TestLostTwiceAndByNewNodes loses the store again while nodes find it lost at once, and opens new ones on what is left: it is
// filled once for each loss.
func TestLostTwiceAndByNewNodes(t *testing.T) {
	t.Parallel()
	c := redis.StartCluster(t, 3)
	url := recordsURL(t)
	records := openRecords(t, url)
	o := valkey.Options{Addresses: c.Addresses(), Prefix: freshPrefix(), Records: records}
	ls, clk := nodes(t, 3, config(false), o)
	seqs, _ := joinEverywhere(t, ls, 0, 150, false)
	for loss := 1; loss <= 2; loss++ {
		for _, l := range ls {
			if err := l.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		c.Flush(t)
		var all sync.WaitGroup
		for _, l := range ls {
			all.Go(func() {
				for deadline := time.Now().Add(time.Minute); l.Step(t.Context()) != nil && time.Now().Before(deadline); {
				}
			})
		}
		all.Wait()
		r, ok, err := records.Record(t.Context(), theCampaign)
		if err != nil || !ok || r.Losses != loss {
			t.Fatalf("after loss %d the record says %+v, %v, %v", loss, r, ok, err)
		}
	}
	c.Flush(t)
	o.Clock, o.Pseudonyms, o.Buckets = clk.Now, names, 16
	fresh := openLine(t, []line.Config{config(false)}, o)
	for n, seq := range seqs {
		if p, err := fresh.Place(t.Context(), theCampaign, linetest.Person(n)); err != nil || p.Seq != seq {
			t.Fatalf("person %d: place %d, %v; it was %d", n, p.Seq, err, seq)
		}
	}
	audited(t, fresh)
}

// TestTicketsBringBack has a node die with its journal, and the store too: its people are unknown, and come back with their
// tickets to the places they had, whatever they did meanwhile. What is no ticket of this line brings nobody.
func TestTicketsBringBack(t *testing.T) {
	t.Parallel()
	c := redis.StartCluster(t, 3)
	url := recordsURL(t)
	o := valkey.Options{Addresses: c.Addresses(), Prefix: freshPrefix(), Records: openRecords(t, url)}
	ls, clk := nodes(t, 2, config(false), o)
	if p, err := ls[0].Return(t.Context(), ticket(1, 1)); !errors.Is(err, line.ErrNoPlace) {
		t.Errorf("a ticket in a line that never lost anything: %+v, %v", p, err)
	}
	kept, _ := joinEverywhere(t, ls[:1], 0, 50, false)
	tail, _ := joinEverywhere(t, ls[1:], 50, 100, false)
	ls[1].DropJournal(theCampaign) // as kill -9 does
	c.Flush(t)
	recoverLine(t, clk, ls...)
	for n, seq := range kept {
		if p, err := ls[0].Place(t.Context(), theCampaign, linetest.Person(n)); err != nil || p.Seq != seq {
			t.Fatalf("person %d, whom the records know: %+v, %v", n, p, err)
		}
	}
	for i, seq := range tail {
		n := 50 + i
		if _, err := ls[0].Place(t.Context(), theCampaign, linetest.Person(n)); !errors.Is(err, line.ErrNoPlace) {
			t.Fatalf("person %d, whom nobody knows: %v", n, err)
		}
		if i%2 == 0 { // joins anew first: stands at the end, until the ticket comes
			p, created, err := ls[1].Join(t.Context(), theCampaign, linetest.Person(n))
			if err != nil || !created || p.Seq <= 100 {
				t.Fatalf("person %d joins anew: %+v, %v", n, p, err)
			}
		}
		for _, l := range ls {
			if p, err := l.Return(t.Context(), ticket(n, seq)); err != nil || p.Seq != seq {
				t.Fatalf("person %d comes back with a ticket: %+v, %v; want place %d", n, p, err, seq)
			}
		}
		if p, created, err := ls[1].Join(t.Context(), theCampaign, linetest.Person(n)); err != nil || created || p.Seq != seq {
			t.Fatalf("person %d joins once more: %+v, %v, %v", n, p, created, err)
		}
	}
	if p, err := ls[0].Return(t.Context(), ticket(500, 4_000_000)); !errors.Is(err, line.ErrNoPlace) {
		t.Errorf("a ticket of a seq that was never given: %+v, %v", p, err)
	}
	if a := audited(t, ls[0]); a.Found != 100 {
		t.Errorf("%d places, want 100", a.Found)
	}
	// What came back by ticket is kept beside the store by now.
	for _, l := range ls {
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.Flush(t)
	recoverLine(t, clk, ls...)
	for i, seq := range tail {
		if p, err := ls[1].Place(t.Context(), theCampaign, linetest.Person(50+i)); err != nil || p.Seq != seq {
			t.Fatalf("person %d after another loss: %+v, %v; want %d", 50+i, p, err, seq)
		}
	}
}

func ticket(n int, seq uint32) line.Ticket {
	return line.Ticket{Campaign: theCampaign, Person: linetest.Person(n), Seq: seq}
}

// TestZombieAfterRefill: a node that had the lease before the store was lost, and comes back after it was filled again, writes
// for a content that is gone, and is refused.
func TestZombieAfterRefill(t *testing.T) {
	t.Parallel()
	c := redis.StartCluster(t, 3)
	url := recordsURL(t)
	ls, clk := nodes(t, 2, config(false), valkey.Options{Addresses: c.Addresses(), Prefix: freshPrefix(), Records: openRecords(t, url)})
	joinEverywhere(t, ls, 0, 100, false)
	clk.Set(opens)
	step(t, ls[0])
	if !ls[0].Leads(theCampaign) {
		t.Fatal("the first node has no lease")
	}
	write := ls[0].Decide(theCampaign, 90)
	for _, l := range ls {
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.Flush(t)
	recoverLine(t, clk, ls[1])
	if err := write(t.Context()); err == nil {
		t.Error("a zombie admitted people")
	}
	if a := admitted(t, ls[1]); a >= 90 {
		t.Errorf("%d are admitted", a)
	}
	recoverLine(t, clk, ls[0])
	audited(t, ls[0])
}

// TestRecordsAway: while the records cannot be reached, people go on getting places up to what was reserved, and then none.
func TestRecordsAway(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	r := &awayRecords{Records: openRecords(t, recordsURL(t))}
	ls, clk := nodes(t, 1, config(false), valkey.Options{Addresses: []string{s.Addr}, Prefix: freshPrefix(), Records: r})
	if _, _, err := ls[0].Join(t.Context(), theCampaign, linetest.Person(0)); err != nil {
		t.Fatal(err)
	}
	r.away(true)
	if _, _, err := ls[0].Join(t.Context(), theCampaign, linetest.Person(1)); err != nil {
		t.Errorf("within what is reserved: %v", err)
	}
	clk.Set(opens)
	ls[0].Supply(theCampaign, 10, 10)
	clk.Add(time.Second)
	if err := ls[0].Step(t.Context()); err == nil || admitted(t, ls[0]) != 0 {
		t.Errorf("people were let in that the records do not know of: %v", err)
	}
	r.away(false)
	clk.Add(time.Second)
	step(t, ls[0])
	if admitted(t, ls[0]) == 0 {
		t.Error("nobody is let in when the records are back")
	}
}

type awayRecords struct {
	line.Records
	mu   sync.Mutex
	gone bool
}

var errAway = errors.New("the records are away")

func (r *awayRecords) away(gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = gone
}

func (r *awayRecords) Raise(ctx context.Context, rec line.Record) (line.Record, error) {
	r.mu.Lock()
	gone := r.gone
	r.mu.Unlock()
	if gone {
		return rec, errAway
	}
	return r.Records.Raise(ctx, rec)
}

// TestConformanceWithRecords is the suite with records beside the store, each line with its own.
func TestConformanceWithRecords(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	linetest.Run(t, func(t *testing.T, configs []line.Config, now clock.Func, names line.Pseudonyms) linetest.Engine {
		o := valkey.Options{
			Addresses: []string{s.Addr}, Prefix: freshPrefix(), Clock: now, Pseudonyms: names, Buckets: 16, Lease: time.Hour,
			Records: openRecords(t, recordsURL(t)),
		}
		return openEngine(t, configs, o)
	})
}
