package page

import (
	"net/http"

	"charye/person"
	"charye/walk"
)

// Route is a page: the requests that it answers, and for pages of staff whom it is for.
type Route struct {
	Pattern string
	Act     walk.Act    // what a role must be for; empty where any session of staff will do, or none yet
	Open    bool        // before the sign-in
	As      person.Role // who has this role acts in it here, whatever they chose
	Do      Action
}

// Mount adds pages to a mux. base is "" for pages of citizens, whose actions ask for a session themselves, and [DeskBase] for those of staff.
func (h *Frame) Mount(mux *http.ServeMux, base string, routes []Route) {
	for _, r := range routes {
		f := r.Do
		if base != "" {
			f = r.guarded()
		}
		mux.Handle(r.Pattern, h.pageAt(base, f))
	}
}

// Missing is the page of an address under which there is nothing.
func Missing(*Request) error {
	return &walk.Error{Code: walk.NotFound, Detail: "there is no such page"}
}

// guarded lets in whom the page is for. Package walk asks again at every step; here it keeps away also from pages that show nothing
// personal, such as a form or a list of sites.
func (r Route) guarded() Action {
	if r.Open {
		return r.Do
	}
	return func(q *Request) error {
		if r.As != person.NoRole && q.Session != nil && q.Session.Roles.Has(r.As) {
			q.role = r.As
		}
		a, err := q.Actor()
		if err != nil {
			return err
		}
		if r.Act != "" && !walk.May(a, r.Act) {
			return &walk.Error{Code: walk.NotAllowed, Detail: "this role is not for that"}
		}
		return r.Do(q)
	}
}
