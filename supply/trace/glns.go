package trace

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"charye/supply"
)

// GLN says which site a global location number stands for.
type GLN struct {
	GLN  supply.GLN
	Site string // its id
	Line int    // of the file, from 1
}

// ErrGLNs is wrapped by what [ReadGLNs] refuses.
var ErrGLNs = errors.New("not a table of GLNs")

// ReadGLNs reads CSV with the header gln,site. Several numbers may stand for one site, one number for one site only.
func ReadGLNs(file string, from io.Reader) ([]GLN, error) {
	in := csv.NewReader(from)
	in.FieldsPerRecord = 2
	var out []GLN
	seen := map[supply.GLN]int{}
	for first := true; ; first = false {
		row, err := in.Read()
		line := 0
		if err == nil {
			line, _ = in.FieldPos(0)
		}
		switch {
		case errors.Is(err, io.EOF) && first:
			return nil, fmt.Errorf("%w: %s is empty; want the header gln,site", ErrGLNs, file)
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("%w: %s: %w; want two fields: gln,site", ErrGLNs, file, err)
		case first && (row[0] != "gln" && row[0] != "\ufeffgln" || row[1] != "site"):
			return nil, fmt.Errorf("%w: %s:%d: want the header gln,site", ErrGLNs, file, line)
		case first:
			continue
		}
		k, err := supply.ParseGLN(row[0])
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %s:%d: gln: %w", ErrGLNs, file, line, err)
		case row[1] == "":
			return nil, fmt.Errorf("%w: %s:%d: site: is empty; want the id of a site", ErrGLNs, file, line)
		case seen[k] != 0:
			return nil, fmt.Errorf("%w: %s:%d: gln: %s is on line %d already; want it once", ErrGLNs, file, line, k, seen[k])
		}
		seen[k] = line
		out = append(out, GLN{k, row[1], line})
	}
}
