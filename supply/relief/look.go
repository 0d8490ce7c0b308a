package relief

import (
	"cmp"
	"fmt"
	"slices"

	"charye/internal/civil"
	"charye/site"
	"charye/supply"
)

// Booked gives the appointments at sites from [Rules.From] on, by site, those of each the last booked first. Make asks for each site once at most: first for
// those from which doses are held, then, when somebody is looking for another place, for some of those that are near.
type Booked func(at []site.Num) (map[site.Num][]supply.Appointment, error)

// Indexed answers from an index that has all appointments.
func Indexed(x *supply.Index, from civil.Date) Booked {
	return func(at []site.Num) (map[site.Num][]supply.Appointment, error) {
		out := make(map[site.Num][]supply.Appointment, len(at))
		for _, n := range at {
			out[n] = x.Appointments(n, from)
		}
		return out, nil
	}
}

// Progress is how far a plan has come.
type Progress struct {
	Sites, OfSites   int // from which doses are held: read, and of how many
	Near             int // sites around those that were read
	People, OfPeople int // appointments that another dose was looked for, and of how many
}

// ReadAtOnce is how many sites Make asks for at once at most.
const ReadAtOnce = 64

// nearAtOnce is how many sites around somebody are asked for at once: mostly the next one that was not looked at has a dose and a seat, and the others wait for
// who comes after.
const nearAtOnce = 4

// tellEvery is how many people are placed between two words of progress.
const tellEvery = 500

func (m *maker) tell() error {
	if m.rules.Progress == nil {
		return nil
	}
	return m.rules.Progress(m.at)
}

// sort takes stock in, and finds the sites that a hold touches.
func (m *maker) sort(stock []Stock) error {
	stock = slices.Clone(stock)
	slices.SortFunc(stock, func(a, b Stock) int { return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Product, b.Product)) })
	for i, s := range stock {
		if s.Usable < 0 || s.Held < 0 || s.PerVial < 1 {
			return fmt.Errorf("relief: site %d has %d usable and %d held doses of %s, %d a vial", s.Site, s.Usable, s.Held, s.Product, s.PerVial)
		}
		if i > 0 && stock[i-1].Site == s.Site && stock[i-1].Product == s.Product {
			return fmt.Errorf("relief: site %d has two stocks of %s", s.Site, s.Product)
		}
		m.stock[s.Site] = append(m.stock[s.Site], s)
		if n := len(m.touched); s.Held > 0 && (n == 0 || m.touched[n-1] != s.Site) {
			m.touched = append(m.touched, s.Site)
		}
	}
	return nil
}

// look reads what is booked at sites, and so what they have to spare and who loses a dose there. found is told of each stock; nil: nobody.
func (m *maker) look(at []site.Num, found func(s Stock, booked int, lose []supply.Appointment)) error {
	lists, err := m.booked(at)
	if err != nil {
		return err
	}
	for _, n := range at {
		list := lists[n]
		for i := range m.stock[n] {
			s := &m.stock[n][i]
			booked := 0
			for j := range list {
				if list[j].Product == s.Product {
					booked++
				}
			}
			var lose []supply.Appointment
			if s.Counted {
				lose = m.short(s, list)
			} else {
				missing := min(max(0, booked-s.Usable), s.Held)
				for j := 0; j < len(list) && len(lose) < missing; j++ { // the last booked first
					if list[j].Product == s.Product {
						lose = append(lose, list[j])
					}
				}
			}
			m.spare[shelf{n, s.Product}] = max(0, s.Usable-booked)
			if found != nil {
				found(*s, booked, lose)
			}
		}
		delete(m.stock, n)
	}
	if found != nil {
		m.at.Sites += len(at)
	} else {
		m.at.Near += len(at)
	}
	return m.tell()
}

// mayHave reports whether a site that was not looked at has a dose, unless all are booked.
func (m *maker) mayHave(at site.Num, product string) bool {
	return slices.ContainsFunc(m.stock[at], func(s Stock) bool {
		return s.Usable > 0 && (s.Product == product || slices.Contains(m.rules.Instead[product], s.Product))
	})
}

// lookAround reads the i-th site of those near somebody, if that was not done, and with it the next ones: who comes after will ask for them.
func (m *maker) lookAround(near *nearby, i int, product string) error {
	if !m.mayHave(near.list[i].Num, product) {
		return nil
	}
	var at []site.Num
	for _, n := range near.list[i:] {
		if m.mayHave(n.Num, product) && !m.noSeats[n.Num] {
			if at = append(at, n.Num); len(at) == nearAtOnce {
				break
			}
		}
	}
	return m.look(at, nil)
}
