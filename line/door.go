package line

import (
	"math"
	"time"

	"charye/internal/weak"
)

// Grace is how long somebody whose turn has come, and who has not taken a pass yet, is counted as if inside, as far as
// stays overlap ([Door.Overlap]). Afterwards others are let in too; who comes later than that has lost nothing, the turn stays.
const Grace = 10 * time.Second

// Promise is how long a dose is kept in mind for somebody whose turn has come and who has not taken a pass yet: they were
// told when to come back ([MaxPoll] at the most), and nobody behind them is let in for that dose meanwhile.
const Promise = MaxPoll + MaxPoll/20 + Grace

// Wave is one step of admission: at At all numbers up to UpTo had their turn.
type Wave struct {
	At   time.Time
	UpTo uint32
}

// Crowd is what the door has to know of the moment.
type Crowd struct {
	Numbers  uint32 // numbers 1 … Numbers have been given out
	Gathered int    // how many of them stood in a draw
	Live     int    // live passes
	Supply   Supply
}

// Supply is the stock as last told.
type Supply struct {
	Known    bool // false until it is told for the first time: then nobody is let in
	Free     int  // left to be booked; holds count as taken
	Unbooked int  // not yet booked for good

	Standby bool   // the stock calls people itself (see [Line.StandBy])
	Called  uint32 // with Standby: those up to this number
}

// SoldOut reports that nothing is left and nothing can come free from a hold.
func (s Supply) SoldOut() bool { return s.Known && s.Free <= 0 && s.Unbooked <= 0 }

// beyond reports whether somebody with so many people ahead will most likely not get a dose of this stock. They are told to
// look in rarely: if so many ahead never come that it is their turn all the same, the dose waits for them ([Promise]).
func (s Supply) beyond(ahead int) bool { return s.Known && ahead > s.Unbooked+s.Unbooked/4+50 }

// Door decides how far admission may go. It is pure: time comes in as a value, and nothing is let in until the engine
// has made it durable and says so with Admit. Not safe for concurrent use.
//
// Four limits hold at once: the rate (a token bucket of at most one second's worth; fixed, or found by [pacer]), the
// people inside (live passes and those expected within [Grace]), the stock, and the numbers given out.
type Door struct {
	cfg      Config
	admitted uint32

	pace   pacer
	tokens float64
	last   time.Time // tokens stand as of this instant

	waves    []Wave   // those whose promise is not over, oldest first
	claims   []uint64 // bit n: number n took a pass
	grace    absent   // for the room
	promised absent   // for the stock

	stays stays // how long people stay inside

	shown meter // what is published: admissions per minute, whatever the reason
	speed meter // how fast the door moves while somebody waits before it, after the room was filled once
	moved time.Time
}

// NewDoor makes the door of a campaign. past are the waves of admission so far, oldest first, the last of them where
// admission stands; older ones than the last few minutes may be left out.
func NewDoor(cfg Config, past []Wave) *Door {
	d := &Door{
		cfg: cfg, pace: newPacer(cfg), waves: append([]Wave(nil), past...),
		grace: absent{life: Grace}, promised: absent{life: Promise},
	}
	if n := len(past); n > 0 {
		d.admitted = past[n-1].UpTo
		d.last, d.moved = past[n-1].At, past[n-1].At
	}
	return d
}

// Admitted is the number up to which everybody has had their turn.
func (d *Door) Admitted() uint32 { return d.admitted }

// Claimed tells that number took a pass; only the first time counts.
func (d *Door) Claimed(number uint32) {
	word, bit := int(number/64), uint64(1)<<(number%64)
	for word >= len(d.claims) {
		d.claims = append(d.claims, 0)
	}
	if d.claims[word]&bit != 0 {
		return
	}
	d.claims[word] |= bit
	d.stays.entered++
	if number <= d.admitted {
		d.grace.came(number)
		d.promised.came(number)
	}
}

// Observe tells the latency of one booking.
func (d *Door) Observe(latency time.Duration) { d.pace.observe(latency) }

