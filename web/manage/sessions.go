package manage

import (
	"errors"
	"net/http"
	"time"

	"charye/walk"
	"charye/walk/manage"
	"charye/web/page"
)

type endedRow struct {
	Staff string // empty: everybody
	At    time.Time
	Why   string
}

type sessionsData struct {
	Me, Staff, Why, Wrong string
	List                  []endedRow
}

func (h *Pages) sessionsForm(q *page.Request) error {
	return h.showSessions(q, http.StatusOK, sessionsData{})
}

func (h *Pages) showSessions(q *page.Request, status int, d sessionsData) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	list, err := h.svc.Ended(q.Context(), a)
	if err != nil {
		return err
	}
	for _, e := range list {
		row := endedRow{e.Staff, e.At, e.Why}
		if e.Staff == manage.EverybodyOfStaff {
			row.Staff = ""
		}
		d.List = append(d.List, row)
	}
	d.Me = h.svc.StaffName(a.Key)
	return q.Show(status, "managesessions", page.View{Title: q.Words("manage.end.title"), Error: d.Wrong != "", D: d})
}

func (h *Pages) endSessions(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	d := sessionsData{Staff: q.Field("staff"), Why: q.Field("why")}
	staff := d.Staff
	if q.Field("do") == "all" {
		staff = manage.EverybodyOfStaff
	}
	var e *walk.Error
	switch err := h.svc.EndSessions(q.Context(), a, staff, d.Why); {
	case err == nil:
		return q.Redirect(page.ManageBase + "/sessions")
	case errors.As(err, &e) && e.Code == walk.BadRequest:
		if d.Wrong = "manage.end.why.needed"; e.Field == "staff" {
			d.Wrong = "manage.end.wrong"
		}
		return h.showSessions(q, http.StatusBadRequest, d)
	default:
		return err
	}
}
