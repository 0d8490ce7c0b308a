package epcis_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"charye/supply/epcis"
)

// troubled is a store whose captures fail, or take as long as hold says.
type troubled struct {
	epcis.Store
	mu   sync.Mutex
	err  error
	hold chan struct{}
	most int // events of several jobs in one capture
}

func (s *troubled) set(err error, hold chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.hold = err, hold
}

func (s *troubled) Capture(ctx context.Context, jobs []epcis.Job) ([]epcis.Outcome, error) {
	s.mu.Lock()
	err, hold := s.err, s.hold
	n := 0
	for _, j := range jobs {
		n += len(j.Events)
	}
	if len(jobs) > 1 {
		s.most = max(s.most, n)
	}
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if err != nil {
		return nil, err
	}
	return s.Store.Capture(ctx, jobs)
}

// TestTemporary: what passes is 503 with a time to come back, never 500; and then the same is taken.
func TestTemporary(t *testing.T) {
	t.Parallel()
	s := &troubled{Store: engines["sqlite"](t)}
	c := serve(t, s)
	for i, err := range []error{epcis.ErrBusy, epcis.ErrUnknown, context.DeadlineExceeded} {
		s.set(fmt.Errorf("capture: %w", err), nil)
		got := c.do("POST", "/epcis/v2/events", shipped(fmt.Sprint(i), box, 9))
		if got.status != 503 || got.header.Get("Retry-After") == "" {
			t.Errorf("%v: %d, Retry-After %q, %s", err, got.status, got.header.Get("Retry-After"), got.body)
		}
		s.set(nil, nil)
		if got := c.do("POST", "/epcis/v2/events", shipped(fmt.Sprint(i), box, 9)); got.status != 201 {
			t.Errorf("afterwards: %d %s", got.status, got.body)
		}
	}
}

// TestPatience: a client is not kept longer than it waits. What it told goes on, and is there when it asks again.
func TestPatience(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	s := &troubled{Store: engines["sqlite"](t), hold: hold}
	c := serveFor(t, s, 50*time.Millisecond)
	if got := c.do("POST", "/epcis/v2/events", shipped("1", box, 9)); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.set(nil, nil)
	close(hold)
	c.face.Stop() // waits for what goes on
	if got := c.events("/epcis/v2/events"); len(got) != 1 {
		t.Errorf("%d events are there", len(got))
	}
}

// TestOneLane: while a capture is under way others wait, and are committed together, but no more than a slow store can do in time.
func TestOneLane(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	s := &troubled{Store: engines["sqlite"](t), hold: hold}
	c := serve(t, s)
	var wg sync.WaitGroup
	capture := func(n int) {
		wg.Go(func() {
			if got := c.do("POST", "/epcis/v2/capture", custodyOf(n*700, 700)); got.status != 202 {
				t.Errorf("document %d: %d %s", n, got.status, got.body)
			}
		})
	}
	for n := range 6 {
		capture(n)
	}
	for c.face.Waiting() < 4 { // one is being committed, one may be in between
		runtime.Gosched()
	}
	s.set(nil, nil)
	close(hold)
	wg.Wait()
	if s.most == 0 || s.most > 2000 {
		t.Errorf("%d events were committed together", s.most)
	}
	if got := c.events("/epcis/v2/events?perPage=1000&EQ_action=DELETE"); len(got) != 6*700/eventsOfBox {
		t.Errorf("%d boxes were unpacked, want %d", len(got), 6*700/eventsOfBox)
	}
}
