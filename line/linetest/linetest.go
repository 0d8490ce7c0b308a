// Package linetest is the conformance suite of the waiting line: what every engine of [line.Line] must do, whatever it
// keeps its state in. An engine's test calls [Run] with a way to open it; nothing here knows an engine.
//
// The suite owns the clock and asks for each step of admission itself, so it never sleeps and no outcome depends on the
// speed of the machine.
package linetest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"charye/internal/clock"
	"charye/line"
	"charye/person"
)

// Engine is an opened line together with what the suite needs to drive it.
type Engine struct {
	line.Line
	// Step does what one turn of Run does and returns when it is done: draws that are due are drawn, admission advances.
	Step func(ctx context.Context) error
	// Crash opens the line again as after a kill of the program: on what had been kept at this moment, without any
	// closing of the old one, which the suite does not use again. The configs may differ from before.
	Crash func(t *testing.T, configs []line.Config) Engine
}

// Open opens a fresh line. The engine must be gone when t ends (t.Cleanup).
type Open func(t *testing.T, configs []line.Config, now clock.Func, names line.Pseudonyms) Engine

// Run runs the whole suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Open)
	}{
		{"OnePlacePerPerson", onePlacePerPerson},
		{"DrawCanBeRecomputed", drawCanBeRecomputed},
		{"EmptyDraw", emptyDraw},
		{"ArrivalOrder", arrivalOrder},
		{"LateJoinersStandBehind", lateJoinersStandBehind},
		{"CrashChangesNothing", crashChangesNothing},
		{"ChangedConfigNeverRenumbers", changedConfigNeverRenumbers},
		{"CampaignsAreApart", campaignsAreApart},
		{"FailsClosed", failsClosed},
		{"Phases", phases},
		{"AdmissionHoldsItsLimits", admissionHoldsItsLimits},
		{"LeaversDoNotBlock", leaversDoNotBlock},
		{"NoInversions", noInversions},
		{"SoldOutStandbyNewStock", soldOutStandbyNewStock},
		{"StandbyCalls", standbyCalls},
		{"Near", near},
		{"Pause", pause},
		{"PassOfOneDevice", passOfOneDevice},
		{"PassRunsOut", passRunsOut},
		{"PassSurvivesCrash", passSurvivesCrash},
		{"InsideFull", insideFull},
		{"ClockStepsBack", clockStepsBack},
		{"Linearizable", linearizable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open)
		})
	}
}

// Clock is a clock that stands until it is moved. Safe for concurrent use.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// NewClock gives a clock that shows t.
func NewClock(t time.Time) *Clock { return &Clock{t: t} }

// Now is a [clock.Func].
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Set moves the clock to t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

// Add moves the clock on by d.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// Names are pseudonyms for tests, keyed by their own value.
type Names string

// Of implements [line.Pseudonyms].
func (n Names) Of(campaign uint32, who person.Key) [16]byte {
	h := hmac.New(sha256.New, binary.BigEndian.AppendUint32([]byte(n), campaign))
	h.Write(who[:])
	return [16]byte(h.Sum(nil))
}

// Person gives the key of the nth made-up person.
func Person(n int) person.Key {
	h := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("person"), uint64(n)))
	return person.Key(h[:16])
}

// Device gives the nth made-up device.
func Device(n int) line.Device { return line.Device(Person(-1 - n)) }

const (
	theCampaign = 7
	someNames   = Names("linetest")
)

var (
	gathers = time.Date(2021, 7, 12, 10, 0, 0, 0, time.UTC)
	opens   = gathers.Add(time.Hour)
	closes  = opens.AddDate(0, 0, 5)
)

// Config is a campaign's line with a draw, 100 inside and 50 admissions a second.
func config() line.Config {
	return line.Config{
		Campaign: theCampaign, Gathers: gathers, Opens: opens, Closes: closes, Draw: true,
		Inside: 100, PerSecond: 50, PassLife: 10 * time.Minute,
	}
}

func arrival() line.Config {
	c := config()
	c.Draw = false
	return c
}

// bench is an engine under test with its clock.
type bench struct {
	t   *testing.T
	ctx context.Context
	clk *Clock
	Engine
	c line.Config
}

// start opens an engine on one campaign at the time its gathering begins.
func start(t *testing.T, open Open, c line.Config) *bench {
	t.Helper()
	b := &bench{t: t, ctx: t.Context(), clk: NewClock(c.Gathers), c: c}
	b.Engine = open(t, []line.Config{c}, b.clk.Now, someNames)
	return b
}

// crash kills the engine and opens what it left, with c as its config.
func (b *bench) crash(c line.Config) {
	b.t.Helper()
	b.c = c
	b.Engine = b.Crash(b.t, []line.Config{c})
}

func (b *bench) join(n int) line.Place {
	b.t.Helper()
	p, _, err := b.Join(b.ctx, theCampaign, Person(n))
	if err != nil {
		b.t.Fatalf("join of person %d: %v", n, err)
	}
	return p
}

func (b *bench) joinAll(from, to int) {
	b.t.Helper()
	var wg sync.WaitGroup
	for n := from; n < to; n++ {
		wg.Go(func() {
			if _, _, err := b.Join(b.ctx, theCampaign, Person(n)); err != nil {
				b.t.Errorf("join of person %d: %v", n, err)
			}
		})
	}
	wg.Wait()
}

func (b *bench) place(n int) line.Place {
	b.t.Helper()
	p, err := b.Place(b.ctx, theCampaign, Person(n))
	if err != nil {
		b.t.Fatalf("place of person %d: %v", n, err)
	}
	return p
}

func (b *bench) status() line.Status {
	b.t.Helper()
	s, err := b.Status(b.ctx, theCampaign)
	if err != nil {
		b.t.Fatalf("status: %v", err)
	}
	return s
}

func (b *bench) draw() line.Draw {
	b.t.Helper()
	d, err := b.Draw(b.ctx, theCampaign)
	if err != nil {
		b.t.Fatalf("draw: %v", err)
	}
	return d
}

// open moves the clock to the opening and draws.
func (b *bench) open() {
	b.t.Helper()
	b.clk.Set(b.c.Opens)
	b.step()
}

func (b *bench) step() {
	b.t.Helper()
	if err := b.Step(b.ctx); err != nil {
		b.t.Fatalf("step: %v", err)
	}
}

// run lets d pass, in steps of a quarter of a second.
func (b *bench) run(d time.Duration) {
	b.t.Helper()
	for end := b.clk.Now().Add(d); b.clk.Now().Before(end); {
		b.clk.Add(250 * time.Millisecond)
		b.step()
	}
}

func (b *bench) plenty() { b.Supply(theCampaign, 1_000_000, 1_000_000) }

func (b *bench) enter(n, device int) line.Pass {
	b.t.Helper()
	p, err := b.Enter(b.ctx, theCampaign, Person(n), Device(device), false)
	if err != nil {
		b.t.Fatalf("person %d enters on device %d: %v", n, device, err)
	}
	return p
}

func (b *bench) enterFails(n, device int, want error) {
	b.t.Helper()
	p, err := b.Enter(b.ctx, theCampaign, Person(n), Device(device), false)
	if !errors.Is(err, want) {
		b.t.Fatalf("person %d enters on device %d: got %v, %v; want %v", n, device, p.Serial, err, want)
	}
}

func (b *bench) checkPass(p line.Pass, want error) {
	b.t.Helper()
	if err := b.CheckPass(b.ctx, p); !errors.Is(err, want) {
		b.t.Fatalf("check of pass %d: got %v, want %v", p.Serial, err, want)
	}
}
