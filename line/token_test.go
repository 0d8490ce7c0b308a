package line_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/internal/seal"
	"charye/line"
	"charye/person"
)

// vectorKeys are keys whose bytes are 0, 1, 2 … so that the vectors below stay true.
func vectorKeys(t testing.TB) *seal.Keys {
	t.Helper()
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = byte(i)
	}
	set := func(kind string, proto []byte) json.RawMessage {
		return json.RawMessage(`{"primaryKeyId":7,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.` + kind +
			`","value":"` + base64.StdEncoding.EncodeToString(append(proto, secret...)) +
			`","keyMaterialType":"SYMMETRIC"},"status":"ENABLED","keyId":7,"outputPrefixType":"RAW"}]}`)
	}
	prf := set("HmacPrfKey", []byte{0x12, 2, 8, 3, 0x1a, 32})
	b, err := json.Marshal(map[string]any{"version": 1, "names": prf, "tokens": prf, "fields": set("AesGcmKey", []byte{0x1a, 32})})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := seal.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ephemeral(t testing.TB) *seal.Keys {
	t.Helper()
	k, err := seal.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var (
	someKey    = person.Key{0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f}
	someDevice = line.Device{0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f}
	someTicket = line.Ticket{Campaign: 1, Person: someKey, Seq: 2, Number: 3, IssuedAt: time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)}
	somePass   = line.Pass{Campaign: 1, Person: someKey, Device: someDevice, Serial: 4, ExpiresAt: time.Date(2021, 7, 12, 11, 10, 0, 0, time.UTC)}
)

// The vectors fix the form: what was once handed out must be read by every later version.
const (
	ticketVector = "AQAAAAcAAAABEBESExQVFhcYGRobHB0eHwAAAAIAAAADAAAAAGDsILDuLQ5_3Hk_3pm_UfKsWtxI"
	passVector   = "AQAAAAcAAAABEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8AAAAAAAAABAAAAABg7CMItclKHlApFqxtMjOyPAPazQ"
	nameVector   = "MlinCU5u9mg_UjtLgeYh7Q"
)

func TestVectors(t *testing.T) {
	t.Parallel()
	k := vectorKeys(t)
	tickets, passes := line.NewTickets(k), line.NewPasses(k)
	if got := tickets.Encode(someTicket); got != ticketVector {
		t.Errorf("ticket is %s", got)
	}
	if got := passes.Encode(somePass); got != passVector {
		t.Errorf("pass is %s", got)
	}
	if got, err := tickets.Parse(ticketVector); err != nil || got != someTicket {
		t.Errorf("the ticket reads %+v, %v", got, err)
	}
	if got, err := passes.Parse(passVector, someTicket.IssuedAt); err != nil || got != somePass {
		t.Errorf("the pass reads %+v, %v", got, err)
	}
	name := line.NewPseudonyms(k).Of(1, someKey)
	if got := base64.RawURLEncoding.EncodeToString(name[:]); got != nameVector {
		t.Errorf("the pseudonym is %s", got)
	}
}

// The layout by hand, from the comment that specifies it and the tagger alone.
func TestLayout(t *testing.T) {
	t.Parallel()
	k := ephemeral(t)
	byHand := func(purpose string, fields ...any) string {
		tagger := k.Tagger(purpose)
		b := binary.BigEndian.AppendUint32([]byte{1}, tagger.Signer().KeyID())
		for _, f := range fields {
			b, _ = binary.Append(b, binary.BigEndian, f)
		}
		tag := tagger.Signer().Tag(b)
		return base64.RawURLEncoding.EncodeToString(append(b, tag[:]...))
	}
	tk, p := someTicket, somePass
	if got, want := line.NewTickets(k).Encode(tk), byHand("ticket", tk.Campaign, tk.Person, tk.Seq, tk.Number, tk.IssuedAt.Unix()); got != want || len(got) != 76 {
		t.Errorf("ticket %s, by hand %s", got, want)
	}
	if got, want := line.NewPasses(k).Encode(p), byHand("pass", p.Campaign, p.Person, p.Device, p.Serial, p.ExpiresAt.Unix()); got != want || len(got) != 98 {
		t.Errorf("pass %s, by hand %s", got, want)
	}
}

func TestTokensComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	k := ephemeral(t)
	tickets, passes := line.NewTickets(k), line.NewPasses(k)
	rapid.Check(t, func(t *rapid.T) {
		key := person.Key(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "key"))
		at := time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "at"), 0).UTC()
		tk := line.Ticket{
			Campaign: rapid.Uint32().Draw(t, "campaign"), Person: key,
			Seq: rapid.Uint32().Draw(t, "seq"), Number: rapid.Uint32().Draw(t, "number"), IssuedAt: at,
		}
		if got, err := tickets.Parse(tickets.Encode(tk)); err != nil || got != tk {
			t.Fatalf("%+v came back as %+v, %v", tk, got, err)
		}
		p := line.Pass{
			Campaign: tk.Campaign, Person: key, Device: line.Device(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "device")),
			Serial: rapid.Uint64().Draw(t, "serial"), ExpiresAt: at,
		}
		if got, err := passes.Parse(passes.Encode(p), at.Add(-1)); err != nil || got != p {
			t.Fatalf("%+v came back as %+v, %v", p, got, err)
		}
		if got, err := passes.Parse(passes.Encode(p), at); !errors.Is(err, line.ErrPassExpired) || !errors.Is(err, line.ErrNoPass) || got != p {
			t.Fatalf("at its expiry: %+v, %v", got, err)
		}
	})
}

// Any other text than the one that was written is refused: every single-character change, addition and cut.
func TestTokensAreNotMalleable(t *testing.T) {
	t.Parallel()
	k := ephemeral(t)
	tickets, passes := line.NewTickets(k), line.NewPasses(k)
	now := someTicket.IssuedAt
	for name, c := range map[string]struct {
		text  string
		parse func(string) error
		bad   error
	}{
		"ticket": {tickets.Encode(someTicket), func(s string) error { _, err := tickets.Parse(s); return err }, line.ErrBadTicket},
		"pass":   {passes.Encode(somePass), func(s string) error { _, err := passes.Parse(s, now); return err }, line.ErrBadPass},
	} {
		if err := c.parse(c.text); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var others []string
		for i := range c.text {
			for b := range 256 {
				if byte(b) != c.text[i] {
					others = append(others, c.text[:i]+string([]byte{byte(b)})+c.text[i+1:])
				}
			}
			others = append(others, c.text[:i], c.text[:i]+c.text[i+1:], c.text[:i]+"\n"+c.text[i:], c.text[:i]+"\r\n"+c.text[i+1:])
		}
		others = append(others, c.text+"=", c.text+"==", c.text+"A", c.text+"\n", " "+c.text, strings.ToLower(c.text), c.text+c.text, "")
		for _, o := range others {
			if err := c.parse(o); !errors.Is(err, c.bad) {
				t.Fatalf("%s: %q gave %v", name, o, err)
			}
		}
	}
	// One purpose's token is nothing to the other, and another installation's is nothing at all.
	for _, s := range []string{passes.Encode(somePass), line.NewTickets(ephemeral(t)).Encode(someTicket)} {
		if _, err := tickets.Parse(s); !errors.Is(err, line.ErrBadTicket) {
			t.Errorf("a foreign token read as a ticket: %v", err)
		}
	}
}

func FuzzTicket(f *testing.F) {
	c := line.NewTickets(vectorKeys(f))
	f.Add(ticketVector)
	f.Add(passVector)
	f.Add("")
	f.Add(ticketVector[:75] + "\n")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := c.Parse(s)
		if err != nil {
			if !errors.Is(err, line.ErrBadTicket) || got != (line.Ticket{}) {
				t.Fatalf("%q: %+v, %v", s, got, err)
			}
			return
		}
		if again := c.Encode(got); again != s {
			t.Fatalf("%q was read, but is written %q", s, again)
		}
	})
}

