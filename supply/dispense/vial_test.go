package dispense_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"charye/person"
	"charye/site"
	"charye/supply"
	"charye/supply/dispense"
	"charye/supply/trace"
)

// serialised packs vials V1 and V2 of lot S1 into box 5, V3 in a carton of box 6, and box 7 of lot S1 by count.
func serialised(c *counter) {
	vial := func(s string) string { return "https://id.gs1.org/01/" + gtin + "/21/" + s }
	c.capture(fmt.Sprintf(`{"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":[%q,%q,%q],"ilmd":{"cbvmda:lotNumber":"S1","cbvmda:itemExpirationDate":"2026-09-30"}}`, vial("V1"), vial("V2"), vial("V3")))
	c.capture(fmt.Sprintf(`{"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[%q]}`, vial("C1"), vial("V3")))
	for box, child := range map[supply.SSCC]string{box(5): fmt.Sprintf("%q,%q", vial("V1"), vial("V2")), box(6): fmt.Sprintf("%q", vial("C1"))} {
		c.capture(fmt.Sprintf(`{"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[%s]}`, box, child))
		c.capture(fmt.Sprintf(`{"type":"ObjectEvent","action":"OBSERVE","bizStep":"receiving","epcList":["https://id.gs1.org/00/%s"],"bizLocation":{"id":"urn:charye:site:T1"}}`, box))
	}
	c.capture(fmt.Sprintf(`{"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/%s/10/S1","quantity":10}]}`, box(7), gtin))
}

func label(serial string) string { return "(01)" + gtin + "(17)260930(10)S1(21)" + serial }

// TestVial: a label with a serial number is held against what custody tells of that vial: its box, how long it is open, what is left.
func TestVial(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	serialised(c)
	at := func(d time.Duration, text string, want dispense.Reason) (string, *dispense.Unfit) {
		t.Helper()
		full, why, err := c.Fit(t.Context(), "flu", text, now.Add(d))
		got := dispense.Reason("")
		if why != nil {
			got = why.Reason
		}
		if err != nil || got != want {
			t.Errorf("%q after %v: %+v, %v; want %q", text, d, why, err, want)
		}
		return full, why
	}
	want := "(00)" + box(5).String() + "(01)" + gtin + "(10)S1(21)V1"
	for _, text := range []string{label("V1"), "]d201" + gtin + "21V1", "https://maker.example/01/" + gtin + "/10/S1/21/V1?17=260930", want} {
		if full, _ := at(0, text, ""); full != want {
			t.Errorf("%q is %q, want %q", text, full, want)
		}
	}
	if full, _ := at(0, label("V3"), ""); !strings.HasPrefix(full, "(00)"+box(6).String()) {
		t.Errorf("V3 in its carton is %q", full)
	}
	// A serial number that custody does not know counts by its lot, as before; without a lot it says nothing.
	if full, _ := at(0, label("V9"), ""); full != label("V9") {
		t.Errorf("V9 is %q", full)
	}
	at(0, "(01)"+gtin+"(21)V9", dispense.Unread)
	at(0, "(01)"+gtin+"(10)S2(21)V1", dispense.Other)
	at(0, box(5).String(), "")
	at(0, box(6).String(), "")
	at(10*24*time.Hour, label("V1"), dispense.Expired)
	at(10*24*time.Hour, box(6).String(), dispense.Expired)

	// The first dose opens it: six hours, and not a moment more.
	give := func(booking int64, d time.Duration, serial string) dispense.Dose {
		t.Helper()
		full, _ := at(d, label(serial), "")
		dose := dispense.Dose{Booking: booking, Dose: 1, Site: "T1", From: full, At: now.Add(d)}
		if err := c.Gave(t.Context(), dose, now.Add(d)); err != nil {
			t.Fatal(err)
		}
		return dose
	}
	first := give(1, time.Hour, "V1")
	at(7*time.Hour, label("V1"), "")
	if _, why := at(7*time.Hour+1, label("V1"), dispense.Over); why != nil && (!why.Since.Equal(now.Add(time.Hour)) || why.For != 6*time.Hour || !strings.Contains(why.Detail, "throw it away")) {
		t.Errorf("%+v", why)
	}
	at(7*time.Hour+1, label("V2"), "")
	if err := c.Undone(t.Context(), first, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	at(7*time.Hour+1, label("V1"), "") // it was never opened
	for i := range 10 {
		give(int64(10+i), 2*time.Hour, "V1")
	}
	at(3*time.Hour, label("V1"), dispense.Empty)
	at(3*time.Hour, label("V2"), "")
	if !dispense.SameVial(label("V1"), want) || dispense.SameVial(label("V1"), label("V2")) || dispense.SameVial("S1", "S1") {
		t.Error("which labels are of the same vial")
	}
	c.told = 4 * 24 * 3600
	c.capture(fmt.Sprintf(`{"type":"ObjectEvent","action":"OBSERVE","bizStep":"destroying","epcList":["https://id.gs1.org/01/%s/21/V2"],"bizLocation":{"id":"urn:charye:site:T1"}}`, gtin))
	at(3*time.Hour, label("V2"), dispense.Empty)
	c.decide(supply.Hold, box(6))
	at(0, label("V3"), dispense.Held)
	at(0, label("V9"), dispense.ScanBox)

	// Custody knows each dose by its vial and its booking.
	in := trace.NewReader()
	if err := in.Follow(t.Context(), c.custody); err != nil {
		t.Fatal(err)
	}
	got, err := in.Build(trace.Rules{
		Products: c.o.Products, DosesPerVial: c.o.PerVial, Site: func(place string) site.Num { return map[string]site.Num{"urn:charye:site:T1": 1}[place] },
		Who: func(id int64) (person.Key, bool) { return person.Key{byte(id)}, true },
	})
	if err != nil || len(got.Findings)+len(got.Problems) > 0 {
		t.Fatal(err, got.Findings, got.Problems)
	}
	g, _ := supply.ParseGTIN(gtin)
	v, _ := got.Vial(supply.SGTIN{GTIN: g, Serial: "V1"})
	h := got.Index.Person(person.Key{12})
	if v.Given != 10 || v.Left != 0 || len(h) != 1 || got.Index.NameOf(h[0].Given.Vial) != v.SGTIN || h[0].Box.SSCC != box(5) {
		t.Errorf("%+v, %+v", v, h)
	}

}

// TestThawedWithItsBox: what was told of the box, or of the pallet that it is on, is the vial's too.
func TestThawedWithItsBox(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	serialised(c)
	c.capture(fmt.Sprintf(`{"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":["https://id.gs1.org/00/%s"]}`, box(90), box(6)))
	c.capture(fmt.Sprintf(`{"eventID":"urn:x:1","type":"ObjectEvent","action":"OBSERVE","urn:charye:epcis:stage":"punctured","epcList":["https://id.gs1.org/00/%s"]}`, box(90)))
	c.fit(label("V3"), dispense.Over) // since the 18th
	c.fit(label("V1"), "")
}
