package site

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The formats of [Read].
const (
	FormatCSV       = "csv"       // our own: a header line id,name,kind,address,lat,lon,phone,region
	FormatHospitals = "hospitals" // licensed hospitals (LOCALDATA 병원), national
	FormatClinics   = "clinics"   // clinics and hospitals of the national medical centre (전국 병·의원 찾기)
	FormatCentres   = "centres"   // pages of the vaccination centre API (예방접종센터 조회서비스)
)

// Formats lists them.
func Formats() []string {
	return []string{FormatCentres, FormatHospitals, FormatClinics, FormatCSV}
}

// Bounds of a file.
const (
	MaxFileBytes = 64 << 20 // unpacked
	maxRows      = 1_000_000
)

// Skipped is a row that cannot be a site. The rest of its file was used.
type Skipped struct {
	Row    int // line in the file where the row begins; for centres the how-manieth entry
	ID     string
	Name   string
	Reason string // one of the Reason constants
}

// Why rows are skipped.
const (
	ReasonNoID      = "no id"
	ReasonNoName    = "no name"
	ReasonClosed    = "not operating"
	ReasonDental    = "dental"
	ReasonOriental  = "oriental medicine"
	ReasonKind      = "a kind that does not vaccinate"
	ReasonNoRegion  = "region unknown"
	ReasonPosition  = "coordinates unreadable"
	ReasonAbroad    = "coordinates outside Korea"
	ReasonSameID    = "id used by an earlier row"
	ReasonSamePlace = "same name and address as an earlier row"
)

// FileError tells why a whole file was refused.
type FileError struct {
	File  string
	Line  int    // 0 when it is about the file as a whole
	Field string // column or JSON field, may be empty
	Msg   string // what is wrong; what would be right
}

// Error is one line.
func (e *FileError) Error() string {
	where := e.File
	if e.Line > 0 {
		where += ":" + strconv.Itoa(e.Line)
	}
	if e.Field != "" {
		where += ": " + e.Field
	}
	return where + ": " + e.Msg
}

// Read reads a file of sites in one of the [Formats], plain or gzipped, UTF-8 with or without a byte order mark. name is
// used in messages only. Sites have no Num yet; [Store.Put] gives it.
//
// [FormatCSV] is refused whole when any of it is wrong. The others are files that nobody here made: rows that cannot be
// used are skipped and named with the reason. Rows without coordinates are kept: such a site is not [Site.Placed] and is
// found by its region only. Ids get the source's prefix, so the sources never collide; the same institution in two
// sources is two sites. Errors of the file itself are [*FileError]s.
func Read(format, name string, r io.Reader) (sites []Site, skipped []Skipped, err error) {
	read, ok := map[string]func(string, []byte) ([]Site, []Skipped, error){
		FormatCSV: readCSV, FormatHospitals: readHospitals, FormatClinics: readClinics, FormatCentres: readCentres,
	}[format]
	if !ok {
		return nil, nil, fmt.Errorf("format %q is unknown; want one of %s", format, strings.Join(Formats(), ", "))
	}
	src, err := unpack(name, r, MaxFileBytes)
	if err != nil {
		return nil, nil, err
	}
	return read(name, src)
}

// Unplaced counts the sites whose position is unknown.
func Unplaced(sites []Site) int {
	n := 0
	for _, s := range sites {
		if !s.Placed() {
			n++
		}
	}
	return n
}

var bom = []byte("\xef\xbb\xbf")

// unpack reads all of a file of at most limit bytes and makes sure that it is text we can read.
func unpack(name string, r io.Reader, limit int) ([]byte, error) {
	in := bufio.NewReader(r)
	var from io.Reader = in
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, &FileError{File: name, Msg: "is damaged gzip; want the file as it was published"}
		}
		defer func() { _ = z.Close() }()
		from = z
	}
	src, err := io.ReadAll(io.LimitReader(from, int64(limit)+1))
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	switch {
	case corrupt, errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &FileError{File: name, Msg: "is damaged or cut off gzip; want the file as it was published"}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(src) > limit:
		return nil, &FileError{File: name, Msg: fmt.Sprintf("is longer than %d bytes unpacked; want a smaller file", limit)}
	}
	src = bytes.TrimPrefix(src, bom)
	if i := invalidUTF8(src); i >= 0 {
		line := 1 + bytes.Count(src[:i], []byte("\n"))
		return nil, &FileError{File: name, Line: line, Msg: "is not UTF-8, perhaps CP949 (EUC-KR); want UTF-8: iconv -f CP949 -t UTF-8"}
	}
	if len(bytes.TrimSpace(src)) == 0 {
		return nil, &FileError{File: name, Msg: "is empty; want sites"}
	}
	return src, nil
}

