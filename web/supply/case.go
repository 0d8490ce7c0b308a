package supply

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"charye/approval"
	"charye/supply"
	"charye/supply/room"
	"charye/walk"
	"charye/web/page"
)

// caseStates are what states of a request for a verdict are called.
var caseStates = map[approval.State]string{
	approval.Asked: "supply.case.asked", approval.Agreed: "supply.case.agreed", approval.Begun: "supply.case.begun", approval.Done: "supply.case.done",
	approval.Declined: "supply.case.declined", approval.Withdrawn: "supply.case.withdrawn", approval.Lapsed: "supply.case.lapsed",
}

type caseRow struct {
	ID     int64
	What   string // the first line of its summary
	State  string // catalogue key
	At     time.Time
	Mine   bool
	Reason string
}

func (h *Pages) caseRow(q *page.Request, r *approval.Request, a walk.Actor) caseRow {
	c := caseRow{ID: r.ID, State: caseStates[r.State(h.svc.Now())], At: r.AskedAt, Mine: r.Asked.Key == a.Key, Reason: r.Reason}
	if len(r.Summary) > 0 {
		c.What = r.Summary[0]
	}
	return c
}

// openCases are the requests that wait for somebody, or that are being done.
func (h *Pages) openCases(q *page.Request, a walk.Actor) (out []caseRow, err error) {
	list, err := h.svc.Verdicts(q.Context(), a, 0, supplyPage)
	for i := range list {
		if list[i].State(h.svc.Now()).Open() {
			out = append(out, h.caseRow(q, &list[i], a))
		}
	}
	return out, err
}

type supplyCasesData struct {
	Cases []caseRow
	Makes []makingRow
	After string
	Asks  bool
}

func (h *Pages) supplyCases(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	before, _ := strconv.ParseInt(q.Field("before"), 10, 64)
	list, err := h.svc.Verdicts(q.Context(), a, max(0, before), supplyPage)
	if err != nil {
		return err
	}
	d := supplyCasesData{Asks: walk.May(a, walk.AskVerdict)}
	for i := range list {
		d.Cases = append(d.Cases, h.caseRow(q, &list[i], a))
	}
	if d.Asks && before == 0 {
		if d.Makes, err = h.makings(q, a); err != nil {
			return err
		}
	}
	if len(list) == supplyPage {
		d.After = page.WithQuery("/supply/cases", "before", strconv.FormatInt(list[len(list)-1].ID, 10))
	}
	return q.Show(http.StatusOK, "supplycases", page.View{Title: q.Words("supply.cases.title"), Wide: true, D: d})
}

func casePath(id int64) string { return "/supply/cases/" + strconv.FormatInt(id, 10) }

type caseData struct {
	planData
	ID                  int64
	State               string // catalogue key
	Open                bool
	AskedAt, Lapses     time.Time
	Mine, MayAgree      bool
	MayDecline          bool
	AgreedAt            time.Time
	Agreed              string
	Declined            string // why
	DoneAt              time.Time
	Done, Refused       bool
	Outcome             room.Outcome
	Raw                 string // an outcome that is no sum, such as why it was refused
	Doing               bool
	People              bool // who was given a dose from its boxes is followed up
	Moved, All, Percent int
	Error               string // of the form
	Why                 string
}

func (h *Pages) caseID(q *page.Request) (int64, error) {
	id, err := strconv.ParseInt(q.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, &walk.Error{Code: walk.NotFound, Detail: "there is no such case"}
	}
	return id, nil
}

func (h *Pages) supplyCase(q *page.Request) error { return h.showCase(q, http.StatusOK, "") }

