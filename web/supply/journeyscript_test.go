package supply

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"charye/supply"
	"charye/supply/room/roomtest"
	"charye/supply/trace"
	"charye/test/journeys"
	"charye/web/page"
)

// inRoomWithBrowser serves the supply room to a real browser, with somebody at work in it.
func inRoomWithBrowser(t *testing.T, world func(*roomtest.World)) (*httptest.Server, *supplyFake) {
	t.Helper()
	w := roomtest.New(t)
	world(w)
	svc := newSupplyFake()
	svc.programme, svc.now, svc.room = w.Programme, w.Now(), w.Room()
	round(t, svc)
	pages := roomPages(t, svc)
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.HandleFunc("GET /in", func(rw http.ResponseWriter, r *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: page.CookieStaff, Value: "logistics", Path: "/"})
		http.Redirect(rw, r, r.FormValue("to"), http.StatusSeeOther)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv, svc
}

// TestJourneyScript moves in the chart of the box that froze, by keyboard, buttons and mouse.
func TestJourneyScript(t *testing.T) {
	browser := journeys.StartBrowser(t)
	srv, _ := inRoomWithBrowser(t, (*roomtest.World).Shipment)
	at := srv.URL + "/in?to=/supply/boxes/" + roomtest.Box(3).String()
	says := func(t *testing.T, w *journeys.Window, parts ...string) {
		t.Helper()
		for _, p := range parts {
			if got := w.Text("#readout"); !strings.Contains(got, p) {
				t.Errorf("the readout says %q, not %q", got, p)
			}
		}
	}

	t.Run("keyboard and buttons", func(t *testing.T) {
		w := browser.For(t).Visitor(journeys.Speaking("en"))
		w.Open(at)
		w.WaitFor("#plot canvas")
		// It begins where it was out of range.
		says(t, w, "2026-09-18 11:20", "−1.2\u00a0°C, too cold", "leg 2, vehicle", "얼음")
		w.Shot("whole")
		w.Eval(`(document.getElementById("plot").focus(), 1)`, new(int))
		w.Press(kb.ArrowLeft)
		says(t, w, "5.0\u00a0°C", "냉장")
		w.Press(kb.PageUp)
		says(t, w, "leg 1")
		w.Press(kb.Home)
		says(t, w, "2026-09-18 09:00", "4.5\u00a0°C")
		w.Press(kb.End)
		says(t, w, "leg 3", "4.0\u00a0°C")
		if got := w.Attribute("#readout", "aria-live"); got != "polite" {
			t.Errorf("what the keyboard finds is read out %q", got)
		}
		w.ClickText("Next time out of range")
		says(t, w, "−1.2\u00a0°C")
		w.Click(`button[data-leg="3"]`)
		says(t, w, "leg 3", "4.0\u00a0°C")
		w.WaitUntil("the focus is in the chart", `document.activeElement.id === "plot"`, 5*time.Second)
		w.Shot("leg 3")
		w.Press("0")
		w.Shot("after 0")
		if errs := w.Errors(); len(errs) > 0 {
			t.Errorf("the browser complains: %v", errs)
		}
	})
	t.Run("mouse", func(t *testing.T) {
		w := browser.For(t).Visitor(journeys.Speaking("en"))
		w.Open(at)
		w.WaitFor("#plot canvas")
		x, y, wide := over(w)
		w.Do("point", chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x+wide*0.1, y))
		w.WaitUntil("what the pointer is at", `document.getElementById("readout").textContent.includes("leg 1")`, 5*time.Second)
		if got := w.Attribute("#readout", "aria-live"); got != "off" {
			t.Errorf("every move of the mouse is read out: %q", got)
		}
		// Enlarged to the frozen stretch and a little around it, the axis has minutes.
		w.Do("drag", chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x+wide*0.55, y), chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, x+wide*0.55, y, chromedp.ButtonLeft, chromedp.ClickCount(1)),
			chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x+wide*0.6, y, chromedp.ButtonLeft), chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x+wide*0.7, y, chromedp.ButtonLeft), chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x+wide*0.7, y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
		w.Do("point", chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x+wide*0.02, y))
		w.WaitUntil("the left edge is within the truck's leg", `document.getElementById("readout").textContent.includes("leg 2")`, 5*time.Second)
		w.Shot("dragged")
		w.ClickText("Whole journey")
		x, y, wide = over(w)
		w.Do("point", chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x+wide*0.02, y))
		w.WaitUntil("all of it again", `document.getElementById("readout").textContent.includes("leg 1")`, 5*time.Second)
	})
	t.Run("fingers on a phone in the dark", func(t *testing.T) {
		w := browser.For(t).Visitor(journeys.OnPhone, journeys.Speaking("en"))
		w.Do("be dark", media("prefers-color-scheme", "dark"))
		w.Open(at)
		w.WaitFor("#plot canvas")
		w.Shot("phone in the dark")
		x, y, wide := over(w)
		w.Do("one finger", touches(input.DispatchTouchEventTypeTouchStart, [2]float64{x + wide*0.1, y}), touches(input.DispatchTouchEventTypeTouchMove, [2]float64{x + wide*0.9, y}), touches(input.DispatchTouchEventTypeTouchEnd))
		says(t, w, "leg 3")
		// Two fingers on either side of the frozen stretch, drawn apart: it fills the chart.
		w.Do("two fingers", touches(input.DispatchTouchEventTypeTouchStart, [2]float64{x + wide*0.55, y}, [2]float64{x + wide*0.7, y}), touches(input.DispatchTouchEventTypeTouchMove, [2]float64{x + wide*0.3, y}, [2]float64{x + wide*0.75, y}),
			touches(input.DispatchTouchEventTypeTouchMove, [2]float64{x + wide*0.1, y}, [2]float64{x + wide*0.9, y}), touches(input.DispatchTouchEventTypeTouchEnd))
		w.Do("one finger", touches(input.DispatchTouchEventTypeTouchStart, [2]float64{x + wide*0.03, y}), touches(input.DispatchTouchEventTypeTouchEnd))
		says(t, w, "leg 2")
		w.Shot("enlarged")
		if errs := w.Errors(); len(errs) > 0 {
			t.Errorf("the browser complains: %v", errs)
		}
	})
	t.Run("forced colours", func(t *testing.T) {
		w := browser.For(t).Visitor(journeys.Speaking("en"))
		w.Do("force colours", media("forced-colors", "active"))
		w.Open(at)
		w.WaitFor("#plot canvas")
		w.Shot("forced colours")
	})
	t.Run("without numbers the drawing stays", func(t *testing.T) {
		w := browser.For(t).Visitor()
		w.Do("block the numbers", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: "*://*:*/*/journey.json", Block: true}}})
			return err
		}))
		w.Open(at)
		w.WaitFor("svg.chart .cold")
		w.WaitUntil("the request to have failed", `performance.getEntriesByType("resource").some(e => e.name.includes("journey.json"))`, 5*time.Second)
		w.WaitFor("svg.chart .cold")
		if w.Has("#plot canvas") || w.Has("button[data-leg]:not([hidden])") {
			t.Error("something of the chart is shown without its numbers")
		}
	})
	t.Run("without script", func(t *testing.T) {
		w := browser.For(t).Visitor(journeys.WithoutScript, journeys.Speaking("en"))
		w.Open(at)
		w.WaitForText("Leg by leg")
		w.Shot("without script")
	})
}

