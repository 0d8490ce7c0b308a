package person_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/person"
	"charye/person/oidctest"
)

func staffSession() person.Session {
	return person.Session{
		Key: person.Key{7, 15: 1}, Name: "나상담", SignedInAt: signedIn, ExpiresAt: signedIn.Add(person.StaffSessionLife),
		Roles: person.RolesOf(person.CallDesk, person.Auditor), Unit: [16]byte{3},
	}
}

func TestStaffSession(t *testing.T) {
	t.Parallel()
	ss := person.NewSessions(testKeys(t))
	rapid.Check(t, func(rt *rapid.T) {
		want := staffSession()
		want.Roles = person.RolesOf(rapid.SliceOfN(rapid.SampledFrom(person.AllRoles()), 1, 7).Draw(rt, "roles")...)
		want.Unit = [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "unit"))
		token, err := ss.Issue(want)
		if err != nil {
			rt.Fatal(err)
		}
		if len(token) != person.StaffTokenLen {
			rt.Fatalf("%d characters", len(token))
		}
		got, err := ss.Verify(token, signedIn)
		if err != nil {
			rt.Fatal(err)
		}
		if got.Name, err = ss.OpenName(token); err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatal(d)
		}
	})
	token := issue(t, ss, staffSession())
	if _, err := ss.Verify(token, signedIn.Add(person.StaffSessionLife)); !errors.Is(err, person.ErrSessionExpired) {
		t.Errorf("after a shift: %v", err)
	}
	for name, change := range map[string]func(*person.Session){
		"longer than a shift":    func(s *person.Session) { s.ExpiresAt = s.ExpiresAt.Add(time.Second) },
		"a role that is none":    func(s *person.Session) { s.Roles |= 1 },
		"a role of tomorrow":     func(s *person.Session) { s.Roles |= 1 << 15 },
		"a citizen with a place": func(s *person.Session) { s.Roles = 0 },
	} {
		s := staffSession()
		change(&s)
		if _, err := ss.Issue(s); err == nil {
			t.Errorf("%s: issued", name)
		}
	}
}

// TestForgedRoles: no bit of a token of staff can be changed, and a citizen's cannot be made into one.
func TestForgedRoles(t *testing.T) {
	t.Parallel()
	ss := person.NewSessions(testKeys(t))
	token := issue(t, ss, staffSession())
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		if s, err := ss.Verify(base64.RawURLEncoding.EncodeToString(b), signedIn); !errors.Is(err, person.ErrSession) || s != (person.Session{}) {
			t.Errorf("%s: %v, %v", what, s.Roles, err)
		}
	}
	for bit := range len(raw) * 8 {
		raw[bit/8] ^= 1 << (bit % 8)
		refused("flipped bit", raw)
		raw[bit/8] ^= 1 << (bit % 8)
	}
	citizen, err := base64.RawURLEncoding.DecodeString(issue(t, ss, someSession()))
	if err != nil {
		t.Fatal(err)
	}
	grown := slices.Concat([]byte{2}, citizen[1:41], binary.BigEndian.AppendUint16(nil, uint16(person.RolesOf(person.Operator))), make([]byte, 16), citizen[41:])
	refused("roles put into a citizen's", grown)
	shrunk := slices.Concat([]byte{1}, raw[1:41], raw[59:])
	refused("roles taken out", shrunk)
	grown[0], citizen[0] = 1, 2
	refused("another version", grown)
	refused("another version", citizen)
}

func staffStage(t *testing.T, change func(*person.Provider)) *stage {
	t.Helper()
	return newStage(t, func(p *person.Provider, o *oidctest.Options) {
		p.SubjectClaim, p.Namespace = "sub", ""
		p.Staff = &person.StaffRules{
			RolesClaim: "roles", UnitClaim: "unit", AMR: []string{"mfa", "hwk"},
			Roles: map[string]person.Role{"nip-call-centre": person.CallDesk, "town-hall": person.Office},
		}
		if change != nil {
			change(p)
		}
		o.Clients[0].Staff = []string{"nip-call-centre", "town-hall", "gardener"}
	})
}

func (s *stage) staffSignsIn(roles []string, unit string, factor bool) (person.Session, string, error) {
	s.Helper()
	redirect, state := s.begin()
	u, err := url.Parse(redirect)
	if err != nil || u.Query().Get("prompt") != "login" || u.Query().Get("max_age") != "0" {
		s.Errorf("staff are not asked anew: %s", redirect)
	}
	f := oidctest.Fields{Name: "나상담", Roles: roles, Unit: unit, Factor: factor}
	return s.ps.Finish(s.Context(), state, filledIn(s.T, s.op, redirect, f), s.now)
}

