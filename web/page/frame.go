// Package page is what all pages stand in: the frame around them and its templates, the request with what every page asks of it, headers and cookies,
// sessions, refusals in words, the gate, and the words for a campaign that several faces use.
//
// It owns how a page is made and sent: language, layout, that forms come from here, that no session of a citizen opens a page of staff. It must not
// know of any face: these bring their templates ([Frame.AddTemplates]) and their pages ([Route]), and package web mounts them.
package page

import (
	"context"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"charye/internal/load"
	"charye/internal/weak"
	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/web/assets"
	"charye/web/catalogue"
)

// Sessions reads session tokens. Safe for concurrent use.
type Sessions interface {
	// Verify reads a session token; any error means that nobody is signed in.
	Verify(token string) (person.Session, error)
	// OpenName gives the person's name out of a token that Verify accepted; it may be empty.
	OpenName(token string) (string, error)
}

// Service is what every page needs of those who walk (package walk and those under it).
type Service interface {
	Programme() *programme.Programme
	Now() time.Time
	SessionEnded(ctx context.Context, s person.Session) (bool, error)
}

// Options is what the frame needs beside the services. The zero value serves plain http and holds nothing back.
type Options struct {
	// PublicURL is the address people type, such as "https://charye.example". With https, cookies are Secure and carry
	// the __Host- prefix.
	PublicURL string
	// Gate holds pages back when there is too much to do, except the last steps of those who were let in. Nil: nothing is held back.
	Gate *load.Gate
	// HelpPhone is shown on every page when set.
	HelpPhone string
	// Log gets internal errors; never anything about a person. Nil: [slog.Default].
	Log *slog.Logger
}

// Frame is what all pages stand in: languages, layout, sessions, cookies, limits. Faces add their templates and are mounted; then it is immutable.
type Frame struct {
	svc       Service
	sessions  Sessions
	opts      Options
	Log       *slog.Logger
	Zone      *time.Location
	Cookies   Cookies
	assets    *assets.Set
	Languages map[string]*catalogue.Language
	pages     map[string]map[string]*template.Template // by language and page
	guard     *http.CrossOriginProtection
}

// New makes a frame with the pages of refusals. It parses the catalogues and fails when one is wrong.
func New(svc Service, tokens Sessions, o Options) (*Frame, error) {
	h := &Frame{svc: svc, sessions: tokens, opts: o, Log: o.Log, guard: http.NewCrossOriginProtection()}
	if h.Log == nil {
		h.Log = slog.Default()
	}
	h.Zone = svc.Programme().Zone
	if h.Zone == nil {
		h.Zone = time.UTC
	}
	if weak.Off(weak.Origin) {
		h.guard.AddInsecureBypassPattern("/")
	}
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("public URL %q: want http(s)://host", o.PublicURL)
		}
		h.Cookies.secure = u.Scheme == "https"
		if err := h.guard.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, fmt.Errorf("public URL: %w", err)
		}
	}
	var err error
	if h.assets, err = assets.Load(); err != nil {
		return nil, err
	}
	if h.Languages, err = catalogue.Load(h.Zone); err != nil {
		return nil, err
	}
	h.pages = map[string]map[string]*template.Template{}
	if err := h.AddTemplates(frameFiles); err != nil {
		return nil, err
	}
	return h, nil
}

// Serve gives the handler of a mux on which the pages are mounted: with the assets, the headers that keep browsers safe, and no form from elsewhere.
func (h *Frame) Serve(mux *http.ServeMux) http.Handler {
	mux.Handle("GET /assets/{name}", h.assets)
	// A worker's scope is where it lies, so this one lies above all pages, and under a name that stays.
	mux.HandleFunc("GET /push.js", h.assets.Worker)
	mux.Handle("/", h.page(Missing))
	h.guard.SetDenyHandler(h.page(func(*Request) error {
		return &walk.Error{Code: walk.BadRequest, Detail: "the form was sent from another site"}
	}))
	return secure(compress(h.guard.Handler(mux)))
}

// Now is the server's time.
func (h *Frame) Now() time.Time { return h.svc.Now() }

// HelpPhone is the number that people call for help; it may be empty.
func (h *Frame) HelpPhone() string { return h.opts.HelpPhone }