// Next says up to which number people may be let in at now; never less than Admitted. It does not let them in.
func (d *Door) Next(now time.Time, c Crowd) uint32 {
	waiting := int(c.Numbers) - int(d.admitted)
	running := d.cfg.admitting(now)
	d.settle(now, c.Gathered)
	d.refill(now, running)
	d.stays.advance(now, c.Live)
	d.shown.advance(now, running)
	d.speed.advance(now, running && waiting > 0 && c.Supply.Known && c.Supply.Free > 0 && int(d.admitted) >= d.cfg.Inside)
	if running && waiting <= 0 {
		d.moved = now
	}
	if weak.Off(weak.SlipUnknownStock) && !c.Supply.Known {
		c.Supply = Supply{Known: true, Free: math.MaxInt32, Unbooked: math.MaxInt32 / 2}
	}
	if !running || waiting <= 0 || !c.Supply.Known || c.Supply.Free <= 0 && !c.Supply.Standby {
		return d.admitted
	}
	tokens := int(d.tokens)
	room := d.cfg.Inside - c.Live - int(math.Ceil(float64(d.Expected())*d.Overlap()))
	if d.Overlap() < 1 {
		// Where not everybody expected is counted, an eighth stays for those who come late: it costs them nothing.
		room -= d.cfg.Inside / 8
	}
	// Everybody inside will want one of the unbooked. An eighth more may try, since some leave without booking; the last
	// seven are never promised twice.
	stock := min(margin(c.Supply.Unbooked)-c.Live-d.Promised(), margin(c.Supply.Free))
	if c.Supply.Standby { // whoever is called has a dose already
		stock = int(c.Supply.Called) - int(d.admitted)
	}
	if tokens <= min(room, stock, waiting) {
		d.pace.pressed = true
	}
	n := min(tokens, room, stock, waiting)
	return d.admitted + uint32(max(n, 0))
}

func margin(stock int) int { return stock + stock/8 }

// Admit tells that all numbers up to upTo have their turn as of now, durably. It never goes back.
func (d *Door) Admit(now time.Time, upTo uint32) {
	if upTo <= d.admitted {
		return
	}
	n := upTo - d.admitted
	d.tokens = max(d.tokens-float64(n), 0)
	d.shown.add(n)
	if int(d.admitted) >= d.cfg.Inside {
		d.speed.add(n)
	}
	for k := d.admitted + 1; k <= upTo; k++ {
		if d.hasClaimed(k) {
			d.grace.came(k)
			d.promised.came(k)
		}
	}
	d.admitted, d.moved = upTo, now
	d.waves = append(d.waves, Wave{now, upTo})
}

// Skip tells that admission goes on behind upTo, durably, since nobody has the numbers before it that were not admitted: they
// take no room, no stock and no time.
func (d *Door) Skip(now time.Time, upTo uint32) {
	if upTo <= d.admitted {
		return
	}
	for k := d.admitted + 1; k <= upTo; k++ {
		word, bit := int(k/64), uint64(1)<<(k%64)
		for word >= len(d.claims) {
			d.claims = append(d.claims, 0)
		}
		d.claims[word] |= bit
		d.grace.came(k)
		d.promised.came(k)
	}
	d.admitted, d.moved = upTo, now
	d.waves = append(d.waves, Wave{now, upTo})
}

// Expected is how many have had their turn within [Grace] and have not come yet.
func (d *Door) Expected() int { return d.grace.count(d.admitted) }

// Promised is how many have had their turn within [Promise] and have not come yet.
func (d *Door) Promised() int { return d.promised.count(d.admitted) }

// absent counts those who have had their turn within some time and have not come.
type absent struct {
	life    time.Duration
	next    int    // first of the door's waves whose time is not over
	settled uint32 // the time is over for numbers up to this
	claimed int    // how many of settled+1 … admitted came
}

func (a *absent) came(number uint32) {
	if number > a.settled {
		a.claimed++
	}
}

