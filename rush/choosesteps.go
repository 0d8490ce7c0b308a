package rush

import (
	"errors"
	"strconv"
	"time"
)

// device is what a person's main window calls itself.
func device(who uint32) string { return "window-" + strconv.FormatUint(uint64(who), 10) }

// enter exchanges the place for a pass.
func (w *worker) enter(j job) {
	r := w.r
	p := r.crowd.lock(j.who)
	ticket, number, state := r.crowd.tickets.get(p.ticket), p.number, p.state
	r.crowd.unlock(j.who)
	if state != waiting {
		return
	}
	q := request{
		method: "POST", path: r.pathPasses, session: r.session(j.who), ticket: ticket,
		body: w.recipientBody(j.who, device(j.who)),
	}
	began := r.now()
	a, err := w.call(callPass, &q, j)
	if err == nil && a.status == 503 && r.soldOutSince.Load() != 0 && w.tired(j.who) {
		r.tally.failed(callPass, a.status, readProblem(a.body).code)
		w.end(j.who, standby) // the page says sold out and the door is full: the place is kept
		return
	}
	if w.setback(callPass, j, a, err) {
		return
	}
	now := r.now()
	if a.status == 200 || a.status == 201 {
		d, err := readPass(a.body)
		if err != nil {
			r.findings.add("bad-answer", "a pass that cannot be read: %v", err)
			w.end(j.who, refused)
			return
		}
		w.entered(j.who, d, number, now)
		return
	}
	code := readProblem(a.body).code
	r.tally.failed(callPass, a.status, code)
	switch {
	case a.status == 425:
		if code == "not-your-turn" {
			r.moves.notYet(began, number, j.who)
		}
		r.push(now+max(a.retryAfter, time.Second), j.who, doPoll, 0)
	case code == "already-booked": // the answer to an earlier booking was lost
		r.push(now, j.who, doMine, 1)
	case a.status == 410:
		w.end(j.who, unseated)
	case code == "slot-full": // the turn has come and nothing is left: the place is kept
		w.end(j.who, standby)
	default:
		w.stumble(j, doPass, "pass", a.status, code)
	}
}

// tired reports whether a person was put off several times in a row.
func (w *worker) tired(who uint32) bool {
	p := w.r.crowd.lock(who)
	defer w.r.crowd.unlock(who)
	return p.tries >= 3
}

// entered takes in a pass.
func (w *worker) entered(who uint32, d passDoc, number uint32, now time.Duration) {
	r := w.r
	w.turned(who, now)
	r.moves.letIn(now, number, who)
	p := r.crowd.lock(who)
	p.calm()
	if p.number == 0 {
		p.number = number
	}
	if p.state != waiting {
		r.crowd.unlock(who)
		return
	}
	t := traits(r.seed, who, 'i')
	if p.in == nil {
		p.in = &inner{begun: now, holding: t.chance(r.sc.Hold)}
		r.tally.passes.Add(1)
	}
	p.in.pass, p.in.expires = d.pass, d.expires
	p.state = inside
	r.moved(waiting, inside)
	cheat := p.flags&isCheat != 0 && p.in.rounds == 0
	r.crowd.unlock(who)
	r.loot.offerPass(who, d.pass, d.expires)
	if cheat {
		r.push(now, who, doAttack, uint8(momentInside))
		return
	}
	r.push(now+w.think(), who, doSites, 0)
}

// stumble is an answer that should not come: try the step a few times, then give the choice up.
func (w *worker) stumble(j job, do action, what string, status int, code string) {
	p := w.r.crowd.lock(j.who)
	if p.tries < 20 {
		p.tries++
	}
	tries := p.tries
	w.r.crowd.unlock(j.who)
	if tries <= 5 {
		w.r.push(w.r.now()+time.Duration(tries)*300*time.Millisecond, j.who, do, 0)
		return
	}
	w.r.findings.add("turn-lost", "a person with the turn gave up: %s answered %d %s", what, status, code)
	w.end(j.who, unseated)
}

