package drill

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"charye/internal/civil"
	"charye/site"
	"charye/supply"
)

// cause says why a box is not fit.
type cause uint8

const (
	fine cause = iota
	froze
	heat
	unknown
)

func (c cause) String() string { return [...]string{"fine", "freezing", "heat", "unknown"}[c] }

// world is the country and what the simulation knows of it.
type world struct {
	sc     Scenario
	rng    *rand.Rand
	sites  []site.Site
	places []place
	boxes  []box
	runs   []*run // of one vehicle or hub, with its drops
	depot  []stay
	given  []given
	lots   []supply.LotKey
}

// place is what the simulation keeps of a site.
type place struct {
	region int
	first  []int // boxes by delivery
	second []int
	days   [2]int
	seats  int
	nights []int // minutes above 8 °C after 22:00, by night of 10 September on; nil: none
}

// box is one box, with the simulation's own truth.
type box struct {
	supply.Box
	site    site.Num // 0: in the depot
	arrived time.Time
	aboard  []ride
	used    int
}

// ride is a time aboard of a run.
type ride struct {
	run      *run
	from, to time.Time
}

type runKind uint8

const (
	truck runKind = iota
	hub
	van
)

// run is a vehicle's way or the sorting at a hub.
type run struct {
	point   supply.Point
	kind    runKind
	begin   time.Time
	end     time.Time
	drops   []drop
	step    time.Duration
	trouble trouble
	doses   int
	feeds   []*run // of a truck: the vans that its boxes go on with
}

// drop is the boxes that leave a run together.
type drop struct {
	boxes []int
	site  site.Num
	at    time.Time
}

// trouble is what went wrong, exactly on the grid of the logger's readings.
type trouble struct {
	what     string
	at       supply.Celsius
	from, to time.Time
	silent   bool // no record at all
}

func (t *trouble) any() bool { return t.what != "" }

type stay struct {
	boxes    []int
	from, to time.Time
}

type given struct {
	supply.Given
	box int
}

const companyPrefix = "8809999"

func newWorld(sc Scenario, seed uint64) (*world, error) {
	w := &world{sc: sc, rng: rand.New(rand.NewPCG(seed, 2020_09))}
	w.makeSites()
	if err := w.makeBoxes(); err != nil {
		return nil, err
	}
	w.transport()
	w.goWrong()
	w.give()
	return w, nil
}

// weights are the shares of the regions, about as people live there.
var weights = [17]int{187, 65, 47, 57, 28, 28, 22, 7, 259, 30, 31, 41, 35, 36, 51, 65, 13}

func (w *world) makeSites() {
	regions := site.Regions()
	total := 0
	for _, v := range weights {
		total += v
	}
	for r, info := range regions {
		n := max(2, int(math.Round(float64(w.sc.Sites*weights[r])/float64(total))))
		if r == len(regions)-1 {
			n = max(2, w.sc.Sites-len(w.sites))
		}
		wide := 0.08
		if weights[r] > 29 && r > 7 {
			wide = 0.25
		}
		for range n {
			num := site.Num(len(w.sites) + 1)
			w.sites = append(w.sites, site.Site{
				Num: num, ID: fmt.Sprintf("T%05d", num), Name: fmt.Sprintf("시험의원 %d", num), Kind: "clinic", Region: info.Name,
				Lat: info.Lat + wide*clamp(w.rng.NormFloat64()), Lon: info.Lon + wide*clamp(w.rng.NormFloat64()),
			})
			w.places = append(w.places, place{region: r})
		}
	}
}

func clamp(v float64) float64 { return max(-2, min(2, v)) }

