package web

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"charye/line"
	"charye/test/journeys"
	"charye/walk"
	"charye/web/page/pagetest"
)

// TestWaitingScript runs the waiting page's script in a real browser against a line that the test moves.
func TestWaitingScript(t *testing.T) {
	browser := journeys.StartBrowser(t)
	const page = "/as/%?l=en&to=/c/age-55-59/wait"
	start := func(t *testing.T, scene string) (*journeys.Window, *scripted) {
		t.Helper()
		svc := newScripted()
		srv := httptest.NewServer(previewHandler(t, svc, pagetest.NewDoorman(svc.now)))
		t.Cleanup(srv.Close)
		w := browser.For(t).Visitor(journeys.OnPhone, journeys.Speaking("en"))
		svc.poll = time.Second
		w.Open(srv.URL + strings.Replace(page, "%", scene, 1))
		return w, svc
	}
	move := func(svc *scripted, f func()) {
		svc.Mu.Lock()
		defer svc.Mu.Unlock()
		f()
	}

	t.Run("the line moves and the turn comes", func(t *testing.T) {
		w, svc := start(t, "waiting")
		w.WaitForText("123,289 people ahead of you")
		// The public document alone moves the number on: the place is not asked for.
		move(svc, func() { svc.doc.Admitted = 634511; svc.Fail["place"] = errors.New("not to be asked") })
		w.WaitForText("100,000 people ahead of you")
		w.WaitForText("1 to 4 minutes")
		if w.Says("connection is lost") {
			t.Error("asked for the place without need")
		}
		move(svc, func() {
			delete(svc.Fail, "place")
			svc.doc.Admitted = 734600
			svc.placed(line.Admitted, 734512, 0, 0, 0)
		})
		w.WaitForText("It is your turn")
		w.WaitFor(`section[data-part="turn"] button`)
		w.WaitUntil("the focus is on the turn", `document.activeElement && document.activeElement.textContent === "It is your turn"`, 5*time.Second)
		if got := w.Title(); got != "It is your turn" {
			t.Errorf("title %q", got)
		}
		if svc.Called("Enter") {
			t.Error("went in by itself")
		}
		w.Shot("turn")
		if errs := w.Errors(); len(errs) > 0 {
			t.Errorf("the browser complains: %v", errs)
		}
	})

	t.Run("from the gathering through the draw to a number", func(t *testing.T) {
		w, svc := start(t, "placed")
		w.WaitForText("22 min")
		w.WaitForText("1,234,567 people have a place so far")
		move(svc, func() { svc.now, svc.state = pagetest.Opening.Add(time.Second), "open" })
		w.Reload()
		w.WaitForText("The order is being drawn")
		move(svc, func() {
			svc.placed(line.Waiting, 4242, 4241, time.Minute, 2*time.Minute)
			svc.doc.Admitted = 0
		})
		w.WaitForText("4,242")
		w.WaitForText("4,241 people ahead of you")
		move(svc, func() { svc.state = walk.StateSoldOut })
		w.WaitForText("All doses there are have been booked")
		move(svc, func() { svc.state = "paused" })
		w.WaitForText("Booking has been paused")
		move(svc, func() { svc.state = "open" })
		w.WaitForText("people ahead of you")
		move(svc, func() { svc.state = "closed" })
		w.WaitForText("Booking has closed")
	})

	t.Run("a lost network keeps the place and opens nothing", func(t *testing.T) {
		w, svc := start(t, "waiting")
		w.WaitForText("123,289 people ahead of you")
		w.Offline(true)
		w.WaitForText("The connection is lost. Your place is safe")
		// The turn comes while the network is away: nothing may open.
		move(svc, func() {
			svc.doc.Admitted = 734600
			svc.placed(line.Admitted, 734512, 0, 0, 0)
		})
		w.WaitForText("734,512")
		if w.Says("It is your turn") || svc.Called("Enter") {
			t.Error("went on without the server")
		}
		w.Shot("lost")
		w.Offline(false)
		w.WaitForText("It is your turn")
		if w.Says("The connection is lost") {
			t.Error("still says that the connection is lost")
		}
	})

	t.Run("a broken store keeps the place too", func(t *testing.T) {
		w, svc := start(t, "waiting")
		w.WaitForText("123,289 people ahead of you")
		move(svc, func() { svc.Fail["line"] = errors.New("down") })
		w.WaitForText("The connection is lost. Your place is safe")
		move(svc, func() { delete(svc.Fail, "line"); svc.doc.Admitted = 634511 })
		w.WaitForText("100,000 people ahead of you")
	})

	t.Run("a ticket that is not known asks for a fresh page", func(t *testing.T) {
		w, svc := start(t, "waiting")
		w.WaitForText("123,289 people ahead of you")
		move(svc, func() { svc.place = nil; svc.doc.Admitted = 734600 })
		w.WaitForText("This page is out of date")
		if w.Says("It is your turn") {
			t.Error("opened the door for an unknown ticket")
		}
	})

	t.Run("the machine's own clock changes nothing", func(t *testing.T) {
		w, svc := start(t, "placed")
		w.WaitForText("22 min")
		var ignored any
		w.Eval(`(Date.now = () => 9e12, new Date().getTime() > 0)`, &ignored)
		move(svc, func() { svc.now = svc.now.Add(2 * time.Second) })
		w.WaitForText("22 min")
		if w.Says("It is your turn") || w.Says("being drawn") {
			t.Error("the page believed the machine's clock")
		}
	})
}

// TestWithoutScript waits as a browser without JavaScript does: the page comes back by itself.
func TestWithoutScript(t *testing.T) {
	browser := journeys.StartBrowser(t)
	svc := newScripted()
	svc.poll = time.Second
	srv := httptest.NewServer(previewHandler(t, svc, pagetest.NewDoorman(svc.now)))
	t.Cleanup(srv.Close)
	w := browser.Visitor(journeys.WithoutScript, journeys.Speaking("en"))
	w.Open(srv.URL + "/as/waiting?l=en&to=/c/age-55-59/wait")
	if !w.Says("123,289 people ahead of you") {
		t.Fatal("no place on the page")
	}
	svc.Mu.Lock()
	svc.placed(line.Admitted, 734512, 0, 0, 0)
	svc.Mu.Unlock()
	w.WaitForText("It is your turn")
	w.ClickText("Go in and book")
	w.WaitForText("Choose a clinic")
	if errs := w.Errors(); len(errs) > 0 {
		t.Errorf("the browser complains: %v", errs)
	}
}
