package programme

import (
	"time"

	"charye/internal/civil"

	"go.yaml.in/yaml/v3"
)

// Retention says how long what is kept about people stays: whole days after an end, each 0 for as long as the installation lives. A
// campaign ends with the day on which it closes, or that of the last dose booked in it where that is later; the programme with the
// last of its campaigns.
type Retention struct {
	Contacts    int // addresses and what was written to them, after the programme's end
	Phones      int // telephone numbers of callers, after the campaign's end
	Recipients  int // who may act for whom, with names and consents, after the campaign's end
	Temporaries int // temporary identities, after the programme's end
	Rosters     int // everybody in a roster, after the end of the last campaign that names it
	Leftovers   int // lists for leftover doses, with dates of birth, after the campaign's end
	Names       int // names on bookings, after the last dose of the booking
	// KeepUntil is a day before which nothing is erased by these rules, whatever they say: an inquiry, a court. Zero: none.
	KeepUntil civil.Date
}

func (p *parser) retention(n *yaml.Node) (out Retention) {
	o, ok := p.object(n, "retention", "contacts", "phones", "recipients", "temporaries", "rosters", "leftovers", "names", "keepUntil")
	if !ok {
		return out
	}
	for _, f := range []struct {
		name string
		to   *int
	}{
		{"contacts", &out.Contacts}, {"phones", &out.Phones}, {"recipients", &out.Recipients}, {"temporaries", &out.Temporaries},
		{"rosters", &out.Rosters}, {"leftovers", &out.Leftovers}, {"names", &out.Names},
	} {
		if n, ok := o.opt(f.name); ok {
			*f.to, _ = p.length(n, o.at(f.name))
		}
	}
	if n, ok := o.opt("keepUntil"); ok {
		out.KeepUntil, _ = p.date(n, o.at("keepUntil"))
	}
	return out
}

// EndOf is the day on which a campaign ends, given that of the last dose booked in it; 0 when none is.
func (p *Programme) EndOf(c *Campaign, lastDose civil.Date) civil.Date {
	return max(civil.Of(c.Closes.Add(-time.Nanosecond), p.Zone), lastDose)
}
