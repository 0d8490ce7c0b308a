package line

import (
	"math"
	"sort"
	"time"
)

// Near gives the number up to which everybody's turn has come, or is expected within the given time: by the middle of the
// range that a person at that number is shown ([Config.Stand]), pauses counted in, and never beyond the people the stock will
// reach. 0 while nobody can be let in: before the opening, after the closing, sold out, or where the stock calls people. Pure.
func (c *Config) Near(v *View, now time.Time, within time.Duration) uint32 {
	if now.Before(c.Opens) || !now.Before(c.Closes) || v.SoldOut || v.Supply.Standby || !v.Supply.Known {
		return 0
	}
	waiting := max(v.Joined-int(v.Admitted), 0)
	far := sort.Search(waiting, func(ahead int) bool { // both conditions only ever turn once as one goes back in the line
		if v.Supply.beyond(ahead) {
			return true
		}
		p := Place{Number: v.Admitted + uint32(ahead) + 1, State: Waiting, Ahead: ahead}
		w := c.wait(p, v, now)
		return w[0] < 0 || w[0]/2+w[1]/2 > within
	})
	return uint32(min(int64(v.Admitted)+int64(far), math.MaxUint32))
}