// choosing gives a copy of what an inside person knows; ok is false when the person is no longer inside.
func (w *worker) choosing(who uint32) (in inner, ok bool) {
	p := w.r.crowd.lock(who)
	defer w.r.crowd.unlock(who)
	if p.state != inside || p.in == nil {
		return in, false
	}
	return *p.in, true
}

// know changes what an inside person knows.
func (w *worker) know(who uint32, fn func(p *person, in *inner)) {
	p := w.r.crowd.lock(who)
	if p.in != nil {
		p.calm()
		fn(p, p.in)
	}
	w.r.crowd.unlock(who)
}

// sites asks for the sites near home and picks one with free seats.
func (w *worker) sites(j job) {
	r := w.r
	in, ok := w.choosing(j.who)
	if !ok {
		return
	}
	_, lat, lon := home(r.seed, j.who)
	b := append(w.path[:0], r.pathSites...)
	b = append(b, "?lat="...)
	b = strconv.AppendFloat(b, lat, 'f', 2, 64)
	b = append(b, "&lon="...)
	b = strconv.AppendFloat(b, lon, 'f', 2, 64)
	if in.cursor != "" {
		b = append(b, "&cursor="...)
		b = appendQuery(b, in.cursor)
	}
	w.path = b
	a, err := w.call(callSites, &request{method: "GET", path: b}, j)
	if w.setback(callSites, j, a, err) {
		return
	}
	if a.status != 200 {
		code := readProblem(a.body).code
		r.tally.failed(callSites, a.status, code)
		w.stumble(j, doSites, "sites", a.status, code)
		return
	}
	site, day, next, err := pickSite(a.body, &w.rnd)
	if err != nil {
		r.findings.add("bad-answer", "sites that cannot be read: %v", err)
		w.end(j.who, unseated)
		return
	}
	if site != "" {
		w.know(j.who, func(_ *person, in *inner) { in.site, in.day, in.cursor = site, day, "" })
		r.push(r.now()+w.think(), j.who, doSlots, 0)
		return
	}
	w.elsewhere(j.who, next)
}

// maxRounds is how many failed choices a person puts up with.
const maxRounds = 15

// elsewhere goes on to the next page of sites, or gives up when there is nothing, or the stock is gone.
func (w *worker) elsewhere(who uint32, cursor string) {
	r := w.r
	rounds := uint8(0)
	w.know(who, func(_ *person, in *inner) {
		in.rounds++
		in.cursor, in.hold, in.slot = cursor, "", ""
		rounds = in.rounds
	})
	if rounds > maxRounds || rounds > 3 && r.soldOutSince.Load() != 0 {
		w.end(who, unseated)
		return
	}
	r.push(r.now()+w.think(), who, doSites, 0)
}

// slots asks for the free slots of the chosen site and day and picks one.
func (w *worker) slots(j job) {
	r := w.r
	in, ok := w.choosing(j.who)
	if !ok {
		return
	}
	w.path = appendSlots(w.path[:0], r.pathSites, in.site, in.day)
	a, err := w.call(callSlots, &request{method: "GET", path: w.path}, j)
	if w.setback(callSlots, j, a, err) {
		return
	}
	if a.status != 200 {
		code := readProblem(a.body).code
		r.tally.failed(callSlots, a.status, code)
		w.stumble(j, doSites, "slots", a.status, code)
		return
	}
	slot, err := pickSlot(a.body, &w.rnd)
	if err != nil {
		r.findings.add("bad-answer", "slots that cannot be read: %v", err)
		w.end(j.who, unseated)
		return
	}
	if slot == "" {
		w.elsewhere(j.who, "")
		return
	}
	r.loot.offerSlot(slot)
	w.choose(j.who, slot)
}

// choose settles on a slot: hold it first, or book at once.
func (w *worker) choose(who uint32, slot string) {
	do := doBook
	w.know(who, func(_ *person, in *inner) {
		in.slot, in.hold = slot, ""
		in.key++
		if in.holding {
			do = doHold
		}
	})
	w.r.push(w.r.now()+w.think(), who, do, 0)
}

func appendSlots(b, sites []byte, site, day string) []byte {
	b = append(b, sites...)
	b = append(b, '/')
	b = appendQuery(b, site)
	b = append(b, "/slots?date="...)
	return appendQuery(b, day)
}

