package booking

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// SiteVials says how many vials of a product a site has in all, those under way to it and those that are opened already included.
type SiteVials struct {
	Site  string // its id
	Vials int
	Line  int // where it stands in the file
}

// ReadVials reads a CSV file with the header site,vials. name is used in messages only. A wrong file is refused whole; the error names
// line and field.
func ReadVials(name string, from io.Reader) ([]SiteVials, error) {
	const header = "site,vials"
	r := csv.NewReader(from)
	r.FieldsPerRecord = 2
	first, err := r.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: is empty; want the header %s and a line for each site", name, header)
	case err != nil:
		return nil, vialsError(name, err)
	case first[0] != "site" || first[1] != "vials":
		return nil, fmt.Errorf("%s:1: the header is %q; want %s", name, clipped(first[0]+","+first[1]), header)
	}
	var out []SiteVials
	seen := map[string]int{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, vialsError(name, err)
		}
		line, _ := r.FieldPos(0)
		n, err := strconv.Atoi(row[1])
		if err != nil || n < 0 || n > MaxQuantity/(MaxVialDoses+1) {
			return nil, fmt.Errorf("%s:%d: vials: is %q; want a whole number from 0 on", name, line, clipped(row[1]))
		}
		if at, twice := seen[row[0]]; twice {
			return nil, fmt.Errorf("%s:%d: site: %q stands in line %d too; want each site once", name, line, clipped(row[0]), at)
		}
		seen[row[0]] = line
		out = append(out, SiteVials{Site: row[0], Vials: n, Line: line})
	}
}

func vialsError(name string, err error) error {
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("%s:%d: %w; want site,vials", name, e.Line, e.Err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

func clipped(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
