package rush

import (
	"math"
	"slices"
	"time"
)

// unit is the grain of packed times: 100 microseconds in 32 bits reach 119 hours.
const unit = 100 * time.Microsecond

// visitKind says what an arrival is.
type visitKind uint8

const (
	visitFirst  visitKind = iota // a person's first window
	visitReload                  // the same window, loaded again
	visitDevice                  // another window or device of the same person
	visitOther                   // somebody who may not book
)

// arrival is one visit, at a time fixed before the rush.
type arrival struct {
	at   uint32 // units since the run's start
	who  uint32
	kind visitKind
}

// schedule draws all arrivals of the scenario: every eligible person once, further visits of theirs, and people who may
// not book (numbered from s.Eligible on). gathers and opens are times of the run; with gathers == opens everybody comes
// after the opening. The result is sorted by time.
func schedule(s Scenario, seed uint64, gathers, opens time.Duration) []arrival {
	r := traits(seed, 0, 'a')
	ineligible := int(math.Round(float64(s.Arrivals) * s.Ineligible))
	further := max(0, s.Arrivals-ineligible-s.Eligible)
	all := make([]arrival, 0, s.Eligible+further+ineligible)
	for i := range s.Eligible {
		all = append(all, arrival{at: pack(s.moment(&r, gathers, opens)), who: uint32(i)})
	}
	for range further {
		kind := visitDevice
		if r.chance(s.Reload) {
			kind = visitReload
		}
		all = append(all, arrival{pack(s.moment(&r, gathers, opens)), uint32(r.below(uint64(s.Eligible))), kind})
	}
	for i := range ineligible {
		all = append(all, arrival{pack(s.moment(&r, gathers, opens)), uint32(s.Eligible + i), visitOther})
	}
	slices.SortFunc(all, func(a, b arrival) int { return int(int64(a.at) - int64(b.at)) })
	// The earliest visit of a person is the first one, whatever it was drawn as.
	seen := make([]bool, s.Eligible)
	for i := range all {
		a := &all[i]
		if a.kind == visitOther {
			continue
		}
		switch {
		case !seen[a.who]:
			seen[a.who], a.kind = true, visitFirst
		case a.kind == visitFirst:
			a.kind = visitDevice
		}
	}
	return all
}

// moment draws when a visit comes.
func (s Scenario) moment(r *rng, gathers, opens time.Duration) time.Duration {
	u := r.unit()
	switch {
	case u < s.Early && opens > gathers:
		before := math.Pow(r.unit(), 1.5)
		return max(opens-time.Duration(before*float64(opens-gathers)), gathers+50*time.Millisecond)
	case u < s.Early+s.Stroke:
		return opens + min(time.Duration(r.exp()*float64(s.Burst)), 4*s.Burst+s.Late)
	default:
		return opens + time.Duration(r.unit()*float64(s.Late))
	}
}

func pack(d time.Duration) uint32   { return uint32(max(0, d) / unit) }
func unpack(u uint32) time.Duration { return time.Duration(u) * unit }
