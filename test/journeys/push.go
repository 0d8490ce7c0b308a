package journeys

import (
	"context"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"
)

// AllowMessages lets pages of an origin show notifications, as somebody does who says yes when the browser asks.
func (w *Window) AllowMessages(origin string) {
	w.t.Helper()
	w.step("allow messages", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: "notifications"}, Setting: browser.PermissionSettingGranted, Origin: origin,
			BrowserContextID: chromedp.FromContext(w.ctx).BrowserContextID,
		})
		return err
	}))
}

// Push hands a message to the worker of an origin, decrypted, as the browser does when one comes from its push service.
func (w *Window) Push(origin, data string) {
	w.t.Helper()
	found := make(chan serviceworker.RegistrationID, 1)
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	err := chromedp.Listen(ctx, func(ev any) {
		u, ok := ev.(*serviceworker.EventWorkerRegistrationUpdated)
		if !ok {
			return
		}
		for _, r := range u.Registrations {
			if r.ScopeURL == origin+"/" && !r.IsDeleted {
				select {
				case found <- r.RegistrationID:
				default:
				}
			}
		}
	})
	if err != nil {
		w.fail("listen to workers: %v", err)
	}
	call := func(what string, f func(ctx context.Context, target *chromedp.Target) error) {
		w.step(what, chromedp.Func(f))
	}
	call("look at workers", func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, serviceworker.Enable, cdp.Empty{})
		return err
	})
	select {
	case id := <-found:
		call("push a message", func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{Origin: origin, RegistrationID: id, Data: data})
			if err == nil { // workers are told of when looking begins
				_, err = cdp.Call(ctx, target, serviceworker.Disable, cdp.Empty{})
			}
			return err
		})
	case <-time.After(stepTimeout):
		w.fail("no worker with the scope %s/", origin)
	}
}
