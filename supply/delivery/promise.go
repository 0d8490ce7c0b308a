package delivery

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/programme"
	"charye/site"
	"charye/supply"
)

// Promise is a box that an earlier plan, or a settlement, sends to a site.
type Promise struct {
	Box            supply.SSCC
	Product        string
	Depot          string   // that sends it; empty: a site gives it
	Giver          site.Num // 0: a depot sends it
	Site           site.Num
	CutOff, Leaves time.Time
	Arrives        civil.Date
	Line           int   // of the file
	Settlement     int64 // that has it: it is promised whether its cut-off is over or not; 0: it is in a file
}

// still reports whether a box is where a promise takes it from.
func (p *Promise) still(b *Box) bool {
	if p.Depot != "" {
		return b.Depot == p.Depot
	}
	return b.Depot == "" && b.Site == p.Giver && !b.Coming
}

// ReadPromises reads what goes by a plan that [Plan.WriteCSV] wrote. A wrong file is refused whole; the error names line and field.
func ReadPromises(name string, from io.Reader, sites *site.Index, programme *programme.Programme) ([]Promise, error) {
	r := csv.NewReader(from)
	r.FieldsPerRecord = len(columns)
	header := strings.Join(columns, ",")
	var out []Promise
	lines := map[supply.SSCC]int{}
	for first := true; ; first = false {
		row, err := r.Read()
		if errors.Is(err, io.EOF) && !first {
			return out, nil
		}
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: is empty; want a plan as supply plan --csv writes it", name)
		}
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			return nil, fmt.Errorf("%s:%d: %w; want a plan as supply plan --csv writes it: %s", name, e.Line, e.Err, header)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := r.FieldPos(0)
		switch {
		case first && (strings.TrimPrefix(row[0], "\ufeff") != columns[0] || !slices.Equal(row[1:], columns[1:])):
			return nil, fmt.Errorf("%s:%d: the header is %.60q …; want a plan as supply plan --csv writes it: %s", name, line, row[0], header)
		case first || row[0] == rowShort || row[0] == rowUnused || row[0] == rowAside:
			continue
		case row[0] != rowDeliver && row[0] != rowTransfer:
			return nil, fmt.Errorf("%s:%d: what: is %.60q; want %s, %s, %s, %s or %s", name, line, row[0], rowDeliver, rowTransfer, rowShort, rowUnused, rowAside)
		}
		p, err := promiseOf(row, sites, programme)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		if lines[p.Box] != 0 {
			return nil, fmt.Errorf("%s:%d: box: %s is in line %d too; want it once: it cannot go to two places", name, line, p.Box, lines[p.Box])
		}
		p.Line, lines[p.Box] = line, line
		out = append(out, p)
	}
}

func promiseOf(row []string, sites *site.Index, programme *programme.Programme) (p Promise, err error) {
	from, ok := sites.ByID(row[1])
	switch {
	case row[0] == rowTransfer && !ok:
		return p, fmt.Errorf("from: there is no site %.60q", row[1])
	case row[0] == rowTransfer:
		p.Giver = from.Num
	case !hasDepot(programme, row[1]):
		return p, fmt.Errorf("from: there is no depot %.60q in programme %s", row[1], programme.ID)
	default:
		p.Depot = row[1]
	}
	if p.Product = row[7]; !hasProduct(programme, p.Product) {
		return p, fmt.Errorf("product: there is no product %.60q in programme %s", p.Product, programme.ID)
	}
	at, ok := sites.ByID(row[2])
	if !ok {
		return p, fmt.Errorf("site: there is no site %.60q", row[2])
	}
	p.Site = at.Num
	if p.CutOff, err = time.Parse(time.RFC3339, row[4]); err != nil {
		return p, fmt.Errorf("settled before: %.60q is no instant; want RFC 3339, as in 2026-10-05T14:00:00+09:00", row[4])
	}
	if p.Leaves, err = time.Parse(time.RFC3339, row[5]); err != nil {
		return p, fmt.Errorf("leaves: %.60q is no instant; want RFC 3339, as in 2026-10-06T14:00:00+09:00", row[5])
	}
	if p.Arrives, err = civil.Parse(row[6]); err != nil {
		return p, fmt.Errorf("usable from: %.60q is no date; want one such as 2026-10-07", row[6])
	}
	if p.Box, err = supply.ParseSSCC(row[8]); err != nil {
		return p, fmt.Errorf("box: %w", err)
	}
	return p, nil
}

func hasDepot(p *programme.Programme, id string) bool {
	return slices.ContainsFunc(p.Shipping, func(s programme.Shipping) bool { _, ok := s.Depot(id); return ok })
}

func hasProduct(p *programme.Programme, id string) bool { _, ok := p.Product(id); return ok }

// Kept is what became of promises.
type Kept struct {
	Waiting []Promise // settled, and not told to have left
	Barred  []Promise // settled, and the box is left out of plans now: it must not go
	Missed  []Promise // should have left long ago, and did not: their boxes are free again
}

// Keep has boxes that were promised count where they are to go, as if they had left: those that a settlement has, and those of a file whose cut-off is
// over, of which custody has not told yet that they left. What was not settled is planned anew.
func (in *Input) Keep(list []Promise) (k Kept) {
	byBox := make(map[supply.SSCC]*Promise, len(list))
	for i := range list {
		byBox[list[i].Box] = &list[i]
	}
	today := civil.Of(in.Now, in.Programme.Zone)
	late := lateAfter(in.Programme, today)
	for i := range in.Boxes {
		b := &in.Boxes[i]
		p := byBox[b.SSCC]
		switch {
		case p == nil || p.Settlement == 0 && p.CutOff.After(in.Now) || !p.still(b):
		case b.Bar != "":
			k.Barred = append(k.Barred, *p)
		case missed(p, in.Programme.Zone, today, late):
			k.Missed = append(k.Missed, *p)
		default:
			k.Waiting = append(k.Waiting, *p)
			b.Depot, b.Site, b.From, b.Coming, b.Away = "", p.Site, max(p.Arrives, today), true, ""
		}
	}
	for _, l := range [][]Promise{k.Waiting, k.Barred, k.Missed} {
		slices.SortFunc(l, func(a, b Promise) int {
			return cmp.Or(cmp.Compare(a.Settlement, b.Settlement), a.Line-b.Line, cmp.Compare(a.Box, b.Box))
		})
	}
	return k
}

func lateAfter(p *programme.Programme, today civil.Date) int {
	if s := p.ShippingOn(today); s != nil {
		return s.LateAfter
	}
	return 0
}

// missed reports whether what was promised should have left long ago.
func missed(p *Promise, zone *time.Location, today civil.Date, late int) bool {
	return civil.Of(p.Leaves, zone)+civil.Date(late) < today
}
