package programme

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestKorea2021 walks dated cases through the programme of July to September 2021: who may book what and when, how far apart the
// doses are, who may help, and until when a booking may be changed. The rules are those of the file, with their sources there.
func TestKorea2021(t *testing.T) {
	t.Parallel()
	p := mustParse(t, "korea-2021.yaml", Options{})
	lists := map[string][]string{ // who is in which roster
		"teacher": {"teachers-2021"}, "student": {"exam-takers-2021"}, "district": {"districts-own-2021"}, "jabbed": {"vaccinated-2021"},
	}
	// Each case: campaign, date of birth, what they are, the instant; then what the rules say.
	for _, c := range []struct{ campaign, born, as, now, want string }{
		{"teachers", "1980-05-05", "teacher", "2021-07-08T00:00:00+09:00", "open"},
		{"teachers", "1980-05-05", "", "2021-07-08T00:00:00+09:00", "roster"},
		{"teachers", "1980-05-05", "student", "2021-07-08T00:00:00+09:00", "roster"},
		{"teachers", "1980-05-05", "teacher", "2021-07-07T23:59:59+09:00", "draft"},
		{"teachers", "1980-05-05", "teacher", "2021-07-14T17:59:59+09:00", "open"},
		{"teachers", "1980-05-05", "teacher", "2021-07-14T18:00:00+09:00", "closed"},
		{"age-55-59", "1962-01-01", "", "2021-07-12T00:00:00+09:00", "open"},
		{"age-55-59", "1966-12-31", "", "2021-07-12T00:00:00+09:00", "open"},
		{"age-55-59", "1961-12-31", "", "2021-07-12T00:00:00+09:00", "born"},
		{"age-55-59", "1967-01-01", "", "2021-07-12T00:00:00+09:00", "born"},
		{"age-55-59", "1964-07-01", "", "2021-07-11T23:59:59+09:00", "draft"},
		{"age-55-59", "1964-07-01", "", "2021-07-12T15:29:59+09:00", "open"},
		{"age-55-59", "1964-07-01", "", "2021-07-12T15:30:00+09:00", "paused"},
		{"age-55-59", "1964-07-01", "", "2021-07-14T19:30:00+09:00", "paused"}, // people came in by a direct link then
		{"age-55-59", "1964-07-01", "", "2021-07-14T20:00:00+09:00", "open"},
		{"age-55-59", "1964-07-01", "", "2021-07-24T18:00:00+09:00", "closed"},
		{"age-53-54", "1967-01-01", "", "2021-07-19T20:00:00+09:00", "open"},
		{"age-53-54", "1968-12-31", "", "2021-07-19T20:00:00+09:00", "open"},
		{"age-53-54", "1969-01-01", "", "2021-07-19T20:00:00+09:00", "born"},
		{"age-53-54", "1967-06-06", "", "2021-07-19T19:59:59+09:00", "draft"},
		{"age-50-52", "1971-12-31", "", "2021-07-20T20:00:00+09:00", "open"},
		{"age-50-52", "1972-01-01", "", "2021-07-20T20:00:00+09:00", "born"},
		{"age-50-52", "1968-12-31", "", "2021-07-20T20:00:00+09:00", "born"},
		{"exam-takers", "2003-02-01", "student", "2021-07-28T20:00:00+09:00", "open"},
		{"exam-takers", "2003-02-01", "", "2021-07-28T20:00:00+09:00", "roster"},
		// The rota: born on a 9th, 19th or 29th on 9 August, 20:00 to 18:00.
		{"age-18-49", "1985-03-09", "", "2021-08-09T20:00:00+09:00", "open"},
		{"age-18-49", "1985-03-19", "", "2021-08-09T20:00:00+09:00", "open"},
		{"age-18-49", "1985-03-29", "", "2021-08-10T17:59:59+09:00", "open"},
		{"age-18-49", "1985-03-09", "", "2021-08-10T18:00:00+09:00", "from 2021-08-19T18:00:00+09:00"},
		{"age-18-49", "1985-03-09", "", "2021-08-09T19:59:59+09:00", "draft"},
		{"age-18-49", "1985-03-10", "", "2021-08-09T20:00:00+09:00", "from 2021-08-10T20:00:00+09:00"},
		{"age-18-49", "1985-03-10", "", "2021-08-10T20:00:00+09:00", "open"},
		{"age-18-49", "1985-03-20", "", "2021-08-11T12:00:00+09:00", "open"},
		{"age-18-49", "1985-03-30", "", "2021-08-11T18:00:00+09:00", "from 2021-08-19T18:00:00+09:00"},
		{"age-18-49", "1985-03-31", "", "2021-08-10T21:00:00+09:00", "from 2021-08-11T20:00:00+09:00"},
		{"age-18-49", "1985-03-08", "", "2021-08-18T20:00:00+09:00", "open"},
		{"age-18-49", "1985-03-08", "", "2021-08-19T17:59:59+09:00", "open"},
		{"age-18-49", "1985-03-05", "", "2021-08-19T17:59:59+09:00", "from 2021-08-19T18:00:00+09:00"},
		{"age-18-49", "1985-03-05", "", "2021-08-19T18:00:00+09:00", "open"}, // after the rota everybody
		{"age-18-49", "1985-03-05", "", "2021-08-21T18:00:00+09:00", "closed"},
		{"age-18-49", "1971-12-31", "", "2021-08-11T20:00:00+09:00", "born"},
		{"age-18-49", "1972-01-01", "", "2021-08-11T20:00:00+09:00", "open"},
		{"age-18-49", "2003-12-31", "", "2021-08-11T20:00:00+09:00", "open"},
		{"age-18-49", "2004-01-01", "", "2021-08-11T20:00:00+09:00", "born"},
		{"age-18-49", "1985-03-09", "district", "2021-08-09T20:00:00+09:00", "except"},
		{"age-18-49", "1985-03-09", "jabbed", "2021-08-09T20:00:00+09:00", "except"},
		{"age-18-49", "1985-03-09", "teacher", "2021-08-09T20:00:00+09:00", "open"},
		{"unvaccinated", "1985-03-05", "", "2021-09-18T20:00:00+09:00", "open"},
		{"unvaccinated", "1930-03-05", "", "2021-09-30T17:59:59+09:00", "open"},
		{"unvaccinated", "1985-03-05", "jabbed", "2021-09-18T20:00:00+09:00", "except"},
		{"unvaccinated", "2004-01-01", "", "2021-09-18T20:00:00+09:00", "born"},
	} {
		campaign, _ := p.Campaign(c.campaign)
		now := at(c.now)
		if got := told(p, campaign, c.born, lists[c.as], now); got != c.want {
			t.Errorf("%s, born %s, %q, at %s: %s, want %s", c.campaign, c.born, c.as, c.now, got, c.want)
		}
	}

	for _, c := range []struct{ campaign, on, want string }{ // products to choose from
		{"teachers", "2021-07-08", "pfizer"},
		{"age-55-59", "2021-07-12", "moderna"},
		{"age-53-54", "2021-07-20", "moderna"},
		{"age-53-54", "2021-07-21", "moderna pfizer"},
		{"age-50-52", "2021-07-24", "moderna pfizer"},
		{"age-18-49", "2021-08-09", "pfizer moderna"},
	} {
		campaign, _ := p.Campaign(c.campaign)
		if got := strings.Join(campaign.OnOffer(on(c.on)), " "); got != c.want {
			t.Errorf("%s on %s: %s, want %s", c.campaign, c.on, got, c.want)
		}
	}

	for _, c := range []struct { // days between a dose given on a day and the next: default, min, max
		product, campaign, on, want string
	}{
		{"moderna", "age-55-59", "2021-07-26", "28 28 42"},
		{"moderna", "age-55-59", "2021-08-08", "28 28 42"},
		{"moderna", "age-55-59", "2021-08-09", "42 28 42"},
		{"moderna", "age-18-49", "2021-09-26", "42 28 42"},
		{"moderna", "unvaccinated", "2021-10-01", "35 35 42"},
		{"moderna", "unvaccinated", "2021-10-09", "28 28 42"},
		{"pfizer", "teachers", "2021-07-28", "21 21 42"},
		{"pfizer", "teachers", "2021-08-09", "35 21 42"},
		{"pfizer", "exam-takers", "2021-08-10", "21 21 42"},
		{"pfizer", "age-50-52", "2021-08-16", "42 21 42"},
		{"pfizer", "exam-takers", "2021-10-01", "21 21 42"},
		{"pfizer", "teachers", "2021-10-01", "35 35 42"},
		{"pfizer", "unvaccinated", "2021-10-01", "35 35 42"},
	} {
		product, _ := p.Product(c.product)
		v := product.Series.Interval(c.campaign, on(c.on))
		if got := fmt.Sprint(v.Default, v.Min, v.Max); got != c.want {
			t.Errorf("%s of %s given on %s: %s, want %s", c.product, c.campaign, c.on, got, c.want)
		}
	}

	for _, c := range []struct {
		campaign, on string
		want         bool
	}{
		{"age-55-59", "2021-07-12", true}, {"age-18-49", "2021-08-09", false}, {"teachers", "2021-07-08", false},
		{"unvaccinated", "2021-09-17", false}, {"unvaccinated", "2021-09-18", true}, {"unvaccinated", "2021-10-01", false},
	} {
		campaign, _ := p.Campaign(c.campaign)
		if got := campaign.Helpers.On(on(c.on)); got != c.want {
			t.Errorf("helpers of %s on %s: %v, want %v", c.campaign, c.on, got, c.want)
		}
	}

	for _, c := range []struct { // not later than two days before
		campaign, now, dose string
		want                bool
	}{
		{"age-18-49", "2021-10-09T23:59:59+09:00", "2021-10-12T10:00:00+09:00", true},
		{"age-18-49", "2021-10-10T23:59:59+09:00", "2021-10-12T10:00:00+09:00", true},
		{"age-18-49", "2021-10-11T00:00:00+09:00", "2021-10-12T10:00:00+09:00", false},
		{"teachers", "2021-08-17T23:59:59+09:00", "2021-08-18T10:00:00+09:00", true},
	} {
		campaign, _ := p.Campaign(c.campaign)
		if got := campaign.MayChange("web", at(c.now), at(c.dose), p.Zone); got != c.want {
			t.Errorf("%s: changed at %s, dose at %s: %v, want %v", c.campaign, c.now, c.dose, got, c.want)
		}
	}
}

