// Package journeys drives the built program from outside, as people do: a real browser ([StartBrowser]) and the real
// binary ([StartCharye]). The journeys themselves are its external tests.
//
// It owns starting, watching and stopping both, and windows that behave like those of people: several visitors who know
// nothing of each other, telephones, browsers without JavaScript, lost networks. It must not know how Charye works inside.
//
// Environment:
//
//	CHARYE_E2E=1        run what needs a browser or takes long; without it such tests skip (make e2e sets it)
//	CHARYE_CHROMIUM     the browser to use; default: chromium, chromium-browser or google-chrome in PATH
//	CHARYE_SHOTS=DIR    keep screenshots there: those that journeys take, and one of each failure
package journeys

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"charye/test/program"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// stepTimeout bounds each step of a window: long enough for a busy machine, short enough that a stuck journey ends.
const stepTimeout = 30 * time.Second

// NeedE2E skips the test unless CHARYE_E2E is set.
func NeedE2E(t testing.TB) {
	t.Helper()
	program.NeedE2E(t)
}

// Browser is one running browser. Its visitors share nothing but the process.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// StartBrowser starts a headless browser that ends with the test. The test skips without CHARYE_E2E, and fails when that
// is set but there is no browser.
func StartBrowser(t testing.TB) *Browser {
	t.Helper()
	NeedE2E(t)
	path, err := findBrowser()
	if err != nil {
		t.Fatal(err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // the tests run as root in containers, and visit nothing but themselves
		chromedp.DisableGPU,
		chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		// Names of the outside world do not resolve: a page that loads anything from elsewhere shows as broken.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1"),
		chromedp.Flag("lang", "ko-KR"),
	)
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(func() {
		// Cancel ends the browser in good order and waits, so that the user data directory is free to go.
		_ = chromedp.Cancel(ctx)
		cancel()
		cancelAlloc()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Browser{t: t, ctx: ctx}
}

// For is the same browser for a subtest: its windows fail that test and close at its end.
func (b *Browser) For(t testing.TB) *Browser { return &Browser{t: t, ctx: b.ctx} }

func findBrowser() (string, error) {
	if path := os.Getenv("CHARYE_CHROMIUM"); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("CHARYE_CHROMIUM: %w", err)
		}
		return found, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no browser: run scripts/need-chromium, or name one with CHARYE_CHROMIUM")
}

// VisitorOption says what kind of visitor comes.
type VisitorOption func(*visitor)

type visitor struct {
	phone, noScript bool
	languages       string
}

// OnPhone is a telephone of 390 by 844 points with touch.
func OnPhone(v *visitor) { v.phone = true }

// WithoutScript is a browser with JavaScript switched off.
func WithoutScript(v *visitor) { v.noScript = true }

// Speaking sets the languages that the browser asks for, such as "en"; the default is Korean.
func Speaking(languages string) VisitorOption {
	return func(v *visitor) { v.languages = languages }
}

// Visitor opens a window of somebody new: no cookies and no storage of anybody else.
func (b *Browser) Visitor(options ...VisitorOption) *Window {
	b.t.Helper()
	v := visitor{languages: "ko-KR,ko"}
	for _, o := range options {
		o(&v)
	}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(cancel)
	return openWindow(b.t, ctx, v)
}

// Window is one window (tab) of a visitor. Its methods fail the test when a step does not succeed in time. One goroutine
// at a time.
type Window struct {
	t   testing.TB
	ctx context.Context
	v   visitor

	mu     sync.Mutex
	errors []string
}

func openWindow(t testing.TB, ctx context.Context, v visitor) *Window {
	t.Helper()
	w := &Window{t: t, ctx: ctx, v: v}
	// The first Run makes the window; a timeout on it would be the timeout of the whole window.
	if err := chromedp.Listen(ctx, w.listen); err != nil {
		t.Fatalf("open a window: %v", err)
	}
	w.step("set up the window", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
			Headers: network.Headers{"Accept-Language": v.languages},
		})
		if err != nil || !v.noScript {
			return err
		}
		_, err = cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	if v.phone {
		w.step("become a telephone", chromedp.EmulateViewport(390, 844,
			chromedp.EmulateScale(2), chromedp.EmulatePortrait, chromedp.EmulateMobile, chromedp.EmulateTouch))
	}
	return w
}

// NewWindow opens another window of the same visitor: the same cookies and storage.
func (w *Window) NewWindow() *Window {
	w.t.Helper()
	id := chromedp.FromContext(w.ctx).BrowserContextID
	ctx, cancel := chromedp.NewContext(w.ctx, chromedp.WithExistingBrowserContext(id))
	w.t.Cleanup(cancel)
	return openWindow(w.t, ctx, w.v)
}

func (w *Window) listen(ev any) {
	var msg string
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		msg = ev.ExceptionDetails.Text
		if ex := ev.ExceptionDetails.Exception; ex != nil {
			msg += " " + ex.Description
		}
	case *log.EventEntryAdded:
		if ev.Entry.Level != log.EntryLevelError {
			return
		}
		msg = strings.TrimSpace(ev.Entry.Text + " " + ev.Entry.URL)
	default:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errors = append(w.errors, msg)
}

// Errors lists what the page complained of so far: uncaught exceptions, refused content, requests that failed or were
// answered with an error status.
func (w *Window) Errors() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.errors...)
}

// step runs actions under stepTimeout and fails the test, with a picture, when they do not succeed.
func (w *Window) step(what string, actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, stepTimeout)
	defer cancel()
	if err := whileReplaced(ctx, func() error { return chromedp.Do(ctx, actions...) }); err != nil {
		w.fail("%s: %v", what, err)
	}
}

// whileReplaced does something again while the element that it was about to touch is gone, because the page was just replaced by the
// next one: nothing was touched then. A load that was broken off by the page's own is done again too.
func whileReplaced(ctx context.Context, do func() error) error {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := do()
		if err == nil || !strings.Contains(err.Error(), "Could not find node with given id") && !strings.Contains(err.Error(), "page load error net::ERR_ABORTED") {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-again.C:
		}
	}
}

// fail ends the test with the address, the page's complaints and a picture.
func (w *Window) fail(format string, args ...any) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
	defer cancel()
	msg := fmt.Sprintf(format, args...)
	if at, err := chromedp.Run(ctx, chromedp.Location()); err == nil {
		msg += "\nat " + at
	}
	if text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body ? document.body.innerText : ''")); err == nil {
		if len(text) > 2000 {
			text = text[:2000] + " …"
		}
		msg += "\nthe page says:\n" + text
	}
	if errs := w.Errors(); len(errs) > 0 {
		msg += "\nthe browser complains:\n" + strings.Join(errs, "\n")
	}
	if file, err := w.shoot(ctx, "failed"); err == nil && file != "" {
		msg += "\npicture: " + file
	}
	w.t.Fatal(msg)
}

// shoot writes a picture of the whole page when CHARYE_SHOTS is set and gives its path.
func (w *Window) shoot(ctx context.Context, name string) (string, error) {
	dir := os.Getenv("CHARYE_SHOTS")
	if dir == "" {
		return "", nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return "", err
	}
	name = strings.NewReplacer("/", "-", " ", "-").Replace(w.t.Name() + "-" + name)
	file := filepath.Join(dir, name+".png")
	return file, os.WriteFile(file, png, 0o644)
}
