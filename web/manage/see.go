package manage

import (
	"net/http"
	"strconv"
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/walk/look"
	"charye/walk/manage"
	"charye/web/page"
)

type figureCard struct {
	manage.Figures
	StateName string
	Turns     int // numbers called so far
}

type figuresData struct {
	At   time.Time
	List []figureCard
}

func (h *Pages) figures(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	list, err := h.svc.Figures(q.Context(), a)
	if err != nil {
		return err
	}
	d := figuresData{At: h.svc.Now()}
	for _, f := range list {
		d.List = append(d.List, figureCard{f, q.Card(f.Campaign, d.At).StateName, int(f.Line.Admitted)})
	}
	return q.Show(http.StatusOK, "managefigures", page.View{Title: q.Words("manage.figures.title"), D: d})
}

// lookWhys are the catalogue keys of the words that looks are for.
var lookWhys = map[string]string{
	"caller": "manage.why.caller", "list": "manage.why.list", "serve": "manage.why.serve", "booking": "manage.why.booking",
	"registered again": "manage.why.again", "consent withdrawn": "manage.why.withdrawn",
}

type lookRow struct {
	look.Row
	RoleName string
	WhyName  string // in words; as it was written where there are none
	DeskURL  string
}

type looksData struct {
	Day                  string
	On                   civil.Date
	Desk                 string
	Rows                 []lookRow
	Earlier, Later, Next string // addresses; empty: there is none
	AllDesks             string
}

func (h *Pages) looks(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	today := civil.Of(h.svc.Now(), h.Zone)
	day, err := civil.Parse(q.Field("day"))
	if err != nil || day > today {
		day = today
	}
	before, _ := strconv.ParseInt(q.Field("before"), 10, 64) // a wrong number begins at the last
	sheet, err := h.svc.Looks(q.Context(), a, day, q.Field("desk"), max(0, before))
	if err != nil {
		return err
	}
	at := func(day civil.Date, desk, before string) string {
		return page.WithQuery(page.ManageBase+"/looks", "day", day.String(), "desk", desk, "before", before)
	}
	d := looksData{Day: day.String(), On: day, Desk: sheet.Desk, Earlier: at(day-1, sheet.Desk, "")}
	if day < today {
		d.Later = at(day+1, sheet.Desk, "")
	}
	if sheet.Desk != "" {
		d.AllDesks = at(day, "", "")
	}
	if sheet.Next > 0 {
		d.Next = at(day, sheet.Desk, strconv.FormatInt(sheet.Next, 10))
	}
	for _, r := range sheet.Rows {
		row := lookRow{Row: r, WhyName: r.Why, DeskURL: at(day, r.Desk, "")}
		if r.Role != person.NoRole {
			row.RoleName = q.Words(page.RoleNames[r.Role])
		}
		if key, ok := lookWhys[r.Why]; ok {
			row.WhyName = q.Words(key)
		}
		d.Rows = append(d.Rows, row)
	}
	return q.Show(http.StatusOK, "managelooks", page.View{Title: q.Words("manage.looks.title"), D: d})
}

func (h *Pages) chains(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	heads, err := h.svc.ChainHeads(q.Context(), a)
	if err != nil {
		return err
	}
	return q.Show(http.StatusOK, "managechains", page.View{Title: q.Words("manage.chains.title"), D: struct {
		At                 time.Time
		Bookings, Requests string
		None               bool
	}{heads.At, heads.Bookings.String(), heads.Requests.String(), heads.Bookings.Seq == 0 && heads.Requests.Seq == 0}})
}

type checkRow struct {
	Name string // catalogue key
	Of   string // a campaign's id; may be empty
	OK   bool
}

type installationData struct {
	manage.Installation
	Rows []checkRow
	Bad  int // checks that failed
}

func (h *Pages) installation(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	in, err := h.svc.Installation(q.Context(), a)
	if err != nil {
		return err
	}
	d := installationData{Installation: in}
	for _, c := range in.Checks {
		d.Rows = append(d.Rows, checkRow{checkNames[c.Name], c.Of, c.OK})
		if !c.OK {
			d.Bad++
		}
	}
	return q.Show(http.StatusOK, "manageinstallation", page.View{Title: q.Words("manage.node.title"), Refresh: 30, D: d})
}
