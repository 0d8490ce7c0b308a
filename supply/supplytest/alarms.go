package supplytest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/supply"
)

// OpenAlarms gives a store over a place, as [Open] does.
type OpenAlarms func(t testing.TB, place string) supply.Alarms

// RunAlarms checks an engine of alarms and plans.
func RunAlarms(t *testing.T, open OpenAlarms) {
	for name, check := range map[string]func(*testing.T, OpenAlarms){
		"AlarmsOnce": alarmsOnce, "AlarmsTogether": alarmsTogether, "Plans": plans, "Lead": lead,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); check(t, open) })
	}
}

func alarm(cause supply.Cause, point string, episode int) supply.Alarm {
	return supply.Alarm{
		At: when, AlarmKey: supply.AlarmKey{Cause: cause, Point: supply.Point(point), Begin: when.Add(-time.Hour)}, Episode: episode, Site: 7, Boxes: 3, Doses: 270,
	}
}

func alarms(t testing.TB, s supply.Alarms, after int64) (out []supply.Alarm) {
	t.Helper()
	if err := s.Alarms(context.Background(), after, func(a supply.Alarm) error { out = append(out, a); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func raise(t testing.TB, s supply.Alarms, news int, list ...supply.Alarm) {
	t.Helper()
	if n, err := s.Raise(context.Background(), list); err != nil || n != news {
		t.Errorf("%d new alarms, want %d; %v", n, news, err)
	}
}

// alarmsOnce: by key and episode, whoever says it and however often, and what is read is what was said.
func alarmsOnce(t *testing.T, open OpenAlarms) {
	ctx := context.Background()
	s := open(t, "once")
	want := []supply.Alarm{alarm(supply.Frozen, "truck", 1), alarm(supply.Silent, "냉장고", 1), {At: when, AlarmKey: supply.AlarmKey{Cause: supply.Missing, Box: box(1)}, Episode: 1, Boxes: 1}}
	raise(t, s, 3, want...)
	again := want[0]
	again.At, again.Boxes = when.Add(time.Hour), 9
	raise(t, open(t, "once"), 1, again, alarm(supply.Frozen, "truck", 2))
	raise(t, s, 0, again)
	raise(t, s, 0)
	got := alarms(t, s, 0)
	if len(got) != 4 {
		t.Fatalf("%d alarms", len(got))
	}
	for i, a := range got {
		if i > 0 && a.Seq <= got[i-1].Seq {
			t.Errorf("number %d after %d", a.Seq, got[i-1].Seq)
		}
		if a.Seq = 0; i < 3 {
			if diff := cmp.Diff(want[i], a); diff != "" {
				t.Error(diff)
			}
		}
	}
	if rest := alarms(t, s, got[2].Seq); len(rest) != 1 || rest[0].Episode != 2 {
		t.Errorf("after the third: %+v", rest)
	}
	for _, at := range []time.Time{when.Add(time.Minute), when.Add(time.Hour)} {
		if err := s.Clear(ctx, []int64{got[0].Seq, 99}, at); err != nil {
			t.Fatal(err)
		}
	}
	if c := alarms(t, open(t, "once"), 0)[0].Cleared; !c.Equal(when.Add(time.Minute)) {
		t.Errorf("cleared at %v", c)
	}
	stop := errors.New("stop")
	if err := s.Alarms(ctx, 0, func(supply.Alarm) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error of yield becomes %v", err)
	}
}

// alarmsTogether: of nodes that notice the same at once one is the first.
func alarmsTogether(t *testing.T, open OpenAlarms) {
	nodes := []supply.Alarms{open(t, "together"), open(t, "together")}
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for i := range 8 {
		wg.Go(func() {
			var list []supply.Alarm
			for e := 1; e <= 20; e++ {
				list = append(list, alarm(supply.Gap, "truck", e))
			}
			n, err := nodes[i%2].Raise(context.Background(), list)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			total += n
			mu.Unlock()
		})
	}
	wg.Wait()
	if got := alarms(t, nodes[0], 0); total != 20 || len(got) != 20 {
		t.Errorf("%d were new, %d are kept; want 20", total, len(got))
	}
}

func plans(t *testing.T, open OpenAlarms) {
	ctx := context.Background()
	s := open(t, "plans")
	if _, err := s.Plan(ctx, "a"); !errors.Is(err, supply.ErrNoPlan) {
		t.Errorf("a plan that was never made: %v", err)
	}
	if err := s.WantPlan(ctx, "a"); !errors.Is(err, supply.ErrNoPlan) {
		t.Errorf("wanting it: %v", err)
	}
	for digest, body := range map[string][]byte{"a": {0, 1, 0xff}, "b": []byte("b")} {
		if err := errors.Join(s.KeepPlan(ctx, digest, when, body), s.KeepPlan(ctx, digest, when.Add(time.Hour), []byte("other"))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.WantPlan(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.DropPlans(ctx, when); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Plan(ctx, "b"); err != nil || string(b) != "b" {
		t.Errorf("a plan of that very instant: %q, %v", b, err)
	}
	if err := s.DropPlans(ctx, when.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Plan(ctx, "b"); !errors.Is(err, supply.ErrNoPlan) {
		t.Errorf("a plan that nobody wanted stays: %v", err)
	}
	n := 0
	err := open(t, "plans").Plans(ctx, func(digest string, at time.Time, body []byte) error {
		n++
		if digest != "a" || !at.Equal(when) || !bytes.Equal(body, []byte{0, 1, 0xff}) {
			t.Errorf("%s of %v: %v", digest, at, body)
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d plans, %v", n, err)
	}
}

func lead(t *testing.T, open OpenAlarms) {
	a, b := open(t, "lead"), open(t, "lead")
	for i, c := range []struct {
		s     supply.Alarms
		who   string
		after time.Duration
		want  bool
	}{
		{a, "a", 0, true}, {b, "b", time.Second, false}, {a, "a", 5 * time.Second, true}, {b, "b", 10 * time.Second, false},
		{b, "b", 15 * time.Second, true}, {a, "a", 16 * time.Second, false},
	} {
		now := when.Add(c.after)
		if got, err := c.s.Lead(context.Background(), c.who, now, now.Add(10*time.Second)); err != nil || got != c.want {
			t.Errorf("%d: %s after %v: %t, %v", i, c.who, c.after, got, err)
		}
	}
}
