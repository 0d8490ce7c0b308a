// Package simulate lives whole openings of a line in milliseconds, each from one seed: people join and leave from several windows and
// devices, the program crashes and starts again, the one before wakes up as a zombie, the store is cut off or swallows its answers, the clock
// jumps. After every step it holds what the line says against what it said before.
//
// It drives the engine that it is given, through [line.Line] and nothing else; the engine's tests bring the [Store], with its faults. The same seed
// does the same steps in the same order. It decides nothing itself and copies no rule of the line: it only remembers what people were told.
package simulate

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"time"

	"charye/line"
	"charye/person"
)

// Engine is an opened line whose turns the simulation takes.
type Engine interface {
	line.Line
	line.Auditor
	Step(ctx context.Context) error
}

// Fault is how commits end.
type Fault uint8

// The faults of a store: none; nothing reaches it; all reaches it and its answers are lost.
const (
	Whole Fault = iota
	Cut
	Mute
)

// Store is where engines keep one campaign's line.
type Store interface {
	// Open opens an engine on what the store holds, as a program does that starts. Those opened before are as good as dead, and may wake up.
	Open(cfg line.Config, now func() time.Time) (Engine, error)
	// Fail has all commits end so from now on, whoever's.
	Fail(Fault)
	// AtOnce runs calls so that the second and later ones come into one commit, in their order, while that of the first is under way. joins tells
	// which kind all of them are.
	AtOnce(e Engine, joins bool, calls []func())
}

// key gives the nth made-up person.
func key(n int) person.Key {
	h := sha256.Sum256([]byte{'p', byte(n)})
	return person.Key(h[:16])
}

// device gives the nth made-up device.
func device(n int) line.Device {
	h := sha256.Sum256([]byte{'d', byte(n)})
	return line.Device(h[:16])
}

// opens is when every simulated campaign opens.
var opens = time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)

const campaign = 7

// Run lives one opening. An error says which promise was broken, and how it came to it.
func Run(ctx context.Context, seed uint64, store Store) error {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := &sim{
		ctx: ctx, rng: rng, store: store, now: opens.Add(-time.Duration(rng.IntN(120)-20) * time.Second),
		people: make([]somebody, 4+rng.IntN(24)),
		cfg: line.Config{
			Campaign: campaign, Gathers: opens.Add(-10 * time.Minute), Opens: opens, Closes: opens.Add(48 * time.Hour), Draw: rng.IntN(3) > 0,
			Inside: 1 + rng.IntN(6), PerSecond: float64(1 + rng.IntN(5)), PassLife: time.Duration(20+rng.IntN(100)) * time.Second,
		},
	}
	for i := range s.people {
		s.people[i].key = key(i)
	}
	s.start()
	for range 60 + rng.IntN(60) {
		if s.wrong != nil {
			break
		}
		s.something()
	}
	s.end()
	if s.wrong != nil {
		return fmt.Errorf("%w\nwhat happened:\n%s", s.wrong, s.story())
	}
	return nil
}

// somebody is a person and what they were told.
type somebody struct {
	key    person.Key
	seq    uint32
	number uint32
	turn   bool // they were told that it is their turn

	passes  []line.Pass // all that they were ever given
	live    bool        // the last of them: no word was said that ends it, and it has not run out
	unknown bool        // a call about their pass ended in the dark
}

func (p *somebody) last() line.Pass { return p.passes[len(p.passes)-1] }

// sim is one opening under way.
type sim struct {
	ctx    context.Context
	rng    *rand.Rand
	store  Store
	cfg    line.Config
	now    time.Time
	people []somebody
	log    []string
	wrong  error

	engine Engine
	zombie Engine // one that was left behind, or nil
	fault  Fault

	told     bool // this engine was told the stock
	excused  bool // a zombie wrote beside it: what this one does not know of may be in its way once
	zombied  bool // a zombie gave passes, so that the room is not one engine's to count
	back     bool // the clock went back, so that passes that had run out may count again
	lastSeq  uint32
	gathered int    // as told, once it is fixed
	gathers  int    // who were told, before the opening was met, that they gather
	admitted uint32 // the most that anybody was told
	dark     int    // steps whose commit ended in the dark since the last that did not
}

func (s *sim) do(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf("%8.1fs  ", s.now.Sub(opens).Seconds())+fmt.Sprintf(format, args...))
}

func (s *sim) broken(format string, args ...any) {
	if s.wrong == nil {
		s.wrong = fmt.Errorf(format, args...)
	}
}

// story is the end of what happened.
func (s *sim) story() (text string) {
	for _, l := range s.log[max(0, len(s.log)-40):] {
		text += l + "\n"
	}
	return text
}

func (s *sim) clock() time.Time { return s.now }

// start opens the engine, anew when there was one.
func (s *sim) start() {
	e, err := s.store.Open(s.cfg, s.clock)
	if err != nil {
		s.broken("the line does not open: %w", err)
		return
	}
	s.engine, s.told, s.excused, s.dark = e, false, false, s.dark+1
	s.look()
	s.everybody()
}

// something does one of the things that happen.
func (s *sim) something() {
	switch n := s.rng.IntN(100); {
	case n < 24:
		s.join()
	case n < 44:
		s.enter()
	case n < 52:
		s.leave()
	case n < 74:
		s.pass(time.Duration(s.rng.IntN(2500)) * time.Millisecond)
		s.step()
	case n < 80:
		s.supply()
	case n < 84:
		s.crash()
	case n < 89:
		s.wake()
	case n < 93:
		s.fault = Fault(s.rng.IntN(3))
		s.do("the store: %d", s.fault)
		s.store.Fail(s.fault)
	case n < 97:
		s.jump()
	default:
		s.everybody()
	}
	s.look()
}

// pass lets time go by, forward or back.
func (s *sim) pass(d time.Duration) {
	s.now = s.now.Add(d)
	if d < 0 {
		s.back = true
	}
	for i := range s.people {
		if p := &s.people[i]; p.live && !s.now.Before(p.last().ExpiresAt) {
			p.live = false
		}
	}
}

// jump puts the clock forward or back.
func (s *sim) jump() {
	d := time.Duration(s.rng.IntN(240)-80) * time.Second
	if s.now.Add(d).Before(s.cfg.Gathers) {
		d = 0
	}
	s.do("the clock jumps by %v", d)
	s.pass(d)
}

func (s *sim) supply() {
	unbooked := s.rng.IntN(2 * len(s.people))
	s.do("stock: %d", unbooked)
	s.engine.Supply(campaign, unbooked, unbooked)
	s.told = true
}

// crash ends the program as kill -9 does; sometimes it was only paused.
func (s *sim) crash() {
	s.do("crash")
	if s.rng.IntN(2) == 0 {
		s.zombie = s.engine
	}
	s.store.Fail(Whole)
	s.fault = Whole
	s.start()
}
