package web

import "charye/walk/clinic"

// tooLong says that a vial was opened longer ago than it may be used, and what to do.
func (q *request) tooLong(err error) string {
	since, long := clinic.UnfitSince(err)
	return q.words("clinic.unfit.over", "time", q.lang.moment(since), "long", q.long(long))
}
