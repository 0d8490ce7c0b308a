package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"charye/approval"
	approvalsqlite "charye/approval/sqlite"
	"charye/internal/durable"
	"charye/person"
	"charye/walk/manage"
)

// openNow is a programme with a campaign that has begun, as the clock stands.
func openNow(stock int, more string) []byte {
	day := func(n int) string { return time.Now().AddDate(0, 0, n).UTC().Format("2006-01-02") + "T00:00:00Z" }
	return fmt.Appendf(nil, `
programme: p
name: {en: P}
timezone: Asia/Seoul
%s
products:
  - id: moderna
    name: {en: Moderna}
    cvx: "207"
    dosesPerVial: 10
    series: {doses: 1}
campaigns:
  - id: c
    name: {en: C}
    products: [moderna]
    eligible: all
    opens: %s
    closes: %s
    stock: %d
    line: {order: arrival}
timetables:
  - {sites: all, start: 2021-07-26, days: 14, from: "09:00", to: "10:00", every: 30m, seats: 2}
`, more, day(-1), day(2), stock)
}

// rulesWorld is a data directory that was served with 10 doses.
type rulesWorld struct {
	t   *testing.T
	dir *durable.Dir
	log bytes.Buffer
}

func newRulesWorld(t *testing.T, more string) *rulesWorld {
	t.Helper()
	dir, err := durable.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &rulesWorld{t: t, dir: dir}
	if stock, waiting := w.start(openNow(10, more)); stock != 10 || waiting != nil {
		t.Fatalf("the first start: %d, %+v", stock, waiting)
	}
	return w
}

// start gives the stock that is served.
func (w *rulesWorld) start(src []byte) (int, *manage.Rules) {
	w.t.Helper()
	w.log.Reset()
	p, waiting, err := takeProgramme(w.t.Context(), w.dir, "", "p.yaml", src, slog.New(slog.NewTextHandler(&w.log, nil)))
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Campaigns[0].Stock, waiting
}

func (w *rulesWorld) run(args ...string) string {
	w.t.Helper()
	var out, errs bytes.Buffer
	if code := run(w.t.Context(), args, streams{out: &out, err: &errs}); code != exitDone {
		w.t.Fatalf("charye %v: %d, %s", args, code, errs.String())
	}
	return out.String()
}

// agree has managers agree to the last request.
func agree(t *testing.T, dir string, managers ...byte) {
	t.Helper()
	ctx := context.Background()
	s, err := approvalsqlite.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	list, err := s.Latest(ctx, 0, 1)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	for _, m := range managers {
		_, err := s.Decide(ctx, approval.Step{
			Op: approval.OpAgree, At: time.Now(), By: approval.Who{Key: person.Key{m}, Role: person.Manager}, Request: list[0].ID, Digest: list[0].Digest,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestRulesWait: rules of a campaign that has begun change when two managers agreed to exactly that, and until then the server goes on with those it
// had; nothing of that can be used a second time.
func TestRulesWait(t *testing.T) {
	t.Parallel()
	w := newRulesWorld(t, "")
	changed := openNow(99, "")
	file := w.dir.File("changed.yaml")
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	waits := func(when string, src []byte, how string) {
		t.Helper()
		stock, waiting := w.start(src)
		if stock != 10 || waiting == nil || !strings.Contains(waiting.How, how) || !strings.Contains(w.log.String(), "IS NOT TAKEN") {
			t.Fatalf("%s: %d doses, %+v, log %s", when, stock, waiting, w.log.String())
		}
	}
	waits("nobody was asked", changed, "nobody was asked")
	if out := w.run("programme", "diff", "--data", w.dir.Path(), file); !strings.Contains(out, "campaigns[c].stock: 10 → 99") || !strings.Contains(out, "two managers must agree") {
		t.Error(out)
	}
	if out := w.run("programme", "ask", "--data", w.dir.Path(), "--reason", "more came", file); !strings.Contains(out, "2 of 2 must still agree") {
		t.Error(out)
	}
	waits("nobody agreed", changed, "request 1 for exactly this waits for 2 of 2")
	agree(t, w.dir.Path(), 1)
	waits("one agreed", changed, "waits for 1 of 2")
	agree(t, w.dir.Path(), 2)
	waits("another file", openNow(98, ""), "nobody was asked")
	if stock, waiting := w.start(changed); stock != 99 || waiting != nil {
		t.Fatalf("two agreed: %d doses, %+v", stock, waiting)
	}
	if stock, waiting := w.start(changed); stock != 99 || waiting != nil {
		t.Fatalf("the start after that: %d doses, %+v", stock, waiting)
	}
	if out := w.run("requests", "show", "--data", w.dir.Path(), "1"); !strings.Contains(out, "done") || !strings.Contains(out, "operator@shell") {
		t.Error(out)
	}
	// Back again is another change, and then the first once more is one too.
	if stock, waiting := w.start(openNow(10, "")); stock != 99 || waiting == nil {
		t.Fatalf("back without asking: %d doses", stock)
	}
	back := w.dir.File("back.yaml")
	if err := os.WriteFile(back, openNow(10, ""), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run("programme", "ask", "--data", w.dir.Path(), "--reason", "back", back)
	agree(t, w.dir.Path(), 1, 2)
	if stock, waiting := w.start(openNow(10, "")); stock != 10 || waiting != nil {
		t.Fatalf("back as agreed: %d doses, %+v", stock, waiting)
	}
	waits("what was done once", changed, "is done")
}

// TestRulesTaken: what touches no campaign that has begun is taken, and a trial asks nobody unless its file says so.
func TestRulesTaken(t *testing.T) {
	t.Parallel()
	w := newRulesWorld(t, "")
	named := bytes.Replace(openNow(10, ""), []byte("name: {en: C}"), []byte("name: {en: Other}"), 1)
	if _, waiting := w.start(named); waiting != nil {
		t.Errorf("another name: %+v", waiting)
	}
	paused := bytes.Replace(named, []byte("    stock:"), []byte("    pauses: [{from: "+time.Now().UTC().Format("2006-01-02")+"T00:00:00Z, to: "+time.Now().AddDate(0, 0, 1).UTC().Format("2006-01-02")+"T00:00:00Z, why: {en: x}}]\n    stock:"), 1)
	if _, waiting := w.start(paused); waiting != nil {
		t.Errorf("a pause more: %+v", waiting)
	}
	if _, waiting := w.start(named); waiting == nil {
		t.Error("a pause was taken back, and nobody was asked")
	}
	trial := newRulesWorld(t, "trial: true")
	if stock, waiting := trial.start(openNow(99, "trial: true")); stock != 99 || waiting != nil {
		t.Errorf("a trial: %d doses, %+v", stock, waiting)
	}
	if stock, waiting := trial.start(openNow(98, "trial: true\nfourEyes: {}")); stock != 98 || waiting != nil {
		t.Errorf("a trial that begins with it: %d doses, %+v", stock, waiting)
	}
	if stock, waiting := trial.start(openNow(97, "trial: true")); stock != 98 || waiting == nil || len(waiting.Changes) != 2 {
		t.Errorf("a trial that ends it: %d doses, %+v", stock, waiting)
	}
}
