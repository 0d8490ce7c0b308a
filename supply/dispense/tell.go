package dispense

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"charye/site"
	"charye/supply"
	"charye/supply/epcis"
	"charye/supply/trace"
)

// party is who tells of doses.
const party = "clinic"

func noSite(string) site.Num { return 0 }

// Tells reports whether there is somebody to tell.
func (r *Room) Tells() bool { return r.o.Custody != nil }

// Gave tells custody that a dose was given, where it was from a box. Telling it again changes nothing.
func (r *Room) Gave(ctx context.Context, d Dose, now time.Time) error {
	return r.tell(ctx, &d, false, now)
}

// Undone tells that it was not: what was told of it was wrong.
func (r *Room) Undone(ctx context.Context, d Dose, now time.Time) error {
	return r.tell(ctx, &d, true, now)
}

func (r *Room) tell(ctx context.Context, d *Dose, wrong bool, now time.Time) error {
	e, err := Read(d.From)
	if r.o.Custody == nil || err != nil || e.SSCC == 0 {
		return nil
	}
	src, err := json.Marshal(event(d, &e, wrong))
	if err != nil {
		return err
	}
	events, err := epcis.Parse(src, 1)
	if err != nil {
		return fmt.Errorf("a dose given: %w", err)
	}
	done, err := r.o.Custody.Capture(ctx, []epcis.Job{{By: party, At: now, Events: events}})
	if err != nil {
		return err
	}
	return done[0].Err
}

// event is a dose given from a box, or from a vial of it that custody knows by its name, by its own words alone: the same dose is always the same event.
func event(d *Dose, e *supply.Elements, wrong bool) map[string]any {
	out := map[string]any{
		"@context": []any{json.RawMessage(epcis.StandardContext)}, "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "dispensing",
		"eventID":   fmt.Sprintf("urn:charye:given:%d:%d:%d", d.Booking, d.Dose, d.At.UnixMicro()),
		"eventTime": d.At.UTC().Format(time.RFC3339Nano), "eventTimeZoneOffset": "+00:00",
		"epcList": []any{trace.BoxKey(e.SSCC)}, "bizLocation": map[string]any{"id": trace.SiteURN(d.Site)},
		"bizTransactionList": []any{map[string]any{"bizTransaction": trace.BookingURN(d.Booking, d.Dose)}},
	}
	if k, ok := e.SGTIN(); ok { // custody knows which box it is of
		out["epcList"] = []any{trace.VialKey(k)}
	}
	if e.GTIN != 0 && e.Lot != "" {
		out["quantityList"] = []any{map[string]any{"epcClass": trace.LotClass(supply.LotKey{GTIN: e.GTIN, ID: e.Lot}), "quantity": 1, "uom": "E27"}}
	}
	if wrong {
		out["errorDeclaration"] = map[string]any{"declarationTime": d.At.UTC().Format(time.RFC3339Nano), "reason": "incorrect_data"}
	}
	return out
}
