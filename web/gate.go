package web

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

// holdBack waits until there is room for a page that can wait. The function that it gives ends the page's stay.
func (h *handler) holdBack(r *http.Request) (func(), error) {
	if h.opts.Gate == nil || goesOn(r.Pattern) {
		return func() {}, nil
	}
	if err := h.opts.Gate.Enter(r.Context(), load.Read); err != nil {
		return nil, &walk.Error{Code: walk.Overloaded, Detail: "more is asked than can be answered", Err: err}
	}
	return func() { h.opts.Gate.Leave(load.Read) }, nil
}
