package delivery

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"

	"charye/internal/civil"
	"charye/programme"
	"charye/site"
)

const needsHeader = "site,day,product,vials"

// mostVials is the most that a line of a file may say.
const mostVials = 1_000_000

// ReadNeeds reads vials that are needed beside what is booked: CSV with the header site,day,product,vials. A wrong file is refused whole; the error
// names line and field.
func ReadNeeds(name string, from io.Reader, sites *site.Index, p *programme.Programme) ([]Need, error) {
	r := csv.NewReader(from)
	r.FieldsPerRecord = 4
	var out []Need
	for first := true; ; first = false {
		row, err := r.Read()
		if errors.Is(err, io.EOF) && !first {
			return out, nil
		}
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: is empty; want the header %s and a line for each need", name, needsHeader)
		}
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			return nil, fmt.Errorf("%s:%d: %w; want %s", name, e.Line, e.Err, needsHeader)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := r.FieldPos(0)
		if first {
			if got := row[0] + "," + row[1] + "," + row[2] + "," + row[3]; got != needsHeader && got != "\ufeff"+needsHeader {
				return nil, fmt.Errorf("%s:%d: the header is %.60q; want %s", name, line, got, needsHeader)
			}
			continue
		}
		n, err := needOf(row, sites, p)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		out = append(out, n)
	}
}

func needOf(row []string, sites *site.Index, p *programme.Programme) (n Need, err error) {
	at, ok := sites.ByID(row[0])
	if !ok {
		return n, fmt.Errorf("site: there is no site %.60q", row[0])
	}
	day, err := civil.Parse(row[1])
	if err != nil {
		return n, fmt.Errorf("day: %.60q is no date; want one such as 2021-07-26", row[1])
	}
	if _, ok := p.Product(row[2]); !ok {
		return n, fmt.Errorf("product: there is no product %.60q in programme %s", row[2], p.ID)
	}
	vials, err := strconv.Atoi(row[3])
	if err != nil || vials < 1 || vials > mostVials {
		return n, fmt.Errorf("vials: is %.60q; want a whole number from 1 to %d", row[3], mostVials)
	}
	return Need{at.Num, day, row[2], vials}, nil
}
