package rush

import (
	"sync"
	"time"
)

// job is something that somebody is to do at a time.
type job struct {
	at  time.Duration // intended time of the run; latency counts from here
	who uint32
	do  action
	arg uint8
}

// wheel is a hashed timer wheel: pushing is cheap from any goroutine, due jobs come out in order of their tick.
type wheel struct {
	mu    sync.Mutex
	slots [][]packed
	next  int64 // first tick not yet taken
	n     int
}

type packed struct {
	at  uint32
	who uint32
	do  action
	arg uint8
}

const (
	tick       = 5 * time.Millisecond
	wheelSlots = 1 << 14 // 82 seconds a turn
)

func newWheel() *wheel { return &wheel{slots: make([][]packed, wheelSlots)} }

// push schedules a job; one in the past is due at once.
func (w *wheel) push(j job) {
	w.mu.Lock()
	t := max(int64(j.at/tick), w.next)
	s := &w.slots[t%wheelSlots]
	*s = append(*s, packed{pack(j.at), j.who, j.do, j.arg})
	w.n++
	w.mu.Unlock()
}

// due appends all jobs whose tick is over at now.
func (w *wheel) due(now time.Duration, to []job) []job {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := int64(now / tick)
	for ; w.next <= last; w.next++ {
		slot := w.slots[w.next%wheelSlots]
		keep := slot[:0]
		for _, p := range slot {
			if int64(unpack(p.at)/tick) > w.next { // a later turn of the wheel
				keep = append(keep, p)
				continue
			}
			to = append(to, job{unpack(p.at), p.who, p.do, p.arg})
			w.n--
		}
		if len(keep) == 0 && cap(slot) > 256 {
			keep = nil
		}
		w.slots[w.next%wheelSlots] = keep
	}
	return to
}

// pending is how many jobs wait.
func (w *wheel) pending() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}
