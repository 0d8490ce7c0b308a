package rush

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// baseline is what the server said before the rush.
type baseline struct {
	remaining  int64 // doses on offer, -1 when the line does not say
	joined     int64
	seats      map[siteDay]int32 // free seats; nil when they were not shown
	commitment string
}

// recounted is what the server says after the rush, asked person by person.
type recounted struct {
	asked, live, doses, cancelled atomic.Int64
	lostAnswers                   atomic.Int64 // live bookings whose answer was lost: nobody was told, and nobody lied
	places, standby, stillWaiting atomic.Int64
	duplicates                    atomic.Int64
	unasked                       atomic.Int64

	mu    sync.Mutex
	ids   []uint64
	taken map[siteDay]int32 // first doses of live bookings

	sites int
	seats map[siteDay]int32 // free seats now; nil when they could not be read
	last  lineDoc
	drawn drawn
	took  time.Duration
}

// baseline reads line and sites before anything happens.
func (r *runner) baseline(ctx context.Context) error {
	c := r.newConn()
	defer c.close()
	d, err := r.readLine(c)
	if err != nil {
		return fmt.Errorf("rush: %w", err)
	}
	r.base = baseline{remaining: d.remaining, joined: d.joined, commitment: d.commitment}
	r.base.seats = map[siteDay]int32{}
	if _, err := r.allSites(ctx, c, r.base.seats); err != nil {
		r.base.seats = nil
	}
	r.samples.last = d
	return ctx.Err()
}

// siteDay is one day at one site.
type siteDay struct{ site, day string }

// allSites pages through all sites and adds their free seats to seats.
func (r *runner) allSites(ctx context.Context, c *conn, seats map[siteDay]int32) (sites int, err error) {
	cursor := ""
	for range 5000 {
		path := append([]byte{}, r.pathSites...)
		if cursor != "" {
			path = appendQuery(append(path, "?cursor="...), cursor)
		}
		a, err := r.askAgain(ctx, c, &request{method: "GET", path: path})
		if err != nil {
			return 0, err
		}
		if a.status != 200 {
			return 0, fmt.Errorf("sites answered %d", a.status)
		}
		n, next, err := eachFree(a.body, func(site string, day []byte, free int64) {
			seats[siteDay{site, string(day)}] += int32(free)
		})
		if err != nil {
			return 0, err
		}
		sites += n
		if next == "" || next == cursor {
			return sites, nil
		}
		cursor = next
	}
	return 0, errors.New("sites: the pages do not end")
}

// askAgain repeats a request through full servers and broken connections for up to a minute.
func (r *runner) askAgain(ctx context.Context, c *conn, q *request) (answer, error) {
	delay := 50 * time.Millisecond
	for try := 0; ; try++ {
		a, err := c.do(q, r.cfg.Timeout)
		if err == nil && a.status < 500 && a.status != 429 {
			return a, nil
		}
		if try >= 30 {
			return a, err
		}
		wait := delay
		if err == nil && a.retryAfter > 0 {
			wait = a.retryAfter
		}
		delay = min(2*delay, 2*time.Second)
		if err := sleep(ctx, wait); err != nil {
			return a, err
		}
	}
}

// each calls fn for 0 … n-1 from many hands with a connection each.
func (r *runner) each(ctx context.Context, n int, fn func(c *conn, i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(r.cfg.Conns, 64, max(n, 1)) {
		all.Go(func() {
			c := r.newConn()
			defer c.close()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				fn(c, i)
			}
		})
	}
	all.Wait()
}

// maxPlacesAsked bounds how many places the recount reads again; of a larger crowd every k-th person is asked.
const maxPlacesAsked = 1_000_000

// recount asks the server for everything again and compares it with what it said during the rush.
func (r *runner) recount(ctx context.Context) {
	began := r.now()
	rc := &r.recounted
	rc.taken = map[siteDay]int32{}
	c := r.newConn()
	defer c.close()
	_ = sleep(ctx, 1500*time.Millisecond) // the public documents may be a second old
	r.recountDraw(ctx, c)
	r.each(ctx, len(r.crowd.people), func(c *conn, i int) { r.recountBookings(ctx, c, uint32(i)) })
	step := 1 + len(r.crowd.people)/maxPlacesAsked
	r.each(ctx, (len(r.crowd.people)+step-1)/step, func(c *conn, i int) { r.recountPlace(ctx, c, uint32(i*step)) })
	r.each(ctx, len(r.loot.windows), func(c *conn, i int) { r.recountWindow(ctx, c, r.loot.windows[i]) })
	r.recountTotals(ctx, c)
	r.recountNumbers()
	if n := rc.unasked.Load(); n > 0 {
		r.findings.add("not-recounted", "%d answers could not be had for the recount", n)
	}
	rc.took = r.now() - began
}

