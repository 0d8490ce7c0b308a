package reduce

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"charye/booking/moves"
)

// Contents is what a plan says, for those who are asked to agree to it.
type Contents struct {
	SHA256   [32]byte // of the whole file
	Campaign string
	Doses    int // that went
	Why      string
	Made     time.Time
	Losses   int
	Kinds    map[Kind]int
}

// Read reads a whole plan, of which every line must be right.
func Read(plan io.Reader, r moves.Rules) (out Contents, err error) {
	sum := sha256.New()
	c := carrier{rules: r}
	out.Kinds = map[Kind]int{}
	if err := c.read(io.TeeReader(plan, sum), func(x loss) error {
		out.Losses++
		out.Kinds[x.Kind]++
		return nil
	}); err != nil {
		return out, err
	}
	out.SHA256 = [32]byte(sum.Sum(nil))
	out.Campaign, out.Doses, out.Why, out.Made = c.head.Campaign, c.head.Doses, c.head.Why, c.head.Made
	return out, nil
}

// Lines tells the plan, or its undoing, for people.
func (c *Contents) Lines(undo bool) []string {
	what := "Take"
	if undo {
		what = "Undo: give back"
	}
	return []string{
		fmt.Sprintf("%s %d doses of campaign %s (%s, planned %s)", what, c.Doses, c.Campaign, c.Why, c.Made.Format("2006-01-02 15:04 MST")),
		fmt.Sprintf("%d people who booked last: %d another product, %d another day, %d first in standby", c.Losses, c.Kinds[OtherProduct], c.Kinds[OtherDay], c.Kinds[Standby]),
	}
}

// Body is what two people agree to: exactly this plan, in this direction.
func (c *Contents) Body(programme string, undo bool) []byte {
	b, err := json.Marshal(struct {
		Do        string    `json:"do"`
		Programme string    `json:"programme"`
		Campaign  string    `json:"campaign"`
		Why       string    `json:"why"`
		Made      time.Time `json:"made"`
		Losses    int       `json:"losses"`
		SHA256    string    `json:"sha256"`
	}{map[bool]string{false: "reduce", true: "undo a reduction"}[undo], programme, c.Campaign, c.Why, c.Made, c.Losses, fmt.Sprintf("%x", c.SHA256)})
	if err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return b
}
