package valkey_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"charye/line"
	"charye/line/linetest"
	"charye/line/valkey"
	"charye/test/services/redis"
)

func list(t *testing.T, l *valkey.Line) []byte {
	t.Helper()
	r, err := l.Entrants(t.Context(), theCampaign)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDrawForgotten: a draw that the store forgot is made again with the same outcome; how many gathered may not change.
func TestDrawForgotten(t *testing.T) {
	t.Parallel()
	s := redis.Single(t)
	const people = 6000 // more than a chunk of entrants
	o := valkey.Options{Addresses: []string{s.Addr}, Prefix: freshPrefix(), Lease: time.Hour}
	ls, clk := nodes(t, 1, config(true), o)
	joinEverywhere(t, ls, 0, people, false)
	clk.Set(opens)
	step(t, ls[0])
	before := list(t, ls[0])

	key := ls[0].Key(theCampaign)
	s.Do(t, "HDEL", key, "drawn", "drawnAt", "entrants", "sha", "missing")
	clk.Add(time.Second)
	step(t, ls[0])
	o.Clock, o.Pseudonyms = clk.Now, names
	other := openLine(t, []line.Config{config(true)}, o)
	if d, err := other.Draw(t.Context(), theCampaign); err != nil || d.Entrants != people {
		t.Fatalf("another node knows of %d entrants, %v", d.Entrants, err)
	}
	if !bytes.Equal(before, list(t, ls[0])) || !bytes.Equal(before, list(t, other)) {
		t.Fatal("the second draw is another")
	}
	for n := 0; n < people; n += 501 {
		a, err1 := ls[0].Place(t.Context(), theCampaign, linetest.Person(n))
		b, err2 := other.Place(t.Context(), theCampaign, linetest.Person(n))
		if err := errors.Join(err1, err2); err != nil || a.Number != b.Number {
			t.Fatalf("person %d has number %d and %d, %v", n, a.Number, b.Number, err)
		}
	}

	s.Do(t, "HSET", key, "gathered", "100")
	if err := ls[0].Step(t.Context()); !errors.Is(err, valkey.ErrDamaged) {
		t.Fatalf("with another number of gathered: %v, want ErrDamaged", err)
	}
}
