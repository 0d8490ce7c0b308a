package walktest

import (
	"fmt"
	"testing"
	"time"

	"charye/booking"
	"charye/person"
	"charye/walk"
	"charye/walk/clinic"
	"charye/walk/desk"
)

// DeskRules are campaigns that take callers in different ways.
const DeskRules = `
programme: desk-test
name: {en: Test}
timezone: Asia/Seoul
products:
  - {id: flu, name: {en: Flu}, cvx: "158", dosesPerVial: 10, series: {doses: 1}}
campaigns:
  - id: main
    name: {en: Main}
    products: [flu]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 100
    line: {order: arrival, inside: 1, perSecond: 1000, passMinutes: 10}
    helpers: {allowed: true, perHelper: 2}
    desk: {allowed: true, perClerk: 3, until: 2021-07-14}
  - id: listed
    name: {en: By roster}
    products: [flu]
    eligible: {roster: residents}
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 100
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
    desk: {allowed: true, perClerk: 3}
  - id: listed-too
    name: {en: By roster or temporary identity}
    products: [flu]
    eligible: {roster: residents, temporary: true, except: [elsewhere]}
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 100
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
    desk: {allowed: true, perClerk: 3}
  - id: no-desk
    name: {en: Online only}
    products: [flu]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 100
    line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}
timetables:
  - {sites: all, start: 2021-07-26, days: 14, from: "09:00", to: "10:00", every: 30m, seats: 50}
`

// NewDesk is a world with [DeskRules], open.
func NewDesk(t *testing.T) *World {
	t.Helper()
	w, end := Of(t, DeskRules)
	t.Cleanup(end)
	w.Set(At(12, 20, 1))
	return w
}

// Clerk is somebody at work: n tells them apart, unit their offices.
func (w *World) Clerk(n int, role person.Role, unit byte) walk.Actor {
	w.T.Helper()
	now := time.Unix(0, w.Clock.Load()).Truncate(time.Second)
	a, err := walk.StaffActor(person.Session{
		Key: w.Keyer.Key("staff", fmt.Sprint(n)), SignedInAt: now, ExpiresAt: now.Add(person.StaffSessionLife), Roles: person.RolesOf(role), Unit: [16]byte{unit},
	}, role, func() (string, error) { return "나상담", nil })
	Must(w.T, err)
	return a
}

// Calling has a clerk register trial person n.
func (w *World) Calling(a walk.Actor, n int, campaign string) (person.Recipient, error) {
	consent := person.ConsentPhone
	if a.Role == person.Office {
		consent = person.ConsentHere
	}
	return w.RegisterCaller(w.T.Context(), a, desk.NewCaller{
		Campaign: campaign, Name: "김하나", Born: Born, Identity: person.Trial(n).Identity, Phone: "010-1234-5678", Consent: consent,
	})
}

// StaffSpace is the namespace of those at work at sites.
const StaffSpace = "work.example"

// Nurse is somebody of a clinic's staff at a site.
func (w *World) Nurse(n int, at string) walk.Actor {
	a := w.Clerk(n, person.Clinic, 0)
	a.Unit = w.Keyer.Unit(StaffSpace, at)
	return a
}

// TellOf has a nurse of S1 say what happened.
func (w *World) TellOf(b walk.Booking, dose int, state booking.VisitState, more ...string) (clinic.Visitor, error) {
	v := clinic.TellVisit{Booking: b.ID, Dose: dose, State: state}
	switch state {
	case booking.Given:
		v.From = "AB12"
		if len(more) > 0 {
			v.From = more[0]
		}
	case booking.TurnedAway:
		v.Why = "no-vaccine"
	default:
	}
	return w.TellVisit(w.T.Context(), w.Nurse(1, "S1"), v)
}
