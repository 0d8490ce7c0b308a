package rush

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteText writes the report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(b, format+"\n", args...) }
	say("Rush %q: %s", r.Scenario.Name, r.Scenario.Title)
	say("%s visits by %s people in %.0f s (%.0f s after the opening), %d cores, %d connections, seed %d",
		count(r.Arrivals), count(int64(r.People)), r.Seconds, r.OpenFor, r.Cores, r.Conns, r.Seed)
	say("")
	say("Places      %s taken, best second %s; another window showed the same number %s times", count(r.Places), count(int64(r.PlacesPerSecond)), count(r.SamePlace))
	say("Bookings    %s, best second %s, mean %.0f/s; %s changed, %s cancelled", count(r.Bookings), count(int64(r.BookingsPerSecond)), r.BookingsMean, count(r.Changes), count(r.Cancels))
	say("Requests    %s, best second %s, mean %.0f/s; %s cut off on purpose, %s lost", count(r.Requests), count(int64(r.RequestsPerSecond)), r.RequestsMean, count(r.CutOff), count(r.LostAnswers))
	say("Per person  %.1f requests for one who booked (p99 %d), %.1f for one who did not (p99 %d)", r.PerBooked.Mean, r.PerBooked.P99, r.PerUnbooked.Mean, r.PerUnbooked.P99)
	if r.Server.CPUSeconds > 0 {
		say("Server      %.1f s CPU: %.2f ms per person, %.0f µs per request; peak memory %s", r.Server.CPUSeconds, r.Server.CPUPerPersonMs, r.Server.CPUPerRequestUs, size(r.Server.PeakBytes))
	}
	var ends []string
	for _, name := range standingNames {
		if n := r.Standing[name]; n > 0 {
			ends = append(ends, fmt.Sprintf("%s %s", name, count(n)))
		}
	}
	say("Ended       %s", strings.Join(ends, ", "))
	say("")
	say("Must be 0   inversions %d, passes before turn %d, oversold %d, duplicates %d", r.Inversions, r.BeforeTurn, r.Oversold, r.Duplicates)
	c := r.Recheck
	say("Recount     %s people asked in %.0f s: %s live bookings (%s whose answer was lost), %s cancelled; %s places, %s of them standby; %s of %s doses remain",
		count(c.Asked), r.Recount, count(c.Live), count(c.LostAnswer), count(c.Cancelled), count(c.Places), count(c.Standby), count(c.Remaining), count(c.StockBefore))
	if d := r.Delivery; d != nil {
		say("Delivery    %s doses came for %s people who stood by: kept for %s of them, numbers %s to %s, %s passed over; %s booked theirs within %.0f s, %s found no seat",
			count(d.Doses), count(d.StoodBy), count(d.Kept), count(int64(d.First)), count(int64(d.Last)), count(d.OutOf), count(d.Booked), d.Seconds, count(d.Unseated))
	}
	if c.Entrants > 0 {
		verdict := "recomputed and right"
		if !c.DrawVerified {
			verdict = "NOT right"
		}
		say("Draw        %s entrants, order %s; %s of this crowd found at their number", count(c.Entrants), verdict, count(c.FoundAtNumber))
	}
	table(b, "\nAttack\ttried\tstopped\tgot through\tunanswered\t", func(row func(string, ...any)) {
		for _, a := range r.Attacks {
			if a.Tried > 0 {
				row("%s\t%s\t%s\t%s\t%s\t", a.Kind, count(a.Tried), count(a.Stopped), count(a.Breached), count(a.Unanswered))
			}
		}
	})
	table(b, "\nWait, seconds\tpeople\tp50\tp90\tp99\tmax\t", func(row func(string, ...any)) {
		for _, l := range r.Waits {
			row("%s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t", l.Name, count(l.Count), l.P50/1000, l.P90/1000, l.P99/1000, l.Max/1000)
		}
	})
	table(b, "\nCall, ms from the intended moment\tcount\tp50\tp90\tp99\tp99.9\tmax\tp50 sent\tp99 sent\t", func(row func(string, ...any)) {
		for _, l := range r.Calls {
			row("%s\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t", l.Name, count(l.Count), l.P50, l.P90, l.P99, l.P999, l.Max, l.ServiceP50, l.ServiceP99)
		}
	})
	if len(r.Errors) > 0 {
		table(b, "\nRefused or failed\tstatus\tcode\tcount\t", func(row func(string, ...any)) {
			for _, e := range r.Errors {
				row("%s\t%d\t%s\t%s\t", e.Call, e.Status, e.Code, count(e.Count))
			}
		})
	}
	say("")
	if r.OK() {
		say("All invariants held; every attack was stopped.")
	} else {
		say("BROKEN:")
		for _, v := range r.Violations {
			say("  %s × %d: %s", v.Kind, v.Count, strings.Join(v.Examples, "; "))
		}
		for _, why := range r.Breaches {
			say("  got through: %s", why)
		}
	}
	return b.Flush()
}

func table(w io.Writer, head string, rows func(row func(string, ...any))) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, head)
	rows(func(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) })
	_ = t.Flush()
}

// count writes a number with separators between thousands.
func count(n int64) string {
	s := fmt.Sprint(n)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func size(bytes float64) string {
	if bytes >= 1<<30 {
		return fmt.Sprintf("%.2f GiB", bytes/(1<<30))
	}
	return fmt.Sprintf("%.0f MiB", bytes/(1<<20))
}

// sorted gives the keys of a map by falling value.
func sorted(m map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
}
