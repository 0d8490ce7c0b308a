package valkey_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"charye/line"
	"charye/line/linetest"
	"charye/line/valkey"
	"charye/test/services/redis"
)

// TestEmptiedStoreIsClosed: a store that lost everything while people wait gives nothing any more, and is not begun anew.
func TestEmptiedStoreIsClosed(t *testing.T) {
	t.Parallel()
	c := redis.StartCluster(t, 3)
	cfg := config(false)
	o := valkey.Options{Addresses: c.Addresses(), Prefix: freshPrefix()}
	ls, clk := nodes(t, 2, cfg, o)
	epoch, err := ls[0].Epoch(theCampaign)
	if err != nil {
		t.Fatal(err)
	}
	joinEverywhere(t, ls, 0, 200, false)
	ls[0].Supply(theCampaign, 1e6, 1e6)
	clk.Set(opens)
	step(t, ls[0])
	clk.Add(time.Second)
	step(t, ls...)
	inside := -1
	var pass line.Pass
	for n := 0; inside < 0; n++ {
		if p, err := ls[0].Enter(t.Context(), theCampaign, linetest.Person(n), linetest.Device(0), false); err == nil {
			inside, pass = n, p
		}
	}

	c.Flush(t)

	for i, l := range ls {
		l.Supply(theCampaign, 1e6, 1e6)
		clk.Add(time.Second)
		lost := func(call string, err error) {
			t.Helper()
			if !errors.Is(err, valkey.ErrLost) {
				t.Errorf("node %d: %s gave %v, want ErrLost", i, call, err)
			}
		}
		for _, n := range []int{0, inside, 150, 999} {
			_, _, err := l.Join(t.Context(), theCampaign, linetest.Person(n))
			lost("join", err)
			_, err = l.Place(t.Context(), theCampaign, linetest.Person(n))
			lost("place", err)
			_, err = l.Enter(t.Context(), theCampaign, linetest.Person(n), linetest.Device(0), true)
			lost("enter", err)
			lost("leave", l.Leave(t.Context(), theCampaign, linetest.Person(n)))
		}
		lost("check", l.CheckPass(t.Context(), pass))
		lost("step", l.Step(t.Context()))
		_, err := l.Status(t.Context(), theCampaign)
		lost("status", err)
	}
	o.Clock, o.Pseudonyms = clk.Now, names
	if _, err := valkey.Open(t.Context(), []line.Config{cfg}, o); !errors.Is(err, valkey.ErrLost) {
		t.Errorf("a new node on the emptied store: %v, want ErrLost", err)
	}
	// Even before gathering, and even where a late founding is allowed, an epoch that is known is not replaced.
	clk.Set(cfg.Gathers.Add(-time.Hour))
	o.FoundLate, o.Epochs = true, map[uint32]string{theCampaign: epoch}
	if _, err := valkey.Open(t.Context(), []line.Config{cfg}, o); !errors.Is(err, valkey.ErrLost) {
		t.Errorf("a new node that knows the epoch: %v, want ErrLost", err)
	}
}

// TestOneEmptiedMaster: the people whose bucket was lost are told so and get no second place; the others keep theirs.
func TestOneEmptiedMaster(t *testing.T) {
	t.Parallel()
	c := redis.StartCluster(t, 3)
	ls, _ := nodes(t, 1, config(false), valkey.Options{Addresses: c.Addresses(), Prefix: freshPrefix()})
	seqs, _ := joinEverywhere(t, ls, 0, 300, false)
	own := c.Owner(t, ls[0].Key(theCampaign))
	for _, m := range c.Masters(t) {
		if m != own {
			m.Do(t, "FLUSHALL")
			break
		}
	}
	kept, lost := 0, 0
	for n, seq := range seqs {
		p, err := ls[0].Place(t.Context(), theCampaign, linetest.Person(n))
		again, created, joinErr := ls[0].Join(t.Context(), theCampaign, linetest.Person(n))
		switch {
		case err == nil && joinErr == nil && p.Seq == seq && again.Seq == seq && !created:
			kept++
		case errors.Is(err, valkey.ErrLost) && errors.Is(joinErr, valkey.ErrLost):
			lost++
		default:
			t.Fatalf("person %d: place %d, %v; join %d, %v", n, p.Seq, err, again.Seq, joinErr)
		}
	}
	if kept == 0 || lost == 0 {
		t.Fatalf("%d kept, %d lost", kept, lost)
	}
}

