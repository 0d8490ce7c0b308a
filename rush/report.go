package rush

import (
	"encoding/json"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a rush showed. Durations are in milliseconds unless the name says otherwise.
type Report struct {
	Scenario   Scenario    `json:"scenario"`
	Campaign   string      `json:"campaign"`
	Seed       uint64      `json:"seed"`
	StartedAt  time.Time   `json:"startedAt"`
	Cores      int         `json:"cores"`
	Seconds    float64     `json:"seconds"`        // of the crowd, from its start
	OpenFor    float64     `json:"openSeconds"`    // from the opening to the end of the crowd
	Recount    float64     `json:"recountSeconds"` // of the recount
	Conns      int         `json:"connections"`
	Complete   bool        `json:"complete"` // everybody ended before MaxDuration
	Violations []Violation `json:"violations"`

	Arrivals    int64            `json:"arrivals"`
	People      int              `json:"people"`
	Standing    map[string]int64 `json:"standing"` // where people ended
	Places      int64            `json:"places"`
	SamePlace   int64            `json:"samePlaceShown"` // answers that showed the number already known
	Bookings    int64            `json:"bookings"`       // acknowledged
	Changes     int64            `json:"changes"`
	Cancels     int64            `json:"cancels"`
	Requests    int64            `json:"requests"`
	CutOff      int64            `json:"cutOff"`      // by the simulated network
	LostAnswers int64            `json:"lostAnswers"` // connections that broke

	PlacesPerSecond   float64 `json:"placesPerSecond"`   // best second
	BookingsPerSecond float64 `json:"bookingsPerSecond"` // best second
	BookingsMean      float64 `json:"bookingsPerSecondMean"`
	RequestsPerSecond float64 `json:"requestsPerSecond"` // best second
	RequestsMean      float64 `json:"requestsPerSecondMean"`

	Inversions int64 `json:"inversions"`
	BeforeTurn int64 `json:"passesBeforeTurn"`
	Oversold   int64 `json:"oversold"`
	Duplicates int64 `json:"duplicates"`

	PerBooked   PerPerson        `json:"requestsPerBooked"`
	PerUnbooked PerPerson        `json:"requestsPerUnbooked"`
	ByCall      map[string]int64 `json:"honestRequestsByCall"`

	Attacks  []Attack    `json:"attacks"`
	Breaches []string    `json:"breaches"`
	Calls    []Latency   `json:"calls"`
	Waits    []Latency   `json:"waits"`
	Errors   []ErrorRow  `json:"errors"`
	Server   ServerUse   `json:"server"`
	Recheck  Recheck     `json:"recheck"`
	Delivery *Delivered  `json:"delivery,omitempty"`
	Line     []Sample    `json:"line"`
	Second   []PerSecond `json:"perSecond"`
}

// Violation is a broken invariant.
type Violation struct {
	Kind     string   `json:"kind"`
	Count    int64    `json:"count"`
	Examples []string `json:"examples"`
}

// PerPerson says how many requests honest people of one kind sent, the recount not included.
type PerPerson struct {
	People int64   `json:"people"`
	Mean   float64 `json:"mean"`
	P50    int     `json:"p50"`
	P99    int     `json:"p99"`
	Max    int     `json:"max"`
}

// Attack is one way around the line with its tries. Unanswered tries met a full or absent server.
type Attack struct {
	Kind       string `json:"kind"`
	Tried      int64  `json:"tried"`
	Stopped    int64  `json:"stopped"`
	Breached   int64  `json:"breached"`
	Unanswered int64  `json:"unanswered"`
}

// Latency is a distribution in milliseconds. For calls it counts from the intended moment (corrected for coordinated
// omission); Service* count from the moment of sending.
type Latency struct {
	Name       string  `json:"name"`
	Count      int64   `json:"count"`
	P50        float64 `json:"p50"`
	P90        float64 `json:"p90"`
	P99        float64 `json:"p99"`
	P999       float64 `json:"p999"`
	Max        float64 `json:"max"`
	ServiceP50 float64 `json:"serviceP50,omitempty"`
	ServiceP99 float64 `json:"serviceP99,omitempty"`
}

// ErrorRow counts one kind of refusal or failure.
type ErrorRow struct {
	Call   string `json:"call"`
	Status int    `json:"status"` // 0: the connection failed
	Code   string `json:"code"`
	Count  int64  `json:"count"`
}

// ServerUse is what the server process needed; zero when it could not be read.
type ServerUse struct {
	CPUSeconds      float64            `json:"cpuSeconds"`
	CPUPerPersonMs  float64            `json:"cpuPerPersonMs"`
	CPUPerRequestUs float64            `json:"cpuPerRequestUs"`
	PeakBytes       float64            `json:"peakBytes"`
	Metrics         map[string]float64 `json:"metrics,omitempty"`
}

// Recheck is the recount: what the server says afterwards.
type Recheck struct {
	Asked          int64  `json:"asked"`
	Live           int64  `json:"liveBookings"`
	Cancelled      int64  `json:"cancelledBookings"`
	LostAnswer     int64  `json:"bookingsWithLostAnswer"`
	Places         int64  `json:"places"`
	Standby        int64  `json:"standby"`
	StillWaiting   int64  `json:"stillWaiting"`
	Joined         int64  `json:"joined"`
	Admitted       int64  `json:"admitted"`
	StockBefore    int64  `json:"stockBefore"`
	Remaining      int64  `json:"remaining"`
	Sites          int    `json:"sites"`
	DrawVerified   bool   `json:"drawVerified"`
	Entrants       int64  `json:"entrants"`
	FoundAtNumber  int64  `json:"foundAtTheirNumber"`
	DrawCommitment string `json:"drawCommitment"`
}

// PerSecond is what was answered in one second of the run.
type PerSecond struct {
	At       int `json:"at"` // seconds since the opening
	Requests int `json:"requests"`
	Busy     int `json:"busy"` // 429 and 5xx
	Places   int `json:"places"`
	Passes   int `json:"passes"`
	Bookings int `json:"bookings"`
}

// OK reports whether every invariant held and every attack was stopped.
func (r *Report) OK() bool { return len(r.Violations) == 0 }

// WriteJSON writes the report as one indented JSON document.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func (r *runner) report() *Report {
	rc := &r.recounted
	rep := &Report{
		Scenario: r.sc, Campaign: r.campaign, Seed: r.seed, StartedAt: r.start, Cores: runtime.NumCPU(), Conns: r.cfg.Conns,
		Seconds: r.ended.Seconds(), OpenFor: max(0, r.ended-r.opens).Seconds(), Recount: rc.took.Seconds(), Complete: r.complete,
		Arrivals: r.arrived.Load(), People: len(r.crowd.people), Standing: map[string]int64{},
		Places: r.tally.places.Load(), SamePlace: r.tally.sameSeen.Load(), Bookings: r.tally.bookings.Load(),
		Changes: r.tally.changes.Load(), Cancels: r.tally.cancels.Load(), Requests: r.tally.sent.Load(),
		CutOff: r.tally.cut.Load(), LostAnswers: r.tally.lost.Load(), ByCall: map[string]int64{},
		Duplicates: rc.duplicates.Load(),
	}
	for s, name := range standingNames {
		rep.Standing[name] = r.standing[s].Load()
	}
	if r.base.remaining >= 0 && r.base.joined == 0 {
		rep.Oversold = max(0, rc.live.Load()-r.stock())
	}
	r.reportDoor(rep)
	r.reportRates(rep)
	r.reportPeople(rep)
	r.reportAttacks(rep)
	r.reportLatency(rep)
	r.reportServer(rep)
	rep.Delivery = r.delivered
	rep.Recheck = Recheck{
		Asked: rc.asked.Load(), Live: rc.live.Load(), Cancelled: rc.cancelled.Load(), LostAnswer: rc.lostAnswers.Load(),
		Places: rc.places.Load(), Standby: rc.standby.Load(), StillWaiting: rc.stillWaiting.Load(), Joined: rc.last.joined,
		Admitted: rc.last.admitted, StockBefore: r.base.remaining, Remaining: rc.last.remaining, Sites: rc.sites,
		DrawVerified: rc.drawn.known && !r.findings.has("draw"), Entrants: rc.drawn.entrants, FoundAtNumber: rc.drawn.matched,
		DrawCommitment: rc.drawn.commitment,
	}
	if !r.complete {
		r.findings.add("incomplete", "the crowd was not done after %s", r.cfg.MaxDuration)
	}
	for _, v := range r.findings.list {
		rep.Violations = append(rep.Violations, *v)
	}
	return rep
}

