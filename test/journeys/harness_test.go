package journeys_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"charye/test/journeys"

	"github.com/chromedp/chromedp/kb"
)

func TestMain(m *testing.M) { journeys.Main(m) }

// smallSite is a page with a form, a script and a cookie: enough to see that the harness does what it says.
func smallSite(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		who := "nobody"
		if c, err := r.Cookie("who"); err == nil {
			who = c.Value
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><meta name=viewport content="width=device-width"><title>차례</title>
<p id=who>%s</p><p id=lang>%s</p><p id=script>script is off</p>
<form action=/name method=post><input id=name name=who><input id=born type=date name=born><button>보내기</button></form>
<script>
document.getElementById('script').textContent = 'script is on';
addEventListener('offline', () => document.getElementById('script').textContent = 'the network is lost');
</script>`, who, r.Header.Get("Accept-Language"))
	})
	mux.HandleFunc("POST /name", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "who", Value: r.FormValue("who") + "/" + r.FormValue("born"), Path: "/"})
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, `<p>broken</p><script>throw new Error("this page is broken")</script>`)
	})
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestBrowserHarness(t *testing.T) {
	t.Parallel()
	b := journeys.StartBrowser(t)
	s := smallSite(t)

	fill := func(w *journeys.Window, name string) {
		w.Open(s.URL)
		w.Type("#name", name)
		w.Set("#born", "1964-07-01")
		w.ClickText("보내기")
		w.WaitForText(name + "/1964-07-01")
	}

	first := b.Visitor()
	fill(first, "first")
	if got := first.Text("#script"); got != "script is on" {
		t.Errorf("with scripts the page says %q", got)
	}
	if got := first.Title(); got != "차례" {
		t.Errorf("title is %q", got)
	}
	if got := first.Text("#lang"); !strings.HasPrefix(got, "ko") {
		t.Errorf("the browser asks for %q, want Korean", got)
	}

	t.Run("a second window is the same visitor", func(t *testing.T) {
		second := first.NewWindow()
		second.Open(s.URL)
		if got := second.Text("#who"); got != "first/1964-07-01" {
			t.Errorf("the second window knows %q", got)
		}
		second.Close()
		first.Reload()
		if got := first.Text("#who"); got != "first/1964-07-01" {
			t.Errorf("after closing the second window the first knows %q", got)
		}
	})

	t.Run("another visitor shares nothing", func(t *testing.T) {
		other := b.For(t).Visitor(journeys.Speaking("en"))
		other.Open(s.URL)
		if got := other.Text("#who"); got != "nobody" {
			t.Errorf("another visitor is known as %q", got)
		}
		if got := other.Text("#lang"); got != "en" {
			t.Errorf("the browser asks for %q, want en", got)
		}
	})

	t.Run("without JavaScript", func(t *testing.T) {
		w := b.For(t).Visitor(journeys.WithoutScript)
		fill(w, "plain")
		if got := w.Text("#script"); got != "script is off" {
			t.Errorf("the page says %q", got)
		}
	})

	t.Run("a telephone, by keyboard, with a picture", func(t *testing.T) {
		dir := t.TempDir()
		if os.Getenv("CHARYE_SHOTS") != "" {
			dir = os.Getenv("CHARYE_SHOTS")
		} else if err := os.Setenv("CHARYE_SHOTS", dir); err != nil {
			t.Fatal(err)
		} else {
			t.Cleanup(func() { _ = os.Unsetenv("CHARYE_SHOTS") })
		}
		w := b.For(t).Visitor(journeys.OnPhone)
		w.Open(s.URL)
		var size [2]int
		w.Eval("[innerWidth, innerHeight]", &size)
		if size != [2]int{390, 844} {
			t.Errorf("the telephone is %v, want 390 by 844", size)
		}
		w.Click("#name")
		w.Press("phone" + kb.Enter)
		w.WaitForText("phone/")
		w.Shot("telephone")
		shots, err := filepath.Glob(filepath.Join(dir, "*telephone.png"))
		if err != nil || len(shots) == 0 {
			t.Errorf("no picture was kept: %v", err)
		}
	})

	t.Run("a lost network", func(t *testing.T) {
		w := b.For(t).Visitor()
		w.Open(s.URL)
		w.Offline(true)
		w.WaitForText("the network is lost")
		if err := w.TryOpen(s.URL); err == nil {
			t.Error("a page was loaded without a network")
		}
		w.Offline(false)
		w.Open(s.URL)
		w.WaitForText("script is on")
	})

	t.Run("a broken page is noticed", func(t *testing.T) {
		w := b.For(t).Visitor()
		w.Open(s.URL + "/broken")
		w.WaitForText("broken")
		if errs := w.Errors(); !strings.Contains(strings.Join(errs, "\n"), "this page is broken") {
			t.Errorf("the exception of the page was not seen; errors: %q", errs)
		}
		if errs := first.Errors(); len(errs) > 0 {
			t.Errorf("the sound page has errors: %q", errs)
		}
	})
}
