package trace_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"charye/internal/civil"
	"charye/supply"
	"charye/supply/epcis"
	"charye/supply/trace"
)

// Events implements [trace.Source]: what is recorded, from an instant on, in pages of three.
func (l *log) Events(_ context.Context, q epcis.Query) (p epcis.Page, err error) {
	l.asked++
	if l.lost {
		return p, errors.New("the store is gone")
	}
	after := int64(0)
	if q.After != nil {
		after = q.After.Seq
	}
	for _, s := range l.list {
		if s.Seq <= after || s.Recorded.Before(q.RecordedFrom) {
			continue
		}
		if len(p.Events) == 3 {
			p.Next = &epcis.Cursor{Seq: p.Events[2].Seq}
			break
		}
		p.Events = append(p.Events, s)
	}
	return p, nil
}

// TestLive: a view stays what it was, the next has what came meanwhile, and each has its own appointments.
func TestLive(t *testing.T) {
	t.Parallel()
	l := shipment(t)
	told := 0
	live := trace.NewLive(trace.NewReader(), l, func(context.Context) (trace.Rules, error) { told++; return rules(), nil })
	refresh := func() *trace.Trace {
		t.Helper()
		got, err := live.Refresh(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := refresh()
	first.Index.AddAppointment(supply.Appointment{Booking: 1, Site: 1, Day: civil.New(2026, 10, 1)})
	again := refresh()
	if told != 1 || len(again.Index.Appointments(1, 0)) != 0 || len(first.Index.Appointments(1, 0)) != 1 {
		t.Errorf("told %d times; %v", told, again.Index.Appointments(1, 0))
	}
	l.use(7, "dispensing", 1, 3, "")
	l.pack(0.5, 3, 4) // late: before everything else
	second := refresh()
	want := l.build(t)
	if d := cmp.Diff(want.Legs, second.Legs) + cmp.Diff(want.Accounts, second.Accounts) + cmp.Diff(want.AsOf, second.AsOf); d != "" {
		t.Error(d)
	}
	if first.Index.Given() != 0 || len(first.Boxes()) != 2 || len(first.Index.Appointments(1, 0)) != 1 {
		t.Error("the first view has changed")
	}
	l.lost = true
	if _, err := live.Refresh(t.Context()); err == nil {
		t.Error("no error of a store that is gone")
	}
	l.lost = false
	l.use(8, "dispensing", 1, 1, "")
	if got := refresh(); got.Index.Given() != 4 || told != 3 {
		t.Errorf("%d given, told %d times", got.Index.Given(), told)
	}
	live.Retell()
	if refresh(); told != 4 {
		t.Errorf("told %d times", told)
	}
}
