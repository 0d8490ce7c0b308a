package supply

import (
	"net/http"

	"charye/site"
	"charye/supply"
	"charye/supply/room"
	"charye/walk"
	"charye/web/page"
)

type supplySitesData struct {
	supplyState
	Region, Find string
	Regions      []room.Region
	Sites        []room.Shelf
	Pages        pages
}

func (h *Pages) supplySites(q *page.Request) error {
	v, _, err := h.supply(q)
	if err != nil {
		return err
	}
	d := supplySitesData{supplyState: h.supplyState(q, v), Region: q.Field("region"), Find: q.Field("q")}
	d.Regions, _, _ = v.Regions()
	from := h.from(q)
	var total int
	d.Sites, total = v.SitesOf(d.Region, d.Find, from, supplyPage)
	d.Pages = h.pages(q, from, len(d.Sites), total)
	return q.Show(http.StatusOK, "supplysites", page.View{Title: q.Words("supply.sites.title"), Wide: true, D: d})
}

type boxRow struct {
	ID, Lot, Product, Where string
	Left, Doses             int
	State                   string // catalogue key
	Doubt                   string // catalogue key; empty: none
}

type supplyBoxesData struct {
	supplyState
	Site     *site.Site
	Stock    room.Stock
	Booked   int
	Lot      string
	Place    string
	Scope    string // address of what they touch
	Boxes    []boxRow
	Pages    pages
	Products []productStock
}

type productStock struct {
	Name         string
	Usable, Held int
}

func (h *Pages) boxRow(q *page.Request, v *room.View, k supply.SSCC) boxRow {
	b, _ := v.Trace.Box(k)
	r := boxRow{
		ID: k.String(), Lot: b.Lot.ID, Product: h.productName(q, b.Product), Where: h.placeName(q, v, b.Place, b.Site), Left: b.Left(), Doses: b.Doses(),
		State: stateNames[v.Register.State(k)],
	}
	if d, ok := v.Doubt(k); ok {
		r.Doubt = causeNames[d.Cause]
	}
	return r
}

func (h *Pages) supplyBoxes(q *page.Request) error {
	v, _, err := h.supply(q)
	if err != nil {
		return err
	}
	d := supplyBoxesData{supplyState: h.supplyState(q, v), Lot: q.Field("lot"), Place: q.Field("place")}
	f := room.Filter{Lot: d.Lot, Place: d.Place}
	title := q.Words("supply.boxes.title")
	if id := q.Field("site"); id != "" {
		at, ok := v.Sites.ByID(id)
		if !ok {
			return &walk.Error{Code: walk.NotFound, Detail: "site: there is no such site"}
		}
		d.Site, f.Site, title = &at, at.Num, at.Name
		d.Stock, d.Booked = v.Shelf(at.Num), v.Booked(at.Num)
	}
	list := v.Boxes(f)
	if d.Site != nil {
		d.Products = h.productsOf(q, v, list)
	}
	from := h.from(q)
	for _, k := range part(list, from, supplyPage) {
		d.Boxes = append(d.Boxes, h.boxRow(q, v, k))
	}
	d.Pages = h.pages(q, from, len(d.Boxes), len(list))
	if d.Lot != "" {
		d.Scope = page.WithQuery("/supply/readings", "lot", d.Lot)
		title = q.Words("supply.lot.title", "lot", d.Lot)
	}
	return q.Show(http.StatusOK, "supplyboxes", page.View{Title: title, Wide: true, D: d})
}

func (h *Pages) productsOf(q *page.Request, v *room.View, list []supply.SSCC) (out []productStock) {
	at := map[string]int{}
	for _, k := range list {
		b, _ := v.Trace.Box(k)
		i, ok := at[b.Product]
		if !ok {
			i = len(out)
			at[b.Product] = i
			out = append(out, productStock{Name: h.productName(q, b.Product)})
		}
		switch v.Register.State(k) {
		case supply.Usable:
			out[i].Usable += b.Left()
		case supply.Held:
			out[i].Held += b.Left()
		case supply.Recalled, supply.Destroyed:
		}
	}
	return out
}