func (w *world) makeBoxes() error {
	total, delivered := (w.sc.Doses+perBox-1)/perBox, (w.sc.Delivered+perBox-1)/perBox
	for i := range 1 + total/1500 {
		body := "0" + companyPrefix + "00001"
		gtin, err := supply.ParseGTIN(body + string(supply.CheckDigit(body)))
		if err != nil {
			return err
		}
		w.lots = append(w.lots, supply.LotKey{GTIN: gtin, ID: fmt.Sprintf("Q6082%03d", i)})
	}
	for i := range total {
		k, ok := supply.NewSSCC(0, companyPrefix, uint64(i+1))
		if !ok {
			return fmt.Errorf("box %d has no number", i)
		}
		w.boxes = append(w.boxes, box{Box: supply.Box{SSCC: k, Product: product, Lot: w.lots[i/1500], Vials: perBox / vialDoses, DosesPerVial: vialDoses}})
	}
	// Every site gets at least one box, and the rest falls at random; the first half comes in the first days, the other later.
	next := 0
	counts := make([]int, len(w.sites))
	for i := range delivered {
		if i < len(counts) {
			counts[i]++
		} else {
			counts[w.rng.IntN(len(counts))]++
		}
	}
	weekdays := len(openDays())
	for i := range w.places {
		p := &w.places[i]
		for n := range counts[i] {
			w.boxes[next].site = w.sites[i].Num
			if n < (counts[i]+1)/2 {
				p.first = append(p.first, next)
			} else {
				p.second = append(p.second, next)
			}
			next++
		}
		p.days = [2]int{w.rng.IntN(days / 2), days/2 + w.rng.IntN(days/2)}
		p.seats = max(2, (counts[i]*perBox*4/3+2*weekdays-1)/(2*weekdays))
		if w.rng.IntN(50) == 0 { // a refrigerator whose door stands open of an evening
			p.nights = make([]int, days)
			for n := range p.nights {
				p.nights[n] = 20 * w.rng.IntN(3)
			}
		}
	}
	return nil
}

// transport sends the boxes out: from the depot at Gimpo by night in 11 t trucks, from the hubs by day in 1 t vans.
func (w *world) transport() {
	for day := range days {
		for region := range weights {
			var drops []drop
			for i := range w.places {
				p := &w.places[i]
				if p.region != region {
					continue
				}
				for k, boxes := range [2][]int{p.first, p.second} {
					if p.days[k] == day && len(boxes) > 0 {
						drops = append(drops, drop{boxes: boxes, site: w.sites[i].Num})
					}
				}
			}
			const truckBoxes = 300
			for n := 0; len(drops) > 0; n++ {
				k, load := 0, 0
				for k < len(drops) && (load == 0 || load+len(drops[k].boxes) <= truckBoxes) {
					load += len(drops[k].boxes)
					k++
				}
				w.wave(day, region, n, drops[:k])
				drops = drops[k:]
			}
		}
	}
}

// wave is one truck, the sorting of its load at a hub, and the vans that take it on.
func (w *world) wave(day, region, n int, drops []drop) {
	morning := civil.Date(int(firstDay)+day).At(0, kst)
	id := fmt.Sprintf("%02d-%02d-%d", day, region, n)
	t := &run{point: supply.Point("truck 11t " + id), kind: truck, begin: morning.Add(-4 * time.Hour), end: morning.Add(4 * time.Hour), step: 10 * time.Minute}
	h := &run{point: supply.Point("hub " + id), kind: hub, begin: t.end, end: morning.Add(5 * time.Hour), step: 5 * time.Minute}
	all := drop{at: t.end}
	for _, d := range drops {
		all.boxes = append(all.boxes, d.boxes...)
	}
	w.depot = append(w.depot, stay{all.boxes, firstDay.At(0, kst).Add(-48 * time.Hour), t.begin})
	t.drops = []drop{all}
	all.at = h.end
	h.drops = []drop{all}
	w.runs = append(w.runs, t, h)
	for k := 0; len(drops) > 0; k++ {
		m := min(vanDrops, len(drops))
		v := &run{point: supply.Point(fmt.Sprintf("van 1t %s-%d", id, k)), kind: van, begin: h.end, step: 5 * time.Minute}
		for i, d := range drops[:m] {
			d.at = h.end.Add(time.Duration(60+24*i) * time.Minute)
			v.drops = append(v.drops, d)
			v.end = d.at
		}
		drops = drops[m:]
		t.feeds = append(t.feeds, v)
		w.runs = append(w.runs, v)
	}
	for _, r := range append([]*run{t, h}, t.feeds...) {
		for _, d := range r.drops {
			r.doses += perBox * len(d.boxes)
			for _, b := range d.boxes {
				w.boxes[b].aboard = append(w.boxes[b].aboard, ride{r, r.begin, d.at})
				if r.kind == van {
					w.boxes[b].arrived = d.at
				}
			}
		}
	}
}
