package simulate

import (
	"errors"

	"charye/line"
)

// end mends everything, and wants the line to come to its end: everybody joins, everybody has their turn in order, everybody comes inside; numbers are
// dense, the draw is its seed's, a program that starts anew says the same, and what is kept proves sound.
func (s *sim) end() {
	if s.wrong != nil {
		return
	}
	s.do("the end: all is mended")
	s.store.Fail(Whole)
	s.fault = Whole
	if s.rng.IntN(2) == 0 {
		s.start()
	}
	if s.now.Before(s.cfg.Opens) {
		s.pass(s.cfg.Opens.Sub(s.now))
	}
	s.everybodyJoins()
	s.engine.Supply(campaign, 1000, 1000)
	s.told = true
	s.everybodyGoesIn()
	s.start()
	s.numbers()
	s.proof()
}

// tries is how often a call may meet something that it did not know of, once all is mended.
const tries = 3

func (s *sim) again(what string, n int, call func() error) {
	var err error
	for range tries {
		if err = call(); err == nil || refusal(err) {
			break
		}
	}
	if err != nil {
		s.broken("all is mended, and person %d cannot %s: %w", n, what, err)
	}
}

func (s *sim) everybodyJoins() {
	for n := range s.people {
		s.again("join", n, func() error {
			p, _, err := s.engine.Join(s.ctx, campaign, s.people[n].key)
			if err == nil {
				s.place(n, p)
			}
			return err
		})
	}
	for range tries {
		if err := s.engine.Step(s.ctx); err == nil {
			break
		}
	}
	s.dark = tries
	s.everybody()
}

// everybodyGoesIn has people come in when it is their turn, and leave. Whoever was called and never comes keeps a dose in mind for minutes.
func (s *sim) everybodyGoesIn() {
	been := make([]bool, len(s.people))
	left := len(s.people)
	for round := 0; left > 0 && s.wrong == nil; round++ {
		if round > 3000 {
			s.broken("%d people never get in; admitted are %d", left, s.admitted)
			return
		}
		s.wait()
		before := s.admitted
		if s.step(); s.admitted > before {
			s.excused = false // whatever a zombie wrote, it is known now
		}
		for n := range s.people {
			p := &s.people[n]
			if been[n] || p.number != 0 && p.number > s.admitted {
				continue
			}
			pass, err := s.engine.Enter(s.ctx, campaign, p.key, device(2*n), true)
			switch {
			case err == nil:
				been[n] = true
				left--
				if s.engine.CheckPass(s.ctx, pass) != nil {
					s.broken("person %d has a pass that does not count", n)
				}
				s.again("leave", n, func() error { return s.engine.Leave(s.ctx, campaign, p.key) })
				p.live, p.unknown = false, false
			case errors.Is(err, line.ErrNotYourTurn), errors.Is(err, line.ErrInsideFull):
			case round > tries:
				s.broken("all is mended, and person %d cannot enter: %w", n, err)
			}
		}
		s.everybody()
	}
}

// numbers wants the numbers 1, 2, 3 … to be given, each once, and the list by number to be that of the people.
func (s *sim) numbers() {
	if s.wrong != nil {
		return
	}
	seqs, by := map[uint32]bool{}, map[uint32]int{}
	for n := range s.people {
		seqs[s.people[n].seq] = true
		by[s.people[n].number] = n
	}
	for k := uint32(1); k <= uint32(len(s.people)); k++ {
		if _, given := by[k]; !seqs[k] || !given {
			s.broken("%d people, and nobody has seq %d or number %d", len(s.people), k, k)
			return
		}
	}
	keys, err := s.engine.Numbered(s.ctx, campaign, 0, len(s.people)+1)
	if err != nil || len(keys) != len(s.people) {
		s.broken("%d numbers are listed, %v", len(keys), err)
		return
	}
	for i, key := range keys {
		if s.people[by[uint32(i)+1]].key != key {
			s.broken("number %d is listed as somebody else's", i+1)
		}
	}
}

func (s *sim) proof() {
	if s.wrong != nil {
		return
	}
	a, err := s.engine.Audit(s.ctx, campaign)
	switch {
	case err != nil:
		s.broken("the audit: %w", err)
	case len(a.Violations) > 0:
		s.broken("the audit finds: %q", a.Violations)
	case a.Found != len(s.people) || a.Gaps > 0:
		s.broken("%d places and %d gaps of %d people", a.Found, a.Gaps, len(s.people))
	}
	if !s.cfg.Draw {
		return
	}
	d, err := s.engine.Draw(s.ctx, campaign)
	if err == nil && !d.Drawn {
		s.broken("it was never drawn")
		return
	}
	list, err := s.engine.Entrants(s.ctx, campaign)
	if err != nil {
		s.broken("the entrants: %w", err)
		return
	}
	if err := errors.Join(line.Verify(d, list), list.Close()); err != nil {
		s.broken("the draw: %w", err)
	}
}
