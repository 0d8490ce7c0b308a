package journeys_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"charye/test/journeys"
)

// The attacks are the five ways around the line of July 2021: several windows (see twoDevices), the inner page's address,
// the PC's clock, the console, and the lost network.

// beforeTheTurn opens the inner pages by their addresses and sends their forms, before the opening and before the turn.
func beforeTheTurn(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, narrow)
	guest := s.holdTheDoor()
	slot := guest.slot("s1")
	w := b.Visitor()
	s.join(w, "later", sunja)
	attackPages(t, s, w, "later", slot)
	w.Open(s.URL + "/c/later/wait")
	w.WaitForText("자리를 맡았습니다")

	w.Open(s.URL + "/c/main")
	w.Click(`form[action$="/join"] button`)
	w.WaitFor("#number")
	number := w.Text("#number")
	attackPages(t, s, w, "main", slot)
	w.Open(s.URL + "/c/main/wait")
	if got := w.Text("#number"); got != number {
		t.Errorf("the attacks made number %s out of %s", got, number)
	}
	nobodyGotIn(t, s, w)

	// Who has no place at all gets no further.
	other := b.Visitor()
	s.arrive(other, "main", dongsu)
	attackPages(t, s, other, "main", slot)
	// Nor does who is not signed in.
	stranger := b.Visitor()
	stranger.Open(s.URL)
	for _, page := range []string{"enter", "hold", "confirm"} {
		if status, at := stranger.Ask("/c/main/"+page, map[string]string{"slot": slot}); status != 200 || !strings.Contains(at, "/sign-in") {
			t.Errorf("%s by a stranger: %d at %s", page, status, at)
		}
	}
	nobodyGotIn(t, s, other)

	// Waiting honestly still works.
	guest.book()
	s.untilTurn(w)
	goIn(w)
	chooseAndConfirm(w)
	w.WaitForText("예약이 확정되었습니다")
}

func attackPages(t *testing.T, s *world, w *journeys.Window, campaign, slot string) {
	t.Helper()
	at := s.URL + "/c/" + campaign
	w.Open(at + "/sites")
	if !w.Says("지금은 둘러보기만 할 수 있습니다") {
		t.Errorf("%s: the list of sites does not say that it is for looking only", campaign)
	}
	w.Open(at + "/sites/s1")
	if w.Has(".sticky button") || !w.Says("차례가 되어 들어온 뒤에") {
		t.Errorf("%s: a site offers to choose a time", campaign)
	}
	w.Open(at + "/confirm?slot=" + url.QueryEscape(slot) + "&hold=made-up&until=zzzzzz")
	if w.Has("form[action$='/confirm']") {
		t.Errorf("%s: the last page opens by its address", campaign)
	}
	for page, form := range map[string]map[string]string{
		"hold":    {"slot": slot},
		"confirm": {"slot": slot, "key": "0123456789abcdef"},
	} {
		if status, where := w.Ask("/c/"+campaign+"/"+page, form); status != 403 {
			t.Errorf("%s: sending the form %s is answered %d at %s", campaign, page, status, where)
		}
	}
	for _, form := range []map[string]string{{}, {"takeover": "yes"}} {
		status, where := w.Ask("/c/"+campaign+"/enter", form)
		if strings.Contains(where, "/sites") {
			t.Errorf("%s: sending the form enter %v leads to %s (%d)", campaign, form, where, status)
		}
	}
}

// nobodyGotIn asks the server: nobody is inside beside the guest at the door, and nothing is booked.
func nobodyGotIn(t *testing.T, s *world, w *journeys.Window) {
	t.Helper()
	if d := s.line(); d.Inside != 1 || d.Admitted != 1 || d.Remaining != narrow.Stock {
		t.Errorf("the line says %+v; want one inside, who has booked nothing", d)
	}
	w.Open(s.URL + "/bookings")
	w.WaitForText("아직 예약이 없습니다")
}

// aheadByADay is a PC whose clock was set a day ahead.
const aheadByADay = `(() => {
	const Real = Date, day = 86400000;
	window.Date = class extends Real {
		constructor(...a) { a.length ? super(...a) : super(Real.now() + day); }
		static now() { return Real.now() + day; }
	};
})()`

