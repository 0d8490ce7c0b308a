package rush

import (
	"strconv"
	"strings"
	"time"
)

// try makes one attempt of one kind. What does not apply (no ticket yet, nobody else's pass at hand) is left out and not
// counted.
func (a *attacker) try(k attackKind, who uint32) {
	r := a.r
	me := a.know(who)
	switch k {
	case attackEarly:
		a.beforeGathering(k, &request{method: "POST", path: r.pathPlaces, session: me.session, body: []byte(`{}`)})
	case attackClock:
		a.clock(who, me)
	case attackWindows:
		a.windows(who, me)
	case attackPass:
		a.tooEarly(k, who, me, "", "", "")
	case attackBook:
		a.expect(k, a.book(who, me.session, ""))
	case attackHold:
		a.expect(k, a.hold(me.session, ""))
	case attackOffline:
		a.offline(who, me)
	case attackCallback:
		a.callback(who, me)
	case attackForgedTicket:
		if len(me.ticket) > 0 {
			bad := []byte(spoiled(string(me.ticket), &a.rnd))
			a.expect(k, &request{method: "GET", path: r.pathPlace, ticket: bad})
			a.expect(k, a.pass(me.session, bad, device(who)))
		}
	case attackForeignTicket:
		if t := a.otherTicket(who); t != nil {
			a.expect(k, a.pass(me.session, t, device(who)))
		}
	case attackForgedPass:
		if me.pass != "" {
			a.expect(k, a.book(who, me.session, spoiled(me.pass, &a.rnd)))
			a.expect(k, a.hold(me.session, spoiled(me.pass, &a.rnd)))
		}
	case attackForeignPass, attackExpiredPass:
		if p, ok := r.loot.pass(&a.rnd, who, k == attackExpiredPass, time.Now()); ok {
			session := me.session
			if k == attackExpiredPass {
				session = r.session(p.who) // the pass's own person, too late
			}
			a.expect(k, a.book(who, session, p.pass))
		}
	case attackUsedPass:
		if me.pass != "" && me.booking != "" {
			if ans := a.expect(k, a.book(who, me.session, me.pass)); ans.status == 403 || ans.status == 409 {
				a.expect(k, a.hold(me.session, me.pass))
			}
		}
	case attackSecondDevice:
		if me.pass != "" && me.state == inside {
			a.twoDevices(who, me)
		}
	case attackTwice:
		if me.pass != "" && (me.state == inside || me.state == booked) {
			a.twice(who, me)
		}
	case attackForeignBook:
		if b, ok := r.loot.booking(&a.rnd, who); ok {
			a.expect(k, &request{method: "DELETE", path: []byte("/api/v1/bookings/" + b.id), session: me.session})
			body := append([]byte(`{"dose":1,`), a.bookBody()[1:]...)
			a.expect(k, &request{method: "PUT", path: []byte("/api/v1/bookings/" + b.id + "/slot"), session: me.session, pass: me.pass, body: body})
		}
	case attackSession:
		for _, s := range []string{spoiled(me.session, &a.rnd), ""} {
			a.expect(k, &request{method: "POST", path: r.pathPlaces, session: s, body: []byte(`{}`)})
			a.expect(k, a.pass(s, me.ticket, device(who)))
			a.expect(k, &request{method: "GET", path: []byte("/api/v1/bookings"), session: s})
		}
	case attackRecipient:
		for _, id := range a.otherRecipients(who) {
			a.expect(k, &request{method: "POST", path: r.pathPlaces, session: me.session, body: []byte(`{"recipient":"` + id + `"}`)})
		}
	case attackPath:
		a.paths(who, me)
	}
}

// beforeGathering sends a request that nobody may make yet. A yes that came when gathering had begun shows nothing: the
// server may have been slow to read the request.
func (a *attacker) beforeGathering(k attackKind, q *request) {
	r := a.r
	if r.now() >= r.gathers-200*time.Millisecond {
		return
	}
	ans, err := a.c[0].do(q, r.cfg.Timeout)
	v := judge(ans, err)
	if v == breach && r.now() >= r.gathers {
		v = unanswered
	}
	r.attacks.add(k, v, q.method+" "+string(q.path)+" answered "+strconv.Itoa(ans.status))
}

