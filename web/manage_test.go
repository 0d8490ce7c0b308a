package web

import (
	"encoding/hex"
	"strings"
	"testing"

	"charye/approval"
	"charye/person"
	"charye/walk"
	"charye/web/catalogue"
	"charye/web/page/pagetest"
)

// TestManagePages shows every page to whom it is for, in both languages.
func TestManagePages(t *testing.T) {
	t.Parallel()
	for _, lang := range catalogue.Names {
		for token, pages := range map[string]map[string][]string{
			"manager": {
				"/manage":            {"campaigns[c].stock: 10 → 20", `href="/manage/requests/2"`, `href="/manage/requests/1"`, `href="/manage/figures"`, "request 1 waits"},
				"/manage/requests/1": {`action="/manage/requests/1/agree"`, `action="/manage/requests/1/decline"`, "왜냐하면 &lt;이유&gt;", "&lt;stock: 20&gt;", `name="digest" value="`},
				"/manage/figures":    {"12,345", "678", "432"},
			},
			"boss": {"/manage/requests/2": {`action="/manage/requests/2/withdraw"`, "name-1400"}},
			"auditor": {
				"/manage":            {`href="/manage/requests/2"`, `href="/manage/looks"`, `href="/manage/chains"`},
				"/manage/requests/2": {"campaigns[c].stock"},
				"/manage/looks?day=2021-07-01&desk=dddddddddddd": {"eeeeeeeeeeee", "day=2021-06-30", "day=2021-07-02", "before=5", "a word of a later version"},
				"/manage/chains": {"1042:ab00"},
			},
			"operator": {"/manage": {`href="/manage/installation"`, "request 1 waits"}, "/manage/installation": {"1.2.3", "p.yaml"}},
		} {
			for where, says := range pages {
				b, _ := atDesk(t, token)
				b.Lang = lang.ID
				w := b.Get(where)
				pagetest.WantPage(t, w, 200, says...)
				pagetest.CheckPage(t, where, lang.ID, w.Body.String())
			}
		}
		// What one role sees the others do not.
		for token, not := range map[string][]string{"auditor": {"/agree", "/decline", "/withdraw", "installation"}, "operator": {"requests/", "looks", "figures"}, "manager": {"looks", "chains"}} {
			b, _ := atDesk(t, token)
			body := b.Get("/manage").Body.String()
			if token != "operator" {
				body += b.Get("/manage/requests/1").Body.String()
			}
			for _, s := range not {
				if strings.Contains(body, "/manage/"+strings.TrimPrefix(s, "/")) || strings.HasPrefix(s, "/") && strings.Contains(body, s+`"`) {
					t.Errorf("%s is shown %s", token, s)
				}
			}
		}
		b, _ := atDesk(t, "manager")
		b.Lang = lang.ID
		for _, where := range []string{"/manage/requests/77", "/manage/requests/x", "/manage/nowhere"} {
			pagetest.WantPage(t, b.Get(where), 404)
		}
	}
}

// TestManageForms: what a manager does reaches the walk as they did it, and what stands against it is said on the request's page.
func TestManageForms(t *testing.T) {
	t.Parallel()
	digest := func(svc *scripted, id int64) string {
		r, err := svc.asked.Request(id)
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(r.Digest[:])
	}
	b, svc := atDesk(t, "manager")
	pagetest.WantPage(t, b.Post("/manage/requests/1/agree"), 409, "보신 내용이 지금의 요청과 다릅니다", `role="alert"`)
	pagetest.WantPage(t, b.Post("/manage/requests/1/agree", "digest", strings.Repeat("ab", 32)), 409, "보신 내용이 지금의 요청과 다릅니다")
	pagetest.WantRedirect(t, b.Post("/manage/requests/1/agree", "digest", digest(svc, 1), "why", "읽었음"), "/manage/requests/1")
	if !svc.Called(`Agree 1 manager "읽었음"`) {
		t.Errorf("calls: %v", svc.Taken)
	}
	pagetest.WantPage(t, b.Get("/manage/requests/1"), 200, "이미 동의하셨습니다", "1명이 더 동의해야")
	pagetest.WantPage(t, b.Post("/manage/requests/1/agree", "digest", digest(svc, 1)), 409, "한 사람은 한 번만")
	pagetest.WantPage(t, b.Post("/manage/requests/2/withdraw"), 403, "요청한 사람만")
	pagetest.WantPage(t, b.Post("/manage/requests/2/decline"), 400, "이유를 적어 주세요")
	pagetest.WantRedirect(t, b.Post("/manage/requests/2/decline", "why", "아니오"), "/manage/requests/2")
	pagetest.WantPage(t, b.Post("/manage/requests/2/agree", "digest", digest(svc, 2)), 409, "상태가 바뀌어서")
	pagetest.WantPage(t, b.Post("/manage/requests/99/decline", "why", "아니오"), 404)

	b, svc = atDesk(t, "boss")
	pagetest.WantPage(t, b.Get("/manage/requests/2"), 200, "직접 요청하신 것입니다")
	pagetest.WantPage(t, b.Post("/manage/requests/2/agree", "digest", digest(svc, 2)), 403, "직접 요청한 것에는")
	pagetest.WantPage(t, b.Post("/manage/requests/2/decline", "why", "x"), 403, "직접 요청한 것에는")
	pagetest.WantRedirect(t, b.Post("/manage/requests/2/withdraw"), "/manage/requests/2")
	if r, err := svc.asked.Request(2); err != nil || r.State(svc.now) != approval.Withdrawn {
		t.Errorf("%v %v", r.State(svc.now), err)
	}
	svc.Fail["Agree"] = &walk.Error{Code: walk.Overloaded}
	pagetest.WantPage(t, b.Post("/manage/requests/1/agree", "digest", digest(svc, 1)), 503)

	b, svc = atDesk(t, "auditor")
	for _, act := range []string{"agree", "decline", "withdraw"} {
		pagetest.WantPage(t, b.Post("/manage/requests/1/"+act, "digest", digest(svc, 1), "why", "x"), 403)
	}
	if svc.Called("Agree") || svc.Called("Decline") || svc.Called("Withdraw") {
		t.Errorf("calls: %v", svc.Taken)
	}
}

