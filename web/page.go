package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"strings"

	"charye/person"
	"charye/programme"
	"charye/walk"
)

//go:embed templates/*.html
var templateFiles embed.FS

// view is what every page is given; D is its own part.
type view struct {
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

// parsePages reads every page of templates/ once for each language, with that language's words bound in.
func parsePages(languages map[string]*language, a *assets) (map[string]map[string]*template.Template, error) {
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	pages := map[string]map[string]*template.Template{}
	for id, l := range languages {
		funcs := template.FuncMap{
			"t": l.text, "number": number, "day": l.day, "shortDay": l.shortDay, "plainDay": l.plainDay, "clock": l.clock, "hour": l.hour,
			"when": l.when, "seconds": l.seconds, "estimate": l.estimate, "region": l.region, "countdown": l.countdown,
			"in": func(t programme.Text) string { return t.In(l.id) }, "asset": a.url,
			"tel": func(phone string) string {
				return strings.NewReplacer(" ", "", "-", "", ")", "", "(", "").Replace(phone)
			},
			"long": l.long, "moment": l.moment,
			"add": func(a, b int) int { return a + b }, "minus": func(a int) int { return -a },
		}
		frame, err := template.New("frame.html").Funcs(funcs).Option("missingkey=error").
			ParseFS(templateFiles, "templates/frame.html", "templates/parts.html", "templates/supplyparts.html")
		if err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
		pages[id] = map[string]*template.Template{}
		for _, f := range files {
			name := strings.TrimSuffix(f.Name(), path.Ext(f.Name()))
			if name == "frame" || name == "parts" || name == "supplyparts" {
				continue
			}
			page, err := frame.Clone()
			if err == nil {
				page, err = page.ParseFS(templateFiles, "templates/"+f.Name())
			}
			if err != nil {
				return nil, fmt.Errorf("templates: %w", err)
			}
			pages[id][name] = page
		}
	}
	return pages, nil
}

// action answers one request. What it returns as an error is shown by [request.refuse].
type action func(q *request) error

// request is one request with what every page needs to know about it.
type request struct {
	*http.Request
	w       http.ResponseWriter
	h       *handler
	lang    *language
	session *person.Session // nil: nobody is signed in
	token   string          // of session
	back    string          // where a person who is sent to sign in comes back to
	again   []string        // the fields to send once more when a form met a busy server; nil: not to be repeated
	base    string          // where these pages are mounted: "" for citizens, [deskBase] for staff
	role    person.Role     // of staff: what they act as
	unknown error           // of staff: whether the session still counts could not be found out
	passed  bool            // the gate, which it has not left
	hurries bool            // past the gate
}

// maxForm bounds what a form may send.
const maxForm = 64 << 10

// page makes an [http.Handler] of an action: language, session, limits, and every failure told in a sentence.
func (h *handler) page(f action) http.Handler { return h.pageAt("", f) }

func (h *handler) pageAt(base string, f action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{Request: r, w: w, h: h, lang: h.languageOf(w, r), back: base + "/", base: base}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Add("Vary", "Cookie, Accept-Language")
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			q.back = localPath(r.URL.RequestURI())
		}
		h.readSession(q)
		defer func() {
			if v := recover(); v != nil {
				if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(v)
				}
				h.log.ErrorContext(r.Context(), "page panicked", slog.String("pattern", r.Pattern), slog.String("stack", string(debug.Stack())))
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
		defer q.leaveGate()
		if err := f(q); err != nil {
			q.refuse(err)
		}
	})
}

// actor gives who is asking, or the refusal that sends them to sign in.
func (q *request) actor() (walk.Actor, error) {
	if q.unknown != nil {
		return walk.Actor{}, q.unknown
	}
	if q.session == nil {
		return walk.Actor{}, &walk.Error{Code: walk.NotSignedIn, Detail: "sign in first"}
	}
	if q.base != "" {
		return walk.StaffActor(*q.session, q.role, func() (string, error) { return q.h.signIn.OpenName(q.token) })
	}
	return walk.Actor{
		Session: *q.session, Channel: "web", OpenName: func() (string, error) { return q.h.signIn.OpenName(q.token) },
	}, nil
}

