package rush

import (
	"errors"
	"strconv"
	"time"
)

// bookedAs takes in a confirmed booking and decides what its person does afterwards.
func (w *worker) bookedAs(who uint32, id string, now time.Duration) {
	r := w.r
	p := r.crowd.lock(who)
	if p.booking != 0 && p.booking != hashID(id) {
		r.findings.add("duplicate-booking", "one person was told of two bookings")
	}
	if p.state == booked {
		r.crowd.unlock(who)
		return
	}
	if p.in == nil {
		p.in = &inner{begun: now}
	}
	p.calm()
	p.booking = hashID(id)
	p.in.id, p.in.bookedAt = id, now
	r.moved(p.state, booked)
	p.state = booked
	p.flags &^= leftHold
	begun, cheat := p.in.begun, p.flags&isCheat != 0
	wait := now - max(unpack(p.came), r.opens)
	r.crowd.unlock(who)
	r.tally.bookings.Add(1)
	r.tally.waits[waitBook].record(now - begun)
	r.tally.waits[waitAll].record(wait)
	r.loot.offerBooking(who, id)
	t := traits(r.seed, who, 'b')
	switch u := t.unit(); {
	case cheat:
		r.push(now+w.think(), who, doAttack, uint8(momentBooked))
	case u < r.sc.Cancel:
		r.push(now+2*w.think(), who, doCancel, 0)
	case u < r.sc.Cancel+r.sc.Change:
		r.push(now+2*w.think(), who, doChange, 0)
	case u < r.sc.Cancel+r.sc.Change+r.sc.Look:
		r.push(now+2*w.think(), who, doMine, 0)
	default:
		w.leave(who)
	}
}

// leave forgets what only somebody who is still doing things needs.
func (w *worker) leave(who uint32) {
	p := w.r.crowd.lock(who)
	p.in = nil
	w.r.crowd.unlock(who)
}

// recipientOf gives the id under which a helper sees the person; "" for people who act for themselves.
func (r *runner) recipientOf(who uint32) string {
	h := r.helpers[who]
	if h == nil {
		return ""
	}
	id, _ := h.id.Load().(string)
	return id
}

// live gives a person's live booking in the campaign from a list of GET bookings; n is how many there are.
func (r *runner) live(who uint32, list []mine) (id string, n int) {
	recipient := r.recipientOf(who)
	for _, m := range list {
		if m.cancelled || m.recipient != recipient || m.campaign != "" && m.campaign != r.campaign {
			continue
		}
		id = m.id
		n++
	}
	return id, n
}

// mine looks the booking up. arg 1: the person was told "already booked" and wants to know of what.
func (w *worker) mine(j job) {
	r := w.r
	q := request{method: "GET", path: []byte("/api/v1/bookings"), session: r.session(j.who)}
	a, err := w.call(callMine, &q, j)
	if j.do == doVisit {
		return
	}
	if w.setback(callMine, j, a, err) {
		return
	}
	list, err := readBookings(a.body)
	if a.status != 200 || err != nil {
		r.findings.add("bad-answer", "own bookings answered %d", a.status)
		w.leave(j.who)
		return
	}
	id, n := r.live(j.who, list)
	if j.arg == 1 {
		if n == 0 {
			r.push(r.now()+w.think(), j.who, doPoll, 0)
			w.elsewhere(j.who, "")
			return
		}
		w.mark(j.who, foundLater)
		w.bookedAs(j.who, id, r.now())
		return
	}
	p := r.crowd.lock(j.who)
	want, state := p.booking, p.state
	r.crowd.unlock(j.who)
	if state == booked && (n != 1 || hashID(id) != want) {
		r.findings.add("booking-lost", "looked up after booking: %d live bookings", n)
	}
	w.leave(j.who)
}

// change moves the first dose to another slot: first the slots of the same site and day are asked for, then one is taken.
func (w *worker) change(j job) {
	r := w.r
	p := r.crowd.lock(j.who)
	if p.in == nil || p.state != booked {
		r.crowd.unlock(j.who)
		return
	}
	in := *p.in
	r.crowd.unlock(j.who)
	if j.arg == 0 {
		w.path = appendSlots(w.path[:0], r.pathSites, in.site, in.day)
		a, err := w.call(callSlots, &request{method: "GET", path: w.path}, j)
		if w.setback(callSlots, j, a, err) {
			return
		}
		slot := ""
		if a.status == 200 {
			slot, _ = pickSlot(a.body, &w.rnd)
		}
		if slot == "" || slot == in.slot {
			w.leave(j.who)
			return
		}
		w.know(j.who, func(_ *person, in *inner) { in.slot = slot })
		r.push(r.now()+w.think(), j.who, doChange, 1)
		return
	}
	b := strconv.AppendQuote(append(w.body[:0], `{"dose":1,"slot":`...), in.slot)
	w.body = append(b, '}')
	q := request{
		method: "PUT", path: []byte("/api/v1/bookings/" + in.id + "/slot"), session: r.session(j.who), body: w.body,
	}
	a, err := w.call(callChange, &q, j)
	if w.setback(callChange, j, a, err) {
		return
	}
	if a.status == 200 {
		r.tally.changes.Add(1)
		if id := field(a.body, "id"); id != "" && id != in.id {
			r.findings.add("bad-answer", "a changed booking got another id")
		}
		w.mark(j.who, movedBooking)
	} else {
		r.tally.failed(callChange, a.status, readProblem(a.body).code)
	}
	w.leave(j.who)
}

func (w *worker) cancel(j job) {
	r := w.r
	p := r.crowd.lock(j.who)
	if p.in == nil || p.state != booked {
		r.crowd.unlock(j.who)
		return
	}
	id := p.in.id
	r.crowd.unlock(j.who)
	q := request{method: "DELETE", path: []byte("/api/v1/bookings/" + id), session: r.session(j.who)}
	a, err := w.call(callCancel, &q, j)
	if errors.Is(err, errLost) || err == nil && a.status >= 500 {
		w.mark(j.who, lostCancel)
	}
	if w.setback(callCancel, j, a, err) {
		return
	}
	if a.status == 200 || a.status == 204 {
		r.tally.cancels.Add(1)
		w.end(j.who, cancelled)
		return
	}
	r.tally.failed(callCancel, a.status, readProblem(a.body).code)
	w.leave(j.who)
}
