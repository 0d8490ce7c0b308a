package supply

import "time"

// Thin makes parts fewer for a drawing whose columns are each so long, counted from an instant: those that lie within one column become at most three,
// one of readings, one of summaries and one of what is not known, end to end in the order in which they first come. A part that reaches from a column into the
// next stays as it is, and so do three parts of a column or fewer.
//
// Nothing that matters is lost: of each column the least and the most of readings and of summaries stay, and how long each of the three took, to the
// nanosecond; only when within the column they were does not. Of parts over n columns no more than 4n+1 come out. parts are in order; a column that is not longer than nothing thins nothing.
func Thin(parts []Part, from time.Time, column time.Duration) []Part {
	if column <= 0 {
		return parts
	}
	columnOf := func(t time.Time) int64 {
		d := t.Sub(from)
		if d < 0 {
			return int64((d+1)/column) - 1
		}
		return int64(d / column)
	}
	out := make([]Part, 0, len(parts))
	for i := 0; i < len(parts); {
		c := columnOf(parts[i].Begin)
		upto := i
		for upto < len(parts) && columnOf(parts[upto].Begin) == c && columnOf(parts[upto].End.Add(-1)) == c {
			upto++
		}
		switch group := parts[i:upto]; {
		case len(group) == 0:
			out = append(out, parts[i])
			upto = i + 1
		case len(group) <= 3:
			out = append(out, group...)
		default:
			out = append(out, merge(group)...)
		}
		i = upto
	}
	return out
}

// merge makes at most three parts of those of one column. A pause between two of them goes to the end.
func merge(group []Part) []Part {
	var kinds []Part
	var long []time.Duration
	for _, p := range group {
		i := 0
		for i < len(kinds) && (kinds[i].Known != p.Known || kinds[i].Sum != p.Sum) {
			i++
		}
		if i == len(kinds) {
			kinds, long = append(kinds, p), append(long, 0)
		}
		if k := &kinds[i]; p.Known {
			k.Lo, k.Hi = min(k.Lo, p.Lo), max(k.Hi, p.Hi)
		}
		long[i] += p.End.Sub(p.Begin)
	}
	at := group[0].Begin
	for i := range kinds {
		kinds[i].Begin, kinds[i].End = at, at.Add(long[i])
		at = kinds[i].End
	}
	return kinds
}
