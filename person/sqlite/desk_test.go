package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"charye/internal/civil"
	"charye/internal/durable"
	"charye/person"
)

// TestDataOfTheVersionBefore: recipients that the version before this one wrote are read as it meant them, and what a desk adds stays
// apart from them.
func TestDataOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := fstest.MapFS{}
	for _, name := range []string{"migrations/00001_people.sql", "migrations/00002_append_only.sql", "migrations/00003_helpers.sql"} {
		b, err := migrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		before[name] = &fstest.MapFile{Data: b}
	}
	db, err := durable.Open(t.Context(), filepath.Join(dir, "people.db"), before)
	if err != nil {
		t.Fatal(err)
	}
	helper, who := person.Key{1}, person.Key{2}
	name, err := keysIn(t, dir).Seal(namePlace("old"), []byte("김하나"))
	if err == nil {
		_, err = db.W.ExecContext(t.Context(), `INSERT INTO recipient (id, helper, person, campaign, name, born, registered_at) VALUES ('old', ?, ?, 'c', ?, 0, 0)`,
			helper[:], who[:], name)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := openIn(t, dir)
	t.Cleanup(func() { _ = s.Close() })
	got, err := s.Recipient(t.Context(), helper, "old")
	if err != nil || got.Kind != person.Family || !got.Clerk.IsZero() || got.Phone != "" || got.Name != "김하나" || got.Settled || got.Temporary {
		t.Errorf("read as %+v, %v", got, err)
	}
	// A program of the version before writes on, as it would beside an import of this one.
	if _, err := s.db.W.ExecContext(t.Context(), `INSERT INTO recipient (id, helper, person, campaign, name, born, registered_at) VALUES ('old2', ?, ?, 'd', ?, 0, 0)`,
		helper[:], who[:], name); err != nil {
		t.Error(err)
	}
}

// TestNothingOfACallerIsReadable: neither name nor telephone number stands in the file, and a number does not open in another row.
func TestNothingOfACallerIsReadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openIn(t, dir)
	desk := person.Key{9}
	for i, id := range []string{"a", "b"} {
		if _, err := s.AddRecipient(t.Context(), person.Recipient{
			ID: id, Helper: desk, Key: person.Key{1, byte(i)}, Campaign: "c", Name: "김하나둘셋", RegisteredAt: time.Unix(0, 0),
			Kind: person.OfCallDesk, Clerk: person.Key{8}, Consent: person.ConsentPhone, Phone: "01098765432",
		}, 5); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.IssueTemporary(t.Context(), person.TemporaryIdentity{
		Index: [16]byte{1}, Key: person.Key{3}, Like: [16]byte{1}, Name: "누구인가요", Born: civil.Date(1), Paper: person.PaperNone, Desk: desk, Clerk: person.Key{8}, IssuedAt: time.Unix(0, 0),
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.WithoutCancel(t.Context()), `UPDATE recipient SET phone = (SELECT phone FROM recipient WHERE id = 'a') WHERE id = 'b'`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Recipient(t.Context(), desk, "b"); err == nil {
		t.Errorf("a number that was moved opens: %s", r.Phone)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "people.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"01098765432", "김하나둘셋", "누구인가요"} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s holds %q", filepath.Base(f), secret)
			}
		}
	}
}
