package web

import (
	"context"

	"charye/person"
	"charye/walk"
	"charye/walk/desk"
)

func (s *scripted) RegisterCaller(_ context.Context, a walk.Actor, n desk.NewCaller) (person.Recipient, error) {
	return person.Recipient{ID: "c-new"}, s.Step("RegisterCaller", "%s %s %s %s %s %s consent=%s", a.Channel, n.Campaign, n.Name, n.Born, n.Identity, n.Phone, n.Consent)
}

func (s *scripted) Caller(_ context.Context, _ walk.Actor, id string) (desk.Caller, error) {
	c := s.caller
	c.ID = id
	return c, s.Step("Caller", "%s", id)
}

func (s *scripted) Calls(_ context.Context, _ walk.Actor, campaign string) (desk.Calls, error) {
	return s.calling, s.Step("Calls", "%s", campaign)
}

func (s *scripted) RemoveCaller(_ context.Context, _ walk.Actor, id string) error {
	return s.Step("RemoveCaller", "%s", id)
}

func (s *scripted) IssueTemporary(_ context.Context, _ walk.Actor, n desk.NewTemporary) (desk.Temporary, error) {
	err := s.Step("IssueTemporary", "%s %s %s anyway=%t", n.Name, n.Born, n.Paper, n.Anyway)
	return desk.Temporary{Code: "XT-7K2M-9RPA-4D8W-HR3C", Name: n.Name, Born: n.Born, Paper: n.Paper, At: s.now}, err
}
