package web

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/site"
	"charye/supply/delivery"
	"charye/supply/room"
)

// What reasons are called.
var (
	whyNames = map[delivery.Why]string{
		delivery.PastCutOff: "supply.deliveries.why.past", delivery.NoBox: "supply.deliveries.why.box", delivery.NoDepot: "supply.deliveries.why.depot",
		delivery.Sooner: "supply.deliveries.why.sooner", delivery.Cheaper: "supply.deliveries.why.cheaper",
	}
	barNames = map[delivery.Bar]string{
		delivery.Held: "supply.deliveries.bar.held", delivery.Doubt: "supply.deliveries.bar.doubt", delivery.Unknown: "supply.deliveries.bar.unknown",
		delivery.Thawed: "supply.deliveries.bar.thawed", delivery.NoExpiry: "supply.deliveries.bar.expiry", delivery.Late: "supply.deliveries.bar.late",
		delivery.Elsewhere: "supply.deliveries.bar.elsewhere",
	}
)

// departureRow is what leaves a depot at one time.
type departureRow struct {
	Depot               string
	CutOff, Leaves      time.Time
	Sites, Boxes, Vials int
	Today               bool // to be settled today
	sites               map[site.Num]bool
}

type transferRow struct {
	From, To             string
	FromURL, ToURL       string
	CutOff, Leaves       time.Time
	Boxes, Vials, Metres int
	Why                  string // catalogue key
}

type shortRow struct {
	Site, URL, Product string
	Day                civil.Date
	Vials, Boxes       int
	Why                string // catalogue key
	CutOff             time.Time
}

type unusedRow struct {
	Box, URL, Lot, Product, Where string
	Expires                       civil.Date
	Vials                         int
}

type asideRow struct {
	Where, Why   string // Why is a catalogue key
	Boxes, Vials int
}

type supplyDeliveriesData struct {
	supplyState
	Planned    bool // there is a plan
	Made       time.Time
	Total      delivery.Totals
	Over       int
	From, To   civil.Date
	Days       []comingRow
	Today      []departureRow
	Later      []departureRow
	Transfers  []transferRow
	MoreMoves  int
	Short      []shortRow
	ShortPages pages
	Unused     []unusedRow
	MoreUnused int
	Aside      []asideRow
}

// planAgain is how many seconds a browser waits for a plan that is being made.
const planAgain = 5

func (h *handler) supplyDeliveries(q *request) error {
	v, a, err := q.supply()
	if err != nil {
		return err
	}
	p, err := h.svc.Deliveries(q.Context(), a)
	if err != nil {
		return err
	}
	d := supplyDeliveriesData{supplyState: q.supplyState(v)}
	again := planAgain
	if p != nil {
		again = 0
		q.fillDeliveries(&d, v, p)
	}
	return q.show(http.StatusOK, "supplydeliveries", view{Title: q.words("supply.deliveries.title"), Wide: true, Again: again, D: d})
}

func (q *request) fillDeliveries(d *supplyDeliveriesData, v *room.View, p *delivery.Plan) {
	d.Planned, d.Made, d.Total, d.Over, d.From, d.To = true, p.Made, p.Totals, p.Totals.Over(), p.From, p.To
	d.Days = comingRows(p)
	for _, r := range q.departures(p) {
		if r.Today {
			d.Today = append(d.Today, r)
		} else {
			d.Later = append(d.Later, r)
		}
	}
	for i := range part(p.Transfers, 0, supplyPage) {
		s := &p.Transfers[i]
		r := transferRow{CutOff: s.CutOff, Leaves: s.Leaves, Boxes: len(s.Loads), Metres: s.Metres, Why: whyNames[s.Why]}
		r.From, r.FromURL = q.siteOf(v, s.Giver)
		r.To, r.ToURL = q.siteOf(v, s.Site)
		for _, l := range s.Loads {
			r.Vials += l.Vials
		}
		d.Transfers = append(d.Transfers, r)
	}
	d.MoreMoves = len(p.Transfers) - len(d.Transfers)
	from := q.from()
	for _, s := range part(p.Short, from, supplyPage) {
		r := shortRow{Product: q.productName(s.Product), Day: s.Day, Vials: s.Vials, Boxes: s.Boxes, Why: whyNames[s.Why], CutOff: s.CutOff}
		r.Site, r.URL = q.siteOf(v, s.Site)
		d.Short = append(d.Short, r)
	}
	d.ShortPages = q.pages(from, len(d.Short), len(p.Short))
	for _, u := range part(p.Unused, 0, supplyPage) {
		d.Unused = append(d.Unused, unusedRow{
			Box: u.Box.String(), URL: boxPath(u.Box), Lot: u.Lot.ID, Product: q.productName(u.Product), Where: q.storeName(v, u.Depot, u.Site), Expires: u.Expires, Vials: u.Vials,
		})
	}
	d.MoreUnused = len(p.Unused) - len(d.Unused)
	d.Aside = q.asides(v, p)
}

