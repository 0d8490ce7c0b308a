package trace_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/supply"
	"charye/supply/trace"
)

// frozen is a product that is stored below -15 °C, may be thawed at 2-8 °C for ten hours and an hour above, and punctured for two hours up to 25 °C.
func frozen() *supply.Product {
	g, _ := supply.ParseGTIN(gtin)
	from := civil.New(2020, 1, 1)
	return &supply.Product{ID: "mrna", GTINs: []supply.GTIN{g}, Rules: []supply.Rule{
		{From: from, Bands: []supply.Band{{Name: "freezer", Upto: -15 * supply.Degree, Budget: supply.Unlimited}, {Name: "warm", Side: supply.Warm, Upto: supply.Hottest, Budget: time.Hour}}},
		{From: from, Stage: supply.Thawed, Bands: []supply.Band{{Name: "refrozen", Side: supply.Cold, Upto: 2*supply.Degree - 1}, {Name: "fridge", Upto: 8 * supply.Degree, Budget: 10 * time.Hour},
			{Name: "room", Side: supply.Warm, Upto: supply.Hottest, Budget: time.Hour}}},
		{From: from, Stage: supply.Punctured, Bands: []supply.Band{{Name: "table", Upto: 25 * supply.Degree, Budget: 2 * time.Hour}, {Name: "hot", Side: supply.Warm, Upto: supply.Hottest}}},
	}}
}

func mrna() trace.Rules {
	r := rules()
	r.Products, r.DosesPerVial = []*supply.Product{frozen()}, map[string]int{"mrna": 10}
	return r
}

