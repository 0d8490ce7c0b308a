package line_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"charye/line"
)

var opens = time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)

func config() line.Config {
	return line.Config{
		Campaign: 1, Gathers: opens.Add(-time.Hour), Opens: opens, Closes: opens.AddDate(0, 0, 5), Draw: true,
		Inside: 1000, PerSecond: 100, PassLife: 10 * time.Minute,
	}
}

func stock(n int) line.Supply { return line.Supply{Known: true, Free: n, Unbooked: n} }

// TestSkip: numbers that nobody has cost nothing, and those behind them are let in as if they had never been.
func TestSkip(t *testing.T) {
	t.Parallel()
	opens := time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)
	run := func(gap uint32) (inside uint32) {
		d := line.NewDoor(line.Config{Campaign: 1, Gathers: opens, Opens: opens, Closes: opens.Add(24 * time.Hour), Inside: 50, PerSecond: 10, PassLife: time.Minute}, nil)
		for i := range 40 {
			now := opens.Add(time.Duration(i) * 250 * time.Millisecond)
			up := d.Next(now, line.Crowd{Numbers: 10_000, Supply: line.Supply{Known: true, Free: 60, Unbooked: 60}})
			d.Admit(now, min(up, 20+gap))
			if d.Admitted() == 20 && gap > 0 {
				d.Skip(now, 20+gap)
			}
			if d.Admitted() >= 20+gap {
				up = d.Next(now, line.Crowd{Numbers: 10_000, Supply: line.Supply{Known: true, Free: 60, Unbooked: 60}})
				d.Admit(now, up)
			}
		}
		return d.Admitted() - gap
	}
	if without, with := run(0), run(5000); with < without-2 || with > without+2 {
		t.Errorf("%d are let in without a gap, %d with one", without, with)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	if err := config().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*line.Config){
		"opens before it gathers": func(c *line.Config) { c.Gathers = opens.Add(1) },
		"closes as it opens":      func(c *line.Config) { c.Closes = opens },
		"pause backwards":         func(c *line.Config) { c.Pauses = []line.Window{{From: opens, To: opens}} },
		"nobody inside":           func(c *line.Config) { c.Inside = 0 },
		"negative rate":           func(c *line.Config) { c.PerSecond = -1 },
		"no rate":                 func(c *line.Config) { c.PerSecond = math.NaN() },
		"endless rate":            func(c *line.Config) { c.PerSecond = math.Inf(1) },
		"pass of no time":         func(c *line.Config) { c.PassLife = time.Millisecond },
	} {
		c := config()
		spoil(&c)
		if c.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestPausedAt(t *testing.T) {
	t.Parallel()
	c := config()
	at := func(m int) time.Time { return opens.Add(time.Duration(m) * time.Minute) }
	c.Pauses = []line.Window{{at(30), at(40)}, {at(10), at(20)}, {at(20), at(25)}, {at(35), at(50)}}
	for m, want := range map[int]int{9: -1, 10: 25, 19: 25, 20: 25, 24: 25, 25: -1, 30: 50, 45: 50, 50: -1} {
		until, paused := c.PausedAt(at(m))
		if paused != (want >= 0) || paused && !until.Equal(at(want)) {
			t.Errorf("minute %d: paused %v until %v", m, paused, until)
		}
	}
}

func TestPassExpiry(t *testing.T) {
	t.Parallel()
	c := config()
	for _, x := range []struct{ now, want time.Time }{
		{opens, opens.Add(10 * time.Minute)},
		{opens.Add(1), opens.Add(10*time.Minute + time.Second)},
		{c.Closes.Add(-time.Minute), c.Closes},
	} {
		if got := c.PassExpiry(x.now); !got.Equal(x.want) {
			t.Errorf("at %v: %v, want %v", x.now, got, x.want)
		}
	}
}

// One step of the door from a standstill: which limit holds.
func TestDoorLimits(t *testing.T) {
	t.Parallel()
	late := opens.Add(time.Hour)
	for name, x := range map[string]struct {
		now   time.Time
		crowd line.Crowd
		want  uint32
	}{
		"the rate, one second's worth": {late, line.Crowd{Numbers: 5000, Supply: stock(1e6)}, 100},
		"the rate since the opening":   {opens.Add(500 * time.Millisecond), line.Crowd{Numbers: 5000, Supply: stock(1e6)}, 50},
		"the numbers":                  {late, line.Crowd{Numbers: 7, Supply: stock(1e6)}, 7},
		"the room":                     {late, line.Crowd{Numbers: 5000, Live: 990, Supply: stock(1e6)}, 10},
		"no room":                      {late, line.Crowd{Numbers: 5000, Live: 1500, Supply: stock(1e6)}, 0},
		"the stock":                    {late, line.Crowd{Numbers: 5000, Supply: stock(7)}, 7},
		"the stock and an eighth":      {late, line.Crowd{Numbers: 5000, Supply: stock(80)}, 90},
		"stock wanted by those inside": {late, line.Crowd{Numbers: 5000, Live: 70, Supply: stock(80)}, 20},
		"all held":                     {late, line.Crowd{Numbers: 5000, Supply: line.Supply{Known: true, Unbooked: 50}}, 0},
		"few free, many held":          {late, line.Crowd{Numbers: 5000, Live: 50, Supply: line.Supply{Known: true, Free: 3, Unbooked: 53}}, 3},
		"sold out":                     {late, line.Crowd{Numbers: 5000, Supply: stock(0)}, 0},
		"supply not told":              {late, line.Crowd{Numbers: 5000, Supply: line.Supply{Free: 5, Unbooked: 5}}, 0},
		"before the opening":           {opens.Add(-1), line.Crowd{Numbers: 5000, Supply: stock(1e6)}, 0},
		"at the closing":               {config().Closes, line.Crowd{Numbers: 5000, Supply: stock(1e6)}, 0},
		"in the pause":                 {opens.Add(2 * time.Hour), line.Crowd{Numbers: 5000, Supply: stock(1e6)}, 0},
	} {
		c := config()
		c.Pauses = []line.Window{{opens.Add(2 * time.Hour), opens.Add(3 * time.Hour)}}
		d := line.NewDoor(c, nil)
		if got := d.Next(x.now, x.crowd); got != x.want {
			t.Errorf("%s: %d, want %d", name, got, x.want)
		}
		if d.Admitted() != 0 {
			t.Errorf("%s: admitted without Admit", name)
		}
		if again := d.Next(x.now, x.crowd); again != x.want {
			t.Errorf("%s: asked again %d, want %d", name, again, x.want)
		}
	}
}

// However time, crowd and stock go, admission only grows and no limit is passed; restored from its waves a door goes on
// under the same limits.
func TestDoorProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := config()
		c.PerSecond = rapid.SampledFrom([]float64{0.3, 1, 7.5, 100, 5000}).Draw(t, "rate")
		c.Inside = rapid.IntRange(1, 2000).Draw(t, "inside")
		c.Pauses = []line.Window{{opens.Add(20 * time.Second), opens.Add(40 * time.Second)}}
		d := line.NewDoor(c, nil)
		now, running := opens, 0.0
		var waves []line.Wave
		crowd := line.Crowd{}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			dt := time.Duration(rapid.IntRange(-100, 3000).Draw(t, "dt")) * time.Millisecond
			_, paused := c.PausedAt(now)
			now = now.Add(dt)
			if dt > 0 {
				running += dt.Seconds()
			}
			crowd.Numbers += uint32(rapid.IntRange(0, 500).Draw(t, "joined"))
			crowd.Supply = stock(rapid.IntRange(0, 3000).Draw(t, "stock"))
			before, expected := d.Admitted(), d.Expected()
			next := d.Next(now, crowd)
			if next < before || next > max(crowd.Numbers, before) {
				t.Fatalf("from %d to %d of %d numbers", before, next, crowd.Numbers)
			}
			n := float64(next - before)
			if n > 0 {
				// Within Next some may have been given up, never more than were expected.
				if crowd.Live+int(n) > c.Inside || float64(crowd.Live)+d.Overlap()*float64(d.Expected())+n > float64(c.Inside) {
					t.Fatalf("%v let in beside %d live and %d expected (%d before), inside is %d", n, crowd.Live, d.Expected(), expected, c.Inside)
				}
				if s := crowd.Supply.Unbooked; crowd.Live+d.Promised()+int(n) > s+s/8 {
					t.Fatalf("%v let in beside %d live and %d promised for a stock of %d", n, crowd.Live, d.Promised(), s)
				}
				if _, p := c.PausedAt(now); p || now.Before(opens) {
					t.Fatalf("%v let in at %v", n, now)
				}
			}
			if total := float64(next); total > c.PerSecond*running+max(c.PerSecond, 1)+1e-6 {
				t.Fatalf("%v let in within %v s of a rate of %v (paused before: %v)", total, running, c.PerSecond, paused)
			}
			if rapid.Bool().Draw(t, "durable") && next > before {
				d.Admit(now, next)
				waves = append(waves, line.Wave{At: now, UpTo: next})
				for k := before + 1; k <= next; k++ {
					if rapid.IntRange(0, 3).Draw(t, "comes") > 0 {
						d.Claimed(k)
						d.Claimed(k)
						crowd.Live++
					}
				}
			}
			if e := d.Expected(); e < 0 || e > int(d.Admitted()) {
				t.Fatalf("%d expected of %d admitted", e, d.Admitted())
			}
			crowd.Live -= rapid.IntRange(0, crowd.Live).Draw(t, "left")
		}
		if r := line.NewDoor(c, waves); r.Admitted() != d.Admitted() {
			t.Fatalf("restored, %d are admitted, were %d", r.Admitted(), d.Admitted())
		}
	})
}

