package person_test

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"

	"charye/person"
)

// TestAnswerOfAnotherProvider carries answers across: a sign-in begun at one provider is finished with the answer of another.
func TestAnswerOfAnotherProvider(t *testing.T) {
	t.Parallel()
	a, b := twoProviders(t)
	toA, stateA, err := a.ps.Begin(t.Context(), "a", "/", a.now)
	if err != nil {
		t.Fatal(err)
	}
	toB, _, err := a.ps.Begin(t.Context(), "b", "/", a.now)
	if err != nil {
		t.Fatal(err)
	}
	uA, err := url.Parse(toA)
	if err != nil {
		t.Fatal(err)
	}
	queryB := atProvider(t, b.op, toB, visitor)
	if _, _, err := a.ps.Finish(t.Context(), stateA, queryB, a.now); !errors.Is(err, person.ErrSignInState) {
		t.Errorf("answer of another sign-in: %v", err)
	}
	queryB.Set("state", uA.Query().Get("state"))
	if _, _, err := a.ps.Finish(t.Context(), stateA, queryB, a.now); !errors.Is(err, person.ErrSignInState) {
		t.Errorf("answer of another provider with our state: %v", err)
	}
	queryB.Set("iss", a.op.Issuer())
	if _, _, err := a.ps.Finish(t.Context(), stateA, queryB, a.now); !errors.Is(err, person.ErrSignInRefused) {
		t.Errorf("another provider's code: %v", err)
	}
}

func TestStateAttacks(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	redirect, state := s.begin()
	query := atProvider(t, s.op, redirect, visitor)
	with := func(change func(url.Values)) url.Values {
		q := url.Values{}
		for k, v := range query {
			q[k] = append([]string(nil), v...)
		}
		change(q)
		return q
	}
	raw, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	_, otherState := s.begin()
	strange := newStage(t, nil)
	_, strangeState := strange.begin()
	for name, c := range map[string]struct {
		state string
		query url.Values
		want  error
	}{
		"no cookie":              {"", query, person.ErrSignInState},
		"made-up cookie":         {"AAAA", query, person.ErrSignInState},
		"changed cookie":         {base64.RawURLEncoding.EncodeToString(raw), query, person.ErrSignInState},
		"padded cookie":          {state + "=", query, person.ErrSignInState},
		"long cookie":            {strings.Repeat("A", 1<<20), query, person.ErrSignInState},
		"cookie of another":      {otherState, query, person.ErrSignInState},
		"another installation's": {strangeState, query, person.ErrSignInState},
		"no query":               {state, nil, person.ErrSignInState},
		"no state":               {state, with(func(q url.Values) { q.Del("state") }), person.ErrSignInState},
		"empty state":            {state, with(func(q url.Values) { q.Set("state", "") }), person.ErrSignInState},
		"two states":             {state, with(func(q url.Values) { q.Add("state", q.Get("state")) }), person.ErrSignInState},
		"two issuers":            {state, with(func(q url.Values) { q.Add("iss", q.Get("iss")) }), person.ErrSignInState},
		"no code":                {state, with(func(q url.Values) { q.Del("code") }), person.ErrSignInRefused},
		"two codes":              {state, with(func(q url.Values) { q.Add("code", q.Get("code")) }), person.ErrSignInRefused},
		"made-up code":           {state, with(func(q url.Values) { q.Set("code", "x") }), person.ErrSignInRefused},
		"long code":              {state, with(func(q url.Values) { q.Set("code", strings.Repeat("x", 5000)) }), person.ErrSignInRefused},
		"error and code":         {state, with(func(q url.Values) { q.Set("error", "access_denied") }), person.ErrSignInRefused},
		"provider is busy":       {state, with(func(q url.Values) { q.Set("error", "temporarily_unavailable") }), person.ErrProviderDown},
	} {
		if got, _, err := s.ps.Finish(t.Context(), c.state, c.query, s.now); !errors.Is(err, c.want) || got != (person.Session{}) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
	// None of these used up the honest answer; it is good until the last second, and not longer.
	if _, _, err := s.ps.Finish(t.Context(), state, query, signedIn.Add(person.SignInTime)); !errors.Is(err, person.ErrSignInExpired) {
		t.Errorf("after ten minutes: %v", err)
	}
	if _, _, err := s.ps.Finish(t.Context(), state, query, s.now); err != nil {
		t.Errorf("the honest answer: %v", err)
	}
}
