package supply

import (
	"context"
	"fmt"
	"net/url"
	"runtime"
	"testing"
	"time"

	"charye/site"
	"charye/supply"
	"charye/supply/epcis"
	"charye/supply/room"
	"charye/supply/room/roomtest"
	"charye/supply/trace"
	"charye/web/page"
	"charye/web/page/pagetest"
)

// toldCustody is custody that is there from the beginning, and events that come one by one.
type toldCustody struct{ list []epcis.Stored }

func (c *toldCustody) Events(_ context.Context, q epcis.Query) (epcis.Page, error) {
	from := int64(0)
	if q.After != nil {
		from = q.After.Seq
	} else if !q.RecordedFrom.IsZero() {
		for n := len(c.list); n > 0 && !c.list[n-1].Recorded.Before(q.RecordedFrom); n-- {
			from = int64(n - 1)
		}
	}
	to := min(int64(len(c.list)), from+int64(q.Limit))
	p := epcis.Page{Events: c.list[from:to]}
	if to < int64(len(c.list)) {
		p.Next = &epcis.Cursor{Seq: to}
	}
	return p, nil
}

func (c *toldCustody) tell(b *testing.B, at time.Time, format string, args ...any) {
	src := fmt.Sprintf(`{"@context":[],"eventTime":%q,"eventTimeZoneOffset":"+00:00",%s}`, at.UTC().Format(time.RFC3339Nano), fmt.Sprintf(format, args...))
	list, err := epcis.Parse([]byte(src), 1)
	if err != nil {
		b.Fatal(err)
	}
	n := int64(len(c.list) + 1)
	c.list = append(c.list, epcis.Stored{Seq: n, ID: fmt.Sprint("e", n), Recorded: roomtest.Begin.Add(time.Duration(n) * time.Second), JSON: list[0].JSON, Context: list[0].Context})
}

func nationalBox(n int) supply.SSCC {
	k, _ := supply.NewSSCC(0, "8809999", uint64(n))
	return k
}

// BenchmarkSupplyPages measures the pages of a national supply room: 57,800 boxes at 11,808 sites, each with a refrigerator that was read today; one
// truck in a hundred froze. And what it takes to notice one event more.
//
//	go test -run '^$' -bench SupplyPages -benchtime 20x ./web/supply
func BenchmarkSupplyPages(b *testing.B) {
	const nSites, boxes, perTruck = 11_808, 57_800, 50
	w := roomtest.New(b)
	sites := make([]site.Site, nSites)
	for i := range sites {
		sites[i] = site.Site{
			Num: site.Num(i + 1), ID: fmt.Sprintf("N%05d", i+1), Name: fmt.Sprintf("전국 %d의원", i+1), Kind: "clinic", Address: fmt.Sprintf("가상로 %d", i), Region: roomtest.Sites[i%3/2*2].Region,
			District: fmt.Sprintf("%d구", i%250), Lat: 34 + float64(i%400)/100, Lon: 126 + float64(i/400)/100,
		}
	}
	index := site.NewIndex(sites)
	c := &toldCustody{}
	at := roomtest.Minute
	for n := 1; n <= boxes; n++ {
		c.tell(b, at(0), `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/L%02d","quantity":10}],"bizLocation":{"id":%q}`,
			nationalBox(n), n%39, roomtest.Depot)
	}
	sensor := func(place string, from, until int, lo, hi float64) {
		c.tell(b, at(until), `"type":"ObjectEvent","action":"OBSERVE","bizStep":"sensor_reporting","epcList":[],"readPoint":{"id":%q},"sensorElementList":[{"sensorMetadata":{"startTime":%q,"endTime":%q},"sensorReport":[{"type":"Temperature","minValue":%.1f,"maxValue":%.1f,"uom":"CEL"}]}]`,
			place, at(from).Format(time.RFC3339), at(until).Format(time.RFC3339), lo, hi)
	}
	sensor(roomtest.Depot, 0, 60, 3, 5)
	for t := range boxes / perTruck {
		truck, aboard := fmt.Sprintf("urn:x:truck:%d", t), ""
		for i := range perTruck {
			if i > 0 {
				aboard += ","
			}
			aboard += fmt.Sprintf(`"https://id.gs1.org/00/%s"`, nationalBox(t*perTruck+i+1))
		}
		c.tell(b, at(60), `"type":"AggregationEvent","action":"ADD","bizStep":"loading","parentID":%q,"childEPCs":[%s]`, truck, aboard)
		lo := 4.0
		if t%100 == 0 {
			lo = -2
		}
		sensor(truck, 60, 180, lo, 6)
	}
	for s := range sites {
		aboard := ""
		for n := s + 1; n <= boxes; n += nSites {
			if aboard != "" {
				aboard += ","
			}
			aboard += fmt.Sprintf(`"https://id.gs1.org/00/%s"`, nationalBox(n))
		}
		c.tell(b, at(180), `"type":"ObjectEvent","action":"OBSERVE","bizStep":"receiving","epcList":[%s],"bizLocation":{"id":%q}`, aboard, trace.SiteURN(sites[s].ID))
		sensor(trace.SiteURN(sites[s].ID), 180, 600, 3, 6)
	}
	w.Deps.Custody, w.Deps.Places = c, func(context.Context) (room.Places, error) {
		return room.Places{Sites: index, Version: "1", Site: func(place string) site.Num {
			id, _ := trace.SiteOfURN(place)
			s, _ := index.ByID(id)
			return s.Num
		}}, nil
	}
	w.At(600)
	svc := newSupplyFake()
	svc.programme, svc.now, svc.room = w.Programme, w.Now(), w.Room()
	begin := time.Now()
	if err := svc.room.Round(b.Context()); err != nil {
		b.Fatal(err)
	}
	first := time.Since(begin)
	c.tell(b, at(600), `"type":"ObjectEvent","action":"OBSERVE","bizStep":"dispensing","epcList":["https://id.gs1.org/00/%s"],"bizLocation":{"id":%q}`, nationalBox(1), trace.SiteURN("N00001"))
	begin = time.Now()
	if err := svc.room.Round(b.Context()); err != nil {
		b.Fatal(err)
	}
	again := time.Since(begin)
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	v := svc.room.View()
	b.Logf("%d events; first reading %v, one event more %v, %d alarms, %d MB of heap", len(c.list), first, again, len(v.Alarms), m.HeapAlloc>>20)
	pages := roomPages(b, svc)
	br := pagetest.NewBrowser(b, pages, "ko")
	br.Cookies[page.CookieStaff] = "logistics"
	for name, path := range map[string]string{
		"home": "/supply", "alarms": "/supply/alarms", "alarm": "/supply/alarms/1", "sites": "/supply/sites?region=" + url.QueryEscape(sites[0].Region) + "&from=5000", "search": "/supply/sites?q=11807",
		"lot": "/supply/boxes?lot=L07", "site": "/supply/boxes?site=N00777", "box": "/supply/boxes/" + nationalBox(33).String(), "reach of a lot": "/supply/readings?lot=L07",
		"reach of a truck": "/supply/readings?point=urn:x:truck:7&from=2026-09-18T10:00&until=2026-09-18T11:00", "find": "/supply/find?q=" + nationalBox(57_000).String(),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if a := br.Get(path); a.Code != 200 && a.Code != 303 {
					b.Fatal(a.Code)
				}
			}
		})
	}
}
