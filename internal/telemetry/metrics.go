// Package telemetry is what the program tells those who run it: metrics for Prometheus, and logs as JSON lines.
//
// It owns the registry, the names and label sets of the metrics, and the redaction of logs. It must not know of any
// domain: values come as numbers and functions, labels only from lists that are fixed when the program starts. No label and no
// log line names a person.
package telemetry

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is the registry of one program. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	inFlight *prometheus.GaugeVec
	batches  *batches
	lines    *lines
}

// New makes a registry with the collectors of the Go runtime and the process.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "charye_http_requests_total",
			Help: "Requests answered, by route pattern, method and status class.",
		}, []string{"route", "method", "class"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "charye_http_request_duration_seconds",
			Help:    "Time to answer a request, by route pattern, method and status class.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "class"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "charye_http_refusals_total",
			Help: "Requests refused, by the stable code of the problem document.",
		}, []string{"code"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "charye_http_requests_in_flight",
			Help: "Requests being answered, by lane.",
		}, []string{"lane"}),
		batches: &batches{},
		lines:   &lines{},
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.duration, m.refusals, m.inFlight, m.batches, m.lines,
	)
	return m
}

// Registry is where other packages register collectors of their own. Their labels must be bounded too.
func (m *Metrics) Registry() prometheus.Registerer { return m.registry }

// Gatherer reads everything, for tests and reports.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Handler serves the Prometheus text format, to at most four scrapers at once.
func (m *Metrics) Handler() http.Handler {
	gather := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		whole := &whole{header: w.Header(), status: http.StatusOK}
		gather.ServeHTTP(whole, r)
		w.WriteHeader(whole.status)
		_, _ = w.Write(whole.body.Bytes()) // a failed write is a client that has gone
	})
}

// classes are the status classes; 0 is for what is none, such as a cut connection.
var classes = [6]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// Route counts one route and method. Its series are made at once, so that counting allocates nothing and looks nothing up.
type Route struct {
	requests [len(classes)]prometheus.Counter
	duration [len(classes)]prometheus.Observer
}

// Route gives the counters of a route pattern and method. Both must come from the program's own tables.
func (m *Metrics) Route(pattern, method string) *Route {
	r := &Route{}
	for i, c := range classes {
		r.requests[i] = m.requests.WithLabelValues(pattern, method, c)
		r.duration[i] = m.duration.WithLabelValues(pattern, method, c)
	}
	return r
}

// Done counts one answer with its status and how long it took.
func (r *Route) Done(status int, took time.Duration) {
	c := status / 100
	if c < 0 || c >= len(classes) {
		c = 0
	}
	r.requests[c].Inc()
	r.duration[c].Observe(took.Seconds())
}

// Refusal gives the counter of a refusal code. The code must come from the program's own table.
func (m *Metrics) Refusal(code string) prometheus.Counter { return m.refusals.WithLabelValues(code) }

// InFlight gives the gauge of requests being answered in a lane: a group of routes with one bound.
func (m *Metrics) InFlight(lane string) prometheus.Gauge { return m.inFlight.WithLabelValues(lane) }

// WatchBatch reports how many requests wait in a pool, asked at each scrape. waiting must be cheap and not block.
func (m *Metrics) WatchBatch(pool string, waiting func() int) {
	m.batches.mu.Lock()
	defer m.batches.mu.Unlock()
	m.batches.pools = append(m.batches.pools, batchPool{pool, waiting})
}

// LineSample is one campaign's line at the time of a scrape.
type LineSample struct {
	Campaign  string // the campaign's id in the programme file
	Joined    int
	Admitted  int
	Inside    int
	Remaining int
	PerMinute float64
}

// WatchLines reports the lines of all campaigns, asked at each scrape. sample must be cheap; a campaign must come once.
func (m *Metrics) WatchLines(sample func() []LineSample) {
	m.lines.mu.Lock()
	defer m.lines.mu.Unlock()
	m.lines.sample = sample
}

type batchPool struct {
	name    string
	waiting func() int
}

type batches struct {
	mu    sync.Mutex
	pools []batchPool
}

var batchDesc = prometheus.NewDesc("charye_batch_waiting_requests", "Requests that wait for the next commit, by pool.", []string{"pool"}, nil)

// Describe implements prometheus.Collector.
func (b *batches) Describe(ch chan<- *prometheus.Desc) { ch <- batchDesc }

// Collect implements prometheus.Collector.
func (b *batches) Collect(ch chan<- prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.pools {
		ch <- prometheus.MustNewConstMetric(batchDesc, prometheus.GaugeValue, float64(p.waiting()), p.name)
	}
}

type lines struct {
	mu     sync.Mutex
	sample func() []LineSample
}

var (
	joinedDesc    = lineDesc("joined_places", "Places taken in the line of a campaign.")
	admittedDesc  = lineDesc("admitted_number", "All numbers up to this have had their turn.")
	insideDesc    = lineDesc("inside_people", "Live passes.")
	remainingDesc = lineDesc("remaining_doses", "First doses left to book.")
	rateDesc      = lineDesc("admissions_per_minute", "Measured admissions per minute.")
)

func lineDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("charye_line_"+name, help, []string{"campaign"}, nil)
}

// Describe implements prometheus.Collector.
func (l *lines) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{joinedDesc, admittedDesc, insideDesc, remainingDesc, rateDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (l *lines) Collect(ch chan<- prometheus.Metric) {
	l.mu.Lock()
	sample := l.sample
	l.mu.Unlock()
	if sample == nil {
		return
	}
	for _, s := range sample() {
		for _, v := range []struct {
			desc  *prometheus.Desc
			value float64
		}{
			{joinedDesc, float64(s.Joined)}, {admittedDesc, float64(s.Admitted)}, {insideDesc, float64(s.Inside)},
			{remainingDesc, float64(s.Remaining)}, {rateDesc, s.PerMinute},
		} {
			ch <- prometheus.MustNewConstMetric(v.desc, prometheus.GaugeValue, v.value, s.Campaign)
		}
	}
}

// Build reports which program this is: a gauge that is always 1.
func (m *Metrics) Build(version string, trial bool) {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "charye_build_info",
		Help: "Always 1; the labels tell the version and whether the programme is a trial.",
	}, []string{"version", "trial"})
	g.WithLabelValues(version, strconv.FormatBool(trial)).Set(1)
	m.registry.MustRegister(g)
}

// whole keeps an answer until it is whole, so that a client that is slow to read, or never does, holds none of the few
// places in which metrics are gathered.
type whole struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (w *whole) Header() http.Header         { return w.header }
func (w *whole) WriteHeader(status int)      { w.status = status }
func (w *whole) Write(b []byte) (int, error) { return w.body.Write(b) }
