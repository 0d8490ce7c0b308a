package trace_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"charye/supply"
	"charye/supply/epcis"
	"charye/supply/trace"
)

// year is the log of a year's custody, made as it is read: boxes of ten vials that are packed, put on a pallet of 50, loaded, received and given,
// dose by dose, hundred doses a box. Every seventh event is told a day late.
type year struct{ total, asked int }

const (
	yearPallet = 50
	yearBox    = 102 // events of a box alone: packed, received, hundred doses
	yearGroup  = yearPallet*yearBox + 2
)

func (y *year) Events(_ context.Context, q epcis.Query) (p epcis.Page, err error) {
	first := int64(1)
	if q.After != nil {
		first = q.After.Seq + 1
	}
	for seq := first; seq <= int64(y.total) && len(p.Events) < q.Limit; seq++ {
		if len(q.IDs) > 0 && q.IDs[0] != yearID(seq) {
			continue
		}
		y.asked++
		p.Events = append(p.Events, yearEvent(seq))
	}
	if n := len(p.Events); n == q.Limit && p.Events[n-1].Seq < int64(y.total) {
		p.Next = &epcis.Cursor{Seq: p.Events[n-1].Seq}
	}
	return p, nil
}

func yearID(seq int64) string {
	return fmt.Sprintf("urn:uuid:%08x-0000-4000-8000-%012x", uint32(seq*2654435761), seq)
}

func yearEvent(seq int64) epcis.Stored {
	i := int(seq - 1)
	pallet, in := i/yearGroup, i%yearGroup
	at := day.Add(time.Duration(pallet) * time.Hour)
	name := func(n int) string { return key(pallet*yearPallet + n + 1) }
	unit, _ := supply.NewSSCC(1, "8809999", uint64(pallet+1))
	palletKey := "https://id.gs1.org/00/" + unit.String()
	body := ""
	switch {
	case in < yearPallet:
		body = fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[],"childQuantityList":%s,"bizLocation":{"id":%q}`, name(in), lot("Q"+strconv.Itoa(pallet), 10, ""), depot)
	case in == yearPallet:
		names := make([]string, yearPallet)
		for k := range names {
			names[k] = name(k)
		}
		at = at.Add(time.Hour)
		body = fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":%s,"bizLocation":{"id":%q}`, palletKey, quoted(names...), depot)
	case in == yearPallet+1:
		at = at.Add(2 * time.Hour)
		body = fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"loading","parentID":"urn:x:truck:%d","childEPCs":%s`, pallet%900, quoted(palletKey))
	case in < 2*yearPallet+2:
		at = at.Add(5 * time.Hour)
		body = fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"receiving","epcList":%s,"bizLocation":{"id":%q}`, quoted(name(in-yearPallet-2)), clinic)
	default:
		dose := in - 2*yearPallet - 2
		at = at.Add(6*time.Hour + time.Duration(dose)*time.Second)
		body = fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"dispensing","epcList":%s,"bizLocation":{"id":%q}`, quoted(name(dose%yearPallet)), clinic)
	}
	src := fmt.Sprintf(`{"eventID":%q,"eventTime":%q,"eventTimeZoneOffset":"+09:00",%s}`, yearID(seq), at.Format(time.RFC3339), body)
	return epcis.Stored{Seq: seq, ID: yearID(seq), Recorded: day.Add(time.Duration(seq) * time.Second), JSON: json.RawMessage(src)}
}

// BenchmarkYear reads a year of custody as the first command does, and as one does that finds it kept.
//
//	CHARYE_CUSTODY_EVENTS=5000000 go test -run '^$' -bench Year -benchtime 1x -timeout 60m ./supply/trace
func BenchmarkYear(b *testing.B) {
	total, err := strconv.Atoi(os.Getenv("CHARYE_CUSTODY_EVENTS"))
	if err != nil {
		total = 200_000
	}
	y := &year{total: total}
	for b.Loop() {
		start := time.Now()
		lap := func(name string) {
			b.ReportMetric(time.Since(start).Seconds(), "s-"+name)
			start = time.Now()
		}
		var frames [][]byte
		r, at, size := trace.NewReader(), int64(0), 0
		if err := r.FollowEach(b.Context(), y, func() error {
			if r.Last().Seq-at >= 50_000 {
				frames, at = append(frames, r.AppendFrame(nil, at)), r.Last().Seq
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		if f := r.AppendFrame(nil, at); f != nil {
			frames = append(frames, f)
		}
		lap("first-read")
		r = trace.NewReader()
		for _, f := range frames {
			size += len(f)
			if err := r.Restore(f); err != nil {
				b.Fatal(err)
			}
		}
		lap("read-kept")
		t, err := r.Build(rules())
		if err != nil {
			b.Fatal(err)
		}
		lap("story")
		if len(t.Findings)+len(t.Problems) > 0 || t.Read != total {
			b.Fatal(t.Read, t.Findings, t.Problems)
		}
		y.total += 100 // what another command finds
		if err := r.Follow(b.Context(), y); err != nil {
			b.Fatal(err)
		}
		if t, err = r.Build(rules()); err != nil || t.Read != total+100 {
			b.Fatal(err, t.Read)
		}
		lap("refresh")
		y.total -= 100
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-heap")
		b.ReportMetric(float64(size)/1e6, "MB-kept")
		runtime.KeepAlive(t)
		runtime.KeepAlive(r)
	}
}
