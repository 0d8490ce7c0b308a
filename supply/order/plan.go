package order

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"charye/booking"
	"charye/site"
	"charye/supply"
	"charye/supply/relief"
)

// Plan is a verdict and what follows from it. It names bookings and no people.
type Plan struct {
	Programme string
	Verdict   supply.Verdict
	Back      bool // of a release: vials come first, and people go back
	Boxes     int  // whose state changes
	Doses     int  // in them
	Sites     int  // where they are
	Vials     []Vials
	Needs     []relief.Need
	Moves     []Move
	Without   []Left // who finds no other dose within reach: they keep theirs until vials come
}

// Left is a dose of a booking that nothing was found for, where it is.
type Left struct {
	Booking int64    `json:"booking"`
	Dose    int      `json:"dose"`
	Site    site.Num `json:"site"`
	Product string   `json:"product"`
}

// Vials is how many vials a site's counter has, and is to have.
type Vials struct {
	Site     site.Num `json:"site"`
	Product  string   `json:"product"`
	Num      uint16   `json:"num"`
	From, To int
}

func (v Vials) counter() booking.Counter { return booking.VialsCounter(v.Site, v.Num) }

// Move is one dose of one booking, from a slot to another.
type Move struct {
	Booking  int64
	Dose     int
	From, To booking.Slot
	Metres   int
}

// ErrPlan means that a file is no plan, or not for this programme.
var ErrPlan = errors.New("not a plan for this programme")

// line is one line of a plan's file: exactly one of its members is there.
type line struct {
	Head    *head        `json:"supply,omitempty"`
	Vials   *Vials       `json:"vials,omitempty"`
	Need    *relief.Need `json:"need,omitempty"`
	Move    *moveLine    `json:"move,omitempty"`
	Without *Left        `json:"without,omitempty"`
}

type head struct {
	Programme string         `json:"programme"`
	Verdict   supply.Verdict `json:"verdict"`
	Back      bool           `json:"back,omitempty"`
	Boxes     int            `json:"boxes"`
	Doses     int            `json:"doses"`
	Sites     int            `json:"sites"`
	Lines     int            `json:"lines"` // that follow: half a plan is none
}

type moveLine struct {
	Booking int64  `json:"booking"`
	Dose    int    `json:"dose"`
	From    string `json:"from"`
	To      string `json:"to"`
	Metres  int    `json:"metres,omitempty"`
}

// Write writes a plan, one JSON document a line.
func (p *Plan) Write(to io.Writer) error {
	out := json.NewEncoder(to)
	lines := len(p.Vials) + len(p.Needs) + len(p.Moves) + len(p.Without)
	if err := out.Encode(line{Head: &head{p.Programme, p.Verdict, p.Back, p.Boxes, p.Doses, p.Sites, lines}}); err != nil {
		return err
	}
	for i := range p.Vials {
		if err := out.Encode(line{Vials: &p.Vials[i]}); err != nil {
			return err
		}
	}
	for i := range p.Needs {
		if err := out.Encode(line{Need: &p.Needs[i]}); err != nil {
			return err
		}
	}
	for _, m := range p.Moves {
		if err := out.Encode(line{Move: &moveLine{m.Booking, m.Dose, m.From.String(), m.To.String(), m.Metres}}); err != nil {
			return err
		}
	}
	for i := range p.Without {
		if err := out.Encode(line{Without: &p.Without[i]}); err != nil {
			return err
		}
	}
	return nil
}

// mostLine bounds a line of a plan: a verdict may name every box of a country.
const mostLine = 64 << 20

