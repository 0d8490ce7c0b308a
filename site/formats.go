package site

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// table is a CSV file with its header read.
type table struct {
	file   string
	csv    *csv.Reader
	header []string
	at     map[string]int
	row    []string
	line   int
	rows   int
}

func openTable(file string, src []byte) (*table, error) {
	t := &table{file: file, csv: csv.NewReader(bytes.NewReader(src)), at: make(map[string]int)}
	t.csv.ReuseRecord = true
	header, err := t.csv.Read()
	if err != nil {
		return nil, t.wrong(err)
	}
	t.header = slices.Clone(header)
	for i, h := range t.header {
		t.header[i] = strings.TrimSpace(h)
		if _, twice := t.at[t.header[i]]; twice {
			return nil, &FileError{File: file, Line: 1, Field: t.header[i], Msg: "this column is there twice; want one"}
		}
		t.at[t.header[i]] = i
	}
	return t, nil
}

// wrong gives a CSV error its line and field.
func (t *table) wrong(err error) error {
	e := &FileError{File: t.file, Msg: err.Error()}
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		e.Line, e.Msg = p.StartLine, p.Err.Error()
		if errors.Is(p.Err, csv.ErrFieldCount) {
			e.Msg = fmt.Sprintf("has another number of fields than the header; want %d", len(t.header))
		}
	}
	return e
}

// need makes sure of columns.
func (t *table) need(columns ...string) error {
	var missing []string
	for _, c := range columns {
		if _, ok := t.at[c]; !ok {
			missing = append(missing, c)
		}
	}
	if missing == nil {
		return nil
	}
	return &FileError{File: t.file, Line: 1, Msg: "columns missing: " + strings.Join(missing, ", ") + "; is this the right format for this file?"}
}

// next reads a row; false without an error is the end.
func (t *table) next() (bool, error) {
	row, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, t.wrong(err)
	}
	if t.rows++; t.rows > maxRows {
		return false, &FileError{File: t.file, Msg: fmt.Sprintf("has more than %d rows", maxRows)}
	}
	t.row = row
	t.line, _ = t.csv.FieldPos(0)
	return true, nil
}

func (t *table) get(column string) string { return t.row[t.at[column]] }

var csvHeader = []string{"id", "name", "kind", "address", "lat", "lon", "phone", "region"}

// readCSV reads our own format; anything wrong refuses the whole file.
func readCSV(file string, src []byte) ([]Site, []Skipped, error) {
	t, err := openTable(file, src)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Equal(t.header, csvHeader) {
		return nil, nil, &FileError{File: file, Line: 1, Msg: "want exactly this header: " + strings.Join(csvHeader, ",")}
	}
	var sites []Site
	ids := make(map[string]int)
	for {
		more, err := t.next()
		if err != nil {
			return nil, nil, err
		}
		if !more {
			break
		}
		s, field, msg := t.site()
		if msg == "" && ids[s.ID] > 0 {
			field, msg = "id", fmt.Sprintf("%q is on line %d already; want an id of its own", s.ID, ids[s.ID])
		}
		if msg != "" {
			return nil, nil, &FileError{File: file, Line: t.line, Field: field, Msg: msg}
		}
		ids[s.ID] = t.line
		sites = append(sites, s)
	}
	if len(sites) == 0 {
		return nil, nil, &FileError{File: file, Line: 1, Msg: "has a header and no sites; want at least one"}
	}
	return sites, nil, nil
}

