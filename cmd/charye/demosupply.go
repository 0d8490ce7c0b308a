package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"charye/site"
	"charye/supply"
	custody "charye/supply/epcis"
	"charye/supply/trace"
)

// The made-up names of the demo's supply room. The prefix is GS1's for documentation in Korea's range.
const (
	demoPrefix = "8809999"
	demoDepot  = "https://id.gs1.org/414/8809999000105"
	demoTruck  = "urn:x:truck:11t-0412"
	demoGTIN   = "08809999000013"
	// demoStored is how many boxes the demo's depot has: not quite as many as its crowd needs.
	demoStored = 205
)

// demoStory collects events of custody around a moment.
type demoStory struct {
	now    time.Time
	events []*custody.Event
	err    error
}

func (d *demoStory) ago(minutes int) time.Time {
	return d.now.Add(-time.Duration(minutes) * time.Minute).UTC().Truncate(time.Second)
}

func (d *demoStory) take(list []*custody.Event, err error) {
	if d.err == nil {
		d.events, d.err = append(d.events, list...), err
	}
}

func (d *demoStory) event(minutesAgo int, format string, args ...any) {
	src := fmt.Sprintf(`{"@context":[{"cbvmda":"urn:epcglobal:cbv:mda:"}],"eventTime":%q,"eventTimeZoneOffset":"+09:00",%s}`, d.ago(minutesAgo).Format(time.RFC3339), fmt.Sprintf(format, args...))
	d.take(custody.Parse([]byte(src), 1))
}

func (d *demoStory) readings(point string, from, until int, degrees ...float64) {
	s := supply.Series{Point: supply.Point(point), Device: "demo logger", Interval: 5 * time.Minute}
	for m, i := from, 0; m >= until; m, i = m-5, i+1 {
		wave := float64(i%7-3) / 10
		s.Readings = append(s.Readings, supply.Reading{At: d.ago(m), Celsius: supply.Celsius((degrees[i*len(degrees)/((from-until)/5+1)] + wave) * float64(supply.Degree))})
	}
	d.take(trace.Readings(point, []supply.Series{s}, nil, "demo"))
}

// box packs the nth box of a lot at a place, and gives its name.
func (d *demoStory) box(n int, lot, at string) string {
	k, _ := supply.NewSSCC(0, demoPrefix, uint64(n)) // a prefix of the right length
	name := "https://id.gs1.org/00/" + k.String()
	d.event(420, `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/%s/10/%s","quantity":%d}],"bizLocation":{"id":%q}`,
		name, demoGTIN, lot, 12, at)
	return name
}

// lot says when a lot expires.
func (d *demoStory) lot(name string, days int) {
	d.event(430, `"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":[],"quantityList":[{"epcClass":"https://id.gs1.org/01/%s/10/%s","quantity":5000}],"ilmd":{"cbvmda:itemExpirationDate":%q},"readPoint":{"id":%q}`,
		demoGTIN, name, d.now.AddDate(0, 0, days).Format(time.DateOnly), demoDepot)
}

// demoSupply makes up what there is this morning. Eight boxes came to six sites: the truck was too warm for the last three of them. The first site had four more
// than it needs, and the depot has a store of two lots.
func demoSupply(sites []site.Site, now time.Time) ([]*custody.Event, error) {
	d := &demoStory{now: now}
	boxes := make([]string, 8)
	for i := range boxes {
		boxes[i] = d.box(i+1, fmt.Sprintf("DEMO-%d", 1+i/5), demoDepot)
	}
	for i := range demoStored {
		d.box(100+i, fmt.Sprintf("DEMO-%d", 3+i/195), demoDepot)
	}
	for name, days := range map[string]int{"DEMO-1": 90, "DEMO-2": 90, "DEMO-3": 120, "DEMO-4": 12} {
		d.lot(name, days)
	}
	named := func(list []string) string { return `"` + strings.Join(list, `","`) + `"` }
	d.event(360, `"type":"AggregationEvent","action":"ADD","bizStep":"loading","parentID":%q,"childEPCs":[%s],"readPoint":{"id":%q}`, demoTruck, named(boxes), demoDepot)
	receive := func(minutesAgo int, at string, list ...string) {
		d.event(minutesAgo, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"receiving","epcList":[%s],"bizLocation":{"id":%q}`, named(list), trace.SiteURN(at))
		d.readings(trace.SiteURN(at), minutesAgo, 0, 4.2, 4.6, 4.1)
	}
	d.readings(demoDepot, 420, 0, 4.4)
	d.readings(demoTruck, 360, 120, 4.8, 5.2, 5.1, 11.5, 14.2, 13.1)
	for i := range 4 {
		d.box(20+i, "DEMO-1", trace.SiteURN(sites[0].ID))
	}
	d.readings(trace.SiteURN(sites[0].ID), 420, 300, 4.2)
	for i, at := range sites[:min(6, len(sites))] {
		switch {
		case i < 3:
			receive(300, at.ID, boxes[i])
		case i == 3:
			receive(270, at.ID, boxes[3], boxes[4])
		case i == 4:
			receive(120, at.ID, boxes[5])
		default:
			receive(120, at.ID, boxes[6], boxes[7])
		}
	}
	return d.events, d.err
}

// furnishSupply tells the demo's supply room what it has.
func furnishSupply(ctx context.Context, s *server) error {
	if s.custody == nil {
		return nil
	}
	// Kept data is from a demo of before, with its own story.
	if p, err := s.custody.Events(ctx, custody.Query{Order: custody.ByRecordTime, Ascending: true, Limit: 1}); err != nil || len(p.Events) > 0 {
		return err
	}
	now := time.Now()
	events, err := demoSupply(site.Demo(), now)
	if err != nil {
		return err
	}
	out, err := s.custody.Capture(ctx, []custody.Job{{By: "demo", At: now, Events: events}})
	if err != nil {
		return err
	}
	return out[0].Err
}
