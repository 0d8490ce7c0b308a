package postgres

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	bookingsqlite "charye/booking/sqlite"
	"charye/internal/seal"
	"charye/notify"
	"charye/notify/notifytest"
	"charye/test/services"
)

func TestMain(m *testing.M) { services.Main(m) }

func migrate(ctx context.Context, url string) error {
	o, err := Open(ctx, url, nil)
	if err != nil {
		return err
	}
	return o.Close()
}

// places gives each place of the suite a database of its own; its keys lie at the place.
func places(url func(t *testing.T) string) notifytest.Open {
	var mu sync.Mutex
	urls := map[string]string{}
	return func(t *testing.T, place string) notify.Outbox {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if urls[place] == "" {
			urls[place] = url(t)
		}
		keys, err := seal.LoadOrCreate(filepath.Join(place, "keys.json"))
		if err != nil {
			t.Fatal(err)
		}
		o, err := Open(context.Background(), urls[place], keys)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	notifytest.Run(t, places(func(t *testing.T) string { return p.URL(p.Database(t, migrate)) }))
}

func TestConformanceBehindPgBouncer(t *testing.T) {
	t.Parallel()
	p, b := services.SharedPostgres(t), services.SharedBouncer(t)
	notifytest.Run(t, places(func(t *testing.T) string { return b.URL(p.Database(t, migrate)) }))
}

func BenchmarkNear(b *testing.B) {
	p := services.SharedPostgres(b)
	keys, err := seal.Ephemeral()
	if err != nil {
		b.Fatal(err)
	}
	o, err := Open(context.Background(), p.URL(p.Database(b, migrate)), keys)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	notifytest.BenchNear(b, o)
}

// BenchmarkDeliver has the ledger of the embedded engine: nothing happens in it.
func BenchmarkDeliver(b *testing.B) {
	p := services.SharedPostgres(b)
	keys, err := seal.Ephemeral()
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	o, err := Open(ctx, p.URL(p.Database(b, migrate)), keys)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	l, err := bookingsqlite.Open(ctx, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	notifytest.BenchDeliver(b, o, l)
}
