package durable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

// older and newer are the schema of one engine in two versions of the program.
var (
	older = fstest.MapFS{"migrations/00001_things.sql": {Data: []byte("-- +goose Up\nCREATE TABLE things (id INTEGER PRIMARY KEY, body ANY) STRICT;\n")}}
	newer = fstest.MapFS{
		"migrations/00001_things.sql": older["migrations/00001_things.sql"],
		"migrations/00002_more.sql":   {Data: []byte("-- +goose Up\nCREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;\n")},
	}
)

func openDB(t *testing.T, path string) *DB { return openAs(t, path, older) }

func openAs(t *testing.T, path string, schema fstest.MapFS) *DB {
	t.Helper()
	db, err := Open(t.Context(), path, schema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // tests that care close it themselves
	return db
}

func count(t *testing.T, db *DB) (n int) {
	t.Helper()
	if err := db.R.QueryRow("SELECT count(*) FROM things").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOpenAnyName: a directory may be called as people like.
func TestOpenAnyName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"차례 2021", "50%25", "a?b=c", "no. #1", "x&y;z", "100%"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "a.db")
		db := openDB(t, path)
		if _, err := db.W.Exec("INSERT INTO things (id) VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := count(t, openDB(t, path)); n != 1 {
			t.Errorf("%s: %d things are there, want the one that was put in", name, n)
		}
	}
}

func TestOpenKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	db := openDB(t, path)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		if err := db.W.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q: %v", pragma, got, want, err)
		}
	}
	if _, err := db.W.Exec("INSERT INTO things (body) VALUES ('one')"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.R.Exec("INSERT INTO things (body) VALUES ('two')"); err == nil {
		t.Error("a reading connection has written")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if wal, err := os.Stat(path + "-wal"); err == nil && wal.Size() > 0 {
		t.Errorf("after closing, the log still has %d bytes", wal.Size())
	}
	if n := count(t, openDB(t, path)); n != 1 {
		t.Errorf("%d rows after opening again, want 1", n)
	}
}

func TestOpenRefusesNewerData(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := Open(t.Context(), path, newer)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, older); !errors.Is(err, ErrNewerData) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want %v of %s", err, ErrNewerData, path)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(after) != string(before) {
		t.Error("the refused file was changed")
	}
	db, err = Open(t.Context(), path, newer)
	if err != nil {
		t.Fatalf("its own version: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOpenTogether creates one database from many goroutines and from many processes at the same moment.
func TestOpenTogether(t *testing.T) {
	const variable = "CHARYE_TEST_OPEN"
	if path := os.Getenv(variable); path != "" {
		db, err := Open(context.Background(), path, newer)
		if err == nil {
			_, err = db.W.Exec("INSERT INTO things (body) VALUES ('x')")
			err = errors.Join(err, db.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Parallel()
	once := func(path string) error {
		db, err := Open(context.Background(), path, newer)
		if err != nil {
			return err
		}
		_, err = db.W.Exec("INSERT INTO things (body) VALUES ('x')")
		return errors.Join(err, db.Close())
	}
	another := func(path string) error {
		cmd := exec.Command(os.Args[0], "-test.run=^TestOpenTogether$")
		cmd.Env = append(os.Environ(), variable+"="+path)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	for round := range 3 {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", round))
		var all sync.WaitGroup
		for i := range 9 {
			all.Go(func() {
				open := once
				if i%3 == 0 {
					open = another
				}
				if err := open(path); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := count(t, openAs(t, path, newer)); n != 9 {
			t.Errorf("%d rows of 9 who opened together", n)
		}
	}
}

// TestOpenWaits holds the lock of the directory: opening waits as long as its context allows, and says what it waits for.
func TestOpenWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a.db")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, path, older); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another charye") {
		t.Errorf("while another opens: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file was touched while another had the directory")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	openDB(t, path)
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	text := strings.Repeat("this is a letter, not a database. ", 200)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, older); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want %v of the file", err, ErrDamaged)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != text {
		t.Errorf("the file was changed: %v", err)
	}
}

// TestFull lets a database meet its own limit of pages, which SQLite reports as it does a full disk.
func TestFull(t *testing.T) {
	t.Parallel()
	db := openDB(t, filepath.Join(t.TempDir(), "a.db"))
	var pages int
	if err := db.W.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := db.W.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages+4)); err != nil {
		t.Fatal(err)
	}
	insert := func() error {
		tx, err := db.W.Begin()
		if err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO things (body) VALUES (zeroblob(2000)), (zeroblob(100000))"); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return tx.Commit()
	}
	if err := Wrap(insert()); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("got %v, want %v", err, ErrDiskFull)
	}
	if n := count(t, db); n != 0 {
		t.Errorf("%d rows of a transaction that failed", n)
	}
	if _, err := db.W.Exec("PRAGMA max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	if err := insert(); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	if n := count(t, db); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func TestWrapPassesOthers(t *testing.T) {
	t.Parallel()
	db := openDB(t, filepath.Join(t.TempDir(), "a.db"))
	_, err := db.W.Exec("INSERT INTO nothing VALUES (1)")
	if err == nil || errors.Is(Wrap(err), ErrDiskFull) || Wrap(err).Error() != err.Error() {
		t.Errorf("an error of another kind became %v", Wrap(err))
	}
	if Wrap(nil) != nil {
		t.Error("no error became one")
	}
}
