package valkey_test

import (
	"strings"
	"testing"
	"time"

	"charye/line/linetest"
	"charye/line/valkey"
	"charye/test/services/redis"
)

// wantClean audits a line at rest.
func wantClean(t *testing.T, l *valkey.Line, people int) {
	t.Helper()
	a, err := l.Audit(t.Context(), theCampaign)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Violations) > 0 || a.Joined != people || a.Found != people || a.Gaps != 0 {
		t.Fatalf("audit of %d people: %+v", people, a)
	}
}

// TestAuditFinds spoils a sound store in one way after another.
func TestAuditFinds(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	for _, draw := range []bool{true, false} {
		ls, clk := nodes(t, 1, config(draw), valkey.Options{Addresses: []string{s.Addr}})
		l := ls[0]
		joinEverywhere(t, ls, 0, 60, false)
		l.Supply(theCampaign, 1e6, 1e6)
		clk.Set(opens)
		step(t, l)
		for admitted(t, l) < 30 {
			clk.Add(250 * time.Millisecond)
			step(t, l)
		}
		for n := range 60 {
			// Who has no turn yet is refused, which is all the same here.
			_, _ = l.Enter(t.Context(), theCampaign, linetest.Person(n), linetest.Device(0), false)
		}
		wantClean(t, l, 60)

		find := func(what string) {
			t.Helper()
			a, err := l.Audit(t.Context(), theCampaign)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.Join(a.Violations, "; "), what) {
				t.Errorf("draw %v: found %q, want something with %q", draw, a.Violations, what)
			}
		}
		was := strings.TrimSpace(s.Do(t, "HGET", l.Key(theCampaign), "admitted"))
		s.Do(t, "HSET", l.Key(theCampaign), "admitted", "1")
		find("admitted are 1")
		s.Do(t, "HSET", l.Key(theCampaign), "admitted", "61")
		find("61 are admitted of 60")
		s.Do(t, "HSET", l.Key(theCampaign), "admitted", was)
		inside := strings.TrimSuffix(l.Key(theCampaign), "line") + "inside"
		s.Do(t, "ZREMRANGEBYRANK", inside, "0", "0")
		find("inside")
		if err := l.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.Forget(t.Context(), theCampaign, linetest.Person(3)); err != nil {
			t.Fatal(err)
		}
		find("1 seqs have nobody")
		if err := l.Misplace(t.Context(), theCampaign, linetest.Person(99), 7); err != nil {
			t.Fatal(err)
		}
		find("seq 7 was given twice")
	}
}
