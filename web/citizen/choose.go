package citizen

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"charye/internal/civil"
	"charye/programme"
	"charye/walk"
	"charye/web/page"
)

// siteRow is a site in a list.
type siteRow struct {
	walk.SiteFree
	URL   string
	First int // index in Free of the first day with a seat; -1: none
	Total int
	Days  []dayRow // the first days, for the strip of bars
	More  int      // days beyond those
}

// dayRow is a day with its free seats; Bar is its height in percent of the fullest day.
type dayRow struct {
	walk.DayFree
	Bar     int
	URL     string
	Current bool
}

// Kilometres writes the distance with one decimal.
func (r siteRow) Kilometres() string { return strconv.FormatFloat(float64(r.Metres)/1000, 'f', 1, 64) }

// DayNumber is the day of the month.
func (d dayRow) DayNumber() int { return d.Day.At(0, time.UTC).Day() }

// Height and Top place the bar in a box 30 high.
func (d dayRow) Height() int { return max(d.Bar*30/100, 1) }

// Top is where the bar begins.
func (d dayRow) Top() int { return 30 - d.Height() }

// stripDays is how many days fit beside each other on a small telephone.
const stripDays = 7

// sitesData serves two pages: choosing a site for a new booking, and for changing one.
type sitesData struct {
	subject
	Action               string // where the filter form goes
	Hidden               []page.FormField
	Regions              []string
	Region, Date         string
	Lat, Lon             string
	Near                 bool
	Sites                []siteRow
	Next                 string // the next page of the list
	First                string // back to the first page, when this is a later one
	Inside               bool   // a pass is at hand
	Until                time.Time
	Changing             bool
	Back                 string
	NothingHere, BadDate bool
}

// siteQuery reads the filter of the list.
func (h *Pages) siteQuery(q *page.Request, d *sitesData) walk.SiteQuery {
	d.Region, d.Date, d.Lat, d.Lon = q.Field("region"), q.Field("date"), q.Field("lat"), q.Field("lon")
	sq := walk.SiteQuery{Region: d.Region, Cursor: q.Field("cursor")}
	if day, err := civil.Parse(d.Date); err == nil {
		sq.Date, sq.HasDate = day, true
	} else {
		d.BadDate = d.Date != ""
		d.Date = ""
	}
	lat, err1 := strconv.ParseFloat(d.Lat, 64)
	lon, err2 := strconv.ParseFloat(d.Lon, 64)
	if err1 == nil && err2 == nil && math.Abs(lat) <= 90 && math.Abs(lon) <= 180 {
		sq.Near, sq.Lat, sq.Lon, d.Near = true, lat, lon, true
	} else {
		d.Lat, d.Lon = "", ""
	}
	return sq
}

func newSiteRow(s walk.SiteFree, url string) siteRow {
	r := siteRow{SiteFree: s, URL: url, First: -1}
	most := 0
	for i, d := range s.Free {
		r.Total += d.Free
		most = max(most, d.Free)
		if d.Free > 0 && r.First < 0 {
			r.First = i
		}
	}
	for i, d := range s.Free {
		if i == stripDays {
			r.More = len(s.Free) - stripDays
			break
		}
		r.Days = append(r.Days, dayRow{DayFree: d, Bar: percent(d.Free, most)})
	}
	return r
}

// percent is rounded up, so that one free seat is never drawn as none.
func percent(n, of int) int {
	if n <= 0 || of <= 0 {
		return 0
	}
	return min((n*100+of-1)/of, 100)
}

func (h *Pages) sites(q *page.Request) error {
	s, err := h.subject(q)
	if err != nil {
		return err
	}
	d := sitesData{subject: s, Action: s.Form("sites"), Back: s.URL("wait")}
	if s.For != "" {
		d.Hidden = []page.FormField{{Name: "for", Value: s.For}}
	}
	if p, ok := h.Cookies.Pass(q.Request, page.PassName(s.Campaign.ID, s.For)); ok && p.Until.After(h.svc.Now()) {
		d.Inside, d.Until = true, p.Until
	}
	link := func(id string) string { return s.URL("sites/"+page.PathSegment(id), "date", d.Date) }
	further := func(cursor string) string {
		return s.URL("sites", "region", d.Region, "date", d.Date, "lat", d.Lat, "lon", d.Lon, "cursor", cursor)
	}
	return h.showSites(q, &d, link, further)
}

