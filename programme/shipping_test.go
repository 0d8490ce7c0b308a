package programme

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/internal/civil"
)

func days(list ...string) (out []civil.Date) {
	for _, s := range list {
		out = append(out, on(s))
	}
	return out
}

const shippingRules = `shipping:
  - from: 2021-07-01
    depots:
      - id: icheon
        name: {ko: 이천, en: Icheon}
        places: ["8809999000105", "urn:x:store:1"]
        weekdays: [mon, wed, sat]
        notOn: [2021-08-16]
        leaves: "14:00"
        lanes: [{region: all, transport: 1d, cost: 40000}, {region: 제주, transport: 2d}]
    products: [{product: moderna, vialsPerBox: 10, cutOff: 1d, covers: 3d, shelfLife: 7d, reserve: 5}]
    transfers: {withinKm: 30, transport: 0d, leaves: "13:00", cutOff: 90m, leg: 30m, cost: 8000, costPerKm: 500}
    lateAfter: 3d
    unknown: ship
  - from: 2021-08-01
    depots: [{id: icheon, name: {en: Icheon}, places: ["8809999000105"], leaves: "08:00", lanes: [{region: all, transport: 0d}]}]
    products: [{product: moderna, vialsPerBox: 20, cutOff: 36h}]
`

func TestParseShipping(t *testing.T) {
	t.Parallel()
	p, err := Parse("f", append(readFile(t, "covid19.yaml"), shippingRules...), Options{FirstStart: at("2021-07-11T12:00:00+09:00")})
	if err != nil {
		t.Fatal(err)
	}
	want := []Shipping{{
		From: on("2021-07-01"),
		Depots: []Depot{{
			ID: "icheon", Name: Text{"이천", "Icheon"}, Places: []string{"8809999000105", "urn:x:store:1"},
			Weekdays: [7]bool{time.Monday: true, time.Wednesday: true, time.Saturday: true}, NotOn: days("2021-08-16"), Leaves: 14 * 60,
			Lanes: []Lane{{Transport: 1, Cost: 40000}, {Region: "제주", Transport: 2}},
		}},
		Products:  []ShippedProduct{{Product: "moderna", VialsPerBox: 10, CutOff: CutOff{Days: 1}, Covers: 3, ShelfLife: 7, Reserve: 5}},
		Transfers: &Transfers{WithinKm: 30, Leaves: 13 * 60, CutOff: CutOff{Length: 90 * time.Minute}, Leg: 30 * time.Minute, Cost: 8000, CostPerKm: 500},
		LateAfter: 3, Unknown: true,
	}, {
		From: on("2021-08-01"),
		Depots: []Depot{{
			ID: "icheon", Name: Text{EN: "Icheon"}, Places: []string{"8809999000105"}, Weekdays: [7]bool{1: true, 2: true, 3: true, 4: true, 5: true}, Leaves: 8 * 60,
			Lanes: []Lane{{}},
		}},
		Products:  []ShippedProduct{{Product: "moderna", VialsPerBox: 20, CutOff: CutOff{Length: 36 * time.Hour}, Covers: 1}},
		LateAfter: 2,
	}}
	if d := cmp.Diff(want, p.Shipping); d != "" {
		t.Error(d)
	}
	for day, from := range map[string]string{"2021-06-30": "", "2021-07-01": "2021-07-01", "2021-07-31": "2021-07-01", "2021-08-01": "2021-08-01", "2022-01-01": "2021-08-01"} {
		got := ""
		if s := p.ShippingOn(on(day)); s != nil {
			got = s.From.String()
		}
		if got != from {
			t.Errorf("on %s the rules from %q hold, want %q", day, got, from)
		}
	}
}

