package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"charye/api"
	"charye/internal/load"
	"charye/internal/ratelimit"
	"charye/internal/telemetry"
	"charye/person"
	"charye/person/oidctest"
	"charye/programme"
	"charye/walk"
	"charye/walk/held"
	"charye/web"
)

// trialProvider is the id and the path of the made-up identity provider of trial programmes.
const (
	trialProvider     = "trial"
	trialStaff        = "trial-staff"
	trialProviderPath = "/demo-idp"
	callbackPath      = "/sign-in/callback"
)

// wire joins the walk to its faces.
func (s *server) wire(configured identityProviders) error {
	var trial *oidctest.Provider
	var client *http.Client
	if s.programme.Trial {
		issuer := s.url + trialProviderPath
		var err error
		trial, err = oidctest.New(oidctest.Options{
			Issuer: issuer,
			Clients: []oidctest.Client{
				{ID: "charye", RedirectURIs: []string{s.url + callbackPath}, LogoutURIs: []string{s.url + "/"}},
				{ID: trialStaff, RedirectURIs: []string{s.url + callbackPath}, Staff: roleNames()},
			},
		})
		if err != nil {
			return err
		}
		configured.list = append(configured.list, person.Provider{
			ID: trialProvider, NameKO: "시험용 로그인 (가상)", NameEN: "Trial sign-in (made up)",
			Issuer: issuer, ClientID: "charye", SubjectClaim: "ci", Namespace: person.NamespaceCI,
		}, person.Provider{
			ID: trialStaff, NameKO: "시험용 직원 로그인 (가상)", NameEN: "Trial staff sign-in (made up)", Issuer: issuer, ClientID: trialStaff,
			Staff: &person.StaffRules{RolesClaim: "roles", Roles: namedRoles(), UnitClaim: "unit", AMR: []string{"mfa"}},
		})
		// The server need not reach itself by the address that people use.
		client = trial.Client(http.DefaultTransport)
		client.Timeout = 5 * time.Second
	}
	providers, err := person.NewProviders(configured.list, s.keys, person.SignInOptions{
		RedirectURL: s.url + callbackPath, Client: client, Secrets: configured.secrets,
	})
	if err != nil {
		return err
	}
	s.walk.StaffFrom(providers.StaffNamespaces())
	sessions := person.NewSessions(s.keys)
	metrics := telemetry.New()
	metrics.Build(version, s.programme.Trial)
	metrics.WatchLines(s.lineSamples)
	s.gate = load.NewGate(maxConnections, s.reads)
	metrics.WatchBatch("gate", func() int { return s.gate.State().Waiting })
	metrics.WatchBatch("bookings", s.walk.Waiting)
	metrics.WatchBatch("joins", s.joinsWaiting)
	metrics.WatchBatch("passes", s.passesWaiting)

	limits := api.DefaultLimits()
	if s.programme.Trial {
		// A trial's crowd comes from one address; what a single person may ask stays bounded.
		for _, p := range []*api.Pair{&limits.Public, &limits.Poll, &limits.Read, &limits.Join, &limits.Book, &limits.Identity} {
			p.Address = ratelimit.Rate{}
		}
	}
	theAPI := api.New(s.walk, sessions, api.Options{
		Logger: s.log, Metrics: metrics, Ready: s.isReady, Waiting: s.waitsFor, Limits: limits, TrustedProxies: s.proxies, Gate: s.gate,
	})
	pages, err := web.New(s.walk, signIn{providers: providers, sessions: sessions, now: s.walk.Now}, web.Options{
		PublicURL: s.url, Calendar: api.Calendar,
		Export:  func(a walk.Actor, h held.Held) []byte { return api.Export(s.programme, a, h) },
		PushKey: s.pushKey, Log: s.log, Gate: s.gate,
	})
	if err != nil {
		return err
	}
	s.wireCustody(metrics)
	s.http = newHTTPServer(s.route(theAPI, onPublicHost(s.url, pages), trial), s.log)
	s.http.TLSConfig = s.tls
	return nil
}

