package supply

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"charye/internal/civil"
)

// Elements is what the element string of a carton, vial or pallet says. Fields that it does not have are zero.
type Elements struct {
	SSCC    SSCC       // (00)
	GTIN    GTIN       // (01)
	Content GTIN       // (02): the GTIN of what is inside a logistic unit
	Lot     string     // (10)
	Made    civil.Date // (11)
	Expires civil.Date // (17): day 00 means the end of the month
	Serial  string     // (21)
	Count   int        // (30) or (37)
	Place   GLN        // (414)
}

// element is a known AI: value length, fixed or at most. The source is the GS1 Barcode Syntax Dictionary; supply reads what a
// vaccine's label carries and refuses the rest, since an AI of unknown length could hide what follows it.
type element struct {
	width int
	fixed bool
	set   func(e *Elements, v string) error
}

var elements = map[string]element{
	"00":  {ssccDigits, true, func(e *Elements, v string) (err error) { e.SSCC, err = ParseSSCC(v); return }},
	"01":  {gtinDigits, true, func(e *Elements, v string) (err error) { e.GTIN, err = ParseGTIN(v); return }},
	"02":  {gtinDigits, true, func(e *Elements, v string) (err error) { e.Content, err = ParseGTIN(v); return }},
	"10":  {20, false, func(e *Elements, v string) error { e.Lot = v; return nil }},
	"11":  {6, true, func(e *Elements, v string) (err error) { e.Made, err = yymmdd(v); return }},
	"17":  {6, true, func(e *Elements, v string) (err error) { e.Expires, err = yymmdd(v); return }},
	"21":  {20, false, func(e *Elements, v string) error { e.Serial = v; return nil }},
	"30":  {8, false, (*Elements).count},
	"37":  {8, false, (*Elements).count},
	"414": {glnDigits, true, func(e *Elements, v string) (err error) { e.Place, err = ParseGLN(v); return }},
}

// needs says which of several AIs an AI must come with (the dictionary's req, as far as the AIs are known here).
var needs = map[string][]string{"02": {"37"}, "10": {"01", "02"}, "17": {"01", "02"}, "11": {"01", "02"}, "21": {"01"}, "30": {"01", "02"}, "37": {"00", "02"}}

func (e *Elements) count(v string) error {
	if !allDigits(v) {
		return errors.New("want digits")
	}
	for i := range len(v) {
		e.Count = e.Count*10 + int(v[i]-'0')
	}
	return nil
}

// yymmdd reads a date of six digits. The century is the one that brings it nearest to 2026 (General Specifications, 7.12): 51
// years back to 50 ahead; the year is a fixed one so that a label reads the same tomorrow.
func yymmdd(v string) (civil.Date, error) {
	if !allDigits(v) {
		return 0, errors.New("want YYMMDD")
	}
	n := func(i int) int { return int(v[i]-'0')*10 + int(v[i+1]-'0') }
	year, month, day := 2000+n(0), n(2), n(4)
	if n(0) > 76 {
		year -= 100
	}
	if month < 1 || month > 12 {
		return 0, errors.New("there is no such month: want YYMMDD")
	}
	last := civil.New(year, time.Month(month)+1, 1) - 1
	if day == 0 {
		return last, nil
	}
	d := civil.New(year, time.Month(month), day)
	if d > last {
		return 0, fmt.Errorf("%s is no date: want YYMMDD", v)
	}
	return d, nil
}

// ErrElements is wrapped by what [ParseElements] finds wrong, with the position and what would be right.
var ErrElements = errors.New("not a GS1 element string")

const fnc1 = '\x1d'

// ParseElements reads an element string in the form a scanner gives (an optional symbology identifier such as ]d2 or ]C1, then AIs with FNC1,
// ASCII 29, after those of variable length), or in the bracketed form that people read: (01)08806…(10)A123.
func ParseElements(s string) (Elements, error) {
	var e Elements
	if strings.HasPrefix(s, "]") && len(s) >= 3 {
		s = s[3:]
	}
	s = strings.TrimPrefix(s, string(fnc1))
	if s == "" {
		return e, fmt.Errorf("%w: it is empty", ErrElements)
	}
	seen := map[string]bool{}
	next := nextRaw
	if strings.HasPrefix(s, "(") {
		next = nextBracketed
	}
	for at := 0; at < len(s); {
		ai, value, after, err := next(s, at)
		if err != nil {
			return Elements{}, fmt.Errorf("%w: at character %d: %w", ErrElements, at+1, err)
		}
		if err := e.take(ai, value, seen); err != nil {
			return Elements{}, fmt.Errorf("%w: (%s) at character %d: %w", ErrElements, ai, at+1, err)
		}
		at = after
	}
	if err := together(seen); err != nil {
		return Elements{}, err
	}
	return e, nil
}

