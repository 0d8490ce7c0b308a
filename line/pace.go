package line

import (
	"math"
	"time"
)

// stays measures how long people stay inside, from the people inside at each moment and those who left: over any long
// stretch, the mean stay is the time spent by all divided by the departures (Little's law).
type stays struct {
	entered    int // since the last advance
	live       int // at the last advance
	last       time.Time
	area       float64 // person-seconds inside, fading
	departures float64 // fading alike
}

// What is older than some minutes counts little; below so many departures nothing is known.
const (
	staysFade  = time.Minute
	staysLeast = 5
)

func (s *stays) advance(now time.Time, live int) {
	dt := now.Sub(s.last)
	if s.last.IsZero() || dt <= 0 {
		s.live, s.last = live, now
		return
	}
	keep := math.Exp(-dt.Seconds() / staysFade.Seconds())
	s.area = s.area*keep + float64(live)*dt.Seconds()
	s.departures = s.departures*keep + float64(max(s.entered-(live-s.live), 0))
	s.entered, s.live, s.last = 0, live, now
}

// mean is how long people stay; 0 until it is measured.
func (s *stays) mean() time.Duration {
	if s.departures < staysLeast {
		return 0
	}
	return seconds(s.area / s.departures)
}

// overlap is what share of those who are expected within [Grace] will be inside at one moment: nearly all when people stay
// for minutes, few when they are done in seconds. Until it is measured, all.
func (s *stays) overlap() float64 {
	if s.departures < staysLeast {
		return 1
	}
	stay := s.area / s.departures
	return stay / (stay + Grace.Seconds())
}

// meterSeconds is how far back a meter looks.
const meterSeconds = 300

// meter counts admissions by second of the time in which the door was running.
type meter struct {
	counts  [meterSeconds]uint32
	at      int           // the present second's place in counts
	seconds int           // whole running seconds seen, at most meterSeconds-1
	part    time.Duration // of the present second
	last    time.Time
}

func (m *meter) advance(now time.Time, running bool) {
	dt := now.Sub(m.last)
	if m.last.IsZero() {
		dt = 0
	}
	if dt < 0 {
		return
	}
	m.last = now
	if !running {
		return
	}
	m.part += min(dt, meterSeconds*time.Second)
	for m.part >= time.Second {
		m.part -= time.Second
		m.at = (m.at + 1) % meterSeconds
		m.counts[m.at] = 0
		m.seconds = min(m.seconds+1, meterSeconds-1)
	}
}

func (m *meter) add(n uint32) { m.counts[m.at] += n }

// rate is admissions per second over the last whole seconds and the present part of one.
func (m *meter) rate(seconds int) float64 {
	seconds = min(seconds, m.seconds)
	sum := uint64(0)
	for i := range seconds + 1 {
		sum += uint64(m.counts[(m.at-i+meterSeconds)%meterSeconds])
	}
	return float64(sum) / max(float64(seconds)+m.part.Seconds(), 1)
}

// pacer is the rate of a door. A fixed one stays; an automatic one follows the booking latency (decision 9). When bookings get slow
// it falls below what the service is seen to bear, so that what waits there gets less, and waits as long as people stay inside
// before it judges again: what was let in shows only then. While the rate is what holds people back it doubles in such a time, and
// near the last limit goes on in small steps.
type pacer struct {
	auto    bool
	rate    float64       // people per second
	peak    float64       // what the service bore when the latency was last too high; 0: the limit has not been met, or long ago
	until   time.Time     // no second cut before what the first one did can be seen
	was     time.Duration // the latency when that was last looked at
	calm    float64       // how many reaction times the verdicts near the limit have been good
	most    float64
	pressed bool // the rate was the tightest limit since the last verdict
	counts  [40]uint32
	samples uint32
	bears   float64 // bookings per second, of the last seconds
	since   time.Time
}