// TestBucketThatWentBack: people whom a bucket forgot in a failover come back to their own places.
func TestBucketThatWentBack(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	ls, _ := nodes(t, 2, config(true), valkey.Options{Addresses: []string{s.Addr}})
	seqs, _ := joinEverywhere(t, ls[:1], 0, 200, false)
	for n := 0; n < 200; n += 3 {
		if err := ls[0].Forget(t.Context(), theCampaign, linetest.Person(n)); err != nil {
			t.Fatal(err)
		}
	}
	again, created := joinEverywhere(t, ls, 0, 200, false)
	if created != 0 || !slices.Equal(seqs, again) {
		t.Fatalf("%d new places; the same: %v", created, slices.Equal(seqs, again))
	}
}

// TestLeftBehindBatch: people of a node that died between getting seqs and keeping them are in the draw.
func TestLeftBehindBatch(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	ls, clk := nodes(t, 2, config(true), valkey.Options{Addresses: []string{s.Addr}})
	seqs, _ := joinEverywhere(t, ls[:1], 0, 100, false)
	// The last batches of the first node are open still: it has not told anybody that they are done.
	for n := range 100 {
		if err := ls[0].Forget(t.Context(), theCampaign, linetest.Person(n)); err != nil {
			t.Fatal(err)
		}
	}
	open, err := ls[1].Open(t.Context(), theCampaign)
	if err != nil || len(open) == 0 {
		t.Fatalf("%d are open, %v", len(open), err)
	}
	clk.Set(opens)
	step(t, ls[1])
	found := 0
	for n, seq := range seqs {
		p, err := ls[1].Place(t.Context(), theCampaign, linetest.Person(n))
		if open[seq] {
			if err != nil || p.Seq != seq || p.Number == 0 {
				t.Fatalf("person %d of seq %d: %d, number %d, %v", n, seq, p.Seq, p.Number, err)
			}
			found++
		}
	}
	if d, err := ls[1].Draw(t.Context(), theCampaign); err != nil || d.Entrants != found {
		t.Fatalf("%d entrants, want %d, %v", d.Entrants, found, err)
	}
}

// TestStoreThatWentBack: what a store forgot in a failover is not given to others; the gap is named.
func TestStoreThatWentBack(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	ls, _ := nodes(t, 1, config(false), valkey.Options{Addresses: []string{s.Addr}})
	joinEverywhere(t, ls, 0, 20, false)
	s.Do(t, "HSET", ls[0].Key(theCampaign), "joined", "15")
	p, created, err := ls[0].Join(t.Context(), theCampaign, linetest.Person(20))
	if err != nil || !created || p.Seq != 21 {
		t.Fatalf("the next has seq %d, %v, %v", p.Seq, created, err)
	}
	if gaps := s.Do(t, "HGET", ls[0].Key(theCampaign), "gaps"); gaps != "5\n" {
		t.Fatalf("gaps %q, want 5", gaps)
	}
}

