package supply

import (
	"errors"
	"fmt"
	"time"

	"charye/internal/civil"
)

// Side says on which side of the place of storage a band lies. Freezing and heat are judged apart: time on one side never
// makes up for time on the other.
type Side uint8

// The sides.
const (
	Store Side = iota // where the product is meant to be
	Cold
	Warm
)

func (s Side) String() string { return [...]string{"store", "cold", "warm"}[min(s, Warm)] }

// Unlimited is the budget of a band in which a product may stay until it expires.
const Unlimited time.Duration = -1

// Band is a stretch of temperatures with one budget.
type Band struct {
	Name string
	Side Side
	// Upto is the warmest temperature of the band; the band begins just above (a millionth of a degree) the Upto of the one before. So
	// 2.0 and 8.0 are both within 2-8 °C when the bands end at 1.999999, 8 and Hottest. The last band ends at [Hottest].
	Upto Celsius
	// Budget is the longest that a box may be here or further out on this side, summed over its whole chain: exactly the budget
	// is within it. 0: not for a moment.
	Budget time.Duration
}

// MaxBands is the most bands of a rule.
const MaxBands = 8

// Rule is what holds for a stage of a product from a day on, until the next rule of that stage.
type Rule struct {
	From  civil.Date
	Stage Stage
	Bands []Band // from cold to warm
}

// Product is how a product is stored: dated, since what is allowed changes with what the makers learn (in 2021 the time that
// one vaccine may be kept at 2-8 °C went from 5 days to 31).
type Product struct {
	ID    string
	GTINs []GTIN
	Rules []Rule // any order
}

// ErrRules is wrapped by what [Product.Validate] finds.
var ErrRules = errors.New("storage rules")

// Validate reports what makes rules unusable.
func (p *Product) Validate() error {
	seen := map[ruleKey]bool{}
	for i := range p.Rules {
		r := &p.Rules[i]
		wrong := func(format string, args ...any) error {
			return fmt.Errorf("%w of %s, %s from %s: %s", ErrRules, p.ID, r.Stage, r.From, fmt.Sprintf(format, args...))
		}
		if k := (ruleKey{r.From, r.Stage}); seen[k] {
			return wrong("there are two")
		} else {
			seen[k] = true
		}
		if len(r.Bands) == 0 || len(r.Bands) > MaxBands || r.Bands[len(r.Bands)-1].Upto != Hottest {
			return wrong("want 1 to %d bands, the last up to %s", MaxBands, Hottest)
		}
		stores, side := 0, Cold
		for j, b := range r.Bands {
			switch {
			case b.Name == "":
				return wrong("band %d has no name", j+1)
			case j > 0 && b.Upto <= r.Bands[j-1].Upto:
				return wrong("band %s is not warmer than the one before", b.Name)
			case b.Budget < 0 && b.Budget != Unlimited:
				return wrong("band %s has a budget below nothing", b.Name)
			case b.Side == Cold && side != Cold, b.Side == Store && side == Warm:
				return wrong("band %s is %s, but lies above a warmer one", b.Name, b.Side)
			}
			side = b.Side
			if b.Side == Store {
				stores++
			}
		}
		if stores == 0 {
			return wrong("no band is the place of storage")
		}
	}
	if p.ID == "" || p.rule(Unopened, 1<<30) == nil {
		return fmt.Errorf("%w of %q: want an id and at least one rule for unopened vials", ErrRules, p.ID)
	}
	return nil
}

// ruleKey names a rule of a product.
type ruleKey struct {
	From  civil.Date
	Stage Stage
}

// rule is the one in force on a day; nil when there is none yet.
func (p *Product) rule(s Stage, on civil.Date) (best *Rule) {
	for i := range p.Rules {
		if r := &p.Rules[i]; r.Stage == s && r.From <= on && (best == nil || r.From > best.From) {
			best = r
		}
	}
	return best
}

// band gives the place of a temperature in the rule. Bands are few: a search from the cold end is the quickest.
func (r *Rule) band(c Celsius) int {
	for i := range r.Bands {
		if c <= r.Bands[i].Upto {
			return i
		}
	}
	return len(r.Bands) - 1
}

// below is the temperature that the band at i begins above.
func (r *Rule) below(i int) Celsius {
	if i == 0 {
		return AbsoluteZero - 1
	}
	return r.Bands[i-1].Upto
}
