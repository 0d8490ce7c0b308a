package web

import (
	"context"

	"charye/walk"
	"charye/walk/clinic"
	"charye/web/page/pagetest"
)

func (s *scripted) ClinicDay(_ context.Context, a walk.Actor) (clinic.Day, error) {
	return s.clinic, s.Step("ClinicDay", "%s", a.Channel)
}

func (s *scripted) FindVisitors(_ context.Context, _ walk.Actor, text string) ([]clinic.Visitor, error) {
	return s.visitors, s.Step("FindVisitors", "%s", text)
}

func (s *scripted) Visitor(_ context.Context, _ walk.Actor, booking string, dose int) (clinic.Visitor, error) {
	v := s.visitor
	v.Booking, v.Dose = booking, dose
	return v, s.Step("Visitor", "%s %d", booking, dose)
}

func (s *scripted) TellVisit(_ context.Context, _ walk.Actor, t clinic.TellVisit) (clinic.Visitor, error) {
	v := s.visitor
	v.Booking, v.Dose, v.State = t.Booking, t.Dose, t.State
	return v, s.Step("TellVisit", "%s %d %s from=%s why=%s", t.Booking, t.Dose, t.State, t.From, t.Why)
}

func (s *scripted) OfferLeftovers(_ context.Context, _ walk.Actor, o clinic.OfferLeftovers) (int, error) {
	return 7, s.Step("OfferLeftovers", "%s %s %d %s", o.Campaign, o.Product, o.Doses, o.Until.In(pagetest.Seoul).Format("15:04"))
}
