package journeys_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"charye/test/journeys"
)

// TestManage is what two managers decide together, what an auditor reads of it and what an operator sees, in windows of theirs.
func TestManage(t *testing.T) {
	t.Parallel()
	b := journeys.StartBrowser(t).For(t)
	s := newWorld(t, open)
	file := filepath.Join(filepath.Dir(s.Data), "programme.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "stock: 1000", "stock: 2000", 1)

	// The first asks, without script.
	w := b.Visitor(journeys.WithoutScript, journeys.OnPhone)
	w.Open(s.URL + "/manage")
	clerkSignsIn(w, "가담당", "manager", "", true)
	w.WaitForText("가담당 – 사업 담당")
	healthy(t, w, "01-manage")
	w.ClickText("사업 규칙 바꾸기 요청")
	w.WaitFor("#file")
	w.Set("#file", "programme: nonsense\n")
	w.ClickText("무엇이 바뀌는지 보기")
	w.WaitForText("이 파일은 사업 파일로 읽을 수 없습니다")
	healthy(t, w, "02-wrong-file")
	w.Set("#file", changed)
	w.ClickText("무엇이 바뀌는지 보기")
	w.WaitForText("campaigns[main].stock: 1000 → 2000")
	healthy(t, w, "03-what-changes")
	w.Type("#reason", "백신이 더 왔습니다")
	w.ClickText("이대로 요청합니다")
	w.WaitForText("직접 요청하신 것입니다")
	if w.Says("동의합니다") || w.Has(`form[action$="/agree"]`) {
		t.Error("who asked is offered to agree")
	}
	healthy(t, w, "04-asked")
	request := w.URL()

	// Another one reads it and agrees.
	other := b.Visitor()
	other.Open(request)
	clerkSignsIn(other, "나담당", "manager", "", true)
	other.WaitForText("백신이 더 왔습니다")
	healthy(t, other, "05-to-agree")
	other.Click(`form[action$="/agree"] button`)
	other.WaitForText("동의가 끝났습니다")
	healthy(t, other, "06-agreed")
	other.Open(s.URL + "/manage/figures")
	other.WaitForText("50대 사전예약")
	healthy(t, other, "07-figures")
	noComplaints(t, other)

	// An auditor reads all of it and can do nothing.
	auditor := b.Visitor()
	auditor.Open(request)
	clerkSignsIn(auditor, "다감사", "auditor", "", true)
	auditor.WaitForText("백신이 더 왔습니다")
	if auditor.Has("main form") {
		t.Error("an auditor can do something to a request")
	}
	healthy(t, auditor, "08-auditor")
	auditor.Open(s.URL + "/manage/looks")
	auditor.WaitForText("직원이 본 사람")
	healthy(t, auditor, "09-looks")
	auditor.Open(s.URL + "/manage/chains")
	auditor.WaitForText("기록의 지문")
	healthy(t, auditor, "10-chains")
	auditor.Open(s.URL + "/manage/installation")
	auditor.WaitForText("역할이 아닙니다")

	operator := b.Visitor()
	operator.Open(s.URL + "/manage?lang=en")
	clerkSignsIn(operator, "Kim Operator", "operator", "", true)
	operator.WaitForText("State of the installation")
	healthy(t, operator, "11-operator")
	operator.ClickText("State of the installation")
	operator.WaitForText("Everything answers")
	healthy(t, operator, "12-installation")

	// The next start takes exactly what was agreed to.
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Charye = journeys.StartCharye(t, "serve", "--programme", file, "--data", s.Data)
	var d struct{ Remaining int }
	s.until("the new stock", func() bool {
		res, err := http.Get(s.URL + "/api/v1/campaigns/main/line")
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		return json.NewDecoder(res.Body).Decode(&d) == nil && d.Remaining == 2000
	})
}
