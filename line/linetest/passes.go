package linetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"charye/line"
)

// inside opens a line in which people 0 … n-1 have their turn.
func inside(t *testing.T, open Open, c line.Config, n int) *bench {
	t.Helper()
	b := start(t, open, c)
	b.plenty()
	for k := range n {
		b.join(k)
	}
	b.open()
	b.run(time.Duration(float64(n)/c.PerSecond*float64(time.Second)) + 2*time.Second)
	if a := b.status().Admitted; int(a) != n {
		t.Fatalf("%d of %d are admitted", a, n)
	}
	return b
}

func passOfOneDevice(t *testing.T, open Open) {
	b := inside(t, open, arrival(), 20)
	b.join(50)

	p := b.enter(0, 1)
	if p.Campaign != theCampaign || p.Person != Person(0) || p.Device != Device(1) || p.Serial == 0 ||
		p.ExpiresAt.Nanosecond() != 0 || p.ExpiresAt.Before(b.clk.Now().Add(b.c.PassLife)) || p.ExpiresAt.After(b.clk.Now().Add(b.c.PassLife+time.Second)) {
		t.Fatalf("pass %+v made at %v", p, b.clk.Now())
	}
	b.checkPass(p, nil)
	b.clk.Add(time.Minute)
	if again := b.enter(0, 1); again != p {
		t.Fatalf("the same device got another pass: %+v, had %+v", again, p)
	}
	b.enterFails(0, 2, line.ErrOtherDevice)
	b.enterFails(50, 1, line.ErrNotYourTurn)
	if _, err := b.Enter(b.ctx, theCampaign, Person(50), Device(1), true); !errors.Is(err, line.ErrNotYourTurn) {
		t.Fatalf("takeover is no way in before one's turn: %v", err)
	}

	moved, err := b.Enter(b.ctx, theCampaign, Person(0), Device(2), true)
	if err != nil || moved.Serial == p.Serial || moved.Device != Device(2) {
		t.Fatalf("takeover: %+v, %v", moved, err)
	}
	b.checkPass(p, line.ErrNoPass)
	b.checkPass(moved, nil)
	b.enterFails(0, 1, line.ErrOtherDevice)
	if n := b.status().Inside; n != 1 {
		t.Fatalf("%d inside, want 1", n)
	}

	for range 2 {
		if err := b.Leave(b.ctx, theCampaign, Person(0)); err != nil {
			t.Fatal(err)
		}
		b.checkPass(moved, line.ErrNoPass)
	}
	if n := b.status().Inside; n != 0 {
		t.Fatalf("%d inside after leaving", n)
	}
	if p3 := b.enter(0, 3); p3.Serial == p.Serial || p3.Serial == moved.Serial {
		t.Fatalf("serial %d was given twice", p3.Serial)
	}

	// Many devices of one person at the same moment: one wins.
	const devices = 30
	won := make([]bool, devices)
	var wg sync.WaitGroup
	for d := range devices {
		wg.Go(func() {
			_, err := b.Enter(b.ctx, theCampaign, Person(1), Device(d), false)
			if err != nil && !errors.Is(err, line.ErrOtherDevice) {
				t.Errorf("enter: %v", err)
			}
			won[d] = err == nil
		})
	}
	wg.Wait()
	winners := 0
	for _, w := range won {
		if w {
			winners++
		}
	}
	if winners != 1 {
		t.Fatalf("%d of %d devices won", winners, devices)
	}
}

func passRunsOut(t *testing.T, open Open) {
	b := inside(t, open, arrival(), 3)
	p := b.enter(0, 1)
	b.clk.Set(p.ExpiresAt.Add(-time.Nanosecond))
	b.checkPass(p, nil)
	b.wantInside(0, true)
	b.wantInside(1, false)
	b.wantInside(99, false) // a stranger
	b.clk.Set(p.ExpiresAt)
	b.checkPass(p, line.ErrNoPass)
	b.wantInside(0, false)
	if n := b.status().Inside; n != 0 {
		t.Fatalf("%d inside after the pass ran out", n)
	}
	again := b.enter(0, 2)
	if again.Serial == p.Serial {
		t.Fatalf("serial %d was given twice", p.Serial)
	}
	b.checkPass(p, line.ErrNoPass)
	b.checkPass(again, nil)
	b.wantInside(0, true)
	if err := b.Leave(b.ctx, theCampaign, Person(0)); err != nil {
		t.Fatal(err)
	}
	b.wantInside(0, false)
}

