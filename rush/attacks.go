package rush

import (
	"sync"
	"time"
)

// attackKind is one way around the line that a cheat tries.
type attackKind uint8

const (
	attackEarly         attackKind = iota // joining before gathering begins
	attackClock                           // a time of one's own in header, query or cookie
	attackWindows                         // several windows at once, for several places
	attackPass                            // asking for a pass before the turn
	attackBook                            // the address of the inner page: booking without a pass
	attackHold                            // holding without a pass
	attackOffline                         // lost network: going on after a cut-off request, as if it had let one in
	attackCallback                        // the page's own "let me in": telling the server that one is admitted
	attackForgedTicket                    // a ticket altered by a bit, cut short or lengthened
	attackForeignTicket                   // somebody else's ticket with one's own session
	attackForgedPass                      // an altered pass
	attackForeignPass                     // somebody else's live pass with one's own session
	attackExpiredPass                     // a pass after its time
	attackUsedPass                        // the pass again, after booking
	attackSecondDevice                    // two devices at once, for two live passes
	attackTwice                           // two bookings at once on one pass
	attackForeignBook                     // changing or cancelling somebody else's booking
	attackSession                         // an altered, cut or absent session
	attackRecipient                       // acting for a recipient one has not registered
	attackPath                            // other methods and spellings of the address
	attackIneligible                      // people who may not book
	attackKinds
)

var attackNames = [attackKinds]string{
	"early join", "own clock", "several windows", "pass before turn", "booking without pass", "hold without pass",
	"network lost, go on", "own callback", "forged ticket", "somebody else's ticket", "forged pass",
	"somebody else's pass", "expired pass", "used pass", "two devices at once", "two bookings at once",
	"somebody else's booking", "forged session", "unregistered recipient", "other paths and methods", "not eligible",
}

// verdict is how an attack ended.
type verdict uint8

const (
	stopped    verdict = iota // refused, nothing gained
	breach                    // something was gained
	unanswered                // no answer, or the server was in trouble: nothing gained, nothing shown
)

// attackTally counts attacks. Safe for concurrent use.
type attackTally struct {
	mu     sync.Mutex
	counts [attackKinds][3]int64
	why    []string
}

func (b *attackTally) add(k attackKind, v verdict, detail string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts[k][v]++
	if v == breach && len(b.why) < 50 {
		b.why = append(b.why, attackNames[k]+": "+detail)
	}
}

// loot is what cheats can lay their hands on: real slots, and other people's passes, tickets and bookings. Rings of
// bounded size. Safe for concurrent use.
type loot struct {
	mu       sync.Mutex
	slots    []string
	passes   []lootPass
	bookings []lootBooking
	windows  []lootTicket
	ns, np   int
	nb       int
}

type lootPass struct {
	who     uint32
	pass    string
	expires time.Time
}

type lootBooking struct {
	who uint32
	id  string
}

type lootTicket struct {
	who    uint32
	ticket string
}

const ring = 256

func offer[T any](list *[]T, n *int, v T) {
	if len(*list) < ring {
		*list = append(*list, v)
	} else {
		(*list)[*n%ring] = v
	}
	*n++
}

func (l *loot) offerSlot(s string) {
	l.mu.Lock()
	offer(&l.slots, &l.ns, s)
	l.mu.Unlock()
}

func (l *loot) offerPass(who uint32, pass string, until time.Time) {
	l.mu.Lock()
	offer(&l.passes, &l.np, lootPass{who, pass, until})
	l.mu.Unlock()
}

func (l *loot) offerBooking(who uint32, id string) {
	l.mu.Lock()
	offer(&l.bookings, &l.nb, lootBooking{who, id})
	l.mu.Unlock()
}

// window keeps the ticket that another window of a person was given; the recount asks what place each of them proves.
func (l *loot) window(who uint32, ticket string) {
	l.mu.Lock()
	if len(l.windows) < 50_000 {
		l.windows = append(l.windows, lootTicket{who, ticket})
	}
	l.mu.Unlock()
}