// TestParseRefusesShipping changes one thing of good rules and expects exactly one problem.
func TestParseRefusesShipping(t *testing.T) {
	t.Parallel()
	programme := string(readFile(t, "covid19.yaml"))
	for _, c := range []struct{ old, new, want string }{
		{"  - from: 2021-07-01\n    depots", "  - depots", "f:25: shipping[0].from: missing; want a date such as 2021-07-26"},
		{"from: 2021-08-01", "from: 2021-07-01", "f:38: shipping[1].from: 2021-07-01 is not after the entry before it, 2021-07-01; want the entries in order of date"},
		{"lateAfter: 3d", "lateAfter: 31d", `f:36: shipping[0].lateAfter: "31d" is no number of days here; want 0d to 30d`},
		{"unknown: ship", "unknown: maybe", `f:37: shipping[0].unknown: "maybe" is unknown; want keep or ship`},
		{"lateAfter: 3d", "laterAfter: 3d", "f:36: shipping[0].laterAfter: unknown field; known here: from, depots, products, transfers, lateAfter, unknown"},
		{"id: icheon\n", "id: Icheon\n", `f:27: shipping[0].depots[0].id: "Icheon" is no id; want 1 to 64 small letters, digits and hyphens, such as age-55-59`},
		{`places: ["8809999000105", "urn:x:store:1"]`, `places: ["8809999000106"]`, "f:29: shipping[0].depots[0].places[0]: GLN 8809999000106: the check digit is wrong: want 5 at the end; want the 13 digits of a GLN in quotes, or a URI"},
		{`places: ["8809999000105", "urn:x:store:1"]`, `places: [8809999000105]`, `f:29: shipping[0].depots[0].places[0]: is the number 8809999000105; write it in quotes: "8809999000105"`},
		{`places: ["8809999000105", "urn:x:store:1"]`, `places: [somewhere]`, `f:29: shipping[0].depots[0].places[0]: "somewhere" names no place; want the 13 digits of a GLN in quotes, or a URI`},
		{`"urn:x:store:1"`, `"8809999000105"`, `f:29: shipping[0].depots[0].places[1]: "8809999000105" is used twice; want an id of its own`},
		{"weekdays: [mon, wed, sat]", "weekdays: [mon, monday]", `f:30: shipping[0].depots[0].weekdays[1]: "monday" is unknown; want sun or mon or tue or wed or thu or fri or sat`},
		{"weekdays: [mon, wed, sat]", "weekdays: [mon, mon]", `f:30: shipping[0].depots[0].weekdays[1]: "mon" is used twice; want each day once`},
		{"notOn: [2021-08-16]", "notOn: [2021-08-32]", `f:31: shipping[0].depots[0].notOn[0]: "2021-08-32" is no date; want a date such as 2021-07-26`},
		{`leaves: "14:00"`, `leaves: 2pm`, `f:32: shipping[0].depots[0].leaves: "2pm" is no time of day; want a time of day in quotes, from "00:00" to "24:00"`},
		{"{region: 제주, transport: 2d}", "{region: all, transport: 2d}", `f:33: shipping[0].depots[0].lanes[1].region: "all" is used twice; want an id of its own`},
		{"{region: 제주, transport: 2d}", "{region: 제주}", "f:33: shipping[0].depots[0].lanes[1].transport: missing; want the days of the way, such as 1d, or 0d for the same day"},
		{"{region: 제주, transport: 2d}", "{region: 제주, transport: 2}", `f:33: shipping[0].depots[0].lanes[1].transport: "2" is no number of days here; want 0d to 30d`},
		{"{region: 제주, transport: 2d}", "{region: 제주, transport: 2d, cost: -1}", "f:33: shipping[0].depots[0].lanes[1].cost: is the number -1; want a whole number from 0 to 1000000000"},
		{"{product: moderna, vialsPerBox: 10", "{product: modena, vialsPerBox: 10", `f:34: shipping[0].products[0].product: "modena" is not among the products; want the id of one`},
		{"vialsPerBox: 10, ", "", "f:34: shipping[0].products[0].vialsPerBox: missing; want how many vials are in a box"},
		{"cutOff: 1d", "cutOff: 1day", `f:34: shipping[0].products[0].cutOff: "1day" is no cut-off; want days or a length before the departure, such as 1d, 36h or 90m, at most 30d`},
		{"cutOff: 1d", "cutOff: 31d", `f:34: shipping[0].products[0].cutOff: "31d" is no cut-off; want days or a length before the departure, such as 1d, 36h or 90m, at most 30d`},
		{"cutOff: 1d", "cutOff: \"\"", `f:34: shipping[0].products[0].cutOff: "" is no cut-off; want days or a length before the departure, such as 1d, 36h or 90m, at most 30d`},
		{"cutOff: 1d", "cutOff: -1h", `f:34: shipping[0].products[0].cutOff: "-1h" is no cut-off; want days or a length before the departure, such as 1d, 36h or 90m, at most 30d`},
		{"covers: 3d", "covers: 0d", `f:34: shipping[0].products[0].covers: "0d" is no number of days here; want 1d to 365d`},
		{"shelfLife: 7d", "shelfLife: week", `f:34: shipping[0].products[0].shelfLife: "week" is no number of days here; want 0d to 365d`},
		{"reserve: 5", "reserve: 5%", `f:34: shipping[0].products[0].reserve: is the text "5%"; want a whole number from 0 to 100`},
		{"withinKm: 30", "withinKm: 0", "f:35: shipping[0].transfers.withinKm: is the number 0; want a whole number from 1 to 1000"},
		{"leg: 30m, ", "", "f:35: shipping[0].transfers.leg: missing; want how long a box may be out of its store on the way, such as 30m"},
		{"costPerKm: 500", "perKm: 500", "f:35: shipping[0].transfers.perKm: unknown field; known here: withinKm, transport, leaves, cutOff, leg, cost, costPerKm"},
	} {
		src := strings.Replace(shippingRules, c.old, c.new, 1)
		if src == shippingRules {
			t.Fatalf("%q is not in the good rules", c.old)
		}
		p, err := Parse("f", []byte(programme+src), Options{FirstStart: at("2021-07-11T12:00:00+09:00")})
		if err == nil || err.Error() != c.want || p != nil {
			t.Errorf("%s → %s\n got %v\nwant %s", c.old, c.new, err, c.want)
		}
	}
}

