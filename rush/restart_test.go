package rush

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestRushSurvivesAServerThatIsKilledAndComesBack cuts every connection in the middle of the rush, leaves the port closed
// for a while, and opens it again with the same state behind it.
func TestRushSurvivesAServerThatIsKilledAndComesBack(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	state := newRotten("", time.Second, 2*time.Second, 90)
	kill := make(chan struct{})
	var once sync.Once
	first := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		state.ServeHTTP(w, q)
		state.mu.Lock()
		defer state.mu.Unlock()
		if state.live >= 20 {
			once.Do(func() { close(kill) })
		}
	})}
	second := &http.Server{Handler: state, ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { _ = first.Serve(l) })
	serving.Go(func() {
		<-kill
		_ = first.Close()
		<-time.After(500 * time.Millisecond)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Errorf("the port could not be opened again: %v", err)
			return
		}
		_ = second.Serve(l)
	})
	s := tiny()
	s.Late = 2 * time.Second
	r, err := Run(context.Background(), Config{
		Targets: []string{"http://" + addr}, Scenario: s, Session: rottenSession, Conns: 16, Seed: 3,
		MaxDuration: 30 * time.Second, Settle: 500 * time.Millisecond,
	})
	_ = second.Close()
	serving.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() {
		t.Errorf("violations: %+v %v", r.Violations, r.Breaches)
	}
	if r.LostAnswers == 0 {
		t.Error("no connection was lost: the server was not away")
	}
	if r.Recheck.Live != 90 || r.Places != 150 {
		t.Errorf("%d live bookings, %d places; want 90 and 150", r.Recheck.Live, r.Places)
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := tiny()
	for name, cfg := range map[string]Config{
		"not this machine": {Targets: []string{"http://192.0.2.1"}, Scenario: s, Session: rottenSession},
		"no sessions":      {Targets: []string{"http://127.0.0.1:1"}, Scenario: s},
		"no scenario":      {Targets: []string{"http://127.0.0.1:1"}, Session: rottenSession},
	} {
		if _, err := Run(context.Background(), cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Config{Targets: []string{"http://127.0.0.1:1"}, Scenario: s, Session: rottenSession}); err == nil {
		t.Error("a cancelled run gave no error")
	}
}