// lies has the page's script believe that its turn has come: every answer of the server says so, and no pause is kept.
const lies = `(() => {
	const later = setTimeout, fetchReal = fetch;
	window.setTimeout = f => later(f, 50);
	window.fetch = u => {
		const at = new Date().toISOString();
		const line = {state: 'open', joined: 2, admitted: 1000, inside: 0, perMinute: 60, remaining: 1000, serverTime: at};
		const place = {ticket: 'made-up', state: 'admitted', number: 1, ahead: 0, estimatedWaitSeconds: [0, 0], pollAfterSeconds: 1};
		return Promise.resolve(new Response(JSON.stringify(String(u).endsWith('/line') ? line : place)));
	};
})()`

// reachable calls every function that the page's scripts have put within reach of the console, and everything that
// listens on the window; it gives the names that it found.
const reachable = `(() => {
	const found = [];
	const call = (name, f) => { found.push(name); try { f(); } catch (e) {} try { f({admitted: true}); } catch (e) {} };
	for (const name of Object.getOwnPropertyNames(window)) {
		if (window.theBrowsersOwn.includes(name)) continue;
		const v = window[name];
		if (typeof v === 'function') call(name, v);
		else if (v && typeof v === 'object') for (const k of Object.keys(v)) if (typeof v[k] === 'function') call(name + '.' + k, v[k]);
	}
	for (const kind of ['online', 'offline', 'pageshow', 'focus', 'load', 'storage', 'message', 'popstate', 'hashchange'])
		window.dispatchEvent(new Event(kind));
	document.dispatchEvent(new Event('visibilitychange'));
	return found;
})()`

// clockAndConsole changes the browser itself: its clock, and what the scripts of the pages can be made to do.
func clockAndConsole(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, narrow)
	guest := s.holdTheDoor()

	t.Run("clock", func(t *testing.T) {
		w := b.For(t).Visitor()
		w.Prepare(aheadByADay)
		s.join(w, "later", sunja)
		w.WaitForText("자리를 맡았습니다")
		if ahead := has(w, `Date.now() - performance.timeOrigin > 80000000`); !ahead {
			t.Fatal("the browser's clock was not changed")
		}
		// A tick of the page's own clock: it shows the server's time, and counts down to the server's opening.
		shown := w.Text("#clock")
		w.WaitUntil("the clock to tick", `document.getElementById('clock').textContent !== "`+shown+`"`, 30*time.Second)
		zone := time.FixedZone("", 9*60*60)
		if at, err := time.Parse(time.TimeOnly, w.Text("#clock")); err != nil {
			t.Error(err)
		} else {
			now := time.Now().In(zone)
			diff := now.Sub(time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), at.Second(), 0, zone))
			if diff = (diff+36*time.Hour)%(24*time.Hour) - 12*time.Hour; diff.Abs() > time.Minute {
				t.Errorf("the page's clock says %v, the server's is %v", at.Format(time.TimeOnly), now.Format(time.TimeOnly))
			}
		}
		if left := w.Text("#countdown"); !strings.HasPrefix(left, "5") || !strings.Contains(left, "분") {
			t.Errorf("the countdown says %q, want more than fifty minutes", left)
		}
		w.Open(s.URL + "/c/main")
		w.Click(`form[action$="/join"] button`)
		w.WaitFor("#number")
		attackPages(t, s, w, "main", guest.slot("s1"))
		nobodyGotIn(t, s, w)
	})

	t.Run("console", func(t *testing.T) {
		w := b.For(t).Visitor()
		w.Prepare(`window.theBrowsersOwn = Object.getOwnPropertyNames(window).concat('theBrowsersOwn')`)
		s.join(w, "main", dongsu)
		w.WaitFor("#number")
		number := w.Text("#number")
		wait := w.URL()
		var found []string
		w.Eval(reachable, &found)
		if len(found) > 0 {
			t.Errorf("the page's scripts put these within reach: %q", found)
		}
		if w.URL() != wait {
			t.Fatalf("that led to %s", w.URL())
		}
		// Show everything that is hidden, and press the button that is there for others.
		w.Eval(`(() => { document.querySelectorAll('[hidden]').forEach(e => e.hidden = false); return 1; })()`, new(int))
		newPage(w, func() { w.Click(`[data-part="turn"] button`) })
		if w.URL() != wait || has(w, `!document.querySelector('[data-part="turn"]').hidden`) || w.Text("#number") != number {
			t.Errorf("the button that was hidden leads to %s, number %s", w.URL(), w.Text("#number"))
		}
		// All forms of the page at once, past their checks.
		newPage(w, func() {
			w.Eval(`(() => { document.querySelectorAll('main form').forEach(f => HTMLFormElement.prototype.submit.call(f)); return 1; })()`, new(int))
		})
		if w.URL() != wait {
			t.Errorf("the forms of the page lead to %s", w.URL())
		}
		nobodyGotIn(t, s, w)
	})

	t.Run("a script that is lied to", func(t *testing.T) {
		w := b.For(t).Visitor()
		s.join(w, "main", english)
		w.Prepare(lies)
		w.Open(s.URL + "/c/main/wait")
		w.WaitFor(`[data-part="turn"] button`)
		newPage(w, func() { w.Click(`[data-part="turn"] button`) })
		if at := w.URL(); !strings.HasSuffix(at, "/wait") {
			t.Errorf("the button that was not the reader's leads to %s", at)
		}
		w.Open(s.URL + "/c/main/sites")
		w.WaitForText("지금은 둘러보기만 할 수 있습니다")
		nobodyGotIn(t, s, w)
	})
}

