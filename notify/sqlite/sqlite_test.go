package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	bookingsqlite "charye/booking/sqlite"
	"charye/internal/durable"
	"charye/internal/seal"
	"charye/notify"
	"charye/notify/notifytest"
	"charye/person"
)

func openAt(t *testing.T, dir string) notify.Outbox {
	t.Helper()
	keys, err := seal.LoadOrCreate(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := Open(context.Background(), dir, keys)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestConformance(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, openAt)
}

// TestAddressesAreSealed looks for an address in everything the engine wrote.
func TestAddressesAreSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := openAt(t, dir)
	const phone, mail = "01055512345", "marker@example.org"
	c := notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Text, Value: phone}, {Channel: notify.Mail, Value: mail}}}
	if err := o.SetContact(context.Background(), person.Key{1}, c, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "notify.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), phone) || strings.Contains(string(b), mail) {
			t.Errorf("%s shows an address", filepath.Base(f))
		}
	}
}

func BenchmarkNear(b *testing.B) {
	keys, err := seal.Ephemeral()
	if err != nil {
		b.Fatal(err)
	}
	o, err := Open(context.Background(), b.TempDir(), keys)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	notifytest.BenchNear(b, o)
}

func BenchmarkDeliver(b *testing.B) {
	keys, err := seal.Ephemeral()
	if err != nil {
		b.Fatal(err)
	}
	ctx, dir := context.Background(), b.TempDir()
	o, err := Open(ctx, dir, keys)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	l, err := bookingsqlite.Open(ctx, dir)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	notifytest.BenchDeliver(b, o, l)
}

// TestYesterdaysMessages: what was kept before there were messages of turns is delivered as ever.
func TestYesterdaysMessages(t *testing.T) {
	t.Parallel()
	ctx, dir := context.Background(), t.TempDir()
	old := fstest.MapFS{}
	for _, name := range []string{"migrations/00001_notify.sql", "migrations/00002_append_only.sql"} {
		b, err := migrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		old[name] = &fstest.MapFile{Data: b}
	}
	db, err := durable.Open(ctx, filepath.Join(dir, "notify.db"), old)
	if err != nil {
		t.Fatal(err)
	}
	m := notify.Message{To: person.Key{1}, Kind: notify.Booked, Booking: 7, Event: 9, Due: time.Unix(100, 0), Expires: time.Unix(200, 0)}
	m.ID = notify.NewID(m)
	_, err = db.W.ExecContext(ctx, `INSERT INTO message (id, person, kind, booking, event, helper, dose, day, due, expires, turn, state, at)
		VALUES (?, ?, 'booked', 7, 9, 0, 0, 0, 100000, 200000, 100000, 'queued', 100000)`, m.ID[:], m.To[:])
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	o := openAt(t, dir)
	defer func() { _ = o.Close() }()
	list, err := o.Claim(ctx, time.Unix(150, 0), time.Unix(160, 0), 5)
	if err != nil || len(list) != 1 || list[0].ID != m.ID || list[0].Subject() != m.To || list[0].Campaign != 0 {
		t.Fatalf("claimed %+v, %v", list, err)
	}
}
