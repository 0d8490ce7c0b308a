// Package manage is the pages of managers, auditors and operators: requests and who agreed, other rules, ended sessions, figures, looks, chains, the
// installation.
//
// It owns what each of these roles is shown. It decides nothing: who may agree to what is in packages approval and walk. It must not know of the other
// faces.
package manage

import (
	"context"
	"embed"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"charye/approval"
	"charye/internal/civil"
	"charye/person"
	"charye/walk"
	"charye/walk/look"
	"charye/walk/manage"
	"charye/web/page"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Pages are the pages of managers, auditors and operators. Immutable after newManagePages.
type Pages struct {
	*page.Frame
	svc Service
}

// New makes the pages; it fails when a template is wrong.
func New(f *page.Frame, svc Service) (*Pages, error) {
	return &Pages{Frame: f, svc: svc}, f.AddTemplates(templateFiles)
}

// Service is what these pages use of those who walk (package walk and those under it).
type Service interface {
	Requests(ctx context.Context, a walk.Actor, before int64, limit int) ([]approval.Request, error)
	Request(ctx context.Context, a walk.Actor, id int64) (approval.Request, []byte, error)
	Agree(ctx context.Context, a walk.Actor, id int64, digest approval.Digest, why string) (approval.Request, error)
	Decline(ctx context.Context, a walk.Actor, id int64, why string) (approval.Request, error)
	Withdraw(ctx context.Context, a walk.Actor, id int64, why string) (approval.Request, error)
	RuleChange(a walk.Actor, src []byte) (manage.RuleChange, error)
	AskRules(ctx context.Context, a walk.Actor, src []byte, reason string) (approval.Request, error)
	WaitingRules(a walk.Actor) (*manage.Rules, error)
	Figures(ctx context.Context, a walk.Actor) ([]manage.Figures, error)
	Looks(ctx context.Context, a walk.Actor, day civil.Date, desk string, before int64) (look.Sheet, error)
	ChainHeads(ctx context.Context, a walk.Actor) (manage.ChainHeads, error)
	Installation(ctx context.Context, a walk.Actor) (manage.Installation, error)
	StaffName(k person.Key) string
	EndSessions(ctx context.Context, a walk.Actor, staff, why string) error
	Ended(ctx context.Context, a walk.Actor) ([]manage.EndedSessions, error)
	Now() time.Time
}

// Routes lists the pages.
func (h *Pages) Routes() []page.Route {
	return []page.Route{
		{Pattern: "GET /manage", Do: h.manageHome},
		{Pattern: "GET /manage/{$}", Do: h.manageHome},
		{Pattern: "GET /manage/requests/{number}", Act: walk.SeeRequests, Do: h.manageRequest},
		{Pattern: "POST /manage/requests/{number}/agree", Act: walk.DecideRequest, Do: h.agreeRequest},
		{Pattern: "POST /manage/requests/{number}/decline", Act: walk.DecideRequest, Do: h.declineRequest},
		{Pattern: "POST /manage/requests/{number}/withdraw", Act: walk.AskRequest, Do: h.withdrawRequest},
		{Pattern: "GET /manage/rules", Act: walk.AskRules, Do: h.rulesForm},
		{Pattern: "POST /manage/rules", Act: walk.AskRules, Do: h.askRules},
		{Pattern: "GET /manage/sessions", Act: walk.EndSessions, Do: h.sessionsForm},
		{Pattern: "POST /manage/sessions", Act: walk.EndSessions, Do: h.endSessions},
		{Pattern: "GET /manage/figures", Act: walk.SeeFigures, Do: h.figures},
		{Pattern: "GET /manage/looks", Act: walk.SeeLooks, Do: h.looks},
		{Pattern: "GET /manage/chains", Act: walk.SeeChains, Do: h.chains},
		{Pattern: "GET /manage/installation", Act: walk.SeeInstallation, Do: h.installation},
		{Pattern: "/manage/", Open: true, Do: page.Missing},
	}
}

// requestCard is a request in a list.
type requestCard struct {
	ID      int64
	Kind    string // catalogue keys
	State   string
	First   string // of the summary
	More    int    // lines beside it
	Missing int
	Open    bool
	AskedAt time.Time
	Lapses  time.Time
}

func cardOf(r *approval.Request, now time.Time) requestCard {
	s := r.State(now)
	c := requestCard{
		ID: r.ID, Kind: kindNames[r.Kind], State: requestStates[s], Open: s.Open(), AskedAt: r.AskedAt, Lapses: r.Lapses,
		First: r.Summary[0], More: len(r.Summary) - 1,
	}
	if s == approval.Asked {
		c.Missing = r.Missing()
	}
	return c
}

type manageData struct {
	Name, Role                   string
	Rules                        *manage.Rules
	Requests, Decides            bool // may see them; may decide
	Open, Closed                 []requestCard
	Next                         string
	Figures, Looks, Chains, Node bool
	Asks, Ends                   bool // may ask for other rules; may end sessions
}

// requestsPage is how many requests are looked at for one page.
const requestsPage = 50

func (h *Pages) manageHome(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	if !page.Manages(a) {
		return &walk.Error{Code: walk.NotAllowed, Detail: "this role has nothing to do here"}
	}
	d := manageData{
		Name: q.Name(), Role: page.RoleNames[a.Role], Requests: walk.May(a, walk.SeeRequests), Decides: walk.May(a, walk.DecideRequest), Figures: walk.May(a, walk.SeeFigures),
		Looks: walk.May(a, walk.SeeLooks), Chains: walk.May(a, walk.SeeChains), Node: walk.May(a, walk.SeeInstallation),
		Asks: walk.May(a, walk.AskRules), Ends: walk.May(a, walk.EndSessions),
	}
	if walk.May(a, walk.SeeWaiting) {
		if d.Rules, err = h.svc.WaitingRules(a); err != nil {
			return err
		}
	}
	if d.Requests {
		before, _ := strconv.ParseInt(q.Field("before"), 10, 64) // a wrong number begins at the last
		list, err := h.svc.Requests(q.Context(), a, max(0, before), requestsPage)
		if err != nil {
			return err
		}
		now := h.svc.Now()
		for i := range list {
			if c := cardOf(&list[i], now); c.Open {
				d.Open = append(d.Open, c)
			} else {
				d.Closed = append(d.Closed, c)
			}
		}
		if len(list) == requestsPage {
			d.Next = page.WithQuery(page.ManageBase, "before", strconv.FormatInt(list[len(list)-1].ID, 10))
		}
	}
	return q.Show(http.StatusOK, "manage", page.View{Title: q.Words("manage.title"), D: d})
}

// requestStep is a line of a request's history.
type requestStep struct {
	At        time.Time
	Did       string // catalogue key
	Role, Who string // Who empty: the command line
	Why       string
}

type requestData struct {
	requestCard
	Summary  []string
	Reason   string
	Needs    int
	Digest   string
	Role     string // of who asked
	Who      string
	Steps    []requestStep
	Body     string // as it can be shown
	Bytes    int
	Agrees   bool // who looks may agree, decline, withdraw
	Declines bool
	Takes    bool
	Own      bool // asked for by who looks
	Agreed   bool // who looks has agreed
	Wrong    string
}

// bodyShown is how much of a body a page shows.
const bodyShown = 64 << 10

func (h *Pages) requestNumber(q *page.Request) (int64, error) {
	id, err := strconv.ParseInt(q.PathValue("number"), 10, 64)
	if err != nil || id < 1 {
		return 0, &walk.Error{Code: walk.NotFound, Detail: "there is no such request"}
	}
	return id, nil
}

func (h *Pages) manageRequest(q *page.Request) error {
	return h.showRequest(q, http.StatusOK, "")
}

// showRequest shows a request; wrong is what stands against what the reader wanted to do.
func (h *Pages) showRequest(q *page.Request, status int, wrong string) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	id, err := h.requestNumber(q)
	if err != nil {
		return err
	}
	r, body, err := h.svc.Request(q.Context(), a, id)
	if err != nil {
		return err
	}
	now := h.svc.Now()
	state := r.State(now)
	decides, who := walk.May(a, walk.DecideRequest), approval.Who{Key: a.Key, Role: a.Role}
	early := state == approval.Asked || state == approval.Agreed
	d := requestData{
		requestCard: cardOf(&r, now), Summary: r.Summary, Reason: r.Reason, Needs: r.Needs, Digest: hex.EncodeToString(r.Digest[:]), Role: page.RoleNames[r.Asked.Role], Wrong: wrong, Bytes: len(body),
		Own: r.Asked.Key == a.Key, Agreed: r.AgreedBy(a.Key),
	}
	d.Agrees = decides && r.MayAgree(who, now)
	d.Declines = decides && early && !d.Own
	d.Takes = d.Own && early && walk.May(a, walk.AskRequest)
	if !r.Asked.Shell {
		d.Who = h.svc.StaffName(r.Asked.Key)
	}
	for i := range r.History {
		e := &r.History[i]
		s := requestStep{At: e.At, Did: didNames[e.Op], Role: page.RoleNames[e.By.Role], Why: e.Why}
		if !e.By.Shell {
			s.Who = h.svc.StaffName(e.By.Key)
		}
		d.Steps = append(d.Steps, s)
	}
	if len(body) <= bodyShown && utf8.Valid(body) {
		d.Body = string(body)
	}
	return q.Show(status, "managerequest", page.View{Title: q.Words("manage.request.title", "number", strconv.FormatInt(id, 10)), Error: wrong != "", D: d})
}

