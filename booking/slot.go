package booking

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/site"
)

// ErrBadSlot is what [ParseSlot] returns for a text that [Slot.String] would never give.
var ErrBadSlot = errors.New("not a slot: want SITE-YYYYMMDD-HHMM-PRODUCT, as in 1042-20210726-0900-moderna")

// maxProduct is the longest product id a slot can carry, in bytes.
const maxProduct = 64

// String gives the session as SITE-YYYYMMDD-HHMM, in local time of the programme.
func (s Session) String() string { return string(s.appendTo(make([]byte, 0, 24))) }

func (s Session) appendTo(b []byte) []byte {
	y, m, d := s.Day.At(0, time.UTC).Date()
	b = strconv.AppendUint(b, uint64(s.Site), 10)
	b = append(b, '-')
	b = appendPadded(b, y*10000+int(m)*100+d, 8)
	b = append(b, '-')
	return appendPadded(b, s.Minute/60*100+s.Minute%60, 4)
}

// String gives the slot's text form, as in 1042-20210726-0900-moderna: site number, day, start in local time, product.
// [ParseSlot] reads it back when the session is valid and the product is an id of [a-z0-9-], 1 to 64 bytes.
func (s Slot) String() string {
	b := s.appendTo(make([]byte, 0, 32))
	b = append(b, '-')
	return string(append(b, s.Product...))
}

// ParseSlot reads the text form of a slot. Each slot has one text: anything that [Slot.String] would write differently
// (leading zeros, a 31st of June, capitals) is refused with [ErrBadSlot].
func ParseSlot(text string) (Slot, error) {
	num, rest, ok1 := strings.Cut(text, "-")
	day, rest, ok2 := strings.Cut(rest, "-")
	at, product, ok3 := strings.Cut(rest, "-")
	if !ok1 || !ok2 || !ok3 || len(num) > 8 || len(day) != 8 || len(at) != 4 || !validProduct(product) {
		return Slot{}, ErrBadSlot
	}
	n, ok1 := digits(num)
	ymd, ok2 := digits(day)
	hm, ok3 := digits(at)
	if !ok1 || !ok2 || !ok3 || hm/100 > 23 || hm%100 > 59 || n > int(site.MaxNum) {
		return Slot{}, ErrBadSlot
	}
	s := Slot{Product: product, Session: Session{
		Site:   site.Num(n),
		Day:    civil.New(ymd/10000, time.Month(ymd/100%100), ymd%100),
		Minute: hm/100*60 + hm%100,
	}}
	if !s.Valid() || s.String() != text {
		return Slot{}, ErrBadSlot
	}
	return s, nil
}

func validProduct(p string) bool {
	if p == "" || len(p) > maxProduct {
		return false
	}
	for i := range len(p) {
		if c := p[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// digits reads an unsigned decimal number of at most 18 digits.
func digits(s string) (n int, ok bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// appendPadded writes n in decimal with at least width digits.
func appendPadded(b []byte, n, width int) []byte {
	t := strconv.Itoa(n)
	for range width - len(t) {
		b = append(b, '0')
	}
	return append(b, t...)
}