// The automatic rate gives way when bookings get slow and comes back when they are fast again.
func TestAutomaticRate(t *testing.T) {
	t.Parallel()
	c := config()
	c.PerSecond, c.Inside = 0, 6000
	d := line.NewDoor(c, nil)
	now := opens
	// settled runs a minute in which bookings take as long as latency says of the rate, and gives the rate at its end.
	settled := func(latency func(rate float64) time.Duration) float64 {
		rate := 0.0
		for range 240 {
			now = now.Add(250 * time.Millisecond)
			before := d.Admitted()
			next := d.Next(now, line.Crowd{Numbers: math.MaxUint32, Supply: stock(1e9)})
			d.Admit(now, next)
			for k := before + 1; k <= next; k++ {
				d.Claimed(k) // and leaves at once: only the rate holds
			}
			rate += (4*float64(next-before) - rate) / 20
			for range 20 {
				d.Observe(latency(4 * float64(next-before)))
			}
		}
		return rate
	}
	fast := settled(func(float64) time.Duration { return 50 * time.Millisecond })
	if fast < 150 {
		t.Errorf("with fast bookings the rate is %.0f, it began at 100", fast)
	}
	slow := settled(func(float64) time.Duration { return time.Second })
	if slow > fast/20 {
		t.Errorf("with slow bookings the rate is %.1f, it was %.0f", slow, fast)
	}
	// Minutes that are slow by fits and starts, as when a machine is busy with something else, leave no memory of a tiny limit.
	n := 0
	fits := settled(func(float64) time.Duration {
		n++
		return time.Duration(50+950*(n/100%2)) * time.Millisecond
	})
	if fits > fast/5 {
		t.Errorf("by fits and starts the rate is %.1f, it was %.0f", fits, fast)
	}
	again := 0.0
	for range 3 {
		again = settled(func(float64) time.Duration { return 50 * time.Millisecond })
	}
	if again < 100 {
		t.Errorf("three minutes after the fits and starts the rate is %.1f, want at least the first 100", again)
	}
	capacity := 80.0
	found := 0.0
	for range 5 {
		found = settled(func(rate float64) time.Duration {
			return time.Duration(float64(line.LatencyTarget) * math.Pow(rate/capacity, 2))
		})
	}
	if found < capacity*0.5 || found > capacity*1.25 {
		t.Errorf("the rate settles at %.0f, the system bears %.0f", found, capacity)
	}
}

