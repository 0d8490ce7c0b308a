package journeys_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"charye/test/journeys"
)

// TestPictures makes the README's pictures anew, from the demo with its crowd and from a rush:
//
//	CHARYE_E2E=1 CHARYE_PICTURES=docs/pictures go test ./test/journeys -run TestPictures
//
// The directory is relative to the root of the repository. It takes some minutes.
func TestPictures(t *testing.T) {
	dir := os.Getenv("CHARYE_PICTURES")
	if dir == "" {
		t.Skip("makes pictures for the README: set CHARYE_PICTURES to their directory")
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join("..", "..", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	keep := func(t *testing.T, name string, png []byte) {
		t.Helper()
		if len(png) > 300_000 {
			t.Errorf("%s has %d bytes, more than a README should load", name, len(png))
		}
		if err := os.WriteFile(filepath.Join(dir, name), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := journeys.StartBrowser(t)
	t.Run("rush", func(t *testing.T) { keep(t, "rush.png", rushPicture(t, b.For(t))) })
	t.Run("box", func(t *testing.T) { keep(t, "box.png", boxPicture(t, b.For(t))) })
	t.Run("demo", func(t *testing.T) {
		c := journeys.StartCharye(t, "demo", "--people", "4000")
		early := telephoneAt(b.For(t), c.URL, "ko", someone{"박순자", "1964-03-15"})
		// Somebody who comes after the opening has a long way to go.
		waitForCrowd(t, c.URL)
		late := telephoneAt(b.For(t), c.URL, "ko", someone{"이동수", "1966-11-02"})
		english := telephoneAt(b.For(t), c.URL, "en", someone{"이동수", "1966-11-02"})
		for name, w := range map[string]*journeys.Window{"waiting.png": late, "waiting-en.png": english} {
			// A bar that has begun to move, and an estimate that rests on what was measured.
			untilMeasured(t, w)
			keep(t, name, w.Picture())
		}

		early.WaitUntil("the turn", `!document.querySelector('[data-part="turn"]').hidden`, 4*time.Minute)
		goIn(early)
		early.Set("#region", "서울특별시")
		early.ClickText("찾기")
		early.WaitUntil("sites of Seoul", `location.search.includes('region=')`, 30*time.Second)
		early.Click(".sites li:nth-child(2) a")
		early.WaitFor("form .radio")
		early.Click(".days li:nth-child(9) a")
		early.WaitUntil("another day", `!!document.querySelector('.days li:nth-child(9) [aria-current]')`, 30*time.Second)
		early.Click("form .radio:not(.off)")
		// The days and the times of one of them, with the choice made: the middle of a page that is longer than a telephone.
		early.Eval(`(() => {
			document.activeElement.blur();
			scrollTo(0, document.querySelector('.days li:nth-child(7)').getBoundingClientRect().top + scrollY - 8);
			return 1;
		})()`, new(int))
		keep(t, "booking.png", early.Picture())
	})
}

// telephoneAt joins the demo's first campaign.
func telephoneAt(b *journeys.Browser, url, lang string, p someone) *journeys.Window {
	w := b.Visitor(journeys.OnPhone, journeys.Speaking(lang))
	w.Open(url + "/sign-in?return=/c/adults")
	signIn(w, p)
	w.WaitFor(`form[action$="/join"], .card.good a.button`)
	w.Click(`form[action$="/join"] button, .card.good a.button`)
	w.WaitFor("#wait")
	return w
}

// untilMeasured looks at the waiting page again and again until it knows how long the wait is.
func untilMeasured(t *testing.T, w *journeys.Window) {
	t.Helper()
	again := time.NewTicker(3 * time.Second)
	defer again.Stop()
	for end := time.Now().Add(4 * time.Minute); ; <-again.C {
		w.Reload()
		if has(w, `+document.getElementById('bar').value > 20 && /[0-9].*(분|minutes)/.test(document.getElementById('estimate').textContent)`) {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the wait is not measured")
		}
	}
}

// waitForCrowd waits until the demo is open and most of its crowd has come.
func waitForCrowd(t *testing.T, url string) {
	t.Helper()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for end := time.Now().Add(3 * time.Minute); ; <-again.C {
		res, err := http.Get(url + "/api/v1/campaigns/adults/line")
		if err != nil {
			t.Fatal(err)
		}
		var d lineDoc
		err = json.NewDecoder(res.Body).Decode(&d)
		_ = res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if d.State == "open" && d.Joined > 2500 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the crowd does not come: %+v", d)
		}
	}
}

// boxPicture is where a box froze, on its chart.
func boxPicture(t *testing.T, b *journeys.Browser) []byte {
	t.Helper()
	s := frozenWorld(t, time.Now())
	w := b.Visitor(journeys.Speaking("en"))
	w.Size(1000, 760, 1)
	w.Open(s.URL + "/supply")
	clerkSignsIn(w, "나물류", "logistics", "", true)
	w.WaitFor("#stock")
	s.until("the alarm", func() bool { w.Reload(); return w.Says("May have frozen") })
	w.Open(s.URL + "/supply/boxes/" + boxOf(3))
	w.WaitFor("#plot canvas")
	w.Eval(`(scrollTo(0, document.querySelector("#drawing").previousElementSibling.getBoundingClientRect().top + scrollY - 16), 1)`, new(int))
	return w.Picture()
}

// rushPicture has a rush and shows the top of its report.
func rushPicture(t *testing.T, b *journeys.Browser) []byte {
	t.Helper()
	dir := t.TempDir()
	report := filepath.Join(dir, "rush.html")
	run(t, "rush", "--embedded", "--people", "10000", "--html", report)
	w := b.Visitor()
	w.Size(1100, 1180, 1)
	w.Open("file://" + report)
	w.WaitFor("figure svg")
	return w.Picture()
}
