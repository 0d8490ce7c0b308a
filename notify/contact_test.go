package notify

import (
	"errors"
	"strings"
	"testing"

	"charye/internal/seal"
)

func TestCleanContact(t *testing.T) {
	t.Parallel()
	one := func(c Channel, v string) Contact { return Contact{Lang: "ko", Addresses: []Address{{c, v}}} }
	for _, c := range []struct {
		in   Contact
		want string // the first address as kept; or
		bad  string // the field that is wrong
	}{
		{in: one(Text, "010-1234-5678"), want: "01012345678"},
		{in: one(Text, " +82 10 1234 5678 "), want: "+821012345678"},
		{in: one(Mail, "kim@example.org"), want: "kim@example.org"},
		{in: one(Mail, " kim@example.org "), want: "kim@example.org"},
		{in: one(Text, "1234567"), bad: "addresses[0].value"},
		{in: one(Text, "010-1234-567x"), bad: "addresses[0].value"},
		{in: one(Text, "82+1012345678"), bad: "addresses[0].value"},
		{in: one(Text, strings.Repeat("1", 16)), bad: "addresses[0].value"},
		{in: one(Mail, "kim"), bad: "addresses[0].value"},
		{in: one(Mail, "Kim <kim@example.org>"), bad: "addresses[0].value"},
		{in: one(Mail, "kim@example.org\r\nBcc: x@example.org"), bad: "addresses[0].value"},
		{in: one(Mail, "a@example.org, b@example.org"), bad: "addresses[0].value"},
		{in: one(Mail, strings.Repeat("a", 250)+"@example.org"), bad: "addresses[0].value"},
		{in: one("pigeon", "1"), bad: "addresses[0].channel"},
		{in: Contact{Lang: "fr"}, bad: "lang"},
		{in: Contact{Lang: "ko", Addresses: make([]Address, MaxAddresses+1)}, bad: "addresses"},
	} {
		got, err := c.in.Clean(false)
		if c.bad != "" {
			wrong, ok := errors.AsType[*AddressError](err)
			if !ok || wrong.Field != c.bad {
				t.Errorf("%v: %v, want a fault of %s", c.in, err, c.bad)
			}
			continue
		}
		if err != nil || got.Addresses[0].Value != c.want {
			t.Errorf("%v becomes %v, %v; want %s", c.in, got, err, c.want)
		}
	}
	twice, err := Contact{Lang: "en", Addresses: []Address{{Text, "010-1234-5678"}, {Text, "01012345678"}}}.Clean(false)
	if err != nil || len(twice.Addresses) != 1 {
		t.Errorf("one number written twice: %v, %v", twice, err)
	}
}

// TestSealedContact: a contact opens for its own person only.
func TestSealedContact(t *testing.T) {
	t.Parallel()
	k, err := seal.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := SealContact(k, alice, Contact{Lang: "ko"})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := OpenContact(k, alice, sealed); err != nil || c.Lang != "ko" {
		t.Errorf("%v, %v", c, err)
	}
	if _, err := OpenContact(k, helper, sealed); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("opened for another: %v", err)
	}
}

// FuzzCleanContact: what is kept is clean already, and nothing that is kept can begin a header or a command of its own.
func FuzzCleanContact(f *testing.F) {
	for _, s := range []string{"010-1234-5678", "a@example.org", "a@example.org\r\n", "\"a b\"@example.org", "+82 10", "a@[127.0.0.1]", "ㄱ@예.한국"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, ch := range []Channel{Mail, Text} {
			got, err := Contact{Lang: "ko", Addresses: []Address{{ch, value}}}.Clean(false)
			if err != nil {
				continue
			}
			v := got.Addresses[0].Value
			if strings.ContainsAny(v, "\r\n \t<>,;") || v == "" {
				t.Errorf("%s keeps %q", ch, v)
			}
			if again, err := got.Clean(false); err != nil || again.Addresses[0].Value != v {
				t.Errorf("%s: %q is cleaned again to %v, %v", ch, v, again, err)
			}
		}
	})
}
