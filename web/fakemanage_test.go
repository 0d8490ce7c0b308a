package web

import (
	"context"
	"time"

	"charye/approval"
	"charye/internal/chain"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/walk/approvals"
	"charye/walk/look"
	"charye/walk/manage"
)

// withRequests makes one request from the command line and one of the manager "boss".
func (s *scripted) withRequests() {
	s.asked = &approval.Register{}
	for i, by := range []approval.Who{approval.Shell, {Key: person.Key{20}, Role: person.Manager}} {
		_, _, err := s.asked.Decide(approval.Step{
			Op: approval.OpAsk, At: s.now.Add(-time.Hour), By: by, Why: "왜냐하면 <이유>", Kind: approval.Kinds[i+1], Body: []byte("stock: 10\n<stock: 20>"),
			Summary: []string{"campaigns[c].stock: 10 → 20", "second"}, Lapses: s.now.Add(time.Hour),
		})
		if err != nil {
			panic(err)
		}
	}
}

func (s *scripted) take(a walk.Actor, name string, st approval.Step) (approval.Request, error) {
	if err := s.Step(name, "%d %s %q", st.Request, a.Channel, st.Why); err != nil {
		return approval.Request{}, err
	}
	st.At, st.By = s.now, approval.Who{Key: a.Key, Role: a.Role}
	_, r, err := s.asked.Decide(st)
	return r, approvals.Error(err)
}

func (s *scripted) Requests(_ context.Context, _ walk.Actor, before int64, limit int) ([]approval.Request, error) {
	return s.asked.Latest(before, limit), s.Step("Requests", "%d", before)
}

func (s *scripted) Request(_ context.Context, _ walk.Actor, id int64) (approval.Request, []byte, error) {
	if err := s.Step("Request", "%d", id); err != nil {
		return approval.Request{}, nil, err
	}
	r, err := s.asked.Request(id)
	return r, []byte("stock: 10\n<stock: 20>"), approvals.Error(err)
}

func (s *scripted) Agree(_ context.Context, a walk.Actor, id int64, digest approval.Digest, why string) (approval.Request, error) {
	return s.take(a, "Agree", approval.Step{Op: approval.OpAgree, Request: id, Digest: digest, Why: why})
}

func (s *scripted) Decline(_ context.Context, a walk.Actor, id int64, why string) (approval.Request, error) {
	return s.take(a, "Decline", approval.Step{Op: approval.OpDecline, Request: id, Why: why})
}

func (s *scripted) Withdraw(_ context.Context, a walk.Actor, id int64, why string) (approval.Request, error) {
	return s.take(a, "Withdraw", approval.Step{Op: approval.OpWithdraw, Request: id, Why: why})
}

func (s *scripted) WaitingRules(walk.Actor) (*manage.Rules, error) {
	return &manage.Rules{File: "p.yaml", Changes: []programme.Change{{Path: "campaigns[c].stock", Before: "10", After: "20"}}, How: "request 1 waits"}, s.Step("WaitingRules", "")
}

func (s *scripted) Figures(context.Context, walk.Actor) ([]manage.Figures, error) {
	if err := s.Step("Figures", ""); err != nil {
		return nil, err
	}
	c, err := s.Campaign(context.Background(), "age-55-59")
	return []manage.Figures{{Campaign: c, Line: walk.LineDoc{Joined: 12_345, Admitted: 678, Inside: 9}, Taken: 432, Standby: 7}}, err
}

func (s *scripted) Looks(_ context.Context, _ walk.Actor, day civil.Date, desk string, before int64) (look.Sheet, error) {
	return look.Sheet{Day: day, Desk: desk, Next: 5, Rows: []look.Row{
		{Seq: 9, At: s.now, Role: person.CallDesk, Clerk: "aaaaaaaaaaaa", Desk: "dddddddddddd", Campaign: "age-55-59", Why: "serve", People: []string{"eeeeeeeeeeee"}},
		{Seq: 8, At: s.now, Role: person.Office, Clerk: "bbbbbbbbbbbb", Desk: "cccccccccccc", Why: "a word of a later version", People: []string{"1", "2", "3", "4"}},
	}}, s.Step("Looks", "%s %q %d", day, desk, before)
}

func (s *scripted) ChainHeads(context.Context, walk.Actor) (manage.ChainHeads, error) {
	return manage.ChainHeads{At: s.now, Bookings: chain.Noted{Seq: 1042, Chain: chain.Hash{0xab}}}, s.Step("ChainHeads", "")
}

func (s *scripted) Installation(context.Context, walk.Actor) (manage.Installation, error) {
	return manage.Installation{
		At: s.now, Started: s.now.Add(-time.Hour), Version: "1.2.3", Checks: []manage.Check{{Name: "sites", OK: true}, {Name: "line"}, {Name: "people", OK: true}, {Name: "bookings", OK: true}, {Name: "messages", OK: true}, {Name: "requests", OK: true}},
		Feed: 99, Untold: 3, Requests: 2, Rules: &manage.Rules{File: "p.yaml"},
	}, s.Step("Installation", "")
}

func (s *scripted) StaffName(k person.Key) string { return "name-" + k.String()[:4] }

func (s *scripted) RuleChange(a walk.Actor, src []byte) (manage.RuleChange, error) {
	if string(src) == "" || string(src) == "nonsense" {
		return manage.RuleChange{}, &walk.Error{Code: walk.BadRequest, Field: "file", Detail: "file:1: what is this"}
	}
	c := manage.RuleChange{Rest: []programme.Change{{Path: "name", Before: "a", After: "b"}}, Body: src}
	if string(src) != "free" {
		c.Open, c.Needs = []programme.Change{{Path: "campaigns[c].stock", Before: "10", After: "20"}}, true
	}
	return c, s.Step("RuleChange", "%s %d", a.Channel, len(src))
}

func (s *scripted) AskRules(_ context.Context, a walk.Actor, src []byte, reason string) (approval.Request, error) {
	return s.take(a, "AskRules", approval.Step{
		Op: approval.OpAsk, Why: reason, Kind: approval.Programme, Body: src, Summary: []string{"campaigns[c].stock: 10 → 20"}, Lapses: s.now.Add(time.Hour),
	})
}

func (s *scripted) SessionEnded(_ context.Context, p person.Session) (bool, error) {
	if s.Fail["SessionEnded"] != nil { // not a call that tests count
		return false, s.Fail["SessionEnded"]
	}
	return s.ended[p.Key], nil
}

func (s *scripted) EndSessions(_ context.Context, a walk.Actor, staff, why string) error {
	if _, err := manage.EndBody(staff, s.now); err != nil {
		return err
	}
	if why == "" {
		return &walk.Error{Code: walk.BadRequest, Field: "step"}
	}
	return s.Step("EndSessions", "%s %s %q", a.Channel, staff, why)
}

func (s *scripted) Ended(context.Context, walk.Actor) ([]manage.EndedSessions, error) {
	return []manage.EndedSessions{{Staff: "abcdefabcdef", At: s.now, Why: "잃어버림"}, {Staff: manage.EverybodyOfStaff, At: s.now, Why: "훈련"}}, s.Step("Ended", "")
}
