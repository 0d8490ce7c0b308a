package web

import (
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"charye/line"
	"charye/notify"
	"charye/test/journeys"
	"charye/web/page"
	"charye/web/page/pagetest"
)

func TestContactPage(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	b := signedIn(t, svc)
	pagetest.WantPage(t, b.Get("/contact"), 200, "알림 받기", "보낸 알림", "예약 확정")

	pagetest.WantPage(t, b.Post("/contact", "phone", "12", "mail", "nobody"), 200, "휴대전화 번호를 확인해 주세요", "전자우편 주소를 확인해 주세요", `value="12"`, `aria-invalid="true"`)
	if svc.Called("SetContact") {
		t.Fatal("a wrong address was kept")
	}
	pagetest.WantRedirect(t, b.Post("/contact", "phone", "010-1234-5678", "mail", "kim@example.org"), "/contact?done=saved")
	if got := svc.told; got.Lang != "ko" || len(got.Addresses) != 2 || got.Addresses[0].Channel != notify.Text {
		t.Errorf("kept %+v", got)
	}
	pagetest.WantPage(t, b.Get("/contact?done=saved"), 200, "저장했습니다", "010-1234-5678", "kim@example.org")
	pagetest.WantRedirect(t, b.Post("/contact"), "/contact?done=removed")
	w := b.Get("/contact?done=saved")
	if strings.Contains(w.Body.String(), "저장했습니다") {
		t.Error("the page says saved, and nothing is")
	}
	pagetest.WantPage(t, b.Get("/contact?done=removed"), 200, "지웠습니다")
}

func TestContactNeedsSignIn(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	b := open(t, svc, pagetest.NewDoorman(svc.now), Options{})
	for _, w := range []int{
		b.Get("/contact").Code, b.Post("/contact", "phone", "010-1234-5678").Code, b.Post("/contact/device/remove").Code,
	} {
		if w != 303 {
			t.Errorf("status %d without a session, want a way to sign in", w)
		}
	}
	if svc.Called("Contact") || svc.Called("SetContact") || svc.Called("RemoveDevices") {
		t.Error("somebody who is not signed in reached a contact")
	}
}

// testPushKey and the subscription are those of the example of RFC 8291.
const testPushKey = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"

var subscribed = notify.Subscription{
	Endpoint: "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
	P256dh:   "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
	Auth:     "BTBZMqHH6r4Tts7J_aSIgg",
}

func TestDevices(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	b := signedIn(t, svc)
	if w := b.Get("/contact"); strings.Contains(w.Body.String(), "contact.js") || strings.Contains(w.Body.String(), `id="device"`) {
		t.Error("devices are offered where there is no way to tell them")
	}
	if w := b.Post("/contact/device", "endpoint", subscribed.Endpoint, "p256dh", subscribed.P256dh, "auth", subscribed.Auth); w.Code != 404 || svc.Called("AddDevice") {
		t.Errorf("status %d for a device where there is no way to tell it", w.Code)
	}

	b = open(t, svc, pagetest.NewDoorman(svc.now), Options{PushKey: testPushKey})
	b.Cookies[page.CookieSession] = "token"
	w := b.Get("/contact")
	pagetest.WantPage(t, w, 200, `<section id="device" data-key="`+testPushKey+`" hidden>`, "/assets/contact.")
	if strings.Contains(w.Body.String(), "기기 알림 모두 끄기") {
		t.Error("there is no device to stop telling")
	}
	pagetest.WantPage(t, b.Post("/contact/device", "endpoint", "https://10.0.0.1/x", "p256dh", subscribed.P256dh, "auth", subscribed.Auth), 200, "이 기기에서 온 정보가 올바르지 않습니다")
	pagetest.WantRedirect(t, b.Post("/contact/device", "endpoint", subscribed.Endpoint, "p256dh", subscribed.P256dh, "auth", subscribed.Auth), "/contact?done=device")
	if got := svc.told.Devices(); len(got) != 1 || got[0] != subscribed.Address() {
		t.Errorf("kept %v", got)
	}
	w = b.Get("/contact?done=device")
	pagetest.WantPage(t, w, 200, "이 기기에서 알림을 받습니다", "알림을 받는 기기: 1대")
	if strings.Contains(w.Body.String(), subscribed.Auth) || strings.Contains(w.Body.String(), "push.example.net") {
		t.Error("the page tells the subscription")
	}
	pagetest.WantRedirect(t, b.Post("/contact", "phone", "010-1234-5678"), "/contact?done=saved")
	if len(svc.told.Addresses) != 2 {
		t.Errorf("a new telephone number leaves %v", svc.told.Addresses)
	}
	pagetest.WantRedirect(t, b.Post("/contact/device/remove"), "/contact?done=saved")
	if len(svc.told.Devices()) != 0 || len(svc.told.Addresses) != 1 {
		t.Errorf("without devices: %v", svc.told.Addresses)
	}
	pagetest.WantRedirect(t, b.Get("/contact/device"), "/contact")
}

