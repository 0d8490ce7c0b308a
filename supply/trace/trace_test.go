package trace_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/person"
	"charye/site"
	"charye/supply"
	"charye/supply/epcis"
	"charye/supply/trace"
)

const (
	gtin   = "08809999000013"
	depot  = "https://id.gs1.org/414/8809999000105"
	clinic = "https://id.gs1.org/414/8809999000204"
	truck  = "urn:x:truck:1"
)

var day = time.Date(2026, 9, 18, 0, 0, 0, 0, time.UTC)

func at(hour float64) time.Time { return day.Add(time.Duration(hour * float64(time.Hour))) }

func box(n int) supply.SSCC {
	k, _ := supply.NewSSCC(0, "8809999", uint64(n))
	return k
}

func key(n int) string { return "https://id.gs1.org/00/" + box(n).String() }

func quoted(names ...string) string {
	for i, n := range names {
		names[i] = `"` + n + `"`
	}
	return "[" + strings.Join(names, ",") + "]"
}

func lot(id string, n int, unit string) string {
	u := ""
	if unit != "" {
		u = `,"uom":"` + unit + `"`
	}
	return fmt.Sprintf(`[{"epcClass":"https://id.gs1.org/01/%s/10/%s","quantity":%d%s}]`, gtin, id, n, u)
}

func flu() *supply.Product {
	g, _ := supply.ParseGTIN(gtin)
	return &supply.Product{ID: "flu", GTINs: []supply.GTIN{g}, Rules: []supply.Rule{{From: civil.New(2020, 1, 1), Bands: []supply.Band{
		{Name: "cold", Side: supply.Cold, Upto: 2*supply.Degree - 1}, {Name: "fridge", Upto: 8 * supply.Degree, Budget: supply.Unlimited},
		{Name: "warm", Side: supply.Warm, Upto: supply.Hottest, Budget: time.Hour},
	}}}}
}

func rules() trace.Rules {
	return trace.Rules{
		Products: []*supply.Product{flu()}, DosesPerVial: map[string]int{"flu": 10},
		Site: func(place string) site.Num {
			if id, ok := trace.SiteOfURN(place); ok && id == "T2" {
				return 2
			}
			if strings.HasPrefix(place, clinic) {
				return 1
			}
			return 0
		},
		Who: func(id int64) (k person.Key, ok bool) { k[0] = byte(id); return k, id < 100 },
	}
}

// log is a store's record of events.
type log struct {
	t     testing.TB
	list  []epcis.Stored
	asked int
	lost  bool
}

func (l *log) add(hour float64, text string) string {
	l.t.Helper()
	id := fmt.Sprintf("urn:x:%d", len(l.list)+1)
	l.raw(fmt.Sprintf(`{"@context":{"charye":"urn:charye:epcis:"},"eventID":%q,"eventTime":%q,"eventTimeZoneOffset":"+00:00",%s}`, id, at(hour).Format(time.RFC3339Nano), text))
	return id
}

func (l *log) raw(src string) {
	l.t.Helper()
	list, err := epcis.Parse([]byte(src), 1000)
	if err != nil {
		l.t.Fatalf("%v\n%s", err, src)
	}
	for _, e := range list {
		l.keep(e)
	}
}

func (l *log) keep(e *epcis.Event) {
	l.list = append(l.list, epcis.Stored{Seq: int64(len(l.list) + 1), ID: e.ID, Declared: e.Declared(), Recorded: day, JSON: e.JSON, Context: e.Context})
}

func (l *log) build(t testing.TB) *trace.Trace {
	t.Helper()
	r := trace.NewReader()
	for i := range l.list {
		if err := r.Take(&l.list[i]); err != nil {
			t.Fatal(err)
		}
	}
	out, err := r.Build(rules())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (l *log) pack(hour float64, n, vials int) {
	l.add(hour, fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[],"childQuantityList":%s,"bizLocation":{"id":%q}`, key(n), lot("Q1", vials, ""), depot))
}

func (l *log) step(hour float64, step, place string, things ...string) string {
	where := ""
	if place != "" {
		where = fmt.Sprintf(`,"bizLocation":{"id":%q}`, place)
	}
	return l.add(hour, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":%q,"epcList":%s%s`, step, quoted(things...), where))
}

