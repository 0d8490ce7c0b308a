package oidctest

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"charye/internal/civil"
)

// Visitor is a made-up person as the sign-in form takes them.
type Visitor struct {
	Name     string
	Born     civil.Date
	Identity string // identity number, may be empty

	// Of staff only.
	Roles        []string
	Unit         string
	SecondFactor bool
}

// CI is the stable subject that every provider of this kind gives the visitor, like Korea's CI: it depends on nothing but
// the visitor, so whoever fills in the same form anywhere is the same person. Rosters for trials are made with it.
func (v Visitor) CI() string {
	// 64 bytes make 88 characters of base64, the size of a real CI.
	a, b := v.hash("ci/1"), v.hash("ci/2")
	return base64.StdEncoding.EncodeToString(append(a[:], b[:]...))
}

// Sub is the subject that the provider of this issuer gives the visitor; another issuer gives another one.
func (v Visitor) Sub(issuer string) string {
	h := v.hash("sub/" + issuer)
	return base64.RawURLEncoding.EncodeToString(h[:16])
}

func (v Visitor) hash(kind string) [sha256.Size]byte {
	name := strings.Join(strings.Fields(v.Name), " ")
	number := strings.ToUpper(strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, v.Identity))
	return sha256.Sum256([]byte("oidctest\x00" + kind + "\x00" + name + "\x00" + v.Born.String() + "\x00" + number))
}
