package booking_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/booking"
	"charye/internal/civil"
)

var firstDose = booking.Slot{
	Session: booking.Session{Site: 5, Day: civil.New(2021, 7, 26), Minute: 600}, Product: "moderna",
}

// hours are sessions at 9:00, 10:00, 11:00 and 12:00, in no order, except on Sundays.
func hours(day civil.Date) []booking.SessionInfo {
	if day.Weekday() == 0 {
		return nil
	}
	return []booking.SessionInfo{
		{Minute: 720, Minutes: 60, Seats: 5}, {Minute: 540, Minutes: 60, Seats: 5}, {Minute: 660, Minutes: 60, Seats: 5}, {Minute: 600, Minutes: 60, Seats: 5},
	}
}

// freeBut says that everything is free but the sessions named.
func freeBut(full ...string) booking.Free {
	return func(c booking.Counter, capacity int) int {
		if s, _ := c.Session(); slices.Contains(full, s.String()) || slices.Contains(full, s.Day.String()) {
			return 0
		}
		return capacity
	}
}

func texts(choices []booking.Choice) (out []string) {
	for _, c := range choices {
		out = append(out, c.Slot.String())
	}
	return out
}

func TestSecondDose(t *testing.T) {
	t.Parallel()
	iv := booking.Interval{Default: 28, Min: 21, Max: 42}
	for name, c := range map[string]struct {
		iv    booking.Interval
		free  booking.Free
		limit int
		want  []string
	}{
		"same weekday and time first, then the nearest time, then the nearest day, the earlier of two": {iv, freeBut(), 6, []string{
			"5-20210823-1000-moderna", "5-20210823-0900-moderna", "5-20210823-1100-moderna", "5-20210823-1200-moderna",
			// the 22nd is a Sunday
			"5-20210824-1000-moderna", "5-20210824-0900-moderna",
		}},
		"earlier of two days": {iv, freeBut("2021-08-23", "2021-08-24"), 5, []string{
			"5-20210821-1000-moderna", "5-20210821-0900-moderna", "5-20210821-1100-moderna", "5-20210821-1200-moderna", "5-20210825-1000-moderna",
		}},
		"what is full is left out": {iv, freeBut("5-20210823-1000"), 2, []string{"5-20210823-0900-moderna", "5-20210823-1100-moderna"}},
		"one day only":             {booking.Interval{Default: 28, Min: 28, Max: 28}, freeBut(), 0, texts4("20210823")},
		"nothing is free":          {iv, func(booking.Counter, int) int { return 0 }, 0, nil},
		"an interval upside down":  {booking.Interval{Default: 28, Min: 30, Max: 42}, freeBut(), 0, nil},
		"no interval to walk back": {booking.Interval{Default: -1, Min: -3, Max: 42}, freeBut(), 0, nil},
	} {
		got := booking.SecondDose(firstDose, c.iv, hours, c.free, c.limit)
		if diff := cmp.Diff(c.want, texts(got)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
	got := booking.SecondDose(firstDose, iv, hours, freeBut(), 0)
	if len(got) != booking.DefaultChoices {
		t.Errorf("%d choices without a limit, want %d", len(got), booking.DefaultChoices)
	}
	if c := got[0]; c.Minutes != 60 || c.Seat != (booking.Claim{Counter: booking.SeatCounter(c.Slot.Session), Capacity: 5, N: 1}) {
		t.Errorf("choice %+v", c)
	}
}

func texts4(day string) []string {
	return []string{"5-" + day + "-1000-moderna", "5-" + day + "-0900-moderna", "5-" + day + "-1100-moderna", "5-" + day + "-1200-moderna"}
}

func TestLegalInterval(t *testing.T) {
	t.Parallel()
	iv := booking.Interval{Default: 28, Min: 21, Max: 42}
	for days, want := range map[int]bool{-28: false, 0: false, 20: false, 21: true, 28: true, 42: true, 43: false} {
		if got := booking.LegalInterval(100, civil.Date(100+days), iv); got != want {
			t.Errorf("%d days: %v", days, got)
		}
	}
}

// TestSeries wants every combination of choices legal, the best choice at the default, and nothing given that is full.
func TestSeries(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		intervals := make([]booking.Interval, rapid.IntRange(0, 3).Draw(t, "doses"))
		for i := range intervals {
			iv := booking.Interval{Min: rapid.IntRange(0, 40).Draw(t, "min")}
			iv.Default = iv.Min + rapid.IntRange(0, 10).Draw(t, "default")
			iv.Max = iv.Default + rapid.IntRange(0, 10).Draw(t, "max")
			intervals[i] = iv
		}
		// From a day on another interval holds, as when the rules change in the middle of a programme.
		since := firstDose.Day + civil.Date(rapid.IntRange(0, 120).Draw(t, "since"))
		wider := rapid.IntRange(0, 30).Draw(t, "wider")
		on := func(i int, before civil.Date) booking.Interval {
			iv := intervals[i]
			if before >= since {
				iv.Default, iv.Max = iv.Default+wider, iv.Max+wider
			}
			return iv
		}
		after := make([]booking.After, len(intervals))
		for i := range after {
			after[i] = func(before civil.Date) booking.Interval { return on(i, before) }
		}
		full := map[civil.Date]bool{}
		for _, off := range rapid.SliceOfN(rapid.Int32Range(0, 180), 0, 60).Draw(t, "full days") {
			full[firstDose.Day+civil.Date(off)] = true
		}
		free := func(c booking.Counter, capacity int) int {
			if s, _ := c.Session(); full[s.Day] {
				return 0
			}
			return capacity
		}
		limit := rapid.IntRange(0, 30).Draw(t, "limit")
		first := booking.Choice{Slot: firstDose, Minutes: 60}
		doses := booking.Series(first, after, hours, free, limit)
		if len(doses) != len(intervals)+1 || len(doses[0]) != 1 || doses[0][0] != first {
			t.Fatalf("%d doses for %d intervals", len(doses), len(intervals))
		}
		for i := range intervals {
			before, after := doses[i], doses[i+1]
			if limit > 0 && len(after) > limit {
				t.Errorf("%d choices, the limit is %d", len(after), limit)
			}
			if len(before) == 0 && len(after) > 0 {
				t.Error("a dose without one before it")
			}
			for _, b := range before {
				for _, a := range after {
					if iv := on(i, b.Slot.Day); !booking.LegalInterval(b.Slot.Day, a.Slot.Day, iv) {
						t.Errorf("dose %d on %v, dose %d on %v: not %+v", i+1, b.Slot.Day, i+2, a.Slot.Day, iv)
					}
				}
			}
			for _, a := range after {
				if full[a.Slot.Day] || a.Slot.Site != firstDose.Site || a.Slot.Product != firstDose.Product {
					t.Errorf("choice %v", a.Slot)
				}
			}
			seen := map[booking.Slot]bool{}
			for _, a := range after {
				if seen[a.Slot] {
					t.Errorf("%v twice", a.Slot)
				}
				seen[a.Slot] = true
			}
		}
		if len(intervals) == 1 {
			if diff := cmp.Diff(booking.SecondDose(firstDose, on(0, firstDose.Day), hours, free, limit), doses[1]); diff != "" {
				t.Errorf("a series of two differs from a second dose: %s", diff)
			}
		}
	})
}
