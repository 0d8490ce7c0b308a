package delivery

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"charye/internal/civil"
	"charye/site"
)

// columns are those of a plan as CSV.
var columns = []string{"what", "from", "site", "name", "settled before", "leaves", "usable from", "product", "box", "lot", "expires", "vials", "needed on", "why"}

// What a line of it is about.
const (
	rowDeliver, rowTransfer, rowShort, rowUnused, rowAside = "deliver", "transfer", "short", "unused", "left out"
)

// WriteCSV writes the whole plan: a line for each box that goes, for what is short, and for each box that is not used or left out. plain makes a cell of what
// people named.
func (p *Plan) WriteCSV(to io.Writer, sites *site.Index, zone *time.Location, plain func(string) string) error {
	w := csv.NewWriter(to)
	row := func(cells ...string) { _ = w.Write(cells) } // an error stays, and is given at the end
	row(columns...)
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(zone).Format(time.RFC3339)
	}
	day := func(d civil.Date) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	named := func(num site.Num) (id, name string) {
		s, _ := sites.ByNum(num)
		return s.ID, plain(s.Name)
	}
	for _, list := range [][]Shipment{p.Shipments, p.Transfers} {
		for i := range list {
			s := &list[i]
			id, name := named(s.Site)
			what, from := rowDeliver, s.Depot
			if s.Giver != 0 {
				what = rowTransfer
				from, _ = named(s.Giver)
			}
			for _, l := range s.Loads {
				why := string(s.Why)
				if l.Reserve {
					why = "reserve"
				}
				row(what, from, id, name, at(s.CutOff), at(s.Leaves), day(s.Arrives), l.Product, l.Box.String(), plain(l.Lot.ID), day(l.Expires), strconv.Itoa(l.Vials), day(l.For), why)
			}
		}
	}
	for _, s := range p.Short {
		id, name := named(s.Site)
		row(rowShort, "", id, name, at(s.CutOff), "", "", s.Product, "", "", "", strconv.Itoa(s.Vials), day(s.Day), string(s.Why))
	}
	for _, u := range p.Unused {
		id, name := named(u.Site)
		row(rowUnused, u.Depot, id, name, "", "", "", u.Product, u.Box.String(), plain(u.Lot.ID), day(u.Expires), strconv.Itoa(u.Vials), "", "")
	}
	for _, a := range p.Aside {
		id, name := named(a.Box.Site)
		row(rowAside, a.Box.Depot, id, name, "", "", "", a.Box.Product, a.Box.SSCC.String(), plain(a.Box.Lot.ID), day(a.Box.Expires), strconv.Itoa(a.Box.Vials), "", string(a.Why))
	}
	w.Flush()
	return w.Error()
}