// over brings the chart to the middle of the screen and says where it is: its left edge, the middle of its height, its width.
func over(w *journeys.Window) (x, y, wide float64) {
	var box [3]float64
	w.Eval(`(() => { document.getElementById("plot").scrollIntoView({block: "center"}); const r = document.querySelector("#plot .u-over").getBoundingClientRect(); return [r.left, r.top + r.height / 2, r.width]; })()`, &box)
	return box[0], box[1], box[2]
}

func media(name, value string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: name, Value: value}}})
		return err
	})
}

func touches(kind input.DispatchTouchEventType, at ...[2]float64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		p := input.DispatchTouchEventParams{Type: kind, TouchPoints: []*input.TouchPoint{}}
		for i, xy := range at {
			id := float64(i)
			p.TouchPoints = append(p.TouchPoints, &input.TouchPoint{X: xy[0], Y: xy[1], ID: &id})
		}
		_, err := cdp.Call(ctx, target, input.DispatchTouchEvent, p)
		return err
	})
}

// TestLongJourneyScript: what was put together in the whole of a journey comes apart where it is enlarged.
func TestLongJourneyScript(t *testing.T) {
	browser := journeys.StartBrowser(t)
	srv, _ := inRoomWithBrowser(t, func(w *roomtest.World) {
		const days = 40
		w.Pack(3, roomtest.Minute(0), roomtest.Depot)
		w.Wave(roomtest.Depot, 0, days*1440, 300, func(n int) supply.Celsius {
			if n == 7000 {
				return 8_700_000 // five minutes, once
			}
			return supply.Celsius(4_000_000 + n*7919%1500*1000)
		})
		w.At(days * 1440)
	})
	w := browser.Visitor(journeys.Speaking("en"))
	w.Open(srv.URL + "/in?to=/supply/boxes/" + roomtest.Box(3).String())
	w.WaitFor("#plot canvas")
	if got := w.Text("#readout"); !strings.Contains(got, "to 8.7\u00a0°C, too warm") {
		t.Errorf("in the whole the readout says %q", got)
	}
	w.Shot("whole")
	w.Eval(`(document.getElementById("plot").focus(), 1)`, new(int))
	for range 7 {
		w.Press("+")
	}
	w.WaitUntil("the readings themselves", `/^2026-10-12 16:20 – 16:25 · 8.7\u00a0°C, too warm/.test(document.getElementById("readout").textContent)`, 10*time.Second)
	w.Shot("enlarged")
	w.Press(kb.ArrowRight)
	if got := w.Text("#readout"); !strings.Contains(got, "2026-10-12 16:25") {
		t.Errorf("the next reading: %q", got)
	}
	w.Press("0")
	w.WaitUntil("the whole again", `/^2026-10-12 .* to .*°C/.test(document.getElementById("readout").textContent)`, 10*time.Second)
	if errs := w.Errors(); len(errs) > 0 {
		t.Errorf("the browser complains: %v", errs)
	}
}

