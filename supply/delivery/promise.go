package delivery

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/site"
	"charye/supply"
)

// Promise is a box that an earlier plan sends to a site.
type Promise struct {
	Box            supply.SSCC
	Site           site.Num
	CutOff, Leaves time.Time
	Arrives        civil.Date
	Line           int // of the file
}

// ReadPromises reads what goes by a plan that [Plan.WriteCSV] wrote. A wrong file is refused whole; the error names line and field.
func ReadPromises(name string, from io.Reader, sites *site.Index) ([]Promise, error) {
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
		p, err := promiseOf(row, sites)
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

func promiseOf(row []string, sites *site.Index) (p Promise, err error) {
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

// Kept is what became of promises.
type Kept struct {
	Waiting []Promise // settled, and not told to have left
	Barred  []Promise // settled, and the box is left out of plans now: it must not go
	Missed  []Promise // should have left long ago, and did not: their boxes are free again
}

// Keep has boxes that were promised count where they are to go, as if they had left: those whose cut-off is over and of which custody has not told yet that
// they left. What was not settled is planned anew.
func (in *Input) Keep(list []Promise) (k Kept) {
	byBox := make(map[supply.SSCC]*Promise, len(list))
	for i := range list {
		byBox[list[i].Box] = &list[i]
	}
	today := civil.Of(in.Now, in.Programme.Zone)
	late := 0
	if s := in.Programme.ShippingOn(today); s != nil {
		late = s.LateAfter
	}
	for i := range in.Boxes {
		b := &in.Boxes[i]
		p := byBox[b.SSCC]
		switch {
		case p == nil || p.CutOff.After(in.Now) || b.Depot == "" && (b.Coming || b.Site == p.Site):
		case b.Bar != "":
			k.Barred = append(k.Barred, *p)
		case civil.Of(p.Leaves, in.Programme.Zone)+civil.Date(late) < today:
			k.Missed = append(k.Missed, *p)
		default:
			k.Waiting = append(k.Waiting, *p)
			b.Depot, b.Site, b.From, b.Coming, b.Away = "", p.Site, max(p.Arrives, today), true, ""
		}
	}
	for _, l := range [][]Promise{k.Waiting, k.Barred, k.Missed} {
		slices.SortFunc(l, func(a, b Promise) int { return a.Line - b.Line })
	}
	return k
}