// TestAskRules: first what changes, then the question, and a wrong file is told with its line.
func TestAskRules(t *testing.T) {
	t.Parallel()
	for _, lang := range catalogue.Names {
		b, svc := atDesk(t, "manager")
		b.Lang = lang.ID
		page := func(status int, says []string, form ...string) {
			t.Helper()
			w := b.Post("/manage/rules", form...)
			pagetest.WantPage(t, w, status, says...)
			pagetest.CheckPage(t, "rules", lang.ID, w.Body.String())
		}
		w := b.Get("/manage/rules")
		pagetest.WantPage(t, w, 200, `action="/manage/rules"`)
		pagetest.CheckPage(t, "rules", lang.ID, w.Body.String())
		page(400, []string{"file:1: what is this", "nonsense</textarea>"}, "file", "nonsense")
		page(200, []string{"campaigns[c].stock: 10 → 20", "name: a → b", `value="ask"`}, "file", "changed <b>")
		w = b.Post("/manage/rules", "file", "free", "do", "look")
		if body := w.Body.String(); w.Code != 200 || strings.Contains(body, `value="ask"`) {
			t.Error("asks for what needs nobody")
		}
		page(400, []string{`role="alert"`}, "file", "changed", "do", "ask")
		pagetest.WantRedirect(t, b.Post("/manage/rules", "file", "changed", "do", "ask", "reason", "더 왔음"), "/manage/requests/3")
		page(409, []string{`role="alert"`}, "file", "changed", "do", "ask", "reason", "더 왔음")
		if !svc.Called("AskRules") {
			t.Errorf("calls: %v", svc.Taken)
		}
	}
}

// TestEndedSessions: a manager ends sessions; one that was ended is none, and where nobody knows it counts for nothing.
func TestEndedSessions(t *testing.T) {
	t.Parallel()
	for _, lang := range catalogue.Names {
		b, svc := atDesk(t, "operator")
		b.Lang = lang.ID
		w := b.Get("/manage/sessions")
		pagetest.WantPage(t, w, 200, "abcdefabcdef", "name-0700")
		pagetest.CheckPage(t, "sessions", lang.ID, w.Body.String())
		w = b.Post("/manage/sessions", "staff", "nobody", "why", "x", "do", "one")
		pagetest.WantPage(t, w, 400, `role="alert"`, `value="nobody"`)
		pagetest.CheckPage(t, "sessions", lang.ID, w.Body.String())
		pagetest.WantPage(t, b.Post("/manage/sessions", "staff", "abcdefabcdef", "do", "one"), 400, `role="alert"`)
		pagetest.WantRedirect(t, b.Post("/manage/sessions", "staff", "abcdefabcdef", "why", "lost", "do", "one"), "/manage/sessions")
		pagetest.WantRedirect(t, b.Post("/manage/sessions", "why", "drill", "do", "all"), "/manage/sessions")
		if !svc.Called(`EndSessions operator abcdefabcdef "lost"`) || !svc.Called(`EndSessions operator all "drill"`) {
			t.Errorf("calls: %v", svc.Taken)
		}
		svc.Fail["SessionEnded"] = &walk.Error{Code: walk.Overloaded}
		pagetest.WantPage(t, b.Get("/manage"), 503)
		pagetest.WantPage(t, b.Post("/manage/sessions", "why", "drill", "do", "all"), 503)
		delete(svc.Fail, "SessionEnded")
		svc.ended = map[person.Key]bool{{7}: true}
		pagetest.WantRedirect(t, b.Get("/manage"), "/desk/sign-in?return=%2Fmanage&why=needed")
		pagetest.WantRedirect(t, b.Get("/desk"), "/desk/sign-in?return=%2Fdesk&why=needed")
	}
}
