package supply

import (
	"strings"
	"testing"

	"charye/supply"
	"charye/supply/room/roomtest"
	"charye/web/catalogue"
	"charye/web/page"
	"charye/web/page/pagetest"
)

// TestMakingPages: a preview that is not there at once has a page that shows how far it is, asks again by itself, leads to the preview, and says what to do
// when it failed or was stopped.
func TestMakingPages(t *testing.T) {
	t.Parallel()
	b, svc, w := inRoom(t, "logistics")
	svc.slow = true
	look := func(where string, says ...string) string {
		t.Helper()
		for _, lang := range catalogue.Names {
			b.Lang = lang.ID
			a := b.Get(where)
			pagetest.WantPage(t, a, 200, says...)
			pagetest.CheckPage(t, where, lang.ID, a.Body.String())
		}
		b.Lang = "ko"
		return b.Get(where).Body.String()
	}
	ask := func() string {
		t.Helper()
		a := b.Post("/supply/cases/new", "action", "hold", "case", "트럭", "boxes", roomtest.Box(3).String(), "reason", "얼었음", "evidence", "file-3", "km", "30", "days", "20")
		pagetest.WantPage(t, a, 303)
		return a.Header().Get("Location")
	}
	ctx := t.Context()
	to := ask()
	name := strings.TrimPrefix(to, makingBase)
	look(to, `http-equiv="refresh" content="2"`, "– 트럭")
	look("/supply/cases", to)
	if mine, err := w.Store.TakeTask(ctx, "draft:"+name, "other", w.Now(), roomtest.Minute(1000)); err != nil || !mine {
		t.Fatal(mine, err)
	}
	if mine, looked, err := w.Store.TellTask(ctx, "draft:"+name, "other", roomtest.Minute(1000), supply.Progress{Sites: 1, OfSites: 4, Near: 16, People: 30, OfPeople: 120}); err != nil || !mine || !looked.Equal(w.Now()) {
		t.Fatal(mine, looked, err)
	}
	look(to, `http-equiv="refresh" content="2"`, `value="25">25%`, "120", "16")
	if _, err := w.Store.EndTask(ctx, "draft:"+name, "other", supply.TaskFailed, "the database is away"); err != nil {
		t.Fatal(err)
	}
	if s := look(to, `role="alert"`, "the database is away", to+"/again"); strings.Contains(s, "refresh") {
		t.Error("what failed is asked for again and again")
	}
	pagetest.WantRedirect(t, b.Post(to+"/again"), to)
	if err := svc.room.Round(ctx); err != nil {
		t.Fatal(err)
	}
	draft := b.Get(to).Header().Get("Location")
	look(draft, "두리의원", `name="plan"`)
	look("/supply/cases", draft)

	to = ask()
	name = strings.TrimPrefix(to, makingBase)
	if mine, err := w.Store.TakeTask(ctx, "draft:"+name, "other", w.Now(), w.Now()); err != nil || !mine {
		t.Fatal(mine, err)
	}
	if _, err := w.Store.EndTask(ctx, "draft:"+name, "other", supply.TaskStopped, ""); err != nil {
		t.Fatal(err)
	}
	look(to, to+"/again", "card warn")
	pagetest.WantPage(t, b.Get(makingBase+"nobody"), 404)
	pagetest.WantPage(t, b.Post(makingBase+"nobody/again"), 404)
	b.Cookies[page.CookieStaff] = "auditor"
	pagetest.WantPage(t, b.Get(to), 403)
	pagetest.WantPage(t, b.Post(to+"/again"), 403)
	if s := b.Get("/supply/cases").Body.String(); strings.Contains(s, makingBase) {
		t.Error("who may not ask is shown previews")
	}

	// So many at once, and what was typed stays.
	b.Cookies[page.CookieStaff] = "logistics"
	refused := false
	for range 20 {
		a := b.Post("/supply/cases/new", "action", "hold", "case", "트럭", "boxes", roomtest.Box(3).String(), "reason", "얼었음", "evidence", "file-3", "km", "30", "days", "20")
		if refused = a.Code == 422; refused {
			pagetest.WantPage(t, a, 422, `href="#action"`, `value="얼었음"`)
			break
		}
	}
	if !refused {
		t.Error("any number of previews is made at once")
	}
}
