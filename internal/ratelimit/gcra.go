// Package ratelimit says how often somebody may ask: the generic cell rate algorithm as a pure function, and [Memory],
// a bounded store of the one instant it keeps for each key.
//
// It owns the arithmetic and its memory. It must not know who or what a key stands for, nor of HTTP; time is passed in.
package ratelimit

import (
	"math"
	"time"
)

// Rate allows Burst requests at once and one more every Every. The zero Rate allows everything.
type Rate struct {
	Every time.Duration // time that one request costs
	Burst int           // most requests at once, at least 1
}

// PerSecond is a rate of n requests a second, burst at once.
func PerSecond(n float64, burst int) Rate {
	return Rate{Every: time.Duration(float64(time.Second) / n), Burst: burst}
}

// Unlimited reports whether r allows everything.
func (r Rate) Unlimited() bool { return r.Every <= 0 }

// tolerance is how far the arrival time may run ahead of the clock. It saturates: a burst too long to count is a limit
// that is never met.
func (r Rate) tolerance() int64 {
	burst := int64(max(r.Burst, 1) - 1)
	if burst > 0 && int64(r.Every) > math.MaxInt64/4/burst {
		return math.MaxInt64 / 4
	}
	return int64(r.Every) * burst
}

// Spend takes one request at the instant now from a key whose theoretical arrival time is tat; both are nanoseconds on
// one clock, and a key never seen has tat 0. It gives the new tat to keep. When the request is over the rate, wait is
// positive: how long until one would be allowed; tat then moves no further ahead, so that refused requests cost nothing.
//
// Generic cell rate algorithm, virtual scheduling form: ITU-T I.371 Annex A. A request conforms when it is no earlier than
// tat − tolerance, with tolerance = Every·(Burst−1); then tat becomes max(tat, now) + Every. No tat is further ahead than
// tolerance + Every by the clock that it was made by: one that is was made before the clock was put back, and counts as that
// far ahead, so that nobody waits for the hour that a clock was wrong by.
func (r Rate) Spend(tat, now int64) (newTAT int64, wait time.Duration) {
	if r.Unlimited() {
		return tat, 0
	}
	tat = min(tat, now+r.tolerance()+int64(r.Every))
	if early := tat - r.tolerance() - now; early > 0 {
		return tat, time.Duration(early)
	}
	return max(tat, now) + int64(r.Every), 0
}