// route gives each request to the face it is for.
func (s *server) route(theAPI, pages http.Handler, trial *oidctest.Provider) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-s.draining:
			// A request on a connection that is closed as idle would be lost.
			w.Header()["Connection"] = closing
		default:
		}
		switch {
		case api.Owns(r.URL.Path):
			theAPI.ServeHTTP(w, r)
		case s.custodyOwns(r):
			s.custodyFace.ServeHTTP(w, r)
		case trial != nil && strings.HasPrefix(r.URL.Path, trialProviderPath+"/"):
			trial.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

var closing = []string{"close"}

// waitsFor names what waits for people.
func (s *server) waitsFor() []string {
	if s.waiting == nil {
		return nil
	}
	return []string{"programme"}
}

// isReady reports whether this server should get requests: not while it drains, and only when its stores answer.
func (s *server) isReady(ctx context.Context) error {
	select {
	case <-s.draining:
		return errors.New("draining")
	default:
	}
	if _, err := s.sites.Version(ctx); err != nil {
		return fmt.Errorf("sites: %w", err)
	}
	if _, err := s.people.RosterVersions(ctx); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	for _, c := range s.programme.Campaigns {
		if _, err := s.walk.Line(ctx, c.ID); err != nil {
			return fmt.Errorf("line: %w", err)
		}
	}
	return nil
}

// lineSamples are the gauges of all lines.
func (s *server) lineSamples() []telemetry.LineSample {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	out := make([]telemetry.LineSample, 0, len(s.programme.Campaigns))
	for _, c := range s.programme.Campaigns {
		d, err := s.walk.Line(ctx, c.ID)
		if err != nil {
			continue
		}
		out = append(out, telemetry.LineSample{Campaign: c.ID, Joined: d.Joined, Admitted: int(d.Admitted), Inside: d.Inside})
	}
	return out
}

// roleNames and namedRoles are the roles as the made-up provider says them: by their names.
func roleNames() (names []string) {
	for _, r := range person.AllRoles() {
		names = append(names, r.String())
	}
	return names
}

func namedRoles() map[string]person.Role {
	out := map[string]person.Role{}
	for _, r := range person.AllRoles() {
		out[r.String()] = r
	}
	return out
}

// signIn is the pages' way to package person.
type signIn struct {
	providers *person.Providers
	sessions  *person.Sessions
	now       func() time.Time
}

// Providers lists the ways to sign in.
func (s signIn) Providers() []web.Provider {
	list := s.providers.List()
	out := make([]web.Provider, len(list))
	for i, p := range list {
		out[i] = web.Provider{ID: p.ID, Name: programme.Text{KO: p.NameKO, EN: p.NameEN}, Staff: p.Staff != nil}
	}
	return out
}

// Begin starts a sign-in.
func (s signIn) Begin(ctx context.Context, provider, returnTo string, fresh bool) (redirect, loginState string, err error) {
	if fresh {
		return s.providers.BeginFresh(ctx, provider, returnTo, s.now())
	}
	return s.providers.Begin(ctx, provider, returnTo, s.now())
}

// Finish ends a sign-in with a session token.
func (s signIn) Finish(ctx context.Context, loginState string, query url.Values) (sessionToken, returnTo string, err error) {
	session, returnTo, err := s.providers.Finish(ctx, loginState, query, s.now())
	if err != nil {
		return "", returnTo, err
	}
	token, err := s.sessions.Issue(session)
	return token, returnTo, err
}

// Verify reads a session token.
func (s signIn) Verify(token string) (person.Session, error) {
	return s.sessions.Verify(token, s.now())
}

// OpenName opens the name sealed in a session token.
func (s signIn) OpenName(token string) (string, error) { return s.sessions.OpenName(token) }