func (l *log) stage(hour float64, stage string, n, vials int) string {
	q := ""
	if vials > 0 {
		q = `,"quantityList":` + lot("Q1", vials, "")
	}
	return l.add(hour, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"other","charye:stage":%q,"epcList":%s%s`, stage, quoted(key(n)), q))
}

// freezer is a box of ten vials that is at the clinic from 0 h on, at -20 °C until 4 h and at 5 °C from then on, until 40 h.
func freezer(t testing.TB) *log {
	l := &log{t: t}
	l.pack(0, 1, 10)
	l.step(0, "storing", clinic, key(1))
	s := slices.Concat(repeat(-20, 24), repeat(5, 216))
	l.readings(t, clinic, 0, 10*time.Minute, s...)
	return l
}

func buildWith(t testing.TB, l *log, rules trace.Rules) *trace.Trace {
	t.Helper()
	r := trace.NewReader()
	for i := range l.list {
		if err := r.Take(&l.list[i]); err != nil {
			t.Fatal(err)
		}
	}
	out, err := r.Build(rules)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// judgedAt is a judgement in a line: cause, and each budget that was passed with how long it was.
func judgedAt(t testing.TB, x *trace.Trace, n int, hour float64) string {
	t.Helper()
	j, err := x.Index.Judge(box(n), supply.AsOf{At: at(hour), Zone: time.UTC, Handover: time.Minute, Overdue: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return said(&j)
}

func said(j *supply.Judgement) string {
	cause := ""
	if j.Exposure.Unknown > 0 || j.Untraced {
		cause = "unknown"
	}
	out := []string{cause}
	for _, f := range j.Findings {
		out[0] = map[supply.Side]string{supply.Cold: "frozen", supply.Store: "expired", supply.Warm: "warm"}[f.Side]
		out = append(out, fmt.Sprintf("%s/%s %v", f.Stage, f.Band, f.Spent))
	}
	return strings.Join(out, " ")
}

func TestStages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(*log)
		at   float64
		want string
	}{
		"frozen vials in the warm":         {func(*log) {}, 6, "warm unopened/warm 2h0m0s"},
		"thawed in time":                   {func(l *log) { l.stage(4, "thawed", 1, 0) }, 14, ""},
		"thawed for too long":              {func(l *log) { l.stage(4, "thawed", 1, 0) }, 15, "expired thawed/fridge 11h0m0s"},
		"thawed, told to be thawed again":  {func(l *log) { l.stage(4, "thawed", 1, 0); l.stage(14, "thawed", 1, 0) }, 15, "expired thawed/fridge 11h0m0s"},
		"thawed in the freezer":            {func(l *log) { l.stage(3.5, "thawed", 1, 0) }, 6, "frozen thawed/refrozen 30m0s"},
		"punctured in time":                {func(l *log) { l.stage(4, "thawed", 1, 0); l.stage(6, "punctured", 1, 0) }, 8, ""},
		"punctured for too long":           {func(l *log) { l.stage(4, "thawed", 1, 0); l.stage(6, "punctured", 1, 0) }, 9, "expired punctured/table 3h0m0s"},
		"punctured does not become thawed": {func(l *log) { l.stage(4, "punctured", 1, 0); l.stage(4.5, "thawed", 1, 0) }, 7, "expired punctured/table 3h0m0s"},
		"two of ten":                       {func(l *log) { l.stage(4, "thawed", 1, 10); l.stage(5, "punctured", 1, 2) }, 8, "expired punctured/table 3h0m0s"},
		"two of ten, given in time": {func(l *log) {
			l.stage(4, "thawed", 1, 10)
			l.stage(5, "punctured", 1, 2)
			l.use(6, "dispensing", 1, 20, "")
		}, 13, ""},
		"two of ten, one dose left": {func(l *log) {
			l.stage(4, "thawed", 1, 10)
			l.stage(5, "punctured", 1, 2)
			l.use(6, "dispensing", 1, 19, "")
		}, 13, "expired punctured/table 8h0m0s"},
		"two of ten, the rest thrown away": {func(l *log) {
			l.stage(4, "thawed", 1, 10)
			l.stage(5, "punctured", 1, 2)
			l.use(6.5, "destroying", 1, 20, "")
		}, 13, ""},
		"each batch has a clock of its own": {func(l *log) {
			l.stage(4, "thawed", 1, 10)
			l.stage(5, "punctured", 1, 1)
			l.use(6, "dispensing", 1, 10, "")
			l.stage(6, "punctured", 1, 1)
			l.use(7.5, "dispensing", 1, 10, "")
		}, 13, ""},
		"given from what is said": {func(l *log) {
			l.stage(4, "thawed", 1, 10)
			l.stage(5, "punctured", 1, 1)
			l.use(6, "dispensing", 1, 10, `,"charye:stage":"thawed"`)
		}, 8, "expired punctured/table 3h0m0s"},
		"what is not thawed stays unopened": {func(l *log) { l.stage(4, "thawed", 1, 4) }, 6, "warm unopened/warm 2h0m0s"},
		"all used up":                       {func(l *log) { l.stage(4, "thawed", 1, 0); l.use(10, "dispensing", 1, 100, "") }, 39, ""},
		"destroyed":                         {func(l *log) { l.stage(4, "thawed", 1, 0); l.step(10, "destroying", clinic, key(1)) }, 39, ""},
		"by the whole name of the extension": {func(l *log) {
			l.add(4, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","urn:charye:epcis:stage":"thawed","epcList":%s`, quoted(key(1))))
		}, 15, "expired thawed/fridge 11h0m0s"},
	} {
		l := freezer(t)
		c.do(l)
		got := buildWith(t, l, mrna())
		if said := judgedAt(t, got, 1, c.at); said != c.want || len(got.Problems) != 0 || len(got.Findings) != 0 {
			t.Errorf("%s: %q, want %q; %v %v", name, said, c.want, got.Problems, got.Findings)
		}
	}
}