// departures sums shipments up, by what has to be settled first.
func (q *request) departures(p *delivery.Plan) []departureRow {
	type key struct {
		depot          string
		leaves, cutOff int64
	}
	zone := q.h.svc.Programme().Zone
	today := civil.Of(p.Made, zone)
	at := map[key]int{}
	var out []departureRow
	for i := range p.Shipments {
		s := &p.Shipments[i]
		k := key{s.Depot, s.Leaves.Unix(), s.CutOff.Unix()}
		n, ok := at[k]
		if !ok {
			n = len(out)
			at[k] = n
			out = append(out, departureRow{
				Depot: q.depotName(s.Depot), CutOff: s.CutOff, Leaves: s.Leaves, Today: civil.Of(s.CutOff, zone) <= today, sites: map[site.Num]bool{},
			})
		}
		r := &out[n]
		r.sites[s.Site] = true
		r.Sites, r.Boxes = len(r.sites), r.Boxes+len(s.Loads)
		for _, l := range s.Loads {
			r.Vials += l.Vials
		}
	}
	slices.SortStableFunc(out, func(a, b departureRow) int { return cmp.Or(a.CutOff.Compare(b.CutOff), a.Leaves.Compare(b.Leaves)) })
	return out
}

func (q *request) asides(v *room.View, p *delivery.Plan) (out []asideRow) {
	at := map[asideRow]int{}
	for i := range p.Aside {
		b := &p.Aside[i].Box
		k := asideRow{Where: q.storeName(v, b.Depot, b.Site), Why: barNames[p.Aside[i].Why]}
		n, ok := at[k]
		if !ok {
			if len(out) == supplyPage {
				continue
			}
			n = len(out)
			at[k] = n
			out = append(out, k)
		}
		out[n].Boxes++
		out[n].Vials += b.Vials
	}
	return out
}

func (q *request) siteOf(v *room.View, at site.Num) (name, url string) {
	s, ok := v.Sites.ByNum(at)
	if !ok {
		return "", ""
	}
	return s.Name, sitePath(s)
}

func (q *request) depotName(id string) string {
	rules := q.h.svc.Programme().Shipping
	for i := len(rules) - 1; i >= 0; i-- {
		if d, ok := rules[i].Depot(id); ok {
			return d.Name.In(q.lang.id)
		}
	}
	return id
}

func (q *request) storeName(v *room.View, depot string, at site.Num) string {
	if depot != "" {
		return q.depotName(depot)
	}
	if name, _ := q.siteOf(v, at); name != "" {
		return name
	}
	return q.words("supply.place.none")
}

// deliveriesFile gives the whole plan as a table for other programs.
func (h *handler) deliveriesFile(q *request) error {
	v, a, err := q.supply()
	if err != nil {
		return err
	}
	p, err := h.svc.Deliveries(q.Context(), a)
	if err != nil {
		return err
	}
	if p == nil {
		return q.redirect("/supply/deliveries")
	}
	hd := q.w.Header()
	hd.Set("Content-Type", "text/csv; charset=utf-8")
	hd.Set("Content-Disposition", `attachment; filename="deliveries-`+p.From.String()+`.csv"`)
	return p.WriteCSV(q.w, v.Sites, q.h.svc.Programme().Zone, plainCell)
}

// plainCell keeps a spreadsheet from taking a name for a formula.
func plainCell(s string) string {
	if s != "" && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@' || s[0] == '\t' || s[0] == '\r') {
		return "'" + s
	}
	return s
}
