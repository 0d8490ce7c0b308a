package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"charye/booking"
	"charye/booking/bookingtest"
	"charye/booking/postgres"
	"charye/internal/durable"
	"charye/internal/pgdb"
	"charye/person"
	"charye/test/services"
)

var sessionOfTests = booking.Session{Site: 1, Day: 18834, Minute: 540}

// request books one of many seats.
func request(who uint64) booking.Request {
	n := newNational(0)
	r := n.request()
	r.Person, r.Actor, r.Sealed = person.Key{1: byte(who), 2: byte(who >> 8), 3: byte(who >> 16), 15: 1}, person.Key{}, nil
	r.Doses = [][]booking.Choice{{{
		Slot: booking.Slot{Session: sessionOfTests, Product: "moderna"}, Minutes: 30,
		Seat: booking.Claim{Counter: booking.SeatCounter(sessionOfTests), Capacity: 1_000_000, N: 1},
	}}}
	return r
}

func check(t *testing.T, l booking.Ledger) {
	t.Helper()
	for _, finding := range booking.Check(context.Background(), l) {
		t.Error(finding)
	}
}

func bookedOnce(t *testing.T, l booking.Ledger, who person.Key) bool {
	t.Helper()
	list, err := l.Bookings(context.Background(), who)
	if err != nil || len(list) > 1 {
		t.Fatalf("%d bookings of one person, %v", len(list), err)
	}
	return len(list) == 1
}

// TestWrongClock: whoever's clock is wrong ends nobody's hold and books nothing; those beside them go on.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	open := func() *postgres.Ledger {
		l, err := postgres.Open(context.Background(), p.URL(p.Database(t, migrate)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		l.MaxSkew(10 * time.Second)
		return l
	}
	l := open()
	now := time.Now()
	hold := request(1)
	hold.Op, hold.At, hold.HoldUntil = booking.OpHold, now, now.Add(5*time.Minute)
	if out, err := l.Apply(context.Background(), []booking.Request{hold}); err != nil || out[0].Result != booking.Done {
		t.Fatal(out, err)
	}
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		late, sweep := request(2), booking.Request{Op: booking.OpExpire, Channel: "system", At: now.Add(off)}
		late.At = now.Add(off)
		for _, batch := range [][]booking.Request{{late}, {sweep}} {
			if out, err := l.Apply(context.Background(), batch); !errors.Is(err, postgres.ErrClock) {
				t.Errorf("%v off: %v, %v", off, out, err)
			}
		}
	}
	if holds, err := l.DueHolds(context.Background(), now.Add(time.Hour), 10); err != nil || len(holds) != 1 {
		t.Errorf("%d holds are left, %v; want the one", len(holds), err)
	}
	right := request(3)
	right.At = now
	if out, err := l.Apply(context.Background(), []booking.Request{right}); err != nil || out[0].Result != booking.Done {
		t.Error(out, err)
	}
	check(t, l)
}

