package trace_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/person"
	"charye/supply"
	"charye/supply/trace"
)

func vial(n int) supply.SGTIN {
	g, _ := supply.ParseGTIN(gtin)
	return supply.SGTIN{GTIN: g, Serial: fmt.Sprintf("V%d", n)}
}

func vialKey(n int) string { return trace.VialKey(vial(n)) }

func vialKeys(from, n int) (out []string) {
	for i := range n {
		out = append(out, vialKey(from+i))
	}
	return out
}

// commission names vials and their lot, as a maker does who serialises.
func (l *log) commission(hour float64, lot string, vials ...string) string {
	return l.add(hour, fmt.Sprintf(`"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":%s,"ilmd":{"cbvmda:lotNumber":%q,"cbvmda:itemExpirationDate":"2027-06-30"},"readPoint":{"id":%q}`, quoted(vials...), lot, depot))
}

func (l *log) aggregate(hour float64, action, parent, place string, children ...string) string {
	where := ""
	if place != "" {
		where = fmt.Sprintf(`,"bizLocation":{"id":%q}`, place)
	}
	return l.add(hour, fmt.Sprintf(`"type":"AggregationEvent","action":%q,"bizStep":"packing","parentID":%q,"childEPCs":%s%s`, action, parent, quoted(children...), where))
}

func (l *log) staged(hour float64, stage string, things ...string) string {
	return l.add(hour, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"other","charye:stage":%q,"epcList":%s`, stage, quoted(things...)))
}

// spend gives or destroys doses of vials by their names; 0 doses: nothing is said of how many.
func (l *log) spend(hour float64, step, place string, doses int, more string, vials ...string) string {
	q := ""
	if doses > 0 {
		q = `,"quantityList":` + lot("Q1", doses, "E27")
	}
	return l.add(hour, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":%q,"epcList":%s%s,"bizLocation":{"id":%q}%s`, step, quoted(vials...), q, place, more))
}

// serialised is freezer with names: ten vials, commissioned and packed into box 1, which is at the clinic from 0 h on.
func serialised(t testing.TB) *log {
	l := &log{t: t}
	l.commission(-2, "Q1", vialKeys(1, 10)...)
	l.aggregate(-1, "ADD", key(1), depot, vialKeys(1, 10)...)
	l.step(0, "receiving", clinic, key(1))
	s := slices.Concat(repeat(-20, 24), repeat(5, 216))
	l.readings(t, clinic, 0, 10*time.Minute, s...)
	l.readings(t, depot, -1, 10*time.Minute, repeat(-20, 40)...)
	return l
}

// told is what a trace says of boxes, vials and sums, in lines; it fails when the sums do not hold.
func told(t interface{ Fatalf(string, ...any) }, x *trace.Trace, hour float64) (out []string) {
	asOf := supply.AsOf{At: at(hour), Zone: time.UTC, Handover: time.Minute, Overdue: time.Hour}
	for _, k := range x.Boxes() {
		b, _ := x.Box(k)
		in := 0
		for _, p := range b.Parts {
			in += p.Doses
		}
		if b.Left() < 0 || b.Parts != nil && in != b.Left() {
			t.Fatalf("box %s has %d doses, its parts %d: %+v", k, b.Left(), in, b.Parts)
		}
		j, err := x.Index.Judge(k, asOf)
		if err != nil {
			t.Fatalf("%v", err)
		}
		out = append(out, fmt.Sprintf("%s at %d: %d %v %v %v", k, b.Site, b.Left(), b.Parts, j.Findings, j.Exposure.Time))
		named := 0
		for _, v := range x.Vials(k) {
			if v.Alone {
				named += v.Left
			}
			line := fmt.Sprintf("  %s: %d left, %d given, %s since %v, apart %t gone %t at %q %d", v.SGTIN, v.Left, v.Given, v.Stage, v.Since, v.Apart, v.Gone, v.Place, v.Site)
			if n := x.Index.Vial(v.SGTIN); n != 0 {
				j, _ := x.Index.JudgeVial(n, asOf)
				line += fmt.Sprintf(" %v %v", j.Findings, j.Exposure.Time)
				if x.Index.OfVial(n, 0).Given == nil && v.Given > 0 || len(x.Index.OfVial(n, 0).Given) != v.Given {
					t.Fatalf("%s: %d doses given, the index has %d", v.SGTIN, v.Given, len(x.Index.OfVial(n, 0).Given))
				}
			}
			out = append(out, line)
		}
		if named > b.Left() {
			t.Fatalf("box %s has %d doses, its named vials %d", k, b.Left(), named)
		}
	}
	for _, a := range x.Accounts {
		if a.Received != a.Given+a.Wasted+a.Returned+a.OnHand || a.OnHand < 0 {
			t.Fatalf("%+v", a)
		}
		out = append(out, fmt.Sprintf("%+v", a))
	}
	return append(out, x.Findings...)
}

