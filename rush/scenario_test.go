package rush

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func TestScenarioOf2021HasItsNumbers(t *testing.T) {
	t.Parallel()
	s, err := Named("2021-07-12")
	if err != nil {
		t.Fatal(err)
	}
	if s.Arrivals != 10_000_000 || s.Eligible != 3_524_000 || s.Doses != 1_850_000 {
		t.Errorf("scale 1: %d %d %d", s.Arrivals, s.Eligible, s.Doses)
	}
	s = s.Scaled(0.1)
	if s.Arrivals != 1_000_000 || s.Eligible != 352_400 || s.Doses != 185_000 {
		t.Errorf("scale 0.1: %d %d %d", s.Arrivals, s.Eligible, s.Doses)
	}
	if _, err := Named("2021-07-13"); err == nil || !strings.Contains(err.Error(), "small") {
		t.Errorf("unknown name: %v; want the names there are", err)
	}
}

func TestProgrammeIsYAMLOfTheScenario(t *testing.T) {
	t.Parallel()
	s, err := Named("small")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Trial     bool
		Campaigns []struct {
			Gathers, Opens string
			Stock          int
			Line           struct{ PerSecond string }
		}
	}
	if err := yaml.Unmarshal(s.Programme(1), &doc); err != nil {
		t.Fatal(err)
	}
	if c := doc.Campaigns[0]; !doc.Trial || c.Stock != 1500 || c.Gathers != "+3s" || c.Opens != "+9s" {
		t.Errorf("programme: %+v", doc)
	}
}

func TestScheduleHasTheShapeOfTheScenario(t *testing.T) {
	t.Parallel()
	s, err := Named("2021-07-12")
	if err != nil {
		t.Fatal(err)
	}
	s = s.Scaled(0.01)
	gathers, opens := 5*time.Second, 5*time.Second+s.Gather
	all := schedule(s, 1, gathers, opens)
	if len(all) != s.Arrivals {
		t.Fatalf("%d arrivals, want %d", len(all), s.Arrivals)
	}
	first := make([]int, s.Eligible)
	var early, stroke, others int
	last := uint32(0)
	for _, a := range all {
		if a.at < last || unpack(a.at) < gathers {
			t.Fatalf("arrival at %v after %v", unpack(a.at), unpack(last))
		}
		last = a.at
		switch {
		case a.kind == visitOther:
			others++
			if int(a.who) < s.Eligible {
				t.Fatal("an eligible person came as one who may not book")
			}
		case a.kind == visitFirst:
			first[a.who]++
		case first[a.who] == 0:
			t.Fatal("a further visit came before the first")
		}
		switch at := unpack(a.at); {
		case at < opens:
			early++
		case at < opens+2*s.Burst:
			stroke++
		}
	}
	for who, n := range first {
		if n != 1 {
			t.Fatalf("person %d has %d first visits", who, n)
		}
	}
	near := func(name string, got int, want float64) {
		if math.Abs(float64(got)/float64(len(all))-want) > 0.02 {
			t.Errorf("%s: %d of %d, want about %.2f", name, got, len(all), want)
		}
	}
	near("early", early, s.Early)
	near("others", others, s.Ineligible)
	// The burst's first two means, and the late comers who fall in them.
	near("stroke", stroke, s.Stroke*(1-math.Exp(-2))+(1-s.Early-s.Stroke)*float64(2*s.Burst)/float64(s.Late))
	again := schedule(s, 1, gathers, opens)
	for i := range all {
		if all[i] != again[i] {
			t.Fatal("the same seed gave another crowd")
		}
	}
}

func TestHomesFollowThePopulation(t *testing.T) {
	t.Parallel()
	got := map[string]int{}
	const n = 50_000
	for i := range uint32(n) {
		p, lat, lon := home(1, i)
		got[p.name]++
		if lat < 32.5 || lat > 39 || lon < 125 || lon > 131 {
			t.Fatalf("home at %v, %v", lat, lon)
		}
	}
	for _, p := range provinces {
		want := float64(p.people) / float64(provinceTotal)
		if math.Abs(float64(got[p.name])/n-want) > 0.01 {
			t.Errorf("%s: %d of %d, want %.3f", p.name, got[p.name], n, want)
		}
	}
}

func TestArenaGivesBackWhatWasPut(t *testing.T) {
	t.Parallel()
	var a arena
	at := map[string]uint64{}
	r := traits(1, 1, 1)
	for i := range 30_000 {
		s := strings.Repeat(string(rune('a'+i%26)), int(r.below(200))+1)
		at[s] = a.put(s)
	}
	for s, where := range at {
		if where == 0 || string(a.get(where)) != s {
			t.Fatalf("at %d is %q, want %q", where, a.get(where), s)
		}
	}
	if a.get(0) != nil || a.put("") != 0 {
		t.Error("nothing must stay nothing")
	}
}

func TestSpoiledTokensDiffer(t *testing.T) {
	t.Parallel()
	r := traits(1, 1, 1)
	for range 1000 {
		if s := spoiled("abcDEF0123456789", &r); s == "abcDEF0123456789" {
			t.Fatal("a forged token is the real one")
		}
	}
	if spoiled("", &r) == "" || spoiled("x", &r) == "x" {
		t.Error("short tokens are not spoiled")
	}
}

func TestDrawOrderIsChecked(t *testing.T) {
	t.Parallel()
	seed := bytes.Repeat([]byte{7}, 32)
	srv := newRotten("", 0, 0, 1)
	copy(srv.seed[:], seed)
	for who := range 100 {
		srv.places[who] = &rottenPlace{}
	}
	srv.catchUp()
	var order []byte
	for _, who := range srv.order {
		order = append(order, pseudonymOf(who)...)
	}
	if at := firstOutOfOrder(seed, order); at != 0 {
		t.Errorf("right order refused at %d", at)
	}
	copy(order[16:32], order[0:16]) // the same one twice
	if at := firstOutOfOrder(seed, order); at != 1 {
		t.Errorf("a pseudonym that stands twice was found at %d, want 1", at)
	}
}

func TestChartIsWellFormedAndSaysWhatItShows(t *testing.T) {
	t.Parallel()
	svg := chart("c", "People & <more>", "", []chartLine{
		{name: "joined", colour: "#000", x: []float64{-5, 0, 10}, y: []float64{0, 1_200_000, 3}},
		{name: "flat", colour: "#111", x: []float64{-5, 10}, y: []float64{0, 0}},
	})
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
	}
	if !strings.Contains(svg, "joined: highest 1.2M at 0 seconds, 3 at the end") || strings.Contains(svg, "NaN") {
		t.Errorf("description or numbers wrong: %s", svg)
	}
	if chart("c", "nothing", "", nil) != "" {
		t.Error("a chart of nothing")
	}
}

func TestMetricsAreRead(t *testing.T) {
	t.Parallel()
	m := readMetrics([]byte("# HELP x y\nprocess_cpu_seconds_total 12.5\nprocess_resident_memory_bytes 1.048576e+07 1626087600000\ncharye_line_joined{campaign=\"a\"} 3\ncharye_inside 4\nother 5\nbroken\n"))
	if m["process_cpu_seconds_total"] != 12.5 || m["process_resident_memory_bytes"] != 1<<20*10 || m["charye_inside"] != 4 || len(m) != 3 {
		t.Errorf("metrics %v", m)
	}
}
