package walktest

import (
	"strings"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/leftover"
	"charye/site"
	"charye/walk/leftovers"
)

// SpareRules are campaigns that offer leftover doses on the days of vaccination.
const SpareRules = `
programme: walk-test
name: {en: Test}
timezone: Asia/Seoul
products:
  - id: moderna
    name: {ko: 모더나, en: Moderna}
    cvx: "207"
    dosesPerVial: 10
    series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}
  - id: janssen
    name: {ko: 얀센, en: Janssen}
    cvx: "212"
    dosesPerVial: 5
    ages: [{from: 2021-01-01, min: 30}]
    series: {doses: 1}
campaigns:
  - id: age-55-59
    name: {ko: 55–59세, en: Ages 55–59}
    products: [moderna]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 4
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
    leftovers: {minutes: 10, sites: 2, withinKm: 10, from: 2021-07-26, until: 2021-08-08}
  - id: spare-one
    name: {en: One dose}
    products: [janssen]
    eligible: {born: {from: 1930-01-01, to: 2003-12-31}}
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 4
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
    leftovers: {minutes: 10, sites: 2, withinKm: 10}
  - id: no-spare
    name: {en: Without}
    products: [janssen]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 4
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
timetables:
  - {sites: all, start: 2021-07-26, days: 40, from: "09:00", to: "10:00", every: 30m, seats: 2}
`

// GuardedRules are [SpareRules] whose campaign takes helpers too; guardians is what of its helpers the rules say of guardians.
func GuardedRules(guardians string) string {
	return strings.Replace(SpareRules, "leftovers: {minutes: 10, sites: 2, withinKm: 10, from: 2021-07-26, until: 2021-08-08}",
		"leftovers: {minutes: 10, sites: 2, withinKm: 10, from: 2021-07-26, until: 2021-08-08}\n    helpers: {allowed: true, perHelper: 4"+guardians+"}", 1)
}

// Wish puts people into the lists of sites.
func (w *World) Wish(campaign string, sites []string, people ...int) {
	w.T.Helper()
	for _, n := range people {
		_, err := w.SetLeftovers(w.T.Context(), w.Actor(n), campaign, "", sites)
		Must(w.T, err)
	}
}

// LeftOver has a site tell of doses until 17:00, and the background work offer them.
func (w *World) LeftOver(campaign string, num site.Num, product string, doses int) int64 {
	w.T.Helper()
	c, _ := w.Programme().Campaign(campaign)
	now := time.Unix(0, w.Clock.Load())
	out, err := w.LeftoverStore.Apply(w.T.Context(), []leftover.Request{{Op: leftover.OpOpen, At: now, Channel: "staff", Batch: leftover.Batch{
		Campaign: c.Num, Site: num, Product: product, Doses: doses, Until: civil.Of(now, Seoul).At(17*60, Seoul), Minutes: 10,
	}}})
	Must(w.T, err)
	Must(w.T, w.Round(w.T.Context()))
	return out[0].Batch.ID
}

// OfferOf gives the offer that somebody sees.
func (w *World) OfferOf(n int, campaign string) *leftovers.Offer {
	w.T.Helper()
	l, err := w.Leftovers(w.T.Context(), w.Actor(n), campaign)
	Must(w.T, err)
	return l.Offer
}

// Holder finds the one of some people whose offer waits for an answer.
func (w *World) Holder(campaign string, people ...int) (n int, o leftovers.Offer) {
	w.T.Helper()
	for _, p := range people {
		if x := w.OfferOf(p, campaign); x != nil && x.State == leftovers.Offered {
			if n != 0 {
				w.T.Fatalf("both %d and %d have an offer", n, p)
			}
			n, o = p, *x
		}
	}
	return n, o
}

// UsedOf is how much of a counter is used.
func (w *World) UsedOf(t *testing.T, id booking.Counter) (n int) {
	t.Helper()
	_, err := w.Ledger.Counters(t.Context(), func(c booking.CounterState) {
		if c.Counter == id {
			n = c.Used
		}
	})
	Must(t, err)
	return n
}
