package dispense_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/site"
	"charye/supply"
	"charye/supply/dispense"
	"charye/supply/epcis"
	custodysqlite "charye/supply/epcis/sqlite"
	supplysqlite "charye/supply/sqlite"
	"charye/supply/trace"
)

const gtin, otherGTIN = "08809999000013", "08809999000020"

var (
	now = time.Date(2026, 9, 21, 1, 0, 0, 0, time.UTC)
)

func box(n int) supply.SSCC {
	k, _ := supply.NewSSCC(0, "8809999", uint64(n))
	return k
}

func product(id, gtin string) *supply.Product {
	g, err := supply.ParseGTIN(gtin)
	if err != nil {
		panic(err)
	}
	return &supply.Product{ID: id, GTINs: []supply.GTIN{g}, Rules: []supply.Rule{{From: civil.New(2020, 1, 1), Bands: []supply.Band{
		{Name: "fridge", Upto: supply.Hottest, Budget: supply.Unlimited},
	}}, {From: civil.New(2020, 1, 1), Stage: supply.Punctured, Bands: []supply.Band{{Name: "table", Upto: supply.Hottest, Budget: 6 * time.Hour}}}}}
}

// counter is a room over real stores: boxes 1 and 2 of lot Q1, 3 of Q2 that expired, 4 of Q3; all at site T1.
type counter struct {
	*dispense.Room
	t        *testing.T
	verdicts supply.Verdicts
	custody  epcis.Store
	o        dispense.Options
	told     int // events, a second each
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	c := &counter{t: t}
	v, err := supplysqlite.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	k, err := custodysqlite.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if v.Close() != nil || k.Close() != nil {
			t.Error("a store does not close")
		}
	})
	c.verdicts, c.custody = v, k
	c.o = dispense.Options{Products: []*supply.Product{product("flu", gtin), product("rsv", otherGTIN)}, PerVial: map[string]int{"flu": 10, "rsv": 1}, Verdicts: v, Custody: k}
	c.Room = dispense.New(c.o)
	c.capture(fmt.Sprintf(`{"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":[],"quantityList":[{"epcClass":"https://id.gs1.org/01/%s/10/Q2","quantity":10}],"ilmd":{"cbvmda:itemExpirationDate":"2026-09-20"}}`, gtin))
	for n, lot := range []string{"Q1", "Q1", "Q2", "Q3"} {
		c.capture(fmt.Sprintf(`{"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/%s/10/%s","quantity":10}]}`,
			box(n+1), gtin, lot))
		c.capture(fmt.Sprintf(`{"type":"ObjectEvent","action":"OBSERVE","bizStep":"receiving","epcList":["https://id.gs1.org/00/%s"],"bizLocation":{"id":"urn:charye:site:T1"}}`, box(n+1)))
	}
	return c
}

func (c *counter) capture(event string) {
	c.t.Helper()
	c.told++
	src := `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"eventTime":"` + time.Date(2026, 9, 18, 0, 0, c.told, 0, time.UTC).Format(time.RFC3339) + `","eventTimeZoneOffset":"+00:00",` + strings.TrimPrefix(event, "{")
	list, err := epcis.Parse([]byte(src), 1)
	if err != nil {
		c.t.Fatalf("%v\n%s", err, src)
	}
	done, err := c.custody.Capture(c.t.Context(), []epcis.Job{{By: "maker", At: now, Events: list}})
	if err != nil || done[0].Err != nil {
		c.t.Fatal(err, done)
	}
}

