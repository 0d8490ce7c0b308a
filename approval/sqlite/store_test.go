package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"charye/approval"
	"charye/approval/approvaltest"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	approvaltest.Run(t, func(t testing.TB, place string) approval.Store { return open(t, filepath.Join(root, place)) })
}

// TestHistoryStays: what happened cannot be changed or taken away, and where somebody took the locks away first it is seen.
func TestHistoryStays(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, dir)
	r := approvaltest.Do(t, s, approvaltest.Ask(approvaltest.Manager(1), "x"))
	approvaltest.Do(t, s, approvaltest.On(approval.OpAgree, r, approvaltest.Manager(2)))
	for _, q := range []string{`UPDATE events SET body = ''`, `DELETE FROM events`, `UPDATE bodies SET body = x'00'`, `DELETE FROM bodies`} {
		if _, err := s.db.W.ExecContext(ctx, q); err == nil || !strings.Contains(err.Error(), "only ever added") {
			t.Errorf("%s: %v", q, err)
		}
	}
	if _, err := s.db.W.ExecContext(ctx, `INSERT INTO events (seq, body, chain) VALUES (7, '{}', zeroblob(32))`); err == nil {
		t.Error("a gap was made")
	}
	for _, q := range []string{`DROP TRIGGER bodies_stay`, `UPDATE bodies SET body = CAST('y' AS BLOB)`} {
		if _, err := s.db.W.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Body(ctx, r.ID); !errors.Is(err, approval.ErrBroken) {
		t.Errorf("another body: %v", err)
	}
	if a, err := approval.Audit(ctx, s); err != nil || len(a.Findings) != 1 {
		t.Errorf("another body: %+v %v", a, err)
	}
	for _, q := range []string{`DROP TRIGGER events_stay`, `UPDATE events SET body = replace(body, 'manager', 'auditor') WHERE seq = 2`} {
		if _, err := s.db.W.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, dir)
	if _, err := again.Request(ctx, r.ID); !errors.Is(err, approval.ErrBroken) {
		t.Errorf("another event: %v", err)
	}
	if _, err := again.Decide(ctx, approvaltest.On(approval.OpDone, r, approvaltest.Manager(1))); !errors.Is(err, approval.ErrBroken) {
		t.Errorf("done on a history that does not hold: %v", err)
	}
	if a, err := approval.Audit(ctx, again); err != nil || len(a.Findings) != 1 || a.Head.Seq != 1 {
		t.Errorf("another event: %+v %v", a, err)
	}
}
