package api

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// stuck is a client that takes no byte of its answer until it is let go.
type stuck struct {
	http.ResponseWriter
	began *sync.WaitGroup
	letGo chan struct{}
}

func (s stuck) Write(b []byte) (int, error) {
	s.began.Done()
	<-s.letGo
	return s.ResponseWriter.Write(b)
}

// TestSlowReaders: more clients than a lane has room for do not take their answers, and the lane is free for others.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"GET /healthz", "GET /metrics", "GET /api/v1/campaigns"} {
		b := newBench(t, func(o *Options) { o.MaxInFlight = 64 })
		letGo := make(chan struct{})
		var began, all sync.WaitGroup
		for range 100 {
			began.Add(1)
			all.Go(func() {
				b.handler.ServeHTTP(stuck{httptest.NewRecorder(), &began, letGo}, request(line))
			})
			began.Wait()
		}
		wantStatus(t, b.do(line), http.StatusOK)
		close(letGo)
		all.Wait()
	}
}