func (c *counter) decide(a supply.Action, boxes ...supply.SSCC) {
	c.t.Helper()
	_, err := c.verdicts.Decide(c.t.Context(), supply.Verdict{
		At: now, Action: a, Case: "c", Boxes: boxes, Reason: "r", Evidence: []string{"e"}, Asked: "a", Agreed: "b",
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *counter) fit(text string, want dispense.Reason) string {
	c.t.Helper()
	full, why, err := c.Fit(c.t.Context(), "flu", text, now)
	switch {
	case err != nil:
		c.t.Fatal(err)
	case want == "" && why != nil:
		c.t.Errorf("%q is refused: %+v", text, why)
	case want != "" && (why == nil || why.Reason != want || why.Detail == ""):
		c.t.Errorf("%q: %+v, want %s", text, why, want)
	}
	return full
}

// TestFit: what may not be given from is refused at that moment, and given free again with the verdict.
func TestFit(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	if full := c.fit(box(1).String(), ""); full != "(00)"+box(1).String()+"(01)"+gtin+"(10)Q1" {
		t.Errorf("box 1 is %q", full)
	}
	if full := c.fit("Q1", ""); full != "(01)"+gtin+"(10)Q1" {
		t.Errorf("lot Q1 is %q", full)
	}
	c.fit(box(9).String(), dispense.Unknown)
	c.fit(box(3).String(), dispense.Expired)
	c.fit("Q2", dispense.Expired)
	c.fit("(01)"+gtin+"(17)260920(10)Q1", dispense.Expired)
	c.fit("(01)"+gtin+"(17)260921(10)Q1", "")
	c.fit("(01)"+otherGTIN+"(10)Z9", dispense.Other)
	c.fit("(01)08809999000037(10)Z9", dispense.Other)
	for _, text := range []string{"", " ", "088099990000000014", "(01)" + gtin, "한글", "(99)1", strings.Repeat("A", 21), strings.Repeat("A", 500)} {
		c.fit(text, dispense.Unread)
	}
	if _, why, err := c.Fit(t.Context(), "rsv", box(1).String(), now); err != nil || why == nil || why.Reason != dispense.Other {
		t.Errorf("flu given as rsv: %+v, %v", why, err)
	}
	c.decide(supply.Hold, box(1))
	c.fit(box(1).String(), dispense.Held)
	c.fit("Q1", dispense.ScanBox)
	c.fit("(01)"+gtin+"(10)Q1", dispense.ScanBox)
	c.fit(box(2).String(), "")
	c.fit("Q3", "")
	c.decide(supply.Release, box(1))
	c.fit(box(1).String(), "")
	c.fit("Q1", "")
	c.decide(supply.Recall, box(2))
	c.fit(box(2).String(), dispense.Held)
	c.fit("Q1", dispense.ScanBox)
	// Without custody the box is refused all the same; which lot it is of is not known then.
	c.o.Custody = nil
	c.Room = dispense.New(c.o)
	c.fit(box(2).String(), dispense.Held)
	c.fit(box(9).String(), "")
	c.fit("Q1", "")
}

// TestTell: custody knows the dose, the box and the booking, once; and no more when it was taken back.
func TestTell(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	ctx := t.Context()
	d := dispense.Dose{Booking: 42, Dose: 2, Site: "T1", From: c.fit(box(1).String(), ""), At: now}
	lotOnly := dispense.Dose{Booking: 43, Dose: 1, Site: "T1", From: c.fit("Q1", ""), At: now}
	for range 2 {
		for _, x := range []dispense.Dose{d, lotOnly} {
			if err := c.Gave(ctx, x, now); err != nil {
				t.Fatal(err)
			}
		}
	}
	look := func() (given []supply.Given, left int) {
		t.Helper()
		in := trace.NewReader()
		if err := in.Follow(ctx, c.custody); err != nil {
			t.Fatal(err)
		}
		got, err := in.Build(trace.Rules{
			Products: c.o.Products, DosesPerVial: c.o.PerVial,
			Site: func(place string) site.Num { return map[string]site.Num{"urn:charye:site:T1": 1}[place] },
			Who:  func(id int64) (person.Key, bool) { return person.Key{byte(id)}, true },
		})
		if err != nil || len(got.Findings)+len(got.Problems) > 0 {
			t.Fatal(err, got.Findings, got.Problems)
		}
		b, _ := got.Box(box(1))
		for _, h := range got.Index.Person(person.Key{42}) {
			given = append(given, h.Given)
		}
		return given, b.Left()
	}
	given, left := look()
	if len(given) != 1 || given[0].Box != box(1) || given[0].Dose != 2 || given[0].Site != 1 || !given[0].At.Equal(now) || left != 99 {
		t.Errorf("custody tells of %+v, %d left", given, left)
	}
	for range 2 {
		if err := c.Undone(ctx, d, now); err != nil {
			t.Fatal(err)
		}
	}
	if given, left = look(); len(given) != 0 || left != 100 {
		t.Errorf("taken back: %+v, %d left", given, left)
	}
	d.At = now.Add(time.Minute)
	if err := c.Gave(context.WithoutCancel(ctx), d, now); err != nil {
		t.Fatal(err)
	}
	if given, _ = look(); len(given) != 1 {
		t.Errorf("given after all: %+v", given)
	}
}

// FuzzRead: whatever is typed is read or refused, and what was read is read again as the same.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"", "000000000000000000", "Q1", "(10)Q1", "088099990000000013", "(01)" + gtin + "(17)260920(10)Q1", "]d201" + gtin + "10Q1\x1d17260920", "(00)088099990000000013", "((", "(10)", "(01)" + gtin + "(17)260920(10)Q1(21)V1", "]d201" + gtin + "21V1\x1d10Q1", "https://id.gs1.org/01/" + gtin + "/10/Q1/21/V%2F1?17=260920"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := dispense.Read(s)
		if err != nil {
			return
		}
		if e.SSCC == 0 && e.Lot == "" && e.Serial == "" {
			t.Errorf("%q is read as nothing", s)
		}
		kept := supply.Elements{SSCC: e.SSCC, GTIN: e.GTIN, Lot: e.Lot, Expires: e.Expires, Serial: e.Serial}
		again, err := dispense.Read(kept.String())
		if e.SSCC == 0 && (err != nil || again.Lot != e.Lot || again.Serial != e.Serial) {
			t.Errorf("%q is read as %+v, and %q as %+v, %v", s, e, kept.String(), again, err)
		}
	})
}
