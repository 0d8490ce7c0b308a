package supply

import (
	"net/http"
	"strings"
	"time"

	"charye/approval"
	"charye/supply"
	"charye/supply/room"
	"charye/walk"
	"charye/web/page"
)

// A preview that takes longer than a moment has a page of its own, which asks again by itself until it leads to what came of it.

const makingBase = "/supply/cases/making/"

// makingStates are what states of a preview are called.
var makingStates = map[supply.TaskState]string{
	supply.TaskWaits: "supply.making.waits", supply.TaskRuns: "supply.making.runs", supply.TaskDone: "supply.making.done",
	supply.TaskFailed: "supply.making.failed", supply.TaskStopped: "supply.making.stopped",
}

// makingPath is where a preview leads: to what came of it, or to how far it is.
func makingPath(m *room.Making) string {
	if m.State == supply.TaskDone {
		return "/supply/cases/draft/" + m.Result
	}
	return makingBase + m.Name
}

// makingWhat names a preview: what is to be done, and the case.
func (h *Pages) makingWhat(q *page.Request, m *room.Making) string {
	action, name, _ := strings.Cut(m.What, " ")
	if key := actionNames[supply.Action(action)]; key != "" {
		return q.Words(key) + " – " + name
	}
	return m.What
}

type makingRow struct {
	URL, What, State string // State is a key of the catalogue
	At               time.Time
	Mine             bool
}

// makings are the previews of a day.
func (h *Pages) makings(q *page.Request, a walk.Actor) (out []makingRow, err error) {
	list, err := h.svc.PreviewedVerdicts(q.Context(), a)
	for i := range part(list, 0, supplyPage) {
		m := &list[i]
		out = append(out, makingRow{makingPath(m), h.makingWhat(q, m), makingStates[m.State], m.At, m.By == room.Name(approval.Who{Key: a.Key, Role: a.Role})})
	}
	return out, err
}

type makingData struct {
	Name, What, State string
	At                time.Time
	Runs, Waits       bool
	Sites, OfSites    int
	Near              int
	People, OfPeople  int
	Percent           int
	Failed, Stopped   bool
	Raw               string // what went wrong, for who looks after the server
	PercentSites      int
}

func (h *Pages) makingVerdict(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	m, err := h.svc.PreviewedVerdict(q.Context(), a, q.PathValue("name"))
	if err != nil {
		return err
	}
	if m.State == supply.TaskDone {
		return q.Redirect(makingPath(&m))
	}
	d := makingData{
		Name: m.Name, What: h.makingWhat(q, &m), State: makingStates[m.State], At: m.At, Runs: m.State == supply.TaskRuns, Waits: m.State == supply.TaskWaits,
		Sites: m.Sites, OfSites: m.OfSites, Near: m.Near, People: m.People, OfPeople: m.OfPeople,
		Failed: m.State == supply.TaskFailed, Stopped: m.State == supply.TaskStopped, Raw: m.Result,
	}
	if m.OfSites > 0 {
		d.PercentSites = 100 * m.Sites / m.OfSites
	}
	if m.OfPeople > 0 {
		d.Percent = 100 * m.People / m.OfPeople
	}
	again := 0
	if m.State.Open() {
		again = 2
	}
	return q.Show(http.StatusOK, "supplymaking", page.View{Title: q.Words("supply.making.title"), Wide: true, Again: again, Error: d.Failed, D: d})
}

func (h *Pages) retryPreview(q *page.Request) error {
	q.Back = makingBase + page.PathSegment(q.PathValue("name"))
	a, err := q.Actor()
	if err != nil {
		return err
	}
	m, err := h.svc.RetryPreview(q.Context(), a, q.PathValue("name"))
	if err != nil {
		return err
	}
	return q.Redirect(makingPath(&m))
}