func (h *Pages) showCase(q *page.Request, status int, wrong string) error {
	v, a, err := h.supply(q)
	if err != nil {
		return err
	}
	id, err := h.caseID(q)
	if err != nil {
		return err
	}
	c, err := h.svc.Verdict(q.Context(), a, id)
	if err != nil {
		return err
	}
	now := h.svc.Now()
	st := c.State(now)
	d := caseData{
		planData: h.planData(q, v, c.Plan), ID: id, State: caseStates[st], Open: st.Open(), AskedAt: c.AskedAt, Lapses: c.Lapses, Mine: c.Asked.Key == a.Key,
		MayAgree: walk.May(a, walk.AgreeVerdict) && c.MayAgree(approval.Who{Key: a.Key, Role: a.Role}, now), Error: wrong,
		Done: st == approval.Done, Doing: st == approval.Agreed || st == approval.Begun, Moved: c.Moved, All: c.Moves, Why: q.Field("why"),
	}
	d.MayDecline = walk.May(a, walk.AgreeVerdict) && !d.Mine && (st == approval.Asked || st == approval.Agreed)
	d.Digest = fmt.Sprintf("%x", c.Request.Digest)
	if n := len(c.Request.Agreed); n > 0 {
		d.AgreedAt, d.Agreed = c.Request.Agreed[n-1].At, room.Name(c.Request.Agreed[n-1].Who)
	}
	if st == approval.Declined {
		d.Declined = c.Ended.Why
	}
	if d.All > 0 {
		d.Percent = 100 * d.Moved / d.All
	}
	again := 0
	if d.Doing {
		again = 2
	}
	if d.Done {
		var ok bool
		d.DoneAt = c.Request.Done.At
		if d.Outcome, ok = room.ParseOutcome(c.Request.Done.Why); !ok {
			d.Refused, d.Raw = true, strings.TrimPrefix(c.Request.Done.Why, "not done: ")
		}
	}
	d.People = d.Done && !d.Refused && (c.Plan.Verdict.Action == supply.Recall || c.Plan.Verdict.Action == supply.Destroy)
	return q.Show(status, "supplycase", page.View{Title: q.Words("supply.case.title", "n", strconv.FormatInt(id, 10)), Wide: true, Again: again, Error: wrong != "", D: d})
}

// onCase does something to a request and goes back to its page, also where that says why it was refused.
func (h *Pages) onCase(q *page.Request, do func(walk.Actor, int64) error) error {
	id, err := h.caseID(q)
	if err != nil {
		return err
	}
	q.Back = casePath(id)
	a, err := q.Actor()
	if err != nil {
		return err
	}
	err = do(a, id)
	if e, ok := errors.AsType[*walk.Error](err); ok {
		switch {
		case e.Field == "own":
			return h.showCase(q, http.StatusForbidden, q.Words("supply.case.wrong.own"))
		case e.Code == walk.Conflict:
			return h.showCase(q, http.StatusConflict, q.Words("supply.case.wrong.state"))
		}
	}
	if err != nil {
		return err
	}
	return q.Redirect(q.Back)
}

func (h *Pages) agreeVerdict(q *page.Request) error {
	return h.onCase(q, func(a walk.Actor, id int64) error {
		digest, err := approval.ParseDigest(q.Field("digest"))
		if err != nil {
			return &walk.Error{Code: walk.Conflict, Field: "changed", Detail: "digest: " + err.Error()}
		}
		_, err = h.svc.AgreeVerdict(q.Context(), a, id, digest)
		return err
	})
}

func (h *Pages) declineVerdict(q *page.Request) error {
	if q.Field("why") == "" {
		return h.showCase(q, http.StatusUnprocessableEntity, q.Words("supply.case.wrong.why"))
	}
	return h.onCase(q, func(a walk.Actor, id int64) error {
		_, err := h.svc.DeclineVerdict(q.Context(), a, id, q.Field("why"))
		return err
	})
}

func (h *Pages) withdrawVerdict(q *page.Request) error {
	return h.onCase(q, func(a walk.Actor, id int64) error {
		_, err := h.svc.WithdrawVerdict(q.Context(), a, id)
		return err
	})
}