// A door whose room is not used up does not raise its rate: there is nothing to learn from that.
func TestAutomaticRateStaysWhenRoomIsFull(t *testing.T) {
	t.Parallel()
	c := config()
	c.PerSecond, c.Inside = 0, 600
	d := line.NewDoor(c, nil)
	now := opens
	for range 400 {
		now = now.Add(250 * time.Millisecond)
		if n := d.Next(now, line.Crowd{Numbers: 1e6, Live: 600, Supply: stock(1e6)}); n != 0 {
			t.Fatalf("%d let into a full room", n)
		}
		for range 20 {
			d.Observe(time.Millisecond)
		}
	}
	now = now.Add(time.Minute)
	if n := d.Next(now, line.Crowd{Numbers: 1e6, Supply: stock(1e6)}); n != 40 {
		t.Errorf("a second's worth is %d, want the first rate of 40", n)
	}
}

func TestPerMinute(t *testing.T) {
	t.Parallel()
	c := config()
	c.Pauses = []line.Window{{opens.Add(10 * time.Minute), opens.Add(20 * time.Minute)}}
	d := line.NewDoor(c, nil)
	step := func(now time.Time) {
		before := d.Admitted()
		n := d.Next(now, line.Crowd{Numbers: 1e9, Supply: stock(1e9)})
		d.Admit(now, n)
		for k := before + 1; k <= n; k++ {
			d.Claimed(k)
		}
	}
	for now := opens; now.Before(opens.Add(30 * time.Minute)); now = now.Add(250 * time.Millisecond) {
		step(now)
		if at := now.Sub(opens); at > 15*time.Second && math.Abs(d.PerMinute()-6000) > 300 {
			t.Fatalf("%v after the opening %v a minute, want 6000", at, d.PerMinute())
		}
	}
}

