package line

import (
	"math"
	"time"
)

// View is a campaign's line at an instant, from which every answer to a person is made. Engines publish a new one when
// admission advances; it names no person.
type View struct {
	Status
	Pace   Pace
	Moved  time.Time // when admission last moved or had nobody to let in; zero before the first time
	Supply Supply    // as last told
}

// Pace is how fast a door moves, in people per second, as an honest range.
type Pace struct {
	Fast, Slow float64
	// Head is how many go at the fast pace in any case: before anything is measured, the room that is free at the opening.
	Head     int
	Measured bool
}

// wait is the range of time until somebody with so many people ahead has their turn while the door runs.
func (p Pace) wait(ahead int) (lo, hi time.Duration) {
	if p.Fast <= 0 || p.Slow <= 0 {
		return -1, -1
	}
	n := ahead + 1
	head := min(n, p.Head)
	lo = seconds(float64(n) / p.Fast)
	hi = seconds(float64(head)/p.Fast + float64(n-head)/p.Slow)
	return lo.Truncate(time.Second), max(lo, hi).Truncate(time.Second) + time.Second
}

func seconds(s float64) time.Duration {
	return time.Duration(min(s, 1e8) * float64(time.Second))
}

// The bounds of PollAfter. Only people who wait for the opening are told to stay away longer than MaxPoll.
const (
	MinPoll = time.Second
	MaxPoll = 300 * time.Second
)

// gatherReturn says when people who gathered come back: not before delay after the opening, when the draw is done, and
// spread evenly over spread so that the crowd is not there in one second.
func gatherReturn(joined int) (delay, spread time.Duration) {
	n := time.Duration(joined)
	return time.Second + n*time.Microsecond, min(max(n*time.Second/50_000, 2*time.Second), 120*time.Second)
}

// Stand fills in where p (Campaign, Person, Seq and Number set) stands at now: State, Ahead, Wait and PollAfter. jitter
// is an even random number in [0, 1). Pure.
func (c *Config) Stand(p Place, v *View, now time.Time, jitter float64) Place {
	switch {
	case p.Number == 0:
		p.State = Gathering
	case p.Number <= v.Admitted:
		p.State = Admitted
	case v.SoldOut, v.Supply.Standby:
		p.State = Standby
	default:
		p.State = Waiting
	}
	if p.State == Waiting || p.State == Standby {
		p.Ahead = int(p.Number-v.Admitted) - 1
	}
	p.Wait = c.wait(p, v, now)
	p.PollAfter = c.pollAfter(p, v, now, jitter)
	return p
}

func (c *Config) wait(p Place, v *View, now time.Time) [2]time.Duration {
	unknown := [2]time.Duration{-1, -1}
	if p.State == Admitted {
		return [2]time.Duration{}
	}
	if p.State == Standby || !now.Before(c.Closes) {
		return unknown
	}
	from := now
	if from.Before(c.Opens) {
		from = c.Opens
	}
	if p.State == Gathering {
		// Nobody can know the number yet; what is known is when it will be drawn.
		return [2]time.Duration{from.Sub(now), from.Sub(now)}
	}
	lo, hi := v.Pace.wait(p.Ahead)
	if lo < 0 {
		return unknown
	}
	from, _ = c.PausedAt(from)
	return [2]time.Duration{c.through(from, lo).Sub(now), c.through(from, hi).Sub(now)}
}

// through is the instant at which the door, from an instant at which it is not paused, has run for d.
func (c *Config) through(from time.Time, d time.Duration) time.Time {
	end := from.Add(d)
	for range len(c.Pauses) {
		moved := from.Add(d)
		for _, w := range c.Pauses {
			if !w.From.Before(from) && w.From.Before(end) {
				moved = moved.Add(w.To.Sub(w.From))
			}
		}
		if moved.Equal(end) {
			break
		}
		end = moved
	}
	return end
}

func (c *Config) pollAfter(p Place, v *View, now time.Time, jitter float64) time.Duration {
	between := func(lo, hi time.Duration) time.Duration {
		return min(max(lo+time.Duration(jitter*float64(hi-lo)), MinPoll), MaxPoll)
	}
	delay, spread := gatherReturn(v.Joined)
	switch {
	case p.State == Admitted:
		return between(20*time.Second, 40*time.Second)
	case now.Before(c.Opens):
		return max(c.Opens.Sub(now)+delay+time.Duration(jitter*float64(spread)), MinPoll)
	case p.State == Gathering: // being drawn, longer than was foreseen
		return between(MinPoll, 2*time.Second+spread/4)
	case p.State == Standby, !now.Before(c.Closes), v.Supply.beyond(p.Ahead):
		return between(MaxPoll*3/4, MaxPoll)
	case p.Wait[0] < 0: // nobody says how fast the door moves: whoever leads has just come, and will say
		return between(10*time.Second, 30*time.Second)
	}
	// While the range is wide its lower end would have people ask in vain again and again; its geometric middle, up to
	// half a minute, has them ask half as often.
	lo, hi := max(p.Wait[0], time.Second), max(p.Wait[1], time.Second)
	middle := time.Duration(math.Sqrt(lo.Seconds()*hi.Seconds()) * float64(time.Second))
	far := min(max(p.Wait[0], min(middle, 30*time.Second)), MaxPoll)
	// Where the pace is found, not set, an estimate is worth no more than the time it was measured in: nobody sleeps
	// through a door that gets faster.
	if c.PerSecond == 0 {
		far = min(far, 30*time.Second+4*max(now.Sub(c.Opens), 0))
	}
	if far < 4*time.Second {
		// A door that has not moved for a while will hardly move in the next second.
		stall := time.Duration(0)
		if !v.Moved.IsZero() {
			stall = min(max(now.Sub(v.Moved), 0), 30*time.Second)
		}
		return between(MinPoll+stall/2, 3*time.Second+stall)
	}
	// Sleeping a little too long costs seconds, the turn stays; asking too often costs everybody.
	return between(far*95/100, far*105/100)
}
