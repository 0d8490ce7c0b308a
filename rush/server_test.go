package rush

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// rotten is the contract in a hundred lines, right in every way but for the vices it is told to have. The rush must find
// nothing in it without vices, and each vice with.
type rotten struct {
	mu             sync.Mutex
	vice           string
	gather, open   time.Duration // after the first question, so that a slow start does not eat them up
	gathers, opens time.Time
	stock          int
	seats          int // of each of the slots
	perSecond      float64
	seed           [32]byte
	order          []int // person by number, once drawn or joined later
	entrants       int
	places         map[int]*rottenPlace
	bookings       map[string]*rottenBooking
	byPerson       map[int][]*rottenBooking
	keys           map[string]*rottenBooking
	taken          map[string]int
	serial         int
	requests, live int
}

type rottenPlace struct {
	number int // 0: gathering
	device string
	pass   string
}

type rottenBooking struct {
	id        string
	who       int
	slot      string
	cancelled bool
}

func newRotten(vice string, gather, open time.Duration, stock int) *rotten {
	s := &rotten{
		vice: vice, gather: gather, open: open, stock: stock, seats: 4, perSecond: 400,
		places: map[int]*rottenPlace{}, bookings: map[string]*rottenBooking{}, byPerson: map[int][]*rottenBooking{},
		keys: map[string]*rottenBooking{}, taken: map[string]int{},
	}
	s.seed = sha256.Sum256([]byte("seed"))
	return s
}

func sign(s string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte("secret" + s))
	return s + "." + strconv.FormatUint(h.Sum64(), 36)
}

func signed(s, prefix string) (int, bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 || sign(s[:i]) != s || !strings.HasPrefix(s, prefix) {
		return 0, false
	}
	n, err := strconv.Atoi(strings.SplitN(s[len(prefix):i], "-", 2)[0])
	return n, err == nil
}

// rottenSession is the crowd's source of sessions for this server.
func rottenSession(n int, eligible bool) (string, string) {
	if eligible {
		return "", sign("s" + strconv.Itoa(n))
	}
	return "", sign("x" + strconv.Itoa(n))
}

func pseudonymOf(who int) []byte {
	h := sha256.Sum256([]byte("p" + strconv.Itoa(who)))
	return h[:16]
}

// catchUp draws when the time has come.
func (s *rotten) catchUp() {
	if time.Now().Before(s.opens) || s.order != nil {
		return
	}
	s.order = []int{}
	for who := range s.places {
		s.order = append(s.order, who)
	}
	hash := func(who int) []byte { h := sha256.Sum256(append(s.seed[:], pseudonymOf(who)...)); return h[:] }
	slices.SortFunc(s.order, func(a, b int) int { return bytes.Compare(hash(a), hash(b)) })
	if s.vice == "rigged draw" && len(s.order) > 1 {
		s.order[0], s.order[1] = s.order[1], s.order[0]
	}
	s.entrants = len(s.order)
	for i, who := range s.order {
		s.places[who].number = i + 1
	}
}

func (s *rotten) remaining() int { return max(0, s.stock-s.live) }

func (s *rotten) admitted() int {
	since := time.Since(s.opens).Seconds()
	return max(0, min(int(since*s.perSecond), len(s.order)))
}

func (s *rotten) state() string {
	now := time.Now()
	switch {
	case now.Before(s.gathers):
		return "draft"
	case now.Before(s.opens):
		return "gathering"
	case s.remaining() == 0:
		return "soldOut"
	}
	return "open"
}

type refusal struct {
	status int
	code   string
}

func (s *rotten) place(who int) map[string]any {
	p := s.places[who]
	d := map[string]any{
		"ticket": sign("t" + strconv.Itoa(who)), "state": "gathering", "number": p.number, "ahead": 0,
		"estimatedWaitSeconds": []int{1, 2}, "pollAfterSeconds": 1, "pseudonym": hex.EncodeToString(pseudonymOf(who)),
	}
	if p.number == 0 {
		d["number"] = nil
	} else if p.number <= s.admitted() {
		d["state"] = "admitted"
	} else if d["state"] = "waiting"; s.remaining() == 0 {
		d["state"] = "standby"
	}
	if s.vice == "moving numbers" && p.number > 0 {
		s.serial++
		d["number"] = p.number + s.serial%2
	}
	return d
}

