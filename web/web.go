package web

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"charye/internal/load"
	"charye/walk"
	"charye/walk/held"
	"charye/web/citizen"
	"charye/web/clinic"
	"charye/web/desk"
	"charye/web/manage"
	"charye/web/page"
	"charye/web/signin"
	"charye/web/supply"
)

// Service is what the pages use of those who walk (package walk and those under it).
type Service interface {
	page.Service
	citizen.Service
	desk.Service
	clinic.Service
	manage.Service
	supply.Service
}

// SignIn is who lets people in by name, and reads the sessions it gave. Safe for concurrent use.
type SignIn interface {
	signin.Door
	page.Sessions
}

// Provider is one way to sign in, as people choose it.
type Provider = signin.Provider

// Options is what the pages need beside the services; the zero value serves plain http without a calendar. What each is for is said where it is
// used.
type Options struct {
	PublicURL string       // of [page.Options]
	Gate      *load.Gate   // of [page.Options]
	HelpPhone string       // of [page.Options]
	Log       *slog.Logger // of [page.Options]

	Calendar func(b walk.Booking, lang string) []byte // of [citizen.Options]
	Export   func(a walk.Actor, h held.Held) []byte   // of [citizen.Options]
	PushKey  string                                   // of [citizen.Options]
}

// New makes the handler of all pages. It parses every template and catalogue and fails when one is wrong.
func New(svc Service, door SignIn, o Options) (http.Handler, error) {
	f, err := page.New(svc, door, page.Options{PublicURL: o.PublicURL, Gate: o.Gate, HelpPhone: o.HelpPhone, Log: o.Log})
	if err != nil {
		return nil, err
	}
	signIn, err1 := signin.New(f, door)
	citizens, err2 := citizen.New(f, svc, citizen.Options{Calendar: o.Calendar, Export: o.Export, PushKey: o.PushKey})
	desk, err3 := desk.New(f, svc)
	clinic, err4 := clinic.New(f, svc)
	manage, err5 := manage.New(f, svc)
	supply, err6 := supply.New(f, svc)
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	f.Mount(mux, "", slices.Concat(signIn.Routes(), citizens.Routes()))
	f.Mount(mux, page.DeskBase, slices.Concat(signIn.StaffRoutes(), desk.Routes(), citizens.CallerRoutes(), clinic.Routes(), manage.Routes(), supply.Routes()))
	return f.Serve(mux), nil
}