func (l *log) use(hour float64, step string, n, doses int, more string) string {
	return l.add(hour, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":%q,"epcList":%s,"quantityList":%s,"bizLocation":{"id":%q}%s`, step, quoted(key(n)), lot("Q1", doses, "E27"), clinic, more))
}

func (l *log) readings(t testing.TB, point string, from float64, every time.Duration, celsius ...int) {
	t.Helper()
	s := supply.Series{Point: supply.Point(point), Device: "L1", Interval: every}
	for i, c := range celsius {
		s.Readings = append(s.Readings, supply.Reading{At: at(from).Add(time.Duration(i) * every), Celsius: supply.Celsius(c) * supply.Degree})
	}
	events, err := trace.Readings(point, []supply.Series{s}, nil, "file")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		l.keep(e)
	}
}

// shipment is two boxes on a pallet from a depot by truck to the clinic.
func shipment(t testing.TB) *log {
	l := &log{t: t}
	pallet := "https://id.gs1.org/00/188099990000000010"
	l.add(0, fmt.Sprintf(`"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":[],"quantityList":%s,"ilmd":{"cbvmda:itemExpirationDate":"2027-06-30"},"readPoint":{"id":%q}`, lot("Q1", 20, ""), depot))
	l.pack(1, 1, 10)
	l.pack(1, 2, 10)
	l.add(2, fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":%s,"bizLocation":{"id":%q}`, pallet, quoted(key(1), key(2)), depot))
	l.add(3, fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"loading","parentID":%q,"childEPCs":%s`, truck, quoted(pallet)))
	l.step(3.5, "shipping", "", pallet)
	l.step(5, "receiving", clinic, pallet)
	l.add(6, fmt.Sprintf(`"type":"AggregationEvent","action":"DELETE","bizStep":"unpacking","parentID":%q,"childEPCs":[],"bizLocation":{"id":%q}`, pallet, clinic+"/254/fridge-1"))
	return l
}

type stop struct {
	Place      string
	Site       site.Num
	Begin, End float64 // hours; -1: goes on
	Boxes      int
}

func stops(t *trace.Trace) (out []stop) {
	for _, l := range t.Legs {
		end := -1.0
		if !l.End.IsZero() {
			end = l.End.Sub(day).Hours()
		}
		out = append(out, stop{l.Place, l.Site, l.Begin.Sub(day).Hours(), end, len(l.Boxes)})
	}
	return out
}

func TestShipment(t *testing.T) {
	t.Parallel()
	l := shipment(t)
	got := l.build(t)
	if d := cmp.Diff([]stop{{depot, 0, 1, 3, 2}, {truck, 0, 3, 5, 2}, {clinic, 1, 5, 6, 2}, {clinic + "/254/fridge-1", 1, 6, -1, 2}}, stops(got)); d != "" {
		t.Error(d)
	}
	if len(got.Problems)+len(got.Findings) > 0 {
		t.Errorf("%v %v", got.Problems, got.Findings)
	}
	b, _ := got.Box(box(1))
	if d, ok := got.Expires(b.Lot); !ok || d != civil.New(2027, 6, 30) || b.Doses() != 100 || b.Product != "flu" || b.Site != 1 {
		t.Errorf("%+v, expires %v %v", b, d, ok)
	}
}

// TestAnyOrder records the same events in any order, in parts: the story is the same.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	l := shipment(t)
	l.use(7, "dispensing", 1, 3, "")
	l.readings(t, truck, 3, 10*time.Minute, 5, 5, 5, 1, 5, 5, 5, 5, 5, 5, 5, 5)
	want := l.build(t)
	rapid.Check(t, func(r *rapid.T) {
		other := slices.Clone(rapid.Permutation(l.list).Draw(r, "order"))
		in := trace.NewReader()
		for i := range other {
			other[i].Seq = int64(i + 1)
			if err := in.Take(&other[i]); err != nil {
				r.Fatal(err)
			}
			if rapid.IntRange(0, 5).Draw(r, "again") == 0 {
				if err := in.Take(&other[i]); err != nil { // told twice by the store
					r.Fatal(err)
				}
				if _, err := in.Build(rules()); err != nil { // a look in between changes nothing
					r.Fatal(err)
				}
			}
		}
		got, err := in.Build(rules())
		if err != nil {
			r.Fatal(err)
		}
		if d := cmp.Diff(want.Legs, got.Legs) + cmp.Diff(want.Accounts, got.Accounts) + cmp.Diff(want.Findings, got.Findings); d != "" {
			r.Fatal(d)
		}
	})
}

// TestDeclaredWrong: an event that is declared to be wrong counts no longer, nor does one that is captured after its declaration.
func TestDeclaredWrong(t *testing.T) {
	t.Parallel()
	l := shipment(t)
	before := l.build(t)
	l.use(7, "dispensing", 1, 3, "")
	wrong := l.list[len(l.list)-1]
	if got := l.build(t); got.Index.Given() != 3 {
		t.Fatalf("%d doses given", got.Index.Given())
	}
	l.raw(strings.Replace(string(wrong.Alone()), `"eventTime"`, `"errorDeclaration":{"declarationTime":"2026-09-19T00:00:00Z"},"eventTime"`, 1))
	after := l.build(t)
	if d := cmp.Diff(before.Accounts, after.Accounts); d != "" || after.Index.Given() != 0 {
		t.Errorf("%d given\n%s", after.Index.Given(), d)
	}
	l.list[len(l.list)-1], l.list[len(l.list)-2] = l.list[len(l.list)-2], l.list[len(l.list)-1]
	for i := range l.list {
		l.list[i].Seq = int64(i + 1)
	}
	if got := l.build(t); got.Index.Given() != 0 {
		t.Errorf("declared before it was captured: %d given", got.Index.Given())
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	l := shipment(t)
	l.use(7, "dispensing", 1, 3, "")
	l.use(8, "dispensing", 1, 1, `,"bizTransactionList":[{"bizTransaction":"`+trace.BookingURN(7, 2)+`"}]`)
	l.use(9, "destroying", 1, 6, "")
	l.use(10, "cycle_counting", 1, 90, "")
	l.step(11, "shipping", "", key(2)) // sent back
	l.step(12, "receiving", depot, key(2))
	l.step(13, "destroying", clinic, key(1)) // all of the rest
	got := l.build(t)
	if len(got.Findings)+len(got.Problems) > 0 {
		t.Errorf("%v %v", got.Findings, got.Problems)
	}
	b, _ := got.Box(box(1))
	want := []trace.Account{{Site: 1, Lot: b.Lot, Received: 200, Given: 4, Wasted: 96, Returned: 100}}
	if d := cmp.Diff(want, got.Accounts); d != "" {
		t.Error(d)
	}
	known := 0
	for _, g := range got.Index.Of([]supply.SSCC{box(1)}, 0).Given {
		if g.Person == (person.Key{7}) && g.Dose == 2 {
			known++
		}
	}
	if known != 1 || got.Unknown != 3 {
		t.Errorf("%d known, %d unknown", known, got.Unknown)
	}
}

// TestFindings tells what contradicts itself.
func TestFindings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(*log)
		want string
	}{
		"more than is there": {func(l *log) { l.use(7, "dispensing", 1, 101, "") }, "101 doses are given, and it has 100"},
		"destroyed twice":    {func(l *log) { l.use(7, "destroying", 1, 60, ""); l.use(8, "destroying", 1, 60, "") }, "60 doses are destroyed, and it has 40"},
		"where it is not":    {func(l *log) { l.step(6.5, "receiving", trace.SiteURN("T2"), key(1)); l.use(7, "dispensing", 1, 1, "") }, "1 doses are given where it is not"},
		"counted otherwise":  {func(l *log) { l.use(7, "dispensing", 1, 1, ""); l.use(8, "stock_taking", 1, 100, "") }, "100 doses are counted, and 100 received - 1 given"},
		"counted where it isn't": {func(l *log) {
			l.step(6.5, "receiving", trace.SiteURN("T2"), key(1))
			l.use(8, "stock_taking", 1, 100, "")
		}, "is counted where it is not"},
		"alive after its end": {func(l *log) { l.step(7, "destroying", clinic, key(1)); l.step(8, "storing", clinic, key(1)) }, "after its end"},
		"packed twice":        {func(l *log) { l.pack(1.5, 1, 9) }, "is packed twice: 10 vials of lot Q1, then 9"},
	} {
		l := shipment(t)
		c.do(l)
		if got := l.build(t); len(got.Findings) != 1 || !strings.Contains(got.Findings[0], c.want) {
			t.Errorf("%s: %q, want %q", name, got.Findings, c.want)
		}
	}
}

// TestProblems tells what could not be used, and goes on.
func TestProblems(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"half a vial":     {fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","parentID":%q,"childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/%s/10/A","quantity":1.5}]`, key(9), gtin), "want a whole number of vials"},
		"kilograms":       {fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","parentID":%q,"childEPCs":[],"childQuantityList":%s`, key(9), lot("A", 1, "KGM")), "want a whole number of vials"},
		"unknown product": {fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","parentID":%q,"childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/10614141073464/10/A","quantity":1}]`, key(9)), "no product of the programme"},
		"no lot":          {fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","parentID":%q,"childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/%s","quantity":1}]`, key(9), gtin), "names no lot"},
		"unknown box":     {fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"dispensing","epcList":%s`, quoted(key(9))), "wants one box that was packed before"},
		"another lot":     {fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"dispensing","epcList":%s,"quantityList":%s`, quoted(key(1)), lot("Q2", 1, "E27")), "is of lot Q1"},
		"hotter than hot": {fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","epcList":[],"readPoint":{"id":%q},"sensorElementList":[{"sensorReport":[{"type":"Temperature","value":900,"uom":"CEL"}]}]`, depot), "no temperature of a vaccine"},
	} {
		l := shipment(t)
		id := l.add(7, c.text)
		got := l.build(t)
		if len(got.Problems) != 1 || got.Problems[0].Event != id || !strings.Contains(got.Problems[0].What, c.want) {
			t.Errorf("%s: %v, want %q", name, got.Problems, c.want)
		}
		if len(got.Legs) != 4 {
			t.Errorf("%s: the rest is gone", name)
		}
	}
}

func judged(t *testing.T, l *log, n int) supply.Judgement {
	t.Helper()
	j, err := l.build(t).Index.Judge(box(n), supply.AsOf{At: at(6), Zone: time.UTC, Handover: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func repeat(c, n int) (out []int) {
	for range n {
		out = append(out, c)
	}
	return out
}

// TestWhoseReadings: of the truck; of a logger in the pallet that an association puts there; and in the events that name a box.
func TestWhoseReadings(t *testing.T) {
	t.Parallel()
	known := func(t *testing.T) *log {
		l := shipment(t)
		l.readings(t, depot, 1, 10*time.Minute, repeat(5, 12)...)
		l.readings(t, clinic, 5, 10*time.Minute, repeat(5, 6)...)
		return l
	}
	l := known(t)
	if j := judged(t, l, 1); j.Exposure.Unknown != 2*time.Hour || len(j.Findings) != 0 {
		t.Errorf("without the truck's: %+v", j)
	}
	l.readings(t, truck, 3, 10*time.Minute, 5, 5, 5, 1, 1, 5, 5, 5, 5, 5, 5, 5)
	if j := judged(t, l, 1); j.Exposure.Unknown != 0 || len(j.Findings) != 1 || j.Findings[0].Spent != 20*time.Minute || j.Findings[0].Side != supply.Cold {
		t.Errorf("with the truck's: %+v", j)
	}
	// A logger that rides in the pallet tells more of it than the truck does.
	l = known(t)
	l.readings(t, truck, 3, 10*time.Minute, repeat(1, 12)...)
	l.add(2.5, `"type":"AssociationEvent","action":"ADD","parentID":"https://id.gs1.org/00/188099990000000010","childEPCs":["urn:x:logger:7"]`)
	l.readings(t, "urn:x:logger:7", 3, 10*time.Minute, repeat(5, 12)...)
	if j := judged(t, l, 1); !j.Fit() {
		t.Errorf("with a logger in the pallet: %+v", j)
	}
	// One that rides in box 1 tells of box 1 alone.
	l = known(t)
	l.readings(t, truck, 3, 10*time.Minute, repeat(5, 12)...)
	l.readings(t, key(1), 3, 10*time.Minute, repeat(20, 12)...)
	if j := judged(t, l, 1); len(j.Findings) != 1 || j.Findings[0].Side != supply.Warm {
		t.Errorf("with a logger in the box: %+v", j)
	}
	if j := judged(t, l, 2); !j.Fit() {
		t.Errorf("the box beside it: %+v", j)
	}
	boxes, _ := l.build(t).At(truck, at(3), at(4))
	if len(boxes) != 2 {
		t.Errorf("in the truck were %v, whoever told of them", boxes)
	}
}

// TestReadingsComeBack writes readings and sums as events and reads them again: the exposure is that of the readings themselves.
func TestReadingsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		every := time.Duration(rapid.IntRange(60, 900).Draw(r, "every")) * time.Second
		n := rapid.IntRange(2, 2500).Draw(r, "n")
		celsius := rapid.SliceOfN(rapid.IntRange(-30_000_000, 40_000_000), 8, 8).Draw(r, "celsius")
		s := supply.Series{Point: "urn:x:p", Device: "L 1", Interval: every}
		for i := range n {
			s.Readings = append(s.Readings, supply.Reading{At: day.Add(time.Duration(i) * every), Celsius: supply.Celsius(celsius[i%8])})
		}
		sum := supply.Summary{Point: "urn:x:q", Device: "L 2", From: day, To: day.Add(24 * time.Hour), Min: supply.Celsius(min(celsius[0], celsius[1])), Max: supply.Celsius(max(celsius[0], celsius[1])),
			Silent: 7 * time.Minute, Outside: []supply.Outside{{Limit: 8 * supply.Degree, Above: true, For: 90 * time.Minute}, {Limit: -supply.Degree / 2, For: 3 * time.Minute}}}
		l := &log{t: t}
		for _, p := range []string{"urn:x:p", "urn:x:q"} {
			var list []supply.Series
			var sums []supply.Summary
			if p == "urn:x:p" {
				list = append(list, s)
			} else {
				sums = append(sums, sum)
			}
			events, err := trace.Readings(p, list, sums, "file sha256:00")
			if err != nil {
				r.Fatal(err)
			}
			for _, e := range events {
				l.keep(e)
			}
			l.pack(0, len(p)+int(p[6]), 1)
			l.step(0, "storing", p, key(len(p)+int(p[6])))
		}
		got := l.build(t)
		end := s.Readings[n-1].At
		for _, c := range []struct {
			point string
			until time.Time
		}{{"urn:x:p", end}, {"urn:x:q", sum.To}} {
			direct, err := supply.NewIndex(flu())
			if err != nil {
				r.Fatal(err)
			}
			b, _ := got.Box(box(len(c.point) + int(c.point[6])))
			if err := direct.AddBox(b.Box); err != nil {
				r.Fatal(err)
			}
			if err := direct.AddLeg(supply.Leg{Point: supply.Point(c.point), Begin: day, Aboard: []supply.SSCC{b.SSCC}}); err != nil {
				r.Fatal(err)
			}
			if c.point == "urn:x:p" {
				err = direct.AddSeries(s)
			} else {
				err = direct.AddSummary(sum)
			}
			if err != nil {
				r.Fatal(err)
			}
			asOf := supply.AsOf{At: c.until, Zone: time.UTC}
			want, err1 := direct.Judge(b.SSCC, asOf)
			j, err2 := got.Index.Judge(b.SSCC, asOf)
			if err1 != nil || err2 != nil {
				r.Fatal(err1, err2)
			}
			if want.Exposure.Time != j.Exposure.Time || want.Exposure.Unknown != j.Exposure.Unknown || want.Exposure.Coldest != j.Exposure.Coldest || len(want.Findings) != len(j.Findings) {
				r.Fatalf("%s: %+v, the readings themselves say %+v", c.point, j, want)
			}
		}
	})
}

func TestUnits(t *testing.T) {
	t.Parallel()
	l := &log{t: t}
	l.pack(1, 1, 1)
	l.add(2, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","epcList":%s,"sensorElementList":[{"sensorMetadata":{"deviceID":"urn:x:d"},"sensorReport":[{"type":"gs1:Temperature","time":"2026-09-18T01:00:00Z","value":41,"uom":"FAH"},{"type":"Temperature","time":"2026-09-18T01:30:00Z","value":278.15,"uom":"KEL"},{"type":"RelativeHumidity","value":99,"uom":"A93"}]}]`, quoted(key(1))))
	j := judged(t, l, 1)
	if j.Exposure.Coldest != 5*supply.Degree || j.Exposure.Warmest != 5*supply.Degree {
		t.Errorf("41 °F and 278.15 K are %v and %v", j.Exposure.Coldest, j.Exposure.Warmest)
	}
}

func TestGLNs(t *testing.T) {
	t.Parallel()
	got, err := trace.ReadGLNs("f", strings.NewReader("gln,site\n8809999000204,T1\n8809999000105,T1\n"))
	if err != nil || len(got) != 2 || got[0].Site != "T1" || got[1].Line != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	for src, want := range map[string]string{
		"": "is empty", "a,b\n": "f:1: want the header", "gln,site\n1,T1\n": "f:2: gln: ", "gln,site\n8809999000204,\n": "f:2: site: is empty",
		"gln,site\n8809999000204,A\n8809999000204,B\n": "is on line 2 already", "gln,site\n8809999000204\n": "want two fields",
	} {
		if _, err := trace.ReadGLNs("f", strings.NewReader(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", src, err, want)
		}
	}
}

func FuzzGLNs(f *testing.F) {
	f.Add([]byte("gln,site\n8809999000204,T1\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		list, err := trace.ReadGLNs("f", bytes.NewReader(src))
		seen := map[supply.GLN]bool{}
		for _, g := range list {
			if err != nil || seen[g.GLN] || g.Site == "" {
				t.Fatalf("%+v beside %v", list, err)
			}
			seen[g.GLN] = true
		}
	})
}

// FuzzEvents builds a trace from whatever the rules of EPCIS take: nothing panics, and the doses of every lot add up.
func FuzzEvents(f *testing.F) {
	for _, l := range []*log{eventful(f), serialised(f)} {
		for _, s := range l.list {
			f.Add([]byte(s.Alone()))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		list, err := epcis.Parse(src, 10)
		if err != nil {
			return
		}
		l := shipment(t)
		for _, e := range list {
			l.keep(e)
		}
		got := l.build(t)
		for _, k := range got.Boxes() {
			b, _ := got.Box(k)
			in := 0
			for _, p := range b.Parts {
				in += p.Doses
			}
			if b.Left() < 0 || b.Parts != nil && in != b.Left() {
				t.Fatalf("%+v", b)
			}
		}
		for _, a := range got.Accounts {
			if a.Received != a.Given+a.Wasted+a.Returned+a.OnHand || a.OnHand < 0 {
				t.Fatalf("%+v", a)
			}
		}
	})
}
