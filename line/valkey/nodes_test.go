package valkey_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"charye/line"
	"charye/line/linetest"
	"charye/line/valkey"
	"charye/test/services/redis"
)

const (
	theCampaign = 7
	names       = linetest.Names("nodes")
)

var opens = time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)

func config(draw bool) line.Config {
	return line.Config{
		Campaign: theCampaign, Gathers: opens.Add(-time.Hour), Opens: opens, Closes: opens.AddDate(0, 0, 5), Draw: draw,
		Inside: 100, PerSecond: 50, PassLife: 10 * time.Minute,
	}
}

// nodes opens n engines of one line.
func nodes(t *testing.T, n int, c line.Config, o valkey.Options) (ls []*valkey.Line, clk *linetest.Clock) {
	t.Helper()
	clk = linetest.NewClock(c.Gathers)
	o.Clock, o.Pseudonyms = clk.Now, names
	if o.Prefix == "" {
		o.Prefix = freshPrefix()
	}
	if o.Buckets == 0 {
		o.Buckets = 16
	}
	for range n {
		ls = append(ls, openLine(t, []line.Config{c}, o))
	}
	return ls, clk
}

func step(t *testing.T, ls ...*valkey.Line) {
	t.Helper()
	for _, l := range ls {
		if err := l.Step(t.Context()); err != nil {
			t.Fatalf("step: %v", err)
		}
	}
}

func admitted(t *testing.T, l *valkey.Line) uint32 {
	t.Helper()
	s, err := l.Status(t.Context(), theCampaign)
	if err != nil {
		t.Fatal(err)
	}
	return s.Admitted
}

// joinEverywhere has people from … to-1 join on every node at once and gives the seqs; retry goes on until all have one.
func joinEverywhere(t *testing.T, ls []*valkey.Line, from, to int, retry bool) (seqs []uint32, created int) {
	t.Helper()
	seqs = make([]uint32, to-from)
	var mu sync.Mutex
	var wg sync.WaitGroup
	busy := make(chan struct{}, 512)
	deadline := time.Now().Add(time.Minute)
	for n := from; n < to; n++ {
		for _, l := range ls {
			wg.Go(func() {
				busy <- struct{}{}
				defer func() { <-busy }()
				p, isNew, err := l.Join(t.Context(), theCampaign, linetest.Person(n))
				for retry && err != nil && time.Now().Before(deadline) {
					time.Sleep(50 * time.Millisecond)
					p, isNew, err = l.Join(t.Context(), theCampaign, linetest.Person(n))
				}
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("person %d: %v", n, err)
					return
				}
				if isNew {
					created++
				}
				if had := seqs[n-from]; had != 0 && had != p.Seq {
					t.Errorf("person %d was told seq %d and %d", n, had, p.Seq)
				}
				seqs[n-from] = p.Seq
			})
		}
	}
	wg.Wait()
	return seqs, created
}

func wantDense(t *testing.T, seqs []uint32) {
	t.Helper()
	s := slices.Sorted(slices.Values(seqs))
	for i, n := range s {
		if n != uint32(i)+1 {
			t.Fatalf("seq %d stands where %d is due", n, i+1)
		}
	}
}

