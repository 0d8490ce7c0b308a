package web

import (
	"charye/walk"
)

// companion is somebody for whom this browser holds a pass too: they can be booked at the same time and place.
type companion struct {
	Value string // of the form field "with"
	Name  string // empty: the reader
}

// withMe stands for the reader in the form field "with"; recipients stand by their ids, which are never like it.
const withMe = "me"

// companions lists who else is inside, of the reader and those they help in the campaign.
func (q *request) companions(s subject) ([]companion, error) {
	a, err := q.actor()
	if err != nil || a.IsStaff() { // a desk books for one caller at a time
		return nil, err
	}
	var out []companion
	inside := func(recipient string) bool {
		p, ok := q.h.cookies.pass(q.Request, passName(s.Campaign.ID, recipient))
		return ok && recipient != s.For && p.Until.After(q.h.svc.Now())
	}
	if inside("") {
		out = append(out, companion{Value: withMe})
	}
	all, err := q.h.svc.Recipients(q.Context(), a)
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
func (q *request) together(campaign string, req *walk.BookRequest) (recipient string, both bool, err error) {
	with := q.field("with")
	if with == "" {
		return "", false, nil
	}
	if with != withMe {
		recipient = with
	}
	_, pass, err := q.inside(campaign, recipient)
	if err != nil {
		return "", false, err
	}
	// The held slot is given back and taken again in the same step, together with the other's seat.
	req.Slot, req.Hold, req.WithPass = q.field("slot"), "", pass.Token
	return recipient, true, nil
}
