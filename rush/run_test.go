package rush

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// tiny is a rush of seconds.
func tiny() Scenario {
	s, _ := Named("small")
	s.Arrivals, s.Eligible, s.Doses = 400, 150, 90
	s.Burst, s.Late, s.Think = 200*time.Millisecond, 500*time.Millisecond, 10*time.Millisecond
	s.Cheats, s.Pause = 0.2, 0
	return s
}

func rushAt(t *testing.T, h http.Handler, s Scenario) *Report {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	r, err := Run(context.Background(), Config{
		Targets: []string{srv.URL}, Scenario: s, Session: rottenSession, Conns: 8, Seed: 7,
		MaxDuration: 30 * time.Second, Settle: 500 * time.Millisecond,
	})
	if err != nil {
		t.Error(err)
		return &Report{}
	}
	return r
}

func TestRushFindsNothingInAnHonestServer(t *testing.T) {
	t.Parallel()
	r := rushAt(t, newRotten("", time.Second, 2*time.Second, 90), tiny())
	if !r.OK() {
		t.Errorf("violations in an honest server: %+v %v", r.Violations, r.Breaches)
	}
	if r.Recheck.Live != 90 || r.Recheck.Remaining != 0 {
		t.Errorf("%d live bookings, %d remaining; want all 90 doses booked", r.Recheck.Live, r.Recheck.Remaining)
	}
	if r.Arrivals != 400 || r.Places != 150 || r.Recheck.Joined != 150 {
		t.Errorf("%d arrivals, %d places, %d joined; want 400, 150, 150", r.Arrivals, r.Places, r.Recheck.Joined)
	}
	if !r.Recheck.DrawVerified || r.Recheck.FoundAtNumber != r.Recheck.Entrants || r.Recheck.Entrants == 0 {
		t.Errorf("draw not verified: %+v", r.Recheck)
	}
	for _, a := range r.Attacks {
		switch a.Kind {
		case attackNames[attackEarly], attackNames[attackExpiredPass]: // need more time than this rush takes
		default:
			if a.Tried == 0 {
				t.Errorf("attack %q was never tried", a.Kind)
			}
		}
	}
	if r.PerBooked.Mean < 4 || r.PerBooked.People+r.PerUnbooked.People == 0 {
		t.Errorf("requests per person: %+v %+v", r.PerBooked, r.PerUnbooked)
	}
	var text, page, doc bytes.Buffer
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "All invariants held") {
		t.Errorf("text report: %v\n%s", err, text.String())
	}
	if err := r.WriteHTML(&page); err != nil || strings.Count(page.String(), "<figure>") != 3 {
		t.Errorf("page: %v, %d charts", err, strings.Count(page.String(), "<figure>"))
	}
	for _, outside := range []string{"http://", "https://", "<script", "url("} {
		if strings.Contains(page.String(), outside) {
			t.Errorf("the page is not self-contained: it has %q", outside)
		}
	}
	var back Report
	if err := r.WriteJSON(&doc); err != nil {
		t.Error(err)
	} else if err := json.Unmarshal(doc.Bytes(), &back); err != nil || back.Bookings != r.Bookings {
		t.Errorf("JSON report: %v", err)
	}
}

func TestRushFindsEachVice(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup // they mostly wait, so they may all run at once, however few parallel tests are allowed
	for vice, want := range map[string][]string{
		"oversold":           {"oversold"},
		"two bookings":       {"duplicate-booking", "breach"},
		"forgets bookings":   {"booking-lost"},
		"place per window":   {"breach"},
		"moving numbers":     {"number-changed"},
		"rigged draw":        {"draw"},
		"capricious door":    {"inversion"},
		"open door":          {"breach"},
		"any ticket":         {"breach"},
		"many devices":       {"breach"},
		"shared passes":      {"breach"},
		"no pass asked":      {"breach"},
		"anybody's booking":  {"breach"},
		"client clock":       {"breach"},
		"everybody eligible": {"breach"},
		"seats drift":        {"seats"},
	} {
		all.Go(func() {
			s := tiny()
			s.Arrivals, s.Eligible, s.Cheats = 160, 60, 0.4
			stock := 200
			if vice == "oversold" {
				stock = 36
			}
			opens := 2 * time.Second
			if vice == "open door" { // what this one does wrong, it does between gathering and opening
				opens = 5 * time.Second
			}
			r := rushAt(t, newRotten(vice, time.Second, opens, stock), s)
			for _, kind := range want {
				if !slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.Kind == kind }) {
					t.Errorf("%s: the rush did not find %q; it found %+v", vice, kind, r.Violations)
				}
			}
		})
	}
	all.Wait()
}

func TestEarlyAndLateCheatsAreCounted(t *testing.T) {
	t.Parallel()
	for vice, want := range map[string]verdict{"": stopped, "client clock": breach} {
		state := newRotten(vice, time.Hour, 2*time.Hour-time.Minute, 90)
		srv := httptest.NewServer(state)
		defer srv.Close()
		r, err := newRunner(Config{Targets: []string{srv.URL}, Scenario: tiny(), Session: rottenSession})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.findCampaign(context.Background()); err != nil {
			t.Fatal(err)
		}
		r.prepare()
		a := newAttacker(r, 0)
		a.try(attackEarly, 0)
		a.try(attackClock, 0)
		r.loot.offerPass(1, sign("p1-1"), time.Now().Add(-time.Minute))
		a.try(attackExpiredPass, 0)
		if got := r.attacks.counts[attackEarly][stopped]; got != 1 {
			t.Errorf("early join stopped %d times, want 1", got)
		}
		if got := r.attacks.counts[attackClock][want]; got == 0 {
			t.Errorf("vice %q: own clock gave %v", vice, r.attacks.counts[attackClock])
		}
		if got := r.attacks.counts[attackExpiredPass][stopped]; got != 1 {
			t.Errorf("expired pass stopped %d times, want 1", got)
		}
	}
}
