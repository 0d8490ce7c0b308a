package valkey_test

import (
	"fmt"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	store "github.com/valkey-io/valkey-go"

	"charye/line"
	"charye/line/linetest"
	"charye/line/valkey"
	"charye/test/services/redis"
)

// crowd is how many people ask at once.
const crowd = 8192

func benchLine(b *testing.B, addrs []string, replicas int) (*valkey.Line, *linetest.Clock, string) {
	b.Helper()
	clk := linetest.NewClock(opens.Add(-time.Minute))
	c := config(true)
	c.Gathers, c.Inside, c.PerSecond = clk.Now(), 1e6, 1e6
	prefix := freshPrefix()
	l, err := valkey.Open(b.Context(), []line.Config{c}, valkey.Options{Addresses: addrs, Prefix: prefix, Clock: clk.Now, Pseudonyms: names, Replicas: replicas})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	return l, clk, prefix
}

func perSecond(b *testing.B, what string) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), what+"/s")
}

// BenchmarkJoin is joins on a Cluster of three masters with replicas, on this one machine: in batches, and with three
// commands for each person (look, count, keep), which is what a line without batches would do, and with gaps.
func BenchmarkJoin(b *testing.B) {
	c := redis.StartCluster(b, 3)
	for _, replicas := range []int{0, 1} {
		b.Run(fmt.Sprintf("batches/wait=%d", replicas), func(b *testing.B) {
			l, _, _ := benchLine(b, c.Addresses(), replicas)
			var next atomic.Int64
			before := memory(b, c)
			b.SetParallelism(crowd / 4)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, _, err := l.Join(b.Context(), theCampaign, linetest.Person(int(next.Add(1)))); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			perSecond(b, "joins")
			b.ReportMetric(float64(memory(b, c)-before)/float64(b.N), "store-B/person")
		})
	}
	for _, pipelined := range []bool{true, false} {
		b.Run(fmt.Sprintf("one-by-one/pipelined=%v", pipelined), func(b *testing.B) {
			client, err := store.NewClient(store.ClientOption{InitAddress: c.Addresses(), DisableCache: true, DisableAutoPipelining: !pipelined})
			if err != nil {
				b.Fatal(err)
			}
			defer client.Close()
			prefix := freshPrefix()
			var next atomic.Int64
			b.SetParallelism(crowd / 4)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					who := linetest.Person(int(next.Add(1)))
					bucket := fmt.Sprintf("{%s:%d}", prefix, who[0]&63)
					if r := client.Do(b.Context(), client.B().Hget().Key(bucket).Field(string(who[:])).Build()); !store.IsValkeyNil(r.Error()) {
						b.Errorf("a new person has a place: %v", r.Error())
						return
					}
					seq, err := client.Do(b.Context(), client.B().Incr().Key("{"+prefix+"}:seq").Build()).AsInt64()
					if err == nil {
						err = client.Do(b.Context(), client.B().Hsetnx().Key(bucket).
							Field(string(who[:])).Value(strconv.FormatInt(seq, 10)).Build()).Error()
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			perSecond(b, "joins")
		})
	}
}

var used = regexp.MustCompile(`used_memory:(\d+)`)

// memory is what the masters use.
func memory(b *testing.B, c *redis.Cluster) (sum int64) {
	b.Helper()
	for _, m := range c.Masters(b) {
		n, err := strconv.ParseInt(used.FindStringSubmatch(m.Do(b, "INFO", "memory"))[1], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += n
	}
	return sum
}

// BenchmarkRead is a waiting person who asks for their place, and a check of a pass.
func BenchmarkRead(b *testing.B) {
	c := redis.StartCluster(b, 3)
	l, clk, _ := benchLine(b, c.Addresses(), 0)
	const people = 1000
	for n := range people {
		if _, _, err := l.Join(b.Context(), theCampaign, linetest.Person(n)); err != nil {
			b.Fatal(err)
		}
	}
	l.Supply(theCampaign, 1e6, 1e6)
	clk.Set(opens)
	for range 8 {
		clk.Add(time.Second)
		if err := l.Step(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	pass, err := l.Enter(b.Context(), theCampaign, linetest.Person(1), linetest.Device(1), false)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("place", func(b *testing.B) {
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for n := 0; pb.Next(); n++ {
				if _, err := l.Place(b.Context(), theCampaign, linetest.Person(n%people)); err != nil {
					b.Error(err)
					return
				}
			}
		})
		perSecond(b, "places")
	})
	b.Run("check", func(b *testing.B) {
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := l.CheckPass(b.Context(), pass); err != nil {
					b.Error(err)
					return
				}
			}
		})
		perSecond(b, "checks")
	})
}

// BenchmarkDraw draws b.N people: run it with -benchtime 1000000x.
func BenchmarkDraw(b *testing.B) {
	c := redis.StartCluster(b, 3)
	l, clk, _ := benchLine(b, c.Addresses(), 0)
	var next atomic.Int64
	b.SetParallelism(crowd / 4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := l.Join(b.Context(), theCampaign, linetest.Person(int(next.Add(1)))); err != nil {
				b.Error(err)
				return
			}
		}
	})
	clk.Set(opens)
	b.ResetTimer()
	if err := l.Step(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	perSecond(b, "drawn")
}
