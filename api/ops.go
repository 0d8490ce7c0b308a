package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"
)

func getHealth(_ *face, x *exchange) error {
	x.write(http.StatusOK, jsonType, []byte(`{"status":"alive"}`))
	return nil
}

// readiness asks the stores at most once a second and by one caller at a time, however many ask it.
type readiness struct {
	asking sync.Mutex

	mu   sync.Mutex
	at   time.Time // of the answer; zero before the first
	last error
}

// readyTimeout is how long the stores may take to answer.
const readyTimeout = 2 * time.Second

var errNotAsked = errors.New("the stores have not been asked yet")

func (r *readiness) check(now time.Time, ask func(context.Context) error) error {
	if ask == nil {
		return errNotAsked
	}
	if err, fresh := r.known(now); fresh || !r.asking.TryLock() {
		return err // whoever asks right now will know soon; meanwhile the last answer counts
	}
	defer r.asking.Unlock()
	// Not the caller's context: a prober that hangs up early must not make us look broken.
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	err := ask(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.last = now, err
	return err
}

func (r *readiness) known(now time.Time) (last error, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() {
		return errNotAsked, false
	}
	return r.last, now.Sub(r.at) < time.Second
}

func getReady(f *face, x *exchange) error {
	if err := f.ready.check(x.now, f.opts.Ready); err != nil {
		return overloaded("Not ready: a store does not answer.", err)
	}
	if f.opts.Waiting != nil {
		if list := f.opts.Waiting(); len(list) > 0 {
			b, err := json.Marshal(struct {
				Status  string   `json:"status"`
				Waiting []string `json:"waiting"`
			}{"ready", list})
			if err != nil {
				return err
			}
			x.write(http.StatusOK, jsonType, b)
			return nil
		}
	}
	x.write(http.StatusOK, jsonType, []byte(`{"status":"ready"}`))
	return nil
}

func getMetrics(f *face, x *exchange) error {
	x.w.Header()["Cache-Control"] = noStore
	f.metrics.ServeHTTP(noted{x.w, x}, x.r)
	return nil
}