func (s *rotten) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests++; s.requests == 1 {
		s.gathers, s.opens = time.Now().Add(s.gather), time.Now().Add(s.open)
	}
	s.catchUp()
	out, status := s.serve(q)
	if r, ok := out.(refusal); ok {
		if r.status == 425 || r.status == 503 {
			w.Header().Set("Retry-After", "1")
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(r.status)
		_ = json.NewEncoder(w).Encode(map[string]any{"type": "t", "title": "t", "status": r.status, "code": r.code, "detail": "d"})
		return
	}
	if raw, ok := out.([]byte); ok {
		w.WriteHeader(status)
		_, _ = w.Write(raw)
		return
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

func (s *rotten) serve(q *http.Request) (any, int) {
	path := strings.TrimPrefix(q.URL.Path, "/api/v1")
	path = strings.TrimPrefix(path, "/campaigns/rush")
	call := q.Method + " " + path
	var body struct{ Device, Slot, Hold, Recipient string }
	_ = json.NewDecoder(q.Body).Decode(&body)
	token := strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer ")
	who, in := signed(token, "s")
	switch {
	case call == "GET /campaigns":
		return map[string]any{"campaigns": []any{map[string]any{
			"id": "rush", "name": map[string]string{"en": "Rush"}, "state": s.state(),
			"gathersAt": s.gathers.Format(time.RFC3339Nano), "opensAt": s.opens.Format(time.RFC3339Nano),
		}}, "serverTime": time.Now().Format(time.RFC3339)}, 200
	case call == "GET /line":
		h := sha256.Sum256(s.seed[:])
		return map[string]any{
			"state": s.state(), "joined": len(s.places), "admitted": s.admitted(), "inside": 0, "perMinute": 1.5,
			"remaining": s.remaining(), "drawCommitment": hex.EncodeToString(h[:]),
		}, 200
	case call == "GET /draw" && s.order != nil:
		h := sha256.Sum256(s.seed[:])
		return map[string]any{"commitment": hex.EncodeToString(h[:]), "seed": hex.EncodeToString(s.seed[:]), "entrants": s.entrants}, 200
	case call == "GET /draw/entrants" && s.order != nil:
		var b []byte
		for _, who := range s.order[:s.entrants] {
			b = append(b, pseudonymOf(who)...)
		}
		return b, 200
	case call == "GET /place":
		who, ok := signed(q.Header.Get("Charye-Ticket"), "t")
		if !ok || s.places[who] == nil {
			return refusal{404, "not-found"}, 0
		}
		return s.place(who), 200
	case call == "GET /sites":
		return s.sites(q.URL.Query().Get("cursor")), 200
	case strings.HasSuffix(path, "/slots") && q.Method == "GET":
		site := strings.Split(path, "/")[2]
		var slots []any
		for h := range 10 {
			id := fmt.Sprintf("%s.%s.%d", site, q.URL.Query().Get("date"), h)
			slots = append(slots, map[string]any{"id": id, "free": s.seats - s.taken[id], "product": "moderna"})
		}
		return map[string]any{"slots": slots}, 200
	}
	if !in {
		if _, known := signed(token, "x"); known && s.vice != "everybody eligible" {
			return refusal{403, "not-eligible"}, 0
		}
		if s.vice != "everybody eligible" {
			return refusal{401, "not-signed-in"}, 0
		}
		who, _ = signed(token, "x")
	}
	return s.signedIn(call, path, q, who, body.Device, cmp.Or(body.Slot, body.Hold), body.Recipient)
}

func (s *rotten) signedIn(call, path string, q *http.Request, who int, device, slot, recipient string) (any, int) {
	now := time.Now()
	if s.vice == "client clock" && q.Header.Get("X-Now") != "" {
		n, _ := strconv.ParseInt(q.Header.Get("X-Now"), 10, 64)
		now = time.Unix(n, 0)
	}
	if recipient != "" {
		return refusal{403, "helper-not-allowed"}, 0
	}
	switch call {
	case "POST /places":
		if now.Before(s.gathers) {
			return refusal{425, "not-open"}, 0
		}
		p, status := s.places[who], 200
		if p == nil || s.vice == "place per window" {
			p, status = &rottenPlace{}, 201
			s.places[who] = p
			if s.order != nil {
				s.order = append(s.order, who)
				p.number = len(s.order)
			}
		}
		return s.place(who), status
	case "POST /passes":
		owner, ok := signed(q.Header.Get("Charye-Ticket"), "t")
		if s.vice == "any ticket" && ok {
			owner = who
		}
		p := s.places[who]
		if !ok || owner != who || p == nil {
			return refusal{403, "no-pass"}, 0
		}
		if s.vice == "capricious door" && p.number%3 == 1 && s.requests%2 == 0 {
			return refusal{425, "not-your-turn"}, 0
		}
		early := now.Before(s.opens) || p.number == 0 || p.number > s.admitted()
		if early && s.vice != "open door" {
			return refusal{425, "not-your-turn"}, 0
		}
		if p.pass != "" && p.device != device && s.vice != "many devices" {
			return refusal{409, "other-device"}, 0
		}
		if p.pass == "" || p.device != device {
			s.serial++
			p.pass, p.device = sign(fmt.Sprintf("p%d-%d", who, s.serial)), device
		}
		return map[string]any{"pass": p.pass, "expiresAt": time.Now().Add(time.Minute).Format(time.RFC3339)}, 201
	case "POST /bookings", "POST /holds":
		owner, ok := signed(q.Header.Get("Charye-Pass"), "p")
		p := s.places[who]
		if b := s.keys[q.Header.Get("Idempotency-Key")]; b != nil && b.who == who {
			return s.booking(b), 201
		}
		live := ok && p != nil && p.pass == q.Header.Get("Charye-Pass")
		if s.vice == "shared passes" {
			live = ok && p != nil
			owner = who
		}
		if (!live || owner != who) && (s.vice != "no pass asked" || p == nil) {
			return refusal{403, "no-pass"}, 0
		}
		if call == "POST /holds" {
			return map[string]any{"hold": slot, "slot": slot}, 201
		}
		return s.book(who, slot, q.Header.Get("Idempotency-Key"))
	case "GET /bookings":
		list := []any{}
		for _, b := range s.byPerson[who] {
			list = append(list, s.booking(b))
		}
		return map[string]any{"bookings": list}, 200
	}
	if id, ok := strings.CutPrefix(path, "/bookings/"); ok {
		b := s.bookings[strings.TrimSuffix(id, "/slot")]
		if b == nil || b.who != who && s.vice != "anybody's booking" {
			return refusal{404, "not-found"}, 0
		}
		switch {
		case q.Method == "DELETE" && !b.cancelled:
			b.cancelled = true
			s.live--
			s.taken[b.slot]--
		case q.Method == "PUT" && (b.cancelled || s.taken[slot] >= s.seats):
			return refusal{409, "slot-full"}, 0
		case q.Method == "PUT":
			s.taken[b.slot]--
			s.taken[slot]++
			b.slot = slot
		}
		return s.booking(b), 200
	}
	return refusal{404, "not-found"}, 0
}

func (s *rotten) book(who int, slot, key string) (any, int) {
	for _, b := range s.byPerson[who] {
		if !b.cancelled && s.vice != "two bookings" {
			return refusal{409, "already-booked"}, 0
		}
	}
	if s.remaining() == 0 && s.vice != "oversold" {
		return refusal{410, "closed"}, 0
	}
	if !strings.HasPrefix(slot, "site") {
		return refusal{404, "not-found"}, 0
	}
	if s.taken[slot] >= s.seats && s.vice != "oversold" {
		return refusal{409, "slot-full"}, 0
	}
	s.serial++
	b := &rottenBooking{id: fmt.Sprintf("b%d", s.serial), who: who, slot: slot}
	if s.vice == "forgets bookings" && s.serial%5 == 0 {
		return s.booking(b), 201
	}
	s.bookings[b.id] = b
	s.live++
	s.byPerson[who] = append(s.byPerson[who], b)
	s.keys[key] = b
	if s.vice != "two bookings" {
		s.places[who].pass = "" // used
	}
	if s.vice != "seats drift" || s.serial%5 != 0 {
		s.taken[slot]++
	}
	return s.booking(b), 201
}

func (s *rotten) booking(b *rottenBooking) any {
	part := strings.SplitN(b.slot, ".", 3)
	status := "booked"
	if b.cancelled {
		status = "cancelled"
	}
	return map[string]any{"id": b.id, "campaign": map[string]string{"id": "rush"}, "status": status, "doses": []any{
		map[string]any{"dose": 1, "site": map[string]string{"id": part[0]}, "start": part[1] + "T09:00:00+09:00"},
	}}
}

var rottenDays = []string{"2030-01-01", "2030-01-02", "2030-01-03"}

func (s *rotten) sites(cursor string) any {
	from, _ := strconv.Atoi(cursor)
	var sites []any
	for i := from; i < from+4; i++ {
		free := map[string]int{}
		for _, day := range rottenDays {
			for h := range 10 {
				free[day] += s.seats - s.taken[fmt.Sprintf("site%d.%s.%d", i, day, h)]
			}
		}
		sites = append(sites, map[string]any{"id": fmt.Sprintf("site%d", i), "name": "a \"made-up\" site", "free": free})
	}
	doc := map[string]any{"sites": sites}
	if from+4 < 12 {
		doc["next"] = strconv.Itoa(from + 4)
	}
	return doc
}
