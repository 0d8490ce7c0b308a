package notify

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/mail"
	"strings"

	"charye/internal/seal"
	"charye/person"
)

// MaxAddresses is how many addresses one person may leave, and MaxDevices how many of them may be of [Push].
const (
	MaxAddresses = 8
	MaxDevices   = 4
)

// AddressError is what is wrong with a contact, by field.
type AddressError struct{ Field, Want string }

func (e *AddressError) Error() string { return strings.TrimPrefix(e.Field+": want "+e.Want, ": ") }

// Clean gives the contact in the form that is kept, or an [AddressError]. Telephone numbers lose their hyphens and spaces; the
// same address twice is one. local is for trials; see [Subscription.Clean].
func (c Contact) Clean(local bool) (Contact, error) {
	out := Contact{Lang: c.Lang}
	if out.Lang != "ko" && out.Lang != "en" {
		return out, &AddressError{"lang", "ko or en"}
	}
	if len(c.Addresses) > MaxAddresses {
		return out, &AddressError{"addresses", fmt.Sprintf("at most %d", MaxAddresses)}
	}
	seen := map[Address]bool{}
	for i, a := range c.Addresses {
		field := fmt.Sprintf("addresses[%d]", i)
		v, err := a.clean(field, local)
		if err != nil {
			return out, err
		}
		if !seen[v] {
			out.Addresses = append(out.Addresses, v)
		}
		seen[v] = true
	}
	return out, nil
}

func (a Address) clean(field string, local bool) (Address, error) {
	switch a.Channel {
	case Mail:
		const want = "an e-mail address such as name@example.org"
		v := strings.TrimSpace(a.Value)
		p, err := mail.ParseAddress(v)
		if err != nil || p.Address != v || len(v) > 254 || strings.ContainsAny(v, "\r\n\t <>\"(),;:\\") {
			return a, &AddressError{field + ".value", want}
		}
		return Address{Mail, v}, nil
	case Text:
		const want = "a telephone number of 8 to 15 digits, such as 010-1234-5678 or +82 10 1234 5678"
		v := strings.NewReplacer("-", "", " ", "", ".", "", "(", "", ")", "").Replace(a.Value)
		digits := strings.TrimPrefix(v, "+")
		if len(a.Value) > 32 || len(digits) < 8 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
			return a, &AddressError{field + ".value", want}
		}
		return Address{Text, v}, nil
	case Push:
		s, err := ParseSubscription(a.Value, local)
		if err != nil {
			return a, &AddressError{field + ".value", "a push subscription of a browser: {endpoint, p256dh, auth}"}
		}
		return s.Address(), nil
	}
	return a, &AddressError{field + ".channel", "mail, text or push"}
}

// LogValue keeps an address out of every log.
func (Address) LogValue() slog.Value { return slog.StringValue("[address]") }

// A sealed contact is bound to its person, in the same way in every engine, so that rows can move from one to another.
func sealedPlace(who person.Key) string { return "notify/contact/" + who.String() }

// SealContact gives a contact as engines keep it.
func SealContact(k *seal.Keys, who person.Key, c Contact) ([]byte, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return k.Seal(sealedPlace(who), plain)
}

// OpenContact undoes [SealContact].
func OpenContact(k *seal.Keys, who person.Key, sealed []byte) (c Contact, err error) {
	plain, err := k.Open(sealedPlace(who), sealed)
	if err == nil {
		err = json.Unmarshal(plain, &c)
	}
	return c, err
}
