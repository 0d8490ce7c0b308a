package person_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/internal/seal"
	"charye/person"
)

var signedIn = time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)

func someSession() person.Session {
	return person.Session{
		Key: person.Key{1, 2, 3, 15: 16}, Born: civil.New(1962, time.March, 15), Name: "김하나",
		SignedInAt: signedIn, ExpiresAt: signedIn.Add(time.Hour),
	}
}

func issue(t testing.TB, ss *person.Sessions, s person.Session) string {
	t.Helper()
	token, err := ss.Issue(s)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestSessionRoundTrip(t *testing.T) {
	t.Parallel()
	ss := person.NewSessions(testKeys(t))
	rapid.Check(t, func(rt *rapid.T) {
		want := person.Session{
			Key:        person.Key(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "key")),
			Born:       civil.Date(rapid.Int32Range(-60000, 40000).Draw(rt, "born")),
			Name:       rapid.StringMatching(`[가-힣a-z]{0,31}`).Draw(rt, "name"),
			SignedInAt: time.Unix(rapid.Int64Range(0, 1<<40).Draw(rt, "in"), 0).UTC(),
		}
		want.Key[0] |= 1
		want.ExpiresAt = want.SignedInAt.Add(time.Duration(rapid.Int64Range(1, 1<<30).Draw(rt, "life")) * time.Second)
		token, err := ss.Issue(want)
		if err != nil {
			rt.Fatal(err)
		}
		if len(token) != person.SessionTokenLen {
			rt.Fatalf("%d characters", len(token))
		}
		got, err := ss.Verify(token, want.ExpiresAt.Add(-time.Nanosecond))
		if err != nil {
			rt.Fatal(err)
		}
		if got.Name, err = ss.OpenName(token); err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatal(d)
		}
		if _, err := ss.Verify(token, want.ExpiresAt); !errors.Is(err, person.ErrSessionExpired) {
			rt.Fatalf("at its expiry: %v", err)
		}
	})
}

func TestSessionNames(t *testing.T) {
	t.Parallel()
	ss := person.NewSessions(testKeys(t))
	for in, want := range map[string]string{
		"": "", " 김하나 ": "김하나", "a\x00b\nc\u202ed": "abcd", "bad\xffbyte": "badbyte",
		strings.Repeat("가", 31):         strings.Repeat("가", 31),
		strings.Repeat("가", 32):         strings.Repeat("가", 31),
		strings.Repeat("가", 31) + "ab":  strings.Repeat("가", 31) + "ab",
		strings.Repeat("가", 31) + "abc": strings.Repeat("가", 31) + "ab",
		"x" + strings.Repeat("가", 40):   "x" + strings.Repeat("가", 31),
	} {
		s := someSession()
		s.Name = in
		token := issue(t, ss, s)
		if got, err := ss.OpenName(token); err != nil || got != want {
			t.Errorf("name %q came back as %q, %v; want %q", in, got, err, want)
		}
		if len(token) != person.SessionTokenLen {
			t.Errorf("the length %d tells of the name %q", len(token), in)
		}
	}
}

func TestSessionsThatCannotBe(t *testing.T) {
	t.Parallel()
	ss := person.NewSessions(testKeys(t))
	for name, change := range map[string]func(*person.Session){
		"nobody":              func(s *person.Session) { s.Key = person.Key{} },
		"parts of a second":   func(s *person.Session) { s.SignedInAt = s.SignedInAt.Add(1) },
		"parts at the end":    func(s *person.Session) { s.ExpiresAt = s.ExpiresAt.Add(time.Millisecond) },
		"no time":             func(s *person.Session) { s.ExpiresAt = s.SignedInAt },
		"end before its sign": func(s *person.Session) { s.ExpiresAt = s.SignedInAt.Add(-time.Hour) },
	} {
		s := someSession()
		change(&s)
		if token, err := ss.Issue(s); err == nil {
			t.Errorf("%s: issued %s", name, token)
		}
	}
}