func TestStaffSignIn(t *testing.T) {
	t.Parallel()
	s := staffStage(t, nil)
	got, back, err := s.staffSignsIn([]string{"nip-call-centre", "gardener", "town-hall"}, "종로구청", true)
	if err != nil {
		t.Fatal(err)
	}
	if got.Roles != person.RolesOf(person.CallDesk, person.Office) || got.Born != 0 || got.Name != "나상담" || back != "/ko/campaigns?x=1" {
		t.Errorf("signed in as %+v with %s, back to %s", got, got.Roles, back)
	}
	if life := got.ExpiresAt.Sub(got.SignedInAt); life != person.StaffSessionLife {
		t.Errorf("the session lasts %v", life)
	}
	if _, err := person.NewSessions(testKeys(t)).Issue(got); err != nil {
		t.Errorf("the session cannot be issued: %v", err)
	}
	if citizen := s.keyer.Key("https://id.example/idp", "staff-"+(oidctest.Visitor{Name: "나상담"}).Sub("https://id.example/idp")); got.Key == citizen {
		t.Error("the same subject is the same person as a citizen")
	}
	elsewhere, _, err := s.staffSignsIn([]string{"town-hall"}, "강남구청", true)
	if err != nil || elsewhere.Key != got.Key || elsewhere.Unit == got.Unit || elsewhere.Unit == ([16]byte{}) {
		t.Errorf("at another office: %+v, %v", elsewhere, err)
	}
	if s.keyer.Desk(person.Office, got.Unit) == s.keyer.Desk(person.Office, elsewhere.Unit) || s.keyer.Desk(person.Office, got.Unit) == s.keyer.Desk(person.CallDesk, got.Unit) {
		t.Error("two desks have one key")
	}
	if nowhere, _, err := s.staffSignsIn([]string{"nip-call-centre"}, "", true); err != nil || nowhere.Unit != ([16]byte{}) {
		t.Errorf("without a unit: %+v, %v", nowhere, err)
	}
}

func TestStaffRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*person.Provider)
		fault  oidctest.Fault
		roles  []string
		factor bool
		want   error
	}{
		"no second factor":            {roles: []string{"town-hall"}, want: person.ErrSecondFactor},
		"another factor than wanted":  {change: func(p *person.Provider) { p.Staff.AMR = []string{"hwk"} }, roles: []string{"town-hall"}, factor: true, want: person.ErrSecondFactor},
		"a level that is not told":    {change: func(p *person.Provider) { p.Staff.AMR, p.Staff.ACR = nil, []string{"loa3"} }, roles: []string{"town-hall"}, factor: true, want: person.ErrSecondFactor},
		"no role that is known":       {roles: []string{"gardener"}, factor: true, want: person.ErrNoStaffRole},
		"no roles":                    {change: func(p *person.Provider) { p.Staff.RolesClaim = "groups" }, roles: []string{"town-hall"}, factor: true, want: person.ErrNoStaffRole},
		"a sign-in of an hour ago":    {fault: oidctest.StaleAuth, roles: []string{"town-hall"}, factor: true, want: person.ErrProviderAnswer},
		"a token that is not genuine": {fault: oidctest.UnknownKid, roles: []string{"town-hall"}, factor: true, want: person.ErrProviderAnswer},
		"a unit from another claim":   {change: func(p *person.Provider) { p.Staff.UnitClaim = "name" }, roles: []string{"town-hall"}, factor: true},
		"no unit at all":              {change: func(p *person.Provider) { p.Staff.UnitClaim = "" }, roles: []string{"town-hall"}, factor: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := staffStage(t, c.change)
			s.op.Misbehave.Set(c.fault)
			got, back, err := s.staffSignsIn(c.roles, "종로", c.factor)
			if !errors.Is(err, c.want) || c.want != nil && (got != (person.Session{}) || back != "/ko/campaigns?x=1") {
				t.Errorf("Finish = %+v, %q, %v; want %v", got, back, err, c.want)
			}
		})
	}
}

const staffProviders = `providers:
  - id: work
    name: {ko: 직원, en: Staff}
    issuer: https://id.example.go.kr
    clientID: charye-staff
    staff:
      roles: groups
      map: {nip-call-centre: calldesk, town-hall: office}
      unit: department
      amr: [mfa, otp]
`