// TestUnknownJourneyScript: sums, time of which nothing is known, and two loggers that tell different things.
func TestUnknownJourneyScript(t *testing.T) {
	browser := journeys.StartBrowser(t)
	const day = 1440
	srv, _ := inRoomWithBrowser(t, func(w *roomtest.World) {
		w.Pack(3, roomtest.Minute(0), roomtest.Depot)
		w.Sum(roomtest.Depot, 0, day, 3*supply.Degree, 6*supply.Degree)
		w.Sum(roomtest.Depot, day, 2*day, 4*supply.Degree, 10*supply.Degree)
		w.Load(roomtest.Minute(2*day), 3)
		w.Receive(roomtest.Minute(2*day+600), trace.SiteURN("T2"), 3)
		w.Readings(trace.SiteURN("T2"), 2*day+600, 4*day, 4)
		w.Wave(trace.SiteURN("T2"), 3*day, 4*day, 600, func(n int) supply.Celsius { return supply.Celsius(5+n%3) * supply.Degree })
		w.At(4 * day)
	})
	w := browser.Visitor(journeys.Speaking("en"))
	w.Open(srv.URL + "/in?to=/supply/boxes/" + roomtest.Box(3).String())
	w.WaitFor("#plot canvas")
	w.Shot("whole")
	w.Eval(`(document.getElementById("plot").focus(), 1)`, new(int))
	w.Press(kb.Home)
	for _, want := range []string{
		"2026-09-18 09:00 – 2026-09-19 09:00 · 3.0\u00a0°C to 6.0\u00a0°C within this time", "2026-09-19 09:00 – 2026-09-20 09:00 · 4.0\u00a0°C to 10.0\u00a0°C within this time, too warm",
		"2026-09-20 09:00 – 19:00 · No record of temperature", "2026-09-20 19:00 – 2026-09-21 09:00 · 4.0\u00a0°C", "2026-09-21 09:00 – 09:10 · 4.0\u00a0°C to 5.0\u00a0°C",
	} {
		if got := w.Text("#readout"); !strings.HasPrefix(got, want) {
			t.Errorf("the readout says %q, not %q", got, want)
		}
		w.Press(kb.ArrowRight)
	}
	if errs := w.Errors(); len(errs) > 0 {
		t.Errorf("the browser complains: %v", errs)
	}
}