func (h *Pages) agreeRequest(q *page.Request) error {
	return h.decideRequest(q, func(a walk.Actor, id int64) error {
		digest, err := approval.ParseDigest(q.Field("digest"))
		if err != nil {
			return &walk.Error{Code: walk.Conflict, Field: "changed", Detail: "the form carries no digest", Err: err}
		}
		_, err = h.svc.Agree(q.Context(), a, id, digest, q.Field("why"))
		return err
	})
}

func (h *Pages) declineRequest(q *page.Request) error {
	return h.decideRequest(q, func(a walk.Actor, id int64) error {
		_, err := h.svc.Decline(q.Context(), a, id, q.Field("why"))
		return err
	})
}

func (h *Pages) withdrawRequest(q *page.Request) error {
	return h.decideRequest(q, func(a walk.Actor, id int64) error {
		_, err := h.svc.Withdraw(q.Context(), a, id, q.Field("why"))
		return err
	})
}

// decideRequest does something to a request and shows it again; what stands against it is said on its page.
func (h *Pages) decideRequest(q *page.Request, do func(walk.Actor, int64) error) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	id, err := h.requestNumber(q)
	if err != nil {
		return err
	}
	q.Back = page.ManageBase + "/requests/" + strconv.FormatInt(id, 10)
	var e *walk.Error
	switch err := do(a, id); {
	case err == nil:
		return q.Redirect(q.Back)
	case errors.As(err, &e) && wrongNames[e.Field] != "":
		return h.showRequest(q, page.StatusOf(e.Code), wrongNames[e.Field])
	default:
		return err
	}
}