func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// collector gathers the usable rows of a file that nobody here made.
type collector struct {
	sites   []Site
	skipped []Skipped
	ids     map[string]bool
	places  map[[2]string]int // name and address → index in sites
}

func newCollector() *collector {
	return &collector{ids: make(map[string]bool), places: make(map[[2]string]int)}
}

// raw is a row before it is judged. ID has no prefix yet.
type raw struct {
	row                                     int
	id, name, kind, address, region, phone  string
	district, lat, lon, prefix, notUsedThen string
}

// add judges a row: it becomes a site or is skipped.
func (c *collector) add(in raw) {
	s := Site{
		ID: clean(in.id), Name: clean(in.name), Kind: in.kind, Address: clean(in.address), Phone: phone(in.phone),
	}
	reason := in.notUsedThen
	switch {
	case s.ID == "" || checkID(in.prefix+s.ID) != "":
		reason = ReasonNoID
	case s.Name == "":
		reason = ReasonNoName
	}
	var ok bool
	if s.Region, ok = RegionName(in.region); !ok && reason == "" {
		reason = ReasonNoRegion
	}
	s.District = district(in.district, s.Region)
	if reason == "" {
		s.Lat, s.Lon, reason = position(in.lat, in.lon)
	}
	if reason == "" {
		reason = c.repeated(s)
	}
	if reason != "" {
		c.skipped = append(c.skipped, Skipped{Row: in.row, ID: s.ID, Name: s.Name, Reason: reason})
		return
	}
	c.ids[s.ID] = true
	if s.Address != "" {
		c.places[[2]string{s.Name, s.Address}] = len(c.sites)
	}
	s.ID = in.prefix + s.ID
	c.sites = append(c.sites, s)
}

// repeated finds rows that were there before. When only the repetition has a position, the first row takes it over.
func (c *collector) repeated(s Site) string {
	if c.ids[s.ID] {
		return ReasonSameID
	}
	i, ok := c.places[[2]string{s.Name, s.Address}]
	if !ok || s.Address == "" {
		return ""
	}
	if first := &c.sites[i]; !first.Placed() {
		first.Lat, first.Lon = s.Lat, s.Lon
	}
	return ReasonSamePlace
}

// position reads coordinates; both empty or both zero is an unknown position, which is no reason to skip.
func position(lat, lon string) (float64, float64, string) {
	lat, lon = strings.TrimSpace(lat), strings.TrimSpace(lon)
	if lat == "" && lon == "" {
		return 0, 0, ""
	}
	a, errA := strconv.ParseFloat(lat, 64)
	b, errB := strconv.ParseFloat(lon, 64)
	switch {
	case errA != nil || errB != nil:
		return 0, 0, ReasonPosition
	case a == 0 && b == 0:
		return 0, 0, ""
	case !inKorea(a, b):
		return 0, 0, ReasonAbroad
	}
	return a, b, ""
}

// checkID tells what keeps a text from being a site's id; ids stand in addresses of the API and in programme files.
func checkID(id string) string {
	switch {
	case id == "":
		return "is empty"
	case len(id) > 64:
		return "is longer than 64 bytes"
	case id == "all":
		return "is the word that stands for all sites"
	case strings.ContainsFunc(id, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`/\?#%:&"'<>`, r)
	}):
		return `has a space or one of /\?#%:&"'<> in it`
	}
	return ""
}

// clean drops stray spaces, also before commas, and control characters.
func clean(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	s = strings.ReplaceAll(s, " ,", ",")
	return strings.Trim(s, " ,")
}

// phone keeps a telephone number as it was written and puts hyphens into one that is digits only. What has too few
// digits is no number.
func phone(s string) string {
	s = clean(s)
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	if len(digits) < 7 {
		return ""
	}
	if digits != s || !slices.Contains([]int{9, 10, 11}, len(s)) || s[0] != '0' {
		return s
	}
	area := 3
	if strings.HasPrefix(s, "02") {
		area = 2
	}
	if rest := len(s) - area; rest < 7 || rest > 8 {
		return s
	}
	return s[:area] + "-" + s[area:len(s)-4] + "-" + s[len(s)-4:]
}
