package programme_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/internal/civil"
	"charye/programme"
	"charye/supply"
)

const stored = `programme: p
name: {en: P}
timezone: Asia/Seoul
products:
  - id: flu
    name: {en: F}
    cvx: "150"
    dosesPerVial: 10
    gtins: ["08809999000013", "8809999000020"]
    storage:
      - from: 2020-01-01
        bands:
          - {name: frozen, under: 0, side: cold, for: 0m}
          - {name: cool, under: 2, side: cold, for: 12h}
          - {name: fridge, upto: 8}
          - {name: hot, side: warm, for: 30m}
      - from: 2021-05-17
        stage: thawed
        bands: [{name: cold, under: 2, side: cold, for: 0m}, {name: fridge, upto: 8, for: 31d}, {name: room, side: warm, for: 2h}]
    series: {doses: 1}
campaigns:
  - {id: c, name: {en: C}, products: [flu], eligible: all, opens: 2021-07-12T20:00:00+09:00, closes: 2021-07-17T18:00:00+09:00, stock: 10, line: {order: arrival}}
timetables:
  - {sites: all, start: 2021-07-26, days: 14, from: "09:00", to: "10:00", every: 30m, seats: 2}
`

func TestStorage(t *testing.T) {
	t.Parallel()
	p, err := programme.Parse("p", []byte(stored), programme.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := supply.ParseGTIN("08809999000013")
	b, _ := supply.ParseGTIN("8809999000020")
	want := &supply.Product{ID: "flu", GTINs: []supply.GTIN{a, b}, Rules: []supply.Rule{
		{From: civil.New(2020, 1, 1), Bands: []supply.Band{
			{Name: "frozen", Side: supply.Cold, Upto: -1}, {Name: "cool", Side: supply.Cold, Upto: 2*supply.Degree - 1, Budget: 12 * time.Hour},
			{Name: "fridge", Upto: 8 * supply.Degree, Budget: supply.Unlimited}, {Name: "hot", Side: supply.Warm, Upto: supply.Hottest, Budget: 30 * time.Minute},
		}},
		{From: civil.New(2021, 5, 17), Stage: supply.Thawed, Bands: []supply.Band{
			{Name: "cold", Side: supply.Cold, Upto: 2*supply.Degree - 1}, {Name: "fridge", Upto: 8 * supply.Degree, Budget: 31 * 24 * time.Hour},
			{Name: "room", Side: supply.Warm, Upto: supply.Hottest, Budget: 2 * time.Hour},
		}},
	}}
	if d := cmp.Diff(want, p.Products[0].Storage); d != "" {
		t.Error(d)
	}
	if p, err := programme.Parse("p", []byte(strings.Replace(stored, stored[strings.Index(stored, "    gtins"):strings.Index(stored, "    series")], "", 1)), programme.Options{}); err != nil || p.Products[0].Storage != nil {
		t.Errorf("without a word about storage: %v", err)
	}
}

// TestWrongStorage: each wrong value is refused with its line, its field, and what would be right.
func TestWrongStorage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, want string }{
		{`"08809999000013"`, `"08809999000014"`, "p:9: products[0].gtins[0]: GTIN 08809999000014: the check digit is wrong"},
		{`"08809999000013"`, `8809999000013`, "p:9: products[0].gtins[0]: is the number"},
		{`"8809999000020"`, `"08809999000013"`, `p:9: products[0].gtins[1]: 08809999000013 is of "flu" already`},
		{`    gtins: ["08809999000013", "8809999000020"]`, ``, "products[0].storage: goes with gtins"},
		{`under: 0,`, `under: freezing,`, `p:13: products[0].storage[0].bands[0].under: "freezing" is no temperature`},
		{`under: 0,`, `under: 0, upto: 1,`, "p:13: products[0].storage[0].bands[0]: want one of upto"},
		{`{name: hot, side`, `{name: hot, upto: 40, side`, "p:16: products[0].storage[0].bands[3]: the last band has an end"},
		{`for: 12h`, `for: a day`, `p:14: products[0].storage[0].bands[1].for: "a day" is no length`},
		{`, for: 12h`, ``, "p:14: products[0].storage[0].bands[1]: a band that is not where it is stored needs for"},
		{`side: warm, for: 30m`, `side: hot, for: 30m`, `p:16: products[0].storage[0].bands[3].side: "hot" is unknown`},
		{`stage: thawed`, `stage: melted`, `p:18: products[0].storage[1].stage: "melted" is unknown`},
		{`from: 2020-01-01`, `from: January`, `p:11: products[0].storage[0].from: "January" is no date`},
		{`under: 2, side: cold, for: 12h`, `under: -1, side: cold, for: 12h`, "p:11: products[0].storage: storage rules of flu"},
		{`{name: fridge, upto: 8}`, `{name: fridge, upto: 8, side: warm, for: 1h}`, "no band is the place of storage"},
	} {
		src := strings.Replace(stored, c.old, c.new, 1)
		if src == stored {
			t.Fatalf("%q is not in the file", c.old)
		}
		if _, err := programme.Parse("p", []byte(src), programme.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s → %s: %v, want %q", c.old, c.new, err, c.want)
		}
	}
}
