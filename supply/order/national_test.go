package order_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"charye/booking"
	bookingpostgres "charye/booking/postgres"
	bookingsqlite "charye/booking/sqlite"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/drill"
	"charye/supply/epcis"
	"charye/supply/order"
	"charye/supply/relief"
	supplysqlite "charye/supply/sqlite"
	"charye/supply/trace"
	"charye/test/services"
)

func TestMain(m *testing.M) { services.Main(m) }

const nationalRules = `
programme: p
name: {en: P}
timezone: Asia/Seoul
products:
  - id: PRODUCT
    name: {en: Influenza}
    cvx: "150"
    dosesPerVial: 1
    gtins: ["GTIN"]
    storage: [{from: 2020-01-01, bands: [{name: cold, under: 2, side: cold, for: 0m}, {name: fridge, upto: 8}, {name: hot, side: warm, for: 0m}]}]
    series: {doses: 1}
campaigns:
  - {id: c, name: {en: C}, products: [PRODUCT], eligible: all, opens: 2020-09-01T09:00:00+09:00, closes: 2021-03-17T18:00:00+09:00, stock: 10000000, line: {order: arrival}}
timetables:
  - {sites: all, start: 2020-09-22, days: 40, from: "09:00", to: "19:00", every: 300m, seats: 40}
`

// nation is the drill's country with what the supply room knows of it.
type nation struct {
	*drill.Country
	p        *programme.Programme
	index    *site.Index
	trace    *trace.Trace
	verdicts *supplysqlite.Store
}