// TestCutOffs: days are those of the zone, also when a clock is put back on the way; hours are hours.
func TestCutOffs(t *testing.T) {
	t.Parallel()
	ny := mustZone("America/New_York")
	for _, c := range []struct{ cutOff, leaves, want string }{
		{"1d", "2026-10-02T14:00:00-04:00", "2026-10-01T14:00:00-04:00"},
		{"1d", "2026-11-01T14:00:00-05:00", "2026-10-31T14:00:00-04:00"}, // 25 hours before
		{"24h", "2026-11-01T14:00:00-05:00", "2026-10-31T15:00:00-04:00"},
		{"0d", "2026-10-02T14:00:00-04:00", "2026-10-02T14:00:00-04:00"},
		{"90m", "2026-10-02T00:30:00-04:00", "2026-10-01T23:00:00-04:00"},
	} {
		v, ok := cutOffText(c.cutOff)
		if got := v.Of(at(c.leaves).In(ny)); !ok || !got.Equal(at(c.want)) {
			t.Errorf("%s before %s is %v, %v; want %s", c.cutOff, c.leaves, got, ok, c.want)
		}
	}
}

func TestDepotsLeave(t *testing.T) {
	t.Parallel()
	d := Depot{Weekdays: [7]bool{time.Monday: true}, NotOn: days("2021-08-16"), Leaves: 14 * 60}
	for day, want := range map[string]bool{"2021-08-09": true, "2021-08-10": false, "2021-08-16": false, "2021-08-23": true} {
		leaves, ok := d.Leaving(on(day), seoul)
		if ok != want || ok && !leaves.Equal(at(day+"T14:00:00+09:00")) {
			t.Errorf("on %s: %v %v, want %v", day, leaves, ok, want)
		}
	}
}
