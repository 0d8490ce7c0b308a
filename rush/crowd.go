package rush

import (
	"sync"
	"time"
)

// standing is where a person is on the walk.
type standing uint8

const (
	away      standing = iota // has not come yet
	joining                   // wants a place and has none
	waiting                   // has a place
	inside                    // has a pass and is choosing
	booked                    // has a booking
	cancelled                 // had one and gave it back
	standby                   // sold out before the turn came; keeps the place
	unseated                  // had the turn, but nothing was left to book
	gone                      // gave up
	refused                   // may not book
	standings
)

var standingNames = [standings]string{"away", "joining", "waiting", "inside", "booked", "cancelled", "standby", "unseated", "gone", "refused"}

func (s standing) over() bool { return s >= booked }

// flags of a person.
const (
	isCheat uint16 = 1 << iota
	isHelped
	lostPlace    // an answer to a join was lost: a place may exist that nobody was told of
	lostBooking  // an answer to a booking was lost
	lostCancel   // an answer to a cancellation was lost
	mayRevisit   // came back after a pause already
	wasTurned    // the turn was seen
	wasRefused   // the server said not eligible
	movedBooking // changed the booking
	foundLater   // the booking was learnt of by a repeat
	leftHold     // was granted a hold, or lost the answer, and has not booked with it
)

// person is one member of the crowd. Guarded by the crowd's striped locks; [inner] exists only while its person is
// choosing.
type person struct {
	in       *inner
	ticket   uint64 // where it is in the tickets; 0 when there is none
	booking  uint64 // hash of the acknowledged booking's id
	came     uint32 // first visit, as intended; units
	placed   uint32 // place acknowledged
	turn     uint32 // turn seen
	number   uint32 // 0 until known
	requests uint16
	flags    uint16
	tries    uint8 // failures in a row
	state    standing
}

// inner is what a person needs only between turn and receipt.
type inner struct {
	pass            string
	site, day       string
	slot, hold      string
	id              string // of the booking, once known
	key             uint8  // the idempotency key's counter: a new one for each thing asked for
	holding         bool   // likes to hold first
	rounds          uint8  // how often a choice failed
	cursor          string
	expires         time.Time
	begun, bookedAt time.Duration
}

const stripes = 1024

// crowd is everybody: eligible people, then those who may not book, then recipients of helpers.
type crowd struct {
	people  []person
	locks   [stripes]sync.Mutex
	tickets arena
}

func (c *crowd) lock(i uint32) *person {
	c.locks[i%stripes].Lock()
	return &c.people[i]
}

func (c *crowd) unlock(i uint32) { c.locks[i%stripes].Unlock() }

// mark sets a flag of a person.
func (w *worker) mark(who uint32, flag uint16) {
	p := w.r.crowd.lock(who)
	p.flags |= flag
	w.r.crowd.unlock(who)
}

// arena keeps millions of tickets without a header or a garbage collector's glance for each. Safe for concurrent use.
type arena struct {
	mu     sync.RWMutex
	chunks [][]byte
}

const chunkSize = 1 << 20

// put keeps b (shorter than 64 KiB) and gives where: never 0.
func (a *arena) put(b string) uint64 {
	if len(b) == 0 || len(b) > 1<<16-1 {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	last := len(a.chunks) - 1
	if last < 0 || len(a.chunks[last])+len(b) > cap(a.chunks[last]) {
		a.chunks = append(a.chunks, make([]byte, 0, chunkSize))
		last++
	}
	at := len(a.chunks[last])
	a.chunks[last] = append(a.chunks[last], b...)
	return uint64(last)<<40 | uint64(at)<<16 | uint64(len(b))
}

// get gives what was put; it must not be changed.
func (a *arena) get(at uint64) []byte {
	if at == 0 {
		return nil
	}
	a.mu.RLock()
	chunk := a.chunks[at>>40]
	a.mu.RUnlock()
	from := int(at >> 16 & (1<<24 - 1))
	return chunk[:cap(chunk)][from : from+int(at&(1<<16-1))]
}
