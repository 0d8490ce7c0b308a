package booking

import (
	"errors"
	"strings"
)

// ErrBadNumber is what [ParseNumber] returns for a text that is no booking number: a wrong length, or a slip of the
// tongue that the check digit caught.
var ErrBadNumber = errors.New("not a booking number: check the digits, as in 0000-1042-8")

// maxNumbered is one more than the largest id that has a number: 16 digits.
const maxNumbered = 1e16

// Number gives the form of a booking's id that is said on the telephone: groups of four digits and a check digit, as in
// 0000-1042-8. The check digit catches every single wrong digit and every two neighbours swapped (H. M. Damm, "Total
// anti-symmetrische Quasigruppen", 2004). The number is no secret and opens nothing. An id outside 1 … 10^16-1 has none:
// the result is empty.
func Number(id int64) string {
	if id < 1 || id >= maxNumbered {
		return ""
	}
	width := 8
	for limit := int64(1e8); id >= limit; limit *= 1e4 {
		width += 4
	}
	digits := appendPadded(nil, int(id), width)
	var b strings.Builder
	for i := 0; i < width; i += 4 {
		b.Write(digits[i : i+4])
		b.WriteByte('-')
	}
	b.WriteByte('0' + damm(digits))
	return b.String()
}

// Number is the booking's number for the telephone; see the function [Number].
func (b Booking) Number() string { return Number(b.ID) }

// ParseNumber reads a booking number as people type it: hyphens and spaces may be anywhere or missing, every digit must
// be there. It returns [ErrBadNumber] otherwise.
func ParseNumber(text string) (id int64, err error) {
	if len(text) > 64 {
		return 0, ErrBadNumber
	}
	compact := strings.NewReplacer("-", "", " ", "").Replace(text)
	if len(compact) < 2 {
		return 0, ErrBadNumber
	}
	body, check := compact[:len(compact)-1], compact[len(compact)-1]
	n, ok := digits(body)
	if !ok || check < '0' || check > '9' {
		return 0, ErrBadNumber
	}
	if strings.ReplaceAll(Number(int64(n)), "-", "") != compact {
		return 0, ErrBadNumber
	}
	return int64(n), nil
}

// dammTable is the totally anti-symmetric quasigroup of order 10 from Damm's thesis, page 111.
var dammTable = [10][10]byte{
	{0, 3, 1, 7, 5, 9, 8, 6, 4, 2},
	{7, 0, 9, 2, 1, 5, 4, 8, 6, 3},
	{4, 2, 0, 6, 8, 7, 1, 3, 5, 9},
	{1, 7, 5, 0, 9, 8, 3, 4, 2, 6},
	{6, 1, 2, 3, 0, 4, 5, 9, 7, 8},
	{3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
	{5, 8, 6, 9, 7, 2, 0, 1, 3, 4},
	{8, 9, 4, 5, 3, 6, 2, 0, 1, 7},
	{9, 4, 3, 8, 6, 1, 7, 2, 0, 5},
	{2, 5, 8, 1, 4, 3, 6, 7, 9, 0},
}

func damm(digits []byte) byte {
	var c byte
	for _, d := range digits {
		c = dammTable[c][d-'0']
	}
	return c
}
