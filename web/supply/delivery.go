package supply

import (
	"net/http"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/site"
	"charye/supply/delivery"
	"charye/supply/journal"
	"charye/supply/room"
	"charye/web/page"
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

// departureRow is what leaves a depot at one time with one product.
type departureRow struct {
	Depot, Product, URL string
	CutOff, Leaves      time.Time
	Sites, Boxes, Vials int
	Today               bool // to be settled today
}

type transferRow struct {
	URL                  string // where it is settled
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
	Error      string
	Settled    []settledRow
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

func (h *Pages) supplyDeliveries(q *page.Request) error {
	return h.showDeliveries(q, http.StatusOK, "")
}

func (h *Pages) showDeliveries(q *page.Request, status int, wrong string) error {
	v, a, err := h.supply(q)
	if err != nil {
		return err
	}
	p, err := h.svc.Deliveries(q.Context(), a)
	if err != nil {
		return err
	}
	d := supplyDeliveriesData{supplyState: h.supplyState(q, v), Error: wrong}
	for _, x := range v.Book.Settlements() {
		if x.Open() > 0 {
			d.Settled = append(d.Settled, h.settledRow(q, v, x))
		}
	}
	again := planAgain
	if p != nil {
		again = 0
		h.fillDeliveries(q, &d, v, p)
	}
	return q.Show(status, "supplydeliveries", page.View{Title: q.Words("supply.deliveries.title"), Wide: true, Again: again, Error: wrong != "", D: d})
}

func (h *Pages) fillDeliveries(q *page.Request, d *supplyDeliveriesData, v *room.View, p *room.Planned) {
	d.Planned, d.Made, d.Total, d.Over, d.From, d.To = true, p.Made, p.Totals, p.Totals.Over(), p.From, p.To
	d.Days = comingRows(p.Plan)
	settles := map[[2]string]string{} // of transfers, by giver and instant
	for i := range p.Departures {
		x := &p.Departures[i]
		if slices.ContainsFunc(x.Loads, func(l journal.Load) bool { _, promised := v.Book.Promised(l.Box); return promised }) {
			continue // settled a moment ago; the next plan knows
		}
		r := h.departureRow(q, x, p.Made)
		if x.Giver != "" {
			settles[[2]string{x.Giver, x.Leaves.Format(time.RFC3339)}] = r.URL
			continue
		}
		if r.Today {
			d.Today = append(d.Today, r)
		} else {
			d.Later = append(d.Later, r)
		}
	}
	for i := range part(p.Transfers, 0, supplyPage) {
		s := &p.Transfers[i]
		r := transferRow{CutOff: s.CutOff, Leaves: s.Leaves, Boxes: len(s.Loads), Metres: s.Metres, Why: whyNames[s.Why]}
		r.From, r.FromURL = h.siteOf(q, v, s.Giver)
		giver, _ := v.Sites.ByNum(s.Giver)
		r.URL = settles[[2]string{giver.ID, s.Leaves.UTC().Format(time.RFC3339)}]
		r.To, r.ToURL = h.siteOf(q, v, s.Site)
		for _, l := range s.Loads {
			r.Vials += l.Vials
		}
		d.Transfers = append(d.Transfers, r)
	}
	d.MoreMoves = len(p.Transfers) - len(d.Transfers)
	from := h.from(q)
	for _, s := range part(p.Short, from, supplyPage) {
		r := shortRow{Product: h.productName(q, s.Product), Day: s.Day, Vials: s.Vials, Boxes: s.Boxes, Why: whyNames[s.Why], CutOff: s.CutOff}
		r.Site, r.URL = h.siteOf(q, v, s.Site)
		d.Short = append(d.Short, r)
	}
	d.ShortPages = h.pages(q, from, len(d.Short), len(p.Short))
	for _, u := range part(p.Unused, 0, supplyPage) {
		d.Unused = append(d.Unused, unusedRow{
			Box: u.Box.String(), URL: boxPath(u.Box), Lot: u.Lot.ID, Product: h.productName(q, u.Product), Where: h.storeName(q, v, u.Depot, u.Site), Expires: u.Expires, Vials: u.Vials,
		})
	}
	d.MoreUnused = len(p.Unused) - len(d.Unused)
	d.Aside = h.asides(q, v, p)
}

// departureRow sums a departure up.
func (h *Pages) departureRow(q *page.Request, x *room.Departure, now time.Time) departureRow {
	zone := h.svc.Programme().Zone
	r := departureRow{
		Depot: h.depotName(q, x.Depot), Product: h.productName(q, x.Product), CutOff: x.CutOff, Leaves: x.Leaves, Boxes: len(x.Loads), URL: page.WithQuery(departurePath, "d", x.Digest),
		Today: civil.Of(x.CutOff, zone) <= civil.Of(now, zone),
	}
	at := map[string]bool{}
	for i := range x.Loads {
		at[x.Loads[i].Site] = true
		r.Vials += x.Loads[i].Vials
	}
	r.Sites = len(at)
	return r
}

func (h *Pages) asides(q *page.Request, v *room.View, p *room.Planned) (out []asideRow) {
	at := map[asideRow]int{}
	for i := range p.Aside {
		b := &p.Aside[i].Box
		k := asideRow{Where: h.storeName(q, v, b.Depot, b.Site), Why: barNames[p.Aside[i].Why]}
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

func (h *Pages) siteOf(q *page.Request, v *room.View, at site.Num) (name, url string) {
	s, ok := v.Sites.ByNum(at)
	if !ok {
		return "", ""
	}
	return s.Name, sitePath(s)
}

func (h *Pages) depotName(q *page.Request, id string) string {
	rules := h.svc.Programme().Shipping
	for i := len(rules) - 1; i >= 0; i-- {
		if d, ok := rules[i].Depot(id); ok {
			return d.Name.In(q.Lang.ID)
		}
	}
	return id
}

func (h *Pages) storeName(q *page.Request, v *room.View, depot string, at site.Num) string {
	if depot != "" {
		return h.depotName(q, depot)
	}
	if name, _ := h.siteOf(q, v, at); name != "" {
		return name
	}
	return q.Words("supply.place.none")
}

// deliveriesFile gives the whole plan as a table for other programs.
func (h *Pages) deliveriesFile(q *page.Request) error {
	v, a, err := h.supply(q)
	if err != nil {
		return err
	}
	p, err := h.svc.Deliveries(q.Context(), a)
	if err != nil {
		return err
	}
	if p == nil {
		return q.Redirect("/supply/deliveries")
	}
	hd := q.W.Header()
	hd.Set("Content-Type", "text/csv; charset=utf-8")
	hd.Set("Content-Disposition", `attachment; filename="deliveries-`+p.From.String()+`.csv"`)
	return p.WriteCSV(q.W, v.Sites, h.svc.Programme().Zone, delivery.PlainCell)
}
