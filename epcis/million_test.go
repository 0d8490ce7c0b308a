package epcis_test

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestManyEvents captures as many events as CHARYE_EPCIS_EVENTS says over HTTP, on each engine in turn, and asks for some of
// them: go test ./epcis -run ManyEvents -v -timeout 60m. It measures; what it asserts is that all of them are there.
func TestManyEvents(t *testing.T) {
	total, err := strconv.Atoi(os.Getenv("CHARYE_EPCIS_EVENTS"))
	if err != nil {
		t.Skip("CHARYE_EPCIS_EVENTS is not set")
	}
	const perDocument, clients = 1000, 4
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, engines[name](t))
			resetPeak(t)
			var at, slowest, again atomic.Int64
			start := time.Now()
			var wg sync.WaitGroup
			for range clients {
				wg.Go(func() {
					for {
						first := int(at.Add(perDocument)) - perDocument
						if first >= total {
							return
						}
						doc := custodyOf(first, min(perDocument, total-first))
						sent := time.Now()
						for { // what was not acknowledged is sent again, which is safe
							got := c.do("POST", "/epcis/v2/capture", doc)
							if got.status == 202 {
								break
							}
							again.Add(1)
							if got.status < 500 {
								t.Errorf("%d %s", got.status, got.body)
								return
							}
						}
						if took := int64(time.Since(sent)); took > slowest.Load() {
							slowest.Store(took)
						}
					}
				})
			}
			wg.Wait()
			took := time.Since(start)
			t.Logf("%s: %d events in %v, %.0f a second; slowest document of %d: %v; peak memory of client and server %d MB; %d times sent again", name, total, took.Round(time.Second),
				float64(total)/took.Seconds(), perDocument, time.Duration(slowest.Load()).Round(time.Millisecond), peak(t), again.Load())
			resetPeak(t)
			questions := []string{
				"/epcs/" + url.PathEscape(boxNamed(total/eventsOfBox/2)) + "/events",
				"/events?MATCH_anyEPCClass=urn:epc:class:lgtin:8801234.012345.L-7",
				"/events?EQ_bizLocation=urn:epc:id:sgln:8801234.00042.0&GE_eventTime=2026-09-03T00:00:00Z",
				"/bizSteps/shipping/events?perPage=1000", "/events?EQ_bizStep=dispensing&EQ_disposition=recalled&EQ_action=ADD",
				"/events?GE_recordTime=2026-09-21T00:00:00Z&orderBy=recordTime&perPage=1000", "/events?EQ_action=DELETE",
				"/events?GE_maxValue_KEL=281&perPage=1000", "/events?EQ_ILMD_cbvmda:lotNumber=L-8", "/events?EQ_bizTransaction_po=urn:x:none", "/events?WD_bizLocation=urn:epc:id:sgln:8801234.00042.0",
			}
			for _, q := range questions {
				var times []time.Duration
				size := 0
				for range 5 {
					asked := time.Now()
					got := c.do("GET", "/epcis/v2"+q, "")
					if got.status != 200 {
						t.Fatalf("%s: %d %s", q, got.status, got.body)
					}
					times, size = append(times, time.Since(asked)), len(got.body)
				}
				slices.Sort(times)
				t.Logf("%s: %s: median %v, %d bytes", name, q, times[2].Round(10*time.Microsecond), size)
			}
			if got := c.events("/epcis/v2/epcs/" + url.PathEscape(boxNamed(1)) + "/events"); len(got) != eventsOfBox {
				t.Errorf("box 1 has %d events, want %d", len(got), eventsOfBox)
			}
			// What nothing meets is asked to its end.
			pages, path := 0, "/epcis/v2/events?EQ_bizTransaction_po=urn:x:none"
			asked := time.Now()
			for ; path != ""; pages++ {
				got := c.do("GET", path, "")
				m := next.FindStringSubmatch(got.header.Get("Link"))
				if path = ""; m != nil {
					path = m[1]
				}
			}
			t.Logf("%s: what nothing meets: %d pages in %v", name, pages, time.Since(asked).Round(10*time.Millisecond))
			whole := 0
			path = "/epcis/v2/events?perPage=1000&orderBy=recordTime"
			asked = time.Now()
			for path != "" {
				got := c.do("GET", path, "")
				whole += strings.Count(string(got.body), `"recordTime"`)
				m := next.FindStringSubmatch(got.header.Get("Link"))
				if path = ""; m != nil {
					path = m[1]
				}
			}
			if whole != total {
				t.Errorf("%d events are there, want %d", whole, total)
			}
			t.Logf("%s: all %d read in %v, peak memory %d MB", name, whole, time.Since(asked).Round(time.Second), peak(t))
		})
	}
}

