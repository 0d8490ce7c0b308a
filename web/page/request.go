package page

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/web/catalogue"
)

//go:embed templates/*.html
var frameFiles embed.FS

// View is what every page is given; D is its own part.
type View struct {
	Lang      string
	Title     string // of the window; without the programme's name
	Programme string
	Others    []otherLanguage
	SignedIn  bool
	Desk      bool // a page for staff
	Manages   bool // who looks has pages under /manage
	Supply    bool // who looks may see the supply room
	Wide      bool // tables and drawings: more room, and looks of its own
	Trial     bool
	Help      string // telephone
	Refresh   int    // seconds after which a browser without JavaScript asks again; 0: never
	Again     int    // seconds after which every browser asks again, while something is being done; 0: never
	Script    string // of the page, may be empty
	Error     bool   // the title says that something went wrong
	D         any
}

type otherLanguage struct{ ID, Name, URL string }

// AddTemplates parses the pages of a face, templates/*.html, once for each language, with that language's words bound in. What templates/parts.html
// defines is for the pages of the same face; the frame's own parts are for all. A page's name is that of its file, and no two faces may use the same.
func (h *Frame) AddTemplates(files fs.FS) error {
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	const frame, parts = "templates/frame.html", "templates/parts.html"
	for id, l := range h.Languages {
		base, err := template.New("frame.html").Funcs(h.functions(l)).Option("missingkey=error").ParseFS(frameFiles, frame, parts)
		if err == nil && slices.Contains(names, parts) {
			base, err = base.ParseFS(files, parts)
		}
		if err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		if h.pages[id] == nil {
			h.pages[id] = map[string]*template.Template{}
		}
		for _, f := range names {
			if f == frame || f == parts {
				continue
			}
			name := strings.TrimSuffix(path.Base(f), path.Ext(f))
			if h.pages[id][name] != nil {
				return fmt.Errorf("templates: two pages are called %s", name)
			}
			page, err := base.Clone()
			if err == nil {
				page, err = page.ParseFS(files, f)
			}
			if err != nil {
				return fmt.Errorf("templates: %w", err)
			}
			h.pages[id][name] = page
		}
	}
	return nil
}

// functions are what templates call.
func (h *Frame) functions(l *catalogue.Language) template.FuncMap {
	return template.FuncMap{
		"t": l.Text, "number": catalogue.Number, "day": l.Day, "shortDay": l.ShortDay, "plainDay": l.PlainDay, "clock": l.Clock, "hour": l.Hour,
		"when": l.When, "seconds": l.Seconds, "estimate": l.Estimate, "region": l.Region, "countdown": l.Countdown,
		"in": func(t programme.Text) string { return t.In(l.ID) }, "asset": h.assets.URL,
		"tel": func(phone string) string {
			return strings.NewReplacer(" ", "", "-", "", ")", "", "(", "").Replace(phone)
		},
		"long": l.Long, "moment": l.Moment,
		"add": func(a, b int) int { return a + b }, "minus": func(a int) int { return -a },
	}
}

// Action answers one request. What it returns as an error is shown by [Request.refuse].
type Action func(q *Request) error

// Request is one request with what every page needs to know about it.
type Request struct {
	*http.Request
	W       http.ResponseWriter
	h       *Frame
	Lang    *catalogue.Language
	Session *person.Session // nil: nobody is signed in
	token   string          // of session
	Back    string          // where a person who is sent to sign in comes back to
	Again   []string        // the fields to send once more when a form met a busy server; nil: not to be repeated
	Base    string          // where these pages are mounted: "" for citizens, [DeskBase] for staff
	role    person.Role     // of staff: what they act as
	unknown error           // of staff: whether the session still counts could not be found out
	passed  bool            // the gate, which it has not left
	hurries bool            // past the gate
}

// maxForm bounds what a form may send.
const maxForm = 64 << 10

// page makes an [http.Handler] of an action: language, session, limits, and every failure told in a sentence.
func (h *Frame) page(f Action) http.Handler { return h.pageAt("", f) }

