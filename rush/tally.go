package rush

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// callKind is a call of the contract, for the books.
type callKind uint8

const (
	callJoin callKind = iota
	callPlace
	callLine
	callPass
	callSites
	callSlots
	callHold
	callBook
	callMine
	callChange
	callCancel
	callRecipient
	callKinds
)

var callNames = [callKinds]string{
	"POST places", "GET place", "GET line", "POST passes", "GET sites", "GET slots", "POST holds", "POST bookings",
	"GET bookings", "PUT booking slot", "DELETE booking", "POST recipients",
}

// tally is the crowd's own books. Safe for concurrent use.
type tally struct {
	calls  [callKinds]callTally
	waits  [waitKinds]locked
	mu     sync.Mutex
	errors map[errorKey]int64

	sent, lost, cut            atomic.Int64
	places, passes, bookings   atomic.Int64
	cancels, changes, sameSeen atomic.Int64
	honest                     [callKinds]atomic.Int64
}

type callTally struct {
	n         atomic.Int64
	corrected locked // from the intended moment
	service   locked // from the moment of sending
}

// locked is a histogram of microseconds behind a lock, made at its first use.
type locked struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram
}

func (l *locked) record(d time.Duration) {
	us := max(1, min(d.Microseconds(), int64(time.Hour/time.Microsecond)))
	l.mu.Lock()
	if l.h == nil {
		l.h = hdrhistogram.New(1, int64(time.Hour/time.Microsecond), 3)
	}
	_ = l.h.RecordValue(us) // cannot fail: the value was clamped into the range
	l.mu.Unlock()
}

// waitKind is a wait that a person feels.
type waitKind uint8

const (
	waitPlace waitKind = iota // first visit → place
	waitTurn                  // opening, or first visit when later → turn
	waitBook                  // turn → booking
	waitAll                   // opening, or first visit when later → booking
	waitKinds
)

var waitNames = [waitKinds]string{"visit to place", "opening or visit to turn", "turn to booking", "opening or visit to booking"}

// errorKey names an error answer. Status 0 is a failed connection.
type errorKey struct {
	call   callKind
	status int
	code   string
}

func (t *tally) call(k callKind, corrected, service time.Duration) {
	c := &t.calls[k]
	c.n.Add(1)
	c.corrected.record(corrected)
	c.service.record(service)
}

func (t *tally) failed(k callKind, status int, code string) {
	if len(code) > 40 {
		code = code[:40]
	}
	if code == "" && status != 0 {
		code = strconv.Itoa(status)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.errors == nil {
		t.errors = map[errorKey]int64{}
	}
	key := errorKey{k, status, code}
	if _, ok := t.errors[key]; !ok && len(t.errors) >= 500 {
		key.code = "other"
	}
	t.errors[key]++
}