// TestPartsAreTold: how many doses are in which stage since when.
func TestPartsAreTold(t *testing.T) {
	t.Parallel()
	l := freezer(t)
	l.stage(4, "thawed", 1, 6)
	l.stage(5, "punctured", 1, 2)
	l.use(6, "dispensing", 1, 3, "")
	b, _ := buildWith(t, l, mrna()).Box(box(1))
	want := []trace.Part{{Doses: 40}, {Doses: 40, Stage: supply.Thawed, Since: at(4)}, {Doses: 17, Stage: supply.Punctured, Since: at(5)}}
	if d := cmp.Diff(want, b.Parts); d != "" || b.Left() != 97 {
		t.Errorf("%d left\n%s", b.Left(), d)
	}
}

// TestFollowUpByStage: who got a dose of a vial that had been open for too long is on the list, who got one before is not.
func TestFollowUpByStage(t *testing.T) {
	t.Parallel()
	l := freezer(t)
	l.stage(4, "thawed", 1, 10)
	l.stage(5, "punctured", 1, 2)
	l.use(6, "dispensing", 1, 1, "")
	l.use(8, "dispensing", 1, 1, "")
	got := buildWith(t, l, mrna()).Index.FollowUp([]supply.SSCC{box(1)}, supply.AsOf{At: at(9), Zone: time.UTC, Handover: time.Minute, Overdue: time.Hour})
	if len(got) != 1 || !got[0].At.Equal(at(8)) {
		t.Errorf("%v", got)
	}
}