// site reads a row of our own format. A message means that the row is wrong in that field.
func (t *table) site() (s Site, field, msg string) {
	s = Site{
		ID: strings.TrimSpace(t.get("id")), Name: clean(t.get("name")), Kind: strings.TrimSpace(t.get("kind")),
		Address: clean(t.get("address")), Phone: clean(t.get("phone")),
	}
	if why := checkID(s.ID); why != "" {
		return s, "id", why + "; want 1 to 64 letters, digits or hyphens"
	}
	if s.Name == "" {
		return s, "name", "is empty; want the name people know the site by"
	}
	if s.Kind != "centre" && s.Kind != "hospital" && s.Kind != "clinic" {
		return s, "kind", fmt.Sprintf("%q is unknown; want centre, hospital or clinic", s.Kind)
	}
	region, ok := RegionName(t.get("region"))
	if !ok {
		return s, "region", fmt.Sprintf("%q is unknown; want one of the 17 such as %s or %s", clean(t.get("region")), regions[0].Name, regions[8].Name)
	}
	s.Region = region
	if words := strings.SplitN(s.Address, " ", 2); len(words) == 2 {
		if r, ok := RegionName(words[0]); ok && r == region {
			s.District = district(words[1], region)
		}
	}
	var why string
	s.Lat, s.Lon, why = position(t.get("lat"), t.get("lon"))
	switch why {
	case ReasonPosition:
		return s, "lat, lon", fmt.Sprintf("%q, %q are no coordinates; want degrees such as 37.5665 and 126.978, or both empty", t.get("lat"), t.get("lon"))
	case ReasonAbroad:
		return s, "lat, lon", fmt.Sprintf("%s, %s is not in Korea; want lat 33 to 38.7 and lon 124.5 to 132 (are they exchanged?)", t.get("lat"), t.get("lon"))
	}
	return s, "", ""
}

// readTable reads a CSV file that nobody here made.
func readTable(file string, src []byte, columns []string, row func(*table) raw) ([]Site, []Skipped, error) {
	t, err := openTable(file, src)
	if err != nil {
		return nil, nil, err
	}
	if err := t.need(columns...); err != nil {
		return nil, nil, err
	}
	c := newCollector()
	for {
		more, err := t.next()
		if err != nil {
			return nil, nil, err
		}
		if !more {
			return c.sites, c.skipped, nil
		}
		r := row(t)
		r.row = t.line
		c.add(r)
	}
}

// What the register's form leaves behind in addresses: a building number's empty second half (70-0, 1641-), and the
// neighbourhood written where the floor should be.
var (
	emptyHalf = regexp.MustCompile(`(\d)-0?(\s*,|\s|$)`)
	noFloor   = regexp.MustCompile(`,?\s*\([^)]*\)층 \(`)
)

func hospitalAddress(s string) string {
	return clean(noFloor.ReplaceAllString(emptyHalf.ReplaceAllString(clean(s), "$1$2"), " ("))
}

func readHospitals(file string, src []byte) ([]Site, []Skipped, error) {
	columns := []string{"mgmt_no", "status", "name", "kind", "phone", "addr_road", "addr_jibun", "sido", "sigungu", "lat", "lon"}
	return readTable(file, src, columns, func(t *table) raw {
		r := raw{
			prefix: "localdata-", id: t.get("mgmt_no"), name: t.get("name"), address: t.get("addr_road"), region: t.get("sido"),
			district: t.get("sigungu"), phone: t.get("phone"), lat: t.get("lat"), lon: t.get("lon"),
		}
		if r.address = hospitalAddress(r.address); r.address == "" {
			r.address = hospitalAddress(t.get("addr_jibun"))
		}
		r.kind, r.notUsedThen = kindOf(t.get("kind"), r.name)
		if status := strings.TrimSpace(t.get("status")); !strings.HasPrefix(status, "영업") {
			r.notUsedThen = ReasonClosed
		}
		return r
	})
}

func readClinics(file string, src []byte) ([]Site, []Skipped, error) {
	columns := []string{"hpid", "name", "kind", "address", "phone", "lat", "lon", "sigungu"}
	return readTable(file, src, columns, func(t *table) raw {
		r := raw{
			prefix: "hpid-", id: t.get("hpid"), name: t.get("name"), address: t.get("address"), district: t.get("sigungu"),
			phone: t.get("phone"), lat: t.get("lat"), lon: t.get("lon"),
		}
		r.region, _, _ = strings.Cut(clean(r.address), " ")
		r.kind, r.notUsedThen = kindOf(t.get("kind"), r.name)
		return r
	})
}

