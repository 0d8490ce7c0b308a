package clinic_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/supply"
	"charye/supply/dispense"
	"charye/supply/epcis"
	custodysqlite "charye/supply/epcis/sqlite"
	"charye/walk"
	"charye/walk/clinic"
	"charye/walk/whole"
)

// TestGivenFromAVial: a label with a serial number is kept with the visit and told to custody as that vial; the vial of two doses is empty after two, and saying
// of the second dose again that it was given is no third.
func TestGivenFromAVial(t *testing.T) {
	t.Parallel()
	w, booked := visitWorld(t, 3)
	ctx := t.Context()
	custody, err := custodysqlite.Open(ctx, t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, custody.Close()) })
	const vial = "https://id.gs1.org/01/08809999000013/21/V"
	told := func(at time.Time, text string) {
		t.Helper()
		events, err := epcis.Parse([]byte(fmt.Sprintf(`{"@context":[{"cbvmda":"urn:epcglobal:cbv:mda:"}],"eventTime":%q,"eventTimeZoneOffset":"+00:00",%s}`, at.UTC().Format(time.RFC3339), text)), 1)
		must(t, err)
		done, err := custody.Capture(ctx, []epcis.Job{{By: "maker", At: at, Events: events}})
		must(t, errors.Join(err, done[0].Err))
	}
	told(at(25, 8, 0), fmt.Sprintf(`"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":["%s1","%s2"],"ilmd":{"cbvmda:lotNumber":"Q1"}`, vial, vial))
	told(at(25, 9, 0), fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/088099990000000013","childEPCs":["%s1","%s2"],"bizLocation":{"id":"urn:charye:site:S1"}`, vial, vial))

	g, err := supply.ParseGTIN("08809999000013")
	must(t, err)
	d := w.Deps
	o := clinic.SupplyRules(d.Programme)
	bands := []supply.Band{{Name: "any", Upto: supply.Hottest, Budget: time.Hour}}
	o.Custody, o.Products = custody, []*supply.Product{{ID: "moderna", GTINs: []supply.GTIN{g}, Rules: []supply.Rule{
		{From: civil.New(2020, 1, 1), Bands: []supply.Band{{Name: "any", Upto: supply.Hottest, Budget: supply.Unlimited}}}, {From: civil.New(2020, 1, 1), Stage: supply.Punctured, Bands: bands},
	}}}
	d.Dispense = dispense.New(o)
	node, err := whole.New(ctx, d)
	must(t, err)
	t.Cleanup(node.Stop)
	node.StaffFrom([]string{staffSpace})

	label := func(n int) string { return fmt.Sprintf("(01)08809999000013(10)Q1(21)V%d", n) }
	give := func(i, n int) (clinic.Visitor, error) {
		return node.TellVisit(ctx, w.Nurse(1, "S1"), clinic.TellVisit{Booking: booked[i].ID, Dose: 1, State: booking.Given, From: label(n)})
	}
	refused := func(i, n int, want clinic.UnfitReason) {
		t.Helper()
		_, err := give(i, n)
		wantCode(t, err, walk.Conflict)
		if got := clinic.WhyUnfit(err); got != want {
			t.Errorf("refused for %q, want %q: %v", got, want, err)
		}
	}
	v, err := give(0, 1)
	if err != nil || v.From != "(00)088099990000000013"+label(1) {
		t.Fatalf("%q, %v", v.From, err)
	}
	w.Set(at(26, 10, 0)) // an hour and five minutes later
	refused(1, 1, clinic.UnfitOver)
	_, err = give(1, 1)
	if since, long := clinic.UnfitSince(err); since.Sub(at(26, 8, 55)).Abs() > time.Minute || long != time.Hour {
		t.Errorf("%v, %v: %v", since, long, err)
	}
	w.Set(at(26, 9, 30))
	if _, err = give(1, 1); err != nil {
		t.Fatal(err)
	}
	refused(2, 1, clinic.UnfitEmpty)
	if _, err = give(1, 1); err != nil {
		t.Errorf("told again: %v", err)
	}
	refused(1, 2, "") // another vial is another dose, and this one was given
	if _, err = give(2, 2); err != nil {
		t.Error(err)
	}
	p, err := custody.Events(ctx, epcis.Query{BizSteps: []string{"dispensing"}, Limit: 10, Order: epcis.ByRecordTime, Ascending: true})
	must(t, err)
	if len(p.Events) != 3 || !strings.Contains(string(p.Events[1].JSON), vial+"1") || !strings.Contains(string(p.Events[2].JSON), vial+"2") {
		t.Errorf("custody was told %d times", len(p.Events))
	}
	w.checked()
}
