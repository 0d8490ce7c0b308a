package delivery

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"charye/site"
	"charye/supply"
	"charye/supply/journal"
)

// Packed is a line of the packing list of a settlement.
type Packed struct {
	journal.Load
	To    site.Site
	GLN   supply.GLN // of To; 0: none is known
	State string     // "waiting", "withdrawn", how its promise ended, or what is against its leaving
}

// What a line of a packing list says of a box that is promised, and of one that is withdrawn.
const (
	PackedWaiting   = "waiting"
	PackedWithdrawn = "withdrawn"
)

// PackingList lists the boxes of a settlement by site, as they stand by the fates of those that are promised. gln names a site for custody; nil: none has a number.
func PackingList(s *journal.Settlement, fates map[supply.SSCC]Fate, sites *site.Index, gln func(site.Num) (supply.GLN, bool)) []Packed {
	out := make([]Packed, 0, len(s.Loads))
	for _, l := range s.Loads {
		x := Packed{Load: l, State: PackedWaiting}
		x.To, _ = sites.ByID(l.Site)
		if gln != nil {
			x.GLN, _ = gln(x.To.Num)
		}
		ended, over := s.Ended[l.Box]
		switch f := fates[l.Box]; {
		case over:
			x.State = string(ended.Why)
		case s.Withdrawn != nil:
			x.State = PackedWithdrawn
		case f.Settlement == s.ID && f.Why != "":
			x.State = string(f.Why)
		case f.Settlement == s.ID && f.Bar != "":
			x.State = string(f.Bar)
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b Packed) int { return strings.Compare(a.Load.Site, b.Load.Site) })
	return out
}

// WritePackingList writes a packing list as CSV: a line for each box.
func WritePackingList(to io.Writer, s *journal.Settlement, rows []Packed, zone *time.Location) error {
	w := csv.NewWriter(to)
	_ = w.Write([]string{"settlement", "from", "leaves", "site", "name", "address", "gln", "usable from", "product", "box", "lot", "expires", "vials", "state"}) // an error stays
	for i := range rows {
		x := &rows[i]
		gln := ""
		if x.GLN != 0 {
			gln = x.GLN.String()
		}
		_ = w.Write([]string{
			strconv.FormatInt(s.ID, 10), s.From(), s.Leaves.In(zone).Format(time.RFC3339), x.Load.Site, PlainCell(x.To.Name), PlainCell(x.To.Address), gln, x.Arrives.String(), s.Product, x.Box.String(),
			PlainCell(x.Lot), x.Expires.String(), strconv.Itoa(x.Vials), x.State,
		})
	}
	w.Flush()
	return w.Error()
}