func (f *findings) has(kind string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.list, func(v *Violation) bool { return v.Kind == kind })
}

// reportDoor judges everybody who was let in or refused.
func (r *runner) reportDoor(rep *Report) {
	// Somebody may meet the door before they know their number; the recount knows them all.
	for _, list := range [][]move{r.moves.let, r.moves.refused} {
		for i := range list {
			if list[i].number == 0 {
				list[i].number = r.crowd.people[list[i].who].number
			}
		}
	}
	for _, m := range inversions(r.moves.let, r.moves.refused) {
		rep.Inversions++
		r.findings.add("inversion", "number %d was refused at %.1fs although a higher one was in", m.number, (m.at - r.opens).Seconds())
	}
	// A status may be a second old; a second and a half later it must show what was true before.
	for _, m := range beforeTurn(r.moves.let, r.opens, r.samples.admitted, r.recounted.last.admitted, 1500*time.Millisecond) {
		rep.BeforeTurn++
		r.findings.add("pass-before-turn", "number %d got a pass at %.1fs", m.number, (m.at - r.opens).Seconds())
		if r.crowd.people[m.who].flags&isCheat != 0 {
			r.attacks.add(attackPass, breach, "a pass before its turn")
		}
	}
}

func (r *runner) reportRates(rep *Report) {
	for i, s := range r.series.sec {
		rep.PlacesPerSecond = max(rep.PlacesPerSecond, float64(s.places))
		rep.BookingsPerSecond = max(rep.BookingsPerSecond, float64(s.bookings))
		rep.RequestsPerSecond = max(rep.RequestsPerSecond, float64(s.requests))
		rep.Second = append(rep.Second, PerSecond{
			At: i - int(r.opens/time.Second), Requests: int(s.requests), Busy: int(s.errors), Places: int(s.places),
			Passes: int(s.passes), Bookings: int(s.bookings),
		})
	}
	if rep.OpenFor > 0 {
		rep.BookingsMean = float64(rep.Bookings) / rep.OpenFor
	}
	if busy := (r.ended - r.gathers).Seconds(); busy > 0 {
		rep.RequestsMean = float64(rep.Requests) / busy
	}
	rep.Line = r.samples.line
	// Charts and files need no more than some thousand points.
	for len(rep.Line) > 2000 {
		half := rep.Line[:0:0]
		for i := 0; i < len(rep.Line); i += 2 {
			half = append(half, rep.Line[i])
		}
		rep.Line = half
	}
}

