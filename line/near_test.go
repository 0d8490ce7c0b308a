package line

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestNear: the number is the last whose expected wait, as its person is shown it, is within the time; nobody behind it is nearer.
func TestNear(t *testing.T) {
	t.Parallel()
	opens := time.Date(2021, 7, 12, 20, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		c := Config{Opens: opens, Closes: opens.Add(24 * time.Hour), Inside: 100, PerSecond: 10, PassLife: time.Minute}
		if rapid.Bool().Draw(t, "pause") {
			from := opens.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "pause from")) * time.Second)
			c.Pauses = []Window{{From: from, To: from.Add(time.Duration(rapid.IntRange(1, 3600).Draw(t, "pause for")) * time.Second)}}
		}
		now := opens.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "now")) * time.Second)
		slow := rapid.Float64Range(0, 20).Draw(t, "slow")
		unbooked := rapid.IntRange(1, 5000).Draw(t, "unbooked")
		v := View{
			Status: Status{Joined: rapid.IntRange(0, 5000).Draw(t, "joined")},
			Pace:   Pace{Fast: slow * rapid.Float64Range(1, 3).Draw(t, "fast"), Slow: slow, Head: rapid.IntRange(0, 100).Draw(t, "head")},
			Supply: Supply{Known: true, Free: unbooked, Unbooked: unbooked},
		}
		v.Admitted = uint32(rapid.IntRange(0, v.Joined).Draw(t, "admitted"))
		within := time.Duration(rapid.IntRange(1, 7200).Draw(t, "within")) * time.Second
		got := c.Near(&v, now, within)
		if got < v.Admitted || int(got) > v.Joined {
			t.Fatalf("number %d of %d, %d admitted", got, v.Joined, v.Admitted)
		}
		for number := v.Admitted + 1; int(number) <= v.Joined; number++ {
			p := c.Stand(Place{Number: number}, &v, now, 0.5)
			near := p.Wait[0] >= 0 && p.Wait[0]/2+p.Wait[1]/2 <= within && !v.Supply.beyond(p.Ahead)
			if near != (number <= got) {
				t.Fatalf("number %d waits %v, near is up to %d", number, p.Wait, got)
			}
		}
	})
}

func TestNobodyIsNear(t *testing.T) {
	t.Parallel()
	opens := time.Date(2021, 7, 12, 20, 0, 0, 0, time.UTC)
	c := Config{Opens: opens, Closes: opens.Add(time.Hour), Inside: 100, PerSecond: 10, PassLife: time.Minute}
	pace := Pace{Fast: 10, Slow: 10}
	supply := Supply{Known: true, Free: 1000, Unbooked: 1000}
	for name, x := range map[string]struct {
		v    View
		now  time.Time
		want uint32
	}{
		"in time":            {View{Status: Status{Joined: 900, Admitted: 10}, Pace: pace, Supply: supply}, opens, 10 + 599},
		"before the opening": {View{Status: Status{Joined: 900}, Pace: pace, Supply: supply}, opens.Add(-time.Second), 0},
		"closed":             {View{Status: Status{Joined: 900, Admitted: 10}, Pace: pace, Supply: supply}, opens.Add(time.Hour), 0},
		"sold out":           {View{Status: Status{Joined: 900, Admitted: 10, SoldOut: true}, Pace: pace, Supply: Supply{Known: true}}, opens, 0},
		"the stock calls":    {View{Status: Status{Joined: 900, Admitted: 10}, Pace: pace, Supply: Supply{Known: true, Free: 5, Unbooked: 5, Standby: true}}, opens, 0},
		"stock not told yet": {View{Status: Status{Joined: 900, Admitted: 10}, Pace: pace}, opens, 0},
		"no pace yet":        {View{Status: Status{Joined: 900, Admitted: 10}, Supply: supply}, opens, 10},
		"little stock":       {View{Status: Status{Joined: 900, Admitted: 10}, Pace: pace, Supply: Supply{Known: true, Free: 8, Unbooked: 8}}, opens, 10 + 61},
	} {
		if got := c.Near(&x.v, x.now, time.Minute); got != x.want {
			t.Errorf("%s: up to %d, want %d", name, got, x.want)
		}
	}
}
