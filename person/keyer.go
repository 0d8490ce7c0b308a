package person

import (
	"encoding/binary"
	"strings"
	"unicode"

	"charye/internal/seal"
)

// NamespaceCI is the key space of Korea's CI (연계정보), the 88-character stable subject that all Korean identity
// providers deliver alike. Providers that deliver it, and rosters made from it, share this namespace.
const NamespaceCI = "ci"

// Keyer turns identifiers of people into the pseudonyms that Charye keeps. It is made from the installation's key file:
// without the file nothing leads back to an identifier, and another installation gives other pseudonyms. Safe for
// concurrent use.
type Keyer struct{ keys *seal.Keys }

// NewKeyer makes the keyer of an installation.
func NewKeyer(keys *seal.Keys) *Keyer { return &Keyer{keys: keys} }

// Key is the person key of a provider's stable subject in a namespace. Providers that share a namespace give the same
// person the same key, so each of them is trusted for all people of that namespace; a provider with subjects of its own
// has its issuer as namespace. The subject is taken byte for byte. An empty subject gives the zero key, which is nobody.
func (k *Keyer) Key(namespace, subject string) Key {
	if subject == "" {
		return Key{}
	}
	// The namespace is framed by its length: no choice of namespace and subject runs into another.
	b := make([]byte, 0, 64+len(namespace)+len(subject))
	b = binary.BigEndian.AppendUint32(b, uint32(len(namespace)))
	b = append(b, namespace...)
	b = append(b, subject...)
	return k.keys.Name("person/key", b)
}

// IdentityIndex is the blind index of an identity number (resident registration number, passport number): equal for every
// way to write the same number, since hyphens, spaces and invisible characters are dropped, full-width forms become plain
// ones and letters upper case. It is the one of the layer in use ([seal.Keys.Indexes]). A number that is empty after that gives the zero index, which finds nobody.
func (k *Keyer) IdentityIndex(number string) [16]byte {
	list := k.IdentityIndexes(number)
	if list == nil {
		return [16]byte{}
	}
	return list[0].Value
}

func normalNumber(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0xFF01 && r <= 0xFF5E { // full-width forms of ! … ~
			r -= 0xFEE0
		}
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r), unicode.In(r, unicode.Pd, unicode.Cf), r == '\u2212':
			return -1
		}
		return unicode.ToUpper(r)
	}, s)
}
