package rush

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Recipient is somebody that helpers register: what the helper fills in, known to the server's roster.
type Recipient struct{ Name, Born, Identity string }

// Config says which server, which crowd, and for how long.
type Config struct {
	Targets  []string // the nodes of one installation, each http://HOST:PORT on a loopback address
	Campaign string   // id; empty: the first campaign
	Scenario Scenario // from [Named], scaled as wanted

	// Session gives the signed session token of person n, always the same person for the same n. With eligible false the
	// person's date of birth is outside the cohort. It is called often, from many goroutines at once.
	Session func(n int, eligible bool) (person, session string)
	// Recipients are registered by helpers, two for each helper; empty: no helpers.
	Recipients []Recipient

	// Shared says that others use the campaign at the same time, as in the demo: totals then need only be at least what
	// this crowd did.
	Shared bool

	// Delivery is how many doses come when the rush is over, by Deliver; whoever stands by is then called in order. 0: none.
	Delivery int
	Deliver  func(ctx context.Context, doses int) error

	PID         int           // server process, for CPU and memory from /proc; 0: from /metrics only
	Conns       int           // connections at once; 0: 512, at most 1,000
	Timeout     time.Duration // for one answer; 0: 30 s
	MaxDuration time.Duration // for the crowd, without the recount; 0: 15 minutes
	// Settle is how long the line is sold out before people who only wait are left to the recount, and how long the
	// recount waits for sums to agree; 0: 10 s.
	Settle   time.Duration
	Seed     uint64    // of everything random; the same seed gives the same crowd
	Progress io.Writer // nil: none; on a terminal one line that is rewritten, else a line every ten seconds
}

// Run lets the crowd loose and gives the report. The error is about the run itself (a wrong target, no such campaign,
// ctx over); what the server did wrong stands in the report: see [Report.OK]. A server that goes away and comes back in
// the middle is waited for, up to MaxDuration.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	r, err := newRunner(cfg)
	if err != nil {
		return nil, err
	}
	if err := r.findCampaign(ctx); err != nil {
		return nil, err
	}
	if err := r.baseline(ctx); err != nil {
		return nil, err
	}
	r.prepare()
	watch, stopWatching := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { r.watchLine(watch) })
	watching.Go(func() { r.watchServer(watch) })
	watching.Go(func() { r.watchProgress(watch) })
	runErr := r.drive(ctx)
	r.ended = r.now()
	if runErr == nil {
		runErr = r.delivery(ctx)
	}
	if runErr == nil {
		r.phase.Store("recount")
		r.recount(ctx)
		runErr = ctx.Err()
	}
	stopWatching()
	watching.Wait()
	if runErr != nil {
		return nil, fmt.Errorf("rush stopped: %w", runErr)
	}
	return r.report(), nil
}

// runner is one run.
type runner struct {
	cfg     Config
	sc      Scenario
	seed    uint64
	nonce   string // makes idempotency keys of different runs differ
	targets []target
	conns   atomic.Int64 // made so far

	campaign                        string
	pathPlaces, pathPlace, pathLine []byte
	pathPasses, pathSites           []byte
	start                           time.Time
	gathers, opens, ended           time.Duration
	alreadyGathering                bool
	soldOutSince                    atomic.Int64 // run time in ns when the line was first seen sold out; 0: not
	base                            baseline
	crowd                           crowd
	wheel                           *wheel
	arrivals                        []arrival
	arrived                         atomic.Int64
	open, polls                     atomic.Int64 // jobs not done; of those, polls of waiting people
	jobs, attackJobs                chan job
	tally                           tally
	moves                           moves
	attacks                         attackTally
	findings                        findings
	samples                         samples
	series                          series
	standing                        [standings]atomic.Int64
	helpers                         map[uint32]*helped
	phase                           atomic.Value
	loot                            loot
	recounted                       recounted
	delivered                       *Delivered
	complete                        bool
}

// helped is a recipient's record: who acts, and as what it is registered.
type helped struct {
	helper uint32
	who    Recipient
	id     atomic.Value // string, once registered
}

func newRunner(cfg Config) (*runner, error) {
	var targets []target
	for _, t := range cfg.Targets {
		addr, host, err := loopback(t)
		if err != nil {
			return nil, err
		}
		targets = append(targets, target{addr, host})
	}
	if len(targets) == 0 {
		return nil, errors.New("rush: Config.Targets is missing")
	}
	s := cfg.Scenario
	switch {
	case cfg.Session == nil:
		return nil, errors.New("rush: Config.Session is missing")
	case s.Eligible < 1 || s.Arrivals < s.Eligible || s.Arrivals > 40_000_000:
		return nil, fmt.Errorf("rush: %d arrivals of %d people: want at least one each and at most 40 million", s.Arrivals, s.Eligible)
	}
	if cfg.Conns <= 0 {
		cfg.Conns = 512
	}
	cfg.Conns = min(cfg.Conns, 1000)
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.MaxDuration <= 0 {
		cfg.MaxDuration = 15 * time.Minute
	}
	if cfg.Settle <= 0 {
		cfg.Settle = 10 * time.Second
	}
	if cfg.Seed == 0 {
		cfg.Seed = uint64(time.Now().UnixNano())
	}
	r := &runner{cfg: cfg, sc: s, seed: cfg.Seed, targets: targets, wheel: newWheel(), start: time.Now()}
	n := traits(uint64(r.start.UnixNano()), 0, 'n')
	r.nonce = strconv.FormatUint(n.next(), 36)
	r.phase.Store("waiting for gathering")
	r.jobs = make(chan job, 4*cfg.Conns)
	return r, nil
}