const (
	// LatencyTarget is the 95th percentile of booking latency that an automatic rate keeps below.
	LatencyTarget = 250 * time.Millisecond

	paceEvery   = time.Second     // at least so long between verdicts
	pacePatient = 3 * time.Second // then few samples must do
	paceSamples = 10
	paceBack    = 0.7  // of what the service bears at its limit: what waits in it must get less, and soon
	paceDown    = 0.7  // where that did not help
	paceNear    = 0.85 // of the last limit: up to here the rate doubles in a reaction time
	paceUp      = 0.05 // of the last limit, added in a reaction time from there on
	paceCalm    = 5    // good reaction times near the limit, and it was one of its moment: it is searched anew
	paceFade    = 0.2  // of what it bore is forgotten in a reaction time
	leastRate   = 0.5

	// The reaction time is how long those let in stay inside: only then does it show what letting them in did.
	reactLeast, reactMost = 2 * time.Second, time.Minute
)

func newPacer(c Config) pacer {
	if c.PerSecond > 0 {
		return pacer{rate: c.PerSecond}
	}
	// An automatic door begins as if to fill the room in a quarter of a minute.
	start := max(float64(c.Inside)/15, 1)
	return pacer{auto: true, rate: start, most: max(float64(c.Inside), 1)}
}

// latencyEdge is the upper edge of bucket i: steps of √2 with [LatencyTarget] an edge of its own.
func latencyEdge(i int) time.Duration {
	return time.Duration(float64(LatencyTarget) * math.Exp2(float64(i-20)/2))
}

func (p *pacer) observe(latency time.Duration) {
	if !p.auto {
		return
	}
	i := 0
	for i < len(p.counts)-1 && latency > latencyEdge(i) {
		i++
	}
	p.counts[i]++
	p.samples++
}

func (p *pacer) p95() time.Duration {
	need, sum := (uint64(p.samples)*95+99)/100, uint64(0)
	for i, n := range p.counts {
		if sum += uint64(n); sum >= need {
			return latencyEdge(i)
		}
	}
	return latencyEdge(len(p.counts))
}

// at gives the rate at now, passing a verdict when one is due. stay is how long people stay inside; 0: not known.
func (p *pacer) at(now time.Time, stay time.Duration) float64 {
	if !p.auto {
		return p.rate
	}
	if p.since.IsZero() {
		p.since = now
	}
	waited := now.Sub(p.since)
	if waited < paceEvery || p.samples < paceSamples && waited < pacePatient {
		return p.rate
	}
	react := reactMost / 4
	if stay > 0 {
		react = min(max(stay, reactLeast), reactMost)
	}
	part := waited.Seconds() / react.Seconds()
	// What it bears is seen when it is busy: it is quickly more, and less only in time, since a moment's stall says little.
	if now := float64(p.samples) / waited.Seconds(); now > p.bears {
		p.bears += (now - p.bears) / 3
	} else {
		p.bears += (now - p.bears) * paceFade * part
	}
	switch {
	case p.samples == 0: // nothing is known: neither up nor down
	case p.p95() > LatencyTarget:
		p.calm = 0
		switch back := paceBack * p.bears; {
		case back < p.rate && !now.Before(p.until):
			p.peak = p.bears
			p.rate, p.until, p.was = max(back, leastRate), now.Add(react), p.p95()
		case now.Before(p.until):
			if p.bears > p.peak && p.peak > 0 { // what it bears was not known yet when the cut was made
				p.peak = p.bears
				p.rate = max(p.rate, min(back, p.most))
			}
		case p.p95() < p.was: // what waits there gets less
			p.was, p.until = p.p95(), now.Add(react/2)
		default: // below what the service bears, and it does not help
			p.rate, p.until, p.was = max(p.rate*paceDown, leastRate), now.Add(react), p.p95()
		}
	case p.pressed && (p.peak == 0 || p.rate < p.peak*paceNear):
		p.rate = min(p.rate*math.Exp2(part), p.most)
	case p.pressed:
		p.rate = min(p.rate+max(p.peak*paceUp, 0.5)*part, p.most)
		if p.calm += part; p.calm >= paceCalm {
			p.peak, p.calm = 0, 0
		}
	}
	p.counts, p.samples, p.pressed, p.since = [40]uint32{}, 0, false, now
	return p.rate
}
