package main

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"charye/person"
)

// pages are the addresses of the pages; {c}, {s} and {b} stand for a campaign, a site and a booking.
var pages = []string{
	"GET /", "GET /lang", "GET /about/fair-turn", "GET /sign-in", "GET /sign-in/callback", "GET /sign-in/{p}", "GET /c/{c}", "GET /c/{c}/for",
	"POST /c/{c}/for", "POST /c/{c}/for/remove", "POST /c/{c}/join", "GET /c/{c}/wait", "POST /c/{c}/enter", "GET /c/{c}/takeover",
	"GET /c/{c}/sites", "GET /c/{c}/sites/{s}", "POST /c/{c}/hold", "GET /c/{c}/confirm", "POST /c/{c}/confirm",
	"GET /bookings", "GET /bookings/{b}", "GET /bookings/{b}/calendar.ics", "GET /bookings/{b}/change", "GET /bookings/{b}/change/sites",
	"POST /bookings/{b}/change", "GET /bookings/{b}/cancel", "GET /assets/{a}", "POST /sign-out",
}

// inputs are what the pages read from a query or a form.
var inputs = []string{
	"for", "return", "to", "why", "fresh", "region", "lat", "lon", "date", "cursor", "near", "site", "slot", "hold", "key", "dose", "name", "year", "month",
	"day", "identity", "consent", "id", "code", "state", "error", "takeover",
}

// TestHostilePages does to every page what TestHostileCalls does to the API, by somebody who is inside with a booking.
func TestHostilePages(t *testing.T) {
	t.Parallel()
	s := serve(t, demoNow(), nil)
	who := s.admit(1, 2)
	b := s.must(http.StatusCreated, "POST", "/api/v1/bookings", `{"slot":"`+s.slots()[0]+`"}`,
		"Authorization", who[0].bearer, "Charye-Pass", who[0].pass, "Idempotency-Key", "k")
	real := strings.NewReplacer("{c}", "adults", "{s}", "demo-001", "{b}", b["id"].(string), "{p}", "trial", "{a}", "none.js")
	type try struct{ method, target, form, session string }
	var all []try
	for i, v := range hostile {
		v = v[:min(len(v), 300)] // a dozen of them fit a request's head
		for _, p := range pages {
			method, path, _ := strings.Cut(p, " ")
			session := strings.TrimPrefix(who[i%2].bearer, "Bearer ")
			for _, w := range []string{"{c}", "{s}", "{b}", "{p}", "{a}"} {
				if strings.Contains(path, w) {
					all = append(all, try{method, real.Replace(strings.Replace(path, w, url.PathEscape(v), 1)), "", session})
				}
			}
			values := url.Values{}
			for j, name := range inputs {
				if (i+j)%3 == 0 { // a third of them at once, another third with the next value
					values.Set(name, v)
				}
			}
			if method == "GET" {
				all = append(all, try{method, real.Replace(path) + "?" + values.Encode(), "", session})
				continue
			}
			all = append(all, try{method, real.Replace(path), values.Encode(), session})
		}
	}
	work := make(chan try)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for a := range work {
				h := http.Header{"Cookie": {"charye_session=" + a.session}}
				if a.method == "POST" {
					h.Set("Content-Type", "application/x-www-form-urlencoded")
				}
				path, query, _ := strings.Cut(a.target, "?")
				status, fault := s.try(attempt{a.method, path, query, a.form, h})
				switch {
				case status == 0 || status >= 500 && status != http.StatusServiceUnavailable:
					t.Errorf("%s %s %.200q: %d %.200s", a.method, a.target, a.form, status, fault)
				case strings.Contains(fault, "<script>alert"):
					t.Errorf("%s %s %.200q: a script was planted", a.method, a.target, a.form)
				}
			}
		})
	}
	for _, a := range all {
		work <- a
	}
	close(work)
	wg.Wait()
	if log := s.log.String(); strings.Contains(log, person.Trial(1).Name) || strings.Contains(log, "panic") {
		t.Errorf("the log shows a person or a fault:\n%.2000s", log)
	}
}
