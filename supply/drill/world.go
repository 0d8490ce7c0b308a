package drill

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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
	left    time.Time // the depot
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
	point    supply.Point
	kind     runKind
	from, to supply.GLN
	begin    time.Time
	end      time.Time
	drops    []drop
	step     time.Duration
	trouble  trouble
	doses    int
	feeds    []*run // of a truck: the vans that its boxes go on with
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

// goWrong picks runs at random until as many doses were aboard as in 2020, and makes small departures of the rest.
func (w *world) goWrong() {
	order := slices.Clone(w.runs)
	w.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	departures := 0
	spend := func(want int, kind runKind, what func(r *run) trouble) {
		for _, r := range order {
			if want <= 0 {
				return
			}
			if r.kind != kind || r.trouble.any() || r.doses > want*3/2 && w.smaller(order, kind, r.doses) {
				continue
			}
			r.trouble = what(r)
			want -= r.doses
			if !r.trouble.silent {
				departures++
			}
		}
	}
	minutes := func(r *run, from, long int, what string, at supply.Celsius) trouble {
		begin := r.begin.Add(time.Duration(from) * time.Minute)
		return trouble{what: what, at: at, from: begin, to: begin.Add(time.Duration(long) * time.Minute)}
	}
	// Neither leg alone is too long; the sum is, for the boxes that stayed in the van to the end.
	if r := longest(order); r != nil {
		r.trouble = minutes(r, 10, 470, "long heat in the truck", 12*supply.Degree)
		r.feeds[0].trouble = minutes(r.feeds[0], 5, 420, "long heat in the van", 14*supply.Degree)
		departures += 2
	}
	spend(w.sc.Outdoors, hub, func(r *run) trouble {
		return minutes(r, 10, 40, "on the car-park floor", 28*supply.Degree+supply.Degree/2)
	})
	spend(w.sc.Freezing, van, func(r *run) trouble {
		return minutes(r, 30, 10+5*w.rng.IntN(20), "freezing", -supply.Degree/2-supply.Celsius(w.rng.IntN(3))*supply.Degree)
	})
	spend(w.sc.Unrecorded, van, func(r *run) trouble { return trouble{what: "no record", silent: true} })
	small := w.sc.Departures - departures
	for i := 0; i < len(order) && small > 0; i++ {
		r := order[i]
		if r.trouble.any() || r.kind == hub {
			continue
		}
		small--
		switch w.rng.IntN(3) {
		case 0:
			r.trouble = minutes(r, 20, 30, "a cold start", supply.Degree) // 1 °C: within the budget
		default:
			r.trouble = minutes(r, 20, 30+10*w.rng.IntN(13), "the doors stood open", (9+supply.Celsius(w.rng.IntN(4)))*supply.Degree)
		}
	}
}

// longest is the truck whose first van makes the most stops.
func longest(order []*run) (best *run) {
	for _, r := range order {
		if r.kind == truck && (best == nil || len(r.feeds[0].drops) > len(best.feeds[0].drops)) {
			best = r
		}
	}
	return best
}

// smaller reports whether a run with fewer doses is still free.
func (w *world) smaller(order []*run, kind runKind, doses int) bool {
	return slices.ContainsFunc(order, func(r *run) bool { return r.kind == kind && !r.trouble.any() && r.doses < doses })
}

// give lets people be vaccinated from the boxes before the programme is stopped.
func (w *world) give() {
	var first []int
	for i := range w.places {
		if w.places[i].days[0] < days-3 {
			first = append(first, w.places[i].first...)
		}
	}
	for n := 0; n < w.sc.Given && len(first) > 0; n++ {
		b := &w.boxes[first[w.rng.IntN(len(first))]]
		who, hours := key(w.rng.Uint64(), w.rng.Uint64()), int(stopped.Sub(b.arrived).Hours())
		at := b.arrived.Add(time.Duration(1+w.rng.IntN(max(1, hours-1))) * time.Hour)
		if b.used >= b.Doses() || at.After(stopped) || !at.After(b.arrived) {
			continue
		}
		b.used++
		w.given = append(w.given, given{supply.Given{Person: who, Box: b.SSCC, Site: b.site, Dose: 1, At: at}, int(b.number() - 1)})
	}
}

// number is the place of a box, from its serial.
func (b *box) number() uint64 { return uint64(b.SSCC) / 10 % 1_000_000_000 }

// truth says what a box has gone through until an instant, in minutes and by the simulation's own books.
func (w *world) truth(b *box, until time.Time, silentKnown bool) cause {
	var frozen, warm, hot, cold, silent time.Duration
	for _, r := range b.aboard {
		t := &r.run.trouble
		if t.silent {
			if !silentKnown {
				silent += r.to.Sub(r.from)
			}
			continue
		}
		from, to := r.from, r.to
		if t.from.After(from) {
			from = t.from
		}
		if t.to.Before(to) {
			to = t.to
		}
		if until.Before(to) {
			to = until
		}
		if !t.any() || !to.After(from) {
			continue
		}
		switch d := to.Sub(from); {
		case t.at < 0:
			frozen += d
		case t.at < 2*supply.Degree:
			cold += d
		case t.at > 25*supply.Degree:
			hot += d
			warm += d
		case t.at > 8*supply.Degree:
			warm += d
		}
	}
	if b.site != 0 {
		if nights := w.places[b.site-1].nights; nights != nil {
			for n, m := range nights {
				// A day's sum does not say when: it counts from the morning on. It is told in the night after; that of the last day has not come yet.
				evening := civil.Date(int(firstDay)+n).At(22*60, kst)
				if evening.After(b.arrived) && evening.Add(2*time.Hour).Before(stopped) && !evening.Add(-22*time.Hour).After(until) {
					warm += time.Duration(m) * time.Minute
				}
			}
		}
	}
	switch {
	case frozen > 0 || cold > 720*time.Minute:
		return froze
	case warm > 800*time.Minute || hot > 30*time.Minute:
		return heat
	case silent > 0:
		return unknown
	}
	return fine
}
