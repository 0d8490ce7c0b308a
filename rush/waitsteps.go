package rush

import (
	"errors"
	"strconv"
	"time"
)

// visit is an arrival: the first window, the same one again, another one, or somebody who may not book.
func (w *worker) visit(j job) {
	r := w.r
	p := r.crowd.lock(j.who)
	if p.came == 0 {
		p.came = max(1, pack(j.at))
	}
	ticket, state := r.crowd.tickets.get(p.ticket), p.state
	if state == gone && p.flags&mayRevisit == 0 { // gave up, and comes back after all
		p.flags |= mayRevisit
		p.state = waiting
		r.moved(gone, waiting)
		r.push(r.now(), j.who, doPoll, 0)
	}
	r.crowd.unlock(j.who)
	kind := visitKind(j.arg)
	switch {
	case kind == visitOther:
		w.join(j)
	case state == inside || state == booked || state == cancelled || state == unseated || state == refused:
		// The page shows what there is: the booking, or nothing to do.
		if state == booked {
			w.mine(j)
		}
	case kind == visitReload && ticket != nil:
		w.show(j, ticket)
	default:
		w.join(j)
		if kind == visitDevice && w.rnd.chance(0.3) {
			r.push(r.now()+time.Duration((0.2+0.8*w.rnd.unit())*float64(min(5*time.Second, r.sc.Late))), j.who, doLook, 0)
		}
	}
}

// join asks for the person's place; whoever asks again is shown the same one.
func (w *worker) join(j job) {
	r := w.r
	p := r.crowd.lock(j.who)
	if p.came == 0 {
		p.came = max(1, pack(j.at))
	}
	if p.state == away {
		p.state = joining
		r.moved(away, joining)
	}
	had := p.ticket != 0
	r.crowd.unlock(j.who)
	if had && j.do == doJoin {
		return // another window got the place in the meantime
	}
	q := request{method: "POST", path: r.pathPlaces, session: r.session(j.who), body: w.recipientBody(j.who, "")}
	retry := job{at: j.at, who: j.who, do: doJoin}
	a, err := w.call(callJoin, &q, j)
	if errors.Is(err, errLost) {
		w.mark(j.who, lostPlace)
	}
	if w.setback(callJoin, retry, a, err) {
		return
	}
	if a.status == 200 || a.status == 201 {
		if int(j.who) >= r.sc.Eligible && r.helpers[j.who] == nil {
			r.attacks.add(attackIneligible, breach, "a place for somebody who may not book")
		}
		w.placed(j, a, true)
		return
	}
	code := readProblem(a.body).code
	if int(j.who) >= r.sc.Eligible && r.helpers[j.who] == nil {
		r.attacks.add(attackIneligible, stopped, "")
		w.end(j.who, refused)
		return
	}
	r.tally.failed(callJoin, a.status, code)
	switch {
	case a.status == 425:
		w.again(retry, max(a.retryAfter, time.Second))
	case a.status == 410 || code == "sold-out":
		w.end(j.who, unseated)
	default:
		r.findings.add("eligible-refused", "somebody eligible was refused a place: %d %s", a.status, code)
		w.end(j.who, refused)
	}
}

// poll asks how the place stands, when the server said to.
func (w *worker) poll(j job) {
	r := w.r
	p := r.crowd.lock(j.who)
	state, ticket, flags := p.state, r.crowd.tickets.get(p.ticket), p.flags
	r.crowd.unlock(j.who)
	if state != waiting || ticket == nil {
		return
	}
	t := traits(r.seed, j.who, 'g')
	if flags&(mayRevisit|isHelped|isCheat) == 0 {
		switch u := t.unit(); {
		case u < r.sc.GiveUp:
			w.end(j.who, gone)
			return
		case u < r.sc.GiveUp+r.sc.Pause:
			p := r.crowd.lock(j.who)
			p.flags |= mayRevisit
			r.crowd.unlock(j.who)
			w.again(j, time.Duration((3+7*t.unit())*float64(time.Second)))
			return
		}
	}
	w.show(j, ticket)
}

// show reads the place that a ticket proves.
func (w *worker) show(j job, ticket []byte) {
	q := request{method: "GET", path: w.r.pathPlace, ticket: ticket}
	a, err := w.call(callPlace, &q, j)
	if j.do != doPoll { // a window that was only loaded again: the main one goes on anyway
		if err == nil && a.status == 200 {
			w.placed(j, a, false)
		}
		return
	}
	if w.setback(callPlace, j, a, err) {
		return
	}
	if a.status == 200 {
		w.placed(j, a, true)
		return
	}
	code := readProblem(a.body).code
	w.r.tally.failed(callPlace, a.status, code)
	w.r.findings.add("place-lost", "a ticket was refused: %d %s", a.status, code)
	w.end(j.who, refused)
}