// TestWaitingPageLeadsToMessages: where people are told when their turn comes the waiting page says how, and nowhere else.
func TestWaitingPageLeadsToMessages(t *testing.T) {
	t.Parallel()
	for within, want := range map[time.Duration]bool{0: false, 15 * time.Minute: true} {
		svc := newScripted()
		svc.placed(line.Waiting, 734512, 123289, 2*time.Minute, 4*time.Minute)
		svc.programme.Messages.Near.Within = within
		w := signedIn(t, svc).Get("/c/age-55-59/wait")
		if got := strings.Contains(w.Body.String(), `href="/contact"`); w.Code != 200 || got != want {
			t.Errorf("near %v: status %d, leads to messages: %v", within, w.Code, got)
		}
	}
}

// TestPushWorker: the worker's script lies above all pages and under the pages' policy.
func TestPushWorker(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	w := signedIn(t, svc).Get("/push.js")
	h := w.Header()
	if w.Code != 200 || h.Get("Content-Type") != "text/javascript; charset=utf-8" || h.Get("Cache-Control") != "no-cache" ||
		!strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'; ") || !strings.Contains(w.Body.String(), "notificationclick") {
		t.Errorf("status %d, %v", w.Code, h)
	}
}

// TestContactScript has a real browser turn messages on, with a push service that is made up: headless browsers have none. The
// permission, the worker, the push event and the notification are the browser's own.
func TestContactScript(t *testing.T) {
	browser := journeys.StartBrowser(t)
	start := func(t *testing.T, options ...journeys.VisitorOption) (*journeys.Window, *scripted, string) {
		t.Helper()
		svc := newScripted()
		srv := httptest.NewServer(previewHandler(t, svc, pagetest.NewDoorman(svc.now)))
		t.Cleanup(srv.Close)
		return browser.For(t).Visitor(append(options, journeys.Speaking("en"))...), svc, srv.URL
	}
	const page = "/as/waiting?l=en&to=/contact"
	stub := func(how string) string {
		return `PushManager.prototype.getSubscription = () => Promise.resolve(null);
			PushManager.prototype.subscribe = function (o) {
				localStorage.asked = o.userVisibleOnly + " " + btoa(String.fromCharCode.apply(null, new Uint8Array(o.applicationServerKey)));
				return ` + how + `;
			};`
	}
	subscribes := stub(fmt.Sprintf(`Promise.resolve({ endpoint: %q, toJSON: () => ({ keys: { p256dh: %q, auth: %q } }) })`, subscribed.Endpoint, subscribed.P256dh, subscribed.Auth))

	t.Run("turned on, a message comes", func(t *testing.T) {
		w, svc, url := start(t, journeys.OnPhone)
		w.AllowMessages(url)
		w.Prepare(subscribes)
		w.Open(url + page)
		w.Shot("device")
		w.Click("#device-on")
		w.WaitForText("You are told on this device")
		w.WaitForText("Devices that are told: 1")
		if got := svc.told.Devices(); len(got) != 1 || got[0] != subscribed.Address() {
			t.Errorf("kept %v", got)
		}
		var asked string
		w.Eval("localStorage.asked", &asked)
		if key, err := base64.RawURLEncoding.DecodeString(testPushKey); err != nil || asked != "true "+base64.StdEncoding.EncodeToString(key) {
			t.Errorf("asked the push service for %s, %v", asked, err)
		}
		push := func(title, link, tag string) {
			w.Push(url, fmt.Sprintf(`{"title":%q,"body":"Sign in.","url":%q,"tag":%q}`, title, link, tag))
		}
		shown := func(want string) {
			t.Helper()
			w.WaitUntil("the notification "+want, `(navigator.serviceWorker.ready.then(r => r.getNotifications()).then(l => {
				window.shown = l.map(n => n.title + "|" + n.body + "|" + n.data).join(";");
			}), window.shown === "`+want+`")`, 10*time.Second)
		}
		push("Your turn is near", url+"/c/age-55-59", "1")
		shown("Your turn is near|Sign in.|" + url + "/c/age-55-59")
		push("It is your turn", "https://elsewhere.example/", "1") // the same message again, and an address that is not ours
		shown("It is your turn|Sign in.|/")
		w.Click(`form[action="/contact/device/remove"] button`)
		w.WaitForText("Removed.")
		if errs := w.Errors(); len(errs) > 0 {
			t.Errorf("the browser complains: %v", errs)
		}
	})

	t.Run("the browser says no", func(t *testing.T) {
		w, svc, url := start(t)
		w.Prepare(subscribes) // and headless browsers allow no messages by themselves
		w.Open(url + page)
		w.Click("#device-on")
		w.WaitForText("The browser does not allow messages")
		if svc.Called("AddDevice") {
			t.Error("a device was added")
		}
	})

	t.Run("there is no push service", func(t *testing.T) {
		w, svc, url := start(t)
		w.AllowMessages(url)
		w.Prepare(stub(`Promise.reject(new DOMException("no push service", "AbortError"))`))
		w.Open(url + page)
		w.Click("#device-on")
		w.WaitForText("Messages cannot be turned on in this browser now")
		if svc.Called("AddDevice") {
			t.Error("a device was added")
		}
	})

	t.Run("without script nothing is offered", func(t *testing.T) {
		w, _, url := start(t, journeys.WithoutScript)
		w.Open(url + page)
		if w.Says("Tell me on this device") {
			t.Error("a button shows that would do nothing")
		}
	})
}
