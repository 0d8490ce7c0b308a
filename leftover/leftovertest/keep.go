package leftovertest

import (
	"context"
	"testing"
	"time"

	"charye/leftover"
	"charye/person"
)

// entriesErased: a person's rows, then a campaign's, in steps and with their events; who is in another campaign stays in its list.
func entriesErased(t *testing.T, open Open) {
	ctx := context.Background()
	s := open(t, t.TempDir())
	for n := range 6 {
		r := SignUp(n+1, Today, Noon, 1, 2)
		other := r
		other.Campaign, other.Sites = 8, r.Sites[:1]
		out, err := s.Apply(ctx, []leftover.Request{r, other})
		if err != nil {
			t.Fatalf("sign up: %+v, %v", out, err)
		}
	}
	step := func(campaign uint32, who person.Key, left, want int64) {
		t.Helper()
		if n, err := s.CountEntries(ctx, campaign, who); err != nil || n != left {
			t.Errorf("%d rows to erase, %v; want %d", n, err, left)
		}
		if n, err := s.EraseEntries(ctx, campaign, who, "retention", Noon.Add(time.Hour), 4); err != nil || n != want {
			t.Errorf("erased %d rows, %v; want %d", n, err, want)
		}
	}
	step(0, Key(1), 3, 3)
	step(0, Key(1), 0, 0)
	step(7, person.Key{}, 10, 4)
	step(7, person.Key{}, 6, 4)
	step(7, person.Key{}, 2, 2)
	step(7, person.Key{}, 0, 0)
	if n, err := s.Waiting(ctx, 8, 1); err != nil || n != 5 {
		t.Errorf("in the other campaign's list are %d, %v; want 5", n, err)
	}
	events, err := s.Events(ctx, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range events {
		if e.Kind == leftover.EventErased {
			told = append(told, e.Why)
		}
	}
	if len(told) != 4 || told[0] != "3 entries, retention" || told[3] != "2 entries, retention" {
		t.Errorf("told %q", told)
	}
	if out, err := s.Apply(ctx, []leftover.Request{SignUp(9, Today, Noon.Add(2*time.Hour), 1)}); err != nil {
		t.Errorf("somebody afterwards: %+v, %v", out, err)
	}
}
