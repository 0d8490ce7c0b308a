package rush

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// attacker is a pair of hands for cheats: their tries are scripts of several calls, some at once.
type attacker struct {
	r   *runner
	w   *worker // for taking in what a cheat gets honestly
	c   [4]*conn
	rnd rng
}

func newAttacker(r *runner, n uint32) *attacker {
	a := &attacker{r: r, rnd: traits(r.seed, n, 'x')}
	for i := range a.c {
		a.c[i] = r.newConn()
	}
	a.w = &worker{r: r, c: a.c[0], rnd: traits(r.seed, n, 'y')}
	return a
}

func (a *attacker) work(jobs <-chan job) {
	for j := range jobs {
		a.moment(j)
		a.r.done(j)
	}
	for _, c := range a.c {
		c.close()
	}
}

// moment lets one cheat try what fits, and then go on like everybody else.
func (a *attacker) moment(j job) {
	r := a.r
	m := moment(j.arg)
	kinds := repertoire[m]
	cheats := max(13, uint64(float64(r.sc.Eligible)*r.sc.Cheats))
	ordinal := int((uint64(j.who)*cheats + uint64(r.sc.Eligible) - 1) / uint64(r.sc.Eligible))
	for i := range min(3, len(kinds)) {
		a.try(kinds[(ordinal+i*(len(kinds)+2)/3)%len(kinds)], j.who)
	}
	switch m {
	case momentInside:
		if in, ok := a.w.choosing(j.who); ok && in.pass != "" {
			r.push(r.now()+a.w.think(), j.who, doSites, 0)
		}
	case momentBooked:
		a.w.leave(j.who)
	}
}

// known is what an attacker has of a cheat.
type known struct {
	session, pass, booking string
	ticket                 []byte
	number                 uint32
	state                  standing
}

func (a *attacker) know(who uint32) (k known) {
	r := a.r
	p := r.crowd.lock(who)
	k.ticket, k.number, k.state = r.crowd.tickets.get(p.ticket), p.number, p.state
	if p.in != nil {
		k.pass, k.booking = p.in.pass, p.in.id
	}
	r.crowd.unlock(who)
	k.session = r.session(who)
	return k
}

// expect sends a request that must be refused and books the verdict.
func (a *attacker) expect(k attackKind, q *request) answer {
	ans, err := a.c[0].do(q, a.r.cfg.Timeout)
	v := judge(ans, err)
	a.r.attacks.add(k, v, q.method+" "+string(q.path)+" answered "+strconv.Itoa(ans.status))
	return ans
}

func judge(ans answer, err error) verdict {
	switch {
	case err != nil || ans.status >= 500 || ans.status == 429:
		return unanswered
	case ans.status < 300:
		return breach
	default:
		return stopped
	}
}

func (a *attacker) bookBody() []byte {
	return []byte(`{"slot":` + strconv.Quote(a.r.loot.slot(&a.rnd)) + `}`)
}

func (a *attacker) newKey(who uint32) string {
	return a.r.nonce + "x" + strconv.FormatUint(uint64(who), 36) + strconv.FormatUint(a.rnd.next(), 36)
}

// book, hold and pass build a cheat's requests.
func (a *attacker) book(who uint32, session, pass string) *request {
	return &request{method: "POST", path: []byte("/api/v1/bookings"), session: session, pass: pass, key: a.newKey(who), body: a.bookBody()}
}

func (a *attacker) hold(session, pass string) *request {
	return &request{method: "POST", path: []byte("/api/v1/holds"), session: session, pass: pass, body: a.bookBody()}
}

func (a *attacker) pass(session string, ticket []byte, device string) *request {
	return &request{method: "POST", path: a.r.pathPasses, session: session, ticket: ticket, body: []byte(`{"device":` + strconv.Quote(device) + `}`)}
}

// tooEarly asks for a pass with one's own ticket, perhaps with something added. An answer that lets the cheat in is only
// then a breach when the turn had not come: before the opening at once, afterwards by the sweep over all passes.
func (a *attacker) tooEarly(k attackKind, who uint32, me known, extra, query, body string) {
	r := a.r
	q := a.pass(me.session, me.ticket, device(who))
	q.extra = extra
	q.path = append(append([]byte{}, q.path...), query...)
	if body != "" {
		q.body = []byte(body)
	}
	began := r.now()
	ans, err := a.c[0].do(q, r.cfg.Timeout)
	now := r.now()
	v := judge(ans, err)
	switch {
	case v == breach && (now < r.opens || len(me.ticket) == 0):
		r.attacks.add(k, breach, "a pass before the opening, or without a place")
	case v == breach:
		if d, err := readPass(ans.body); err == nil && me.state == waiting {
			number := a.know(who).number // learnt since, perhaps
			if number == 0 {
				number = a.number(me.ticket)
			}
			a.w.entered(who, d, number, now)
		}
	default:
		if v == stopped && ans.status == 425 && readProblem(ans.body).code == "not-your-turn" {
			r.moves.notYet(began, me.number, who)
		}
		r.attacks.add(k, v, "")
	}
}

// number reads the number that a ticket proves; 0 when there is none.
func (a *attacker) number(ticket []byte) uint32 {
	ans, err := a.c[0].do(&request{method: "GET", path: a.r.pathPlace, ticket: ticket}, a.r.cfg.Timeout)
	if err != nil || ans.status != 200 {
		return 0
	}
	d, _ := readPlace(ans.body)
	return d.number
}

