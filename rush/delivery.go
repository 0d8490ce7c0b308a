package rush

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Delivered is what became of doses that came after the rush was sold out. They are for those who stand by, in the order of
// their numbers, whether they come or not.
type Delivered struct {
	Doses    int64   `json:"doses"`
	StoodBy  int64   `json:"stoodBy"`  // people of the crowd with a place and no booking, when it came
	Kept     int64   `json:"kept"`     // for so many of them a dose was kept
	Booked   int64   `json:"booked"`   // of those
	First    uint32  `json:"first"`    // the numbers they were kept for: the lowest
	Last     uint32  `json:"last"`     // and the highest
	Unseated int64   `json:"unseated"` // found no seat for the whole series at any of the sites they tried: their dose waits
	OutOf    int64   `json:"outOf"`    // must be 0: people called although one with a lower number was not
	Seconds  float64 `json:"seconds"`  // until the last of them had booked
}

// waiter is somebody who stands by.
type waiter struct {
	who    uint32
	number uint32
	comes  bool // the others gave up, or may not book any more; they are called all the same
	kept   bool
}

// delivery has doses come when the rush is over, and brings those who are called. Nobody else may find a dose.
func (r *runner) delivery(ctx context.Context) error {
	if r.cfg.Delivery <= 0 {
		return nil
	}
	r.phase.Store("delivery")
	began := r.now()
	list := r.standingBy(ctx)
	d := &Delivered{Doses: int64(r.cfg.Delivery), StoodBy: int64(len(list))}
	r.delivered = d
	var done atomic.Int64 // when the last of them had booked
	c := r.newConn()
	defer c.close()
	if err := r.cfg.Deliver(ctx, r.cfg.Delivery); err != nil {
		return fmt.Errorf("rush: deliver %d doses: %w", r.cfg.Delivery, err)
	}
	want := min(r.cfg.Delivery, len(list))
	// Besides the delivery there may be doses that were given back before.
	for kept, quiet := 0, r.now(); r.now()-quiet < 5*time.Second || kept < want && r.now()-quiet < 30*time.Second; {
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		line, err := r.readLine(c)
		if err != nil {
			continue
		}
		// Whoever left an address is told by a message; here the admitted number stands for it.
		var called []int
		for i := range list {
			if !list[i].kept && int64(list[i].number) <= line.admitted {
				called = append(called, i)
			}
		}
		var more atomic.Int64
		r.each(ctx, len(called), func(c *conn, i int) {
			w := &list[called[i]]
			a, err := r.askAgain(ctx, c, &request{method: "GET", path: r.pathPlace, ticket: r.ticketOf(w.who)})
			if err != nil || a.status != 200 || field(a.body, "keptUntil") == "" {
				return
			}
			w.kept = true
			more.Add(1)
			switch {
			case !w.comes:
			case r.accept(ctx, c, w):
				atomic.AddInt64(&d.Booked, 1)
				done.Store(int64(r.now() - began))
			default:
				atomic.AddInt64(&d.Unseated, 1)
			}
		})
		if n := int(more.Load()); n > 0 {
			kept, quiet = kept+n, r.now()
		}
	}
	d.Seconds = time.Duration(done.Load()).Seconds()
	r.judgeDelivery(ctx, list, d)
	return ctx.Err()
}

func (r *runner) ticketOf(who uint32) []byte {
	return r.crowd.tickets.get(r.crowd.people[who].ticket)
}

// standingBy lists everybody with a place who never had a booking, by number.
func (r *runner) standingBy(ctx context.Context) []waiter {
	var list []waiter
	for i := range r.crowd.people {
		p := &r.crowd.people[i] // nobody moves any more
		if p.ticket == 0 || p.state == booked || p.state == cancelled || p.flags&(lostBooking|foundLater) != 0 {
			continue
		}
		list = append(list, waiter{who: uint32(i), number: p.number, comes: p.flags&isCheat == 0 && p.state != gone && p.state != refused})
	}
	r.each(ctx, len(list), func(c *conn, i int) {
		if w := &list[i]; w.number == 0 {
			if d, ok := r.askPlace(ctx, c, r.ticketOf(w.who)); ok {
				w.number = d.number
				r.crowd.people[w.who].number = d.number
			}
		}
	})
	slices.SortFunc(list, func(a, b waiter) int { return cmp.Compare(a.number, b.number) })
	return list
}

