package delivery_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/supply"
	"charye/supply/delivery"
)

func same(s string) string { return s }

func TestReadNeeds(t *testing.T) {
	t.Parallel()
	in := input(rules())
	good := "site,day,product,vials\nT1,2026-10-07,flu,12\nJ1,2026-10-08,covid,1\n"
	got, err := delivery.ReadNeeds("n.csv", strings.NewReader(good), in.Sites, in.Programme)
	want := []delivery.Need{need(1, 2, 12), {Site: 4, Day: monday + 3, Product: "covid", Vials: 1}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Error(err, d)
	}
	for src, want := range map[string]string{
		"":                             "n.csv: is empty; want the header site,day,product,vials",
		"site,day,vials\n":             "n.csv:1: wrong number of fields; want site,day,product,vials",
		"site,product,day,vials\n":     `n.csv:1: the header is "site,product,day,vials"; want site,day,product,vials`,
		good + "T9,2026-10-07,flu,1\n": `n.csv:4: site: there is no site "T9"`,
		good + "T1,7 Oct,flu,1\n":      `n.csv:4: day: "7 Oct" is no date`,
		good + "T1,2026-10-07,mmr,1\n": `n.csv:4: product: there is no product "mmr" in programme p`,
		good + "T1,2026-10-07,flu,0\n": `n.csv:4: vials: is "0"; want a whole number from 1 to 1000000`,
		good + "T1,2026-10-07,flu\n":   "n.csv:4: wrong number of fields",
	} {
		if _, err := delivery.ReadNeeds("n.csv", strings.NewReader(src), in.Sites, in.Programme); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", src, err, want)
		}
	}
}

func FuzzReadNeeds(f *testing.F) {
	f.Add("site,day,product,vials\nT1,2026-10-07,flu,12\n")
	f.Add("\ufeffsite,day,product,vials\n\"T1\",2026-10-07,flu,+12\n")
	f.Add("site,day,product,vials\nT1,2026-10-07,flu")
	in := input(rules())
	f.Fuzz(func(t *testing.T, src string) {
		list, err := delivery.ReadNeeds("f", strings.NewReader(src), in.Sites, in.Programme)
		if err != nil && (list != nil || !strings.HasPrefix(err.Error(), "f:")) {
			t.Fatalf("%v with %v", err, list)
		}
		for _, n := range list {
			if _, ok := in.Sites.ByNum(n.Site); !ok || n.Vials < 1 {
				t.Fatalf("read %+v", n)
			}
		}
	})
}

const promised = "what,from,site,name,settled before,leaves,usable from,product,box,lot,expires,vials,needed on,why\n"

func TestReadPromisesRefuses(t *testing.T) {
	t.Parallel()
	in := input(rules())
	line := func(old, new string) string {
		return promised + strings.Replace("deliver,icheon,T1,x,2026-10-05T14:00:00+09:00,2026-10-06T14:00:00+09:00,2026-10-07,flu,088099990000000020,Q2,2026-11-30,10,2026-10-07,\n", old, new, 1)
	}
	if list, err := delivery.ReadPromises("p.csv", strings.NewReader(line("", "")), in.Sites, in.Programme); err != nil || len(list) != 1 || list[0].Site != 1 || list[0].Box != sscc(2) || list[0].Arrives != monday+2 {
		t.Fatalf("%+v %v", list, err)
	}
	for src, want := range map[string]string{
		"":                          "p.csv: is empty; want a plan",
		"site,vials\n":              "p.csv:1: wrong number of fields; want a plan as supply plan --csv writes it",
		line("deliver", "send"):     `p.csv:2: what: is "send"; want deliver, transfer, short, unused or left out`,
		line("icheon", "busan"):     `p.csv:2: from: there is no depot "busan" in programme p`,
		line("deliver", "transfer"): `p.csv:2: from: there is no site "icheon"`,
		line("flu,", "cold,"):       `p.csv:2: product: there is no product "cold" in programme p`,
		line("T1", "T9"):            `p.csv:2: site: there is no site "T9"`,
		line("2026-10-05T14", "14"): `p.csv:2: settled before: "14:00:00+09:00" is no instant`,
		line("2026-10-06T14", "14"): `p.csv:2: leaves: "14:00:00+09:00" is no instant`,
		line("2026-10-07", "soon"):  `p.csv:2: usable from: "soon" is no date`,
		line("20,Q2", "21,Q2"):      "p.csv:2: box: ",
		line("", "") + strings.TrimPrefix(line("T1", "T2"), promised): "p.csv:3: box: 088099990000000020 is in line 2 too",
	} {
		if _, err := delivery.ReadPromises("p.csv", strings.NewReader(src), in.Sites, in.Programme); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", src, err, want)
		}
	}
}

