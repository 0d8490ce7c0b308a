package supply

import (
	"errors"
	"fmt"
	"strings"
)

// SSCC names a logistic unit, AI (00): 18 digits, the last of them a check digit. The zero SSCC names nothing.
type SSCC uint64

// GTIN names a trade item, AI (01): 14 digits; shorter forms (GTIN-8, -12, -13) have leading zeros. The zero GTIN names nothing.
type GTIN uint64

// GLN names a party or place, AI (414): 13 digits. The zero GLN names nothing.
type GLN uint64

const (
	ssccDigits = 18
	gtinDigits = 14
	glnDigits  = 13
)

// What a wrong key is told as; both are wrapped with which key and what was read.
var (
	ErrKeyForm    = errors.New("want that many digits and nothing else")
	ErrCheckDigit = errors.New("the check digit is wrong")
	ErrURN        = errors.New("not an EPC URN of this kind")
)

// CheckDigit gives the GS1 check digit of digits without one: weights 3 and 1 in turns from the right, and what is missing to the
// next ten (GS1 General Specifications, section 7.9). It panics on anything but digits.
func CheckDigit(digits string) byte {
	sum := 0
	for i := range len(digits) {
		d := digits[len(digits)-1-i]
		if d < '0' || d > '9' {
			panic("supply.CheckDigit: not a digit")
		}
		if i%2 == 0 {
			sum += 3 * int(d-'0')
		} else {
			sum += int(d - '0')
		}
	}
	return '0' + byte((10-sum%10)%10)
}