// TestOvertakenBatch: a node that asked the buckets and then stood still, while another joined the same people and what was
// pending of them is forgotten, gives them no second place.
func TestOvertakenBatch(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	for rotations := range 4 {
		ls, _ := nodes(t, 2, config(false), valkey.Options{Addresses: []string{s.Addr}, Lease: time.Hour})
		var once sync.Once
		ls[0].SetBetween(func() {
			once.Do(func() {
				joinEverywhere(t, ls[1:], 0, 2, false)
				for k := range rotations { // only a generation with people in it is followed by another
					joinEverywhere(t, ls[1:], 2+k, 3+k, false)
					if err := ls[1].Rotate(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		})
		p, created, err := ls[0].Join(t.Context(), theCampaign, linetest.Person(1))
		q, placeErr := ls[1].Place(t.Context(), theCampaign, linetest.Person(1))
		if err := errors.Join(err, placeErr); err != nil || created || p.Seq != q.Seq {
			t.Errorf("after %d rotations: seq %d, created %v; on the other node %d; %v", rotations, p.Seq, created, q.Seq, err)
		}
		if s, err := ls[1].Look(t.Context(), theCampaign); err != nil || s.Joined != 2+rotations {
			t.Errorf("after %d rotations %d joined, %v", rotations, s.Joined, err)
		}
	}
}

// TestRotationWhileJoining: generations of the pending that change all the time give nobody two places.
func TestRotationWhileJoining(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	ls, _ := nodes(t, 3, config(false), valkey.Options{Addresses: []string{s.Addr}, Lease: time.Hour})
	done := make(chan struct{})
	var rotations int
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := ls[2].Rotate(t.Context()); err != nil {
				t.Errorf("rotate: %v", err)
				return
			}
			rotations++
			time.Sleep(2 * time.Millisecond)
		}
	})
	seqs, created := joinEverywhere(t, ls[:2], 0, 6000, true)
	close(done)
	wg.Wait()
	if t.Failed() {
		return
	}
	wantDense(t, seqs)
	if created != 6000 || rotations < 3 {
		t.Fatalf("%d places were made for 6000 people in %d generations", created, rotations)
	}
}

// TestClockApart: a node whose clock is not the store's serves nobody.
func TestClockApart(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	c := config(false)
	now := time.Now()
	c.Gathers, c.Opens, c.Closes = now.Add(-time.Hour), now.Add(-time.Minute), now.Add(time.Hour)
	clk := linetest.NewClock(now)
	l := openLine(t, []line.Config{c}, valkey.Options{Addresses: []string{s.Addr}, Prefix: freshPrefix(), Pseudonyms: names,
		Clock: clk.Now, Skew: 30 * time.Second, FoundLate: true})
	if _, _, err := l.Join(t.Context(), theCampaign, linetest.Person(1)); err != nil {
		t.Fatal(err)
	}
	clk.Add(time.Hour)
	if err := l.Step(t.Context()); !errors.Is(err, valkey.ErrClock) {
		t.Fatalf("step: %v", err)
	}
	_, _, err := l.Join(t.Context(), theCampaign, linetest.Person(2))
	_, enterErr := l.Enter(t.Context(), theCampaign, linetest.Person(1), linetest.Device(1), false)
	if !errors.Is(err, valkey.ErrClock) || !errors.Is(enterErr, valkey.ErrClock) {
		t.Fatalf("join %v, enter %v", err, enterErr)
	}
	clk.Set(time.Now())
	step(t, l)
	if _, _, err := l.Join(t.Context(), theCampaign, linetest.Person(2)); err != nil {
		t.Fatal(err)
	}
}

// TestOneClockWrong: of two nodes one has its clock an hour fast, and nobody has told it yet. It lets nobody in before the time, ends
// nobody's pass, and leads no more.
func TestOneClockWrong(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	now := time.Now()
	c := config(true)
	c.Gathers, c.Opens, c.Closes, c.PerSecond = now.Add(-time.Hour), now.Add(30*time.Minute), now.Add(3*time.Hour), 100
	o := valkey.Options{Addresses: []string{s.Addr}, Prefix: freshPrefix(), Pseudonyms: names, Skew: 10 * time.Second, FoundLate: true, Lease: time.Second}
	wrong, right := linetest.NewClock(now), linetest.NewClock(now)
	o.Clock = wrong.Now
	a := openLine(t, []line.Config{c}, o)
	o.Clock = right.Now
	b := openLine(t, []line.Config{c}, o)
	join := func(l *valkey.Line, n int) error {
		_, _, err := l.Join(t.Context(), theCampaign, linetest.Person(n))
		return err
	}
	if err := errors.Join(join(a, 1), join(b, 2)); err != nil {
		t.Fatal(err)
	}
	step(t, a, b)
	if !a.Leads(theCampaign) {
		t.Fatal("the first node does not lead")
	}

	wrong.Add(time.Hour) // half an hour past the opening, it thinks
	if err := join(a, 3); !errors.Is(err, valkey.ErrClock) {
		t.Fatalf("joined by a wrong clock: %v", err)
	}
	if err := a.Step(t.Context()); !errors.Is(err, valkey.ErrClock) {
		t.Fatalf("step by a wrong clock: %v", err)
	}
	if err := join(b, 3); err != nil {
		t.Fatal(err)
	}
	if st, err := b.Status(t.Context(), theCampaign); err != nil || st.Drawn || st.Admitted != 0 {
		t.Fatalf("before the opening: %+v, %v", st, err)
	}
	waitFor(t, 10*time.Second, "the other node leads", func() bool {
		right.Set(time.Now())
		step(t, b)
		_ = a.Step(t.Context()) // it goes on asking
		return b.Leads(theCampaign) && !a.Leads(theCampaign)
	})
}

// TestPassesByAWrongClock: a clock that jumps ends nobody's pass, and gives none that lasts for hours.
func TestPassesByAWrongClock(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	now := time.Now()
	c := config(false)
	c.Gathers, c.Opens, c.Closes = now.Add(-time.Hour), now.Add(-time.Minute), now.Add(3*time.Hour)
	o := valkey.Options{Addresses: []string{s.Addr}, Prefix: freshPrefix(), Pseudonyms: names, Skew: 10 * time.Second, FoundLate: true}
	wrong, right := linetest.NewClock(now), linetest.NewClock(now)
	o.Clock = wrong.Now
	a := openLine(t, []line.Config{c}, o)
	o.Clock = right.Now
	b := openLine(t, []line.Config{c}, o)
	for n := range 3 {
		if _, _, err := b.Join(t.Context(), theCampaign, linetest.Person(n)); err != nil {
			t.Fatal(err)
		}
	}
	b.Supply(theCampaign, 1e6, 1e6)
	a.Supply(theCampaign, 1e6, 1e6)
	waitFor(t, 10*time.Second, "all three have their turn", func() bool {
		right.Add(100 * time.Millisecond)
		wrong.Add(100 * time.Millisecond)
		step(t, b, a)
		return admitted(t, b) == 3
	})
	pass, err := b.Enter(t.Context(), theCampaign, linetest.Person(1), linetest.Device(1), false)
	if err != nil {
		t.Fatal(err)
	}
	wrong.Add(time.Hour)
	if p, err := a.Enter(t.Context(), theCampaign, linetest.Person(2), linetest.Device(2), false); !errors.Is(err, valkey.ErrClock) {
		t.Fatalf("a pass by a wrong clock: until %v, %v", p.ExpiresAt, err)
	}
	if err := b.CheckPass(t.Context(), pass); err != nil {
		t.Fatalf("a wrong clock ended somebody's pass: %v", err)
	}
}

// TestFailover: the master of the campaign's own slot dies while people join on two nodes, and comes back as a replica.
// Everybody gets a place in the end, nobody two, and what was told before stands.
func TestFailover(t *testing.T) {
	t.Parallel()
	c := redis.StartCluster(t, 3)
	ls, clk := nodes(t, 2, config(true), valkey.Options{Addresses: c.Addresses(), Replicas: 1, Lease: time.Second})
	told, _ := joinEverywhere(t, ls, 0, 1000, false)
	key := ls[0].Key(theCampaign)
	master := c.Owner(t, key)
	var during []uint32
	var wg sync.WaitGroup
	wg.Go(func() { during, _ = joinEverywhere(t, ls, 1000, 3000, true) })
	began := time.Now()
	master.Kill()
	promoted := false
	for deadline := time.Now().Add(30 * time.Second); !promoted && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for _, m := range c.Masters(t) {
			promoted = promoted || m != master && m.Has(key)
		}
	}
	if !promoted {
		t.Fatal("no replica took over")
	}
	over := time.Since(began)
	master.Start(t) // with one replica for each, seqs wait until there is one again
	wg.Wait()
	t.Logf("a replica took over after %v; all had their places after %v", over.Round(10*time.Millisecond), time.Since(began).Round(10*time.Millisecond))
	c.Whole(t)
	if t.Failed() {
		return
	}
	all, created := joinEverywhere(t, ls, 0, 3000, true)
	if created != 0 || !slices.Equal(all[:1000], told) || !slices.Equal(all[1000:], during) {
		t.Fatalf("%d new places; what was told before stands: %v, during: %v", created, slices.Equal(all[:1000], told), slices.Equal(all[1000:], during))
	}
	wantDense(t, all)
	wantClean(t, ls[1], len(all))
	for _, l := range ls {
		l.Supply(theCampaign, 1e6, 1e6)
	}
	clk.Set(opens)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		clk.Add(250 * time.Millisecond)
		err := errors.Join(ls[0].Step(t.Context()), ls[1].Step(t.Context()))
		if err == nil && admitted(t, ls[0]) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("admission does not go on: %v", err)
		}
	}
}

