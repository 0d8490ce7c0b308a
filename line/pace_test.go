package line_test

import (
	"math"
	"testing"
	"time"

	"charye/line"
)

// plant is a service that bears so many bookings a second: more wait in a row, and each is told when its turn in it came. People
// think before they book. With hiccups it stands still for some seconds in every minute, as when a machine is busy with other things.
type plant struct {
	bears    float64 // bookings a second
	thinks   time.Duration
	hiccups  bool
	due      []int // people who will book, by the quarter second
	backlog  float64
	inside   int
	finished float64
}

// run goes on for so many seconds and gives how many bookings were made.
func (p *plant) run(d *line.Door, now *time.Time, seconds int) float64 {
	const step = 250 * time.Millisecond
	before := p.finished
	for i := range seconds * 4 {
		*now = now.Add(step)
		from := d.Admitted()
		next := d.Next(*now, line.Crowd{Numbers: math.MaxUint32, Live: p.inside, Supply: stock(1e9)})
		d.Admit(*now, next)
		for k := from + 1; k <= next; k++ {
			d.Claimed(k)
		}
		p.inside += int(next - from)
		p.due = append(p.due, int(next-from))
		if late := len(p.due) - int(p.thinks/step); late >= 0 {
			p.backlog += float64(p.due[late])
		}
		can := p.bears * step.Seconds()
		if p.hiccups && i/4%60 < 5 {
			can = 0
		}
		done := min(p.backlog, can)
		p.backlog -= done
		p.finished += done
		p.inside -= int(done)
		latency := 20*time.Millisecond + time.Duration(p.backlog/p.bears*float64(time.Second))
		for range int(done) {
			d.Observe(latency)
		}
	}
	return p.finished - before
}

// TestAutomaticPaceUsesWhatIsThere: an automatic door keeps a service busy that it does not know, though what it lets in shows only
// after people have thought; also when the service stands still now and then.
func TestAutomaticPaceUsesWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		plant plant
		least float64 // share of what it bears
	}{
		{"quick people", plant{bears: 300, thinks: 2 * time.Second}, 0.7},
		{"people who think for ten seconds", plant{bears: 300, thinks: 10 * time.Second}, 0.7},
		{"people who think for half a minute", plant{bears: 150, thinks: 30 * time.Second}, 0.7},
		{"a service with hiccups", plant{bears: 300, thinks: 10 * time.Second, hiccups: true}, 0.6},
		{"a small service", plant{bears: 5, thinks: 10 * time.Second}, 0.7},
	} {
		cfg := config()
		cfg.PerSecond, cfg.Inside = 0, 6000
		d := line.NewDoor(cfg, nil)
		now := opens
		c.plant.run(d, &now, 120)
		const minutes = 10
		got := c.plant.run(d, &now, minutes*60) / (c.plant.bears * minutes * 60)
		t.Logf("%s: %.0f %% of what it bears", c.name, 100*got)
		if got < c.least {
			t.Errorf("%s: %.0f %% of what the service bears, want %.0f %%", c.name, 100*got, 100*c.least)
		}
	}
}
