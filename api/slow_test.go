package api

import (
	"context"
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

// TestJamOfJoins: as many join as there is room for, and the store of the line answers none of them; one more is sent away at once,
// and whoever is inside books all the same.
func TestJamOfJoins(t *testing.T) {
	t.Parallel()
	const room = 8
	b := newBench(t, func(o *Options) { o.MaxInFlight = room })
	letGo := make(chan struct{})
	var began, all sync.WaitGroup
	b.svc.hook["Join"] = func(context.Context) {
		began.Done()
		<-letGo
	}
	const join, auth = "POST /api/v1/campaigns/age-55-59/places", "Authorization: Bearer " + session
	for range room {
		began.Add(1)
		all.Go(func() { b.handler.ServeHTTP(httptest.NewRecorder(), request(join, auth)) })
	}
	began.Wait()
	wantStatus(t, b.do(join, auth), http.StatusServiceUnavailable)
	wantStatus(t, b.do("POST /api/v1/bookings", auth, "Charye-Pass: PASS-1", "Idempotency-Key: k-1", `{"slot":"s-1"}`), http.StatusCreated)
	wantStatus(t, b.do("POST /api/v1/campaigns/age-55-59/passes", auth, "Charye-Ticket: TICKET-1", `{"device":"a-telephone"}`), http.StatusCreated)
	wantStatus(t, b.do("GET /api/v1/campaigns/age-55-59/line"), http.StatusOK)
	close(letGo)
	all.Wait()
}
