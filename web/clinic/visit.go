package clinic

import (
	"errors"
	"net/http"
	"strconv"

	"charye/booking"
	"charye/internal/civil"
	"charye/walk"
	"charye/walk/clinic"
	"charye/web/page"
)

type whyRow struct{ ID, Name string }

type clinicVisitData struct {
	visitRow
	Today   bool
	From    string // in the box: what the last dose of the product was given from
	Reasons []whyRow
	Chosen  string
	Wrong   string // what is wrong, in words
	WrongAt string // from, why or nothing: the whole
	Undo    bool
	// Mismatch warns that the person is early or late.
	TooLate bool
}

func (h *Pages) clinicVisit(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	dose, _ := strconv.Atoi(q.PathValue("dose"))
	v, err := h.svc.Visitor(q.Context(), a, q.PathValue("id"), dose)
	if err != nil {
		return err
	}
	return h.showVisit(q, a, http.StatusOK, v, clinicVisitData{})
}

func (h *Pages) showVisit(q *page.Request, a walk.Actor, status int, v clinic.Visitor, d clinicVisitData) error {
	now := h.svc.Now()
	d.visitRow, d.Today = rowOf(v), civil.Of(v.Start, h.Zone) == civil.Of(now, h.Zone)
	d.Undo = v.State != booking.Expected
	d.TooLate = v.State == booking.Expected && now.After(v.Late)
	for _, id := range clinic.TurnAwayReasons {
		d.Reasons = append(d.Reasons, whyRow{id, q.Words(turnAwayNames[id])})
	}
	if d.From == "" && d.WrongAt != "from" && d.Today && (v.State == booking.Expected || v.State == booking.Arrived) {
		day, err := h.svc.ClinicDay(q.Context(), a)
		if err != nil {
			return err
		}
		for _, p := range day.Products {
			if p.Product.ID == v.Product.ID {
				d.From = p.Last
			}
		}
	}
	return q.Show(status, "clinicvisit", page.View{Title: q.Words("clinic.visit.title"), Error: d.Wrong != "", D: d})
}

// clinicTell takes what staff say of an appointment. What cannot be is told on the page of the appointment as it then stands.
func (h *Pages) clinicTell(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	dose, _ := strconv.Atoi(q.PathValue("dose"))
	state, ok := booking.ParseVisitState(q.Field("state"))
	if !ok {
		return &walk.Error{Code: walk.BadRequest, Detail: "state: want one of the states", Field: "state"}
	}
	id := q.PathValue("id")
	q.Back, q.Again = page.ClinicBase, []string{"state", "from", "why"}
	tell := clinic.TellVisit{Booking: id, Dose: dose, State: state}
	switch state {
	case booking.Given:
		tell.From = q.Field("from")
	case booking.TurnedAway:
		tell.Why = q.Field("why")
	case booking.Expected, booking.Arrived, booking.NoShow, booking.Spoilt:
	}
	v, err := h.svc.TellVisit(q.Context(), a, tell)
	if err == nil {
		if state == booking.Arrived && q.Field("then") == "give" {
			return q.Redirect(visitPath(&v))
		}
		return q.Redirect(page.WithQuery(page.ClinicBase, "done", state.String(), "n", v.Number) + "#" + sessionID(v.Start, h.Zone))
	}
	wrong, at, status := h.visitWrong(q, err)
	if wrong == "" {
		return err
	}
	if v, err = h.svc.Visitor(q.Context(), a, id, dose); err != nil {
		return err
	}
	return h.showVisit(q, a, status, v, clinicVisitData{Wrong: wrong, WrongAt: at, From: tell.From, Chosen: tell.Why})
}

// unfitNames say why nothing may be given from what was scanned, and what to do.
var unfitNames = map[clinic.UnfitReason]string{
	clinic.UnfitText: "clinic.unfit.text", clinic.UnfitHeld: "clinic.unfit.held", clinic.UnfitLot: "clinic.unfit.lot", clinic.UnfitExpired: "clinic.unfit.expired",
	clinic.UnfitProduct: "clinic.unfit.product", clinic.UnfitUnknown: "clinic.unfit.unknown", clinic.UnfitEmpty: "clinic.unfit.empty",
}

// visitWrong puts a refusal into words for the page of the appointment; empty for one that has a page of its own.
func (h *Pages) visitWrong(q *page.Request, err error) (text, at string, status int) {
	if u := clinic.WhyUnfit(err); u != "" {
		if u == clinic.UnfitOver {
			return h.tooLong(q, err), "from", http.StatusUnprocessableEntity
		}
		return q.Words(unfitNames[u]), "from", http.StatusUnprocessableEntity
	}
	e, ok := errors.AsType[*walk.Error](err)
	if !ok {
		return "", "", 0
	}
	switch e.Code {
	case walk.BadRequest:
		if e.Field == "why" {
			return q.Words("clinic.error.why"), "why", http.StatusUnprocessableEntity
		}
		return q.Words("clinic.error.rule"), "", http.StatusUnprocessableEntity
	case walk.Conflict:
		if e.Field == "state" {
			return q.Words("clinic.error.toosoon"), "", http.StatusConflict
		}
		return q.Words("clinic.error.already"), "", http.StatusConflict
	case walk.AlreadyBooked:
		return q.Words("clinic.error.again"), "", http.StatusConflict
	case walk.SlotFull:
		return q.Words("clinic.error.full"), "", http.StatusConflict
	case walk.NotOpen:
		return q.Words("clinic.error.early"), "", http.StatusConflict
	case walk.Closed:
		return q.Words("clinic.error.day"), "", http.StatusConflict
	default:
		return "", "", 0
	}
}
