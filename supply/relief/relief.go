// Package relief finds other doses for the people whose dose was held: what a verdict of the supply room does to appointments.
//
// It owns how many doses a site is short of, whose booking loses its dose, where it goes instead, and how such a plan is
// carried out and taken back. It must not know of temperatures, engines or faces: it is given what is on hand, who has booked, and a ledger.
// Everybody whose dose is there keeps the appointment; what it wants for the others is decided by booking.Decide like everybody's wish.
package relief

import (
	"cmp"
	"errors"
	"slices"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
	"charye/supply"
)

// Stock is what a site has of a product, in doses.
type Stock struct {
	Site    site.Num
	Product string
	Usable  int // in boxes that are usable, less what was given from them
	Held    int // in boxes that were usable until the hold, less what was given from them; 0: the site is not touched
	PerVial int // doses in a vial, 1 or more
	// Counted: the ledger counts the site's vials of the product, and Vials is how many may be open at once for what is booked from Rules.From on
	// once the held ones are gone. A day opens as many as what is booked on it needs, so that spread over days a dose can cost a vial.
	Counted bool
	Vials   int
}

// Rules say what a plan may do.
type Rules struct {
	Sites *site.Index
	// Sessions are those of a site on a day, as the programme has them.
	Sessions func(site.Num, civil.Date) []booking.SessionInfo
	// Free says how much of a counter is left; see [booking.Snapshot.Free].
	Free booking.Free
	// Bookings of days before From are left alone; nothing moves to a day before it or after Until.
	From, Until civil.Date
	Metres      int // how far people may be sent at most
	// Instead names the products that may be given in place of one, the best first.
	Instead map[string][]string
	// Vial says how a dose of a product draws on counted vials; nil: none does.
	Vial func(product string) booking.Vial
	// Used says how much of a counter is taken, for what is booked of counted vials on a day; nil: what Make is told of appointments.
	Used func(booking.Counter) int
	// Apart are the products that a series which began with one must keep away from; nil: none.
	Apart func(first string) []booking.Apart
	// Legal says whether a dose may be moved to a slot, as for the interval to the dose before; nil: every slot is.
	Legal func(a supply.Appointment, to booking.Slot) bool
	// Progress is told now and then how far Make has come; an error ends it. Nil: nobody is.
	Progress func(Progress) error
}

// Need is what a site is short of.
type Need struct {
	Site    site.Num
	Product string
	Booked  int // from Rules.From on
	Usable  int
	Missing int // doses: bookings that lose theirs
	Vials   int // to be delivered, so that nobody would have to move
}

// Way says how somebody got another dose.
type Way string

// The ways, in the order in which they are tried. Other boxes of the same product at the same site come before all of them: who is
// served from those does not move and is in no plan.
const (
	OtherProduct Way = "product" // same site and session, another product
	OtherSite    Way = "site"    // the nearest site and session with room
)

// Move is one dose of one booking, from a slot to another.
type Move struct {
	Booking int64
	Dose    int
	Person  person.Key
	Way     Way
	From    booking.Slot
	To      booking.Slot
	Metres  int
}

// Plan is what a hold does to appointments. Nothing in it has happened yet.
type Plan struct {
	Needs   []Need               // by site and product
	Moves   []Move               // who booked first comes first
	Without []supply.Appointment // no room within the rules: they keep their booking until vials come, and are told
}

type shelf struct {
	at      site.Num
	product string
}

// maker is a plan in the making.
type maker struct {
	rules   Rules
	booked  Booked
	stock   map[site.Num][]Stock // of the sites that were not looked at yet
	touched []site.Num           // from which doses are held, ascending
	spare   map[shelf]int        // doses that nobody has booked, where it was looked
	taken   map[booking.Counter]int
	near    map[site.Num]*nearby
	noSeats map[site.Num]bool
	days    map[shelfDay]int // doses booked, where vials are counted
	vials   map[shelf]int    // vials left there
	at      Progress
}

