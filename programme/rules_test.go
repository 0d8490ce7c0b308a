package programme

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"charye/internal/civil"
)

func TestPhaseAtItsBoundaries(t *testing.T) {
	t.Parallel()
	full := mustParse(t, "full.yaml", Options{})
	korea := mustParse(t, "covid19.yaml", Options{FirstStart: at("2021-07-01T00:00:00Z")})
	// New York leaves daylight saving time on 2026-11-01 at 02:00-04:00, inside the first pause of full.yaml.
	for _, c := range []struct {
		campaign *Campaign
		now      string
		want     Phase
		why      string
	}{
		{&korea.Campaigns[0], "2021-07-12T18:59:59+09:00", PhaseDraft, ""},
		{&korea.Campaigns[0], "2021-07-12T19:00:00+09:00", PhaseGathering, ""},
		{&korea.Campaigns[0], "2021-07-12T10:59:59Z", PhaseGathering, ""},
		{&korea.Campaigns[0], "2021-07-12T11:00:00Z", PhaseOpen, ""},
		{&korea.Campaigns[0], "2021-07-17T17:59:59+09:00", PhaseOpen, ""},
		{&korea.Campaigns[0], "2021-07-17T18:00:00+09:00", PhaseClosed, ""},
		{&full.Campaigns[0], "2026-10-30T19:59:59-04:00", PhaseDraft, ""},
		{&full.Campaigns[0], "2026-10-30T20:00:00-04:00", PhaseOpen, ""}, // nobody gathers
		{&full.Campaigns[0], "2026-10-31T23:59:59-04:00", PhaseOpen, ""},
		{&full.Campaigns[0], "2026-11-01T00:00:00-04:00", PhasePaused, "Maintenance"},
		{&full.Campaigns[0], "2026-11-01T01:30:00-04:00", PhasePaused, "Maintenance"},
		{&full.Campaigns[0], "2026-11-01T01:30:00-05:00", PhasePaused, "Maintenance"},
		{&full.Campaigns[0], "2026-11-01T03:00:00-05:00", PhasePaused, "More"},
		{&full.Campaigns[0], "2026-11-01T03:59:59-05:00", PhasePaused, "More"},
		{&full.Campaigns[0], "2026-11-01T04:00:00-05:00", PhaseOpen, ""},
		{&full.Campaigns[0], "2026-11-04T23:59:59Z", PhaseOpen, ""},
		{&full.Campaigns[0], "2026-11-05T00:00:00Z", PhaseClosed, ""},
	} {
		if got := c.campaign.Phase(at(c.now)); got != c.want {
			t.Errorf("%s at %s: %s, want %s", c.campaign.ID, c.now, got, c.want)
		}
		if p, _ := c.campaign.Pause(at(c.now)); p.Why.EN != c.why {
			t.Errorf("%s at %s: paused for %q, want %q", c.campaign.ID, c.now, p.Why.EN, c.why)
		}
	}
	just := at("2021-07-12T20:00:00+09:00").Add(-time.Nanosecond)
	if got := korea.Campaigns[0].Phase(just); got != PhaseGathering {
		t.Errorf("a nanosecond before the opening: %s", got)
	}
}

func TestEligible(t *testing.T) {
	t.Parallel()
	p := mustParse(t, "full.yaml", Options{})
	all, staff := &p.Campaigns[0], &p.Campaigns[1]
	in := func(id string) bool { return id == "hospital-staff" }
	out := func(string) bool { return false }
	asked := func(string) bool { t.Error("roster asked about somebody not eligible by birth"); return true }
	for _, c := range []struct {
		campaign *Campaign
		born     string
		roster   func(string) bool
		want     Reason
	}{
		{all, "1900-01-01", nil, ""},
		{staff, "1940-02-29", in, ""},
		{staff, "2008-12-31", in, ""},
		{staff, "1940-02-28", asked, ReasonBorn},
		{staff, "2009-01-01", asked, ReasonBorn},
		{staff, "1980-01-01", out, ReasonRoster},
		{staff, "1980-01-01", nil, ReasonRoster},
	} {
		err := c.campaign.Eligible(on(c.born), c.roster)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s born %s: %v", c.campaign.ID, c.born, err)
			}
			continue
		}
		not, ok := errors.AsType[*NotEligible](err)
		if !ok || not.Reason != c.want || not.Campaign != c.campaign.ID {
			t.Errorf("%s born %s: %v, want reason %s", c.campaign.ID, c.born, err, c.want)
			continue
		}
		if strings.Contains(not.Error(), c.born) {
			t.Errorf("the message %q tells the person's date of birth", not)
		}
	}
}

// TestAgainFrom: a spoilt dose may be given again by the rule of the day on which it was given.
func TestAgainFrom(t *testing.T) {
	t.Parallel()
	s := Series{Doses: 1}
	if _, ok := s.AgainFrom(on("2021-08-01")); ok {
		t.Error("without a rule there is a day")
	}
	s.Again = []Again{{From: on("2021-01-01"), After: 28}, {From: on("2021-08-01"), After: 21}}
	for given, want := range map[string]string{"2020-12-31": "2021-01-28", "2021-07-31": "2021-08-28", "2021-08-01": "2021-08-22"} {
		if got, ok := s.AgainFrom(on(given)); !ok || got != on(want) {
			t.Errorf("given on %s: from %s, want %s", given, got, want)
		}
	}
}