// newPage does something and waits until another page has come.
func newPage(w *journeys.Window, do func()) {
	w.Eval(`window.old = 1`, new(int))
	do()
	w.WaitUntil("an answer of the server", `!window.old && document.readyState === 'complete'`, 30*time.Second)
}

// lostNetwork takes the network away while somebody waits, lets the turn come meanwhile, and gives it back.
func lostNetwork(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, narrow)
	guest := s.holdTheDoor()
	w := b.Visitor(journeys.OnPhone)
	s.join(w, "main", sunja)
	w.WaitFor("#number")
	number, wait := w.Text("#number"), w.URL()

	w.Offline(true)
	w.WaitForText("연결이 끊겼습니다.")
	if !w.Says("자리는 안전합니다") || w.Text("#number") != number || w.URL() != wait {
		t.Errorf("without a network the page is %s with number %s", w.URL(), w.Text("#number"))
	}
	w.Shot("lost")
	guest.book()
	s.untilAdmitted(2)
	// Failing is not opening: the page stands where it stood.
	if has(w, `!document.querySelector('[data-part="turn"]').hidden`) || w.URL() != wait || w.Has(".sites") {
		t.Error("the page went on without a network")
	}
	if d := s.line(); d.Inside != 0 {
		t.Errorf("%d people are inside", d.Inside)
	}

	w.Offline(false)
	w.WaitFor(`[data-part="turn"] button`)
	if w.Says("연결이 끊겼습니다.") {
		t.Error("the page still says that the network is lost")
	}
	goIn(w)
	// Lost again at the last step: nothing is told that is not so, and the same form works afterwards.
	w.Click(".sites a")
	w.WaitFor("form .radio")
	w.Click("form .radio:not(.off)")
	w.Click(".sticky button")
	w.WaitFor(`form[action$="/confirm"] button`)
	last := w.URL()
	w.Offline(true)
	w.Click(`form[action$="/confirm"] button`)
	w.WaitUntil("the browser's own page", `!document.querySelector('main form')`, 30*time.Second)
	w.Offline(false)
	w.Open(last)
	w.Click(`form[action$="/confirm"] button`)
	w.WaitForText("예약이 확정되었습니다")
	s.remains(narrow.Stock - 2)
}

// killedServer kills the server as kill -9 does while somebody waits.
func killedServer(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, narrow)
	guest := s.holdTheDoor()
	w := b.Visitor(journeys.OnPhone)
	s.join(w, "main", sunja)
	w.WaitFor("#number")
	number := w.Text("#number")

	s.Kill()
	if err := w.TryOpen(s.URL + "/c/main/wait"); err == nil {
		t.Error("a page came from a killed server")
	}
	s.Restart()
	w.Open(s.URL + "/c/main/wait")
	w.WaitFor("#number")
	if got := w.Text("#number"); got != number {
		t.Errorf("after the crash the number is %s, was %s", got, number)
	}
	if !w.Says("로그아웃") {
		t.Error("after the crash she is no longer signed in")
	}
	if d := s.line(); d.Joined != 2 || d.Inside != 1 {
		t.Errorf("after the crash the line says %+v", d)
	}
	// The guest's pass still counts, too.
	guest.book()
	s.untilTurn(w)
	goIn(w)
	// And again, between choosing and confirming.
	w.Click(".sites a")
	w.WaitFor("form .radio")
	w.Click("form .radio:not(.off)")
	w.Click(".sticky button")
	w.WaitFor(`form[action$="/confirm"] button`)
	s.Kill()
	s.Restart()
	w.Click(`form[action$="/confirm"] button`)
	w.WaitForText("예약이 확정되었습니다")
	booking := w.Text(".ticket .number")
	s.Kill()
	s.Restart()
	w.Open(s.URL + "/bookings")
	w.WaitForText(booking)
	s.remains(narrow.Stock - 2)
}
