package delivery_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"charye/internal/civil"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/delivery"
)

// BenchmarkNation plans for a country: 12,000 sites, 14 days, 5 products, 60,000 boxes, a third of them at sites, not enough for everybody.
//
//	go test -run '^$' -bench Nation -benchtime 3x ./supply/delivery
func BenchmarkNation(b *testing.B) {
	in := nation(12_000, 14, 5, 60_000)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		p, err := delivery.Make(in)
		if err != nil {
			b.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-heap")
		b.ReportMetric(float64(m.Sys)/1e6, "MB-sys")
		b.ReportMetric(float64(len(p.Shipments)), "shipments")
		b.ReportMetric(float64(len(p.Transfers)), "transfers")
		b.ReportMetric(float64(len(p.Short)), "short")
	}
}

// nation is made up from a fixed seed.
func nation(sites, days, products, boxes int) delivery.Input {
	r := rand.New(rand.NewPCG(1, 2))
	regions := site.Regions()
	in := input(rules())
	in.Days = days
	in.Programme.Products, in.Programme.Shipping[0].Products = nil, nil
	in.Programme.Shipping[0].Transfers = transfers()
	for d := range 4 {
		in.Programme.Shipping[0].Depots = append(in.Programme.Shipping[0].Depots, programme.Depot{
			ID: fmt.Sprintf("d%d", d), Weekdays: weekdays, Leaves: 14 * 60, Lanes: []programme.Lane{{Transport: 1 + d%2, Cost: 40_000}, {Region: "제주", Transport: 2, Cost: 90_000}},
		})
	}
	ids := make([]string, products)
	for n := range products {
		ids[n] = fmt.Sprintf("product-%d", n)
		in.Programme.Products = append(in.Programme.Products, programme.Product{ID: ids[n], DosesPerVial: 10})
		in.Programme.Shipping[0].Products = append(in.Programme.Shipping[0].Products, programme.ShippedProduct{
			Product: ids[n], VialsPerBox: 10, CutOff: programme.CutOff{Days: 1}, Covers: 3, ShelfLife: n, Reserve: 5,
		})
	}
	list := make([]site.Site, sites)
	for i := range list {
		at := regions[r.IntN(len(regions))]
		list[i] = site.Site{Num: site.Num(i + 1), ID: fmt.Sprint(i + 1), Region: at.Name, Lat: at.Lat + r.NormFloat64()/5, Lon: at.Lon + r.NormFloat64()/5}
		for day := range days {
			for n := range products {
				in.Needs = append(in.Needs, delivery.Need{Site: list[i].Num, Day: monday + civil.Date(day), Product: ids[n], Vials: r.IntN(3)})
			}
		}
	}
	in.Sites = site.NewIndex(list)
	depots := in.Programme.Shipping[0].Depots
	for i := range boxes {
		b := delivery.Box{SSCC: sscc(i + 1), Product: ids[r.IntN(products)], Expires: monday + civil.Date(r.IntN(90)), Vials: 10}
		if i%3 == 0 {
			b.Site = site.Num(r.IntN(sites) + 1)
		} else {
			b.Depot = depots[r.IntN(len(depots))].ID
		}
		in.Boxes = append(in.Boxes, b)
	}
	in.Room = func(k supply.SSCC) (time.Duration, bool) { return time.Hour, k%10 != 0 }
	return in
}