// TestSecondLock goes past Decide: the tables themselves refuse what must never be.
func TestSecondLock(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	db := p.Database(t, migrate)
	const who = `'\x00112233445566778899aabbccddeeff'`
	row := func(id, campaign int) string {
		return fmt.Sprintf("INSERT INTO bookings (id, person, campaign, gone, channel, made_at, doses, shared) VALUES (%d, %s, %d, 0, '', now(), '[]', '[]')", id, who, campaign)
	}
	event := "INSERT INTO events (stream, seq, at, kind, what) VALUES ('booking', 1, now(), 'held', '{}')"
	for _, c := range []struct {
		name, query string
		ok          bool
	}{
		{"a counter", "INSERT INTO counters VALUES (1, 5, 5)", true},
		{"more than there is", "UPDATE counters SET used = 6", false},
		{"less than nothing", "UPDATE counters SET used = -1", false},
		{"capacity below what is taken", "UPDATE counters SET capacity = 4", false},
		{"a live booking", row(1, 7), true},
		{"a second one", row(2, 7), false},
		{"one in another campaign", row(2, 8), true},
		{"cancelled under another id", "UPDATE bookings SET gone = 9 WHERE id = 1", false},
		{"cancelled", "UPDATE bookings SET gone = 1 WHERE id = 1", true},
		{"one after the cancelled", row(3, 7), true},
		{"of nobody", strings.Replace(row(4, 9), who, `''`, 1), false},
		{"a hold", "INSERT INTO holds VALUES (1, " + who + ", 7, now(), '[]', '[]')", true},
		{"a second hold", "INSERT INTO holds VALUES (2, " + who + ", 7, now(), '[]', '[]')", false},
		{"an event", event, true},
		{"its number again", event, false},
	} {
		if err := p.Exec(context.Background(), db, c.query); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestConstraintFails has the second lock refuse a batch that Decide granted, however often it is decided anew: at last it
// is an error, and nothing of it stays.
func TestConstraintFails(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	db := p.Database(t, migrate)
	l := openAt(t, p.URL(db))
	if err := p.Exec(context.Background(), db, `CREATE UNIQUE INDEX only_one ON bookings ((true));
		INSERT INTO bookings (id, person, campaign, gone, channel, made_at, doses, shared)
		VALUES (999, '\x99112233445566778899aabbccddeeff', 1, 0, '', now(), '[]', '[]')`); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Apply(context.Background(), []booking.Request{request(1)}); err == nil {
		t.Fatal("the batch passed")
	}
	seq, err := l.Counters(context.Background(), func(c booking.CounterState) { t.Errorf("%v was written", c.Counter) })
	if err != nil || seq != 0 {
		t.Errorf("events up to %d, %v", seq, err)
	}
}

func TestNotDurableIsRefused(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	db := p.Database(t, migrate)
	if err := p.Exec(context.Background(), db, "ALTER DATABASE "+db+" SET synchronous_commit = off"); err != nil {
		t.Fatal(err)
	}
	l, err := postgres.Open(context.Background(), p.URL(db))
	if err == nil {
		_ = l.Close()
	}
	if !errors.Is(err, pgdb.ErrNotDurable) {
		t.Errorf("error %v, want ErrNotDurable", err)
	}
}

// TestReadOnlyServer has a node hold a connection to a server that may not write, as after a failover: it makes a new one.
func TestReadOnlyServer(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	db := p.Database(t, migrate)
	set := func(sql string) {
		t.Helper()
		if err := p.Exec(context.Background(), "postgres", "ALTER DATABASE "+db+sql); err != nil {
			t.Fatal(err)
		}
	}
	set(" SET default_transaction_read_only = on")
	l := openAt(t, p.URL(db))
	if _, err := l.Apply(context.Background(), []booking.Request{request(1)}); err == nil {
		t.Error("a server that may not write took a booking")
	}
	if _, err := l.Bookings(context.Background(), request(1).Person); err != nil { // makes a connection that stays
		t.Error(err)
	}
	set(" RESET default_transaction_read_only")
	if _, err := l.Apply(context.Background(), []booking.Request{request(1)}); err != nil {
		t.Error(err)
	}
	check(t, l)
}

// TestRefusedAnywhere has the server refuse a batch at each of its rows with the error of a full disk.
func TestRefusedAnywhere(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	var mu sync.Mutex
	databases := map[booking.Ledger]string{}
	open := func(t testing.TB) (booking.Ledger, func() booking.Ledger) {
		db := p.Database(t, migrate)
		sql := `CREATE SEQUENCE room; CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN IF nextval('room') > 1000000000 THEN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'no space'; END IF; RETURN NEW; END $$;`
		for table, when := range map[string]string{"takers": "INSERT OR UPDATE", "bookings": "INSERT OR UPDATE", "counters": "INSERT OR UPDATE", "events": "INSERT", "booking_batches": "INSERT"} {
			sql += `CREATE TRIGGER full_disk BEFORE ` + when + ` ON ` + table + ` FOR EACH ROW EXECUTE FUNCTION full_disk();`
		}
		if err := p.Exec(context.Background(), db, sql); err != nil {
			t.Fatal(err)
		}
		reopen := func() booking.Ledger {
			l := openAt(t, p.URL(db))
			mu.Lock()
			defer mu.Unlock()
			databases[l] = db
			return l
		}
		return reopen(), reopen
	}
	bookingtest.RunFailing(t, open, func(l booking.Ledger, rows int) error {
		room := 1_000_000_001 - rows // setval names the next one
		if rows < 0 {
			room = 1
		}
		return p.Exec(context.Background(), databases[l], fmt.Sprintf("SELECT setval('room', %d, false)", room))
	})
	for l, db := range databases {
		if err := p.Exec(context.Background(), db, "SELECT setval('room', 1000000001, false)"); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Apply(context.Background(), []booking.Request{request(1)}); !errors.Is(err, durable.ErrDiskFull) {
			t.Errorf("error %v, want ErrDiskFull", err)
		}
	}
}

// TestConnectionLost cuts the connection at each piece that a batch sends, with the piece arriving at the server or not:
// what was answered is so, nothing is done twice or by half, and the next batch passes.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	for _, mode := range []string{"cache_statement", "simple_protocol"} {
		for _, deliver := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s delivered=%v", mode, deliver), func(t *testing.T) {
				t.Parallel()
				x := services.NewProxy(t, p)
				db := p.Database(t, migrate)
				node := openAt(t, services.URL(x.Socket(), db, "default_query_exec_mode="+mode))
				direct := openAt(t, p.URL(db))
				who := uint64(0)
				book := func() (uint64, error) {
					who++
					out, err := node.Apply(context.Background(), []booking.Request{request(who), request(who + 1000)})
					if err == nil && (out[0].Result != booking.Done || out[1].Result != booking.Done) {
						t.Errorf("results %d, %d", out[0].Result, out[1].Result)
					}
					return who, err
				}
				if _, err := book(); err != nil { // statements are known from here on
					t.Fatal(err)
				}
				cuts := 0
				for at := 1; ; at++ {
					x.CutAt(at, deliver)
					n, err := book()
					if !x.Cut() {
						break
					}
					cuts++
					one, two := bookedOnce(t, direct, request(n).Person), bookedOnce(t, direct, request(n+1000).Person)
					if one != two || one != (err == nil) {
						t.Errorf("cut at piece %d: answered %v, bookings of the two people: %v, %v", at, err, one, two)
					}
					if errors.Is(err, postgres.ErrUnknown) {
						t.Errorf("cut at piece %d: %v", at, err)
					}
				}
				if cuts < 2 {
					t.Errorf("a batch is cut at %d places only: does the proxy see it?", cuts)
				}
				check(t, direct)
			})
		}
	}
}