func FuzzPass(f *testing.F) {
	c := line.NewPasses(vectorKeys(f))
	f.Add(passVector, int64(0))
	f.Add(ticketVector, int64(0))
	f.Add("", somePass.ExpiresAt.Unix())
	f.Add(passVector[:97]+"\n", int64(1)<<60)
	f.Add(passVector, somePass.ExpiresAt.Unix())
	f.Fuzz(func(t *testing.T, s string, at int64) {
		now := time.Unix(at, 0)
		got, err := c.Parse(s, now)
		switch {
		case errors.Is(err, line.ErrBadPass):
			if got != (line.Pass{}) {
				t.Fatalf("%q: a bad pass gave %+v", s, got)
			}
			return
		case err == nil && !now.Before(got.ExpiresAt), errors.Is(err, line.ErrPassExpired) && now.Before(got.ExpiresAt):
			t.Fatalf("%q at %v expires at %v: %v", s, now, got.ExpiresAt, err)
		}
		if again := c.Encode(got); again != s {
			t.Fatalf("%q was read, but is written %q", s, again)
		}
	})
}

func TestPseudonyms(t *testing.T) {
	t.Parallel()
	k := ephemeral(t)
	a, b := line.NewPseudonyms(k), line.NewPseudonyms(k)
	if first := a.Of(1, someKey); first != b.Of(1, someKey) || first != a.Of(1, someKey) {
		t.Error("a pseudonym changed under the same keys")
	}
	other := someKey
	other[15]++
	seen := map[[16]byte]string{}
	for name, p := range map[string][16]byte{
		"campaign 1": a.Of(1, someKey), "campaign 2": a.Of(2, someKey), "another person": a.Of(1, other),
		"another installation": line.NewPseudonyms(ephemeral(t)).Of(1, someKey), "the key itself": someKey,
	} {
		if before, ok := seen[p]; ok {
			t.Errorf("%s and %s have the same pseudonym", name, before)
		}
		seen[p] = name
	}
}

func TestTokensDoNotAllocate(t *testing.T) {
	k := ephemeral(t)
	tickets, passes, names := line.NewTickets(k), line.NewPasses(k), line.NewPseudonyms(k)
	ticket, pass := tickets.Encode(someTicket), passes.Encode(somePass)
	buf := make([]byte, 0, 128)
	got := map[string]float64{}
	for name, f := range map[string]func(){
		"write ticket": func() { buf = tickets.Append(buf[:0], someTicket) },
		"read ticket":  func() { _, _ = tickets.Parse(ticket) },
		"write pass":   func() { buf = passes.Append(buf[:0], somePass) },
		"read pass":    func() { _, _ = passes.Parse(pass, someTicket.IssuedAt) },
		"pseudonym":    func() { _ = names.Of(1, someKey) },
	} {
		// Pools may lose what they hold to a collection, and lose some on purpose under the race detector.
		if n := testing.AllocsPerRun(1000, f); n >= 1 && !raceEnabled {
			got[name] = n
		}
	}
	if diff := cmp.Diff(map[string]float64{}, got); diff != "" {
		t.Errorf("allocations:\n%s", diff)
	}
}

func BenchmarkTicket(b *testing.B) {
	c := line.NewTickets(ephemeral(b))
	text := c.Encode(someTicket)
	buf := make([]byte, 0, 128)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = c.Append(buf[:0], someTicket)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Parse(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPass(b *testing.B) {
	c := line.NewPasses(ephemeral(b))
	text := c.Encode(somePass)
	buf := make([]byte, 0, 128)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = c.Append(buf[:0], somePass)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Parse(text, someTicket.IssuedAt); err != nil {
				b.Fatal(err)
			}
		}
	})
}
