package manage

import (
	"errors"
	"net/http"
	"strconv"

	"charye/programme"
	"charye/walk"
	"charye/web/page"
)

type rulesData struct {
	File, Reason  string
	Seen          bool // the file was held against the one that is served
	Open, Rest    []programme.Change
	Needs         bool
	Wrong, Detail string
}

func (h *Pages) rulesForm(q *page.Request) error {
	return q.Show(http.StatusOK, "managerules", page.View{Title: q.Words("manage.ask.title"), D: rulesData{}})
}

// askRules first shows what a file would change, then asks for it.
func (h *Pages) askRules(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	d := rulesData{File: q.FormValue("file"), Reason: q.Field("reason")}
	status := http.StatusOK
	wrong := func(err error) error {
		var e *walk.Error
		if !errors.As(err, &e) || e.Code != walk.BadRequest && e.Code != walk.Conflict {
			return err
		}
		status, d.Wrong = page.StatusOf(e.Code), "manage.ask.wrong"
		switch e.Field {
		case "file":
			d.Detail = e.Detail
		case "step":
			d.Wrong = "manage.ask.reason"
		case "asked":
			d.Wrong = "manage.ask.asked"
		case "free":
			d.Wrong = "manage.ask.free"
		default:
			return err
		}
		return nil
	}
	c, err := h.svc.RuleChange(a, []byte(d.File))
	if err == nil {
		d.Seen, d.Open, d.Rest, d.Needs = true, c.Open, c.Rest, c.Needs
		if q.Field("do") == "ask" {
			r, err := h.svc.AskRules(q.Context(), a, []byte(d.File), d.Reason)
			if err == nil {
				return q.Redirect(page.ManageBase + "/requests/" + strconv.FormatInt(r.ID, 10))
			}
			if err := wrong(err); err != nil {
				return err
			}
		}
	} else if err := wrong(err); err != nil {
		return err
	}
	return q.Show(status, "managerules", page.View{Title: q.Words("manage.ask.title"), Error: d.Wrong != "", D: d})
}
