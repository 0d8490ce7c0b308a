package valkey

// Stats are counts of this node, for metrics. Reading them is cheap.
type Stats struct {
	JoinsWaiting  int // requests waiting for the next batch
	PassesWaiting int
	Leases        int // campaigns whose lease this node has
}

// Stats gives the present counts.
func (l *Line) Stats() Stats {
	s := Stats{PassesWaiting: l.passes.Waiting()}
	for _, p := range l.joins {
		s.JoinsWaiting += p.Waiting()
	}
	for _, ln := range l.lanes {
		ln.mu.Lock()
		if ln.token != "" {
			s.Leases++
		}
		ln.mu.Unlock()
	}
	return s
}