// TestSessionAttacks tries what somebody can do with a token of their own and knowledge of the layout.
func TestSessionAttacks(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	ss := person.NewSessions(keys)
	s := someSession()
	token := issue(t, ss, s)
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what, token string) {
		t.Helper()
		if got, err := ss.Verify(token, signedIn); !errors.Is(err, person.ErrSession) || got != (person.Session{}) {
			t.Errorf("%s: Verify = %v, %v", what, got, err)
		}
		if _, err := ss.OpenName(token); !errors.Is(err, person.ErrSession) {
			t.Errorf("%s: OpenName: %v", what, err)
		}
	}
	for bit := range len(raw) * 8 {
		raw[bit/8] ^= 1 << (bit % 8)
		refused("flipped bit", base64.RawURLEncoding.EncodeToString(raw))
		raw[bit/8] ^= 1 << (bit % 8)
	}
	other := s
	other.Key = person.Key{9}
	raw2, err := base64.RawURLEncoding.DecodeString(issue(t, ss, other))
	if err != nil {
		t.Fatal(err)
	}
	for cut := 6; cut < len(raw); cut += 5 {
		refused("head of one, tail of another", base64.RawURLEncoding.EncodeToString(append(append([]byte(nil), raw[:cut]...), raw2[cut:]...)))
	}
	for what, token := range map[string]string{
		"empty":              "",
		"zeros":              strings.Repeat("A", person.SessionTokenLen),
		"cut":                token[:len(token)-1],
		"cut by a group":     token[:len(token)-4],
		"longer":             token + "A",
		"padded":             token + "=",
		"line break inside":  token[:100] + "\n" + token[100:],
		"line break for one": token[:100] + "\n" + token[101:],
		"breaks for a group": token[:100] + "\r\n\r\n" + token[104:],
		"break at the end":   token[:len(token)-1] + "\n",
		"space":              " " + token[1:],
		"std alphabet":       strings.NewReplacer("-", "+", "_", "/").Replace(token[:person.SessionTokenLen-2]) + "+/",
		"not ASCII":          token[:person.SessionTokenLen-3] + "가",
		"very long":          strings.Repeat(token, 1000),
	} {
		refused(what, token)
	}

	stranger := issue(t, person.NewSessions(testKeys(t)), s)
	refused("another installation's", stranger)
	strangerRaw, err := base64.RawURLEncoding.DecodeString(stranger)
	if err != nil {
		t.Fatal(err)
	}
	copy(strangerRaw[1:5], raw[1:5])
	refused("another installation's with our key id", base64.RawURLEncoding.EncodeToString(strangerRaw))

	wrongPurpose := keys.Tagger("ticket")
	tag := wrongPurpose.Signer().Tag(raw[:len(raw)-seal.TagSize])
	refused("tagged for another purpose", base64.RawURLEncoding.EncodeToString(append(append([]byte(nil), raw[:len(raw)-seal.TagSize]...), tag[:]...)))

	// A bad token that is also expired is bad: only holders of a genuine one learn of its expiry.
	raw[len(raw)-1] ^= 1
	if _, err := ss.Verify(base64.RawURLEncoding.EncodeToString(raw), s.ExpiresAt.Add(time.Hour)); !errors.Is(err, person.ErrSession) {
		t.Errorf("bad and expired: %v", err)
	}
}

// TestSessionVectors pins the layout: tokens issued by earlier versions stay valid. The keys stand in the file.
func TestSessionVectors(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("testdata/session-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Keys    json.RawMessage
		Vectors []struct {
			Token, Key, Name      string
			Born                  civil.Date
			SignedInAt, ExpiresAt time.Time
		}
	}
	if err := json.Unmarshal(src, &f); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(path, f.Keys, 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	ss := person.NewSessions(keys)
	if len(f.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range f.Vectors {
		got, err := ss.Verify(v.Token, v.SignedInAt)
		if err != nil {
			t.Fatal(err)
		}
		name, err := ss.OpenName(v.Token)
		if err != nil {
			t.Fatal(err)
		}
		if got.Key.String() != v.Key || got.Born != v.Born || !got.SignedInAt.Equal(v.SignedInAt) || !got.ExpiresAt.Equal(v.ExpiresAt) || name != v.Name {
			t.Errorf("vector %+v read as %+v, name %q", v, got, name)
		}
	}
}

func TestSessionsTogether(t *testing.T) {
	t.Parallel()
	ss := person.NewSessions(testKeys(t))
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			s := someSession()
			s.Key[3] = byte(n)
			token, err := ss.Issue(s)
			for range 300 {
				got, verr := ss.Verify(token, signedIn)
				if err != nil || verr != nil || got.Key != s.Key {
					t.Errorf("Verify = %v, %v, %v", got, err, verr)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestVerifyDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget on purpose")
	}
	ss := person.NewSessions(testKeys(t))
	token := issue(t, ss, someSession())
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := ss.Verify(token, signedIn); err != nil {
			t.Fatal(err)
		}
	}); n >= 1 { // less than one: the garbage collector may empty the pool of hash states
		t.Errorf("%v allocations", n)
	}
}

// FuzzSession: a string that verifies is the very one that was issued.
func FuzzSession(f *testing.F) {
	ss := person.NewSessions(testKeys(f))
	token := issue(f, ss, someSession())
	staff := issue(f, ss, staffSession())
	f.Add(token)
	f.Add(staff)
	f.Add(staff[:271] + "\n")
	f.Add(staff[:person.SessionTokenLen])
	f.Add(token + strings.Repeat("A", person.StaffTokenLen-person.SessionTokenLen))
	f.Add(token + "=")
	f.Add(token[:247] + "\n")
	f.Add(strings.ToLower(token))
	f.Add("")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := ss.Verify(in, signedIn)
		if err == nil && in != token && in != staff {
			t.Errorf("forged: %q", in)
		}
		if err != nil && got != (person.Session{}) {
			t.Error("a refused token gives a session")
		}
		// Whatever decodes as base64 of the right size prints as it was read: no two strings stand for the same bytes.
		raw, err := base64.RawURLEncoding.Strict().DecodeString(in)
		if err == nil && (len(in) == person.SessionTokenLen && len(raw) == 186 || len(in) == person.StaffTokenLen && len(raw) == 204) {
			if base64.RawURLEncoding.EncodeToString(raw) != in {
				t.Errorf("malleable: %q", in)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	ss := person.NewSessions(testKeys(b))
	token := issue(b, ss, someSession())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ss.Verify(token, signedIn); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIssue(b *testing.B) {
	ss := person.NewSessions(testKeys(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ss.Issue(someSession()); err != nil {
			b.Fatal(err)
		}
	}
}