func TestReadStaffProvider(t *testing.T) {
	t.Parallel()
	got, err := person.ReadProviders("p.yaml", []byte(staffProviders))
	if err != nil {
		t.Fatal(err)
	}
	want := &person.StaffRules{
		RolesClaim: "groups", UnitClaim: "department", AMR: []string{"mfa", "otp"},
		Roles: map[string]person.Role{"nip-call-centre": person.CallDesk, "town-hall": person.Office},
	}
	if d := cmp.Diff(want, got[0].Staff); d != "" {
		t.Error(d)
	}
	for from, c := range map[string]struct{ to, want string }{
		"      roles: groups\n": {"", "p.yaml:7: providers[0].staff.roles: missing; want the claim that names the roles"},
		"town-hall: office":     {"town-hall: mayor", "p.yaml:8: providers[0].staff.map.town-hall: want one of clinic, calldesk, office"},
		"      map: {nip-call-centre: calldesk, town-hall: office}\n": {"", "p.yaml:7: providers[0].staff.map: missing"},
		"      amr: [mfa, otp]\n":                                     {"", "p.yaml:7: providers[0].staff: want either amr or acr"},
		"amr: [mfa, otp]":                                             {"amr: []", "p.yaml:10: providers[0].staff.amr: want a list with at least one value"},
		"unit: department":                                            {"acr: [loa3]", "p.yaml:7: providers[0].staff: want either amr or acr"},
		"      unit: department\n":                                    {"      desk: department\n", "p.yaml:9: providers[0].staff.desk: unknown field"},
	} {
		src := strings.Replace(staffProviders, from, c.to, 1)
		if _, err := person.ReadProviders("p.yaml", []byte(src)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q for %q:\n got %v\nwant %s", c.to, from, err, c.want)
		}
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	for _, r := range person.AllRoles() {
		back, ok := person.ParseRole(r.String())
		if !ok || back != r || !person.RolesOf(r).Has(r) {
			t.Errorf("%v is read as %v, %t", r, back, ok)
		}
	}
	for _, s := range []string{"", "none", "Clinic", "root"} {
		if r, ok := person.ParseRole(s); ok {
			t.Errorf("%q is the role %v", s, r)
		}
	}
	if person.Roles(0xffff).Has(person.NoRole) || person.RolesOf(person.NoRole) != 0 {
		t.Error("no role is a role")
	}
}

// TestTemporaryCode: what is written is read however it is typed, and one wrong symbol, or two that changed places, are noticed.
func TestTemporaryCode(t *testing.T) {
	t.Parallel()
	const symbols = "0123456789ABCDEFGHJKMNPRSTVWXYZ"
	k := person.NewKeyer(testKeys(t))
	seen := map[string]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		code := person.NewTemporaryCode()
		if seen[code] {
			rt.Fatal("one code twice")
		}
		seen[code] = true
		for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), strings.ReplaceAll(code, "-", " "), strings.ReplaceAll(code, "0", "o"), strings.ReplaceAll(code, "1", "l")} {
			if got, looks := person.ParseTemporary(typed); got != code || !looks {
				rt.Fatalf("%q is read as %q, %t; want %q", typed, got, looks, code)
			}
		}
		plain := []byte(strings.ReplaceAll(code, "-", ""))
		at := rapid.IntRange(2, len(plain)-1).Draw(rt, "at")
		wrong := slices.Clone(plain)
		wrong[at] = symbols[(strings.IndexByte(symbols, plain[at])+rapid.IntRange(1, 30).Draw(rt, "by"))%31]
		if got, looks := person.ParseTemporary(string(wrong)); got != "" || !looks {
			rt.Fatalf("%s with a wrong symbol is read as %q, %t", plain, got, looks)
		}
		other := rapid.IntRange(2, len(plain)-1).Draw(rt, "other")
		swapped := slices.Clone(plain)
		swapped[at], swapped[other] = swapped[other], swapped[at]
		if got, _ := person.ParseTemporary(string(swapped)); plain[at] != plain[other] && got != "" {
			rt.Fatalf("%s with two symbols swapped is read as %q", plain, got)
		}
		if k.IdentityIndex(code) != k.IdentityIndex(strings.ToLower(code)) || k.Temporary(code).IsZero() {
			rt.Fatal("one code has two indexes, or nobody")
		}
	})
	for _, s := range []string{"", "XT", "640315-2345678", "M12345678", "XT1234567", "T000001-0000001"} {
		if code, looks := person.ParseTemporary(s); code != "" || looks {
			t.Errorf("%q looks like a code (%q)", s, code)
		}
	}
	a, b := k.Like("김 하나", civil.Date(5)), k.Like("김하나", civil.Date(5))
	if a != b || a == k.Like("김하나", civil.Date(6)) || a == k.Like("김하니", civil.Date(5)) {
		t.Error(fmt.Sprint("likeness: ", a, b))
	}
}

func FuzzParseTemporary(f *testing.F) {
	f.Add("XT-7K2M-9RPA-4D8W-HR3C")
	f.Add(person.NewTemporaryCode())
	f.Add("xt 0000 0000 0000 0000")
	f.Fuzz(func(t *testing.T, s string) {
		code, looks := person.ParseTemporary(s)
		if code == "" {
			return
		}
		if again, _ := person.ParseTemporary(code); again != code || !looks {
			t.Errorf("%q is read as %q, and that as %q", s, code, again)
		}
	})
}