// told is what a person hears, as the walk puts the rules together.
func told(p *Programme, c *Campaign, born string, rosters []string, now time.Time) string {
	err := c.Eligible(on(born), func(id string) bool {
		for _, r := range rosters {
			if r == id {
				return true
			}
		}
		return false
	})
	if not, ok := errors.AsType[*NotEligible](err); ok {
		return string(not.Reason)
	}
	if phase := c.Phase(now); phase != PhaseOpen {
		return string(phase)
	}
	if from := c.ComesFrom(on(born), now, p.Zone); from.After(now) {
		return "from " + from.Format(time.RFC3339)
	}
	return "open"
}

func TestAges(t *testing.T) {
	t.Parallel()
	product := Product{Ages: []AgeRule{{From: on("2021-04-12"), Min: 30}, {From: on("2021-07-01"), Min: 50, Max: 64}}}
	for _, c := range []struct {
		born, dose string
		want       bool
	}{
		{"1985-01-01", "2021-04-11", true}, // no rule yet
		{"1991-04-12", "2021-04-12", true},
		{"1991-04-13", "2021-04-12", false},
		{"1985-01-01", "2021-06-30", true},
		{"1985-01-01", "2021-07-01", false},
		{"1971-07-01", "2021-07-01", true},
		{"1956-07-02", "2021-07-01", true},
		{"1956-07-01", "2021-07-01", false},
	} {
		if got := product.Suits(on(c.born), on(c.dose)); got != c.want {
			t.Errorf("born %s, first dose %s: %v, want %v", c.born, c.dose, got, c.want)
		}
	}
	for _, c := range []struct {
		born, on string
		want     int
	}{
		{"2000-02-29", "2021-02-28", 20}, {"2000-02-29", "2021-03-01", 21}, {"2000-02-29", "2024-02-29", 24}, {"2000-12-31", "2001-01-01", 0},
	} {
		if got := Age(on(c.born), on(c.on)); got != c.want {
			t.Errorf("born %s on %s: %d, want %d", c.born, c.on, got, c.want)
		}
	}
}
