package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func exercised(t *testing.T) *Metrics {
	t.Helper()
	m := New()
	m.Build("test", true)
	m.Route("/api/v1/campaigns/{c}/line", "GET").Done(200, 3*time.Millisecond)
	m.Route("/api/v1/campaigns/{c}/line", "GET").Done(429, time.Millisecond)
	m.Route("/api/v1/campaigns/{c}/line", "GET").Done(-1, time.Millisecond)
	m.Refusal("rate-limited").Inc()
	m.InFlight("work").Set(2)
	m.WatchBatch("join", func() int { return 17 })
	m.WatchLines(func() []LineSample {
		return []LineSample{{Campaign: "a", Joined: 10, Admitted: 4, Inside: 2, Remaining: 7, PerMinute: 1.5}, {Campaign: "b"}}
	})
	return m
}

func TestMetricsAreWellFormed(t *testing.T) {
	t.Parallel()
	problems, err := testutil.GatherAndLint(exercised(t).Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "charye_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestMetricsHandler(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	exercised(t).Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`charye_http_requests_total{class="2xx",method="GET",route="/api/v1/campaigns/{c}/line"} 1`,
		`charye_http_requests_total{class="4xx",method="GET",route="/api/v1/campaigns/{c}/line"} 1`,
		`charye_http_requests_total{class="none",method="GET",route="/api/v1/campaigns/{c}/line"} 1`,
		`charye_http_request_duration_seconds_bucket{class="2xx",method="GET",route="/api/v1/campaigns/{c}/line",le="0.005"} 1`,
		`charye_http_refusals_total{code="rate-limited"} 1`,
		`charye_http_requests_in_flight{lane="work"} 2`,
		`charye_batch_waiting_requests{pool="join"} 17`,
		`charye_line_joined_places{campaign="a"} 10`,
		`charye_line_admitted_number{campaign="a"} 4`,
		`charye_line_inside_people{campaign="a"} 2`,
		`charye_line_remaining_doses{campaign="a"} 7`,
		`charye_line_admissions_per_minute{campaign="a"} 1.5`,
		`charye_build_info{trial="true",version="test"} 1`,
		"go_goroutines ",
	} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("no %q in the metrics", want)
		}
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	r := New().Route("/x", "GET")
	if n := testing.AllocsPerRun(100, func() { r.Done(200, time.Millisecond) }); n != 0 {
		t.Fatalf("%v allocations for one answer", n)
	}
}

type person struct{ Name, Phone string }

func TestLogsNameNoPerson(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("aB3_", 20)
	var out bytes.Buffer
	log := NewLogger(&out, slog.LevelInfo)
	log.LogAttrs(t.Context(), slog.LevelError, "join "+token, // a careless message is what this is about
		slog.Any("err", fmt.Errorf("store: %w", errors.New("row 00112233445566778899aabbccddeeff of hong@example.kr, 620301-1234567, 010-1234-5678, 9001011234567, +82 10-1234-5678"))),
		slog.String("name", "홍길동"),
		slog.String("Authorization", "Bearer x"),
		slog.Any("secret_thing", Secret("open sesame")),
		slog.Any("value", person{Name: "n", Phone: "02-123-4567"}),
		slog.Group("g", slog.String("ticket", "T-1"), slog.Int("count", 3)),
		slog.String("route", "/api/v1/campaigns/{c}/places"),
		slog.Duration("took", 1500*time.Millisecond),
	)
	log.With(slog.String("session", "short"), slog.String("why", "call 031-123-4567")).Warn("x")
	log.Debug("below the level")
	for _, leak := range []string{token, "00112233", "hong@", "620301", "1234-5678", "9001011234567", "홍길동", "Bearer", "sesame", "02-123-4567", "T-1", "short", "031-123", "below"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q is in the log: %s", leak, out.String())
		}
	}
	var line struct {
		Time  time.Time `json:"time"`
		Level string    `json:"level"`
		Route string    `json:"route"`
		Took  int64     `json:"took"`
		Err   string    `json:"err"`
		G     struct {
			Count int `json:"count"`
		} `json:"g"`
	}
	if err := json.NewDecoder(&out).Decode(&line); err != nil {
		t.Fatal(err)
	}
	if line.Time.IsZero() || line.Level != "ERROR" || line.Route != "/api/v1/campaigns/{c}/places" || line.Took != 1500e6 ||
		line.G.Count != 3 || !strings.HasPrefix(line.Err, "store: row "+Redacted) {
		t.Errorf("the useful parts are damaged: %+v", line)
	}
}

func TestSecretHidesFromFmt(t *testing.T) {
	t.Parallel()
	s := Secret("open sesame")
	if got := fmt.Sprintf("%s %v %+v %#v %q", s, s, s, s, s); strings.Contains(got, "sesame") {
		t.Fatal(got)
	}
}