func (r *runner) now() time.Duration { return time.Since(r.start) }

// newConn gives a connection to the one node or the other in turn.
func (r *runner) newConn() *conn {
	return &conn{targets: r.targets, at: int(r.conns.Add(1)-1) % len(r.targets)}
}

// campaignDoc is a campaign in the list, as far as it is needed.
type campaignDoc struct {
	id, state      string
	gathers, opens time.Time
}

// findCampaign reads the list of campaigns until the server answers, and fixes the run's times by the server's clock.
func (r *runner) findCampaign(ctx context.Context) error {
	c := r.newConn()
	defer c.close()
	var last error
	for range 60 {
		before := time.Now()
		a, err := c.do(&request{method: "GET", path: []byte("/api/v1/campaigns")}, 5*time.Second)
		if err == nil && a.status == 200 {
			return r.useCampaign(a.body, before)
		}
		if last = err; err == nil {
			last = fmt.Errorf("GET /api/v1/campaigns answered %d", a.status)
		}
		if err := sleep(ctx, time.Second/2); err != nil {
			return err
		}
	}
	return fmt.Errorf("rush: no server at %s: %w", strings.Join(r.cfg.Targets, ", "), last)
}

func (r *runner) useCampaign(b []byte, asked time.Time) error {
	var found *campaignDoc
	var serverNow time.Time
	err := fields(b, func(k, v []byte) bool {
		switch string(k) {
		case "serverTime":
			serverNow, _ = time.Parse(time.RFC3339, text(v))
		case "campaigns":
			_ = elements(v, func(e []byte) bool {
				d := readCampaign(e)
				if found == nil && (r.cfg.Campaign == "" || d.id == r.cfg.Campaign) {
					found = &d
				}
				return true
			})
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("rush: list of campaigns: %w", err)
	}
	if found == nil {
		return fmt.Errorf("rush: the server has no campaign %q", r.cfg.Campaign)
	}
	// On loopback both sides read the same clock; serverTime may be rounded to a second and would only make it worse.
	if d := serverNow.Sub(asked); serverNow.IsZero() || d.Abs() < 2*time.Second {
		serverNow = asked
	}
	r.campaign = found.id
	base := "/api/v1/campaigns/" + url.PathEscape(found.id)
	r.pathPlaces, r.pathPlace, r.pathLine = []byte(base+"/places"), []byte(base+"/place"), []byte(base+"/line")
	r.pathPasses, r.pathSites = []byte(base+"/passes"), []byte(base+"/sites")
	at := func(t time.Time) time.Duration { return max(0, asked.Sub(r.start)+t.Sub(serverNow)) }
	switch found.state {
	case "closed":
		return fmt.Errorf("rush: campaign %q is closed", found.id)
	case "draft", "gathering":
		if found.opens.IsZero() {
			return fmt.Errorf("rush: campaign %q does not say when it opens", found.id)
		}
		r.opens, r.gathers = at(found.opens), at(found.opens)
		if !found.gathers.IsZero() {
			r.gathers = at(found.gathers)
		}
		if found.state == "gathering" {
			r.gathers, r.alreadyGathering = r.now(), true
		}
	default: // open already: the stroke is now
		r.gathers, r.opens, r.alreadyGathering = r.now(), r.now(), true
	}
	if r.opens > 2*time.Hour {
		return fmt.Errorf("rush: campaign %q opens only in %s; come back later", found.id, r.opens.Round(time.Minute))
	}
	return nil
}

func readCampaign(e []byte) (d campaignDoc) {
	_ = fields(e, func(k, v []byte) bool {
		switch string(k) {
		case "id":
			d.id = text(v)
		case "state":
			d.state = text(v)
		case "opensAt":
			d.opens, _ = time.Parse(time.RFC3339, text(v))
		case "gathersAt":
			d.gathers, _ = time.Parse(time.RFC3339, text(v))
		}
		return true
	})
	return d
}

// session gives the token that acts for a member of the crowd.
func (r *runner) session(who uint32) string {
	if h := r.helpers[who]; h != nil {
		who = h.helper
	}
	_, token := r.cfg.Session(int(who), int(who) < r.sc.Eligible)
	return token
}

// push schedules a job.
func (r *runner) push(at time.Duration, who uint32, do action, arg uint8) {
	r.open.Add(1)
	if do == doPoll {
		r.polls.Add(1)
	}
	r.wheel.push(job{at, who, do, arg})
}

// done ends a job that was pushed or arrived.
func (r *runner) done(j job) {
	if j.do == doPoll {
		r.polls.Add(-1)
	}
	r.open.Add(-1)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