func parseKey(name, s string, width int) (uint64, error) {
	if len(s) != width || !allDigits(s) {
		return 0, fmt.Errorf("%s %.24q: %w: %d", name, s, ErrKeyForm, width)
	}
	if want := CheckDigit(s[:width-1]); s[width-1] != want {
		return 0, fmt.Errorf("%s %s: %w: want %c at the end", name, s, ErrCheckDigit, want)
	}
	n := uint64(0)
	for i := range len(s) {
		n = n*10 + uint64(s[i]-'0')
	}
	return n, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// ParseSSCC reads 18 digits and checks the last.
func ParseSSCC(s string) (SSCC, error) {
	n, err := parseKey("SSCC", s, ssccDigits)
	return SSCC(n), err
}

// ParseGTIN reads a GTIN of 8, 12, 13 or 14 digits and checks the last.
func ParseGTIN(s string) (GTIN, error) {
	if n := len(s); n == 8 || n == 12 || n == 13 {
		s = strings.Repeat("0", gtinDigits-n) + s
	}
	n, err := parseKey("GTIN", s, gtinDigits)
	return GTIN(n), err
}

// ParseGLN reads 13 digits and checks the last.
func ParseGLN(s string) (GLN, error) {
	n, err := parseKey("GLN", s, glnDigits)
	return GLN(n), err
}

// String gives all 18 digits.
func (k SSCC) String() string { return fmt.Sprintf("%018d", uint64(k)) }

// String gives all 14 digits.
func (k GTIN) String() string { return fmt.Sprintf("%014d", uint64(k)) }

// String gives all 13 digits.
func (k GLN) String() string { return fmt.Sprintf("%013d", uint64(k)) }

// MarshalText gives the digits.
func (k SSCC) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalText gives the digits.
func (k GTIN) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalText gives the digits.
func (k GLN) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is [ParseSSCC].
func (k *SSCC) UnmarshalText(b []byte) (err error) { *k, err = ParseSSCC(string(b)); return err }

// UnmarshalText is [ParseGTIN].
func (k *GTIN) UnmarshalText(b []byte) (err error) { *k, err = ParseGTIN(string(b)); return err }

// UnmarshalText is [ParseGLN].
func (k *GLN) UnmarshalText(b []byte) (err error) { *k, err = ParseGLN(string(b)); return err }

// NewSSCC makes the SSCC of an extension digit, a company prefix of 6 to 12 digits and a serial number. ok is false when they do not
// fit into 17 digits.
func NewSSCC(extension int, prefix string, serial uint64) (k SSCC, ok bool) {
	width := ssccDigits - 2 - len(prefix)
	s := fmt.Sprintf("%d%s%0*d", extension, prefix, width, serial)
	if extension < 0 || extension > 9 || !validPrefix(prefix) || len(s) != ssccDigits-1 {
		return 0, false
	}
	k, err := ParseSSCC(s + string(CheckDigit(s)))
	return k, err == nil
}

func validPrefix(p string) bool { return len(p) >= 6 && len(p) <= 12 && allDigits(p) }

// The URN forms do not carry the check digit, but say how long the company prefix is (EPC Tag Data Standard 2.0, section 6.3). A key
// alone does not know that: it is asked for where a URN is written, and given back where one is read.

// URN writes urn:epc:id:sscc:PREFIX.EXTENSION-AND-SERIAL. prefix is the length of the company prefix, 6 to 12.
func (k SSCC) URN(prefix int) string {
	s := k.String()
	prefix = min(max(prefix, 6), 12)
	return "urn:epc:id:sscc:" + s[1:1+prefix] + "." + s[:1] + s[1+prefix:ssccDigits-1]
}

// ParseSSCCURN reads what [SSCC.URN] writes.
func ParseSSCCURN(urn string) (k SSCC, prefix int, err error) {
	p, rest, err := cutURN(urn, "urn:epc:id:sscc:", 17)
	if err != nil {
		return 0, 0, err
	}
	s := rest[:1] + p + rest[1:]
	k, err = ParseSSCC(s + string(CheckDigit(s)))
	return k, len(p), err
}

// LotURN writes urn:epc:class:lgtin:PREFIX.INDICATOR-AND-ITEM.LOT, the name of a lot.
func (l LotKey) LotURN(prefix int) string {
	s := l.GTIN.String()
	prefix = min(max(prefix, 6), 12)
	return "urn:epc:class:lgtin:" + s[1:1+prefix] + "." + s[:1] + s[1+prefix:gtinDigits-1] + "." + escapeURN(l.ID)
}

// ParseLotURN reads what [LotKey.LotURN] writes.
func ParseLotURN(urn string) (l LotKey, prefix int, err error) {
	head := urn
	if i := strings.LastIndexByte(urn, '.'); i >= 0 {
		head = urn[:i]
		if l.ID, err = unescapeURN(urn[i+1:]); err != nil {
			return LotKey{}, 0, err
		}
	}
	p, rest, err := cutURN(head, "urn:epc:class:lgtin:", 13)
	if err != nil {
		return LotKey{}, 0, err
	}
	if !validText(l.ID, 20) {
		return LotKey{}, 0, fmt.Errorf("%.80q: %w: the lot is 1 to 20 characters", urn, ErrURN)
	}
	s := rest[:1] + p + rest[1:]
	l.GTIN, err = ParseGTIN(s + string(CheckDigit(s)))
	return l, len(p), err
}

// URN writes urn:epc:id:sgln:PREFIX.LOCATION.0: the place without an extension.
func (k GLN) URN(prefix int) string {
	s := k.String()
	prefix = min(max(prefix, 6), 12)
	return "urn:epc:id:sgln:" + s[:prefix] + "." + s[prefix:glnDigits-1] + ".0"
}

// ParseGLNURN reads an sgln; its extension, which names a room or a refrigerator at the place, is "0" where there is none.
func ParseGLNURN(urn string) (k GLN, prefix int, extension string, err error) {
	i := strings.LastIndexByte(urn, '.')
	if i < 0 {
		return 0, 0, "", fmt.Errorf("%.80q: %w", urn, ErrURN)
	}
	if extension, err = unescapeURN(urn[i+1:]); err != nil {
		return 0, 0, "", err
	}
	body, ok := strings.CutPrefix(urn[:i], "urn:epc:id:sgln:")
	p, rest, dot := strings.Cut(body, ".")
	if !ok || !dot || !validPrefix(p) || len(p)+len(rest) != 12 || rest != "" && !allDigits(rest) || !validText(extension, 20) {
		return 0, 0, "", fmt.Errorf("%.80q: %w", urn, ErrURN)
	}
	k, err = ParseGLN(p + rest + string(CheckDigit(p+rest)))
	return k, len(p), extension, err
}

// cutURN takes prefix and rest of digits, total many in all, out of a URN.
func cutURN(urn, scheme string, total int) (prefix, rest string, err error) {
	body, ok := strings.CutPrefix(urn, scheme)
	p, r, dot := strings.Cut(body, ".")
	if !ok || !dot || !validPrefix(p) || !allDigits(r) || len(p)+len(r) != total {
		return "", "", fmt.Errorf("%.80q: %w: want %sPREFIX.REST with %d digits in all", urn, ErrURN, scheme, total)
	}
	return p, r, nil
}

// ValidLot reports whether s can be the number of a lot: 1 to 20 characters of GS1's set 82.
func ValidLot(s string) bool { return validText(s, 20) }

// validText reports whether s is 1 to n characters of GS1's set 82.
func validText(s string, n int) bool {
	if s == "" || len(s) > n {
		return false
	}
	for i := range len(s) {
		if !set82(s[i]) {
			return false
		}
	}
	return true
}

// set82 is the character set of lot and serial numbers (GS1 General Specifications, figure 7.11-1).
func set82(c byte) bool {
	switch {
	case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		return true
	}
	return strings.IndexByte(`!"%&'()*+,-./:;<=>?_`, c) >= 0
}

// escapeURN writes what a URN may not carry, and the point that parts its fields, as %HH (EPC Tag Data Standard, section 5.4).
func escapeURN(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(`"%&/<>?.`, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unescapeURN(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		var c byte
		if i+2 >= len(s) {
			return "", fmt.Errorf("%.80q: %w: %%HH is cut off", s, ErrURN)
		}
		if _, err := fmt.Sscanf(s[i+1:i+3], "%02X", &c); err != nil {
			return "", fmt.Errorf("%.80q: %w: %%HH wants two hexadecimal digits", s, ErrURN)
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String(), nil
}