// together sends requests at the same time on connections of their own and gives the answers, bodies copied.
func (a *attacker) together(qs []*request) ([]answer, []error) {
	answers, errs := make([]answer, len(qs)), make([]error, len(qs))
	var all sync.WaitGroup
	for i, q := range qs {
		all.Go(func() {
			answers[i], errs[i] = a.c[i].do(q, a.r.cfg.Timeout)
			answers[i].body = append([]byte(nil), answers[i].body...)
		})
	}
	all.Wait()
	return answers, errs
}

// windows opens several at once; all must show one place. The recount compares what their tickets prove.
func (a *attacker) windows(who uint32, me known) {
	r := a.r
	qs := make([]*request, len(a.c))
	for i := range qs {
		qs[i] = &request{method: "POST", path: r.pathPlaces, session: me.session, body: []byte(`{}`)}
	}
	p := r.crowd.lock(who)
	if p.came == 0 {
		p.came = max(1, pack(r.now()))
	}
	r.crowd.unlock(who)
	answers, errs := a.together(qs)
	numbers := map[uint32]bool{}
	created, got := 0, 0
	for i, ans := range answers {
		if errs[i] != nil {
			p := r.crowd.lock(who)
			p.flags |= lostPlace
			r.crowd.unlock(who)
			continue
		}
		if ans.status != 200 && ans.status != 201 {
			continue
		}
		d, err := readPlace(ans.body)
		if err != nil {
			continue
		}
		got++
		if ans.status == 201 {
			created++
		}
		if d.number != 0 {
			numbers[d.number] = true
		}
		r.loot.window(who, d.ticket)
		a.w.placed(job{who: who, do: doVisit}, ans, true)
	}
	switch {
	case got == 0:
		r.attacks.add(attackWindows, unanswered, "")
	case created > 1 || len(numbers) > 1:
		r.attacks.add(attackWindows, breach, strconv.Itoa(created)+" places made for one person")
	default:
		r.attacks.add(attackWindows, stopped, "")
	}
}

// twoDevices asks for a pass on two further devices at once while one is live on the first.
func (a *attacker) twoDevices(who uint32, me known) {
	answers, errs := a.together([]*request{
		a.pass(me.session, me.ticket, "second-"+device(who)),
		a.pass(me.session, me.ticket, "third-"+device(who)),
	})
	worst := stopped
	for i := range answers {
		switch judge(answers[i], errs[i]) {
		case breach:
			worst = breach
		case unanswered:
			if worst == stopped {
				worst = unanswered
			}
		}
	}
	a.r.attacks.add(attackSecondDevice, worst, "a second live pass")
}

// twice books two slots at once on one pass. One may win; it is then the cheat's booking.
func (a *attacker) twice(who uint32, me known) {
	r := a.r
	answers, errs := a.together([]*request{a.book(who, me.session, me.pass), a.book(who, me.session, me.pass)})
	ids := map[string]bool{}
	bad := 0
	for i := range answers {
		switch judge(answers[i], errs[i]) {
		case breach: // granted: one of the two is right
			ids[field(answers[i].body, "id")] = true
		case unanswered:
			bad++
			p := r.crowd.lock(who)
			p.flags |= lostBooking
			r.crowd.unlock(who)
		}
	}
	if me.state == booked {
		delete(ids, me.booking)
		if len(ids) > 0 {
			r.attacks.add(attackTwice, breach, "a second booking after the first")
			return
		}
	}
	switch {
	case len(ids) > 1:
		r.attacks.add(attackTwice, breach, "two bookings on one pass")
	case bad == 2:
		r.attacks.add(attackTwice, unanswered, "")
	default:
		r.attacks.add(attackTwice, stopped, "")
	}
	for id := range ids {
		if me.state != booked {
			a.w.bookedAs(who, id, r.now())
		}
	}
}

// spoiled gives altered forms of a token: a bit flipped in the middle and at the end, cut short, lengthened.
func spoiled(token string, rnd *rng) string {
	if token == "" {
		return "AAAA"
	}
	flip := func(i int) string {
		const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		c := letters[rnd.below(uint64(len(letters)))]
		for c == token[i] {
			c = letters[rnd.below(uint64(len(letters)))]
		}
		return token[:i] + string(c) + token[i+1:]
	}
	switch rnd.below(5) {
	case 0:
		return flip(len(token) / 2)
	case 1:
		return flip(len(token) - 1)
	case 2:
		return token[:len(token)-1-int(rnd.below(uint64(len(token)/2)+1))]
	case 3:
		return token + "A"
	default:
		return flip(int(rnd.below(uint64(len(token)))))
	}
}

// ownClock is a time of one's own in every place where a careless server might look for "now".
func (a *attacker) ownClock() (extra, query string) {
	t := time.Now().Add(24 * time.Hour).UTC()
	rfc, unix := t.Format(time.RFC3339), strconv.FormatInt(t.Unix(), 10)
	extra = "Date: " + t.Format("Mon, 02 Jan 2006 15:04:05") + " GMT\r\nX-Time: " + rfc + "\r\nX-Now: " + unix +
		"\r\nX-Forwarded-Date: " + rfc + "\r\nX-Client-Time: " + unix + "\r\nCookie: now=" + unix + "; time=" + rfc + "; debug=1\r\n"
	query = "?now=" + unix + "&time=" + strings.ReplaceAll(rfc, ":", "%3A") + "&opensAt=2020-01-01T00%3A00%3A00Z"
	return extra, query
}