func (a *attacker) clock(who uint32, me known) {
	r := a.r
	extra, query := a.ownClock()
	a.beforeGathering(attackClock, &request{
		method: "POST", path: append(append([]byte{}, r.pathPlaces...), query...), session: me.session, extra: extra, body: []byte(`{}`),
	})
	// Once with headers alone, which a strict server must look past, and once with parameters, which it may refuse as such.
	a.tooEarly(attackClock, who, me, extra, "", "")
	a.tooEarly(attackClock, who, me, extra, query, "")
	q := a.book(who, me.session, "")
	q.extra = extra
	a.expect(attackClock, q)
	q = a.book(who, me.session, "")
	q.extra = extra
	q.path = append(q.path, query...)
	a.expect(attackClock, q)
}

// offline cuts the network in the middle of a poll or join and then goes on as if the answer had been yes.
func (a *attacker) offline(who uint32, me known) {
	r := a.r
	q := &request{method: "GET", path: r.pathPlace, ticket: me.ticket}
	if len(me.ticket) == 0 {
		q = &request{method: "POST", path: r.pathPlaces, session: me.session, body: []byte(`{}`)}
		p := r.crowd.lock(who)
		p.flags |= lostPlace
		r.crowd.unlock(who)
	}
	_ = a.c[0].cut(q, a.rnd.chance(0.5), r.cfg.Timeout)
	a.expect(attackOffline, a.book(who, me.session, ""))
	a.expect(attackOffline, a.hold(me.session, ""))
	a.tooEarly(attackOffline, who, me, "", "", "")
}

// callback tells the server what the page of 2021 told itself: that this one may go in.
func (a *attacker) callback(who uint32, me known) {
	body := strings.TrimSuffix(string(a.bookBody()), "}") + `,"state":"admitted","admitted":true,"bypass":true,"number":1}`
	q := a.book(who, me.session, "")
	q.extra = "X-Admitted: true\r\nX-Bypass: 1\r\nReferer: http://" + a.r.targets[0].host + "/admitted\r\nCookie: admitted=1; key=200:pass; NetFunnel_ID=5002:200:key=1\r\n"
	a.expect(attackCallback, q)
	headers := q.extra
	q.body = []byte(body)
	a.expect(attackCallback, q)
	if len(me.ticket) > 0 { // the ticket where the pass belongs
		a.expect(attackCallback, a.book(who, me.session, string(me.ticket)))
	}
	a.tooEarly(attackCallback, who, me, headers, "", "")
	a.tooEarly(attackCallback, who, me, headers, "?admitted=true&state=admitted", `{"device":"`+device(who)+`","state":"admitted","number":1}`)
}

// paths tries other methods and spellings of guarded addresses.
func (a *attacker) paths(who uint32, me known) {
	body := a.bookBody()
	for _, v := range []struct{ method, path, extra string }{
		{"PUT", "/api/v1/bookings", ""},
		{"PATCH", "/api/v1/bookings", ""},
		{"POST", "/api/v1/bookings/", ""},
		{"POST", "/api/v1//bookings", ""},
		{"POST", "/API/V1/bookings", ""},
		{"POST", "/api/v1/./bookings", ""},
		{"POST", "/api/v1/%62ookings", ""},
		{"POST", "/api/v1/campaigns/../bookings", ""},
		{"POST", "/api/v1/campaigns", "X-Original-URL: /api/v1/bookings\r\nX-Rewrite-URL: /api/v1/bookings\r\n"},
		{"POST", "/api/v1/bookings", "X-HTTP-Method-Override: GET\r\nX-Forwarded-For: 127.0.0.1\r\n"},
	} {
		a.expect(attackPath, &request{
			method: v.method, path: []byte(v.path), session: me.session, extra: v.extra, key: a.newKey(who), body: body,
		})
	}
}

// otherTicket gives the ticket of somebody else, found by looking at a few of the crowd.
func (a *attacker) otherTicket(not uint32) []byte {
	for range 20 {
		who := uint32(a.rnd.below(uint64(a.r.sc.Eligible)))
		if who == not {
			continue
		}
		p := a.r.crowd.lock(who)
		t := a.r.crowd.tickets.get(p.ticket)
		a.r.crowd.unlock(who)
		if t != nil {
			return t
		}
	}
	return nil
}

// otherRecipients gives a made-up recipient and one that another helper registered.
func (a *attacker) otherRecipients(not uint32) []string {
	ids := []string{"AAAAAAAAAAAAAAAAAAAAAA"}
	for _, h := range a.r.helpers {
		if id, _ := h.id.Load().(string); id != "" && h.helper != not {
			return append(ids, id)
		}
	}
	return ids
}
