package programme

import (
	"testing"

	"charye/internal/civil"
)

func TestLeftoverDays(t *testing.T) {
	t.Parallel()
	day := func(n int) civil.Date { return civil.New(2021, 7, n) }
	bounded := &Leftovers{From: day(26), Until: day(28)}
	for _, c := range []struct {
		rules     *Leftovers
		on        civil.Date
		now, over bool
	}{
		{nil, day(26), false, true},
		{&Leftovers{}, day(1), true, false},
		{bounded, day(25), false, false},
		{bounded, day(26), true, false},
		{bounded, day(28), true, false},
		{bounded, day(29), false, true},
	} {
		if got, over := c.rules.On(c.on), c.rules.Ended(c.on); got != c.now || over != c.over {
			t.Errorf("%+v on %v: offered %v and over %v, want %v and %v", c.rules, c.on, got, over, c.now, c.over)
		}
	}
}