func FuzzReadPromises(f *testing.F) {
	f.Add(promised + "deliver,icheon,T1,x,2026-10-05T14:00:00+09:00,2026-10-06T14:00:00+09:00,2026-10-07,flu,088099990000000020,Q2,2026-11-30,10,2026-10-07,\n")
	f.Add(promised + "short,,J1,x,,,,flu,,,,5,2026-10-08,no-depot\n")
	in := input(rules())
	f.Fuzz(func(t *testing.T, src string) {
		list, err := delivery.ReadPromises("f", strings.NewReader(src), in.Sites, in.Programme)
		if err != nil && (list != nil || !strings.HasPrefix(err.Error(), "f:")) {
			t.Fatalf("%v with %v", err, list)
		}
		seen := map[supply.SSCC]bool{}
		for _, p := range list {
			if seen[p.Box] {
				t.Fatalf("box %s twice", p.Box)
			}
			seen[p.Box] = true
		}
	})
}

// TestPromisesAreKept: a plan that is made later from the same world and the CSV of an earlier one sends no box elsewhere that was settled, and what was
// settled is short of no more than before.
func TestPromisesAreKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		p, err := delivery.Make(in)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := p.WriteCSV(&b, in.Sites, seoul, same); err != nil {
			t.Fatal(err)
		}
		list, err := delivery.ReadPromises("p", &b, in.Sites, in.Programme)
		if err != nil {
			t.Fatal(err)
		}
		goes := map[supply.SSCC]delivery.Shipment{}
		for _, shipments := range [][]delivery.Shipment{p.Shipments, p.Transfers} {
			for _, s := range shipments {
				for _, l := range s.Loads {
					goes[l.Box] = s
				}
			}
		}
		if len(list) != len(goes) {
			t.Fatalf("%d promises of %d boxes", len(list), len(goes))
		}
		for _, x := range list {
			if s := goes[x.Box]; s.Site != x.Site || !s.Leaves.Equal(x.Leaves) || !s.CutOff.Equal(x.CutOff) || s.Arrives != x.Arrives {
				t.Fatalf("%+v was written as %+v", s, x)
			}
		}
		later := in
		later.Now = in.Now.Add(timeOf(rapid.IntRange(0, 30*60).Draw(t, "minutes later")))
		later.Boxes = append([]delivery.Box(nil), in.Boxes...)
		if today := dateOf(later.Now); later.From < today {
			later.From = today
		}
		kept := later.Keep(list)
		settled := map[supply.SSCC]bool{}
		for _, x := range kept.Waiting {
			settled[x.Box] = true
			if x.CutOff.After(later.Now) {
				t.Fatalf("%+v was not settled by %v", x, later.Now)
			}
		}
		for _, x := range list {
			if !x.CutOff.After(later.Now) && !settled[x.Box] {
				t.Fatalf("%+v was settled, and is not kept", x)
			}
		}
		again, err := delivery.Make(later)
		if err != nil {
			t.Fatal(err)
		}
		for _, shipments := range [][]delivery.Shipment{again.Shipments, again.Transfers} {
			for _, s := range shipments {
				for _, l := range s.Loads {
					if settled[l.Box] {
						t.Fatalf("box %s was promised, and is sent anew to %d", l.Box, s.Site)
					}
				}
			}
		}
	})
}