// Make plans. A site loses at most as many doses as were held there: what it was short of before is not the hold's. The same input gives the same plan.
//
// Of what is booked it reads no more than it needs: all of the sites from which doses are held, and of the others those that somebody might be sent to.
func Make(r Rules, stock []Stock, booked Booked) (*Plan, error) {
	return plan(r, stock, booked, func(m *maker) []site.Num { return m.touched })
}

// plan plans, and looks at first at what first says.
func plan(r Rules, stock []Stock, booked Booked, first func(*maker) []site.Num) (*Plan, error) {
	if r.Sites == nil || r.Sessions == nil || r.Free == nil || r.Until < r.From {
		return nil, errors.New("relief: want sites, sessions, free counts, and an end not before the beginning")
	}
	m := &maker{rules: r, booked: booked, stock: map[site.Num][]Stock{}, spare: map[shelf]int{}, taken: map[booking.Counter]int{}, near: map[site.Num]*nearby{},
		noSeats: map[site.Num]bool{}, days: map[shelfDay]int{}, vials: map[shelf]int{}}
	if err := m.sort(stock); err != nil {
		return nil, err
	}
	p := &Plan{}
	var losers []supply.Appointment
	at := first(m)
	m.at.OfSites = len(at)
	for some := range slices.Chunk(at, ReadAtOnce) {
		if err := m.look(some, func(s Stock, booked int, lose []supply.Appointment) {
			losers = append(losers, lose...)
			if s.Held > 0 {
				p.Needs = append(p.Needs, Need{s.Site, s.Product, booked, s.Usable, len(lose), (len(lose) + s.PerVial - 1) / s.PerVial})
			}
		}); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(losers, func(a, b supply.Appointment) int {
		return cmp.Or(cmp.Compare(a.Made, b.Made), cmp.Compare(a.Booking, b.Booking), cmp.Compare(a.Dose, b.Dose))
	})
	m.at.OfPeople = len(losers)
	for i, a := range losers {
		move, ok, err := m.place(a)
		if err != nil {
			return nil, err
		}
		if ok {
			p.Moves = append(p.Moves, move)
		} else {
			p.Without = append(p.Without, a)
		}
		if m.at.People = i + 1; i%tellEvery == tellEvery-1 {
			if err := m.tell(); err != nil {
				return nil, err
			}
		}
	}
	return p, m.tell()
}

func slotOf(a *supply.Appointment) booking.Slot {
	return booking.Slot{Session: booking.Session{Site: a.Site, Day: a.Day, Minute: int(a.Minute)}, Product: a.Product}
}

// place finds another dose and seat for an appointment.
func (m *maker) place(a supply.Appointment) (Move, bool, error) {
	move := Move{Booking: a.Booking, Dose: int(a.Dose), Person: a.Person, From: slotOf(&a)}
	for _, other := range m.rules.Instead[a.Product] {
		to := move.From
		to.Product = other
		if m.spare[shelf{a.Site, other}] > 0 && m.legal(a, to) && m.fits(to) {
			m.spare[shelf{a.Site, other}]--
			m.take(to)
			move.Way, move.To = OtherProduct, to
			return move, true, nil
		}
	}
	near := m.nearby(a.Site, a.Product)
	for i := 0; ; i++ {
		n, ok := near.at(m, i)
		if !ok {
			return Move{}, false, nil
		}
		if !m.noSeats[n.Num] {
			if err := m.lookAround(near, i, a.Product); err != nil {
				return Move{}, false, err
			}
		}
		if m.noSeats[n.Num] || !m.anything(n.Num, a.Product) {
			if m.noSeats[n.Num] || near.product == a.Product {
				near.list = slices.Delete(near.list, i, i+1) // what is used up stays so
				i--
			}
			continue
		}
		for _, product := range append([]string{a.Product}, m.rules.Instead[a.Product]...) {
			if m.spare[shelf{n.Num, product}] <= 0 {
				continue
			}
			if to, ok := m.seat(a, n.Num, product); ok {
				m.spare[shelf{n.Num, product}]--
				m.taken[booking.SeatCounter(to.Session)]++
				m.take(to)
				move.Way, move.To, move.Metres = OtherSite, to, n.Metres
				return move, true, nil
			}
		}
	}
}

func (m *maker) anything(at site.Num, product string) bool {
	if m.spare[shelf{at, product}] > 0 {
		return true
	}
	return slices.ContainsFunc(m.rules.Instead[product], func(o string) bool { return m.spare[shelf{at, o}] > 0 })
}

func (m *maker) legal(a supply.Appointment, to booking.Slot) bool {
	return m.rules.Legal == nil || m.rules.Legal(a, to)
}

// seat finds the free session of a site that is nearest in time to an appointment; of two as near the later.
func (m *maker) seat(a supply.Appointment, at site.Num, product string) (best booking.Slot, ok bool) {
	found := -1 // minutes from the appointment
	any := false
	for far := 0; ; far++ {
		after, before := a.Day+civil.Date(far), a.Day-civil.Date(far)
		if after > m.rules.Until && before < m.rules.From {
			break
		}
		if found >= 0 && (far-1)*24*60 > found {
			return best, true // a day further cannot be nearer
		}
		days := []civil.Date{after, before}
		if far == 0 {
			days = days[:1]
		}
		for _, day := range days {
			if day < m.rules.From || day > m.rules.Until {
				continue
			}
			for _, s := range m.rules.Sessions(at, day) {
				to := booking.Slot{Session: booking.Session{Site: at, Day: day, Minute: s.Minute}, Product: product}
				c := booking.SeatCounter(to.Session)
				if m.rules.Free(c, s.Seats)-m.taken[c] <= 0 {
					continue
				}
				any = true
				if !m.legal(a, to) || !m.fits(to) {
					continue
				}
				d := int(day-a.Day)*24*60 + s.Minute - int(a.Minute)
				if d < 0 {
					d = -d
				}
				if found < 0 || d < found {
					best, found = to, d
				}
			}
		}
	}
	if !any {
		m.noSeats[at] = true
	}
	return best, found >= 0
}

// nearby lists the sites around one, the nearest first, as far as they were asked for.
type nearby struct {
	list    []site.Near
	next    string
	end     bool
	product string // whose used up sites are left out: that of the first who asked
	from    site.Site
	known   bool
}

func (m *maker) nearby(at site.Num, product string) *nearby {
	n := m.near[at]
	if n == nil {
		n = &nearby{product: product}
		n.from, n.known = m.rules.Sites.ByNum(at)
		n.end = !n.known || !n.from.Placed()
		m.near[at] = n
	}
	return n
}

func (n *nearby) at(m *maker, i int) (site.Near, bool) {
	for i >= len(n.list) && !n.end {
		page, next, err := m.rules.Sites.Nearest(n.from.Lat, n.from.Lon, n.next, site.MaxPage)
		if err != nil {
			n.end = true
			break
		}
		for _, s := range page {
			if s.Metres > m.rules.Metres {
				n.end = true
				break
			}
			if s.Num != n.from.Num {
				n.list = append(n.list, s)
			}
		}
		n.next = next
		n.end = n.end || next == ""
	}
	if i >= len(n.list) {
		return site.Near{}, false
	}
	return n.list[i], true
}

// Back is the part of a plan that can be taken back when doses are released. At each site they are first for those who are without, since
// they have no other dose, then for as many moves as are left, who booked first first. Without lists those who are still so. The
// Moves keep their direction: [Carry] with Undo takes them back.
func (p *Plan) Back(released []Stock) *Plan {
	left := map[shelf]int{}
	for _, s := range released {
		left[shelf{s.Site, s.Product}] += s.Usable
	}
	out := &Plan{}
	for _, a := range p.Without {
		k := shelf{a.Site, a.Product}
		if left[k] > 0 {
			left[k]--
			continue
		}
		out.Without = append(out.Without, a)
	}
	for _, m := range p.Moves {
		k := shelf{m.From.Site, m.From.Product}
		if left[k] > 0 {
			left[k]--
			out.Moves = append(out.Moves, m)
		}
	}
	return out
}
