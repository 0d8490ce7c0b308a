package api

import (
	"context"
	_ "embed"
	"encoding/hex"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"charye/walk"
)

//go:embed openapi.yaml
var contract []byte

var contractEntry = newEntry(contract)

var yamlType = []string{"application/yaml"}

func getContract(_ *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	x.public(contractEntry, yamlType, maxAge300)
	return nil
}

func getCampaigns(f *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	e, err := f.docs.get(x.ctx, "campaigns", x.now, func(ctx context.Context) ([]byte, error) {
		list, err := f.svc.Campaigns(ctx)
		if err != nil {
			return nil, err
		}
		return appendCampaigns(nil, f.svc.Programme(), list, f.svc.Now()), nil
	})
	if err != nil {
		return err
	}
	x.public(e, jsonType, maxAge1)
	return nil
}

func getCampaign(f *face, x *exchange) error {
	id, err := x.campaign()
	if err != nil {
		return err
	}
	e, err := f.docs.get(x.ctx, "campaign\x00"+id, x.now, func(ctx context.Context) ([]byte, error) {
		c, err := f.svc.Campaign(ctx, id)
		if err != nil {
			return nil, err
		}
		return appendCampaign(nil, f.svc.Programme(), c), nil
	})
	if err != nil {
		return err
	}
	x.public(e, jsonType, maxAge1)
	return nil
}

// getLine is what every waiting page asks, over and over: a hit is a map lookup and a write.
func getLine(f *face, x *exchange) error {
	id, err := x.campaign()
	if err != nil {
		return err
	}
	e, err := f.lines.get(x.ctx, id, x.now, func(ctx context.Context) ([]byte, error) {
		d, err := f.svc.Line(ctx, id)
		if err != nil {
			return nil, err
		}
		return appendLine(nil, d, f.svc.Programme().Zone), nil
	})
	if err != nil {
		return err
	}
	x.public(e, jsonType, maxAge1)
	return nil
}

func getDraw(f *face, x *exchange) error {
	id, err := x.campaign()
	if err != nil {
		return err
	}
	e, err := f.docs.get(x.ctx, "draw\x00"+id, x.now, func(ctx context.Context) ([]byte, error) {
		d, err := f.svc.Draw(ctx, id)
		if err != nil {
			return nil, err
		}
		return appendDraw(nil, d, f.svc.Programme().Zone), nil
	})
	if err != nil {
		return err
	}
	x.public(e, jsonType, maxAge1)
	return nil
}

// bulkTime is how long one download of entrants may take: 160 MB at 3 Mbit/s.
const bulkTime = 8 * time.Minute

func getEntrants(f *face, x *exchange) error {
	id, err := x.campaign()
	if err != nil {
		return err
	}
	d, err := f.svc.Draw(x.ctx, id)
	if err != nil {
		return err
	}
	if !d.Drawn {
		return &walk.Error{Code: walk.NotOpen, Detail: "The draw has not been held yet."}
	}
	content, err := f.svc.Entrants(x.ctx, id)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // only read
	// Where the server has a write timeout for small answers, this one needs more.
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(bulkTime))
	h := x.w.Header()
	h["Content-Type"] = []string{"application/octet-stream"}
	h["Cache-Control"] = maxAge60
	// The seed decides the order, once and for all; with the count it names these bytes.
	h["Etag"] = []string{`"` + hex.EncodeToString(d.Seed[:12]) + fixedHex(d.Entrants) + `"`}
	http.ServeContent(noted{x.w, x}, x.r, "", d.At, content)
	return nil
}

// fixedHex writes n in eight hex digits.
func fixedHex(n int) string {
	return hex.EncodeToString([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func getRegions(f *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	e, err := f.docs.get(x.ctx, "regions", x.now, func(ctx context.Context) ([]byte, error) {
		b := append(key([]byte{'{'}, "regions"), '[')
		for _, r := range f.svc.Regions(ctx) {
			b = quote(comma(b), r)
		}
		return append(b, ']', '}'), nil
	})
	if err != nil {
		return err
	}
	x.public(e, jsonType, maxAge60)
	return nil
}

func getSites(f *face, x *exchange) error {
	id, err := x.path("c")
	if err != nil {
		return err
	}
	q, err := siteQuery(x.query())
	if err != nil {
		return err
	}
	e, err := f.pages.get(x.ctx, siteKey(id, q), x.now, func(ctx context.Context) ([]byte, error) {
		page, err := f.svc.Sites(ctx, id, q)
		if err != nil {
			return nil, err
		}
		return appendSitePage(nil, page), nil
	})
	if err != nil {
		return err
	}
	x.public(e, jsonType, maxAge2)
	return nil
}

func siteQuery(q *query) (walk.SiteQuery, error) {
	var s walk.SiteQuery
	s.Region = q.text("region", maxRegion)
	lat, hasLat := q.degrees("lat", 90)
	lon, hasLon := q.degrees("lon", 180)
	s.Date, s.HasDate = q.day("date")
	s.Cursor = q.text("cursor", maxCursor)
	if err := q.done(); err != nil {
		return s, err
	}
	switch {
	case hasLat && !hasLon:
		return s, badRequest("lon", "is missing: lat and lon go together")
	case hasLon && !hasLat:
		return s, badRequest("lat", "is missing: lat and lon go together")
	}
	if hasLat {
		s.Near, s.Lat, s.Lon = true, coarse(lat), coarse(lon)
	}
	return s, nil
}

// coarse rounds to two decimals, about a kilometre: near enough to sort by, too coarse to be somebody's door, and few
// enough to cache.
func coarse(v float64) float64 {
	v = math.Round(v*100) / 100
	if v == 0 {
		return 0 // not -0
	}
	return v
}

// siteKey is the same for queries that ask the same. Texts have no control characters, so NUL parts them safely.
func siteKey(campaign string, q walk.SiteQuery) string {
	b := make([]byte, 0, 96)
	b = append(append(b, campaign...), 0)
	b = append(append(b, q.Region...), 0)
	if q.Near {
		b = strconv.AppendFloat(b, q.Lat, 'f', 2, 64)
		b = append(b, ' ')
		b = strconv.AppendFloat(b, q.Lon, 'f', 2, 64)
	}
	b = append(b, 0)
	if q.HasDate {
		b = strconv.AppendInt(b, int64(q.Date), 10)
	}
	b = append(b, 0)
	return string(append(b, q.Cursor...))
}

func getSlots(f *face, x *exchange) error {
	id, err := x.path("c")
	if err != nil {
		return err
	}
	site, err := x.path("s")
	if err != nil {
		return err
	}
	q := x.query()
	day, given := q.day("date")
	if err := q.done(); err != nil {
		return err
	}
	if !given {
		return badRequest("date", "is missing")
	}
	// Two NULs first: no key of siteKey begins so.
	k := strings.Join([]string{"", "", id, site, day.String()}, "\x00")
	e, err := f.pages.get(x.ctx, k, x.now, func(ctx context.Context) ([]byte, error) {
		slots, err := f.svc.Slots(ctx, id, site, day)
		if err != nil {
			return nil, err
		}
		return appendSlotsDoc(nil, slots, f.svc.Programme().Zone), nil
	})
	if err != nil {
		return err
	}
	x.public(e, jsonType, maxAge2)
	return nil
}

// campaign reads the campaign of a route that takes no parameters.
func (x *exchange) campaign() (string, error) {
	if err := x.query().done(); err != nil {
		return "", err
	}
	return x.path("c")
}
