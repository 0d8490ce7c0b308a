package rush

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"
)

// drawn is the published draw as the recount found it.
type drawn struct {
	known      bool // the draw is published
	commitment string
	seed       []byte
	order      []byte // 16-byte pseudonyms by number
	entrants   int64
	matched    int64 // people of the crowd found at their number
}

// recountDraw recomputes the draw: the seed fits the commitment that stood before, and the order is the ascending order
// of SHA-256(seed ‖ pseudonym).
func (r *runner) recountDraw(ctx context.Context, c *conn) {
	d := &r.recounted.drawn
	base := bytes.TrimSuffix(r.pathLine, []byte("/line"))
	a, err := r.askAgain(ctx, c, &request{method: "GET", path: append(bytes.Clone(base), "/draw"...)})
	if err != nil || a.status != 200 {
		return // a campaign without a draw
	}
	_ = fields(a.body, func(k, v []byte) bool {
		switch string(k) {
		case "commitment":
			d.commitment = text(v)
		case "seed":
			d.seed, _ = hex.DecodeString(text(v))
		case "entrants":
			d.entrants, _ = whole(v)
		}
		return true
	})
	if len(d.seed) == 0 {
		return // not drawn
	}
	if r.base.commitment != "" && d.commitment != r.base.commitment {
		r.findings.add("draw", "the commitment is not the one that stood before the rush")
	}
	if sum := sha256.Sum256(d.seed); hex.EncodeToString(sum[:]) != d.commitment {
		r.findings.add("draw", "the seed does not fit the commitment")
	}
	own := r.newConn() // its buffer will be large
	defer own.close()
	a, err = r.askAgain(ctx, own, &request{method: "GET", path: append(bytes.Clone(base), "/draw/entrants"...)})
	if err != nil || a.status != 200 {
		r.findings.add("draw", "the drawn order cannot be read: %d", a.status)
		return
	}
	if int64(len(a.body)) != d.entrants*16 {
		r.findings.add("draw", "%d bytes of drawn order for %d entrants", len(a.body), d.entrants)
		return
	}
	d.order, d.known = a.body, true
	if at := firstOutOfOrder(d.seed, d.order); at > 0 {
		r.findings.add("draw", "numbers %d and %d are not in the order of their hashes", at, at+1)
	}
}

// firstOutOfOrder gives the first number n whose successor's hash is not greater, 0 when the order is right.
func firstOutOfOrder(seed, order []byte) int {
	var last [32]byte
	buf := make([]byte, len(seed)+16)
	copy(buf, seed)
	for i := 0; i+16 <= len(order); i += 16 {
		copy(buf[len(seed):], order[i:i+16])
		sum := sha256.Sum256(buf)
		if i > 0 && bytes.Compare(last[:], sum[:]) >= 0 {
			return i / 16
		}
		last = sum
	}
	return 0
}

// recountPseudonym checks that a person stands in the published order where the number says.
func (r *runner) recountPseudonym(p placeDoc) {
	d := &r.recounted.drawn
	if !d.known || p.number == 0 || int64(p.number) > d.entrants || p.pseudonym == "" {
		return
	}
	raw, err := hex.DecodeString(p.pseudonym)
	if err != nil || len(raw) != 16 {
		raw, _ = base64.RawURLEncoding.DecodeString(p.pseudonym)
	}
	at := int(p.number-1) * 16
	if !bytes.Equal(raw, d.order[at:at+16]) {
		r.findings.add("draw", "number %d belongs to another pseudonym in the published order", p.number)
		return
	}
	r.recounted.mu.Lock()
	d.matched++
	r.recounted.mu.Unlock()
}

// recountTotals compares sums: places with joined, bookings with stock and with free seats.
func (r *runner) recountTotals(ctx context.Context, c *conn) {
	rc := &r.recounted
	live := rc.live.Load()
	holds := int64(0)
	for i := range r.crowd.people {
		if r.crowd.people[i].flags&leftHold != 0 {
			holds++
		}
	}
	// Snapshots may be a little behind; they are read again for a while before a difference counts.
	for until := r.now() + r.cfg.Settle; ; {
		if d, err := r.readLine(c); err == nil {
			rc.last = d
		}
		seats := map[siteDay]int32{}
		if sites, err := r.allSites(ctx, c, seats); err == nil {
			rc.sites, rc.seats = sites, seats
		}
		if r.seatsOff(holds) == "" && r.stockAgrees(live, holds) || r.now() > until || sleep(ctx, time.Second/2) != nil {
			break
		}
	}
	if r.base.remaining >= 0 && r.base.joined == 0 && live > r.stock() {
		r.findings.add("oversold", "%d live bookings of %d doses", live, r.stock())
	}
	if !r.alone() {
		return
	}
	if !r.stockAgrees(live, holds) {
		r.findings.add("stock", "%d doses in all, %d live bookings, %d remaining (%d holds)", r.stock(), live, rc.last.remaining, holds)
	}
	if off := r.seatsOff(holds); off != "" {
		r.findings.add("seats", "%s", off)
	}
	places, lost := r.placesTold()
	if rc.last.joined < places || rc.last.joined > places+lost {
		r.findings.add("places", "the line says %d joined; the crowd has %d places and %d lost answers", rc.last.joined, places, lost)
	}
}

func (r *runner) stockAgrees(live, holds int64) bool {
	left := r.recounted.last.remaining
	if r.base.remaining < 0 || left < 0 {
		return true
	}
	taken := r.stock() - left
	return taken >= live && taken <= live+holds+r.kept()
}

// stock is what was on offer in all.
func (r *runner) stock() int64 {
	if r.delivered == nil {
		return r.base.remaining
	}
	return r.base.remaining + r.delivered.Doses
}

// kept is how many doses may be kept for people who were called and did not come: where doses came free after the campaign was
// sold out, so many as were given back at the most.
func (r *runner) kept() int64 {
	if !r.sc.Invitations {
		return 0
	}
	n := r.recounted.cancelled.Load()
	n += r.unknown()
	if d := r.delivered; d != nil {
		n += d.Kept - d.Booked
	}
	return n
}

// seatsOff compares, for every day at every site, the seats that were free before with those free now and the first doses
// of the live bookings. It gives what is wrong, or "". Seats of follow-up doses may lie on the same days, and holds that
// nobody confirmed take seats for some minutes: both may only lower what is free.
func (r *runner) seatsOff(holds int64) string {
	rc := &r.recounted
	if r.base.seats == nil || rc.seats == nil {
		return ""
	}
	slack := rc.doses.Load() - rc.live.Load() + 2*holds
	total := int64(0)
	for at, n := range rc.taken {
		if n > r.base.seats[at] {
			return fmt.Sprintf("%d first doses on %s at one site that had %d seats free", n, at.day, r.base.seats[at])
		}
	}
	for at, before := range r.base.seats {
		now := rc.seats[at]
		gone := int64(before) - int64(now) - int64(rc.taken[at])
		if now < 0 || gone < 0 {
			return fmt.Sprintf("on %s a site had %d seats free, %d were booked, and %d are free now", at.day, before, rc.taken[at], now)
		}
		total += gone
	}
	if total > slack {
		return fmt.Sprintf("%d seats are neither free nor booked", total)
	}
	return ""
}
