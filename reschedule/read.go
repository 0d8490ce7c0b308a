package reschedule

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"charye/booking"
	"charye/internal/civil"
)

// Contents is what a plan says, for those who are asked to agree to it.
type Contents struct {
	SHA256   [32]byte // of the whole file
	Campaign string
	Why      string
	Made     time.Time
	Moves    int
	Days     map[civil.Date]Day // how many leave and come
	// Of the plan's own last line; Unplaced is -1 where it has none, as those written before it had.
	Unplaced, Own, Kept int
}

// end is the last line of a plan: what is not among its moves.
type end struct {
	Looked   int `json:"looked"`
	Own      int `json:"own"`
	Kept     int `json:"kept"`
	Unplaced int `json:"unplaced"`
}

// line is any line of a plan behind the first.
type line struct {
	Move
	End *end `json:"end,omitempty"`
}

// lines reads a plan's header, then gives its moves, numbered as lines of the file, and its last line.
func lines(plan io.Reader, programme string, move func(h *header, n int, m Move) error) (h header, last *end, err error) {
	in := bufio.NewScanner(plan)
	in.Buffer(make([]byte, 0, 1<<16), 1<<16)
	if !in.Scan() || json.Unmarshal(in.Bytes(), &h) != nil || h.Reschedule != programme {
		return h, nil, fmt.Errorf("%w: it begins with %q, want one made for %s", ErrPlan, clip(in.Text()), programme)
	}
	for n := 2; in.Scan(); n++ {
		var l line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil || last != nil || l.End == nil && (l.Booking == 0 || l.Dose < 2) {
			return h, last, fmt.Errorf("%w: line %d is no move", ErrPlan, n)
		}
		if l.End != nil {
			last = l.End
		} else if err := move(&h, n, l.Move); err != nil {
			return h, last, err
		}
	}
	if err := in.Err(); err != nil {
		return h, last, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	return h, last, nil
}

// Read reads a whole plan.
func Read(plan io.Reader, programme string) (c Contents, err error) {
	sum := sha256.New()
	c.Days = map[civil.Date]Day{}
	h, last, err := lines(io.TeeReader(plan, sum), programme, func(_ *header, n int, m Move) error {
		from, err1 := booking.ParseSlot(m.From)
		to, err2 := booking.ParseSlot(m.To)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("%w: line %d goes from %q to %q", ErrPlan, n, clip(m.From), clip(m.To))
		}
		c.Moves++
		c.day(from.Day, 1, 0)
		c.day(to.Day, 0, 1)
		return nil
	})
	if err != nil {
		return c, err
	}
	c.SHA256 = [32]byte(sum.Sum(nil))
	c.Campaign, c.Why, c.Made, c.Unplaced = h.Campaign, h.Why, h.Made, -1
	if last != nil {
		c.Unplaced, c.Own, c.Kept = last.Unplaced, last.Own, last.Kept
	}
	return c, nil
}

func (c *Contents) day(d civil.Date, leave, come int) {
	was := c.Days[d]
	c.Days[d] = Day{Leave: was.Leave + leave, Come: was.Come + come}
}

// mostDays is how many days a summary names one by one.
const mostDays = 25

// Lines tells the plan, or its undoing, for people.
func (c *Contents) Lines(undo bool) []string {
	what := "Move"
	if undo {
		what = "Undo: move back"
	}
	out := []string{
		fmt.Sprintf("%s %d follow-up doses of campaign %s, one for each person (%s, planned %s)", what, c.Moves, c.Campaign, c.Why, c.Made.Format("2006-01-02 15:04 MST")),
	}
	switch {
	case c.Unplaced < 0:
		out = append(out, "The plan does not say how many find no free seat")
	case !undo:
		out = append(out, fmt.Sprintf("%d find no free seat nearer at their site and stay; %d were moved by the people themselves and stay; %d stay because they asked for it", c.Unplaced, c.Own, c.Kept))
	}
	s := Summary{Days: c.Days}
	for i, d := range s.sortedDays() {
		if i == mostDays {
			return append(out, fmt.Sprintf("and %d days more", len(c.Days)-i))
		}
		v := c.Days[d]
		if undo {
			v.Leave, v.Come = v.Come, v.Leave
		}
		out = append(out, fmt.Sprintf("%s: %d leave, %d come", d, v.Leave, v.Come))
	}
	return out
}

// Body is what two people agree to: exactly this plan, in this direction.
func (c *Contents) Body(programme string, undo bool) []byte {
	b, err := json.Marshal(struct {
		Do        string    `json:"do"`
		Programme string    `json:"programme"`
		Campaign  string    `json:"campaign"`
		Why       string    `json:"why"`
		Made      time.Time `json:"made"`
		Moves     int       `json:"moves"`
		SHA256    string    `json:"sha256"`
	}{map[bool]string{false: "apply", true: "undo"}[undo], programme, c.Campaign, c.Why, c.Made, c.Moves, fmt.Sprintf("%x", c.SHA256)})
	if err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return b
}
