package sqlite

import "sync/atomic"

// Stats are counts since the engine was opened, for metrics. Reading them is cheap.
type Stats struct {
	Places        int64 // places in memory, of all campaigns
	IndexBytes    int64 // memory that the places take
	JoinsWaiting  int   // requests waiting for the next commit
	PassesWaiting int
	JoinBatches   int64 // commits of joins, and the requests they answered
	JoinRequests  int64
	PassBatches   int64
	PassRequests  int64
}

type counters struct {
	places                    atomic.Int64
	joinBatches, joinRequests atomic.Int64
	passBatches, passRequests atomic.Int64
}

func (c *counters) joinBatch(n int) {
	c.joinBatches.Add(1)
	c.joinRequests.Add(int64(n))
}

func (c *counters) passBatch(n int) {
	c.passBatches.Add(1)
	c.passRequests.Add(int64(n))
}

// Stats gives the present counts.
func (l *Line) Stats() Stats {
	s := Stats{
		Places:       l.counters.places.Load(),
		JoinsWaiting: l.joins.Waiting(), PassesWaiting: l.passes.Waiting(),
		JoinBatches: l.counters.joinBatches.Load(), JoinRequests: l.counters.joinRequests.Load(),
		PassBatches: l.counters.passBatches.Load(), PassRequests: l.counters.passRequests.Load(),
	}
	for _, ln := range l.lanes {
		s.IndexBytes += ln.index.bytes()
		if o := ln.order.Load(); o != nil {
			s.IndexBytes += int64(4 * len(o.numbers))
		}
	}
	return s
}

func (x *index) bytes() int64 {
	n := int64(len(*x.chunks.Load())) * chunkKeys * 16
	for i := range x.tables {
		if t := x.tables[i].Load(); t != nil {
			n += int64(len(t.slots)) * 8
		}
	}
	return n
}
