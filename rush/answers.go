package rush

import (
	"hash/maphash"
	"time"
)

// placeDoc is the answer of POST places and GET place.
type placeDoc struct {
	ticket    string
	state     string
	number    uint32
	pollAfter time.Duration
	pseudonym string
}

func readPlace(b []byte) (d placeDoc, err error) {
	err = fields(b, func(k, v []byte) bool {
		switch string(k) {
		case "ticket":
			d.ticket = text(v)
		case "state":
			d.state = text(v)
		case "number":
			n, _ := whole(v)
			d.number = uint32(n)
		case "pollAfterSeconds":
			f, _ := decimal(v)
			d.pollAfter = time.Duration(f * float64(time.Second))
		case "pseudonym":
			d.pseudonym = text(v)
		}
		return true
	})
	if err == nil && d.state == "" {
		err = errJSON
	}
	return d, err
}

// lineDoc is the public document of a line. remaining is -1 when absent.
type lineDoc struct {
	state      string
	joined     int64
	admitted   int64
	inside     int64
	remaining  int64
	commitment string
	seed       string
}

func readLine(b []byte) (d lineDoc, err error) {
	d.remaining = -1
	err = fields(b, func(k, v []byte) bool {
		switch string(k) {
		case "state":
			d.state = text(v)
		case "joined":
			d.joined, _ = whole(v)
		case "admitted":
			d.admitted, _ = whole(v)
		case "inside":
			d.inside, _ = whole(v)
		case "remaining":
			if n, ok := whole(v); ok {
				d.remaining = n
			}
		case "drawCommitment":
			d.commitment = text(v)
		case "drawSeed":
			d.seed = text(v)
		}
		return true
	})
	if err == nil && d.state == "" {
		err = errJSON
	}
	return d, err
}

// problem is a problem document: its stable code and, with slot-full, the slots offered instead.
type problem struct {
	code         string
	alternatives []string
}

func readProblem(b []byte) (p problem) {
	_ = fields(b, func(k, v []byte) bool {
		switch string(k) {
		case "code":
			p.code = text(v)
		case "alternatives":
			_ = elements(v, func(e []byte) bool {
				if id := readID(e); id != "" {
					p.alternatives = append(p.alternatives, id)
				}
				return len(p.alternatives) < 16
			})
		}
		return true
	})
	return p
}

// readID gives the id of an element that is an object with an id, or a string.
func readID(e []byte) (id string) {
	if len(e) > 0 && e[0] == '"' {
		return text(e)
	}
	_ = fields(e, func(k, v []byte) bool {
		if string(k) == "id" {
			id = text(v)
			return false
		}
		return true
	})
	return id
}

// passDoc is the answer of POST passes.
type passDoc struct {
	pass    string
	expires time.Time
}

func readPass(b []byte) (d passDoc, err error) {
	err = fields(b, func(k, v []byte) bool {
		switch string(k) {
		case "pass":
			d.pass = text(v)
		case "expiresAt":
			d.expires, _ = time.Parse(time.RFC3339, text(v))
		}
		return true
	})
	if err == nil && d.pass == "" {
		err = errJSON
	}
	return d, err
}

// field gives one string member of an object, "" when it is not there.
func field(b []byte, name string) (s string) {
	_ = fields(b, func(k, v []byte) bool {
		if string(k) == name {
			s = text(v)
			return false
		}
		return true
	})
	return s
}

// pickSite chooses a site with free seats from a page of sites: a near one more often, and one of its days at random.
// next is the cursor of the following page. site is empty when nothing on the page is free.
func pickSite(b []byte, rnd *rng) (site, day, next string, err error) {
	var siteRaw, dayRaw []byte
	err = fields(b, func(k, v []byte) bool {
		switch string(k) {
		case "next":
			next = text(v)
		case "sites":
			_ = elements(v, func(s []byte) bool {
				id, d := freeDay(s, rnd)
				if d == nil {
					return true
				}
				siteRaw, dayRaw = id, d
				return rnd.below(2) == 1 // keep going past it half of the time: the k-th free site is taken with 2^-k
			})
		}
		return true
	})
	return text(siteRaw), text(dayRaw), next, err
}

