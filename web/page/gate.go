package page

import (
	"net/http"
	"strings"

	"charye/internal/load"
	"charye/walk"
)

// goesOn reports whether a page belongs to the last steps of somebody who was let in: these are not held back, whatever others ask.
func goesOn(pattern string) bool {
	method, path, _ := strings.Cut(pattern, " ")
	step := path[strings.LastIndexByte(path, '/')+1:]
	switch step {
	case "enter", "hold", "confirm", "change", "cancel", "accept", "decline":
		return method == http.MethodPost || step == "confirm"
	}
	return false
}

// holdBack waits until there is room for a page that can wait.
func (q *Request) holdBack() error {
	if q.h.opts.Gate == nil {
		return nil
	}
	if goesOn(q.Pattern) {
		if q.Session != nil { // a stranger makes nobody wait
			q.h.opts.Gate.Hurry()
			q.hurries = true
		}
		return nil
	}
	if err := q.h.opts.Gate.Enter(q.Context(), load.Read); err != nil {
		return &walk.Error{Code: walk.Overloaded, Detail: "more is asked than can be answered", Err: err}
	}
	q.passed = true
	return nil
}

// LeaveGate lets the next one pass, before the page goes out: a client may take it slowly.
func (q *Request) LeaveGate() {
	if q.passed {
		q.h.opts.Gate.Leave(load.Read)
		q.passed = false
	}
	if q.hurries {
		q.h.opts.Gate.Arrive()
		q.hurries = false
	}
}