// TestTwoNodesJoinTheSamePeople: whatever node people come to, and however often at once, they have one place, without
// gaps; and both nodes show the same draw.
func TestTwoNodesJoinTheSamePeople(t *testing.T) {
	t.Parallel()
	c := redis.StartCluster(t, 3)
	for _, draw := range []bool{true, false} {
		ls, clk := nodes(t, 2, config(draw), valkey.Options{Addresses: c.Addresses(), Replicas: 1})
		const people = 4000
		seqs, created := joinEverywhere(t, ls, 0, people, false)
		if t.Failed() {
			return
		}
		wantDense(t, seqs)
		if created != people {
			t.Fatalf("%d places were made for %d people", created, people)
		}
		// Whoever was pending is forgotten; joining again, and joining more, goes on as before.
		for _, l := range ls {
			for range 3 {
				if err := l.Rotate(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		more, created := joinEverywhere(t, ls, people/2, people+1000, false)
		if created != 1000 || !slices.Equal(more[:people/2], seqs[people/2:]) {
			t.Fatalf("%d new places, want 1000, and the old ones unchanged", created)
		}
		if pending, err := ls[0].Pending(t.Context()); err != nil || pending > 2*1000+people {
			t.Fatalf("%d are pending, %v", pending, err)
		}
		wantDense(t, append(slices.Clone(seqs[:people/2]), more...))

		for _, l := range ls {
			l.Supply(theCampaign, 1e6, 1e6)
		}
		clk.Set(opens)
		step(t, ls[0], ls[1], ls[0])
		var lists [2][]byte
		for i, l := range ls {
			for n := range people + 1000 {
				if n%97 != 0 {
					continue
				}
				a, err1 := ls[0].Place(t.Context(), theCampaign, linetest.Person(n))
				b, err2 := l.Place(t.Context(), theCampaign, linetest.Person(n))
				if err := errors.Join(err1, err2); err != nil || a.Number != b.Number || a.Number == 0 {
					t.Fatalf("person %d has number %d and %d, %v", n, a.Number, b.Number, err)
				}
			}
			if !draw {
				continue
			}
			d, err := l.Draw(t.Context(), theCampaign)
			if err != nil {
				t.Fatal(err)
			}
			r, err := l.Entrants(t.Context(), theCampaign)
			if err != nil {
				t.Fatal(err)
			}
			if lists[i], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
			if err := line.Verify(d, bytes.NewReader(lists[i])); err != nil {
				t.Fatal(err)
			}
			if at, err := r.Seek(-16, io.SeekEnd); err != nil || at != int64(len(lists[i])-16) {
				t.Fatalf("seek: %d, %v", at, err)
			}
			if last, err := io.ReadAll(r); err != nil || !bytes.Equal(last, lists[i][len(lists[i])-16:]) {
				t.Fatalf("the last entrant: %x, %v", last, err)
			}
		}
		if !bytes.Equal(lists[0], lists[1]) {
			t.Fatal("two nodes show different draws")
		}
		wantClean(t, ls[1], people+1000)
	}
}

// TestOneDeviceWinsOnTwoNodes: of many devices of one person on two nodes one gets a pass, both nodes know it, and the
// limit of people inside holds over both.
func TestOneDeviceWinsOnTwoNodes(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	cfg := config(false)
	cfg.Inside = 7
	ls, clk := nodes(t, 2, cfg, valkey.Options{Addresses: []string{s.Addr}})
	const people = 40
	joinEverywhere(t, ls[:1], 0, people, false)
	ls[0].Supply(theCampaign, 1e6, 1e6)
	clk.Set(opens)
	for admitted(t, ls[0]) < people {
		clk.Add(time.Second)
		step(t, ls[0])
	}
	step(t, ls[1])
	type won struct {
		on   int
		pass line.Pass
	}
	var mu sync.Mutex
	winners := make(map[int][]won)
	var wg sync.WaitGroup
	for n := range people {
		for d := range 6 {
			wg.Go(func() {
				p, err := ls[d%2].Enter(t.Context(), theCampaign, linetest.Person(n), linetest.Device(d), false)
				switch {
				case err == nil:
					mu.Lock()
					winners[n] = append(winners[n], won{d % 2, p})
					mu.Unlock()
				case !errors.Is(err, line.ErrOtherDevice) && !errors.Is(err, line.ErrInsideFull):
					t.Errorf("person %d: %v", n, err)
				}
			})
		}
	}
	wg.Wait()
	if len(winners) != cfg.Inside {
		t.Errorf("%d are inside, the limit is %d", len(winners), cfg.Inside)
	}
	for n, w := range winners {
		if len(w) != 1 {
			t.Errorf("person %d has %d passes", n, len(w))
		}
		if err := ls[1-w[0].on].CheckPass(t.Context(), w[0].pass); err != nil {
			t.Errorf("the other node does not know the pass of person %d: %v", n, err)
		}
		if err := ls[1-w[0].on].Leave(t.Context(), theCampaign, linetest.Person(n)); err != nil {
			t.Error(err)
		}
		if err := ls[w[0].on].CheckPass(t.Context(), w[0].pass); !errors.Is(err, line.ErrNoPass) {
			t.Errorf("person %d left on one node, the other says %v", n, err)
		}
	}
}

// TestLeaseMoves: one node admits; when it falls silent another goes on where it stood, and the one that comes back can do
// nothing.
func TestLeaseMoves(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	ls, clk := nodes(t, 2, config(true), valkey.Options{Addresses: []string{s.Addr}, Lease: time.Hour})
	const people = 500
	joinEverywhere(t, ls[:1], 0, people, false)
	for _, l := range ls {
		l.Supply(theCampaign, 1e6, 1e6)
	}
	clk.Set(opens)
	step(t, ls...)
	for range 4 {
		clk.Add(250 * time.Millisecond)
		step(t, ls...)
	}
	before := admitted(t, ls[0])
	if before == 0 || admitted(t, ls[1]) != before || !ls[0].Leads(theCampaign) || ls[1].Leads(theCampaign) {
		t.Fatalf("admitted %d and %d; the lease is %v, %v", before, admitted(t, ls[1]), ls[0].Leads(theCampaign), ls[1].Leads(theCampaign))
	}

	// The holder stands still between reading and writing, loses the lease, and writes: as a process does that was stopped.
	zombie := ls[0].Decide(theCampaign, people)
	if err := ls[0].ClearLeases(t.Context()); err != nil {
		t.Fatal(err)
	}
	clk.Add(250 * time.Millisecond)
	step(t, ls[1])
	after := admitted(t, ls[1])
	if after <= before || after > before+50 || !ls[1].Leads(theCampaign) {
		t.Fatalf("admission went from %d to %d", before, after)
	}
	if err := zombie(t.Context()); err == nil {
		t.Fatal("a node without the lease could write")
	}
	step(t, ls[0])
	if a := admitted(t, ls[0]); a != after || ls[0].Leads(theCampaign) {
		t.Fatalf("after the zombie %d are admitted, were %d", a, after)
	}
	if err := ls[1].ClearLeases(t.Context()); err != nil {
		t.Fatal(err)
	}
	clk.Add(250 * time.Millisecond)
	step(t, ls[0])
	if a := admitted(t, ls[0]); a < after || !ls[0].Leads(theCampaign) {
		t.Fatalf("back at the first node %d are admitted, were %d", a, after)
	}
}

// TestRunMovesTheLease: with real time and a real silence, the other node goes on within seconds.
func TestRunMovesTheLease(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	now := time.Now()
	c := config(false)
	c.Gathers, c.Opens, c.Closes, c.PerSecond = now, now.Add(time.Millisecond), now.Add(time.Hour), 5
	o := valkey.Options{Addresses: []string{s.Addr}, Prefix: freshPrefix(), Pseudonyms: names, Lease: time.Second, Skew: time.Minute, FoundLate: true}
	ls := []*valkey.Line{openLine(t, []line.Config{c}, o), openLine(t, []line.Config{c}, o)}
	joinEverywhere(t, ls, 0, 300, false)
	type run struct {
		stop context.CancelFunc
		done chan struct{}
	}
	runs := make([]run, len(ls))
	for i, l := range ls {
		l.Supply(theCampaign, 1e6, 1e6)
		ctx, stop := context.WithCancel(t.Context())
		runs[i] = run{stop, make(chan struct{})}
		go func() {
			defer close(runs[i].done)
			if err := l.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		t.Cleanup(stop)
	}
	leader := -1
	waitFor(t, 30*time.Second, "a leader that admits", func() bool {
		for i, l := range ls {
			if l.Leads(theCampaign) && admitted(t, l) > 0 {
				leader = i
			}
		}
		return leader >= 0
	})
	release := ls[leader].Hang(theCampaign) // it stands still and does not give the lease back
	other := ls[1-leader]
	at := admitted(t, other)
	began := time.Now()
	waitFor(t, 30*time.Second, "the other node to go on", func() bool { return other.Leads(theCampaign) && admitted(t, other) > at })
	t.Logf("admission went on after %v with a lease of 1s", time.Since(began).Round(10*time.Millisecond))
	release()
	waitFor(t, 30*time.Second, "the first to see it", func() bool { return !ls[leader].Leads(theCampaign) })
	for _, r := range runs {
		r.stop()
		<-r.done
	}
}

func waitFor(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(d); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s", d, what)
		}
	}
}

// TestSpeedsOfOthers: an automatic pace follows bookings that are all made at a node without the lease.
func TestSpeedsOfOthers(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	after := func(told bool) uint32 {
		cfg := config(false)
		cfg.PerSecond, cfg.Inside = 0, 600
		ls, clk := nodes(t, 2, cfg, valkey.Options{Addresses: []string{s.Addr}, Prefix: freshPrefix(), Lease: time.Hour})
		joinEverywhere(t, ls[:1], 0, 600, false)
		clk.Set(opens)
		for range 16 {
			clk.Add(250 * time.Millisecond)
			for _, l := range ls {
				l.Supply(theCampaign, 1e6, 1e6)
			}
			if told {
				for range 4 {
					ls[1].Observe(theCampaign, 2*time.Second)
				}
			}
			step(t, ls[0], ls[1]) // the first has the lease
		}
		if !ls[0].Leads(theCampaign) {
			t.Fatal("the node whose bookings nobody makes has no lease")
		}
		return admitted(t, ls[0])
	}
	without, with := after(false), after(true)
	if with > without/2 {
		t.Errorf("%d admitted with slow bookings elsewhere, %d without any", with, without)
	}
}