// TestSplit takes vials out into a box of their own: it has been where the old one was, and their stages do not touch one another.
func TestSplit(t *testing.T) {
	t.Parallel()
	split := func(hour float64, vials int, more string) func(*log) {
		return func(l *log) {
			l.add(hour, fmt.Sprintf(`"type":"TransformationEvent","bizStep":"repackaging","inputEPCList":%s,"inputQuantityList":%s,"outputEPCList":%s,"outputQuantityList":%s,"bizLocation":{"id":%q}%s`,
				quoted(key(1)), lot("Q1", vials, ""), quoted(key(2)), lot("Q1", vials, ""), clinic, more))
		}
	}
	l := freezer(t)
	split(4, 3, `,"charye:stage":"thawed"`)(l)
	l.use(5, "dispensing", 2, 5, "")
	got := buildWith(t, l, mrna())
	old, _ := got.Box(box(1))
	part, ok := got.Box(box(2))
	if !ok || old.Left() != 70 || part.Left() != 25 || part.Site != 1 || len(got.Problems)+len(got.Findings) > 0 {
		t.Fatalf("%+v, %+v; %v %v", old, part, got.Problems, got.Findings)
	}
	want := []trace.Account{{Site: 1, Lot: old.Lot, Received: 100, Given: 5, OnHand: 95}}
	if d := cmp.Diff(want, got.Accounts); d != "" {
		t.Error(d)
	}
	if a, b := judgedAt(t, got, 1, 15), judgedAt(t, got, 2, 15); a != "warm unopened/warm 11h0m0s" || b != "expired thawed/fridge 11h0m0s" {
		t.Errorf("the old box: %q; the new: %q", a, b)
	}
	j, err := got.Index.Judge(box(2), supply.AsOf{At: at(15), Zone: time.UTC})
	if err != nil || j.Exposure.Time[supply.Unopened][0] != 4*time.Hour {
		t.Errorf("the new box was in the freezer for %v with the old one; %v", j.Exposure.Time[supply.Unopened][0], err)
	}
	for name, c := range map[string]struct {
		do   func(*log)
		want string
	}{
		"more than there is":  {split(4, 11, ""), "110 doses are taken out of box"},
		"into one that is":    {func(l *log) { l.pack(1, 2, 5); split(4, 3, "")(l) }, "is packed twice"},
		"more than can thaw":  {func(l *log) { l.stage(4, "thawed", 1, 11) }, "110 doses are thawed, and it has 100 that were not"},
		"thawed one by one":   {func(l *log) { l.stage(4, "thawed", 1, 6); l.stage(5, "thawed", 1, 5) }, "50 doses are thawed, and it has 40 that were not"},
		"back to the freezer": {func(l *log) { l.stage(4, "frozen", 1, 0) }, `charye:stage: want "thawed" or "punctured"`},
		"of another lot": {func(l *log) {
			l.add(4, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","charye:stage":"thawed","epcList":%s,"quantityList":%s`, quoted(key(1)), lot("Q9", 1, "")))
		}, "is of lot Q1"},
		"no box": {func(l *log) { l.stage(4, "thawed", 9, 1) }, "wants boxes that were packed before"},
		"no lot in a split": {func(l *log) {
			l.add(4, fmt.Sprintf(`"type":"TransformationEvent","inputEPCList":%s,"outputEPCList":%s`, quoted(key(1)), quoted(key(2))))
		}, "want one box that was packed before as input"},
	} {
		l := freezer(t)
		c.do(l)
		got := buildWith(t, l, mrna())
		said := slices.Clone(got.Findings)
		for _, p := range got.Problems {
			said = append(said, p.What)
		}
		if len(said) != 1 || !strings.Contains(said[0], c.want) {
			t.Errorf("%s: %q, want %q", name, said, c.want)
		}
	}
}

// TestStagesInAnyOrder records packing, readings, stages, uses and splits in any order: accounts, parts and judgements are the same, and the doses
// in the parts of a box are those that are left.
func TestStagesInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		l := freezer(t)
		for i := range rapid.IntRange(1, 8).Draw(r, "events") {
			hour := float64(rapid.IntRange(1, 60).Draw(r, "at")) / 4
			n := rapid.IntRange(1, 2).Draw(r, "box")
			switch vials := rapid.IntRange(0, 4).Draw(r, "vials"); rapid.IntRange(0, 4).Draw(r, "what") {
			case 0:
				l.stage(hour, "thawed", n, vials)
			case 1:
				l.stage(hour, "punctured", n, vials)
			case 2:
				l.use(hour, "dispensing", n, vials*7, "")
			case 3:
				l.use(hour, "destroying", n, vials*3, rapid.SampledFrom([]string{"", `,"charye:stage":"punctured"`}).Draw(r, "of"))
			case 4:
				l.add(hour, fmt.Sprintf(`"type":"TransformationEvent","inputEPCList":%s,"outputEPCList":%s,"outputQuantityList":%s`, quoted(key(1)), quoted(key(2)), lot("Q1", 1+vials+i%2, "")))
			}
		}
		sum := func(x *trace.Trace) (out []string) {
			for _, k := range x.Boxes() {
				b, _ := x.Box(k)
				in := 0
				for _, p := range b.Parts {
					in += p.Doses
				}
				if b.Parts != nil && in != b.Left() {
					r.Fatalf("box %s has %d doses, its parts %d: %+v", k, b.Left(), in, b.Parts)
				}
				j, err := x.Index.Judge(k, supply.AsOf{At: at(20), Zone: time.UTC, Handover: time.Minute, Overdue: time.Hour})
				if err != nil {
					r.Fatal(err)
				}
				out = append(out, fmt.Sprintf("%s %d %v %v %v", k, b.Left(), b.Parts, j.Findings, j.Exposure.Time))
			}
			for _, a := range x.Accounts {
				if a.Received != a.Given+a.Wasted+a.Returned+a.OnHand {
					r.Fatalf("%+v", a)
				}
				out = append(out, fmt.Sprintf("%+v", a))
			}
			return append(out, x.Findings...)
		}
		want := sum(buildWith(t, l, mrna()))
		other := &log{t: t, list: slices.Clone(rapid.Permutation(l.list).Draw(r, "order"))}
		for i := range other.list {
			other.list[i].Seq = int64(i + 1)
		}
		if d := cmp.Diff(want, sum(buildWith(t, other, mrna()))); d != "" {
			r.Fatal(d)
		}
	})
}