// Who joins a line that has stood empty for long is told to ask again in seconds; before a full room, less often.
func TestPollBeforeTheDoor(t *testing.T) {
	t.Parallel()
	c := config()
	d := line.NewDoor(c, nil)
	poll := func(now time.Time, jitter float64) time.Duration {
		v := &line.View{Status: line.Status{Admitted: d.Admitted(), Drawn: true}, Pace: d.Pace(), Moved: d.Moved()}
		return c.Stand(line.Place{Seq: 51, Number: 51}, v, now, jitter).PollAfter
	}
	now := opens.Add(time.Second)
	d.Admit(now, d.Next(now, line.Crowd{Numbers: 50, Supply: stock(100)}))
	now = opens.Add(time.Hour)
	d.Next(now, line.Crowd{Numbers: 50, Supply: stock(100)})
	if got := poll(now, 0.999); got > 3*time.Second {
		t.Errorf("next in line after a quiet hour: ask again in %v", got)
	}
	later := now.Add(20 * time.Second)
	d.Next(later, line.Crowd{Numbers: 51, Live: c.Inside, Supply: stock(100)})
	if got := poll(later, 0); got < 10*time.Second || got > 30*time.Second {
		t.Errorf("next in line before a room that has been full for 20 s: ask again in %v", got)
	}
}

// waiter is somebody in the simulated line.
type waiter struct {
	next  time.Time // of the next poll
	polls int
	turn  time.Time // when their number was called
	came  time.Time // when they noticed
}

// TestSimulatedLine lets people wait who do as they are told: few polls each, nobody forgotten, nobody much late, the
// estimates true.
func TestSimulatedLine(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		people int
		config func(*line.Config)
		stay   time.Duration // inside
		noShow int           // every so many never come
	}{
		"the rate holds":  {20_000, func(*line.Config) {}, 2 * time.Second, 0},
		"the room holds":  {8_000, func(c *line.Config) { c.Inside = 500 }, 30 * time.Second, 0},
		"many never come": {6_000, func(c *line.Config) { c.Inside = 500 }, 30 * time.Second, 3},
		"small and slow":  {200, func(c *line.Config) { c.PerSecond = 1 }, 20 * time.Second, 0},
		"a pause in the midst": {6_000, func(c *line.Config) {
			c.Pauses = []line.Window{{opens.Add(20 * time.Second), opens.Add(3 * time.Minute)}}
		}, 2 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config()
			x.config(&c)
			simulate(t, c, x.people, x.stay, x.noShow)
		})
	}
}