// appendQuery escapes what is not plainly safe in a path segment or query value.
func appendQuery(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~' {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

func (w *worker) hold(j job) {
	r := w.r
	in, ok := w.choosing(j.who)
	if !ok {
		return
	}
	w.body = strconv.AppendQuote(append(w.body[:0], `{"slot":`...), in.slot)
	w.body = append(w.body, '}')
	q := request{method: "POST", path: []byte("/api/v1/holds"), session: r.session(j.who), pass: in.pass, body: w.body}
	a, err := w.call(callHold, &q, j)
	if err != nil || a.status < 300 {
		w.mark(j.who, leftHold)
	}
	if w.setback(callHold, j, a, err) {
		return
	}
	if a.status == 200 || a.status == 201 {
		id := field(a.body, "hold")
		if id == "" {
			r.findings.add("bad-answer", "a hold without its id")
		}
		w.know(j.who, func(_ *person, in *inner) { in.hold = id })
		r.push(r.now()+w.think(), j.who, doBook, 0)
		return
	}
	w.notGranted(j, callHold, a)
}

// book confirms. The same key is sent until there is an answer.
func (w *worker) book(j job) {
	r := w.r
	in, ok := w.choosing(j.who)
	if !ok {
		return
	}
	b := append(w.body[:0], `{"slot":`...)
	if in.hold != "" {
		b = strconv.AppendQuote(append(w.body[:0], `{"hold":`...), in.hold)
	} else {
		b = strconv.AppendQuote(b, in.slot)
	}
	w.body = append(b, '}')
	q := request{
		method: "POST", path: []byte("/api/v1/bookings"), session: r.session(j.who), pass: in.pass,
		key: r.key(j.who, in.key), body: w.body,
	}
	a, err := w.call(callBook, &q, j)
	if errors.Is(err, errLost) || err == nil && a.status >= 500 && a.status != 503 {
		w.mark(j.who, lostBooking)
	}
	if w.setback(callBook, j, a, err) {
		return
	}
	if a.status == 200 || a.status == 201 {
		id := field(a.body, "id")
		if id == "" {
			r.findings.add("bad-answer", "a booking without its id")
			w.end(j.who, unseated)
			return
		}
		w.bookedAs(j.who, id, r.now())
		return
	}
	w.notGranted(j, callBook, a)
}

func (r *runner) key(who uint32, n uint8) string {
	return r.nonce + "-" + strconv.FormatUint(uint64(who), 36) + "-" + strconv.Itoa(int(n))
}

// notGranted handles a refused hold or booking.
func (w *worker) notGranted(j job, k callKind, a answer) {
	r := w.r
	pr := readProblem(a.body)
	r.tally.failed(k, a.status, pr.code)
	switch {
	case pr.code == "slot-full":
		if len(pr.alternatives) > 0 && w.rnd.chance(0.7) {
			rounds := uint8(0)
			w.know(j.who, func(_ *person, in *inner) { in.rounds++; rounds = in.rounds })
			if rounds <= maxRounds {
				w.choose(j.who, pr.alternatives[w.rnd.below(uint64(len(pr.alternatives)))])
				return
			}
		}
		w.elsewhere(j.who, "")
	case pr.code == "already-booked":
		p := r.crowd.lock(j.who)
		lost := p.flags&lostBooking != 0
		r.crowd.unlock(j.who)
		if !lost {
			r.findings.add("already-booked", "a person without a booking was told already-booked")
		}
		r.push(r.now(), j.who, doMine, 1)
	case pr.code == "no-pass", pr.code == "pass-expired":
		w.know(j.who, func(p *person, in *inner) {
			in.rounds++
			p.state = waiting
			r.moved(inside, waiting)
		})
		r.push(r.now()+w.think(), j.who, doPass, 0)
	case a.status == 410, pr.code == "sold-out":
		w.end(j.who, unseated)
	case pr.code == "conflict" || pr.code == "not-found": // the hold or the slot is gone
		w.elsewhere(j.who, "")
	default:
		w.stumble(j, doSites, callNames[k], a.status, pr.code)
	}
}