// name gives the signed-in person's name, for greeting them; empty when it is not known.
func (q *request) name() string {
	if q.session == nil {
		return ""
	}
	name, err := q.h.signIn.OpenName(q.token)
	if err != nil {
		return ""
	}
	return name
}

// recipient gives the id of whom the page acts for; empty for the person themselves.
func (q *request) recipient() string { return q.field("for") }

// field gives a form or query value; one of unreasonable length counts as absent.
func (q *request) field(name string) string {
	v := strings.TrimSpace(q.FormValue(name))
	if len(v) > 500 {
		return ""
	}
	return v
}

// redirect sends the browser on with GET. Only addresses on this service.
func (q *request) redirect(to string) error {
	http.Redirect(q.w, q.Request, localPath(to), http.StatusSeeOther)
	return nil
}

// show sends a page. It is made in memory first: nobody gets half a page.
func (q *request) show(status int, page string, v view) error {
	tmpl, ok := q.h.pages[q.lang.id][page]
	if !ok {
		return fmt.Errorf("no page %q", page)
	}
	v.Lang, v.SignedIn, v.Help, v.Desk = q.lang.id, q.session != nil, q.h.opts.HelpPhone, q.base != ""
	if q.base != "" && q.session != nil {
		a, err := q.actor()
		v.Manages = err == nil && manages(a)
		v.Supply = err == nil && walk.May(a, walk.SeeSupply)
	}
	p := q.h.svc.Programme()
	v.Programme, v.Trial = p.Name.In(q.lang.id), p.Trial
	for _, n := range languageNames {
		if n.ID != q.lang.id {
			v.Others = append(v.Others, otherLanguage{ID: n.ID, Name: n.Name, URL: withQuery("/lang", "to", n.ID, "return", q.back)})
		}
	}
	var b bytes.Buffer
	if err := tmpl.ExecuteTemplate(&b, "frame.html", v); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	q.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	q.w.Header().Set("Content-Language", q.lang.id)
	q.leaveGate()
	q.w.WriteHeader(status)
	_, _ = q.w.Write(b.Bytes()) // the client went away; there is nobody to tell
	return nil
}

// words gives a sentence whose key and values are known to exist; a test visits every one.
func (q *request) words(key string, kv ...any) string {
	s, err := q.lang.text(key, kv...)
	if err != nil {
		q.h.log.ErrorContext(q.Context(), "catalogue", slog.Any("err", err))
	}
	return s
}

// subject is what the pages under /c/{campaign} are about: a campaign, and whom it is for.
type subject struct {
	Campaign walk.Campaign
	For      string // recipient id; empty: the person themselves
	ForName  string
	base     string
}

// URL gives the address of a page about the same subject; kv are more query parameters.
func (s subject) URL(page string, kv ...string) string {
	return pathAt(s.base, s.Campaign.ID, page, s.For, kv...)
}

// Form gives the address that a form about it goes to.
func (s subject) Form(page string) string { return s.base + campaignPath(s.Campaign.ID, page, "") }

// subject finds the campaign of the address and the recipient of the query.
func (q *request) subject() (subject, error) {
	c, err := q.h.svc.Campaign(q.Context(), q.PathValue("campaign"))
	if err != nil {
		return subject{}, err
	}
	s := subject{Campaign: c, For: q.recipient(), base: q.base}
	if s.For != "" {
		a, err := q.actor()
		if err != nil {
			return s, err
		}
		r, err := q.h.findRecipient(q.Context(), a, s.For)
		if err != nil {
			return s, err
		}
		s.ForName = r.Name
	}
	return s, nil
}

func (h *handler) findRecipient(ctx context.Context, a walk.Actor, id string) (person.Recipient, error) {
	if a.IsStaff() {
		c, err := h.svc.Caller(ctx, a, id)
		return c.Recipient, err
	}
	all, err := h.svc.Recipients(ctx, a)
	if err != nil {
		return person.Recipient{}, err
	}
	for _, r := range all {
		if r.ID == id {
			return r, nil
		}
	}
	return person.Recipient{}, &walk.Error{Code: walk.NotFound, Detail: "no such recipient"}
}