func TestVials(t *testing.T) {
	t.Parallel()
	type want struct {
		box, vial string // judgements of box 1 and vial 1
		left      int    // in box 1
		vialLeft  int
	}
	v1 := vialKey(1)
	for name, c := range map[string]struct {
		do   func(*log)
		at   float64
		want want
	}{
		"named when packed":             {func(*log) {}, 3, want{left: 100, vialLeft: 10}},
		"by URN":                        {func(l *log) { l.staged(2, "thawed", "urn:epc:id:sgtin:8809999.000001.V1") }, 3, want{box: "frozen thawed/refrozen 1h0m0s", vial: "frozen thawed/refrozen 1h0m0s", left: 100, vialLeft: 10}},
		"one thawed, its clock":         {func(l *log) { l.stage(4, "thawed", 1, 0); l.staged(5, "punctured", v1) }, 8, want{"expired punctured/table 3h0m0s", "expired punctured/table 3h0m0s", 100, 10}},
		"its clock and not that of all": {func(l *log) { l.stage(4, "thawed", 1, 0); l.staged(5, "punctured", vialKey(2)) }, 8, want{"expired punctured/table 3h0m0s", "", 100, 10}},
		"over its time, destroyed": {func(l *log) {
			l.stage(4, "thawed", 1, 0)
			l.staged(5, "punctured", v1)
			l.spend(8, "destroying", clinic, 0, "", v1)
		}, 9, want{vial: "expired punctured/table 3h0m0s", left: 90}},
		"over its time, others destroyed": {func(l *log) {
			l.stage(4, "thawed", 1, 0)
			l.staged(5, "punctured", v1)
			l.spend(8, "destroying", clinic, 0, "", vialKey(2), vialKey(3))
		}, 9,
			want{"expired punctured/table 4h0m0s", "expired punctured/table 4h0m0s", 80, 10}},
		"given, which opens it": {func(l *log) { l.stage(4, "thawed", 1, 0); l.spend(5, "dispensing", clinic, 0, "", v1) }, 8, want{"expired punctured/table 3h0m0s", "expired punctured/table 3h0m0s", 99, 9}},
		"given to the last dose": {func(l *log) {
			l.stage(4, "thawed", 1, 0)
			l.spend(5, "dispensing", clinic, 4, "", v1)
			l.spend(6, "dispensing", clinic, 6, "", v1)
		}, 12, want{left: 90}},
		"without a name, its own": {func(l *log) {
			l.stage(4, "thawed", 1, 0)
			l.staged(5, "punctured", v1)
			l.use(5.5, "dispensing", 1, 3, "")
		}, 6, want{left: 97, vialLeft: 7}},
		"in a carton": {func(l *log) {
			l.aggregate(-1.5, "ADD", vialKey(99), "", v1, vialKey(2))
			l.stage(4, "thawed", 1, 0)
			l.staged(5, "punctured", vialKey(99))
		}, 6, want{left: 100, vialLeft: 10}},
		"a sensor of its own":      {func(l *log) { l.readings(l.t, v1, 0, 10*time.Minute, repeat(20, 12)...) }, 2, want{"warm unopened/warm 2h0m0s", "warm unopened/warm 2h0m0s", 100, 10}},
		"a sensor of another":      {func(l *log) { l.readings(l.t, vialKey(2), 0, 10*time.Minute, repeat(20, 12)...) }, 2, want{"warm unopened/warm 2h0m0s", "", 100, 10}},
		"taken out and kept there": {func(l *log) { l.aggregate(1, "DELETE", key(1), "", v1) }, 3, want{left: 100, vialLeft: 10}},
		"taken out into the warm": {func(l *log) {
			l.aggregate(1, "DELETE", key(1), "", v1)
			l.step(1.5, "storing", clinic+"/254/desk", v1)
			l.readings(l.t, clinic+"/254/desk", 1, 10*time.Minute, repeat(20, 30)...)
		}, 3, want{"warm unopened/warm 1h30m0s", "warm unopened/warm 1h30m0s", 100, 10}},
		"named at the same site":   {func(l *log) { l.step(1.5, "storing", clinic+"/254/desk", v1) }, 3, want{left: 100, vialLeft: 10}},
		"all of the box destroyed": {func(l *log) { l.aggregate(1, "DELETE", key(1), "", v1); l.step(2, "destroying", clinic, key(1)) }, 3, want{}},
		"decommissioned":           {func(l *log) { l.step(2, "decommissioning", clinic, v1) }, 3, want{left: 90}},
	} {
		l := serialised(t)
		c.do(l)
		got := buildWith(t, l, mrna())
		told(t, got, c.at)
		b, _ := got.Box(box(1))
		v, ok := got.Vial(vial(1))
		w := want{box: judgedAt(t, got, 1, c.at), left: b.Left(), vialLeft: v.Left}
		if n := got.Index.Vial(vial(1)); n != 0 {
			j, _ := got.Index.JudgeVial(n, supply.AsOf{At: at(c.at), Zone: time.UTC, Handover: time.Minute, Overdue: time.Hour})
			w.vial = said(&j)
		}
		if w != c.want || !ok || len(got.Problems) != 0 || len(got.Findings) != 0 {
			t.Errorf("%s: %+v, want %+v; %v %v", name, w, c.want, got.Problems, got.Findings)
		}
	}
}

