package citizen

import (
	"charye/walk"
	"charye/web/page"
)

// companion is somebody for whom this browser holds a pass too: they can be booked at the same time and place.
type companion struct {
	Value string // of the form field "with"
	Name  string // empty: the reader
}

// withMe stands for the reader in the form field "with"; recipients stand by their ids, which are never like it.
const withMe = "me"

// companions lists who else is inside, of the reader and those they help in the campaign.
func (h *Pages) companions(q *page.Request, s subject) ([]companion, error) {
	a, err := q.Actor()
	if err != nil || a.IsStaff() { // a desk books for one caller at a time
		return nil, err
	}
	var out []companion
	inside := func(recipient string) bool {
		p, ok := h.Cookies.Pass(q.Request, page.PassName(s.Campaign.ID, recipient))
		return ok && recipient != s.For && p.Until.After(h.svc.Now())
	}
	if inside("") {
		out = append(out, companion{Value: withMe})
	}
	all, err := h.svc.Recipients(q.Context(), a)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.Campaign == s.Campaign.ID && inside(r.ID) {
			out = append(out, companion{Value: r.ID, Name: r.Name})
		}
	}
	return out, nil
}

// together has a booking be for two where the form asked for it. It gives whose pass is used up then.
func (h *Pages) together(q *page.Request, campaign string, req *walk.BookRequest) (recipient string, both bool, err error) {
	with := q.Field("with")
	if with == "" {
		return "", false, nil
	}
	if with != withMe {
		recipient = with
	}
	_, pass, err := h.inside(q, campaign, recipient)
	if err != nil {
		return "", false, err
	}
	// The held slot is given back and taken again in the same step, together with the other's seat.
	req.Slot, req.Hold, req.WithPass = q.Field("slot"), "", pass.Token
	return recipient, true, nil
}
