package sqlite

import (
	"sync"

	"charye/line"
)

// inside holds the live passes of a campaign, by seq. It mirrors what is durable: changes come after their commit.
type inside struct {
	mu    sync.RWMutex
	live  map[uint32]livePass
	swept int64 // expired passes are gone as of this Unix second
}

type livePass struct {
	serial  uint64
	expires int64 // Unix seconds; not live from this second on
	device  line.Device
}

func (in *inside) find(seq uint32, sec int64) (livePass, bool) {
	in.mu.RLock()
	p, ok := in.live[seq]
	in.mu.RUnlock()
	return p, ok && sec < p.expires
}

// count is the number of live passes. Passes end on whole seconds, so one sweep a second keeps it exact.
func (in *inside) count(sec int64) int {
	in.mu.RLock()
	n, swept := len(in.live), in.swept
	in.mu.RUnlock()
	if sec <= swept {
		return n
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for seq, p := range in.live {
		if p.expires <= sec {
			delete(in.live, seq)
		}
	}
	in.swept = sec
	return len(in.live)
}

func (in *inside) set(seq uint32, p livePass) {
	in.mu.Lock()
	in.live[seq] = p
	in.mu.Unlock()
}

func (in *inside) end(seq uint32) {
	in.mu.Lock()
	delete(in.live, seq)
	in.mu.Unlock()
}