func (h *Frame) pageAt(base string, f Action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &Request{Request: r, W: w, h: h, Lang: h.languageOf(w, r), Back: base + "/", Base: base}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Add("Vary", "Cookie, Accept-Language")
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			q.Back = LocalPath(r.URL.RequestURI())
		}
		h.readSession(q)
		defer func() {
			if v := recover(); v != nil {
				if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(v)
				}
				h.Log.ErrorContext(r.Context(), "page panicked", slog.String("pattern", r.Pattern), slog.String("stack", string(debug.Stack())))
				q.refuse(errors.New("panic"))
			}
		}()
		if r.Method == http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := r.ParseForm(); err != nil {
				q.refuse(&walk.Error{Code: walk.BadRequest, Detail: "the form could not be read", Err: err})
				return
			}
		}
		if err := q.holdBack(); err != nil {
			q.refuse(err)
			return
		}
		defer q.LeaveGate()
		if err := f(q); err != nil {
			q.refuse(err)
		}
	})
}

// Actor gives who is asking, or the refusal that sends them to sign in.
func (q *Request) Actor() (walk.Actor, error) {
	if q.unknown != nil {
		return walk.Actor{}, q.unknown
	}
	if q.Session == nil {
		return walk.Actor{}, &walk.Error{Code: walk.NotSignedIn, Detail: "sign in first"}
	}
	if q.Base != "" {
		return walk.StaffActor(*q.Session, q.role, func() (string, error) { return q.h.sessions.OpenName(q.token) })
	}
	return walk.Actor{
		Session: *q.Session, Channel: "web", OpenName: func() (string, error) { return q.h.sessions.OpenName(q.token) },
	}, nil
}

// Name gives the signed-in person's name, for greeting them; empty when it is not known.
func (q *Request) Name() string {
	if q.Session == nil {
		return ""
	}
	name, err := q.h.sessions.OpenName(q.token)
	if err != nil {
		return ""
	}
	return name
}

// Recipient gives the id of whom the page acts for; empty for the person themselves.
func (q *Request) Recipient() string { return q.Field("for") }

// Field gives a form or query value; one of unreasonable length counts as absent.
func (q *Request) Field(name string) string {
	v := strings.TrimSpace(q.FormValue(name))
	if len(v) > 500 {
		return ""
	}
	return v
}

// Redirect sends the browser on with GET. Only addresses on this service.
func (q *Request) Redirect(to string) error {
	http.Redirect(q.W, q.Request, LocalPath(to), http.StatusSeeOther)
	return nil
}

// Show sends a page. It is made in memory first: nobody gets half a page.
func (q *Request) Show(status int, page string, v View) error {
	tmpl, ok := q.h.pages[q.Lang.ID][page]
	if !ok {
		return fmt.Errorf("no page %q", page)
	}
	v.Lang, v.SignedIn, v.Help, v.Desk = q.Lang.ID, q.Session != nil, q.h.opts.HelpPhone, q.Base != ""
	if q.Base != "" && q.Session != nil {
		a, err := q.Actor()
		v.Manages = err == nil && Manages(a)
		v.Supply = err == nil && walk.May(a, walk.SeeSupply)
	}
	p := q.h.svc.Programme()
	v.Programme, v.Trial = p.Name.In(q.Lang.ID), p.Trial
	for _, n := range catalogue.Names {
		if n.ID != q.Lang.ID {
			v.Others = append(v.Others, otherLanguage{ID: n.ID, Name: n.Name, URL: WithQuery("/lang", "to", n.ID, "return", q.Back)})
		}
	}
	var b bytes.Buffer
	if err := tmpl.ExecuteTemplate(&b, "frame.html", v); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	q.W.Header().Set("Content-Type", "text/html; charset=utf-8")
	q.W.Header().Set("Content-Language", q.Lang.ID)
	q.LeaveGate()
	q.W.WriteHeader(status)
	_, _ = q.W.Write(b.Bytes()) // the client went away; there is nobody to tell
	return nil
}

// Words gives a sentence whose key and values are known to exist; a test visits every one.
func (q *Request) Words(key string, kv ...any) string {
	s, err := q.Lang.Text(key, kv...)
	if err != nil {
		q.h.Log.ErrorContext(q.Context(), "catalogue", slog.Any("err", err))
	}
	return s
}