// placed takes in what the server says about a person's place. main tells that this window goes on waiting.
func (w *worker) placed(j job, a answer, main bool) {
	r := w.r
	d, err := readPlace(a.body)
	if err != nil {
		r.findings.add("bad-answer", "a place that cannot be read: %v", err)
		w.end(j.who, refused)
		return
	}
	now := r.now()
	p := r.crowd.lock(j.who)
	p.calm()
	had := p.ticket != 0
	if !had {
		r.tally.places.Add(1)
		p.placed = pack(now)
		r.tally.waits[waitPlace].record(now - unpack(p.came))
	} else if d.number != 0 && p.number == d.number {
		r.tally.sameSeen.Add(1)
	}
	before := p.number
	if d.number != 0 {
		p.number = d.number
	}
	if d.ticket != "" && string(r.crowd.tickets.get(p.ticket)) != d.ticket {
		if had && j.do != doPoll {
			r.loot.window(j.who, d.ticket)
		} else if at := r.crowd.tickets.put(d.ticket); at != 0 {
			p.ticket = at
		}
	}
	was := p.state
	if was == joining || was == away || was == standby && d.state == "admitted" {
		p.state = waiting
		r.moved(was, waiting)
	}
	first := was != p.state || j.do == doPoll
	r.crowd.unlock(j.who)
	// An answer from before the draw may come in after a later one: no number says nothing. The recount is strict.
	if before != 0 && d.number != 0 && d.number != before {
		r.findings.add("number-changed", "number %d became %d", before, d.number)
	}
	if !first || !main && was != standby {
		return
	}
	switch d.state {
	case "admitted":
		w.turned(j.who, now)
		r.push(now+w.think()/2, j.who, doPass, 0)
	case "standby":
		w.end(j.who, standby)
	default:
		// A little later than told, never earlier: timers of browsers are late, and nobody should gain by asking early.
		r.push(now+max(d.pollAfter, 500*time.Millisecond)+time.Duration(w.rnd.unit()*float64(100*time.Millisecond)), j.who, doPoll, 0)
	}
}

// look is a glance of a second window at the public line.
func (w *worker) look(j job) {
	q := request{method: "GET", path: w.r.pathLine}
	a, err := w.call(callLine, &q, j)
	if err == nil && a.status == 200 {
		if _, err := readLine(a.body); err != nil {
			w.r.findings.add("bad-answer", "a line that cannot be read: %v", err)
		}
	}
}

// register is a helper who registers a recipient and then joins for them.
func (w *worker) register(j job) {
	r := w.r
	h := r.helpers[j.who]
	b := append(w.body[:0], `{"campaign":`...)
	b = strconv.AppendQuote(b, r.campaign)
	b = append(b, `,"name":`...)
	b = strconv.AppendQuote(b, h.who.Name)
	b = append(b, `,"born":`...)
	b = strconv.AppendQuote(b, h.who.Born)
	b = append(b, `,"identity":`...)
	b = strconv.AppendQuote(b, h.who.Identity)
	b = append(b, `,"consent":true}`...)
	w.body = b
	q := request{method: "POST", path: []byte("/api/v1/recipients"), session: r.session(j.who), body: b}
	a, err := w.call(callRecipient, &q, j)
	if w.setback(callRecipient, j, a, err) {
		return
	}
	if a.status == 425 {
		w.again(j, max(a.retryAfter, time.Second))
		return
	}
	id := field(a.body, "id")
	if a.status != 200 && a.status != 201 || id == "" {
		code := readProblem(a.body).code
		r.tally.failed(callRecipient, a.status, code)
		r.findings.add("helper-refused", "a recipient of the roster could not be registered: %d %s", a.status, code)
		w.end(j.who, refused)
		return
	}
	h.id.Store(id)
	w.join(job{at: j.at, who: j.who, do: doJoin})
}

// recipientBody gives the JSON body {recipient?, device?}.
func (w *worker) recipientBody(who uint32, device string) []byte {
	b := append(w.body[:0], '{')
	if h := w.r.helpers[who]; h != nil {
		id, _ := h.id.Load().(string)
		b = append(b, `"recipient":`...)
		b = strconv.AppendQuote(b, id)
	}
	if device != "" {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, `"device":`...)
		b = strconv.AppendQuote(b, device)
	}
	w.body = append(b, '}')
	return w.body
}

// moved keeps the count of people by standing.
func (r *runner) moved(from, to standing) {
	r.standing[from].Add(-1)
	r.standing[to].Add(1)
}

// end puts a person where they end.
func (w *worker) end(who uint32, s standing) {
	p := w.r.crowd.lock(who)
	if p.state != s {
		w.r.moved(p.state, s)
		p.state = s
	}
	if s != booked {
		p.in = nil
	}
	w.r.crowd.unlock(who)
}

// turned notes that a person's turn was seen.
func (w *worker) turned(who uint32, now time.Duration) {
	r := w.r
	p := r.crowd.lock(who)
	if p.flags&wasTurned == 0 {
		p.flags |= wasTurned
		p.turn = pack(now)
		r.tally.waits[waitTurn].record(now - max(unpack(p.came), r.opens))
	}
	r.crowd.unlock(who)
}
