package programme

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/internal/civil"
)

func brief(s []Session) string {
	if len(s) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d from %d each %d, %d seats, first %v", len(s), s[0].Minute, s[0].Minutes, s[0].Seats, s[0].First)
}

func TestSessions(t *testing.T) {
	t.Parallel()
	p := mustParse(t, "full.yaml", Options{})
	const (
		general  = "3 from 540 each 60, 5 seats, first true" // a fourth hour would end after 12:10
		later    = "3 from 540 each 60, 5 seats, first false"
		gyeonggi = "2 from 780 each 30, 2 seats, first true"
		gyeLater = "2 from 780 each 30, 2 seats, first false"
		centre   = "1 from 0 each 1440, 100 seats, first true"
		ctrLater = "1 from 0 each 1440, 100 seats, first false"
		own      = "1 from 480 each 5, 1 seats, first true"
		ownLater = "1 from 480 each 5, 1 seats, first false"
	)
	for _, c := range []struct{ site, kind, region, day, want string }{
		{"x", "clinic", "서울특별시", "2026-11-09", "none"},
		{"x", "clinic", "서울특별시", "2026-11-10", general},
		{"x", "clinic", "서울특별시", "2026-11-19", general},
		{"x", "clinic", "서울특별시", "2026-11-20", later},
		{"x", "clinic", "서울특별시", "2027-03-11", later}, // 2026-11-19 + 2 × 56 days
		{"x", "clinic", "서울특별시", "2027-03-12", "none"},
		{"x", "clinic", "경기도", "2026-11-10", gyeonggi},
		{"x", "clinic", "경기도", "2026-11-14", gyeonggi},
		{"x", "clinic", "경기도", "2026-11-15", gyeLater},
		{"x", "clinic", "경기도", "2027-03-06", gyeLater},
		{"x", "clinic", "경기도", "2027-03-07", later}, // the general timetable reaches further
		{"x", "centre", "경기도", "2026-11-11", gyeonggi},
		{"x", "centre", "경기도", "2026-11-12", centre},
		{"x", "centre", "경기도", "2026-11-14", ctrLater},
		{"hpid-A1", "centre", "경기도", "2026-11-12", centre},
		{"hpid-A1", "centre", "경기도", "2026-11-13", own},
		{"hpid-A1", "", "", "2026-11-14", ownLater},
		{"", "", "", "2026-11-10", general},
		{"all", "all", "all", "2026-11-10", general},
	} {
		if got := brief(p.Sessions(c.site, c.kind, c.region, on(c.day))); got != c.want {
			t.Errorf("%s %s %s on %s:\n got %s\nwant %s", c.site, c.kind, c.region, c.day, got, c.want)
		}
	}
	got := p.Sessions("x", "clinic", "", on("2026-11-10"))
	want := []Session{{540, 60, 5, true}, {600, 60, 5, true}, {660, 60, 5, true}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	// On the 10th and 11th the general timetable holds; from the 14th the centres' own has follow-up days only.
	wantDays := []civil.Date{on("2026-11-10"), on("2026-11-11"), on("2026-11-12"), on("2026-11-13")}
	if d := cmp.Diff(wantDays, p.FirstDays("x", "centre", "")); d != "" {
		t.Error(d)
	}
	first, last, ok := p.Span("x", "clinic", "경기도")
	if !ok || first != on("2026-11-10") || last != on("2027-03-11") {
		t.Errorf("span %v to %v, %v", first, last, ok)
	}
	only := &Programme{Timetables: p.Timetables[1:]}
	if _, _, ok := only.Span("x", "clinic", "서울특별시"); ok || only.Sessions("x", "", "", on("2026-11-10")) != nil {
		t.Error("a site that no timetable matches has sessions")
	}
}

// TestSessionsAgreeWithTheirRule compares with the rule said in the plainest way.
func TestSessionsAgreeWithTheirRule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := &Programme{Products: []Product{{Series: Series{Doses: 2, Intervals: []Interval{{Max: rapid.IntRange(1, 9).Draw(rt, "max")}}}}}}
		reach := p.Products[0].Series.Intervals[0].Max
		sites := []string{"all", "region:a", "region:b", "kind:clinic", "kind:centre", "s1", "s2"}
		for range rapid.IntRange(0, 6).Draw(rt, "timetables") {
			p.Timetables = append(p.Timetables, Timetable{
				Sites: rapid.SampledFrom(sites).Draw(rt, "sites"),
				Start: civil.Date(rapid.Int32Range(0, 20).Draw(rt, "start")), Days: rapid.IntRange(1, 5).Draw(rt, "days"),
				From: 60, To: 200, Every: 30, Seats: rapid.IntRange(1, 9).Draw(rt, "seats"),
			})
		}
		p.plans = newPlans(p)
		var first []civil.Date
		id := rapid.SampledFrom([]string{"s1", "s2", "s3"}).Draw(rt, "id")
		kind := rapid.SampledFrom([]string{"clinic", "centre", "hospital"}).Draw(rt, "kind")
		region := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "region")
		for day := civil.Date(-1); day < 40; day++ {
			want := "none"
			isFirst := false
			for _, t := range p.Timetables {
				end := t.Start + civil.Date(t.Days)
				if t.Matches(id, kind, region) && day >= t.Start && day < end+civil.Date(reach) {
					isFirst = day < end
					want = fmt.Sprintf("4 from 60 each 30, %d seats, first %v", t.Seats, isFirst)
				}
			}
			if isFirst {
				first = append(first, day)
			}
			if got := brief(p.Sessions(id, kind, region, day)); got != want {
				rt.Fatalf("day %d: got %s, want %s", day, got, want)
			}
		}
		if got := p.FirstDays(id, kind, region); !slices.Equal(got, first) {
			rt.Fatalf("first days %v, want %v", got, first)
		}
	})
}

func TestSessionsDoNotAllocate(t *testing.T) {
	p := mustParse(t, "full.yaml", Options{})
	day := on("2026-11-12")
	p.Sessions("x", "clinic", "경기도", day)
	if n := testing.AllocsPerRun(100, func() { p.Sessions("y", "clinic", "경기도", day) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSessions(b *testing.B) {
	p := mustParse(b, "full.yaml", Options{})
	day := on("2026-11-12")
	b.ReportAllocs()
	for b.Loop() {
		p.Sessions("x", "clinic", "경기도", day)
	}
}
