package supply

import (
	"encoding/csv"
	"net/http"
	"strconv"

	"charye/supply"
	"charye/supply/followup"
	"charye/supply/room"
	"charye/walk"
	"charye/web/page"
)

// stageOf says how far people on the list of a case have come.
var stageOf = map[followup.Stage]string{
	followup.Listed: "supply.people.listed", followup.Spoilt: "supply.people.spoilt", followup.Booked: "supply.people.booked", followup.Again: "supply.people.again",
	followup.Unnamed: "supply.people.unnamed",
}

// whyOf says why somebody is on it.
func whyOf(c supply.Cause) string {
	if c == followup.Recalled {
		return "supply.people.recalled"
	}
	return causeNames[c]
}

type peopleStage struct {
	Name string // catalogue key
	N    int
}

type peopleSite struct {
	Name  string
	Doses int
	Why   []peopleStage
}

type peopleData struct {
	supplyState
	ID            int64
	Boxes, Doses  int
	Stages        []peopleStage
	Listed        int
	Before        int
	All, May      bool
	Sites         []peopleSite
	More          int // sites
	Told          bool
	Done          int
	Here, AllHere string
}

func peoplePath(id int64, all bool) string {
	p := "/supply/people/" + strconv.FormatInt(id, 10)
	if all {
		return page.WithQuery(p, "all", "1")
	}
	return p
}

func (h *Pages) peopleOf(q *page.Request) (room.People, walk.Actor, int64, error) {
	a, err := q.Actor()
	if err != nil {
		return room.People{}, a, 0, err
	}
	id, err := h.caseID(q)
	if err != nil {
		return room.People{}, a, 0, err
	}
	p, err := h.svc.People(q.Context(), a, id, q.Field("all") != "")
	return p, a, id, err
}

// people shows who was given a dose from what a case recalled or had destroyed, by how far they have come and by site.
func (h *Pages) people(q *page.Request) error {
	v, _, err := h.supply(q)
	if err != nil {
		return err
	}
	p, a, id, err := h.peopleOf(q)
	if err != nil {
		return err
	}
	n := p.Count()
	d := peopleData{
		supplyState: h.supplyState(q, v), ID: id, Boxes: p.Boxes, Doses: len(p.Entries), Listed: n[followup.Listed], Before: p.Before, All: p.All,
		May: walk.May(a, walk.AskVerdict), Here: peoplePath(id, p.All), AllHere: peoplePath(id, !p.All),
	}
	d.Done, err = strconv.Atoi(q.Field("done"))
	d.Told = err == nil && d.Done >= 0
	for _, s := range followup.Stages {
		if n[s] > 0 {
			d.Stages = append(d.Stages, peopleStage{stageOf[s], n[s]})
		}
	}
	for i := 0; i < len(p.Entries); {
		at, first, why := p.Entries[i].Site, i, map[supply.Cause]int{}
		for ; i < len(p.Entries) && p.Entries[i].Site == at; i++ {
			why[p.Entries[i].Why]++
		}
		if len(d.Sites) == supplyPage {
			d.More++
			continue
		}
		row := peopleSite{Name: h.placeName(q, v, "", at), Doses: i - first}
		for _, c := range append([]supply.Cause{followup.Recalled}, supply.Causes...) {
			if why[c] > 0 {
				row.Why = append(row.Why, peopleStage{whyOf(c), why[c]})
			}
		}
		d.Sites = append(d.Sites, row)
	}
	return q.Show(http.StatusOK, "supplypeople", page.View{Title: q.Words("supply.people.title", "n", strconv.FormatInt(id, 10)), Wide: true, D: d})
}

// peopleFile is the list, a line for each dose, by booking number.
func (h *Pages) peopleFile(q *page.Request) error {
	v, _, err := h.supply(q)
	if err != nil {
		return err
	}
	p, _, _, err := h.peopleOf(q)
	if err != nil {
		return err
	}
	hd := q.W.Header()
	hd.Set("Content-Type", "text/csv; charset=utf-8")
	hd.Set("Content-Disposition", `attachment; filename=people.csv`)
	w := csv.NewWriter(q.W)
	_ = w.Write(followup.Columns)
	for i := range p.Entries {
		e := &p.Entries[i]
		at := strconv.Itoa(int(e.Site))
		if s, ok := v.Sites.ByNum(e.Site); ok {
			at = s.ID
		}
		_ = w.Write(e.Line(at, h.Zone))
	}
	w.Flush()
	return nil // the client went away; there is nobody to tell
}

// notCount has the doses of those on the list not count, and says how far that came.
func (h *Pages) notCount(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	id, err := h.caseID(q)
	if err != nil {
		return err
	}
	q.Back = peoplePath(id, false)
	n, err := h.svc.NotCount(q.Context(), a, id)
	if err != nil {
		return err
	}
	return q.Redirect(page.WithQuery(q.Back, "done", strconv.Itoa(n)))
}
