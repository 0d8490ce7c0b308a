package person

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"time"
	"unicode"

	"charye/internal/civil"
)

// TemporaryIdentity is an identity given at a local office to somebody who has neither identity number nor telephone. Its code is
// their identity number from then on; only the code's blind index is kept.
type TemporaryIdentity struct {
	Index    [16]byte // of the code, [Keyer.IdentityIndex]
	Layer    int      // of both blind indexes
	Key      Key      // [Keyer.Temporary]
	Like     [16]byte // blind index of name and date of birth, [Keyer.Like]
	Name     string   // sealed at rest
	Born     civil.Date
	Paper    Paper
	Desk     Key // where it was issued
	Clerk    Key // by whom
	IssuedAt time.Time
}

// Paper is what somebody showed.
type Paper string

// The papers.
const (
	PaperPassport Paper = "passport" // of whatever country, also expired
	PaperStay     Paper = "stay"     // a paper of residence or asylum
	PaperBirth    Paper = "birth"    // a certificate of birth or family
	PaperWork     Paper = "work"     // of an employer, a school, a shelter
	PaperWitness  Paper = "witness"  // none, and somebody known vouched
	PaperNone     Paper = "none"
)

const (
	codeSymbols    = "0123456789ABCDEFGHJKMNPRSTVWXYZ" // 31, a prime, without those that are taken for another
	codeLen        = 15
	temporaryStart = "XT"
	meantAsCode    = 12 // symbols behind the start: more than any passport number has
)

// Papers lists every paper.
var Papers = []Paper{PaperPassport, PaperStay, PaperBirth, PaperWork, PaperWitness, PaperNone}

// NewTemporaryCode makes a code such as XT-7K2M-9RPA-4D8W-HR3C: 15 random symbols of 31 (74 bits) and a check symbol. Every single
// wrong symbol and every swap of two is noticed: the sum of (place × symbol) over all 16 must be 0 modulo the prime 31.
func NewTemporaryCode() string {
	var symbols [codeLen + 1]byte
	sum := 0
	for i := range codeLen {
		v := randomSymbol()
		symbols[i] = codeSymbols[v]
		sum += (i + 1) * v
	}
	// 16·c ≡ -sum; the inverse of 16 modulo 31 is 2.
	symbols[codeLen] = codeSymbols[(31-sum%31)*2%31]
	return spaced(string(symbols[:]))
}

func randomSymbol() int {
	var b [1]byte
	for {
		_, _ = rand.Read(b[:])       // never fails: crypto/rand ends the program rather than return an error
		if v := int(b[0]); v < 248 { // 8 × 31
			return v % 31
		}
	}
}

func spaced(s string) string {
	return temporaryStart + "-" + s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
}

// ParseTemporary reads a temporary code however it is spaced and whatever its case; O, I and L are read as 0, 1 and 1. looks tells a
// text that was meant as one from any other number; code is "" when it is not a good one.
func ParseTemporary(s string) (code string, looks bool) {
	n := strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(normalNumber(s))
	rest, starts := strings.CutPrefix(n, temporaryStart)
	if looks = starts && len(rest) >= meantAsCode; !looks || len(rest) != codeLen+1 {
		return "", looks
	}
	sum := 0
	for i := range len(rest) {
		v := strings.IndexByte(codeSymbols, rest[i])
		if v < 0 {
			return "", true
		}
		sum += (i + 1) * v
	}
	if sum%31 != 0 {
		return "", true
	}
	return spaced(rest), true
}

// Temporary is the person key of a code.
func (k *Keyer) Temporary(code string) Key { return k.Key("temporary", normalNumber(code)) }

// Like is the blind index of a name and a date of birth: equal for people who may be the same one.
func (k *Keyer) Like(name string, born civil.Date) [16]byte { return k.Likes(name, born)[0].Value }

func likeData(name string, born civil.Date) []byte {
	folded := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Pd) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	b := binary.BigEndian.AppendUint32(nil, uint32(born))
	return append(b, folded...)
}
