package simulate

import (
	"errors"
	"slices"
	"time"

	"charye/line"
)

// mayFail reports whether a call may end with an error that is no answer.
func (s *sim) mayFail() bool { return s.fault != Whole || s.excused }

// refusal reports whether an error is an answer of the line.
func refusal(err error) bool {
	for _, known := range []error{line.ErrNotOpen, line.ErrClosed, line.ErrNoPlace, line.ErrNotYourTurn, line.ErrOtherDevice, line.ErrInsideFull} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// several gives one to four people, the same one twice among them now and then.
func (s *sim) several() []int {
	out := []int{s.rng.IntN(len(s.people))}
	for range s.rng.IntN(4) {
		if s.rng.IntN(3) == 0 {
			out = append(out, out[s.rng.IntN(len(out))])
		} else {
			out = append(out, s.rng.IntN(len(s.people)))
		}
	}
	return out
}

type joined struct {
	place   line.Place
	created bool
	err     error
}

func (s *sim) join() {
	who := s.several()
	got := make([]joined, len(who))
	calls := make([]func(), len(who))
	for i, n := range who {
		calls[i] = func() { got[i].place, got[i].created, got[i].err = s.engine.Join(s.ctx, campaign, s.people[n].key) }
	}
	before := s.lastSeq
	s.store.AtOnce(s.engine, true, calls)
	for i, n := range who {
		s.joined(n, got[i], before)
	}
}

// joined holds the answer to somebody who joins against all that was told before. Nobody who had joined before this began may be overtaken.
func (s *sim) joined(n int, got joined, before uint32) {
	p := &s.people[n]
	s.do("%d joins: seq %d, number %d, new %v, %v", n, got.place.Seq, got.place.Number, got.created, got.err)
	switch {
	case got.err != nil && !refusal(got.err) && !s.mayFail():
		s.broken("person %d cannot join although nothing is wrong: %w", n, got.err)
	case got.err != nil && p.seq != 0 && !s.excused:
		s.broken("person %d had a place and is refused one: %w", n, got.err)
	case got.err != nil:
		return
	case got.created && s.fault != Whole:
		s.broken("person %d was told a new place while the store keeps nothing or says nothing", n)
	case got.created && got.place.Seq <= before:
		s.broken("person %d joins now and stands before somebody who joined earlier: seq %d, told was %d", n, got.place.Seq, before)
	}
	if got.created && s.now.Before(s.cfg.Opens) && s.cfg.Draw && got.place.Number == 0 {
		s.gathers++
	}
	s.place(n, got.place)
}

// place takes in what somebody is told of their place.
func (s *sim) place(n int, at line.Place) {
	p := &s.people[n]
	switch {
	case at.Seq == 0, p.seq != 0 && at.Seq != p.seq:
		s.broken("person %d has seq %d, was told %d", n, at.Seq, p.seq)
	case p.number != 0 && at.Number != p.number:
		s.broken("person %d has number %d, was told %d", n, at.Number, p.number)
	case p.turn && at.State != line.Admitted:
		s.broken("person %d had their turn and is %s now", n, at.State)
	case at.State == line.Admitted && (at.Number == 0 || at.Number > s.seen()):
		s.broken("person %d with number %d has a turn, admitted are %d", n, at.Number, s.seen())
	case at.State == line.Admitted && s.admitted == 0:
		s.broken("person %d has a turn and nobody was admitted", n)
	}
	for i := range s.people {
		if o := &s.people[i]; i != n && (o.seq == at.Seq || o.number != 0 && o.number == at.Number) {
			s.broken("persons %d and %d have one place: seq %d and %d, number %d and %d", i, n, o.seq, at.Seq, o.number, at.Number)
		}
	}
	p.seq, p.number, p.turn = at.Seq, at.Number, p.turn || at.State == line.Admitted
	s.lastSeq = max(s.lastSeq, at.Seq)
}

// seen is how far admission is, as the engine says.
func (s *sim) seen() uint32 {
	st, err := s.engine.Status(s.ctx, campaign)
	if err != nil {
		s.broken("no status: %w", err)
	}
	s.admitted = max(s.admitted, st.Admitted)
	return st.Admitted
}

type entered struct {
	pass line.Pass
	err  error
}

type entering struct {
	who      int
	device   line.Device
	takeover bool
}

func (s *sim) enter() {
	var asked []entering
	for _, n := range s.several() {
		asked = append(asked, entering{who: n, device: device(2*n + s.rng.IntN(2)), takeover: s.rng.IntN(5) == 0})
	}
	got := make([]entered, len(asked))
	calls := make([]func(), len(asked))
	for i, a := range asked {
		calls[i] = func() {
			got[i].pass, got[i].err = s.engine.Enter(s.ctx, campaign, s.people[a.who].key, a.device, a.takeover)
		}
	}
	s.store.AtOnce(s.engine, false, calls)
	for i, a := range asked {
		// Of one person's calls at once, one that takes over may come before or behind the others.
		others, takeover := 0, false
		for _, o := range asked {
			if o.who == a.who {
				others++
				takeover = takeover || o.takeover
			}
		}
		mixed := others > 1 && takeover
		s.people[a.who].unknown = s.people[a.who].unknown || mixed
		s.entered(a, got[i])
		s.people[a.who].unknown = s.people[a.who].unknown || mixed
	}
	s.room()
}

func (s *sim) entered(a entering, got entered) {
	p := &s.people[a.who]
	s.do("%d enters on %x, takeover %v: serial %d, %v", a.who, a.device[:2], a.takeover, got.pass.Serial, got.err)
	if got.err != nil {
		switch {
		case !refusal(got.err) && !s.mayFail():
			s.broken("person %d cannot enter although nothing is wrong: %w", a.who, got.err)
		case !refusal(got.err):
			p.unknown = true
		case errors.Is(got.err, line.ErrInsideFull) && p.live && !p.unknown && !a.takeover:
			s.broken("person %d is inside and told that it is full", a.who)
		}
		return
	}
	again := len(p.passes) > 0 && p.last().Serial == got.pass.Serial
	old := slices.ContainsFunc(p.passes, func(o line.Pass) bool { return o.Serial == got.pass.Serial })
	switch {
	case s.now.Before(s.cfg.Opens) || !s.now.Before(s.cfg.Closes):
		s.broken("person %d entered while the line is not open", a.who)
	case p.seq == 0:
		s.broken("person %d entered without a place", a.who)
	case got.pass.Device != a.device:
		s.broken("person %d has the pass of another device", a.who)
	case !s.now.Before(got.pass.ExpiresAt):
		s.broken("person %d has a pass that is over", a.who)
	case p.live && !p.unknown && !a.takeover && p.last().Device != a.device:
		s.broken("person %d is inside on another device, which was put out without being asked", a.who)
	case p.live && !p.unknown && p.last().Device == a.device && !again:
		s.broken("person %d is inside on this device and got a second pass", a.who)
	case !old && s.fault != Whole && !p.unknown:
		s.broken("person %d was given a pass while the store keeps nothing or says nothing", a.who)
	}
	if at, err := s.engine.Place(s.ctx, campaign, p.key); err != nil || at.State != line.Admitted {
		s.broken("person %d entered with number %d, %s, admitted are %d: %v", a.who, at.Number, at.State, s.seen(), err)
	}
	if !old {
		p.passes = append(p.passes, got.pass)
	}
	p.live, p.unknown = true, false
}

// room counts who are inside for all that was told.
func (s *sim) room() {
	inside := 0
	for i := range s.people {
		if s.people[i].live && !s.people[i].unknown {
			inside++
		}
	}
	if inside > s.cfg.Inside && !s.zombied && !s.back {
		s.broken("%d are inside, of %d", inside, s.cfg.Inside)
	}
}

func (s *sim) leave() {
	n := s.rng.IntN(len(s.people))
	p := &s.people[n]
	err := s.engine.Leave(s.ctx, campaign, p.key)
	s.do("%d leaves: %v", n, err)
	switch {
	case err == nil:
		p.live, p.unknown = false, false
		if k := len(p.passes); k > 0 && s.engine.CheckPass(s.ctx, p.last()) == nil {
			s.broken("person %d left, and the pass is live", n)
		}
	case !s.mayFail():
		s.broken("person %d cannot leave although nothing is wrong: %w", n, err)
	default:
		p.unknown = true
	}
}

// step has the engine draw and admit. It may admit at most a second's worth, with that of the steps before that ended in the dark, nobody before it
// was told the stock, and nobody while the store does not say that it keeps it.
func (s *sim) step() {
	before := s.seen()
	err := s.engine.Step(s.ctx)
	after := s.seen()
	s.do("step: %d to %d, %v", before, after, err)
	most := uint32(max(s.cfg.PerSecond, 1)) * uint32(1+s.dark)
	switch {
	case err != nil && !s.mayFail():
		s.broken("no step although nothing is wrong: %w", err)
	case after < before:
		s.broken("admission fell from %d to %d", before, after)
	case after > before && s.now.Before(s.cfg.Opens) && s.dark == 0 && !s.excused:
		s.broken("somebody was admitted before the opening")
	case after > before && !s.told && s.dark == 0 && !s.excused:
		s.broken("somebody was admitted before anybody told the stock")
	case after > before && s.fault != Whole && s.dark == 0 && !s.excused:
		s.broken("somebody was told that it is their turn while the store keeps nothing or says nothing")
	case after-before > most && !s.excused:
		s.broken("%d were admitted in one step, at most %d may", after-before, most)
	}
	if err != nil {
		s.dark++
	} else if s.fault == Whole {
		s.dark = 0
	}
}

// wake has a program that was taken for dead go on where it was: whatever it says must be true, and what it writes must not harm.
func (s *sim) wake() {
	if s.zombie == nil {
		return
	}
	n := s.rng.IntN(len(s.people))
	p := &s.people[n]
	s.excused = true
	switch s.rng.IntN(3) {
	case 0:
		at, _, err := s.zombie.Join(s.ctx, campaign, p.key)
		s.do("a zombie: %d joins: seq %d, %v", n, at.Seq, err)
		if err == nil && (at.Seq == 0 || p.seq != 0 && p.seq != at.Seq) {
			s.broken("a zombie says seq %d to person %d, who was told %d", at.Seq, n, p.seq)
		}
		if err == nil {
			p.seq = at.Seq
			s.lastSeq = max(s.lastSeq, p.seq)
		}
	case 1:
		before, err := s.zombie.Status(s.ctx, campaign)
		if err == nil {
			err = s.zombie.Step(s.ctx)
		}
		after, _ := s.zombie.Status(s.ctx, campaign) // the first said that it answers
		s.do("a zombie: step: %d to %d, %v", before.Admitted, after.Admitted, err)
		if err == nil && s.fault == Whole {
			s.admitted = max(s.admitted, after.Admitted)
		}
		s.dark++
	case 2:
		pass, err := s.zombie.Enter(s.ctx, campaign, p.key, device(2*n), false)
		s.do("a zombie: %d enters: serial %d, %v", n, pass.Serial, err)
		s.zombied = true
		p.unknown = true
		if err == nil && !slices.ContainsFunc(p.passes, func(o line.Pass) bool { return o.Serial == pass.Serial }) {
			p.passes = append(p.passes, pass)
		}
	}
}

// look asks for the status: what everybody sees only ever goes on.
func (s *sim) look() {
	if s.wrong != nil {
		return
	}
	most := s.admitted
	st, err := s.engine.Status(s.ctx, campaign)
	switch {
	case err != nil:
		s.broken("no status: %w", err)
	case st.Admitted < most && !s.excused:
		s.broken("admission is at %d, told was %d", st.Admitted, most)
	case int(st.Admitted) > st.Joined:
		s.broken("%d are admitted, %d joined", st.Admitted, st.Joined)
	case s.gathered > 0 && st.Gathered != s.gathered:
		s.broken("%d gathered, told was %d", st.Gathered, s.gathered)
	case st.Gathered > 0 && st.Gathered < s.gathers:
		s.broken("%d gathered, %d were told that they do", st.Gathered, s.gathers)
	}
	s.admitted, s.gathered = max(most, st.Admitted), max(s.gathered, st.Gathered)
	for i := range s.people {
		s.livePasses(i)
	}
}

// livePasses wants at most one pass of a person to be live, and the one that they were told is theirs.
func (s *sim) livePasses(n int) {
	p := &s.people[n]
	live := 0
	for _, pass := range p.passes {
		if s.engine.CheckPass(s.ctx, pass) != nil {
			continue
		}
		live++
		if !s.now.Before(pass.ExpiresAt) {
			s.broken("a pass of person %d is live, and over since %v", n, s.now.Sub(pass.ExpiresAt))
		}
		if !p.live && !p.unknown && !s.zombied && !s.back {
			s.broken("person %d left, and a pass is live", n)
		}
	}
	switch {
	case live > 1:
		s.broken("person %d has %d live passes", n, live)
	case live == 0 && p.live && !p.unknown && !s.zombied && !s.back:
		s.broken("person %d has a pass until %v, and it is not live", n, p.last().ExpiresAt.Sub(opens))
	}
}

// everybody asks for their place.
func (s *sim) everybody() {
	for n := range s.people {
		p := &s.people[n]
		at, err := s.engine.Place(s.ctx, campaign, p.key)
		switch {
		case err == nil:
			s.place(n, at)
		case p.seq != 0 && !s.excused:
			s.broken("person %d was told seq %d, and has no place: %w", n, p.seq, err)
		case !errors.Is(err, line.ErrNoPlace):
			s.broken("person %d asks for their place: %w", n, err)
		}
	}
}

// wait lets a whole second go by.
func (s *sim) wait() { s.pass(time.Second) }