// recountBookings asks for one person's bookings.
func (r *runner) recountBookings(ctx context.Context, c *conn, who uint32) {
	rc := &r.recounted
	p := &r.crowd.people[who] // nobody moves any more
	if p.flags&isHelped != 0 {
		if id, _ := r.helpers[who].id.Load().(string); id == "" {
			return
		}
	}
	a, err := r.askAgain(ctx, c, &request{method: "GET", path: []byte("/api/v1/bookings"), session: r.session(who)})
	rc.asked.Add(1)
	if err != nil || a.status != 200 {
		if int(who) >= r.sc.Eligible && err == nil && a.status < 500 {
			return // refusing a list to somebody who may not book is fair
		}
		rc.unasked.Add(1)
		return
	}
	list, err := readBookings(a.body)
	if err != nil {
		rc.unasked.Add(1)
		return
	}
	id, n := r.live(who, list)
	for _, m := range list {
		if m.id == id && n > 0 {
			rc.doses.Add(int64(m.doses))
			rc.mu.Lock()
			rc.taken[siteDay{m.site, m.day}]++
			rc.mu.Unlock()
		}
		if m.cancelled && m.recipient == r.recipientOf(who) && (m.campaign == "" || m.campaign == r.campaign) {
			rc.cancelled.Add(1)
		}
	}
	rc.live.Add(int64(n))
	if n > 0 {
		rc.mu.Lock()
		rc.ids = append(rc.ids, hashID(id))
		rc.mu.Unlock()
	}
	switch {
	case n > 1:
		rc.duplicates.Add(1)
		r.findings.add("duplicate-booking", "one person has %d live bookings", n)
	case p.state == booked && n == 0 && p.flags&lostCancel == 0:
		r.findings.add("booking-lost", "an acknowledged booking is not there")
	case p.state == booked && n == 1 && hashID(id) != p.booking:
		r.findings.add("booking-lost", "an acknowledged booking became another one")
	case p.state == cancelled && n > 0:
		r.findings.add("cancel-lost", "a cancelled booking is live")
	case p.state != booked && p.state != cancelled && n > 0:
		if p.flags&lostBooking != 0 {
			rc.lostAnswers.Add(1)
		} else {
			r.findings.add("unacknowledged-booking", "a live booking that nobody was told of")
		}
	}
}

// recountPlace asks what place a person's ticket proves now.
func (r *runner) recountPlace(ctx context.Context, c *conn, who uint32) {
	rc := &r.recounted
	p := &r.crowd.people[who]
	ticket := r.crowd.tickets.get(p.ticket)
	if ticket == nil {
		return
	}
	d, ok := r.askPlace(ctx, c, ticket)
	if !ok {
		return
	}
	rc.places.Add(1)
	if p.number != 0 && d.number != p.number {
		r.findings.add("number-changed", "number %d is %d in the recount", p.number, d.number)
	}
	p.number = d.number
	r.recountPseudonym(d)
	switch {
	case d.state == "standby":
		rc.standby.Add(1)
		if !p.state.over() {
			r.moved(p.state, standby)
			p.state = standby
		}
	case d.state == "waiting" || d.state == "gathering":
		rc.stillWaiting.Add(1)
	}
}

func (r *runner) askPlace(ctx context.Context, c *conn, ticket []byte) (placeDoc, bool) {
	a, err := r.askAgain(ctx, c, &request{method: "GET", path: r.pathPlace, ticket: ticket})
	if err != nil {
		r.recounted.unasked.Add(1)
		return placeDoc{}, false
	}
	d, err := readPlace(a.body)
	if a.status != 200 || err != nil {
		r.findings.add("place-lost", "a ticket is refused in the recount: %d", a.status)
		return placeDoc{}, false
	}
	return d, true
}

// recountWindow asks what place another window's ticket proves: it must be the same.
func (r *runner) recountWindow(ctx context.Context, c *conn, t lootTicket) {
	d, ok := r.askPlace(ctx, c, []byte(t.ticket))
	if ok && d.number != r.crowd.people[t.who].number {
		r.attacks.add(attackWindows, breach, "two windows of one person have two places")
		r.findings.add("two-places", "two windows of one person have numbers %d and %d", d.number, r.crowd.people[t.who].number)
	}
}

// recountNumbers checks that no number was given twice and, when the crowd was alone, that none is missing.
func (r *runner) recountNumbers() {
	var all []uint32
	for i := range r.crowd.people {
		if n := r.crowd.people[i].number; n != 0 {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	for i := 1; i < len(all); i++ {
		if all[i] == all[i-1] {
			r.findings.add("number-twice", "number %d was given to two people", all[i])
		}
	}
	if r.alone() && len(all) > 0 && int64(len(all)) == r.recounted.last.joined && all[len(all)-1] != uint32(len(all)) {
		r.findings.add("numbers-not-dense", "%d people have numbers up to %d", len(all), all[len(all)-1])
	}
	slices.Sort(r.recounted.ids)
	for i := 1; i < len(r.recounted.ids); i++ {
		if r.recounted.ids[i] == r.recounted.ids[i-1] {
			r.findings.add("booking-shared", "one booking is shown to two people")
		}
	}
}

// alone: nobody else used the campaign, neither before nor during the rush, so that totals must agree exactly.
func (r *runner) alone() bool { return !r.cfg.Shared && r.base.joined == 0 }

// placesTold is how many people know of a place, and how many may have one that they were never told of.
func (r *runner) placesTold() (told, lost int64) {
	for i := range r.crowd.people {
		switch p := &r.crowd.people[i]; {
		case p.ticket != 0:
			told++
		case p.flags&lostPlace != 0:
			lost++
		}
	}
	return told, lost
}