// accept is the walk of somebody who was called: a pass, a site, a slot, a booking.
func (r *runner) accept(ctx context.Context, c *conn, w *waiter) bool {
	hand := &worker{r: r, c: c, rnd: traits(r.seed, w.who, 'd')}
	for range 20 {
		if ctx.Err() != nil {
			return false
		}
		q := request{method: "POST", path: r.pathPasses, session: r.session(w.who), ticket: r.ticketOf(w.who), body: hand.recipientBody(w.who, device(w.who))}
		a, err := r.askAgain(ctx, c, &q)
		if err != nil || a.status == 425 { // the message was quicker than the door
			_ = sleep(ctx, time.Second)
			continue
		}
		if a.status != 200 && a.status != 201 {
			r.findings.add("invited-refused", "somebody for whom a dose is kept got no pass: %d %s", a.status, readProblem(a.body).code)
			return false
		}
		pass, err := readPass(a.body)
		if err != nil {
			r.findings.add("bad-answer", "a pass that cannot be read: %v", err)
			return false
		}
		r.moves.letIn(r.now(), w.number, w.who)
		if slot := r.freeSlot(ctx, hand); slot != "" {
			if done, over := r.takeSlot(ctx, c, w, pass.pass, slot); done || over {
				return done
			}
		}
	}
	return false
}

// freeSlot finds a slot near wherever; "" when there was none at the first try.
func (r *runner) freeSlot(ctx context.Context, w *worker) string {
	_, lat, lon := home(r.seed, uint32(w.rnd.below(uint64(len(r.crowd.people)))))
	b := append([]byte{}, r.pathSites...)
	b = strconv.AppendFloat(append(b, "?lat="...), lat, 'f', 2, 64)
	b = strconv.AppendFloat(append(b, "&lon="...), lon, 'f', 2, 64)
	a, err := r.askAgain(ctx, w.c, &request{method: "GET", path: b})
	if err != nil || a.status != 200 {
		return ""
	}
	site, day, _, err := pickSite(a.body, &w.rnd)
	if err != nil || site == "" {
		return ""
	}
	a, err = r.askAgain(ctx, w.c, &request{method: "GET", path: appendSlots(nil, r.pathSites, site, day)})
	if err != nil || a.status != 200 {
		return ""
	}
	slot, _ := pickSlot(a.body, &w.rnd)
	return slot
}

// takeSlot books; over tells that trying another slot is no use.
func (r *runner) takeSlot(ctx context.Context, c *conn, w *waiter, pass, slot string) (done, over bool) {
	q := request{
		method: "POST", path: []byte("/api/v1/bookings"), session: r.session(w.who), pass: pass,
		key: r.nonce + "-d-" + slot + strconv.Itoa(int(w.who)), body: append(strconv.AppendQuote([]byte(`{"slot":`), slot), '}'),
	}
	a, err := r.askAgain(ctx, c, &q)
	if err != nil {
		return false, false
	}
	if a.status == 200 || a.status == 201 {
		p := r.crowd.lock(w.who)
		r.moved(p.state, booked)
		p.state, p.booking = booked, hashID(field(a.body, "id"))
		r.crowd.unlock(w.who)
		r.tally.bookings.Add(1)
		return true, true
	}
	pr := readProblem(a.body)
	if pr.code == "slot-full" && strings.Contains(field(a.body, "detail"), "stock") {
		r.findings.add("invited-refused", "somebody for whom a dose is kept was told that the stock is used up")
		return false, true
	}
	return false, pr.code != "slot-full" && pr.code != "no-pass" && pr.code != "pass-expired" && pr.code != "conflict"
}

// unknown is how many people may have a booking that they were not told of.
func (r *runner) unknown() (n int64) {
	for i := range r.crowd.people {
		if p := &r.crowd.people[i]; p.state != booked && p.state != cancelled && p.flags&(lostBooking|foundLater) != 0 {
			n++
		}
	}
	return n
}

// judgeDelivery compares whom the doses were kept for with whom they had to be kept for.
func (r *runner) judgeDelivery(ctx context.Context, list []waiter, d *Delivered) {
	highest := -1
	for i := range list {
		if w := &list[i]; w.kept {
			d.Kept++
			d.Last = w.number
			if d.First == 0 {
				d.First = w.number
			}
			highest = i
		}
	}
	for i := range list[:max(highest, 0)] {
		if !list[i].kept {
			d.OutOf++
			r.findings.add("called-out-of-order", "number %d was passed over for a higher one", list[i].number)
		}
	}
	// Of some it is not known whether they have a booking: their answers were lost. They are not in the list, and may be called.
	if want := min(d.Doses, d.StoodBy); d.Kept < want-r.unknown() {
		r.findings.add("delivery", "%d doses came, %d people stand by, and %d were called", d.Doses, d.StoodBy, d.Kept)
	}
	// Those behind have none: every k-th is asked.
	behind := list[highest+1:]
	step := 1 + len(behind)/20_000
	r.each(ctx, (len(behind)+step-1)/step, func(c *conn, i int) {
		w := &behind[i*step]
		a, err := r.askAgain(ctx, c, &request{method: "GET", path: r.pathPlace, ticket: r.ticketOf(w.who)})
		if err == nil && a.status == 200 && field(a.body, "keptUntil") != "" {
			r.findings.add("called-out-of-order", "number %d has a dose although it is behind those who were called", w.number)
		}
	})
}
