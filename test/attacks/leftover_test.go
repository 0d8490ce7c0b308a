package attacks_test

import (
	"fmt"
	"strconv"
	"sync"
	"time"
)

// spareDoc is what somebody is shown of leftover doses.
type spareDoc struct {
	Sites []struct{ ID string }
	Offer struct{ ID, State string }
}

func (p *somebody) spare() (d spareDoc) {
	r := p.get("/api/v1/campaigns/spare/leftovers")
	if r.status == 200 {
		r.into(&d)
	}
	return d
}

func (p *somebody) answer(id, what string) reply {
	return p.post("/api/v1/campaigns/spare/leftovers/"+id+"/"+what, "{}")
}

// Leftover doses went to whoever asked most often and fastest in 2021: "it is macro against macro now, lower ping wins". Here ten
// people have a program each that asks without a pause, accepts within the millisecond, tries the numbers of other people's
// offers, and signs up again and again. One person looks when their telephone says so, and takes their time. Eleven doses come
// one by one: each of the eleven people gets one, and nobody gets what was another's.
var leftoverMacros = attack{name: "macros for leftover doses", why: "whose turn it is is worked out from days and a draw; there is no check to leave out", run: func(a *assault) {
	const pollers = 10
	everybody := make([]*somebody, pollers+1)
	for n := range everybody {
		everybody[n] = a.me(n)
		everybody[n].do("PUT", "/api/v1/campaigns/spare/leftovers", `{"sites":"T1"}`).into(&spareDoc{})
	}
	quiet := everybody[0]
	stop := make(chan struct{})
	var all sync.WaitGroup
	for _, p := range everybody[1:] {
		all.Go(func() { a.poll(p, stop) })
	}
	booked := func() (n int) {
		for _, p := range everybody {
			if p.live("spare") > 0 {
				n++
			}
		}
		return n
	}
	for round := 1; round <= len(everybody); round++ {
		a.command(append([]string{"leftovers", "offer", "--campaign", "spare", "--site", "T1", "--product", "flu", "--doses", "1", "--until", "24:00"}, a.at...)...)
		until := time.Now().Add(40 * time.Second)
		for booked() < round {
			if d := quiet.spare(); d.Offer.State == "offered" {
				time.Sleep(2 * time.Second) // they read it twice
				r := quiet.answer(d.Offer.ID, "accept")
				a.note(r.status == 200, fmt.Sprintf("the dose was still theirs (%d)", r.status))
			}
			if time.Now().After(until) {
				a.note(false, fmt.Sprintf("%d of %d doses booked", booked(), round))
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
		a.note(booked() == round, "one person each dose")
	}
	close(stop)
	all.Wait()
	for _, p := range everybody {
		a.note(p.live("spare") == 1, "one dose each")
	}
	// Whoever has one gets no second.
	again := everybody[1].do("PUT", "/api/v1/campaigns/spare/leftovers", `{"sites":"T1"}`)
	a.refused("sign up again", again, 409)
}}

// poll is somebody's program.
func (a *assault) poll(p *somebody, stop chan struct{}) {
	for guess := 1; ; guess++ {
		select {
		case <-stop:
			return
		default:
		}
		d := p.spare()
		if d.Offer.State == "offered" {
			p.answer(d.Offer.ID, "accept")
			continue
		}
		// Not theirs, or not there: what they have is told apart by its state above.
		id := strconv.Itoa(guess%80 + 1)
		if r := p.answer(id, "accept"); id != d.Offer.ID && r.status == 200 {
			if after := p.spare(); after.Offer.ID != id {
				a.note(false, "took offer "+id+" of somebody else")
			}
		}
		p.do("PUT", "/api/v1/campaigns/spare/leftovers", `{"sites":"T1"}`)
	}
}
