package api

import (
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"charye/internal/ratelimit"
	"charye/walk"
)

// class groups routes that share a rate.
type class uint8

const (
	classOps      class = iota // never limited: those who run the service ask here
	classPublic                // the same answer for everybody
	classPoll                  // a place by its ticket
	classRead                  // a person's own things
	classJoin                  // joining and entering
	classBook                  // holding, booking, changing, cancelling
	classIdentity              // what could be used to guess identity numbers
	classCount
)

// Pair is the rate of one class of calls: for one person, and for one network address.
type Pair struct{ Person, Address ratelimit.Rate }

// Limits are the rates of all classes of calls. A zero rate in a Limits that is not zero as a whole allows everything.
type Limits struct {
	// Off takes all rates away. A rush of thousands of people from one loopback address needs that; it is meant for
	// programmes marked as a trial.
	Off bool
	// Keys is how many people and addresses are remembered; default 262,144, about 16 MB.
	Keys int

	Public, Poll, Read, Join, Book, Identity Pair
}

// DefaultLimits are generous to addresses, because a mobile carrier puts tens of thousands of people behind one, and
// ample for a person: DESIGN 9 counts on 12 requests for one who books. Identity is narrow: it is for typing, and typing
// errors, not for guessing.
func DefaultLimits() Limits {
	r := ratelimit.PerSecond
	return Limits{
		Keys:     1 << 18,
		Public:   Pair{Address: r(2000, 20_000)},
		Poll:     Pair{Person: r(2, 30), Address: r(2000, 20_000)},
		Read:     Pair{Person: r(2, 30), Address: r(1000, 10_000)},
		Join:     Pair{Person: r(1, 20), Address: r(1000, 10_000)},
		Book:     Pair{Person: r(1, 20), Address: r(500, 5000)},
		Identity: Pair{Person: r(1.0/30, 10), Address: r(5, 100)},
	}
}

func (l Limits) orDefault() Limits {
	if l == (Limits{}) {
		return DefaultLimits()
	}
	if l.Keys <= 0 {
		l.Keys = 1 << 18
	}
	return l
}

func (l *Limits) of(c class) Pair {
	switch c {
	case classPublic:
		return l.Public
	case classPoll:
		return l.Poll
	case classRead:
		return l.Read
	case classJoin:
		return l.Join
	case classBook:
		return l.Book
	case classIdentity:
		return l.Identity
	default:
		return Pair{}
	}
}

// limitAddress takes one request from the rate of the caller's network address.
func (f *face) limitAddress(x *exchange) error {
	if f.asked == nil {
		return nil
	}
	rate := f.limits.of(x.route.class).Address
	if rate.Unlimited() {
		return nil
	}
	key := ratelimit.Key{Class: uint8(x.route.class), ID: network(clientAddr(x.r, f.opts.TrustedProxies))}
	return tooOften(f.asked.Allow(key, rate, x.now))
}

// limitPerson takes one request from the rate of the verified person.
func (f *face) limitPerson(x *exchange) error {
	if f.asked == nil {
		return nil
	}
	rate := f.limits.of(x.route.class).Person
	key := ratelimit.Key{Class: uint8(classCount + x.route.class), ID: x.actor.Key}
	return tooOften(f.asked.Allow(key, rate, x.now))
}

func tooOften(wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	return &walk.Error{Code: walk.RateLimited, Detail: "Too many requests. The place in the line is kept.", RetryAfter: wait}
}

// network is what a rate is kept for: an IPv4 address, or the /64 that one IPv6 customer has.
func network(a netip.Addr) [16]byte {
	if a.Is6() && !a.Is4In6() {
		if p, err := a.Prefix(64); err == nil {
			a = p.Addr()
		}
	}
	return a.As16()
}

// clientAddr is the address the request comes from: the peer, or, when the peer is a trusted proxy, the last address in
// X-Forwarded-For that no trusted proxy wrote about itself. An address that cannot be read is the zero address, whose
// rate all such callers share.
func clientAddr(r *http.Request, trusted []netip.Prefix) netip.Addr {
	var addr netip.Addr
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		addr = ap.Addr().Unmap().WithZone("")
	} else {
		addr = netip.IPv6Unspecified()
	}
	if len(trusted) == 0 || !within(addr, trusted) {
		return addr
	}
	lines := r.Header.Values("X-Forwarded-For")
	for i := len(lines) - 1; i >= 0; i-- {
		hops := strings.Split(lines[i], ",")
		for j := len(hops) - 1; j >= 0; j-- {
			hop, err := netip.ParseAddr(strings.TrimSpace(hops[j]))
			if err != nil {
				return addr
			}
			addr = hop.Unmap().WithZone("")
			if !within(addr, trusted) {
				return addr
			}
		}
	}
	return addr
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// The lanes: groups of routes with one bound on requests in flight, so that a jam in one does not close the others. The
// waiting page lives in lanePublic and stays alive when every store is jammed. What somebody does who was let in has a lane of its
// own: however many join, poll and look, entering and booking go on. A request that is turned away by its lane costs least where
// asking again costs the person nothing.
const (
	laneOps = iota
	lanePublic
	laneWork // joining, polling, looking things up
	laneBook // entering, holding, booking, changing, cancelling
	laneBulk
	laneCount
)

var laneNames = [laneCount]string{"ops", "public", "work", "book", "bulk"}

type lane struct {
	max   int64
	n     atomic.Int64
	gauge interface {
		Inc()
		Dec()
	}
}

// enter takes a place in the lane, or refuses at once.
func (l *lane) enter() error {
	if l.n.Add(1) > l.max {
		l.n.Add(-1)
		return overloaded("More than we can serve well right now. The place in the line is kept.", nil)
	}
	l.gauge.Inc()
	return nil
}

func (l *lane) leave() {
	l.n.Add(-1)
	l.gauge.Dec()
}

// overloaded spreads the return of those it sends away over some seconds.
func overloaded(detail string, cause error) error {
	return &walk.Error{Code: walk.Overloaded, Detail: detail, RetryAfter: time.Duration(1+rand.IntN(4)) * time.Second, Err: cause}
}
