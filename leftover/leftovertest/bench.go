package leftovertest

import (
	"context"
	"strconv"
	"testing"
	"time"

	"charye/leftover"
)

// Benchmark measures what a national afternoon asks of a store: going on with a batch of a site in whose list so many wait, all of
// them equals, which is the most that has to be read; and one person's answer.
func Benchmark(b *testing.B, open Open) {
	for _, waiting := range []int{300, 3_000} {
		s := open(b, b.TempDir())
		ctx := context.Background()
		for n := 0; n < waiting; {
			var list []leftover.Request
			for len(list) < leftover.MaxRequests && n < waiting {
				n++
				list = append(list, SignUp(n, Today-1, Noon, 3))
			}
			if _, err := s.Apply(ctx, list); err != nil {
				b.Fatal(err)
			}
		}
		b.Run("waiting "+strconv.Itoa(waiting), func(b *testing.B) {
			at := Noon
			for b.Loop() {
				at = at.Add(time.Second)
				out, err := s.Apply(ctx, []leftover.Request{Doses(at, 3, 1)})
				if err != nil {
					b.Fatal(err)
				}
				made, err := s.Apply(ctx, []leftover.Request{Advance(out[0].Batch.ID, Today, at)})
				if err != nil || len(made[0].Made) != 1 {
					b.Fatalf("%+v, %v", made, err)
				}
				if _, err := s.Apply(ctx, []leftover.Request{Answer(leftover.OpDecline, made[0].Made[0], at)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
