package trace_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/supply"
	"charye/supply/trace"
)

// eventful is a log with something of everything that is read of events.
func eventful(t testing.TB) *log {
	l := shipment(t)
	l.use(7, "dispensing", 1, 3, `,"charye:stage":"punctured"`)
	l.use(8, "dispensing", 1, 1, `,"bizTransactionList":[{"bizTransaction":"`+trace.BookingURN(7, 2)+`"}]`)
	l.readings(t, truck, 3, 10*time.Minute, 5, 5, 5, 1, 5, 5, 5, 5, 5, 5, 5, 5)
	events, err := trace.Readings(clinic, nil, []supply.Summary{{From: at(5), To: at(29), Min: -supply.Degree, Max: 9 * supply.Degree, Silent: time.Minute, Outside: []supply.Outside{{Limit: 8 * supply.Degree, Above: true, For: time.Hour}}}}, "file")
	if err != nil {
		t.Fatal(err)
	}
	l.keep(events[0])
	l.stage(9, "thawed", 2, 3)
	l.add(10, fmt.Sprintf(`"type":"TransformationEvent","inputEPCList":%s,"outputEPCList":%s,"outputQuantityList":%s`, quoted(key(2)), quoted(key(5)), lot("Q1", 2, "")))
	l.add(0.5, `"type":"AssociationEvent","action":"ADD","parentID":"https://id.gs1.org/00/188099990000000010","childEPCs":["urn:x:logger:7"]`)
	l.add(11, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","epcList":%s,"sensorElementList":[{"sensorReport":[{"type":"Temperature","time":"0001-01-01T00:00:00Z","value":900,"uom":"CEL"}]}]`, quoted(key(1))))
	l.add(12, fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","parentID":%q,"childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/%s/10/A","quantity":1.5,"uom":"KGM"}]`, key(9), gtin))
	l.use(13, "dispensing", 1, 9, "")
	wrong := l.list[len(l.list)-1]
	l.raw(strings.Replace(string(wrong.Alone()), `"eventTime"`, `"errorDeclaration":{"declarationTime":"2026-09-19T00:00:00Z"},"eventTime"`, 1))
	return l
}

// same compares two stories, with what the index says of each box.
func same(t testing.TB, want, got *trace.Trace) string {
	t.Helper()
	d := cmp.Diff(want.Legs, got.Legs) + cmp.Diff(want.Accounts, got.Accounts) + cmp.Diff(want.Findings, got.Findings) + cmp.Diff(want.Problems, got.Problems) +
		cmp.Diff(want.Boxes(), got.Boxes()) + cmp.Diff([]int{want.Read, want.Unknown, want.Index.Given()}, []int{got.Read, got.Unknown, got.Index.Given()}) + cmp.Diff(want.AsOf, got.AsOf)
	for _, k := range want.Boxes() {
		a, _ := want.Box(k)
		b, _ := got.Box(k)
		asOf := supply.AsOf{At: at(30), Zone: time.UTC}
		x, err1 := want.Index.Judge(k, asOf)
		y, err2 := got.Index.Judge(k, asOf)
		d += cmp.Diff(a, b) + cmp.Diff(x, y, cmp.AllowUnexported(supply.Exposure{}), cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(a) }))
		if err := errors.Join(err1, err2); err != nil {
			t.Error(err)
		}
	}
	return d
}

// TestFrames reads a log in parts, writes a frame after each, and reads the frames: the story is that of the events.
func TestFrames(t *testing.T) {
	t.Parallel()
	l := eventful(t)
	want := l.build(t)
	rapid.Check(t, func(r *rapid.T) {
		in, out := trace.NewReader(), trace.NewReader()
		for i := range l.list {
			if err := in.Take(&l.list[i]); err != nil {
				r.Fatal(err)
			}
			if i == len(l.list)-1 || rapid.IntRange(0, 3).Draw(r, "write") == 0 {
				frame := in.AppendFrame(nil, out.Last().Seq)
				if err := out.Restore(frame); err != nil {
					r.Fatal(err)
				}
				if err := out.Restore(frame); !errors.Is(err, trace.ErrFrame) {
					r.Fatalf("the same frame again: %v", err)
				}
				clear(frame) // which the reader has no part in
			}
		}
		if in.AppendFrame(nil, out.Last().Seq) != nil {
			r.Fatal("a frame of nothing")
		}
		got, err := out.Build(rules())
		if err != nil {
			r.Fatal(err)
		}
		if d := same(t, want, got); d != "" {
			r.Fatal(d)
		}
	})
}

// FuzzRestore reads any bytes: they are the frame of some reader, or refused.
func FuzzRestore(f *testing.F) {
	l := eventful(f)
	r := trace.NewReader()
	for i := range l.list {
		if err := r.Take(&l.list[i]); err != nil {
			f.Fatal(err)
		}
	}
	whole := r.AppendFrame(nil, 0)
	f.Add(whole)
	for n := range 20 {
		damaged := slices.Clone(whole)
		damaged[n*len(whole)/20] ^= 1 << (n % 8)
		f.Add(damaged)
		f.Add(whole[:n*len(whole)/20])
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		r := trace.NewReader()
		if err := r.Restore(frame); err != nil {
			if !errors.Is(err, trace.ErrFrame) {
				t.Fatal(err)
			}
			return
		}
		if _, err := r.Build(rules()); err != nil {
			t.Fatal(err)
		}
		again := trace.NewReader()
		if err := again.Restore(r.AppendFrame(nil, 0)); err != nil {
			t.Fatalf("what was written of it: %v", err)
		}
	})
}
