package site

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
)

// MaxPage is the most sites that one page of an [Index] holds.
const MaxPage = 200

var (
	// ErrBadCursor means that a cursor was not one that this kind of page gave.
	ErrBadCursor = errors.New("cursor was not given by a page before")
	// ErrBadPosition means that a latitude or longitude is not a number of degrees on the globe.
	ErrBadPosition = errors.New("position is not on the globe; want lat -90 to 90 and lon -180 to 180")
)

// Index finds sites by nearness, region, id and number. It is immutable and safe for concurrent use; when sites change, a
// new one is made.
type Index struct {
	sites    []Site // by Num
	byID     map[string]int32
	ordered  []int32 // by region, name, Num: positions in sites
	rank     []int32 // position in sites → position in ordered
	regionAt map[string][2]int32
	tree     tree
}

// Near is a site with its distance.
type Near struct {
	Site
	Metres int
}

// NewIndex makes an index of sites with distinct Nums and IDs. The slice is not kept.
func NewIndex(sites []Site) *Index {
	x := &Index{sites: slices.Clone(sites), byID: make(map[string]int32, len(sites)), regionAt: make(map[string][2]int32)}
	slices.SortFunc(x.sites, func(a, b Site) int { return cmp.Compare(a.Num, b.Num) })
	x.ordered = make([]int32, len(x.sites))
	x.rank = make([]int32, len(x.sites))
	regionOf := make([]int, len(x.sites))
	for i := range x.sites {
		x.byID[x.sites[i].ID] = int32(i)
		x.ordered[i] = int32(i)
		regionOf[i] = regionRank(x.sites[i].Region)
	}
	slices.SortFunc(x.ordered, func(a, b int32) int {
		s, t := &x.sites[a], &x.sites[b]
		return cmp.Or(cmp.Compare(regionOf[a], regionOf[b]), strings.Compare(s.Region, t.Region),
			strings.Compare(s.Name, t.Name), cmp.Compare(s.Num, t.Num))
	})
	for i, at := range x.ordered {
		x.rank[at] = int32(i)
		r := x.sites[at].Region
		span, ok := x.regionAt[r]
		if !ok {
			span[0] = int32(i)
		}
		span[1] = int32(i) + 1
		x.regionAt[r] = span
	}
	x.tree = plant(x.sites)
	return x
}

// Len is the number of sites.
func (x *Index) Len() int { return len(x.sites) }

// All gives every site by Num. The slice is shared and must not be changed.
func (x *Index) All() []Site { return x.sites }

// ByID finds a site by its id.
func (x *Index) ByID(id string) (Site, bool) {
	i, ok := x.byID[id]
	if !ok {
		return Site{}, false
	}
	return x.sites[i], true
}

// ByNum finds a site by its number.
func (x *Index) ByNum(num Num) (Site, bool) {
	i, ok := x.find(num)
	if !ok {
		return Site{}, false
	}
	return x.sites[i], true
}

func (x *Index) find(num Num) (int, bool) {
	return slices.BinarySearchFunc(x.sites, num, func(s Site, n Num) int { return cmp.Compare(s.Num, n) })
}

// Nearest gives up to n (at most [MaxPage]) placed sites by distance from a position, then by Num. after is empty for the
// first page and the next of the page before for the others, asked from the same position; next is empty on the last.
// Distances are those of a sphere, rounded to metres: good to half a percent.
func (x *Index) Nearest(lat, lon float64, after string, n int) (page []Near, next string, err error) {
	if !onGlobe(lat, lon) {
		return nil, "", ErrBadPosition
	}
	start := reached{metres: -1}
	if after != "" {
		if start, err = parseReached(after); err != nil {
			return nil, "", err
		}
	}
	n = min(max(n, 1), MaxPage)
	q := query{from: onSphere(lat, lon), after: start, room: n + 1, found: make([]found, 0, n+2)}
	x.tree.search(&q)
	more := len(q.found) > n
	q.found = q.found[:min(n, len(q.found))]
	page = make([]Near, len(q.found))
	for i, f := range q.found {
		page[i] = Near{Site: x.sites[f.site], Metres: int(f.metres)}
	}
	if more {
		next = q.found[n-1].String()
	}
	return page, next, nil
}

// ByRegion gives up to n (at most [MaxPage]) sites of a region, placed or not, by name and Num; an empty region means all,
// region after region. Any usual name of a region will do; an unknown one has no sites. after and next are as in
// [Index.Nearest].
func (x *Index) ByRegion(region, after string, n int) (page []Site, next string, err error) {
	span := [2]int32{0, int32(len(x.ordered))}
	if region != "" {
		if official, ok := RegionName(region); ok {
			region = official
		}
		span = x.regionAt[region]
	}
	from := span[0]
	if after != "" {
		num, ok := strings.CutPrefix(after, "r")
		v, err := strconv.ParseUint(num, 10, 24)
		if !ok || err != nil || strconv.FormatUint(v, 10) != num {
			return nil, "", ErrBadCursor
		}
		i, ok := x.find(Num(v))
		if !ok || x.rank[i] < span[0] || x.rank[i] >= span[1] {
			return nil, "", ErrBadCursor
		}
		from = x.rank[i] + 1
	}
	to := min(from+int32(min(max(n, 1), MaxPage)), span[1])
	for _, i := range x.ordered[from:to] {
		page = append(page, x.sites[i])
	}
	if to < span[1] {
		next = "r" + strconv.FormatUint(uint64(page[len(page)-1].Num), 10)
	}
	return page, next, nil
}

// reached is a site in the order of nearness: by distance, then by number. As a cursor it reads "m1234.567".
type reached struct {
	metres int32
	num    Num
}

func (r reached) compare(o reached) int {
	return cmp.Or(cmp.Compare(r.metres, o.metres), cmp.Compare(r.num, o.num))
}

func (r reached) String() string {
	return "m" + strconv.FormatInt(int64(r.metres), 10) + "." + strconv.FormatUint(uint64(r.num), 10)
}

func parseReached(s string) (reached, error) {
	m, num, ok := strings.Cut(strings.TrimPrefix(s, "m"), ".")
	a, errA := strconv.ParseUint(m, 10, 31)
	b, errB := strconv.ParseUint(num, 10, 24)
	r := reached{metres: int32(a), num: Num(b)}
	if !ok || errA != nil || errB != nil || r.String() != s {
		return reached{}, ErrBadCursor
	}
	return r, nil
}

// point is a position on the unit sphere; straight distances between points order as those along the surface do, and
// boxes around points need no care at the poles or the date line.
type point [3]float64

func onSphere(lat, lon float64) point {
	sinLat, cosLat := math.Sincos(lat * math.Pi / 180)
	sinLon, cosLon := math.Sincos(lon * math.Pi / 180)
	return point{cosLat * cosLon, cosLat * sinLon, sinLat}
}

// onGlobe is false for what is not a number, too.
func onGlobe(lat, lon float64) bool { return lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180 }

// earthRadius is the mean radius of the earth (IUGG R1) in metres.
const earthRadius = 6371008.8

// metres along the surface for a squared straight distance.
func metres(chord2 float64) float64 {
	return 2 * earthRadius * math.Asin(min(1, math.Sqrt(chord2)/2))
}
