package supply

import (
	"math"
	"time"

	"charye/internal/civil"
)

// Room is how much longer a box may be warmer than its store by an exposure: what is left of the budget of the mildest warm band, in which time
// further out counts too. A product whose rule has no such bound has room without end; without a rule for unopened vials there is none.
func (p *Product) Room(e *Exposure, on civil.Date) time.Duration {
	r := p.rule(Unopened, on)
	if r == nil {
		return 0
	}
	for i := range r.Bands {
		b := &r.Bands[i]
		if b.Side != Warm {
			continue
		}
		if b.Budget == Unlimited {
			break
		}
		spent := time.Duration(0)
		for o := i; o < len(r.Bands); o++ {
			spent += e.Time[Unopened][o]
		}
		return max(0, b.Budget-spent)
	}
	return math.MaxInt64
}

// Longest is the most time that vials may be in a stage, whatever the temperature; bound is false when the rules in force set none.
func (p *Product) Longest(s Stage, on civil.Date) (most time.Duration, bound bool) {
	r := p.rule(s, on)
	if r == nil {
		return 0, false
	}
	for i := range r.Bands {
		if r.Bands[i].Budget == Unlimited {
			return 0, false
		}
		most = max(most, r.Bands[i].Budget)
	}
	return most, true
}

// Travel says whether a box may make one more journey, and how long it may then be out of its store. Boxes that are not fit, or of which nothing is
// known for some of their way, may not, unless the caller passes that over; those with vials that were thawed or punctured never may.
func (x *Index) Travel(k SSCC, at AsOf, unknown bool) (room time.Duration, may bool) {
	j, err := x.Judge(k, at)
	if err != nil || len(j.Findings) > 0 || !unknown && !j.Fit() {
		return 0, false
	}
	for _, b := range x.boxes[x.bySSCC[k]].batches {
		if len(b.changes) > 0 {
			return 0, false
		}
	}
	for s := Thawed; s <= Punctured; s++ {
		for _, spent := range j.Exposure.Time[s] {
			if spent > 0 {
				return 0, false
			}
		}
	}
	b, _ := x.Box(k)
	return x.products[b.Product].Room(&j.Exposure, civil.Of(at.At, at.Zone)), true
}
