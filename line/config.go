package line

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Validate reports what makes c unfit to run a line, naming the field.
func (c Config) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Opens.Before(c.Gathers) {
		wrong("opens %v is before gathers %v", c.Opens, c.Gathers)
	}
	if !c.Opens.Before(c.Closes) {
		wrong("closes %v is not after opens %v", c.Closes, c.Opens)
	}
	for i, w := range c.Pauses {
		if !w.From.Before(w.To) {
			wrong("pause %d ends at %v, not after its start %v", i+1, w.To, w.From)
		}
	}
	if c.Inside < 1 {
		wrong("inside is %d, must be at least 1", c.Inside)
	}
	if math.IsNaN(c.PerSecond) || math.IsInf(c.PerSecond, 0) || c.PerSecond < 0 {
		wrong("perSecond is %v, must be 0 (auto) or more", c.PerSecond)
	}
	if c.PassLife < time.Second {
		wrong("pass life is %v, must be at least a second", c.PassLife)
	}
	if len(errs) > 0 {
		return fmt.Errorf("line of campaign %d: %w", c.Campaign, errors.Join(errs...))
	}
	return nil
}

// PausedAt reports whether admission stands still at now because of a pause, and when it goes on. Pauses that touch or
// overlap count as one.
func (c *Config) PausedAt(now time.Time) (until time.Time, paused bool) {
	until = now
	for again := true; again; {
		again = false
		for _, w := range c.Pauses {
			if !until.Before(w.From) && until.Before(w.To) {
				until, paused, again = w.To, true, true
			}
		}
	}
	return until, paused
}

// admitting reports whether people may be let in at now as far as the dates say.
func (c *Config) admitting(now time.Time) bool {
	if now.Before(c.Opens) || !now.Before(c.Closes) {
		return false
	}
	_, paused := c.PausedAt(now)
	return !paused
}

// PassExpiry is when a pass made at now runs out: PassLife later, in whole seconds, and never after the closing.
func (c *Config) PassExpiry(now time.Time) time.Time {
	t := now.Add(c.PassLife)
	sec := t.Unix()
	if t.Nanosecond() > 0 {
		sec++
	}
	return time.Unix(min(sec, c.Closes.Unix()), 0).UTC()
}