// TestVialMoves: a vial that is packed into another box keeps what it went through in both, and the sums of both sites hold.
func TestVialMoves(t *testing.T) {
	t.Parallel()
	l := serialised(t)
	l.step(0, "receiving", trace.SiteURN("T2"), key(2)) // not packed yet: nothing
	l.pack(-1, 2, 5)
	l.step(0, "storing", trace.SiteURN("T2"), key(2))
	l.readings(t, trace.SiteURN("T2"), 0, 10*time.Minute, repeat(5, 60)...) // a refrigerator, where box 2 should not be
	l.spend(2, "dispensing", clinic, 0, `,"bizTransactionList":[{"bizTransaction":"`+trace.BookingURN(7, 1)+`"}]`, vialKey(1))
	l.aggregate(2.5, "DELETE", key(1), "", vialKey(1), vialKey(2))
	l.aggregate(2.5, "ADD", key(2), "", vialKey(1), vialKey(2))
	got := buildWith(t, l, mrna())
	told(t, got, 4)
	if len(got.Findings)+len(got.Problems) > 0 {
		t.Fatal(got.Findings, got.Problems)
	}
	one, _ := got.Box(box(1))
	two, _ := got.Box(box(2))
	v, _ := got.Vial(vial(1))
	if one.Left() != 80 || two.Left() != 69 || v.Box != box(2) || v.Left != 9 || v.Given != 1 || v.Site != 2 || v.Apart {
		t.Errorf("%d and %d left; %+v", one.Left(), two.Left(), v)
	}
	q := one.Lot
	want := []trace.Account{{Site: 1, Lot: q, Received: 100, Given: 1, Returned: 19, OnHand: 80}, {Site: 2, Lot: q, Received: 69, OnHand: 69}}
	if d := cmp.Diff(want, got.Accounts); d != "" {
		t.Error(d)
	}
	// Box 1 froze all the time, as it should; box 2 was in a refrigerator for four hours, and vial 2 for an hour and a half of them.
	j, _ := got.Index.JudgeVial(got.Index.Vial(vial(2)), supply.AsOf{At: at(4), Zone: time.UTC, Handover: time.Minute, Overdue: time.Hour})
	if a, b := judgedAt(t, got, 1, 4), said(&j); a != "" || b != "warm unopened/warm 1h30m0s" || j.Exposure.Time[supply.Unopened][0] != 210*time.Minute {
		t.Errorf("box 1: %q; vial 2: %q, %v in the freezer", a, b, j.Exposure.Time[supply.Unopened][0])
	}
	// From the person back, from the vial and from readings forward.
	h := got.Index.Person(person.Key{7})
	if len(h) != 1 || got.Index.NameOf(h[0].Given.Vial) != vial(1) || h[0].Box.SSCC != box(1) || len(h[0].Passages) != 2 || len(h[0].Passages[1].Series) == 0 {
		t.Errorf("%+v", h)
	}
	s := got.Index.OfVial(got.Index.Vial(vial(1)), 0)
	if len(s.Given) != 1 || s.People() != 1 || !slices.Equal(s.Boxes, []supply.SSCC{box(2)}) || len(s.Sites) != 2 {
		t.Errorf("vial 1 touches %+v", s)
	}
	if boxes, _ := got.At(depot, at(-1), at(0)); !slices.Equal(boxes, []supply.SSCC{box(1), box(2)}) {
		t.Errorf("at the depot were %v", boxes)
	}
	if boxes, _ := got.At(clinic, at(1), at(1.5)); !slices.Equal(boxes, []supply.SSCC{box(1), box(2)}) {
		t.Errorf("at the clinic were %v", boxes)
	}
}

