package notify

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Subscription is how a browser can be reached through its push service (RFC 8030, RFC 8291).
type Subscription struct {
	Endpoint string `json:"endpoint"`
	P256dh   string `json:"p256dh"` // the browser's public key: 65 bytes, base64url
	Auth     string `json:"auth"`   // its authentication secret: 16 bytes, base64url
}

// Bounds of a subscription: endpoints of today's push services have some 200 characters.
const (
	maxEndpoint     = 1000
	maxSubscription = 1400
	authBytes       = 16
)

// Address is the subscription as an address, in the form that is kept.
func (s Subscription) Address() Address {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return Address{} // unreachable: three strings
	}
	return Address{Push, strings.TrimSuffix(b.String(), "\n")}
}

// ParseSubscription reads the value of an address of [Push], and takes only what [Subscription.Clean] leaves as it is.
func ParseSubscription(value string, local bool) (Subscription, error) {
	var s Subscription
	const want = "a push subscription: {endpoint, p256dh, auth}"
	if len(value) > maxSubscription {
		return s, &AddressError{"", want}
	}
	d := json.NewDecoder(strings.NewReader(value))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil || d.InputOffset() != int64(len(value)) {
		return Subscription{}, &AddressError{"", want}
	}
	return s.Clean(local)
}

// Clean gives the subscription in the form that is kept, or an [AddressError]. The endpoint is one that this server will call, so
// only a public name by https will do; with local, in a trial, also this machine. A name may still lead to a private address:
// whoever calls it looks at what it dials.
func (s Subscription) Clean(local bool) (Subscription, error) {
	if !goodEndpoint(s.Endpoint, local) {
		return Subscription{}, &AddressError{"endpoint", "the https:// address of a push service, as the browser gives it"}
	}
	key, err := unbase64(s.P256dh)
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(key)
	}
	if err != nil || len(key) != 65 {
		return Subscription{}, &AddressError{"p256dh", "a public key of the curve P-256 in base64url"}
	}
	auth, err := unbase64(s.Auth)
	if err != nil || len(auth) != authBytes {
		return Subscription{}, &AddressError{"auth", "16 bytes in base64url"}
	}
	return Subscription{s.Endpoint, base64.RawURLEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(auth)}, nil
}

// unbase64 takes both alphabets, with padding or without: browsers differ.
func unbase64(s string) ([]byte, error) {
	if len(s) > 200 {
		return nil, base64.CorruptInputError(0)
	}
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// notPublic are the ends of names that no push service has.
var notPublic = []string{".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa", ".test", ".invalid", ".example", ".onion"}

func goodEndpoint(s string, local bool) bool {
	if len(s) > maxEndpoint || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"<>\^{}|`+"`", c) }) {
		return false
	}
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Fragment != "" || strings.HasSuffix(s, "#") || u.Opaque != "" || len(u.Path) < 2 {
		return false
	}
	host := strings.ToLower(u.Hostname())
	if ip := net.ParseIP(host); host == "localhost" || ip != nil {
		return local && (host == "localhost" || ip.IsLoopback()) && (u.Scheme == "https" || u.Scheme == "http")
	}
	if u.Scheme != "https" || u.Port() != "" && u.Port() != "443" || !strings.Contains(strings.Trim(host, "."), ".") || len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	if last := host[strings.LastIndex(strings.TrimSuffix(host, "."), ".")+1:]; strings.Trim(last, "0123456789.") == "" {
		return false // what some resolvers take for a number
	}
	return !slices.ContainsFunc(notPublic, func(end string) bool { return strings.HasSuffix(strings.TrimSuffix(host, "."), end) })
}

// Devices gives the addresses of [Push] of a contact.
func (c Contact) Devices() (out []Address) {
	for _, a := range c.Addresses {
		if a.Channel == Push {
			out = append(out, a)
		}
	}
	return out
}

// WithDevice gives the contact with one device more, first to be tried; the one that was added longest ago goes when there are more
// than [MaxDevices].
func (c Contact) WithDevice(a Address) Contact {
	devices := slices.DeleteFunc(c.Devices(), func(x Address) bool { return x == a })
	devices = append([]Address{a}, devices...)
	c.Addresses = append(devices[:min(len(devices), MaxDevices)], c.others()...)
	return c
}

// WithoutDevice gives the contact without one device.
func (c Contact) WithoutDevice(a Address) Contact {
	c.Addresses = slices.DeleteFunc(slices.Clone(c.Addresses), func(x Address) bool { return x == a })
	return c
}

// WithDevicesOf gives the contact with the devices of another in place of its own.
func (c Contact) WithDevicesOf(other Contact) Contact {
	c.Addresses = append(other.Devices(), c.others()...)
	return c
}

// WithoutDevices gives the contact without any.
func (c Contact) WithoutDevices() Contact {
	c.Addresses = c.others()
	return c
}

func (c Contact) others() (out []Address) {
	for _, a := range c.Addresses {
		if a.Channel != Push {
			out = append(out, a)
		}
	}
	return out
}