// ReadPlan reads what Write writes. A plan that was cut off is refused.
func ReadPlan(from io.Reader) (*Plan, error) {
	in := bufio.NewScanner(from)
	in.Buffer(make([]byte, 0, 1<<16), mostLine)
	var p *Plan
	left := 0
	for n := 1; in.Scan(); n++ {
		var l line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrPlan, n, err)
		}
		if (n == 1) != (l.Head != nil) {
			return nil, fmt.Errorf("%w: line %d: want the verdict on line 1, and only there", ErrPlan, n)
		}
		left--
		switch {
		case l.Head != nil:
			p = &Plan{Programme: l.Head.Programme, Verdict: l.Head.Verdict, Back: l.Head.Back, Boxes: l.Head.Boxes, Doses: l.Head.Doses, Sites: l.Head.Sites}
			left = l.Head.Lines
		case l.Vials != nil:
			if l.Vials.From < 0 || l.Vials.To < 0 || l.Vials.Num == 0 {
				return nil, fmt.Errorf("%w: line %d: vials from %d to %d", ErrPlan, n, l.Vials.From, l.Vials.To)
			}
			p.Vials = append(p.Vials, *l.Vials)
		case l.Need != nil:
			p.Needs = append(p.Needs, *l.Need)
		case l.Move != nil:
			m := Move{Booking: l.Move.Booking, Dose: l.Move.Dose, Metres: l.Move.Metres}
			var err1, err2 error
			m.From, err1 = booking.ParseSlot(l.Move.From)
			m.To, err2 = booking.ParseSlot(l.Move.To)
			if err := errors.Join(err1, err2); err != nil || m.Booking < 1 || m.Dose < 1 {
				return nil, fmt.Errorf("%w: line %d: booking %d goes from %.60q to %.60q", ErrPlan, n, m.Booking, l.Move.From, l.Move.To)
			}
			p.Moves = append(p.Moves, m)
		case l.Without != nil:
			p.Without = append(p.Without, *l.Without)
		default:
			return nil, fmt.Errorf("%w: line %d says nothing", ErrPlan, n)
		}
	}
	switch {
	case in.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ErrPlan, in.Err())
	case p == nil:
		return nil, fmt.Errorf("%w: it is empty", ErrPlan)
	case left != 0:
		return nil, fmt.Errorf("%w: it has %d lines fewer than it says", ErrPlan, left)
	}
	return p, nil
}

// back takes from the plan of a hold the moves that the freed doses can undo; see [relief.Plan.Back].
func (p *Plan) back(earlier *Plan, freed []relief.Stock) {
	old := &relief.Plan{}
	for _, m := range earlier.Moves {
		old.Moves = append(old.Moves, relief.Move{Booking: m.Booking, Dose: m.Dose, From: m.From, To: m.To, Metres: m.Metres})
	}
	for _, a := range earlier.Without {
		old.Without = append(old.Without, supply.Appointment{Booking: a.Booking, Dose: uint8(a.Dose), Site: a.Site, Product: a.Product})
	}
	for _, m := range old.Back(freed).Moves {
		p.Moves = append(p.Moves, Move{m.Booking, m.Dose, m.To, m.From, m.Metres})
	}
}

// Place is what a plan does at one site.
type Place struct {
	Site               site.Num
	Leave, Come        int // doses
	Without            int
	VialsFrom, VialsTo int
	Counted            bool
}

// Places sums a plan up by site, ascending.
func (p *Plan) Places() []Place {
	by := map[site.Num]*Place{}
	of := func(n site.Num) *Place {
		if by[n] == nil {
			by[n] = &Place{Site: n}
		}
		return by[n]
	}
	for _, v := range p.Vials {
		x := of(v.Site)
		x.Counted, x.VialsFrom, x.VialsTo = true, x.VialsFrom+v.From, x.VialsTo+v.To
	}
	for _, m := range p.Moves {
		of(m.From.Site).Leave++
		of(m.To.Site).Come++
	}
	for _, n := range p.Needs {
		of(n.Site)
	}
	for _, b := range p.Without {
		of(b.Site).Without++
	}
	out := make([]Place, 0, len(by))
	for _, x := range by {
		out = append(out, *x)
	}
	slices.SortFunc(out, func(a, b Place) int { return int(a.Site) - int(b.Site) })
	return out
}