// TestPausedNode stops a node in the middle of its batch, as SIGSTOP or a cut network does, decided and not
// sent: the others do not notice, and when it comes back it has changed nothing by half.
func TestPausedNode(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	x := services.NewProxy(t, p)
	db := p.Database(t, migrate)
	paused := openAt(t, services.URL(x.Socket(), db))
	other := openAt(t, p.URL(db))
	for who, l := range []*postgres.Ledger{paused, other} {
		if _, err := l.Apply(context.Background(), []booking.Request{request(uint64(who))}); err != nil {
			t.Fatal(err)
		}
	}
	x.FreezeAt(2) // the first piece reads
	zombie := make(chan error)
	go func() {
		_, err := paused.Apply(context.Background(), []booking.Request{request(10)})
		zombie <- err
	}()
	x.WaitFrozen()
	start := time.Now()
	if _, err := other.Apply(context.Background(), []booking.Request{request(11)}); err != nil {
		t.Errorf("the other node: %v", err)
	}
	t.Logf("the other node waited %v", time.Since(start).Round(time.Millisecond))
	if took := time.Since(start); took > time.Second {
		t.Errorf("the other node waited %v for a paused one", took)
	}
	x.Thaw()
	err := <-zombie
	if there := bookedOnce(t, other, request(10).Person); there != (err == nil) {
		t.Errorf("the paused node was answered %v, its booking is there: %v", err, there)
	}
	check(t, other)
}

// TestServerKilled kills the server with -9 while three nodes book, and starts it again: what was answered stands, what
// failed did not happen, and the nodes go on without being opened anew.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	p := services.OwnPostgres(t)
	db := p.Database(t, migrate)
	var next atomic.Uint64
	var mu sync.Mutex
	answered, failed, unknown := []uint64{}, []uint64{}, 0
	over := make(chan struct{})
	var nodes sync.WaitGroup
	ledgers := make([]*postgres.Ledger, 3)
	for i := range ledgers {
		ledgers[i] = openAt(t, p.URL(db))
		nodes.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				const size = 20
				end := next.Add(size)
				batch := make([]booking.Request, size)
				for k := range batch {
					batch[k] = request(end - size + uint64(k))
				}
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				_, err := ledgers[i].Apply(ctx, batch)
				cancel()
				mu.Lock()
				switch {
				case err == nil:
					answered = append(answered, end)
				case errors.Is(err, postgres.ErrUnknown):
					unknown++
				default:
					failed = append(failed, end)
				}
				mu.Unlock()
				if err != nil {
					time.Sleep(20 * time.Millisecond) // a refused connection comes back at once
				}
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(answered)
	}
	waitFor := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); count() < n; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d batches answered, want %d", count(), n)
			}
		}
	}
	for range 3 {
		waitFor(count() + 20)
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		up := time.Now()
		waitFor(count() + 1)
		t.Logf("the server was back after %v, bookings %v later", up.Sub(start).Round(time.Millisecond), time.Since(up).Round(time.Millisecond))
	}
	waitFor(count() + 20)
	close(over)
	nodes.Wait()
	t.Logf("%d batches answered, %d failed, %d unknown", len(answered), len(failed), unknown)
	for want, list := range map[bool][]uint64{true: answered, false: failed} {
		for _, end := range list {
			for who := end - 20; who < end; who++ {
				if there := bookedOnce(t, ledgers[0], request(who).Person); there != want {
					t.Fatalf("a batch was answered %v, a booking of it is there: %v", want, there)
				}
			}
		}
	}
	if len(failed) == 0 {
		t.Error("nothing failed: was the server killed while nodes were booking?")
	}
	check(t, ledgers[1])
}