// kindOf turns a Korean kind of institution into ours. Dental and oriental-medicine hospitals are also told by the end of
// their names: some are licensed as plain hospitals. Clinics are not: 편한의원 is an ordinary clinic.
func kindOf(kind, name string) (ours, notUsed string) {
	kind, name = strings.TrimSpace(kind), strings.ReplaceAll(name, " ", "")
	switch {
	case strings.HasPrefix(kind, "치과") || strings.HasSuffix(name, "치과병원"):
		return "", ReasonDental
	case strings.HasPrefix(kind, "한방") || strings.HasPrefix(kind, "한의") || strings.HasSuffix(name, "한방병원"):
		return "", ReasonOriental
	case kind == "의원":
		return "clinic", ""
	case kind == "병원" || kind == "정신병원" || strings.HasSuffix(kind, "종합병원") || strings.HasPrefix(kind, "요양병원"):
		return "hospital", ""
	case strings.HasPrefix(kind, "보건"):
		return "centre", ""
	}
	return "", ReasonKind
}

// centrePage is a page of the government's API.
type centrePage struct {
	Data *[]centre `json:"data"`
}

type centre struct {
	ID           loose  `json:"id"`
	CenterName   string `json:"centerName"`
	FacilityName string `json:"facilityName"`
	Address      string `json:"address"`
	Sido         string `json:"sido"`
	Sigungu      string `json:"sigungu"`
	PhoneNumber  string `json:"phoneNumber"`
	Lat          loose  `json:"lat"`
	Lng          loose  `json:"lng"`
}

// loose is a value that comes as a text or as a number.
type loose string

// UnmarshalJSON takes both.
func (l *loose) UnmarshalJSON(b []byte) error {
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		*l = ""
	case string:
		*l = loose(v)
	case json.Number:
		*l = loose(v)
	default:
		return errors.New("want a text or a number")
	}
	return nil
}

// readCentres reads one page, several one after the other, or a list of pages.
func readCentres(file string, src []byte) ([]Site, []Skipped, error) {
	c := newCollector()
	d := json.NewDecoder(bytes.NewReader(src))
	wrong := func(err error) error {
		line := 1 + bytes.Count(src[:min(int(d.InputOffset()), len(src))], []byte("\n"))
		if s, ok := errors.AsType[*json.SyntaxError](err); ok {
			line = 1 + bytes.Count(src[:min(int(s.Offset), len(src))], []byte("\n"))
		}
		return &FileError{File: file, Line: line, Msg: fmt.Sprintf("is not a page of the centre API: %s", err)}
	}
	n := 0
	for {
		var value json.RawMessage
		if err := d.Decode(&value); errors.Is(err, io.EOF) {
			return c.sites, c.skipped, nil
		} else if err != nil {
			return nil, nil, wrong(err)
		}
		var pages []centrePage
		var err error
		if value[0] == '[' {
			err = json.Unmarshal(value, &pages)
		} else {
			pages = make([]centrePage, 1)
			err = json.Unmarshal(value, &pages[0])
		}
		if err != nil {
			return nil, nil, wrong(err)
		}
		for _, p := range pages {
			if p.Data == nil {
				return nil, nil, wrong(errors.New("it has no field data; want {\"data\": [ … ]}"))
			}
			for _, v := range *p.Data {
				if n++; n > maxRows {
					return nil, nil, &FileError{File: file, Msg: fmt.Sprintf("has more than %d entries", maxRows)}
				}
				c.add(v.raw(n))
			}
		}
	}
}

// raw puts the building beside the street: that is where people look for the centre.
func (v centre) raw(n int) raw {
	address := clean(v.Address)
	if f := clean(v.FacilityName); f != "" && address != "" {
		address += ", " + f
	}
	return raw{
		row: n, prefix: "centre-", id: string(v.ID), name: v.CenterName, kind: "centre", address: address, region: v.Sido,
		district: v.Sigungu, phone: v.PhoneNumber, lat: string(v.Lat), lon: string(v.Lng),
	}
}
