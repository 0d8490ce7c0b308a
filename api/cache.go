package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"charye/internal/clock"
)

// entry is an encoded answer, ready to be sent to anybody.
type entry struct {
	body   []byte
	etag   []string // as a header's values
	length []string
	until  time.Time // fresh before this
}

func newEntry(body []byte) *entry {
	h := sha256.Sum256(body)
	return &entry{
		body:   body,
		etag:   []string{`"` + hex.EncodeToString(h[:16]) + `"`},
		length: []string{strconv.Itoa(len(body))},
	}
}

// cache keeps encoded public answers for a moment, so that a crowd costs what one costs. Errors are not kept. Safe for
// concurrent use.
type cache struct {
	ttl      time.Duration
	maxBytes int
	now      clock.Func

	flight singleflight.Group
	mu     sync.RWMutex
	m      map[string]*entry
	bytes  int
}

func newCache(ttl time.Duration, maxBytes int, now clock.Func) *cache {
	return &cache{ttl: ttl, maxBytes: maxBytes, now: now, m: make(map[string]*entry)}
}

// fillTimeout bounds the making of one answer; it belongs to all who wait for it and so not to one caller's context.
const fillTimeout = 5 * time.Second

// get gives the answer of key, no older than the ttl. When it must be made, one caller makes it for all who ask.
func (c *cache) get(ctx context.Context, key string, now time.Time, build func(context.Context) ([]byte, error)) (*entry, error) {
	c.mu.RLock()
	e := c.m[key]
	c.mu.RUnlock()
	if e != nil && now.Before(e.until) {
		return e, nil
	}
	ch := c.flight.DoChan(key, func() (v any, err error) {
		// singleflight lets a panic end the process.
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fillTimeout)
		defer cancel()
		asked := c.now() // before asking, so that the ttl counts from when the facts were true
		body, err := build(ctx)
		if err != nil {
			return nil, err
		}
		e := newEntry(body)
		e.until = asked.Add(c.ttl)
		c.put(key, e, asked)
		return e, nil
	})
	select {
	case r := <-ch:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*entry), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// entryOverhead is about what an entry takes beside its body.
const entryOverhead = 512

func (e *entry) cost(key string) int { return len(e.body) + len(key) + entryOverhead }

func (c *cache) put(key string, e *entry, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(key)
	if c.bytes+e.cost(key) > c.maxBytes {
		for k, old := range c.m {
			if !now.Before(old.until) {
				c.drop(k)
			}
		}
	}
	if c.bytes+e.cost(key) > c.maxBytes {
		clear(c.m) // all of it is a second old at most
		c.bytes = 0
	}
	if e.cost(key) > c.maxBytes {
		return
	}
	c.m[key] = e
	c.bytes += e.cost(key)
}

func (c *cache) drop(key string) {
	if old := c.m[key]; old != nil {
		c.bytes -= old.cost(key)
		delete(c.m, key)
	}
}

var (
	maxAge1   = []string{"public, max-age=1"}
	maxAge2   = []string{"public, max-age=2"}
	maxAge60  = []string{"public, max-age=60"}
	maxAge300 = []string{"public, max-age=300"}
)

// public sends an answer that anybody may keep, or 304 to who has it.
func (x *exchange) public(e *entry, contentType, cacheControl []string) {
	h := x.w.Header()
	h["Cache-Control"] = cacheControl
	h["Etag"] = e.etag
	if match := x.r.Header["If-None-Match"]; len(match) > 0 && matches(match, e.etag[0]) {
		x.begin(http.StatusNotModified)
		return
	}
	h["Content-Type"] = contentType
	h["Content-Length"] = e.length
	x.begin(http.StatusOK)
	x.writing(len(e.body))
	_, _ = x.w.Write(e.body) // a failed write is a client that has gone
}

// matches is the weak comparison that If-None-Match asks for (RFC 9110 13.1.2).
func matches(header []string, etag string) bool {
	for _, line := range header {
		for part := range strings.SplitSeq(line, ",") {
			part = strings.TrimSpace(part)
			if part == "*" || strings.TrimPrefix(part, "W/") == etag {
				return true
			}
		}
	}
	return false
}
