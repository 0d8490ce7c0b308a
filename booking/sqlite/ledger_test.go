package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"charye/booking"
	"charye/booking/bookingtest"
	"charye/booking/sqlite"
	"charye/internal/durable"
)

// open gives a ledger in a folder of its own. Reopening takes a copy of the files as they lie there, without closing: what a
// killed process leaves behind.
func open(t testing.TB) (booking.Ledger, func() booking.Ledger) {
	dir := t.TempDir()
	return openAt(t, dir), func() booking.Ledger {
		next := t.TempDir()
		for _, name := range []string{"booking.db", "booking.db-wal"} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(next, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		dir = next
		return openAt(t, next)
	}
}

func openAt(t testing.TB, dir string) *sqlite.Ledger {
	t.Helper()
	l, err := sqlite.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

func TestConformance(t *testing.T) {
	t.Parallel()
	bookingtest.Run(t, open)
}

// TestTwoProcesses lets two open the same folder and take turns: each sees what the other did, in memory too.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := openAt(t, dir), openAt(t, dir)
	ctx := context.Background()
	session := booking.Session{Site: 1, Day: 18834, Minute: 540}
	request := func(who byte) booking.Request {
		return booking.Request{
			Op: booking.OpBook, Campaign: 1, Person: [16]byte{who}, At: time.Unix(1626087600, 0),
			Doses: [][]booking.Choice{{{
				Slot: booking.Slot{Session: session, Product: "moderna"}, Minutes: 30,
				Seat: booking.Claim{Counter: booking.SeatCounter(session), Capacity: 3, N: 1},
			}}},
		}
	}
	for i, l := range []*sqlite.Ledger{a, b, a, b} {
		out, err := l.Apply(ctx, []booking.Request{request(byte(i + 1))})
		if err != nil {
			t.Fatal(err)
		}
		want := booking.Done
		if i == 3 {
			want = booking.Full
		}
		if out[0].Result != want || want == booking.Done && out[0].Booking.ID != int64(i+1) {
			t.Errorf("turn %d: result %d, booking %d", i, out[0].Result, out[0].Booking.ID)
		}
	}
	for _, finding := range booking.Check(ctx, b) {
		t.Error(finding)
	}
}

// TestSecondLock goes past Decide: the tables themselves refuse what must never be.
func TestSecondLock(t *testing.T) {
	t.Parallel()
	l := openAt(t, t.TempDir())
	who := make([]byte, 16)
	for _, c := range []struct {
		name, query string
		args        []any
		ok          bool
	}{
		{"a counter", "INSERT INTO counters VALUES (1, 5, 5)", nil, true},
		{"more than there is", "UPDATE counters SET used = 6", nil, false},
		{"less than nothing", "UPDATE counters SET used = -1", nil, false},
		{"capacity below what is taken", "UPDATE counters SET capacity = 4", nil, false},
		{"a live booking", "INSERT INTO bookings VALUES (1, ?, 7, 0, x'')", []any{who}, true},
		{"a second one", "INSERT INTO bookings VALUES (2, ?, 7, 0, x'')", []any{who}, false},
		{"one in another campaign", "INSERT INTO bookings VALUES (2, ?, 8, 0, x'')", []any{who}, true},
		{"cancelled under another id", "UPDATE bookings SET gone = 9 WHERE id = 1", nil, false},
		{"cancelled", "UPDATE bookings SET gone = 1 WHERE id = 1", nil, true},
		{"one after the cancelled", "INSERT INTO bookings VALUES (3, ?, 7, 0, x'')", []any{who}, true},
		{"of nobody", "INSERT INTO bookings VALUES (4, x'', 7, 0, x'')", nil, false},
		{"a hold", "INSERT INTO holds VALUES (1, ?, 7, 0, x'')", []any{who}, true},
		{"a second hold", "INSERT INTO holds VALUES (2, ?, 7, 0, x'')", []any{who}, false},
		{"an event", "INSERT INTO events (seq, body) VALUES (1, x'')", nil, true},
		{"its number again", "INSERT INTO events (seq, body) VALUES (1, x'')", nil, false},
		{"another in its place", "UPDATE events SET body = x'00'", nil, false},
		{"none any more", "DELETE FROM events", nil, false},
	} {
		if err := l.Exec(c.query, c.args...); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestConstraintFails has the second lock refuse a batch that Decide granted on a false memory: nothing of it stays.
func TestConstraintFails(t *testing.T) {
	t.Parallel()
	l := openAt(t, t.TempDir())
	session := booking.Session{Site: 1, Day: 18834, Minute: 540}
	if err := l.Exec("INSERT INTO bookings VALUES (1, ?, 1, 0, x'01')", append([]byte{9}, make([]byte, 15)...)); err != nil {
		t.Fatal(err)
	}
	// The memory was read before that row came in without an event: the next id is taken.
	_, err := l.Apply(context.Background(), []booking.Request{{
		Op: booking.OpBook, Campaign: 1, Person: [16]byte{1}, At: time.Unix(1626087600, 0),
		Doses: [][]booking.Choice{{{
			Slot: booking.Slot{Session: session, Product: "moderna"},
			Seat: booking.Claim{Counter: booking.SeatCounter(session), Capacity: 3, N: 1},
		}}},
	}})
	if err == nil {
		t.Fatal("the batch passed")
	}
	seq, err := l.Counters(context.Background(), func(c booking.CounterState) { t.Errorf("%v was written", c.Counter) })
	if err != nil || seq != 0 {
		t.Errorf("events up to %d, %v", seq, err)
	}
}

func TestDurable(t *testing.T) {
	t.Parallel()
	mode, sync, err := openAt(t, t.TempDir()).Sync()
	if err != nil || mode != "wal" || sync != 2 {
		t.Errorf("journal %q, synchronous %d, %v: want wal and 2 (FULL)", mode, sync, err)
	}
}

func TestOpenWrongFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "booking.db"), []byte("this is a letter and no database, and it is long enough to be read as one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := sqlite.Open(context.Background(), dir); err == nil {
		_ = l.Close()
		t.Error("a letter was opened as a ledger")
	}
}

// TestFullDiskSaysSo wants the operator to be told what is wrong, and reading to go on.
func TestFullDiskSaysSo(t *testing.T) {
	t.Parallel()
	l := openAt(t, t.TempDir())
	if err := l.LimitPages(0); err != nil {
		t.Fatal(err)
	}
	n := newNational()
	batch := make([]booking.Request, 500)
	for i := range batch {
		batch[i] = n.request()
	}
	if _, err := l.Apply(context.Background(), batch); !errors.Is(err, durable.ErrDiskFull) {
		t.Errorf("error %v, want ErrDiskFull", err)
	}
	if found := booking.Check(context.Background(), l); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	bookingtest.RunFailing(t, open, func(l booking.Ledger, pages int) error { return l.(*sqlite.Ledger).LimitPages(pages) })
}

// TestOlderProgramsAreChained has events as a program of the version before leaves them, at the beginning, in the middle and at the end: this
// one goes on with the chain that it would have been.
func TestOlderProgramsAreChained(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	ledger := func(older string) (booking.Audited, booking.Audited) {
		dir, n := t.TempDir(), newNational()
		l := openAt(t, dir)
		write := func() {
			if _, err := l.Apply(ctx, []booking.Request{n.request(), n.request(), n.request()}); err != nil {
				t.Fatal(err)
			}
		}
		write()
		write()
		for _, statement := range []string{`DROP TRIGGER events_stay`, older} {
			if err := l.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		l = openAt(t, dir)
		first := booking.Audit(ctx, l, booking.Asked{})
		write()
		return first, booking.Audit(ctx, l, booking.Asked{})
	}
	_, want := ledger(`SELECT 1`)
	for older, vouched := range map[string]int64{
		`UPDATE events SET chain = NULL`:                    0,
		`UPDATE events SET chain = NULL WHERE seq <= 4`:     6,
		`UPDATE events SET chain = NULL WHERE seq IN (2,3)`: 6,
		`UPDATE events SET chain = NULL WHERE seq >= 4`:     3,
	} {
		first, then := ledger(older)
		if len(first.Findings) > 0 || first.Vouched != vouched {
			t.Errorf("%s: %q, vouched up to %d, want %d", older, first.Findings, first.Vouched, vouched)
		}
		if len(then.Findings) > 0 || then.Vouched != then.Events || then.Chain != want.Chain {
			t.Errorf("%s: then %q, vouched up to %d of %d, chain %x, want %x", older, then.Findings, then.Vouched, then.Events, then.Chain, want.Chain)
		}
	}
}

// TestErasedBesideAServer: one process serves while another erases names; the one that serves goes on without reading everything anew, and the
// ledger keeps its promises.
func TestErasedBesideAServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() *sqlite.Ledger {
		t.Helper()
		l, err := sqlite.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
		return l
	}
	serving, erasing := open(), open()
	book := func(l *sqlite.Ledger, n byte) {
		t.Helper()
		session := booking.Session{Site: 1, Day: 18834, Minute: 540}
		out, err := l.Apply(t.Context(), []booking.Request{{
			Op: booking.OpBook, Campaign: 1, Person: [16]byte{n}, Channel: "web", At: time.Unix(1626087600, 0), Sealed: []byte("sealed"),
			Doses: [][]booking.Choice{{{
				Slot: booking.Slot{Session: session, Product: "moderna"}, Minutes: 30,
				Seat: booking.Claim{Counter: booking.SeatCounter(session), Capacity: 3, N: 1},
			}}},
		}})
		if err != nil || out[0].Result != booking.Done {
			t.Fatalf("booking %d: %+v, %v", n, out, err)
		}
	}
	erase := func(l *sqlite.Ledger) {
		t.Helper()
		if _, done, err := l.RewriteNames(t.Context(), 0, 10, time.Unix(1626087600, 0), "request", func(*booking.Booking) ([]byte, error) { return nil, nil }); err != nil || done.Erased == 0 {
			t.Fatalf("erased %+v, %v", done, err)
		}
	}
	book(serving, 1)
	erase(erasing)
	book(serving, 2)
	erase(serving)
	book(erasing, 3)
	erase(erasing)
	session := booking.Session{Site: 1, Day: 18834, Minute: 540}
	out, err := serving.Apply(t.Context(), []booking.Request{{
		Op: booking.OpBook, Campaign: 1, Person: [16]byte{4}, Channel: "web", At: time.Unix(1626087600, 0),
		Doses: [][]booking.Choice{{{
			Slot: booking.Slot{Session: session, Product: "moderna"}, Minutes: 30,
			Seat: booking.Claim{Counter: booking.SeatCounter(session), Capacity: 3, N: 1},
		}}},
	}})
	if err != nil || out[0].Result != booking.Full {
		t.Errorf("the fourth in a session of three: %+v, %v", out, err)
	}
	for _, finding := range booking.Check(t.Context(), serving) {
		t.Error(finding)
	}
}