func simulate(t *testing.T, c line.Config, people int, stay time.Duration, noShow int) {
	rng := rand.New(rand.NewPCG(5, 6))
	d := line.NewDoor(c, nil)
	view := &line.View{Status: line.Status{Joined: people}}
	ws := make([]waiter, people)
	for i := range ws {
		at := opens.Add(-time.Duration(rng.IntN(3600)) * time.Second)
		p := c.Stand(line.Place{Seq: uint32(i) + 1}, view, at, rng.Float64())
		if p.State != line.Gathering || p.PollAfter < opens.Sub(at) {
			t.Fatalf("gathering: %+v", p)
		}
		ws[i] = waiter{next: at.Add(p.PollAfter)}
	}
	leaving := make(map[int]int) // by tick
	live, first, mostInside, mostAtOnce := 0, 0, 0, 0
	good, said := 0, 0
	type promise struct {
		number int
		lo, hi time.Time
	}
	var promises []promise
	for now := opens; ; now = now.Add(250 * time.Millisecond) {
		live -= leaving[int(now.Sub(opens)/(250*time.Millisecond))]
		next := d.Next(now, line.Crowd{Numbers: uint32(people), Gathered: people, Live: live, Supply: stock(10 * people)})
		for k := d.Admitted(); k < next; k++ {
			ws[k].turn = now
		}
		d.Admit(now, next)
		view = &line.View{Status: line.Status{Joined: people, Admitted: next, Drawn: true}, Pace: d.Pace(), Moved: d.Moved()}
		asked := 0
		for i := first; i < people; i++ {
			w := &ws[i]
			if !w.came.IsZero() {
				if i == first {
					first++
				}
				continue
			}
			if w.next.After(now) {
				continue
			}
			asked++
			w.polls++
			p := c.Stand(line.Place{Seq: 1, Number: uint32(i) + 1}, view, now, rng.Float64())
			if p.PollAfter < line.MinPoll || p.PollAfter > line.MaxPoll {
				t.Fatalf("poll after %v", p.PollAfter)
			}
			if p.State == line.Admitted {
				w.came = now
				if noShow == 0 || i%noShow != 0 {
					d.Claimed(p.Number)
					live++
					leaving[int(now.Add(stay/2+time.Duration(rng.Int64N(int64(stay)))).Sub(opens)/(250*time.Millisecond))]++
				}
				continue
			}
			if p.Ahead != i-int(next) || p.Wait[0] < 0 || p.Wait[1] < p.Wait[0] {
				t.Fatalf("number %d of %d admitted: %+v", i+1, next, p)
			}
			promises = append(promises, promise{i, now.Add(p.Wait[0]), now.Add(p.Wait[1])})
			w.next = now.Add(p.PollAfter)
		}
		mostInside, mostAtOnce = max(mostInside, live), max(mostAtOnce, asked)
		if first == people {
			break
		}
		if now.Sub(opens) > 6*time.Hour {
			t.Fatalf("after six hours number %d of %d has not come in", first+1, people)
		}
	}
	for _, p := range promises {
		said++
		// One poll's resolution either way.
		if turn := ws[p.number].turn; !turn.Before(p.lo.Add(-2*time.Second)) && !turn.After(p.hi.Add(2*time.Second)) {
			good++
		}
	}
	polls, late, most := 0, time.Duration(0), 0
	for i, w := range ws {
		polls += w.polls
		most = max(most, w.polls)
		late += w.came.Sub(w.turn)
		if i > 0 && w.turn.Before(ws[i-1].turn) {
			t.Fatalf("number %d had its turn before number %d", i+1, i)
		}
	}
	average, lateAverage := float64(polls)/float64(people), late/time.Duration(people)
	t.Logf("%.2f polls each, at most %d, %d in one step; %v late on average; %d of %d estimates true; %d inside of %d",
		average, most, mostAtOnce, lateAverage.Round(time.Second/10), good, said, mostInside, c.Inside)
	if average > 5 {
		t.Errorf("%.2f polls each, want at most 5", average)
	}
	if most > 12 {
		t.Errorf("somebody polled %d times", most)
	}
	if mostInside > 2*c.Inside {
		t.Errorf("%d inside, limit %d", mostInside, c.Inside)
	}
	if good*100 < said*85 {
		t.Errorf("%d of %d estimates came true", good, said)
	}
}

// Whoever stands far behind the stock looks in rarely; whoever may get a dose is told as before.
func TestPollsBehindTheStock(t *testing.T) {
	t.Parallel()
	c := config()
	now := opens.Add(time.Minute)
	v := &line.View{
		Status: line.Status{Joined: 5000, Admitted: 100, Drawn: true}, Pace: line.Pace{Fast: 100, Slow: 100, Measured: true}, Moved: now,
		Supply: stock(1000),
	}
	for ahead, rarely := range map[int]bool{10: false, 1000: false, 1300: false, 1301: true, 4000: true} {
		p := c.Stand(line.Place{Seq: 1, Number: uint32(101 + ahead)}, v, now, 0.5)
		if got := p.PollAfter >= line.MaxPoll*3/4; got != rarely {
			t.Errorf("%d ahead of a stock of 1000: poll after %v", ahead, p.PollAfter)
		}
		if p.State != line.Waiting || p.Wait[0] < 0 {
			t.Errorf("%d ahead: %s, wait %v", ahead, p.State, p.Wait)
		}
	}
}

func TestPollsWhenNobodySaysThePace(t *testing.T) {
	t.Parallel()
	c := config()
	v := &line.View{Status: line.Status{Joined: 5000, Admitted: 100, Drawn: true}}
	p := c.Stand(line.Place{Seq: 1, Number: 300}, v, opens.Add(time.Minute), 0.5)
	if p.State != line.Waiting || p.Wait[0] >= 0 || p.PollAfter > 30*time.Second {
		t.Errorf("%s, wait %v, poll after %v: nobody sleeps long on what is not known", p.State, p.Wait, p.PollAfter)
	}
	p = c.Stand(line.Place{Seq: 1, Number: 300}, v, c.Closes, 0.5)
	if p.PollAfter < line.MaxPoll*3/4 {
		t.Errorf("closed: poll after %v", p.PollAfter)
	}
}