func (a *absent) count(admitted uint32) int { return int(admitted-a.settled) - a.claimed }

// settle ends the time of those admitted too long ago.
func (a *absent) settle(now time.Time, d *Door) {
	for a.next < len(d.waves) && now.Sub(d.waves[a.next].At) >= a.life {
		for k := a.settled + 1; k <= d.waves[a.next].UpTo; k++ {
			if d.hasClaimed(k) {
				a.claimed--
			}
		}
		a.settled = max(a.settled, d.waves[a.next].UpTo)
		a.next++
	}
}

// settle ends the times of those admitted too long ago. People who gathered were told to come back within a span after
// the opening, so nobody is given up before that span is over too.
func (d *Door) settle(now time.Time, gathered int) {
	var span time.Duration
	if gathered > 0 {
		delay, spread := gatherReturn(gathered)
		span = delay + spread
	}
	for _, a := range []*absent{&d.grace, &d.promised} {
		if !now.Before(d.cfg.Opens.Add(span + a.life)) {
			a.settle(now, d)
		}
	}
	if done := d.promised.next; done > 0 {
		d.waves = append(d.waves[:0], d.waves[done:]...)
		d.grace.next, d.promised.next = max(d.grace.next-done, 0), 0
	}
}

func (d *Door) hasClaimed(number uint32) bool {
	word := int(number / 64)
	return word < len(d.claims) && d.claims[word]&(1<<(number%64)) != 0
}

// refill brings the tokens to now. Time in which nobody may be let in brings none, and a clock that steps back waits.
func (d *Door) refill(now time.Time, running bool) {
	if d.last.Before(d.cfg.Opens) {
		d.last = d.cfg.Opens
	}
	dt := now.Sub(d.last)
	if dt <= 0 {
		return
	}
	d.last = now
	if !running {
		return
	}
	rate := d.pace.at(now, d.stays.mean())
	d.tokens = min(d.tokens+rate*dt.Seconds(), max(rate, 1))
	if weak.Off(weak.SlipFlood) {
		d.tokens = rate * dt.Seconds()
	}
}

// Overlap is what share of those expected is counted as inside; see [stays.overlap].
func (d *Door) Overlap() float64 { return d.stays.overlap() }

// PerMinute is the measured number of admissions in a minute: over the last one, or over the time since the opening
// while that is shorter. Pauses do not count.
func (d *Door) PerMinute() float64 { return d.shown.rate(60) * 60 }

// Moved is when admission last moved or had nobody to let in; zero before the first time.
func (d *Door) Moved() time.Time { return d.moved }

// Pace is how fast the door moves, for estimates.
func (d *Door) Pace() Pace {
	fixed := d.pace.rate
	// While there is stock, everybody inside makes room within the life of a pass, so it never gets slower than this.
	floor := min(fixed, float64(d.cfg.Inside)/d.cfg.PassLife.Seconds())
	seconds := d.speed.seconds
	if seconds >= paceFirst && d.speed.rate(paceFirst) >= 0.95*fixed {
		return Pace{Fast: fixed, Slow: max(0.85*fixed, floor), Measured: true} // the rate is what holds
	}
	if seconds < paceKnown || d.speed.rate(meterSeconds) == 0 {
		return Pace{Fast: fixed, Slow: floor, Head: max(d.cfg.Inside-int(d.admitted), 0)}
	}
	minute, five := d.speed.rate(60), d.speed.rate(meterSeconds)
	doubt := 0.04 + 12/float64(seconds) // 30 % when first known, 8 % after five minutes
	slow := max(min(minute, five)*(1-doubt), floor)
	return Pace{Fast: max(max(minute, five)*(1+doubt), slow), Slow: slow, Measured: true}
}

// The door's speed counts once the room was filled: the first fill goes at the full rate and says nothing of how fast
// people make room. After paceKnown seconds it is called measured, after paceFirst if it is the full rate still.
const (
	paceFirst = 5
	paceKnown = 45
)
