package journeys_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"charye/test/journeys"
)

// frozenWorld is a server with the shipment of [shipment], one box of which froze, and its supply room read.
func frozenWorld(t *testing.T, now time.Time) *world {
	t.Helper()
	s := newWorldOf(t, open, strings.Replace(programmeFile, "\n    series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}", storage+"\n    series: {doses: 1}", 1))
	file := filepath.Join(t.TempDir(), "shipment.json")
	if err := os.WriteFile(file, []byte(shipment(now)), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "supply", "capture", "--data", s.Data, "--party", "maker", file)
	return s
}

// TestBoxChart is somebody in logistics who looks at where a box froze: with the keyboard, leg by leg, on a telephone, and without JavaScript.
func TestBoxChart(t *testing.T) {
	t.Parallel()
	b := journeys.StartBrowser(t)
	s := frozenWorld(t, time.Now())
	w := b.Visitor()
	w.Open(s.URL + "/supply")
	clerkSignsIn(w, "나물류", "logistics", "", true)
	s.until("the alarm", func() bool { w.Reload(); return w.Says("얼었을 수 있음") })
	w.ClickText("얼었을 수 있음")
	w.ClickText(boxOf(3))
	w.WaitFor("#plot canvas")
	if w.Text("#readout") == "" {
		t.Error("the readout says nothing before anybody moves")
	}
	healthy(t, w, "01-chart")
	says := func(parts ...string) {
		t.Helper()
		got := w.Text("#readout")
		for _, p := range parts {
			if !strings.Contains(got, p) {
				t.Errorf("the readout says %q, not %q", got, p)
			}
		}
	}
	says("−1.4\u00a0°C, 너무 차가움", "2번 구간", "11t-0412", "영하")
	w.Eval(`(document.getElementById("plot").focus(), 1)`, new(int))
	w.Press(kb.ArrowLeft)
	says("2번 구간", "2–8도")
	if strings.Contains(w.Text("#readout"), "차가움") {
		t.Error("before it froze it is said to be cold")
	}
	w.Press(kb.ArrowRight)
	says("−1.4\u00a0°C, 너무 차가움")
	w.Press(kb.PageDown)
	says("3번 구간")
	w.Press(kb.Home)
	says("1번 구간")
	w.Click(`button[data-leg="2"]`)
	says("2번 구간", "11t-0412")
	w.WaitUntil("the keyboard to be in the chart", `document.activeElement.id === "plot"`, 5*time.Second)
	healthy(t, w, "02-leg")
	w.ClickText("다음 벗어난 때")
	says("−1.4\u00a0°C, 너무 차가움")
	noComplaints(t, w)

	phone := b.Visitor(journeys.OnPhone, journeys.Speaking("en"))
	phone.Open(s.URL + "/supply/boxes/" + boxOf(3))
	clerkSignsIn(phone, "라감사", "auditor", "", true)
	phone.WaitFor("#plot canvas")
	phone.WaitForText("−1.4\u00a0°C, too cold")
	healthy(t, phone, "03-chart-on-a-phone")
	noComplaints(t, phone)

	plain := b.Visitor(journeys.WithoutScript)
	plain.Open(s.URL + "/supply/boxes/" + boxOf(3))
	clerkSignsIn(plain, "라감사", "auditor", "", true)
	plain.WaitFor("svg.chart .cold")
	plain.WaitFor("#legs + .scroll table")
	if !plain.Says("−1.4\u00a0°C") || plain.Says("그림에서 보기") || plain.Says("다음 벗어난 때") {
		t.Error("without JavaScript the tables do not say it, or there are buttons that do nothing")
	}
	healthy(t, plain, "04-without-script")

	// The numbers are for those who may see the page, and nobody else.
	stranger := b.Visitor()
	stranger.Open(s.URL + "/supply/boxes/" + boxOf(3) + "/journey.json")
	stranger.WaitForText("직원 로그인")
}