func (r *runner) reportPeople(rep *Report) {
	var with, without []int
	for i := range r.crowd.people {
		p := &r.crowd.people[i]
		if p.flags&isCheat != 0 || p.requests == 0 || p.state == refused {
			continue
		}
		if p.state == booked || p.state == cancelled {
			with = append(with, int(p.requests))
		} else {
			without = append(without, int(p.requests))
		}
	}
	rep.PerBooked, rep.PerUnbooked = perPerson(with), perPerson(without)
	for k := range callKinds {
		if n := r.tally.honest[k].Load(); n > 0 {
			rep.ByCall[callNames[k]] = n
		}
	}
}

func perPerson(n []int) (p PerPerson) {
	if len(n) == 0 {
		return p
	}
	slices.Sort(n)
	sum := 0
	for _, v := range n {
		sum += v
	}
	last := len(n) - 1
	return PerPerson{int64(len(n)), float64(sum) / float64(len(n)), n[last/2], n[last*99/100], n[last]}
}

func (r *runner) reportAttacks(rep *Report) {
	b := &r.attacks
	for k := range attackKinds {
		c := b.counts[k]
		a := Attack{attackNames[k], c[stopped] + c[breach] + c[unanswered], c[stopped], c[breach], c[unanswered]}
		rep.Attacks = append(rep.Attacks, a)
		if a.Breached > 0 {
			r.findings.add("breach", "%s: %d of %d", a.Kind, a.Breached, a.Tried)
		}
	}
	rep.Breaches = b.why
}

func (r *runner) reportLatency(rep *Report) {
	for k := range callKinds {
		c := &r.tally.calls[k]
		if c.n.Load() == 0 {
			continue
		}
		l := latency(callNames[k], c.corrected.h)
		s := latency("", c.service.h)
		l.ServiceP50, l.ServiceP99 = s.P50, s.P99
		rep.Calls = append(rep.Calls, l)
	}
	for k := range waitKinds {
		if h := r.tally.waits[k].h; h != nil {
			rep.Waits = append(rep.Waits, latency(waitNames[k], h))
		}
	}
	for k, n := range r.tally.errors {
		rep.Errors = append(rep.Errors, ErrorRow{callNames[k.call], k.status, k.code, n})
	}
	slices.SortFunc(rep.Errors, func(a, b ErrorRow) int { return int(b.Count - a.Count) })
}

func latency(name string, h *hdrhistogram.Histogram) Latency {
	ms := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	return Latency{
		Name: name, Count: h.TotalCount(), P50: ms(50), P90: ms(90), P99: ms(99), P999: ms(99.9), Max: float64(h.Max()) / 1000,
	}
}

func (r *runner) reportServer(rep *Report) {
	s := &r.samples
	rep.Server = ServerUse{CPUSeconds: s.cpu, PeakBytes: s.peak, Metrics: s.metrics}
	if n := r.tally.places.Load(); n > 0 {
		rep.Server.CPUPerPersonMs = s.cpu * 1000 / float64(n)
	}
	if rep.Requests > 0 {
		rep.Server.CPUPerRequestUs = s.cpu * 1e6 / float64(rep.Requests)
	}
}
