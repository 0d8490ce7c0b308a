package delivery_test

import (
	"testing"
	"time"

	"charye/internal/civil"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/delivery"
)

var seoul = func() *time.Location {
	z, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		panic(err)
	}
	return z
}()

// monday is the day on which plans are made here, at nine in the morning.
var monday = civil.New(2026, 10, 5)

func sscc(n int) supply.SSCC {
	k, ok := supply.NewSSCC(0, "8809999", uint64(n))
	if !ok {
		panic("no SSCC")
	}
	return k
}

var weekdays = [7]bool{1: true, 2: true, 3: true, 4: true, 5: true}

// rules are one depot that ships on weekdays at 14:00 with a day of transport and a cut-off of a day, boxes of ten.
func rules() programme.Shipping {
	return programme.Shipping{
		From: civil.New(2026, 1, 1),
		Depots: []programme.Depot{{
			ID: "icheon", Places: []string{"8809999000105"}, Weekdays: weekdays, Leaves: 14 * 60, Lanes: []programme.Lane{{Transport: 1, Cost: 40_000}},
		}},
		Products:  []programme.ShippedProduct{{Product: "flu", VialsPerBox: 10, CutOff: programme.CutOff{Days: 1}, Covers: 3}},
		LateAfter: 2,
	}
}

func transfers() *programme.Transfers {
	return &programme.Transfers{WithinKm: 30, Leaves: 13 * 60, CutOff: programme.CutOff{Length: 2 * time.Hour}, Leg: 30 * time.Minute, Cost: 8000, CostPerKm: 500}
}

// input is three sites in a row, 11 km and 22 km apart, and one in Jeju.
func input(list ...programme.Shipping) delivery.Input {
	return delivery.Input{
		Programme: &programme.Programme{ID: "p", Zone: seoul, Products: []programme.Product{{ID: "flu", DosesPerVial: 10}, {ID: "covid", DosesPerVial: 6}}, Shipping: list},
		Sites: site.NewIndex([]site.Site{
			{Num: 1, ID: "T1", Region: "서울특별시", Lat: 37.5, Lon: 127}, {Num: 2, ID: "T2", Region: "서울특별시", Lat: 37.6, Lon: 127},
			{Num: 3, ID: "T3", Region: "경기도", Lat: 37.8, Lon: 127}, {Num: 4, ID: "J1", Region: "제주특별자치도", Lat: 33.4, Lon: 126.5},
		}),
		Now: monday.At(9*60, seoul), From: monday, Days: 14,
		Room: func(supply.SSCC) (time.Duration, bool) { return time.Hour, true },
	}
}

func need(at site.Num, day, vials int) delivery.Need {
	return delivery.Need{Site: at, Day: monday + civil.Date(day), Product: "flu", Vials: vials}
}

// stored is a box of ten vials in the depot, that expires so many days after monday.
func stored(n, expires int) delivery.Box {
	return delivery.Box{SSCC: sscc(n), Product: "flu", Expires: monday + civil.Date(expires), Vials: 10, Depot: "icheon"}
}

// kept is a box of ten vials at a site.
func kept(n int, at site.Num, expires int) delivery.Box {
	b := stored(n, expires)
	b.Depot, b.Site = "", at
	return b
}

func mustPlan(t testing.TB, in delivery.Input) *delivery.Plan {
	t.Helper()
	p, err := delivery.Make(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func timeOf(minutes int) time.Duration { return time.Duration(minutes) * time.Minute }

func dateOf(t time.Time) civil.Date { return civil.Of(t, seoul) }