// freeDay gives a site's raw id and one of its days with free seats, raw and with quotes; nil when there is none.
func freeDay(s []byte, rnd *rng) (id, day []byte) {
	seen := uint64(0)
	_ = fields(s, func(k, v []byte) bool {
		switch string(k) {
		case "id":
			id = v
		case "free":
			_ = fields(v, func(dk, n []byte) bool {
				if c, _ := whole(n); c > 0 {
					seen++
					if rnd.below(seen) == 0 {
						q := make([]byte, 0, 16)
						q = append(q, '"')
						q = append(q, dk...)
						day = append(q, '"')
					}
				}
				return true
			})
		}
		return true
	})
	return id, day
}

// eachFree calls fn with every free count of a page of sites and gives the number of sites on it.
func eachFree(b []byte, fn func(site string, day []byte, free int64)) (sites int, next string, err error) {
	err = fields(b, func(k, v []byte) bool {
		switch string(k) {
		case "next":
			next = text(v)
		case "sites":
			_ = elements(v, func(s []byte) bool {
				sites++
				id := field(s, "id")
				_ = fields(s, func(k, v []byte) bool {
					if string(k) != "free" {
						return true
					}
					_ = fields(v, func(day, n []byte) bool {
						c, _ := whole(n)
						fn(id, day, c)
						return true
					})
					return false
				})
				return true
			})
		}
		return true
	})
	return sites, next, err
}

// pickSlot chooses a slot with free seats at random; "" when there is none.
func pickSlot(b []byte, rnd *rng) (slot string, err error) {
	var chosen []byte
	seen := uint64(0)
	err = fields(b, func(k, v []byte) bool {
		if string(k) != "slots" {
			return true
		}
		_ = elements(v, func(s []byte) bool {
			var id []byte
			free := int64(0)
			_ = fields(s, func(k, v []byte) bool {
				switch string(k) {
				case "id":
					id = v
				case "free":
					free, _ = whole(v)
				}
				return true
			})
			if free > 0 && id != nil {
				seen++
				if rnd.below(seen) == 0 {
					chosen = id
				}
			}
			return true
		})
		return false
	})
	return text(chosen), err
}

// mine is one entry of GET /bookings.
type mine struct {
	id        string
	campaign  string
	recipient string
	cancelled bool
	doses     int
	site, day string // of the first dose
}

// readBookings reads GET /bookings; campaign and recipient are ids, whether they come as strings or as objects.
func readBookings(b []byte) (list []mine, err error) {
	read := func(e []byte) bool {
		var m mine
		_ = fields(e, func(k, v []byte) bool {
			switch string(k) {
			case "id":
				m.id = text(v)
			case "campaign":
				m.campaign = readID(v)
			case "recipient":
				m.recipient = readID(v)
			case "cancelled":
				m.cancelled = string(v) == "true"
			case "state", "status":
				m.cancelled = m.cancelled || text(v) == "cancelled"
			case "cancelledAt":
				m.cancelled = m.cancelled || string(v) != "null"
			case "doses":
				_ = elements(v, func(e []byte) bool {
					if m.doses++; m.doses == 1 {
						m.site, m.day = readDose(e)
					}
					return true
				})
			}
			return true
		})
		list = append(list, m)
		return true
	}
	if i := space(b, 0); i < len(b) && b[i] == '[' {
		return list, elements(b, read)
	}
	found := false
	err = fields(b, func(k, v []byte) bool {
		if string(k) == "bookings" {
			found = true
			_ = elements(v, read)
			return false
		}
		return true
	})
	if err == nil && !found {
		err = errJSON
	}
	return list, err
}

// readDose gives a dose's site id and its day as the server writes it.
func readDose(e []byte) (site, day string) {
	_ = fields(e, func(k, v []byte) bool {
		switch string(k) {
		case "site":
			site = readID(v)
		case "start":
			if day = text(v); len(day) > 10 {
				day = day[:10]
			}
		}
		return true
	})
	return site, day
}

var idSeed = maphash.MakeSeed()

// hashID keeps a booking's id in eight bytes. It is never 0.
func hashID(id string) uint64 {
	h := maphash.String(idSeed, id)
	if h == 0 {
		h = 1
	}
	return h
}