func newNation(tb testing.TB, scale float64) *nation {
	tb.Helper()
	c, err := drill.NewCountry(drill.Autumn2020, scale, 1)
	if err != nil {
		tb.Fatal(err)
	}
	n := &nation{Country: c, index: site.NewIndex(c.Sites)}
	if n.p, err = programme.Parse("p", []byte(strings.NewReplacer("PRODUCT", c.Product, "GTIN", c.Boxes[0].Lot.GTIN.String()).Replace(nationalRules)), programme.Options{}); err != nil {
		tb.Fatal(err)
	}
	in := trace.NewReader()
	seq := int64(0)
	tell := func(at time.Time, format string, args ...any) {
		src := fmt.Sprintf(`{"@context":[],"eventTime":%q,"eventTimeZoneOffset":"+00:00",%s}`, at.UTC().Format(time.RFC3339), fmt.Sprintf(format, args...))
		list, err := epcis.Parse([]byte(src), 1)
		if err == nil {
			seq++
			err = in.Take(&epcis.Stored{Seq: seq, ID: list[0].ID, Recorded: at, JSON: list[0].JSON, Context: list[0].Context})
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	for i := range c.Boxes {
		b := &c.Boxes[i]
		at, where := c.Stopped.Add(-240*time.Hour), "urn:x:depot"
		if b.Site != 0 {
			at, where = b.Arrived, trace.SiteURN(c.Sites[b.Site-1].ID)
		}
		tell(at, `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/%s/10/%s","quantity":%d}],"bizLocation":{"id":%q}`,
			b.SSCC, b.Lot.GTIN, b.Lot.ID, b.Vials, where)
		if b.Used > 0 {
			tell(c.Stopped.Add(-time.Minute), `"type":"ObjectEvent","action":"OBSERVE","bizStep":"dispensing","epcList":["https://id.gs1.org/00/%s"],"quantityList":[{"epcClass":"https://id.gs1.org/01/%s/10/%s","quantity":%d,"uom":"E27"}],"bizLocation":{"id":%q}`,
				b.SSCC, b.Lot.GTIN, b.Lot.ID, b.Used, where)
		}
	}
	products, perVial := order.Products(n.p)
	if n.trace, err = in.Build(trace.Rules{Products: products, DosesPerVial: perVial, Who: order.PerBooking, Site: func(place string) site.Num {
		id, _ := trace.SiteOfURN(place)
		s, _ := n.index.ByID(id)
		return s.Num
	}}); err != nil || len(n.trace.Problems) > 0 {
		tb.Fatalf("%v %v", err, n.trace.Problems)
	}
	if n.verdicts, err = supplysqlite.Open(tb.Context(), tb.TempDir()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = n.verdicts.Close() })
	return n
}

// held are the boxes that would be held, of the first so many sites that have any; 0: of all.
func (n *nation) held(sites int) (out []supply.SSCC, touched int) {
	seen := map[site.Num]bool{}
	for i := range n.Boxes {
		b := &n.Boxes[i]
		if !b.Spoilt || b.Site == 0 || sites > 0 && !seen[b.Site] && len(seen) == sites {
			continue
		}
		seen[b.Site] = true
		out = append(out, b.SSCC)
	}
	return out, len(seen)
}

func (n *nation) preview(ctx context.Context, l booking.Ledger, free *booking.Snapshot, boxes []supply.SSCC, progress func(relief.Progress)) (*order.Plan, error) {
	w, err := order.Load(ctx, l, free, n.verdicts, n.p, n.index, n.trace, n.Stopped)
	if err != nil {
		return nil, err
	}
	v := supply.Verdict{Action: supply.Hold, Case: "2020-09", Boxes: boxes, Reason: "temperature", Evidence: []string{"files"}, Asked: "a", Agreed: "b"}
	return w.Make(ctx, v, order.Asked{Reach: order.Reach{Metres: 50_000, Until: n.Until, Notice: 2 * time.Hour}, Progress: progress})
}

// ledger gives the country's bookings in the embedded engine: those of a directory that was kept, or made anew.
func (n *nation) ledger(tb testing.TB, kept string) *bookingsqlite.Ledger {
	tb.Helper()
	dir := tb.TempDir()
	if kept != "" {
		copyFile(tb, filepath.Join(kept, "booking.db"), filepath.Join(dir, "booking.db"))
	}
	l, err := bookingsqlite.Open(context.Background(), dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	if kept == "" {
		if _, err := n.Book(context.Background(), l, nil); err != nil {
			tb.Fatal(err)
		}
	}
	return l
}

func copyFile(tb testing.TB, from, to string) {
	tb.Helper()
	in, err := os.Open(from)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err == nil {
		_, err = io.Copy(out, in)
	}
	if err != nil {
		tb.Fatal(err)
	}
	if err := out.Close(); err != nil {
		tb.Fatal(err)
	}
}

// bookers book and cancel one after the other until stop is closed, and tell how long each booking took.
func (n *nation) bookers(tb testing.TB, l booking.Ledger, stop <-chan struct{}) <-chan []time.Duration {
	done := make(chan []time.Duration, 1)
	go func() {
		var took []time.Duration
		defer func() { done <- took }()
		var who person.Key
		copy(who[:], rand.Text()) // others than those of an earlier run
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			at := booking.Session{Site: site.Num(1 + i*37%len(n.Sites)), Day: n.Until, Minute: 15*60 + i%200}
			q := booking.Request{Op: booking.OpBook, Campaign: 7, Channel: "web", At: n.Stopped.Add(time.Duration(i) * time.Millisecond),
				Doses: [][]booking.Choice{{{Slot: booking.Slot{Session: at, Product: n.Product}, Minutes: 5, Seat: booking.Claim{Counter: booking.SeatCounter(at), Capacity: 100_000, N: 1}}}}}
			q.Person = who
			q.Person[0], q.Person[1], q.Person[2] = byte(i), byte(i>>8), byte(i>>16)
			begun := time.Now()
			out, err := l.Apply(context.Background(), []booking.Request{q})
			took = append(took, time.Since(begun))
			if err == nil && out[0].Result == booking.Done {
				q.Op, q.Booking, q.Doses = booking.OpCancel, out[0].Booking.ID, nil
				out, err = l.Apply(context.Background(), []booking.Request{q})
			}
			if err != nil || out[0].Result != booking.Done {
				tb.Errorf("booking beside a preview: %+v, %v", out, err)
				return
			}
		}
	}()
	return done
}

func p99(list []time.Duration) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return float64(list[len(list)*99/100].Microseconds()) / 1000
}

