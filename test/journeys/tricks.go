package journeys

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Prepare has every page that this window loads from now on run a script before its own: what somebody does who changes
// the browser itself.
func (w *Window) Prepare(script string) {
	w.t.Helper()
	w.step("prepare pages", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}

// Size makes the window so many points wide and high, keeping telephones telephones.
func (w *Window) Size(width, height int64, scale float64) {
	w.t.Helper()
	options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(scale)}
	if w.v.phone {
		options = append(options, chromedp.EmulatePortrait, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	w.step("resize", chromedp.EmulateViewport(width, height, options...))
}

// Picture is what the window shows at this moment, as PNG.
func (w *Window) Picture() []byte {
	w.t.Helper()
	return value(w, "take a picture", chromedp.CaptureScreenshot())
}

// Download does something that makes the browser save a file, and gives the file's name and content.
func (w *Window) Download(do func()) (name string, content []byte) {
	w.t.Helper()
	dir := w.t.TempDir()
	w.step("allow downloads", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: "allow", BrowserContextID: chromedp.FromContext(w.ctx).BrowserContextID, DownloadPath: dir,
		})
		return err
	}))
	do()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(stepTimeout); time.Now().Before(end); <-again.C {
		files, err := os.ReadDir(dir)
		if err != nil {
			w.fail("download: %v", err)
		}
		// The browser writes under a name of its own and renames the file when it is whole.
		if len(files) != 1 || strings.HasSuffix(files[0].Name(), ".crdownload") || strings.HasPrefix(files[0].Name(), ".") {
			continue
		}
		name = files[0].Name()
		if content, err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			w.fail("download: %v", err)
		}
		return name, content
	}
	w.fail("nothing was downloaded within %v", stepTimeout)
	return "", nil
}

// Ask sends a request from within the page, with its cookies, and gives the status of the answer and the address it came
// from after redirects. form is sent as a form's fields; nil asks with GET.
func (w *Window) Ask(path string, form map[string]string) (status int, url string) {
	w.t.Helper()
	var answer struct {
		Status int
		URL    string
	}
	// A synchronous request is bad manners in a page, and just right for a test.
	w.Eval(fmt.Sprintf(`(() => {
		const form = %s, x = new XMLHttpRequest();
		x.open(form ? 'POST' : 'GET', %s, false);
		x.send(form ? new URLSearchParams(form) : null);
		return {Status: x.status, URL: x.responseURL};
	})()`, object(form), quote(path)), &answer)
	return answer.Status, answer.URL
}

func object(m map[string]string) string {
	if m == nil {
		return "null"
	}
	fields := make([]string, 0, len(m))
	for k, v := range m {
		fields = append(fields, quote(k)+": "+quote(v))
	}
	return "{" + strings.Join(fields, ", ") + "}"
}
