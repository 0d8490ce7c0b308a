package notify

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// subscribed is a right subscription: the example of RFC 8291, appendix A.
var subscribed = Subscription{
	Endpoint: "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
	P256dh:   "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
	Auth:     "BTBZMqHH6r4Tts7J_aSIgg",
}

func TestCleanSubscription(t *testing.T) {
	t.Parallel()
	with := func(endpoint string) Subscription { s := subscribed; s.Endpoint = endpoint; return s }
	for _, c := range []struct {
		s           Subscription
		bad         string // the field that is wrong
		badInATrial string
	}{
		{subscribed, "", ""},
		{with("https://fcm.googleapis.com/fcm/send/abc:def?x=1&y=2"), "", ""},
		{with("https://updates.push.services.mozilla.com:443/wpush/v2/gAAA"), "", ""},
		{with("http://push.example.net/x"), "endpoint", "endpoint"},
		{with("ftp://push.example.net/x"), "endpoint", "endpoint"},
		{with("//push.example.net/x"), "endpoint", "endpoint"},
		{with("https://push.example.net"), "endpoint", "endpoint"},
		{with("https://push.example.net/"), "endpoint", "endpoint"},
		{with("https://push.example.net:8443/x"), "endpoint", "endpoint"},
		{with("https://a:b@push.example.net/x"), "endpoint", "endpoint"},
		{with("https://push.example.net/x#y"), "endpoint", "endpoint"},
		{with("https://push.example.net/x y"), "endpoint", "endpoint"},
		{with("https://push.example.net/x\r\nHost: y"), "endpoint", "endpoint"},
		{with("https://푸시.example.net/x"), "endpoint", "endpoint"},
		{with("https://push..example.net/x"), "endpoint", "endpoint"},
		{with("https://intranet/x"), "endpoint", "endpoint"},
		{with("https://wiki.internal/x"), "endpoint", "endpoint"},
		{with("https://printer.local./x"), "endpoint", "endpoint"},
		{with("https://a.localhost/x"), "endpoint", "endpoint"},
		{with("https://10.0.0.1/x"), "endpoint", "endpoint"},
		{with("https://8.8.8.8/x"), "endpoint", "endpoint"},
		{with("https://[2001:4860:4860::8888]/x"), "endpoint", "endpoint"},
		{with("https://127.1/x"), "endpoint", "endpoint"},
		{with("https://0x7f.1/x"), "endpoint", "endpoint"},
		{with("https://2130706433/x"), "endpoint", "endpoint"},
		{with("https://169.254.169.254/latest/meta-data"), "endpoint", "endpoint"},
		{with("https://127.0.0.1:9000/x"), "endpoint", ""},
		{with("http://localhost:9000/x"), "endpoint", ""},
		{with("https://[::1]:9000/x"), "endpoint", ""},
		{with("https://push.example.net/" + strings.Repeat("x", maxEndpoint)), "endpoint", "endpoint"},
		{with(""), "endpoint", "endpoint"},
		{Subscription{subscribed.Endpoint, "", subscribed.Auth}, "p256dh", "p256dh"},
		{Subscription{subscribed.Endpoint, subscribed.P256dh[:80], subscribed.Auth}, "p256dh", "p256dh"},
		{Subscription{subscribed.Endpoint, "BC" + strings.Repeat("A", 85), subscribed.Auth}, "p256dh", "p256dh"}, // no point of the curve
		{Subscription{subscribed.Endpoint, subscribed.P256dh, ""}, "auth", "auth"},
		{Subscription{subscribed.Endpoint, subscribed.P256dh, subscribed.P256dh}, "auth", "auth"},
	} {
		for local, bad := range map[bool]string{false: c.bad, true: c.badInATrial} {
			got, err := c.s.Clean(local)
			wrong, refused := errors.AsType[*AddressError](err)
			if refused != (bad != "") || refused && wrong.Field != bad || err == nil && got != c.s {
				t.Errorf("%+v, in a trial %v: %+v, %v; want a fault of %q", c.s, local, got, err, bad)
			}
		}
	}
	padded := subscribed
	padded.P256dh += "="
	padded.Auth = strings.ReplaceAll(strings.ReplaceAll(padded.Auth, "_", "/"), "-", "+") + "=="
	if got, err := padded.Clean(false); err != nil || got != subscribed {
		t.Errorf("the other alphabet of base64: %+v, %v", got, err)
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	device := func(n string) Address { return Address{Push, n} }
	phone := Address{Text, "01012345678"}
	c := Contact{Lang: "ko", Addresses: []Address{phone}}
	for _, n := range []string{"1", "2", "3", "2", "4", "5"} {
		c = c.WithDevice(device(n))
	}
	if want := []Address{device("5"), device("4"), device("2"), device("3"), phone}; !slices.Equal(c.Addresses, want) {
		t.Errorf("%v, want %v: the latest first, %d at most, others after them", c.Addresses, want, MaxDevices)
	}
	if got := c.WithoutDevice(device("4")); len(got.Addresses) != 4 || len(c.Addresses) != 5 {
		t.Errorf("without one: %v of %v", got.Addresses, c.Addresses)
	}
	if got := c.WithoutDevices(); !slices.Equal(got.Addresses, []Address{phone}) {
		t.Errorf("without any: %v", got.Addresses)
	}
	if got := (Contact{Lang: "en"}).WithDevicesOf(c); len(got.Addresses) != 4 || got.Lang != "en" {
		t.Errorf("with those of another: %v", got)
	}
}

// FuzzSubscription: what is taken is in the form that is kept, comes back the same, and leads to a public name by https.
func FuzzSubscription(f *testing.F) {
	f.Add(subscribed.Address().Value)
	f.Add(`{"endpoint":"https://127.0.0.1/x","p256dh":"` + subscribed.P256dh + `","auth":"` + subscribed.Auth + `"}`)
	f.Add(`{"endpoint":"https://a.b/&<","p256dh":"","auth":""}{}`)
	f.Add(`{"endpoint":"https://[::ffff:10.0.0.1]/x"}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, value string) {
		s, err := ParseSubscription(value, false)
		if err != nil {
			return
		}
		u, err := url.Parse(s.Endpoint)
		if err != nil || u.Scheme != "https" || u.User != nil || len(s.Endpoint) > maxEndpoint {
			t.Fatalf("takes %q", s.Endpoint)
		}
		if _, err := netip.ParseAddr(u.Hostname()); err == nil {
			t.Fatalf("takes an address for a name: %q", s.Endpoint)
		}
		key, err := base64.RawURLEncoding.DecodeString(s.P256dh)
		if err == nil {
			_, err = ecdh.P256().NewPublicKey(key)
		}
		if auth, e := base64.RawURLEncoding.DecodeString(s.Auth); err != nil || e != nil || len(auth) != authBytes {
			t.Fatalf("takes the keys %q, %q", s.P256dh, s.Auth)
		}
		kept := s.Address()
		again, err := ParseSubscription(kept.Value, false)
		if err != nil || again != s || strings.ContainsAny(kept.Value, "\r\n") {
			t.Fatalf("%q is kept as %q, which is read as %+v, %v", value, kept.Value, again, err)
		}
	})
}
