package clinic

import (
	"charye/walk/clinic"
	"charye/web/page"
)

// tooLong says that a vial was opened longer ago than it may be used, and what to do.
func (h *Pages) tooLong(q *page.Request, err error) string {
	since, long := clinic.UnfitSince(err)
	text, err := q.Lang.Long(long)
	if err != nil {
		h.Log.ErrorContext(q.Context(), "catalogue")
	}
	return q.Words("clinic.unfit.over", "time", q.Lang.Moment(since), "long", text)
}