func TestInterval(t *testing.T) {
	t.Parallel()
	p := mustParse(t, "full.yaml", Options{})
	s := p.Products[1].Series
	for day, want := range map[string]int{
		"2025-12-31": 28, "2026-01-01": 28, "2026-10-31": 28, "2026-11-01": 42, "2030-01-01": 42,
	} {
		if got := s.Interval("staff", on(day)).Default; got != want {
			t.Errorf("%s: %d days, want %d", day, got, want)
		}
	}
	if got := s.Reach(); got != 2*56 {
		t.Errorf("reach %d, want 112", got)
	}
	if got := p.Products[0].Series; got.Reach() != 0 || got.Interval("staff", on("2026-01-01")).Default != 0 {
		t.Error("a single dose has an interval")
	}
}

func TestMayChange(t *testing.T) {
	t.Parallel()
	ny := mustZone("America/New_York")
	for _, c := range []struct {
		days        int
		zone        *time.Location
		dose, until string
	}{
		{1, seoul, "2021-07-26T09:00:00+09:00", "2021-07-26T00:00:00+09:00"},
		{1, seoul, "2021-07-26T00:00:00+09:00", "2021-07-26T00:00:00+09:00"},
		{1, seoul, "2021-07-26T23:30:00+09:00", "2021-07-26T00:00:00+09:00"},
		{2, seoul, "2021-07-26T09:00:00+09:00", "2021-07-25T00:00:00+09:00"},
		{0, seoul, "2021-07-26T09:00:00+09:00", "2021-07-26T09:00:00+09:00"},
		{1, ny, "2026-11-01T09:00:00-05:00", "2026-11-01T00:00:00-04:00"}, // the clocks change between the two
		{1, ny, "2026-11-02T09:00:00-05:00", "2026-11-02T00:00:00-05:00"},
		{2, ny, "2026-11-02T09:00:00-05:00", "2026-11-01T00:00:00-04:00"},
	} {
		camp := &Campaign{Change: ChangeRules{UntilDays: c.days}}
		until := at(c.until)
		if !camp.MayChange("web", until.Add(-time.Nanosecond), at(c.dose), c.zone) {
			t.Errorf("%d days, dose %s: refused just before %s", c.days, c.dose, c.until)
		}
		if camp.MayChange("web", until, at(c.dose), c.zone) {
			t.Errorf("%d days, dose %s: allowed at %s", c.days, c.dose, c.until)
		}
	}
}

func TestLookUps(t *testing.T) {
	t.Parallel()
	p := mustParse(t, "full.yaml", Options{})
	c, ok := p.Campaign("staff")
	if !ok || c != &p.Campaigns[1] {
		t.Error("campaign not found by id")
	}
	if same, ok := p.CampaignByNum(c.Num); !ok || same != c {
		t.Error("campaign not found by number")
	}
	if v, ok := p.Product("two-shot"); !ok || v != &p.Products[1] {
		t.Error("product not found")
	}
	_, a := p.Campaign("nobody")
	_, b := p.CampaignByNum(0)
	_, d := p.Product("")
	if a || b || d {
		t.Error("found what does not exist")
	}
}

func TestPhasesComeInOrder(t *testing.T) {
	t.Parallel()
	rank := map[Phase]int{PhaseDraft: 0, PhaseGathering: 1, PhaseOpen: 2, PhasePaused: 2, PhaseClosed: 3}
	rapid.Check(t, func(rt *rapid.T) {
		base := at("2021-07-12T00:00:00Z")
		g := rapid.IntRange(0, 1000).Draw(rt, "gathers")
		o := g + rapid.IntRange(0, 1000).Draw(rt, "opens after")
		cl := o + rapid.IntRange(1, 1000).Draw(rt, "closes after")
		pf := rapid.IntRange(o, cl-1).Draw(rt, "pause from")
		pt := rapid.IntRange(pf+1, cl).Draw(rt, "pause to")
		sec := func(n int) time.Time { return base.Add(time.Duration(n) * time.Second) }
		c := &Campaign{Gathers: sec(g), Opens: sec(o), Closes: sec(cl), Pauses: []Pause{{From: sec(pf), To: sec(pt)}}}
		before := 0
		for s := g - 1; s <= cl+1; s++ {
			now := c.Phase(sec(s))
			if rank[now] < before {
				rt.Fatalf("went back to %s at second %d", now, s)
			}
			before = rank[now]
			if (now == PhasePaused) != (s >= pf && s < pt) || (now == PhaseClosed) != (s >= cl) || (now == PhaseDraft) != (s < g) {
				rt.Fatalf("%s at second %d", now, s)
			}
		}
	})
}

func TestIntervalIsTheLatestThatBegan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		froms := rapid.SliceOfNDistinct(rapid.Int32Range(0, 400), 1, 6, rapid.ID).Draw(rt, "from")
		s := Series{Doses: 2}
		for d := int32(0); d <= 400; d++ {
			for _, f := range froms {
				if f == d {
					s.Intervals = append(s.Intervals, Interval{From: civil.Date(d)})
				}
			}
		}
		day := civil.Date(rapid.Int32Range(-10, 410).Draw(rt, "day"))
		got := s.Interval("", day).From
		for i, v := range s.Intervals {
			if v.From <= day && v.From > got {
				rt.Fatalf("on %d: entry from %d, but one from %d had begun", day, got, v.From)
			}
			if i == 0 && day < v.From && got != v.From {
				rt.Fatalf("on %d, before all entries: entry from %d, want the first", day, got)
			}
		}
	})
}