// eventsOfBox is how many events tell of one box: made, packed, shipped, received, taken from the pallet, shipped, received, stored.
const eventsOfBox = 8

func boxNamed(n int) string { return fmt.Sprintf("urn:epc:id:sscc:8801234.0%09d", n) }

// custodyOf is a document of the events from first on.
func custodyOf(first, n int) string {
	var b strings.Builder
	b.WriteString(`{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"charye":"https://charye.example/ns/"}],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-09-21T00:00:00Z","epcisBody":{"eventList":[`)
	for i := first; i < first+n; i++ {
		if i > first {
			b.WriteByte(',')
		}
		box, step := i/eventsOfBox, i%eventsOfBox
		place := fmt.Sprintf("urn:epc:id:sgln:8801234.%05d.0", box*7919%14000)
		fmt.Fprintf(&b, `{"eventID":"urn:uuid:%08x-0000-4000-8000-%012x","eventTime":"%s","eventTimeZoneOffset":"+09:00"`, uint32(i)*2654435761, i,
			time.Date(2026, 9, 1, 0, 0, box%86400, 0, time.UTC).Add(time.Duration(step)*7*time.Hour).Format(time.RFC3339))
		lot := fmt.Sprintf(`[{"epcClass":"urn:epc:class:lgtin:8801234.012345.L-%d","quantity":200}]`, box/5000)
		where := fmt.Sprintf(`,"readPoint":{"id":%q},"bizLocation":{"id":%q}`, place, place)
		sensor := fmt.Sprintf(`,"sensorElementList":[{"sensorMetadata":{"deviceID":"urn:epc:id:giai:8801234.%d","startTime":"2026-09-01T00:00:00Z","endTime":"2026-09-01T07:00:00Z"},"sensorReport":[{"type":"Temperature","minValue":2.%d,"maxValue":7.%d,"uom":"CEL"}]}]`, box%500, box%10, step)
		thing := fmt.Sprintf(`,"type":"ObjectEvent","epcList":[%q],"quantityList":%s`, boxNamed(box), lot)
		switch step {
		case 0:
			b.WriteString(thing + `,"action":"ADD","bizStep":"commissioning","disposition":"active","ilmd":{"cbvmda:lotNumber":"L-7","cbvmda:itemExpirationDate":"2027-06-30"}`)
		case 1, 4:
			fmt.Fprintf(&b, `,"type":"AggregationEvent","parentID":"urn:epc:id:sscc:8801234.1%09d","childEPCs":[%q],"action":%q,"bizStep":%q`, box/40, boxNamed(box),
				map[int]string{1: "ADD", 4: "DELETE"}[step], map[int]string{1: "packing", 4: "unpacking"}[step])
		case 2, 5:
			b.WriteString(thing + `,"action":"OBSERVE","bizStep":"shipping","disposition":"in_transit"` + where)
		case 3, 6:
			b.WriteString(thing + `,"action":"OBSERVE","bizStep":"receiving","disposition":"in_progress"` + where + sensor)
		default:
			b.WriteString(thing + `,"action":"OBSERVE","bizStep":"storing","disposition":"sellable_not_accessible"` + where + sensor)
		}
		b.WriteByte('}')
	}
	b.WriteString(`]}}`)
	return b.String()
}

// peak is the most memory that this process has had since resetPeak, in megabytes.
func peak(t testing.TB) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb / 1024
}

func resetPeak(t testing.TB) {
	t.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Logf("the peak counts from the start of the process: %v", err)
	}
}
