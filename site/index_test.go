package site

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRegions(t *testing.T) {
	t.Parallel()
	all := Regions()
	if len(all) != 17 {
		t.Fatalf("%d regions", len(all))
	}
	for i, r := range all {
		if !inKorea(r.Lat, r.Lon) || r.EN == "" || regionRank(r.Name) != i {
			t.Errorf("%+v", r)
		}
		for _, written := range []string{r.Name, r.Short, " " + r.Name + " "} {
			if got, ok := RegionName(written); !ok || got != r.Name {
				t.Errorf("%q: %q", written, got)
			}
		}
	}
	for written, want := range map[string]string{
		"서울시": "서울특별시", "세종시": "세종특별자치시", "강원특별자치도": "강원도", "전북특별자치도": "전라북도", "제주도": "제주특별자치도", "광주시": "광주광역시",
	} {
		if got, _ := RegionName(written); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
	for _, unknown := range []string{"", "수원", "Seoul", "경기시"} {
		if got, ok := RegionName(unknown); ok {
			t.Errorf("%q: %q", unknown, got)
		}
	}
	all[0].Name = "changed by a caller"
	if Regions()[0].Name != "서울특별시" {
		t.Error("a caller changed the regions")
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	sites := Demo()
	if d := gocmp.Diff(sites, Demo()); d != "" {
		t.Errorf("not the same twice: %s", d)
	}
	if len(sites) < 180 || len(sites) > 220 {
		t.Errorf("%d sites", len(sites))
	}
	regions, names, kinds := make(map[string]bool), make(map[string]bool), make(map[string]int)
	for i, s := range sites {
		if s.Num != Num(i+1) || !strings.HasPrefix(s.Name, "(가상) ") || badSite(s) != "" || !s.Placed() || names[s.Name] {
			t.Errorf("%+v", s)
		}
		regions[s.Region], names[s.Name] = true, true
		kinds[s.Kind]++
		home := Regions()[regionRank(s.Region)]
		if d := metresBetween(s.Lat, s.Lon, home.Lat, home.Lon); d > 160_000 {
			t.Errorf("%s lies %d m from the middle of %s", s.Name, d, s.Region)
		}
	}
	if len(regions) != 17 || kinds["centre"] < 17 || kinds["hospital"] == 0 || kinds["clinic"] == 0 {
		t.Errorf("%d regions, kinds %v", len(regions), kinds)
	}
}

func metresBetween(lat1, lon1, lat2, lon2 float64) int {
	// Haversine, so that the index is checked against another formula.
	const rad = math.Pi / 180
	a := math.Pow(math.Sin((lat2-lat1)*rad/2), 2) + math.Cos(lat1*rad)*math.Cos(lat2*rad)*math.Pow(math.Sin((lon2-lon1)*rad/2), 2)
	return int(math.Round(2 * earthRadius * math.Asin(math.Min(1, math.Sqrt(a)))))
}

func TestDistances(t *testing.T) {
	t.Parallel()
	x := NewIndex([]Site{{Num: 1, ID: "busan", Lat: 35.1796, Lon: 129.0756}, {Num: 2, ID: "unplaced"}, {Num: 3, ID: "here", Lat: 37.5665, Lon: 126.978}})
	page, next, err := x.Nearest(37.5665, 126.978, "", 10)
	if err != nil || next != "" || len(page) != 2 || page[0].ID != "here" || page[0].Metres != 0 || page[1].ID != "busan" {
		t.Fatalf("%+v, next %q, %v", page, next, err)
	}
	if m := page[1].Metres; m < 324_000 || m > 326_000 {
		t.Errorf("Seoul to Busan: %d m, want about 325 km", m)
	}
}

func drawSites(rt *rapid.T) []Site {
	n := rapid.IntRange(0, 120).Draw(rt, "sites")
	// Few different positions, so that many sites are equally far.
	lat := rapid.SampledFrom([]float64{33.2, 35.1, 35.1001, 37.5, 37.56, 38.5, -89.9, 0})
	lon := rapid.SampledFrom([]float64{125, 126.9, 126.9001, 129, 131.8, 179.99, -179.99, 0})
	var sites []Site
	for i := range n {
		s := Site{Num: Num(i*3 + 1), Region: rapid.SampledFrom([]string{"제주특별자치도", "서울특별시", "어딘가", ""}).Draw(rt, "region"), Name: rapid.SampledFrom([]string{"가", "나", "다"}).Draw(rt, "name")}
		s.ID = s.Name + string(rune('0'+i))
		if rapid.Bool().Draw(rt, "exact") {
			s.Lat, s.Lon = lat.Draw(rt, "lat"), lon.Draw(rt, "lon")
		} else {
			s.Lat, s.Lon = rapid.Float64Range(33, 38.7).Draw(rt, "lat"), rapid.Float64Range(124.5, 132).Draw(rt, "lon")
		}
		sites = append(sites, s)
	}
	return sites
}

// within reports whether two distances are the same but for rounding by different formulas.
func within(a, b int) bool { return a-b <= 1 && b-a <= 1 }

func TestNearestAgreesWithLookingAtAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		sites := drawSites(rt)
		x := NewIndex(sites)
		lat, lon := rapid.Float64Range(33, 38.7).Draw(rt, "at lat"), rapid.Float64Range(124.5, 132).Draw(rt, "at lon")
		if len(sites) > 0 && rapid.Bool().Draw(rt, "at a site") {
			lat, lon = sites[0].Lat, sites[0].Lon
		}
		var want []Near
		for _, s := range sites {
			if s.Placed() {
				want = append(want, Near{s, metresBetween(lat, lon, s.Lat, s.Lon)})
			}
		}
		slices.SortFunc(want, func(a, b Near) int { return cmp.Compare(a.Metres, b.Metres) })
		n := rapid.IntRange(1, 50).Draw(rt, "page")
		var got []Near
		for after, pages := "", 0; ; pages++ {
			page, next, err := x.Nearest(lat, lon, after, n)
			if err != nil || len(page) > n || next != "" && len(page) != n || pages > len(sites) {
				rt.Fatalf("page of %d, next %q, %v", len(page), next, err)
			}
			got = append(got, page...)
			if next == "" {
				break
			}
			after = next
		}
		if len(got) != len(want) {
			rt.Fatalf("%d sites, want %d", len(got), len(want))
		}
		seen := make(map[Num]bool)
		for i, s := range got {
			if !within(s.Metres, want[i].Metres) || !within(s.Metres, metresBetween(lat, lon, s.Lat, s.Lon)) || seen[s.Num] {
				rt.Fatalf("site %d of the order is %+v, want one at %d m", i, s, want[i].Metres)
			}
			seen[s.Num] = true
			if i > 0 && (s.Metres < got[i-1].Metres || s.Metres == got[i-1].Metres && s.Num < got[i-1].Num) {
				rt.Fatalf("%+v comes after %+v", s, got[i-1])
			}
		}
	})
}

func TestByRegionAgreesWithLookingAtAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		sites := drawSites(rt)
		x := NewIndex(sites)
		region := rapid.SampledFrom([]string{"", "제주특별자치도", "제주", "어딘가", "부산광역시"}).Draw(rt, "asked")
		official := region
		if region == "제주" {
			official = "제주특별자치도"
		}
		var want []Site
		for _, s := range sites {
			if region == "" || s.Region == official {
				want = append(want, s)
			}
		}
		rank := func(s Site) int {
			return slices.Index([]string{"서울특별시", "제주특별자치도", "", "어딘가"}, s.Region)
		}
		slices.SortFunc(want, func(a, b Site) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Name, b.Name), cmp.Compare(a.Num, b.Num))
		})
		n := rapid.IntRange(1, 50).Draw(rt, "page")
		var got []Site
		for after, pages := "", 0; ; pages++ {
			page, next, err := x.ByRegion(region, after, n)
			if err != nil || len(page) > n || pages > len(sites) {
				rt.Fatalf("page of %d, next %q, %v", len(page), next, err)
			}
			got = append(got, page...)
			if next == "" {
				break
			}
			after = next
		}
		if d := gocmp.Diff(want, got); d != "" {
			rt.Fatal(d)
		}
		for _, s := range sites {
			if v, ok := x.ByID(s.ID); !ok || v != s {
				rt.Fatalf("by id %q: %+v", s.ID, v)
			}
			if v, ok := x.ByNum(s.Num); !ok || v != s {
				rt.Fatalf("by number %d: %+v", s.Num, v)
			}
			if _, ok := x.ByNum(s.Num + 1); ok {
				rt.Fatalf("number %d is nobody's", s.Num+1)
			}
		}
	})
}