func (b *bench) wantInside(n int, want bool) {
	b.t.Helper()
	if got, err := b.Inside(b.ctx, theCampaign, Person(n)); err != nil || got != want {
		b.t.Fatalf("person %d inside: %v, %v; want %v", n, got, err, want)
	}
}

// passSurvivesCrash: after a crash the first device still wins, and what was over stays over.
func passSurvivesCrash(t *testing.T, open Open) {
	c := arrival()
	c.PassLife = 30 * time.Minute
	b := inside(t, open, c, 10)
	kept := b.enter(0, 1)
	old := b.enter(1, 1)
	moved, err := b.Enter(b.ctx, theCampaign, Person(1), Device(2), true)
	if err != nil {
		t.Fatal(err)
	}
	left := b.enter(2, 1)
	if err := b.Leave(b.ctx, theCampaign, Person(2)); err != nil {
		t.Fatal(err)
	}
	b.crash(b.c)
	b.checkPass(kept, nil)
	b.checkPass(old, line.ErrNoPass)
	b.checkPass(moved, nil)
	b.checkPass(left, line.ErrNoPass)
	if n := b.status().Inside; n != 2 {
		t.Fatalf("%d inside after the crash, want 2", n)
	}
	b.enterFails(0, 9, line.ErrOtherDevice)
	if p := b.enter(0, 1); p != kept {
		t.Fatalf("after the crash the device got %+v, had %+v", p, kept)
	}
	// Passes that were made to last longer than the config now says still count.
	short := b.c
	short.PassLife = time.Second
	b.clk.Add(20 * time.Minute)
	b.crash(short)
	b.checkPass(kept, nil)
	b.enterFails(0, 9, line.ErrOtherDevice)
	b.clk.Add(time.Hour)
	b.crash(short)
	b.checkPass(kept, line.ErrNoPass)
	if p := b.enter(0, 9); p.Serial <= moved.Serial {
		t.Fatalf("serial %d after %d", p.Serial, moved.Serial)
	}
}

// insideFull: however many come late at once, never more than the limit are inside.
func insideFull(t *testing.T, open Open) {
	c := arrival()
	c.Inside = 5
	b := start(t, open, c)
	b.plenty()
	b.joinAll(0, 40)
	b.open()
	for b.status().Admitted < 40 {
		b.run(line.Grace) // nobody comes, so all have their turn in the end
	}
	var wg sync.WaitGroup
	errs := make([]error, 40)
	for n := range 40 {
		wg.Go(func() { _, errs[n] = b.Enter(b.ctx, theCampaign, Person(n), Device(0), false) })
	}
	wg.Wait()
	in, out := []int{}, []int{}
	for n, err := range errs {
		switch {
		case err == nil:
			in = append(in, n)
		case errors.Is(err, line.ErrInsideFull):
			out = append(out, n)
		default:
			t.Fatalf("person %d: %v", n, err)
		}
	}
	if len(in) != c.Inside || b.status().Inside != c.Inside {
		t.Fatalf("%d got in, status says %d, want %d", len(in), b.status().Inside, c.Inside)
	}
	b.enter(in[0], 0)
	if _, err := b.Enter(b.ctx, theCampaign, Person(in[1]), Device(5), true); err != nil {
		t.Fatalf("a takeover lets nobody more in, yet %v", err)
	}
	b.enterFails(out[0], 0, line.ErrInsideFull)
	if err := b.Leave(b.ctx, theCampaign, Person(in[0])); err != nil {
		t.Fatal(err)
	}
	b.enter(out[0], 0)
	b.enterFails(out[1], 0, line.ErrInsideFull)
}

// clockStepsBack: a server clock that is set back and forth again ends no pass, takes back no turn and gives none twice.
func clockStepsBack(t *testing.T, open Open) {
	b := inside(t, open, arrival(), 10)
	b.clk.Add(30 * time.Minute)
	b.step()
	before, early := b.status().Admitted, b.clk.Now()
	kept := b.enter(0, 1)
	b.clk.Add(-15 * time.Minute)
	b.step()
	b.enter(1, 1)
	b.join(10)
	if a := b.status().Admitted; a < before {
		t.Fatalf("%d admitted, were %d before the clock was set back", a, before)
	}
	b.clk.Set(early.Add(time.Minute))
	b.crash(b.c)
	b.plenty()
	b.step()
	b.checkPass(kept, nil)
	b.enterFails(0, 2, line.ErrOtherDevice)
	if p := b.place(10); p.Number != 11 {
		t.Fatalf("who joined meanwhile has number %d", p.Number)
	}
}
