package postgres

import (
	"context"
	"sync"
	"time"
)

// growth sees to it that the server knows how large the tables are. Its autovacuum does that too, where it is on, some time after many events came at
// once; until then it takes the tables for empty and reads all of them where a few pages would do.
type growth struct {
	mu      sync.Mutex
	next    int64 // at this number of events it is looked at again
	running sync.WaitGroup
	cancel  context.CancelFunc
	ended   bool
}

const (
	firstLook = 10_000
	lookFor   = time.Minute
)

// stop ends a look that is under way.
func (g *growth) stop() {
	g.mu.Lock()
	g.ended = true
	if g.cancel != nil {
		g.cancel()
	}
	g.mu.Unlock()
	g.running.Wait()
}

// grown is told how many events there are. When they are twice as many as at the last look, it looks beside the captures whether the server has
// counted them, and has it do so.
func (s *Store) grown(events int64) {
	g := &s.growth
	g.mu.Lock()
	defer g.mu.Unlock()
	if events < max(g.next, firstLook) || g.ended {
		return
	}
	g.next = 2 * events
	if g.cancel != nil {
		return // one is enough
	}
	var ctx context.Context
	ctx, g.cancel = context.WithTimeout(context.Background(), lookFor)
	g.running.Go(func() {
		defer func() {
			g.mu.Lock()
			g.cancel()
			g.cancel = nil
			g.mu.Unlock()
		}()
		var counted float32
		if err := s.db.QueryRow(ctx, `SELECT reltuples FROM pg_class WHERE oid = 'epcis_event'::regclass`).Scan(&counted); err != nil || 2*int64(counted) > events {
			return
		}
		// It blocks nobody. Who does not own the tables is told so by a warning, and nothing happens; so it is with any other failure.
		_, _ = s.db.Exec(ctx, `ANALYZE epcis_event, epcis_thing, epcis_mention, epcis_context`)
	})
}
