package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/internal/pgdb"
	"charye/leftover"
	"charye/leftover/leftovertest"
	"charye/leftover/sqlite"
	"charye/test/services"
)

// TestFill moves a store with everything that can be in one, and goes on where it stood.
func TestFill(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	ctx := context.Background()
	from, err := sqlite.Open(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	do := func(s leftover.Store, list ...leftover.Request) []leftover.Outcome {
		t.Helper()
		out, err := s.Apply(ctx, list)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	day, noon := leftovertest.Today, leftovertest.Noon
	for n := 1; n <= 5; n++ {
		do(from, leftovertest.SignUp(n, day-1, noon, 3, 4))
	}
	do(from, leftovertest.SignUp(5, day, noon, 4))
	id := do(from, leftovertest.Doses(noon, 3, 2))[0].Batch.ID
	made := do(from, leftovertest.Advance(id, day, noon))[0].Made
	do(from, leftovertest.Answer(leftover.OpAccept, made[0], noon), leftovertest.Settle(made[0], noon, true), leftovertest.Answer(leftover.OpDecline, made[1], noon))

	url := p.URL(p.Database(t, migrate))
	to := open(t, url)
	if done, err := to.Fill(ctx, "here", from); err != nil || done {
		t.Fatalf("%v, %v", done, err)
	}
	if done, err := to.Fill(ctx, "here", from); err != nil || !done {
		t.Errorf("again: %v, %v", done, err)
	}
	if _, err := to.Fill(ctx, "elsewhere", from); !errors.Is(err, pgdb.ErrNotEmpty) {
		t.Errorf("over another: %v", err)
	}
	a, _, err1 := from.View(ctx, id, 100)
	b, _, err2 := to.View(ctx, id, 100)
	e1, err3 := from.Events(ctx, 0, 1000)
	e2, err4 := to.Events(ctx, 0, 1000)
	byPerson := cmp.Transformer("set", func(l []leftover.Entry) map[string]leftover.Entry {
		m := map[string]leftover.Entry{}
		for _, e := range l {
			m[e.Person.String()] = e
		}
		return m
	})
	if d := cmp.Diff(a, b, byPerson) + cmp.Diff(e1, e2); d != "" || errors.Join(err1, err2, err3, err4) != nil {
		t.Errorf("%v\n%s", errors.Join(err1, err2, err3, err4), d)
	}
	at := noon.Add(time.Minute)
	if x, y := do(from, leftovertest.Advance(id, day, at)), do(to, leftovertest.Advance(id, day, at)); !cmp.Equal(x, y) {
		t.Errorf("it goes on otherwise:\n%s", cmp.Diff(x, y))
	}
}
