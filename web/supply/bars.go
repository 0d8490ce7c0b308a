package supply

import (
	"slices"
	"strconv"

	"charye/internal/civil"
	"charye/supply/delivery"
	"charye/supply/room"
)

// barRow is a bar beside the numbers that say the same: two stretches end to end, in hundredths of the longest bar of the table.
type barRow struct{ First, At, Second string }

// barsOf makes bars of pairs of numbers.
func barsOf(n int, pair func(i int) (first, second int)) []barRow {
	most := 1
	for i := range n {
		a, b := pair(i)
		most = max(most, a+b)
	}
	share := func(n int) string { return strconv.FormatFloat(100*float64(n)/float64(most), 'f', 2, 64) }
	out := make([]barRow, n)
	for i := range out {
		a, b := pair(i)
		out[i] = barRow{First: share(a), At: share(a), Second: share(b)}
	}
	return out
}

// stockRow is stock with its bar: doses that may be given, and doses held.
type stockRow struct {
	room.Region
	Bar barRow
}

// stockRows gives regions their bars, and the two places that are none, in one measure.
func stockRows(regions []room.Region, others ...room.Region) []stockRow {
	all := slices.Concat(regions, others)
	bars := barsOf(len(all), func(i int) (int, int) { return all[i].Usable, all[i].Held })
	out := make([]stockRow, len(all))
	for i := range all {
		out[i] = stockRow{all[i], bars[i]}
	}
	return out
}

// comingRow is what comes to sites on a day, and what is short on it.
type comingRow struct {
	Day                 civil.Date
	Boxes, Vials, Short int
	Bar                 barRow
}

// comingRows sums a plan up day by day: what of it comes on each day, from depots and from sites, and what will be missing.
func comingRows(p *delivery.Plan) []comingRow {
	rows := map[civil.Date]*comingRow{}
	row := func(d civil.Date) *comingRow {
		if rows[d] == nil {
			rows[d] = &comingRow{Day: d}
		}
		return rows[d]
	}
	for d := p.From; d <= p.To; d++ {
		row(d)
	}
	for _, list := range [][]delivery.Shipment{p.Shipments, p.Transfers} {
		for i := range list {
			r := row(list[i].Arrives)
			r.Boxes += len(list[i].Loads)
			for _, l := range list[i].Loads {
				r.Vials += l.Vials
			}
		}
	}
	for i := range p.Short {
		row(p.Short[i].Day).Short += p.Short[i].Vials
	}
	out := make([]comingRow, 0, len(rows))
	for _, r := range rows {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b comingRow) int { return int(a.Day - b.Day) })
	for i, b := range barsOf(len(out), func(i int) (int, int) { return out[i].Vials, out[i].Short }) {
		out[i].Bar = b
	}
	return out
}