// TestKilledStore: a store that syncs every write is killed and started again; all that was told is there.
func TestKilledStore(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	ls, _ := nodes(t, 1, config(true), valkey.Options{Addresses: []string{s.Addr}})
	seqs, _ := joinEverywhere(t, ls, 0, 500, false)
	s.Kill()
	if _, err := ls[0].Place(t.Context(), theCampaign, linetest.Person(1)); !errors.Is(err, valkey.ErrUnavailable) {
		t.Fatalf("place in a store that is gone: %v", err)
	}
	s.Start(t)
	again, created := joinEverywhere(t, ls, 0, 500, true)
	if created != 0 || !slices.Equal(seqs, again) {
		t.Fatalf("%d new places after the kill", created)
	}
}

// TestStoreThatEvicts is refused.
func TestStoreThatEvicts(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	s.Do(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	_, err := valkey.Open(t.Context(), []line.Config{config(true)}, valkey.Options{Addresses: []string{s.Addr}, Pseudonyms: names, FoundLate: true})
	if !errors.Is(err, valkey.ErrEvicts) {
		t.Fatalf("got %v, want ErrEvicts", err)
	}
}

// TestHangingStore: while the store does not answer nobody gets in, everybody hears so in seconds, and afterwards it goes on.
func TestHangingStore(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	ls, clk := nodes(t, 1, config(false), valkey.Options{Addresses: []string{s.Addr}})
	l := ls[0]
	joinEverywhere(t, ls, 0, 10, false)
	l.Supply(theCampaign, 1e6, 1e6)
	clk.Set(opens)
	step(t, l)
	clk.Add(time.Second)
	step(t, l)
	pass, err := l.Enter(t.Context(), theCampaign, linetest.Person(1), linetest.Device(1), false)
	if err != nil {
		t.Fatal(err)
	}
	s.Pause()
	clk.Add(time.Second)
	began := time.Now()
	var wg sync.WaitGroup
	for call, f := range map[string]func() error{
		"join":   func() error { _, _, err := l.Join(t.Context(), theCampaign, linetest.Person(11)); return err },
		"place":  func() error { _, err := l.Place(t.Context(), theCampaign, linetest.Person(1)); return err },
		"status": func() error { _, err := l.Status(t.Context(), theCampaign); return err },
		"enter": func() error {
			_, err := l.Enter(t.Context(), theCampaign, linetest.Person(2), linetest.Device(1), false)
			return err
		},
		"check": func() error { return l.CheckPass(t.Context(), pass) },
		"step":  func() error { return l.Step(t.Context()) },
	} {
		wg.Go(func() {
			if err := f(); !errors.Is(err, valkey.ErrUnavailable) {
				t.Errorf("%s: %v, want ErrUnavailable", call, err)
			}
		})
	}
	wg.Wait()
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("it took %v to hear that the store does not answer", d)
	} else {
		t.Logf("all were told within %v", d.Round(10*time.Millisecond))
	}
	s.Resume()
	waitFor(t, 30*time.Second, "the store to answer", func() bool { return l.CheckPass(t.Context(), pass) == nil })
	again, _ := joinEverywhere(t, ls, 0, 12, true)
	wantDense(t, again)
}
