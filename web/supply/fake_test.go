package supply

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"charye/approval"
	"charye/person"
	"charye/programme"
	"charye/supply"
	"charye/supply/delivery"
	"charye/supply/journal"
	"charye/supply/room"
	"charye/walk"
	"charye/web/page"
	"charye/web/page/pagetest"
)

// supplyFake is a Service that keeps a real room and records what it was asked.
type supplyFake struct {
	pagetest.Steps
	programme *programme.Programme
	now       time.Time
	room      *room.Room // nil: there is no supply room
	slow      bool       // previews are made in the background, by [room.Room.Round]
}

func newSupplyFake() *supplyFake {
	return &supplyFake{
		Steps: pagetest.NewSteps(), now: pagetest.Opening,
		programme: &programme.Programme{ID: "covid19-2021", Name: programme.Text{KO: "코로나19 예방접종 2021", EN: "COVID-19 vaccination 2021"}, Zone: pagetest.Seoul, Trial: true},
	}
}

// roomPages are the pages of the supply room alone.
func roomPages(t testing.TB, svc *supplyFake) http.Handler {
	t.Helper()
	f, err := page.New(svc, pagetest.NewDoorman(svc.now), page.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := New(f, svc)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	f.Mount(mux, page.DeskBase, pages.Routes())
	return f.Serve(mux)
}

func (s *supplyFake) Programme() *programme.Programme { return s.programme }
func (s *supplyFake) Now() time.Time                  { return s.now }

func (s *supplyFake) SessionEnded(context.Context, person.Session) (bool, error) { return false, nil }

func whoOf(a walk.Actor) approval.Who { return approval.Who{Key: a.Key, Role: a.Role} }

// told gives refusals as package walk does.
func told(err error) error {
	for _, c := range []struct {
		is    error
		code  walk.Code
		field string
	}{
		{supply.ErrUnknownBox, walk.BadRequest, "boxes"}, {supply.ErrNextStep, walk.BadRequest, "next"}, {supply.ErrVerdict, walk.BadRequest, "verdict"},
		{journal.ErrTaken, walk.Conflict, "taken"}, {delivery.ErrChanged, walk.Conflict, "changed"}, {journal.ErrUnusable, walk.Conflict, "changed"}, {room.ErrLookAgain, walk.Conflict, "again"},
		{journal.ErrCutOff, walk.Closed, "cutoff"}, {journal.ErrOver, walk.Conflict, "over"}, {journal.ErrNoSettlement, walk.NotFound, "none"}, {journal.ErrEvent, walk.BadRequest, "reason"},
		{room.ErrNotYours, walk.NotAllowed, "own"}, {room.ErrNoCase, walk.NotFound, ""}, {room.ErrNoPeople, walk.NotFound, ""}, {supply.ErrNoPlan, walk.NotFound, ""}, {supply.ErrNoTask, walk.NotFound, ""}, {room.ErrBusy, walk.Overloaded, ""}, {approval.ErrNone, walk.NotFound, ""},
		{approval.ErrOwn, walk.NotAllowed, "own"}, {approval.ErrChanged, walk.Conflict, "changed"}, {approval.ErrState, walk.Conflict, "state"}, {approval.ErrTwice, walk.Conflict, "twice"}, {approval.ErrAsked, walk.Conflict, "asked"},
	} {
		if errors.Is(err, c.is) {
			return &walk.Error{Code: c.code, Field: c.field, Detail: err.Error()}
		}
	}
	return err
}

func (s *supplyFake) Supply(context.Context, walk.Actor) (*room.View, error) {
	if s.room == nil {
		return nil, &walk.Error{Code: walk.NotFound}
	}
	return s.room.View(), s.Step("Supply", "")
}

func (s *supplyFake) Deliveries(context.Context, walk.Actor) (*room.Planned, error) {
	if err := s.Step("Deliveries", ""); err != nil || s.room == nil || len(s.programme.Shipping) == 0 {
		return nil, &walk.Error{Code: walk.NotFound, Err: err}
	}
	return s.room.Deliveries(), nil
}

func (s *supplyFake) PlannedDeparture(_ context.Context, _ walk.Actor, digest string) (room.Departure, error) {
	if err := s.Step("PlannedDeparture", ""); err != nil || s.room == nil {
		return room.Departure{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	d, _, ok := s.room.Departure(digest)
	if !ok {
		return d, &walk.Error{Code: walk.NotFound, Field: "again"}
	}
	return d, nil
}

func (s *supplyFake) Settlement(ctx context.Context, _ walk.Actor, id int64) (*room.View, *journal.Settlement, error) {
	if err := s.Step("Settlement", "%d", id); err != nil || s.room == nil {
		return nil, nil, &walk.Error{Code: walk.NotFound, Err: err}
	}
	v, x, err := s.room.Settlement(ctx, id)
	return v, x, told(err)
}

func (s *supplyFake) SettleDeparture(ctx context.Context, a walk.Actor, digest string) (journal.Event, error) {
	if err := s.Step("SettleDeparture", "%.8s", digest); err != nil || s.room == nil {
		return journal.Event{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	e, err := s.room.Settle(ctx, whoOf(a), digest)
	return e, told(err)
}

func (s *supplyFake) WithdrawSettlement(ctx context.Context, a walk.Actor, id int64, why string) (journal.Event, error) {
	if err := s.Step("WithdrawSettlement", "%d %s", id, why); err != nil || s.room == nil {
		return journal.Event{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	e, err := s.room.WithdrawSettlement(ctx, whoOf(a), id, why)
	return e, told(err)
}

func (s *supplyFake) SettlementShipping(ctx context.Context, _ walk.Actor, x *journal.Settlement) ([]byte, error) {
	if err := s.Step("SettlementShipping", ""); err != nil || s.room == nil {
		return nil, &walk.Error{Code: walk.NotFound, Err: err}
	}
	return s.room.Shipping(ctx, x)
}

func (s *supplyFake) PreviewVerdict(ctx context.Context, a walk.Actor, w room.Wish) (room.Making, error) {
	if err := s.Step("PreviewVerdict", "%s %s %d boxes", w.Action, w.Case, len(w.Boxes)); err != nil {
		return room.Making{}, err
	}
	m, err := s.room.Begin(ctx, whoOf(a), w)
	if err == nil && !s.slow {
		if err = s.room.Round(ctx); err == nil {
			m, err = s.room.Look(ctx, m.Name)
		}
	}
	return m, told(err)
}

func (s *supplyFake) PreviewedVerdict(ctx context.Context, _ walk.Actor, name string) (room.Making, error) {
	if err := s.Step("PreviewedVerdict", ""); err != nil || s.room == nil {
		return room.Making{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	m, err := s.room.Look(ctx, name)
	return m, told(err)
}

func (s *supplyFake) PreviewedVerdicts(ctx context.Context, _ walk.Actor) ([]room.Making, error) {
	if err := s.Step("PreviewedVerdicts", ""); err != nil || s.room == nil {
		return nil, err
	}
	list, err := s.room.Makings(ctx)
	return list, told(err)
}

func (s *supplyFake) RetryPreview(ctx context.Context, _ walk.Actor, name string) (room.Making, error) {
	if err := s.Step("RetryPreview", ""); err != nil || s.room == nil {
		return room.Making{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	m, err := s.room.Retry(ctx, name)
	return m, told(err)
}

func (s *supplyFake) VerdictDraft(ctx context.Context, _ walk.Actor, digest string) (room.Draft, error) {
	if err := s.Step("VerdictDraft", ""); err != nil || s.room == nil {
		return room.Draft{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	out, err := s.room.Draft(ctx, digest)
	return out, told(err)
}

func (s *supplyFake) People(ctx context.Context, _ walk.Actor, id int64, all bool) (room.People, error) {
	if err := s.Step("People", "%d %t", id, all); err != nil || s.room == nil {
		return room.People{}, err
	}
	p, err := s.room.People(ctx, id, all)
	return p, told(err)
}

func (s *supplyFake) NotCount(ctx context.Context, _ walk.Actor, id int64) (int, error) {
	if err := s.Step("NotCount", "%d", id); err != nil || s.room == nil {
		return 0, err
	}
	n, err := s.room.NotCount(ctx, id)
	return n, told(err)
}

func (s *supplyFake) AskVerdict(ctx context.Context, a walk.Actor, digest string) (approval.Request, error) {
	if err := s.Step("AskVerdict", ""); err != nil || s.room == nil {
		return approval.Request{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	out, err := s.room.Ask(ctx, whoOf(a), digest)
	return out, told(err)
}

func (s *supplyFake) AgreeVerdict(ctx context.Context, a walk.Actor, id int64, digest approval.Digest) (approval.Request, error) {
	if err := s.Step("AgreeVerdict", "%d", id); err != nil || s.room == nil {
		return approval.Request{}, err
	}
	out, err := s.room.Agree(ctx, whoOf(a), id, digest)
	return out, told(err)
}

func (s *supplyFake) DeclineVerdict(ctx context.Context, a walk.Actor, id int64, why string) (approval.Request, error) {
	if err := s.Step("DeclineVerdict", "%d %s", id, why); err != nil || s.room == nil {
		return approval.Request{}, err
	}
	out, err := s.room.Decline(ctx, whoOf(a), id, why)
	return out, told(err)
}

func (s *supplyFake) WithdrawVerdict(ctx context.Context, a walk.Actor, id int64) (approval.Request, error) {
	if err := s.Step("WithdrawVerdict", "%d", id); err != nil || s.room == nil {
		return approval.Request{}, err
	}
	out, err := s.room.Withdraw(ctx, whoOf(a), id)
	return out, told(err)
}

func (s *supplyFake) Verdicts(ctx context.Context, _ walk.Actor, before int64, limit int) ([]approval.Request, error) {
	if err := s.Step("Verdicts", ""); err != nil || s.room == nil {
		return nil, err
	}
	out, err := s.room.Cases(ctx, before, limit)
	return out, told(err)
}

func (s *supplyFake) Verdict(ctx context.Context, _ walk.Actor, id int64) (room.Case, error) {
	if err := s.Step("Verdict", ""); err != nil || s.room == nil {
		return room.Case{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	out, err := s.room.Case(ctx, id)
	return out, told(err)
}
