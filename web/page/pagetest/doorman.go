package pagetest

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/web/signin"
)

// Doorman is a SignIn that knows two people, by their tokens "token" and "other".
type Doorman struct {
	Session person.Session
	Fail    bool
	Fresh   bool // what Begin was last told
}

func (d *Doorman) Providers() []signin.Provider {
	return []signin.Provider{
		{ID: "demo", Name: programme.Text{KO: "간편인증(시험용)", EN: "Demo sign-in"}},
		{ID: "work", Name: programme.Text{KO: "직원", EN: "Staff"}, Staff: true},
		{ID: "gov", Name: programme.Text{KO: "공동인증서", EN: "Joint certificate"}},
	}
}

func (d *Doorman) Begin(_ context.Context, provider, returnTo string, fresh bool) (string, string, error) {
	if d.Fail {
		return "", "", errors.New("provider is down")
	}
	d.Fresh = fresh
	return "https://id.example/authorize?p=" + provider, "state|" + returnTo, nil
}

func (d *Doorman) Finish(_ context.Context, state string, q url.Values) (string, string, error) {
	_, back, ok := strings.Cut(state, "|")
	if !ok || q.Get("code") == "" {
		return "", back, errors.New("bad code")
	}
	switch q.Get("code") {
	case "other", "clerk", "office", "auditor", "nurse":
		return q.Get("code"), back, nil
	case "one-factor":
		return "", back, person.ErrSecondFactor
	case "no-role":
		return "", back, person.ErrNoStaffRole
	}
	return "token", back, nil
}

func (d *Doorman) Verify(token string) (person.Session, error) {
	s := d.Session
	switch token {
	case "token":
	case "logistics", "manager":
		s.Key, s.Born, s.Roles = person.Key{201, 15: 1}, 0, person.RolesOf(person.Logistics)
		if token == "manager" {
			s.Key, s.Roles = person.Key{202, 15: 1}, person.RolesOf(person.Manager)
		}
	case "clerk", "office", "auditor", "nurse", "boss", "operator":
		s.Key, s.Born, s.Roles = person.Key{7}, 0, map[string]person.Roles{
			"clerk": person.RolesOf(person.CallDesk, person.Auditor), "office": person.RolesOf(person.Office), "auditor": person.RolesOf(person.Auditor),
			"nurse": person.RolesOf(person.Clinic, person.Office), "manager": person.RolesOf(person.Manager), "boss": person.RolesOf(person.Manager), "operator": person.RolesOf(person.Operator),
		}[token]
		if token == "boss" {
			s.Key = person.Key{20}
		}
	case "other":
		s.Key = person.Key{9}
	default:
		return person.Session{}, errors.New("bad token")
	}
	return s, nil
}

func (d *Doorman) OpenName(token string) (string, error) {
	s, err := d.Verify(token)
	return s.Name, err
}

func NewDoorman(now time.Time) *Doorman {
	return &Doorman{Session: person.Session{
		Key: person.Key{1}, Born: civil.New(1964, 3, 9), Name: "김영숙", SignedInAt: now.Add(-time.Hour), ExpiresAt: now.Add(12 * time.Hour),
	}}
}
