package clinic

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/walk/clinic"
	"charye/web/page"
	"charye/web/page/pagetest"
	"charye/web/signin"
)

// scripted is a Service that answers as the test tells it. It keeps no rules of its own.
type scripted struct {
	pagetest.Steps
	now      time.Time
	clinic   clinic.Day
	visitors []clinic.Visitor
	visitor  clinic.Visitor
}

// pagesOf are the pages of clinics, with the way in.
func pagesOf(t testing.TB, svc *scripted) http.Handler {
	t.Helper()
	door := pagetest.NewDoorman(svc.now)
	f, err := page.New(svc, door, page.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ways, err1 := signin.New(f, door)
	pages, err2 := New(f, svc)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	f.Mount(mux, "", ways.Routes())
	f.Mount(mux, page.DeskBase, slices.Concat(ways.StaffRoutes(), pages.Routes()))
	return f.Serve(mux)
}

func (s *scripted) Programme() *programme.Programme {
	return &programme.Programme{ID: "covid19-2021", Name: programme.Text{KO: "코로나19 예방접종 2021", EN: "COVID-19 vaccination 2021"}, Zone: pagetest.Seoul, Trial: true}
}

func (s *scripted) Now() time.Time { return s.now }

func (s *scripted) SessionEnded(context.Context, person.Session) (bool, error) { return false, nil }

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