func TestIndexRefuses(t *testing.T) {
	t.Parallel()
	x := NewIndex(Demo())
	for _, c := range []string{"x", "m", "m1", "m1.", "m.1", "m-1.2", "m01.2", "m1.2 ", "m1.99999999", "r1", "m99999999999.1"} {
		if _, _, err := x.Nearest(37, 127, c, 10); !errors.Is(err, ErrBadCursor) {
			t.Errorf("Nearest after %q: %v", c, err)
		}
	}
	jeju, _, err := x.ByRegion("제주", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"x", "r", "r0", "r01", "r-1", "r99999", "r99999999999", "m1.1"} {
		if _, _, err := x.ByRegion("", c, 10); !errors.Is(err, ErrBadCursor) {
			t.Errorf("ByRegion after %q: %v", c, err)
		}
	}
	if _, _, err := x.ByRegion("서울", "r"+strings.TrimLeft(strings.TrimPrefix(jeju[0].ID, "demo-"), "0"), 10); !errors.Is(err, ErrBadCursor) {
		t.Errorf("a cursor of another region: %v", err)
	}
	for _, p := range [][2]float64{{91, 0}, {-91, 0}, {0, 181}, {0, -181}, {math.NaN(), 0}, {0, math.NaN()}, {math.Inf(1), 0}} {
		if _, _, err := x.Nearest(p[0], p[1], "", 10); !errors.Is(err, ErrBadPosition) {
			t.Errorf("at %v: %v", p, err)
		}
	}
	if page, _, _ := x.ByRegion("없는곳", "", 10); len(page) != 0 {
		t.Errorf("an unknown region has %d sites", len(page))
	}
	big := NewIndex(append(Demo(), Site{Num: 1000, ID: "a"}, Site{Num: 1001, ID: "b"}, Site{Num: 1002, ID: "c"}, Site{Num: 1003, ID: "d"},
		Site{Num: 1004, ID: "e"}, Site{Num: 1005, ID: "f"}))
	for asked, want := range map[int]int{-1: 1, 0: 1, 1000: MaxPage} {
		page, _, err := big.ByRegion("", "", asked)
		if err != nil || len(page) != want {
			t.Errorf("a page of %d: %d sites, %v", asked, len(page), err)
		}
	}
	if page, next, err := NewIndex(nil).Nearest(37, 127, "", 10); len(page) != 0 || next != "" || err != nil {
		t.Errorf("empty index: %v %q %v", page, next, err)
	}
}

// many gives 12,000 sites: the real ones where they are, else scattered ones.
func many(b *testing.B) []Site {
	b.Helper()
	var sites []Site
	for _, c := range [][2]string{{FormatHospitals, realHospitals}, {FormatClinics, realClinics}} {
		got, _, err := Read(c[0], c[1], bytes.NewReader(realFile(b, c[1])))
		if err != nil {
			b.Fatal(err)
		}
		sites = append(sites, got...)
	}
	for i := range sites {
		sites[i].Num = Num(i + 1)
	}
	return sites
}

func BenchmarkNearest(b *testing.B) {
	x := NewIndex(many(b))
	for _, c := range []struct {
		name, after string
		lat, lon    float64
	}{
		{"Seoul", "", 37.5665, 126.978}, {"Gangwon", "", 37.75, 128.2}, {"SeoulAfter10km", "m10000.1", 37.5665, 126.978}, {"NewYork", "", 40.7, -74},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := x.Nearest(c.lat, c.lon, c.after, 20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkByRegion(b *testing.B) {
	x := NewIndex(many(b))
	for b.Loop() {
		if _, _, err := x.ByRegion("경기도", "", 20); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewIndex(b *testing.B) {
	sites := many(b)
	for b.Loop() {
		NewIndex(sites)
	}
}