// TestVialsIntoANewBox: like a split; the new box is where the vials were.
func TestVialsIntoANewBox(t *testing.T) {
	t.Parallel()
	l := serialised(t)
	l.aggregate(1, "DELETE", key(1), "", vialKey(1), vialKey(2))
	l.aggregate(1, "ADD", key(2), "", vialKey(1), vialKey(2))
	got := buildWith(t, l, mrna())
	told(t, got, 3)
	b, ok := got.Box(box(2))
	if !ok || b.Left() != 20 || b.Site != 1 || b.Vials != 2 || judgedAt(t, got, 2, 3) != "" || len(got.Findings)+len(got.Problems) > 0 {
		t.Fatalf("%+v %q; %v %v", b, judgedAt(t, got, 2, 3), got.Findings, got.Problems)
	}
	if d := cmp.Diff([]trace.Account{{Site: 1, Lot: b.Lot, Received: 100, OnHand: 100}}, got.Accounts); d != "" {
		t.Error(d)
	}
}

// TestVialsFollowUp: who was given a dose of the one vial that had been open for too long is on the list, and nobody else of the box.
func TestVialsFollowUp(t *testing.T) {
	t.Parallel()
	l := serialised(t)
	l.stage(4, "thawed", 1, 0)
	l.spend(5, "dispensing", clinic, 0, "", vialKey(1))
	l.spend(7.5, "dispensing", clinic, 0, "", vialKey(1))
	l.spend(7.5, "dispensing", clinic, 0, "", vialKey(2))
	got := buildWith(t, l, mrna())
	list := got.Index.FollowUp([]supply.SSCC{box(1)}, supply.AsOf{At: at(9), Zone: time.UTC, Handover: time.Minute, Overdue: time.Hour})
	if len(list) != 1 || got.Index.NameOf(list[0].Vial) != vial(1) || !list[0].At.Equal(at(7.5)) {
		t.Errorf("%+v", list)
	}
	unfit := got.Index.UnfitVials(box(1), supply.AsOf{At: at(7.25), Zone: time.UTC, Handover: time.Minute, Overdue: time.Hour})
	if len(unfit) != 1 || got.Index.NameOf(unfit[0]) != vial(1) {
		t.Errorf("%v are not fit", unfit)
	}
}

// TestVialFindings tells what contradicts itself, and what could not be used.
func TestVialFindings(t *testing.T) {
	t.Parallel()
	v1 := vialKey(1)
	for name, c := range map[string]struct {
		do   func(*log)
		want string
	}{
		"in two boxes at once": {func(l *log) { l.pack(-1, 2, 5); l.aggregate(1, "ADD", key(2), "", v1) }, "vial (01)08809999000013(21)V1 is packed into box 088099990000000020 while it is in box 088099990000000013"},
		"given too often": {func(l *log) {
			l.spend(1, "dispensing", clinic, 7, "", v1)
			l.spend(1.5, "dispensing", clinic, 4, "", v1)
		}, "V1: 4 doses are given, and it has 3"},
		"given after it was used": {func(l *log) {
			l.spend(1, "dispensing", clinic, 10, "", v1)
			l.spend(1.5, "dispensing", clinic, 0, "", v1)
		}, "V1: 1 doses are given, and it has 0"},
		"given after its end": {func(l *log) {
			l.spend(1, "destroying", clinic, 0, "", v1)
			l.spend(1.5, "dispensing", clinic, 0, "", v1)
		}, "V1: 1 doses are given, and it has 0"},
		"given where it is not":   {func(l *log) { l.spend(1, "dispensing", trace.SiteURN("T2"), 0, "", v1) }, "V1: 1 doses are given where it is not"},
		"counted where it is not": {func(l *log) { l.step(1, "cycle_counting", trace.SiteURN("T2"), v1) }, "V1 is counted where it is not"},
		"counted after its end":   {func(l *log) { l.spend(1, "destroying", clinic, 0, "", v1); l.step(2, "stock_taking", clinic, v1) }, "V1 is counted, and nothing of it is left"},
		"alive after its end": {func(l *log) {
			l.spend(1, "destroying", clinic, 0, "", v1)
			l.step(2, "storing", trace.SiteURN("T2"), v1)
		}, "V1 is at urn:charye:site:T2 on 2026-09-18T02:00:00Z, after its end"},
		"of two lots":               {func(l *log) { l.commission(-1.5, "Q2", v1) }, "V1 is of lot Q1, and of lot Q2"},
		"never packed":              {func(l *log) { l.spend(1, "dispensing", clinic, 0, "", vialKey(50)) }, "V50 was in no box"},
		"of nobody knows which lot": {func(l *log) { l.aggregate(1, "ADD", key(2), "", vialKey(50)) }, "nobody told of which lot vial (01)08809999000013(21)V50 is"},
		"into a box of another lot": {func(l *log) { l.commission(-2, "Q2", vialKey(50)); l.aggregate(1, "ADD", key(1), "", vialKey(50)) }, "is of lot Q1, and vial (01)08809999000013(21)V50 of another"},
		"so many of several":        {func(l *log) { l.spend(1, "dispensing", clinic, 2, "", v1, vialKey(2)) }, "wants one vial; has 2"},
	} {
		l := serialised(t)
		c.do(l)
		got := buildWith(t, l, mrna())
		told(t, got, 3)
		what := slices.Clone(got.Findings)
		for _, p := range got.Problems {
			what = append(what, p.What)
		}
		if len(what) != 1 || !strings.Contains(what[0], c.want) {
			t.Errorf("%s: %q, want %q", name, what, c.want)
		}
	}
}

