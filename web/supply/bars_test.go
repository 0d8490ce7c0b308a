package supply

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"charye/internal/civil"
	"charye/supply/delivery"
	"charye/supply/room"
)

// TestBars: the longest bar is full, the others are in its measure, and nothing is no bar.
func TestBars(t *testing.T) {
	t.Parallel()
	region := func(usable, held int) room.Region {
		return room.Region{Stock: room.Stock{Usable: usable, Held: held}}
	}
	var got []barRow
	for _, r := range stockRows([]room.Region{region(30, 10), region(10, 0)}, region(0, 0), region(0, 20)) {
		got = append(got, r.Bar)
	}
	want := []barRow{{"75.00", "75.00", "25.00"}, {"25.00", "25.00", "0.00"}, {"0.00", "0.00", "0.00"}, {"0.00", "0.00", "50.00"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, r := range stockRows(nil, region(0, 0)) {
		if r.Bar != (barRow{"0.00", "0.00", "0.00"}) {
			t.Errorf("of nothing: %+v", r.Bar)
		}
	}
}

// TestComingDays: each day of the plan has a row, with what comes from depots and sites and what is missing.
func TestComingDays(t *testing.T) {
	t.Parallel()
	d := civil.New(2026, 10, 5)
	p := &delivery.Plan{
		From: d, To: d + 2,
		Shipments: []delivery.Shipment{{Arrives: d + 1, Loads: []delivery.Load{{Vials: 4}, {Vials: 3}}}, {Arrives: d + 3, Loads: []delivery.Load{{Vials: 4}}}},
		Transfers: []delivery.Shipment{{Arrives: d + 1, Loads: []delivery.Load{{Vials: 1}}}},
		Short:     []delivery.Short{{Day: d, Vials: 5}, {Day: d + 1, Vials: 2}},
	}
	want := []comingRow{
		{d, 0, 0, 5, barRow{"0.00", "0.00", "50.00"}}, {d + 1, 3, 8, 2, barRow{"80.00", "80.00", "20.00"}}, {d + 2, 0, 0, 0, barRow{"0.00", "0.00", "0.00"}}, {d + 3, 1, 4, 0, barRow{"40.00", "40.00", "0.00"}},
	}
	if diff := cmp.Diff(want, comingRows(p)); diff != "" {
		t.Error(diff)
	}
}

// TestPagesHaveBars: the first page and that of deliveries.
func TestPagesHaveBars(t *testing.T) {
	t.Parallel()
	b, svc, _ := inRoom(t, "logistics")
	if s := b.Get("/supply").Body.String(); strings.Count(s, `class="bar"`) < 4 { // two regions, under way, depots
		t.Errorf("stock is drawn with %d bars", strings.Count(s, `class="bar"`))
	}
	b.Get("/supply/deliveries")
	round(t, svc)
	if s := b.Get("/supply/deliveries").Body.String(); strings.Count(s, `class="bar"`) != 14 {
		t.Errorf("fourteen days are drawn with %d bars", strings.Count(s, `class="bar"`))
	}
}
