package signin

import (
	"net/http"

	"charye/web/page"
)

type deskSignInData struct {
	signInData
	Why string // catalogue key of what went wrong, may be empty
}

func (h *Pages) deskSignIn(q *page.Request) error {
	d := deskSignInData{signInData: signInData{
		Providers: h.providers(true), Return: staffPath(q.FormValue("return")), Fresh: q.Field("fresh") != "",
		SignedIn: q.Session != nil, Name: q.Name(), base: page.DeskBase,
	}}
	switch q.Field("why") {
	case "factor":
		d.Why = "desk.signin.factor"
	case "role":
		d.Why = "desk.signin.role"
	case "failed":
		d.Why = "desk.signin.failed"
	}
	return q.Show(http.StatusOK, "desksignin", page.View{Title: q.Words("desk.signin.title"), Error: d.Why != "", D: d})
}

func (h *Pages) deskSignOut(q *page.Request) error {
	h.Cookies.Clear(q.W, page.CookieStaff)
	h.Cookies.Clear(q.W, page.CookieRole)
	h.Cookies.ClearPasses(q.W, q.Request)
	return q.Redirect(page.DeskBase + "/sign-in")
}
