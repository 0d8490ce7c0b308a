package journeys

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Selectors are CSS.

// Open goes to an address and waits until the page is loaded.
func (w *Window) Open(url string) {
	w.t.Helper()
	w.step("open "+url, chromedp.Navigate(url))
}

// TryOpen goes to an address and gives the error instead of failing, for a network that is lost.
func (w *Window) TryOpen(url string) error {
	ctx, cancel := context.WithTimeout(w.ctx, stepTimeout)
	defer cancel()
	return chromedp.Do(ctx, chromedp.Navigate(url))
}

// Reload loads the page again.
func (w *Window) Reload() {
	w.t.Helper()
	w.step("reload", chromedp.Reload())
}

// Back goes back one page.
func (w *Window) Back() {
	w.t.Helper()
	w.step("go back", chromedp.NavigateBack())
}

// URL is the address that the window shows.
func (w *Window) URL() string {
	w.t.Helper()
	return value(w, "read the address", chromedp.Location())
}

// Title is the page's title.
func (w *Window) Title() string {
	w.t.Helper()
	return value(w, "read the title", chromedp.Title())
}

// Click waits for an element to be visible and clicks it.
func (w *Window) Click(selector string) {
	w.t.Helper()
	w.step("click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// ClickText clicks the first visible link or button that says text.
func (w *Window) ClickText(text string) {
	w.t.Helper()
	// The element is marked from the page's side and clicked from the browser's: the click is a real one.
	mark := fmt.Sprintf(`(() => {
		document.querySelectorAll('[data-journey]').forEach(e => e.removeAttribute('data-journey'));
		const e = [...document.querySelectorAll('a, button, summary, label, input[type=submit]')].find(
			e => e.getClientRects().length && (e.innerText || e.value || '').includes(%s));
		if (e) e.setAttribute('data-journey', '');
		return !!e;
	})()`, quote(text))
	w.until("a link or button that says "+text, mark)
	w.Click("[data-journey]")
}

// Type replaces what a text field holds, key by key.
func (w *Window) Type(selector, text string) {
	w.t.Helper()
	sel := chromedp.CSS(selector)
	w.step("type into "+selector, chromedp.WaitVisible(sel), chromedp.Clear(sel), chromedp.SendKeys(sel, text))
}

// Set gives a field of another kind (date, time, select, range) its value and tells the page so.
func (w *Window) Set(selector, val string) {
	w.t.Helper()
	w.step("wait for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
	w.until("set "+selector, fmt.Sprintf(`(() => {
		const e = document.querySelector(%s);
		e.value = %s;
		for (const kind of ['input', 'change']) e.dispatchEvent(new Event(kind, {bubbles: true}));
		return e.value === %s;
	})()`, quote(selector), quote(val), quote(val)))
}

// Press sends keys to whatever has the focus; github.com/chromedp/chromedp/kb names the special ones.
func (w *Window) Press(keys string) {
	w.t.Helper()
	w.step("press keys", chromedp.KeyEvent(keys))
}

// Text is the visible text of the first element, which it waits for.
func (w *Window) Text(selector string) string {
	w.t.Helper()
	return value(w, "read "+selector, chromedp.Text(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Attribute is an attribute of the first element, which it waits for; empty when it has none.
func (w *Window) Attribute(selector, name string) string {
	w.t.Helper()
	return value(w, "read "+selector, chromedp.AttributeValue(chromedp.CSS(selector), name)).Value
}

// Has reports whether an element is on the page at this moment.
func (w *Window) Has(selector string) bool {
	w.t.Helper()
	return value(w, "look for "+selector, chromedp.Evaluate[bool](fmt.Sprintf(`!!document.querySelector(%s)`, quote(selector))))
}

// Says reports whether the page shows text at this moment.
func (w *Window) Says(text string) bool {
	w.t.Helper()
	return value(w, "read the page", chromedp.Evaluate[bool](says(text)))
}

// WaitFor waits until an element is visible.
func (w *Window) WaitFor(selector string) {
	w.t.Helper()
	w.until(selector, fmt.Sprintf(`(() => {
		const e = document.querySelector(%s);
		return !!e && e.getClientRects().length > 0;
	})()`, quote(selector)))
}

// WaitForText waits until the page shows text, and all of it is there: on a busy machine its beginning is shown before its end has
// come.
func (w *Window) WaitForText(text string) {
	w.t.Helper()
	w.until(fmt.Sprintf("text %q", text), "document.readyState !== 'loading' && ("+says(text)+")")
}

// WaitUntil waits until a JavaScript expression is true, over as many page loads as it takes and for as long as within.
func (w *Window) WaitUntil(what, expression string, within time.Duration) {
	w.t.Helper()
	w.untilWithin(what, expression, within)
}

// Eval gives the JSON value of a JavaScript expression.
func (w *Window) Eval(expression string, into any) {
	w.t.Helper()
	text := value(w, "evaluate", chromedp.Evaluate[string]("JSON.stringify("+expression+")"))
	if err := json.Unmarshal([]byte(text), into); err != nil {
		w.fail("evaluate %s: %v", expression, err)
	}
}

// Do runs chromedp actions that the methods here do not cover.
func (w *Window) Do(what string, actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	w.step(what, actions...)
}

// Offline takes the window's network away, or gives it back: requests fail and the page is told that it is offline.
func (w *Window) Offline(off bool) {
	w.t.Helper()
	w.step("switch the network", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: off, DownloadThroughput: -1, UploadThroughput: -1}},
		})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, target, network.OverrideNetworkState, network.OverrideNetworkStateParams{
			Offline: off, DownloadThroughput: -1, UploadThroughput: -1,
		})
		return err
	}))
}

// Shot keeps a picture of the whole page under CHARYE_SHOTS, if that is set.
func (w *Window) Shot(name string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, stepTimeout)
	defer cancel()
	if _, err := w.shoot(ctx, name); err != nil {
		w.fail("take a picture: %v", err)
	}
}

// Close closes the window; the visitor's other windows stay.
func (w *Window) Close() {
	w.t.Helper()
	if err := chromedp.Cancel(w.ctx); err != nil {
		w.t.Fatalf("close the window: %v", err)
	}
}

func (w *Window) until(what, expression string) {
	w.t.Helper()
	w.untilWithin(what, expression, stepTimeout)
}

// untilWithin asks again and again from outside: unlike a promise within the page it outlives the page's reloads.
func (w *Window) untilWithin(what, expression string, within time.Duration) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, within)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		// An error here is a page that is just being replaced; the deadline ends what is really broken.
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		if ok && err == nil {
			return
		}
		select {
		case <-ctx.Done():
			if err != nil {
				w.fail("waited %v for %s: %v", within, what, err)
			}
			w.fail("waited %v for %s", within, what)
			return
		case <-again.C:
		}
	}
}

func value[T any](w *Window, what string, a chromedp.Action[T]) T {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, stepTimeout)
	defer cancel()
	var v T
	err := whileReplaced(ctx, func() (err error) {
		v, err = chromedp.Run(ctx, a)
		return err
	})
	if err != nil {
		w.fail("%s: %v", what, err)
	}
	return v
}

func says(text string) string {
	return fmt.Sprintf(`!!document.body && document.body.innerText.includes(%s)`, quote(text))
}

// quote makes a JavaScript string literal.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		// Unreachable: every string has a JSON form.
		panic(err)
	}
	return strings.ReplaceAll(string(b), "\u2028", `\u2028`)
}
