package rush

import "math"

// rng is a SplitMix64 generator (Steele, Lea and Flood 2014): eight bytes of state, so that a person's traits can be
// recomputed from the seed and the person's number instead of being stored.
type rng struct{ s uint64 }

// traits gives the generator of one person (or thing) for one purpose.
func traits(seed uint64, n uint32, purpose uint64) rng {
	r := rng{seed ^ uint64(n)*0x9e3779b97f4a7c15 ^ purpose*0xd1342543de82ef95}
	r.next()
	return r
}

func (r *rng) next() uint64 {
	r.s += 0x9e3779b97f4a7c15
	z := r.s
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below gives a number in [0, n); n > 0.
func (r *rng) below(n uint64) uint64 { return r.next() % n }

// unit gives a number in [0, 1).
func (r *rng) unit() float64 { return float64(r.next()>>11) / (1 << 53) }

// chance reports true with probability p.
func (r *rng) chance(p float64) bool { return r.unit() < p }

// exp gives an exponentially distributed number with mean 1.
func (r *rng) exp() float64 { return -math.Log(1 - r.unit()) }

// normal gives a standard normal number (Box and Muller 1958).
func (r *rng) normal() float64 {
	return math.Sqrt(2*r.exp()) * math.Cos(2*math.Pi*r.unit())
}