func (l *loot) slot(r *rng) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.slots) == 0 {
		return "1.2030-07-15.0900.moderna" // none known yet: a made-up one
	}
	return l.slots[r.below(uint64(len(l.slots)))]
}

// pass gives somebody else's pass; expired chooses between one whose time is over and a live one.
func (l *loot) pass(r *rng, not uint32, expired bool, now time.Time) (p lootPass, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range 4 * min(len(l.passes), 8) {
		p = l.passes[r.below(uint64(len(l.passes)))]
		over := p.expires.Before(now.Add(-time.Second))
		if p.who != not && over == expired {
			return p, true
		}
	}
	return p, false
}

func (l *loot) booking(r *rng, not uint32) (b lootBooking, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.bookings) == 0 {
		return b, false
	}
	b = l.bookings[r.below(uint64(len(l.bookings)))]
	return b, b.who != not
}

// moment is when a cheat tries.
type moment uint8

const (
	momentDraft   moment = iota // before gathering
	momentGather                // gathering, before the opening
	momentWait                  // open, before the turn
	momentInside                // with a live pass
	momentBooked                // with a booking
	momentExpired               // at the end
	momentNotEligible
)

// repertoire says which attacks fit a moment; each cheat tries three of them at each.
var repertoire = map[moment][]attackKind{
	momentDraft:  {attackEarly, attackClock, attackPass, attackBook},
	momentGather: {attackWindows, attackPass, attackClock, attackBook, attackHold, attackCallback, attackForgedTicket, attackSession, attackOffline, attackPath},
	momentWait: {
		attackPass, attackForeignTicket, attackForeignPass, attackBook, attackClock, attackOffline, attackCallback, attackForgedTicket,
		attackHold, attackRecipient, attackWindows, attackPath, attackSession,
	},
	momentInside:      {attackForgedPass, attackSecondDevice, attackTwice},
	momentBooked:      {attackUsedPass, attackForeignBook, attackTwice},
	momentExpired:     {attackExpiredPass, attackForeignBook},
	momentNotEligible: {attackPass, attackBook, attackCallback},
}

// prepareCheats marks the cheats and schedules their tries; people is the number of eligible and other people.
func (r *runner) prepareCheats(people int) {
	want := int(float64(r.sc.Eligible) * r.sc.Cheats)
	if r.sc.Cheats > 0 {
		want = min(max(want, 13), r.sc.Eligible)
	}
	// Room for every try, so that cheats who wait for their answers never hold up the honest.
	r.attackJobs = make(chan job, 6*want+(people-r.sc.Eligible)/20+64)
	now := r.now()
	t := traits(r.seed, 0, 'c')
	for i := range want {
		who := uint32(uint64(i) * uint64(r.sc.Eligible) / uint64(want))
		r.crowd.people[who].flags |= isCheat
		if draft := r.gathers - now - 300*time.Millisecond; draft > 0 && !r.alreadyGathering {
			r.push(now+time.Duration(t.unit()*float64(draft)), who, doAttack, uint8(momentDraft))
		}
		if gather := r.opens - r.gathers - 300*time.Millisecond; gather > 0 {
			r.push(r.gathers+time.Duration(t.unit()*float64(gather)), who, doAttack, uint8(momentGather))
		}
		r.push(r.opens+time.Duration(t.exp()*float64(r.sc.Burst)), who, doAttack, uint8(momentWait))
		if i%10 == 0 {
			r.push(r.opens+r.sc.Late+time.Duration(t.unit()*float64(r.sc.Late)), who, doAttack, uint8(momentExpired))
		}
	}
	for who := r.sc.Eligible; who < people; who += 20 {
		r.push(r.opens+time.Duration(t.unit()*float64(r.sc.Late)), uint32(who), doAttack, uint8(momentNotEligible))
	}
}