// heap watches the heap until stop is closed, and gives its greatest size in bytes.
func heap(stop <-chan struct{}) <-chan uint64 {
	out := make(chan uint64, 1)
	go func() {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		most := uint64(0)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(s)
			most = max(most, s[0].Value.Uint64())
			select {
			case <-stop:
				out <- most
				return
			case <-tick.C:
			}
		}
	}()
	return out
}

// processor is the time of processors that this process has had: on a machine that others use too it says more than the clock.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPreview measures the preview of a hold in the drill's country: of the boxes at one site, at a tenth of the sites and at all that are touched, on
// both engines, while people book one after the other; and, beside it, what it takes to read the whole ledger and how long a booking takes without anything beside it.
//
//	CHARYE_PREVIEW_SCALE=1 go test -run '^$' -bench Preview -benchtime 1x -timeout 60m ./supply/order
//
// The scale is 0.02 when nothing is said. CHARYE_PREVIEW_LEDGER names a directory with the booking.db of an earlier run at the same scale, which is copied.
func BenchmarkPreview(b *testing.B) {
	scale := 0.02
	if text := os.Getenv("CHARYE_PREVIEW_SCALE"); text != "" {
		var err error
		if scale, err = strconv.ParseFloat(text, 64); err != nil {
			b.Fatal("CHARYE_PREVIEW_SCALE: ", err)
		}
	}
	n := newNation(b, scale)
	embedded := n.ledger(b, os.Getenv("CHARYE_PREVIEW_LEDGER"))
	b.Run("sqlite", func(b *testing.B) { n.bench(b, embedded) })
	b.Run("postgres", func(b *testing.B) {
		p := services.OwnPostgres(b, "max_wal_size=4GB")
		url := p.URL(p.Database(b, func(ctx context.Context, url string) error {
			l, err := bookingpostgres.Open(ctx, url)
			if err != nil {
				return err
			}
			return l.Close()
		}))
		l, err := bookingpostgres.Open(b.Context(), url)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		if _, err := l.Fill(b.Context(), "preview", embedded); err != nil {
			b.Fatal(err)
		}
		n.bench(b, l)
	})
}

func (n *nation) bench(b *testing.B, l booking.Ledger) {
	begun := time.Now()
	if err := l.Ahead(b.Context(), []site.Num{1}, civil.Of(n.Stopped, n.p.Zone), func(booking.Ahead) error { return nil }); err != nil {
		b.Fatal(err)
	}
	b.Logf("the first to ask for what is ahead waited %v", time.Since(begun))
	begun = time.Now()
	free, err := booking.NewSnapshot(b.Context(), l)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("reading the counters took %v", time.Since(begun))
	alone := make(chan struct{})
	took := n.bookers(b, l, alone)
	time.Sleep(3 * time.Second)
	close(alone)
	list := <-took
	b.Logf("%d bookings with nothing beside them, 99 of 100 in %.1f ms", len(list), p99(list))
	_, all := n.held(0)
	for _, c := range []struct {
		name  string
		sites int
	}{{"one", 1}, {"tenth", max(1, all/10)}, {"all", 0}} {
		boxes, touched := n.held(c.sites)
		b.Run(c.name, func(b *testing.B) {
			var at relief.Progress
			var plan *order.Plan
			var took []time.Duration
			var most uint64
			spent := processor()
			for b.Loop() {
				stop := make(chan struct{})
				booked, watched := n.bookers(b, l, stop), heap(stop)
				if plan, err = n.preview(b.Context(), l, free, boxes, func(p relief.Progress) { at = p }); err != nil {
					b.Fatal(err)
				}
				close(stop)
				took, most = append(took, <-booked...), max(most, <-watched)
			}
			b.ReportMetric((processor()-spent).Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(touched), "sites")
			b.ReportMetric(float64(at.Near), "sites-near")
			b.ReportMetric(float64(len(plan.Moves)), "moves")
			b.ReportMetric(float64(len(plan.Without)), "without")
			b.ReportMetric(p99(took), "ms/booking-p99")
			b.ReportMetric(float64(most)/1e6, "MB-heap")
		})
	}
	b.Run("whole", func(b *testing.B) {
		count := 0
		for b.Loop() {
			if err := l.All(b.Context(), func(booking.Booking) error { count++; return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(count/b.N), "bookings")
	})
}