// TestVialsInAnyOrder records what makers, carriers and clinics tell of vials in any order: boxes, vials, judgements and sums are the same, and the sums hold.
func TestVialsInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		l := serialised(t)
		l.commission(-2, "Q1", vialKeys(11, 3)...)
		l.readings(t, vialKey(3), 0, 10*time.Minute, repeat(3, 30)...)
		pick := func(what string) string { return vialKey(rapid.IntRange(1, 13).Draw(r, what)) }
		place := rapid.SampledFrom([]string{"", clinic, depot, trace.SiteURN("T2"), clinic + "/254/desk"})
		for range rapid.IntRange(1, 10).Draw(r, "events") {
			hour := float64(rapid.IntRange(-4, 60).Draw(r, "at")) / 4
			v, k := pick("vial"), key(rapid.IntRange(1, 2).Draw(r, "box"))
			switch where := place.Draw(r, "place"); rapid.IntRange(0, 9).Draw(r, "what") {
			case 0:
				l.aggregate(hour, "ADD", k, where, v, pick("other"))
			case 1:
				l.aggregate(hour, "DELETE", k, where, v)
			case 2:
				l.staged(hour, rapid.SampledFrom([]string{"thawed", "punctured"}).Draw(r, "stage"), v)
			case 3:
				l.stage(hour, "thawed", 1, rapid.IntRange(0, 4).Draw(r, "vials"))
			case 4:
				l.spend(hour, "dispensing", cmpOr(where, clinic), rapid.IntRange(0, 11).Draw(r, "doses"), "", v)
			case 5:
				l.spend(hour, "destroying", cmpOr(where, clinic), 0, "", v)
			case 6:
				l.use(hour, rapid.SampledFrom([]string{"dispensing", "destroying", "cycle_counting"}).Draw(r, "step"), 1, rapid.IntRange(1, 30).Draw(r, "doses"), "")
			case 7:
				l.step(hour, rapid.SampledFrom([]string{"storing", "shipping", "receiving", "decommissioning", "destroying", "stock_taking"}).Draw(r, "step"), where, rapid.SampledFrom([]string{v, k}).Draw(r, "thing"))
			case 8:
				l.aggregate(hour, "ADD", vialKey(99), where, v)
			case 9:
				l.add(hour, fmt.Sprintf(`"type":"TransformationEvent","inputEPCList":%s,"outputEPCList":%s,"outputQuantityList":%s`, quoted(key(1)), quoted(key(3)), lot("Q1", 2, "")))
			}
		}
		want := told(r, buildWith(t, l, mrna()), 16)
		other := &log{t: t, list: slices.Clone(rapid.Permutation(l.list).Draw(r, "order"))}
		for i := range other.list {
			other.list[i].Seq = int64(i + 1)
		}
		if d := cmp.Diff(want, told(r, buildWith(t, other, mrna()), 16)); d != "" {
			r.Fatal(d)
		}
	})
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
