package valkey_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"charye/internal/clock"
	"charye/line"
	"charye/line/linetest"
	"charye/line/valkey"
	"charye/test/services/redis"
)

// The tests here need real servers and CHARYE_E2E=1.

func TestConformanceSingle(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	linetest.Run(t, conforming([]string{s.Addr}, valkey.Options{}))
}

func TestConformanceCluster(t *testing.T) {
	t.Parallel()
	c := redis.StartCluster(t, 3)
	linetest.Run(t, conforming(c.Addresses(), valkey.Options{Replicas: 1}))
}

var prefixes atomic.Int64

func freshPrefix() string { return fmt.Sprintf("t%d", prefixes.Add(1)) }

// conforming opens engines that share nothing but the store.
func conforming(addrs []string, o valkey.Options) linetest.Open {
	return func(t *testing.T, configs []line.Config, now clock.Func, names line.Pseudonyms) linetest.Engine {
		o := o
		o.Addresses, o.Prefix, o.Clock, o.Pseudonyms, o.Buckets = addrs, freshPrefix(), now, names, 16
		// Only one who asks for it, as ClearLeases does, ends a lease here: the machine's speed must not.
		o.Lease = time.Hour
		return openEngine(t, configs, o)
	}
}

func openEngine(t *testing.T, configs []line.Config, o valkey.Options) linetest.Engine {
	t.Helper()
	l := openLine(t, configs, o)
	return linetest.Engine{
		Line: l,
		Step: l.Step,
		Crash: func(t *testing.T, configs []line.Config) linetest.Engine {
			// The dead node's lease runs out.
			if err := l.ClearLeases(t.Context()); err != nil {
				t.Fatal(err)
			}
			return openEngine(t, configs, o)
		},
	}
}

func openLine(t *testing.T, configs []line.Config, o valkey.Options) *valkey.Line {
	t.Helper()
	l, err := valkey.Open(t.Context(), configs, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}