// together refuses AIs that come only beside others.
func together(seen map[string]bool) error {
	for ai := range seen {
		ok := needs[ai] == nil
		for _, with := range needs[ai] {
			ok = ok || seen[with]
		}
		if !ok {
			return fmt.Errorf("%w: (%s) comes only together with (%s)", ErrElements, ai, strings.Join(needs[ai], ") or ("))
		}
	}
	return nil
}

func nextRaw(s string, at int) (ai, value string, after int, err error) {
	for n := 2; n <= 3; n++ {
		if at+n > len(s) {
			break
		}
		el, ok := elements[s[at:at+n]]
		if !ok {
			continue
		}
		ai, rest := s[at:at+n], s[at+n:]
		end := strings.IndexByte(rest, fnc1)
		if end < 0 {
			end = len(rest)
		}
		if el.fixed {
			end = min(el.width, end)
		}
		after = at + n + end
		if after < len(s) && s[after] == fnc1 {
			after++
		}
		return ai, rest[:end], after, nil
	}
	return "", "", 0, errUnknownAI
}

func nextBracketed(s string, at int) (ai, value string, after int, err error) {
	end := strings.IndexByte(s[at:], ')')
	if s[at] != '(' || end < 0 {
		return "", "", 0, errors.New("want (AI)")
	}
	ai = s[at+1 : at+end]
	el, ok := elements[ai]
	if !ok {
		return "", "", 0, errUnknownAI
	}
	rest := s[at+end+1:]
	stop := len(rest)
	if el.fixed {
		stop = min(el.width, stop)
	} else {
		// A lot may hold a bracket; it ends where a known AI in brackets begins.
		for i := 1; i < len(rest); i++ {
			if rest[i] == '(' && knownAt(rest[i:]) {
				stop = i
				break
			}
		}
	}
	return ai, rest[:stop], at + end + 1 + stop, nil
}

func knownAt(s string) bool {
	for n := 2; n <= 3 && n+1 < len(s); n++ {
		if _, ok := elements[s[1:1+n]]; ok && s[n+1] == ')' {
			return true
		}
	}
	return false
}

var errUnknownAI = errors.New("no AI that a vaccine's label carries: known are 00, 01, 02, 10, 11, 17, 21, 30, 37, 414")

// String writes the bracketed form, keys first, dates, then what has variable length.
func (e Elements) String() string {
	var b strings.Builder
	add := func(ai, v string) { fmt.Fprintf(&b, "(%s)%s", ai, v) }
	e.each(add)
	return b.String()
}

// Raw writes the form that goes into a symbol: FNC1 after each value of variable length but the last.
func (e Elements) Raw() string {
	var b strings.Builder
	open := false
	e.each(func(ai, v string) {
		if open {
			b.WriteByte(fnc1)
		}
		b.WriteString(ai)
		b.WriteString(v)
		open = !elements[ai].fixed
	})
	return b.String()
}

func (e Elements) each(add func(ai, v string)) {
	if e.SSCC != 0 {
		add("00", e.SSCC.String())
	}
	if e.GTIN != 0 {
		add("01", e.GTIN.String())
	}
	if e.Content != 0 {
		add("02", e.Content.String())
	}
	for _, d := range []struct {
		ai string
		on civil.Date
	}{{"11", e.Made}, {"17", e.Expires}} {
		if d.on != 0 {
			t := d.on.At(0, time.UTC)
			add(d.ai, t.Format("060102"))
		}
	}
	if e.Place != 0 {
		add("414", e.Place.String())
	}
	if e.Count != 0 {
		ai := "30"
		if e.Content != 0 || e.GTIN == 0 {
			ai = "37"
		}
		add(ai, fmt.Sprint(e.Count))
	}
	if e.Lot != "" {
		add("10", e.Lot)
	}
	if e.Serial != "" {
		add("21", e.Serial)
	}
}