// showSites fills and sends a list of sites. link gives a site's address, page that of a further part of the list; both
// may read the filter in d, which is filled in first.
func (h *Pages) showSites(q *page.Request, d *sitesData, link, further func(string) string) error {
	sq := h.siteQuery(q, d)
	list, err := h.svc.Sites(q.Context(), d.Campaign.ID, sq)
	if err != nil {
		return err
	}
	d.Regions = h.svc.Regions(q.Context())
	for _, s := range list.Sites {
		d.Sites = append(d.Sites, newSiteRow(s, link(s.ID)))
	}
	if list.Next != "" {
		d.Next = further(list.Next)
	}
	if sq.Cursor != "" {
		d.First = further("")
	}
	d.NothingHere = len(d.Sites) == 0
	return q.Show(http.StatusOK, "sites", page.View{Title: q.Words("sites.title"), Script: "page.js", D: d})
}

type siteData struct {
	subject
	Site    siteRow
	Days    []dayRow
	Day     civil.Date
	HasDay  bool
	Groups  []slotGroup
	Inside  bool
	Until   time.Time
	Missing bool // the form was sent without a choice
	Back    string
}

// slotGroup is the morning's or the afternoon's slots.
type slotGroup struct {
	Morning bool
	Slots   []slotRow
}

type slotRow struct {
	walk.Slot
	Product programme.Text // named only when there is more than one to choose from
}

func (h *Pages) site(q *page.Request) error {
	s, err := h.subject(q)
	if err != nil {
		return err
	}
	id := q.PathValue("site")
	found, err := h.svc.Site(q.Context(), s.Campaign.ID, id)
	if err != nil {
		return err
	}
	d := siteData{subject: s, Site: newSiteRow(found, ""), Missing: q.Field("missing") != "", Back: s.URL("sites", "region", found.Region)}
	if p, ok := h.Cookies.Pass(q.Request, page.PassName(s.Campaign.ID, s.For)); ok && p.Until.After(h.svc.Now()) {
		d.Inside, d.Until = true, p.Until
	}
	d.Days, d.Day, d.HasDay = chooseDay(d.Site, q.Field("date"), func(day civil.Date) string {
		return s.URL("sites/"+page.PathSegment(id), "date", day.String())
	})
	if d.HasDay {
		slots, err := h.slots(q, s, id, d.Day)
		if err != nil {
			return err
		}
		d.Groups = h.groupSlots(slots)
	}
	return q.Show(http.StatusOK, "site", page.View{Title: found.Name, Error: d.Missing, D: d})
}

// slots lists those that the reader may choose; without a reader who is known, those of all products on offer.
func (h *Pages) slots(q *page.Request, s subject, siteID string, day civil.Date) ([]walk.Slot, error) {
	if q.Session == nil {
		return h.svc.Slots(q.Context(), s.Campaign.ID, siteID, day)
	}
	a, err := q.Actor()
	if err != nil {
		return nil, err
	}
	return h.svc.SlotsFor(q.Context(), a, s.Campaign.ID, s.For, siteID, day)
}

// chooseDay lists a site's days and picks the one asked for, else the first with a free seat.
func chooseDay(r siteRow, asked string, url func(civil.Date) string) (days []dayRow, day civil.Date, ok bool) {
	most := 0
	for _, f := range r.Free {
		most = max(most, f.Free)
	}
	if want, err := civil.Parse(asked); err == nil {
		for _, f := range r.Free {
			if f.Day == want {
				day, ok = want, true
			}
		}
	}
	if !ok && r.First >= 0 {
		day, ok = r.Free[r.First].Day, true
	}
	for _, f := range r.Free {
		days = append(days, dayRow{DayFree: f, Bar: percent(f.Free, most), URL: url(f.Day), Current: ok && f.Day == day})
	}
	return days, day, ok
}

// groupSlots parts slots into morning and afternoon, in their order.
func (h *Pages) groupSlots(slots []walk.Slot) []slotGroup {
	products := map[string]bool{}
	for _, s := range slots {
		products[s.Product] = true
	}
	groups := []slotGroup{{Morning: true}, {}}
	for _, s := range slots {
		row := slotRow{Slot: s}
		if len(products) > 1 {
			p, _ := h.Product(s.Product)
			row.Product = p.Name
		}
		g := &groups[1]
		if s.Start.In(h.Zone).Hour() < 12 {
			g = &groups[0]
		}
		g.Slots = append(g.Slots, row)
	}
	var out []slotGroup
	for _, g := range groups {
		if len(g.Slots) > 0 {
			out = append(out, g)
		}
	}
	return out
}
