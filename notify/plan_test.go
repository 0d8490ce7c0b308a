package notify

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
)

var seoul = time.FixedZone("KST", 9*60*60)

var rules = Rules{Zone: seoul, QuietFrom: 21 * 60, QuietTo: 8 * 60, RemindDays: 1, RemindAt: 10 * 60}

func kst(day, hour, minute int) time.Time { return time.Date(2021, 7, day, hour, minute, 0, 0, seoul) }

var (
	alice  = person.Key{1}
	helper = person.Key{2}
)

func bookingOn(status booking.Status, days ...int) *booking.Booking {
	b := &booking.Booking{ID: 9, Person: alice, Actor: alice, Status: status}
	for i, d := range days {
		b.Doses = append(b.Doses, booking.Dose{Dose: i + 1, Minutes: 30, Slot: booking.Slot{
			Product: "moderna", Session: booking.Session{Site: 3, Day: civil.New(2021, 7, d), Minute: 9 * 60},
		}})
	}
	return b
}

func event(kind booking.EventKind, at time.Time, actor person.Key) *booking.Event {
	return &booking.Event{Seq: 40, At: at, Kind: kind, Person: alice, Actor: actor, Booking: 9}
}

type planned struct {
	Kind   Kind
	To     person.Key
	Helper bool
	Dose   int
	Due    string
}

func TestPlan(t *testing.T) {
	t.Parallel()
	const form = "02 15:04"
	for _, c := range []struct {
		name string
		e    *booking.Event
		b    *booking.Booking
		want []planned
	}{
		{"booked in the night by the person: told at once, reminded the day before each dose",
			event(booking.EventBooked, kst(12, 23, 30), alice), bookingOn(booking.Booked, 16, 20),
			[]planned{{Booked, alice, false, 0, "12 23:30"}, {Reminder, alice, false, 1, "15 10:00"}, {Reminder, alice, false, 2, "19 10:00"}}},
		{"booked in the night by a helper: the helper at once, the person in the morning",
			event(booking.EventBooked, kst(12, 23, 30), helper), bookingOn(booking.Booked, 16),
			[]planned{{Booked, alice, false, 0, "13 08:00"}, {Booked, helper, true, 0, "12 23:30"}, {Reminder, alice, false, 1, "15 10:00"}}},
		{"booked for tomorrow after the time of reminders: the receipt is the reminder",
			event(booking.EventBooked, kst(12, 11, 0), alice), bookingOn(booking.Booked, 13),
			[]planned{{Booked, alice, false, 0, "12 11:00"}}},
		{"moved by the system: in the day", event(booking.EventChanged, kst(12, 5, 0), person.Key{}), bookingOn(booking.Booked, 16),
			[]planned{{Changed, alice, false, 0, "12 08:00"}, {Reminder, alice, false, 1, "15 10:00"}}},
		{"cancelled", event(booking.EventCanceled, kst(12, 12, 0), alice), bookingOn(booking.Cancelled, 16),
			[]planned{{Cancelled, alice, false, 0, "12 12:00"}}},
		{"moved by the system, booked by a helper: both are told", event(booking.EventChanged, kst(12, 12, 0), person.Key{}), byHelper(bookingOn(booking.Booked, 16)),
			[]planned{{Changed, alice, false, 0, "12 12:00"}, {Changed, helper, true, 0, "12 12:00"}, {Reminder, alice, false, 1, "15 10:00"}}},
		{"the dose is lost: both are told, and nobody is reminded", event(booking.EventDisplaced, kst(12, 23, 0), person.Key{}), byHelper(bookingOn(booking.Cancelled, 16)),
			[]planned{{Displaced, alice, false, 0, "13 08:00"}, {Displaced, helper, true, 0, "13 08:00"}}},
		{"and it stands again", event(booking.EventReinstated, kst(12, 12, 0), person.Key{}), bookingOn(booking.Booked, 16),
			[]planned{{Booked, alice, false, 0, "12 12:00"}, {Reminder, alice, false, 1, "15 10:00"}}},
		{"a hold is nobody's news", event(booking.EventHeld, kst(12, 12, 0), alice), bookingOn(booking.Booked, 16), nil},
		{"nor is a capacity", event(booking.EventCapacity, kst(12, 12, 0), alice), bookingOn(booking.Booked, 16), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []planned
			for _, m := range rules.Plan(c.e, c.b, nil) {
				got = append(got, planned{m.Kind, m.To, m.Helper, m.Dose, m.Due.In(seoul).Format(form)})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func byHelper(b *booking.Booking) *booking.Booking {
	b.Actor, b.Channel = helper, "web"
	return b
}

func TestAfterQuiet(t *testing.T) {
	t.Parallel()
	night, noon := rules, rules
	noon.QuietFrom, noon.QuietTo = 12*60, 13*60
	none := rules
	none.QuietTo = none.QuietFrom
	for _, c := range []struct {
		r        *Rules
		at, want time.Time
	}{
		{&night, kst(12, 20, 59), kst(12, 20, 59)},
		{&night, kst(12, 21, 0), kst(13, 8, 0)},
		{&night, kst(13, 0, 0), kst(13, 8, 0)},
		{&night, kst(13, 7, 59), kst(13, 8, 0)},
		{&night, kst(13, 8, 0), kst(13, 8, 0)},
		{&noon, kst(12, 12, 30), kst(12, 13, 0)},
		{&noon, kst(12, 13, 0), kst(12, 13, 0)},
		{&none, kst(12, 21, 0), kst(12, 21, 0)},
	} {
		if got := c.r.AfterQuiet(c.at); !got.Equal(c.want) {
			t.Errorf("quiet %d–%d: %v becomes %v, want %v", c.r.QuietFrom, c.r.QuietTo, c.at, got, c.want)
		}
	}
}

// TestAfterQuietHolds: whatever the hours, the instant that comes out is not quiet, not earlier, and less than a day later.
func TestAfterQuietHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rules
		r.QuietFrom, r.QuietTo = rapid.IntRange(0, 1439).Draw(t, "from"), rapid.IntRange(0, 1439).Draw(t, "to")
		at := kst(1, 0, 0).Add(time.Duration(rapid.IntRange(0, 30*24*3600).Draw(t, "seconds")) * time.Second)
		got := r.AfterQuiet(at)
		if got.Before(at) || got.Sub(at) >= 24*time.Hour || !r.AfterQuiet(got).Equal(got) {
			t.Fatalf("%v becomes %v", at, got)
		}
	})
}

// TestSameReminder: a change that leaves a dose where it is makes no second reminder of it; one that moves it does.
func TestSameReminder(t *testing.T) {
	t.Parallel()
	first := rules.Plan(event(booking.EventBooked, kst(5, 12, 0), alice), bookingOn(booking.Booked, 16, 20), nil)
	again := event(booking.EventChanged, kst(6, 12, 0), alice)
	again.Seq = 77
	second := rules.Plan(again, bookingOn(booking.Booked, 16, 21), nil)
	if first[0].ID == second[0].ID {
		t.Error("the receipt of the booking and that of its change are one message")
	}
	if first[1].ID != second[1].ID {
		t.Error("a dose that stayed is reminded of twice")
	}
	if first[2].ID == second[2].ID {
		t.Error("a dose that moved is not reminded of anew")
	}
}

func TestTrue(t *testing.T) {
	t.Parallel()
	live, gone := bookingOn(booking.Booked, 16, 20), bookingOn(booking.Cancelled, 16, 20)
	for _, c := range []struct {
		m          Message
		live, gone bool
	}{
		{Message{Kind: Booked}, true, false},
		{Message{Kind: Changed}, true, false},
		{Message{Kind: Cancelled}, false, true},
		{Message{Kind: Reminder, Dose: 2, Day: civil.New(2021, 7, 20)}, true, false},
		{Message{Kind: Reminder, Dose: 2, Day: civil.New(2021, 7, 21)}, false, false},
		{Message{Kind: Reminder, Dose: 3, Day: civil.New(2021, 7, 20)}, false, false},
		{Message{Kind: "other"}, false, false},
	} {
		if a, b := c.m.True(live), c.m.True(gone); a != c.live || b != c.gone {
			t.Errorf("%s of dose %d: live %v, cancelled %v; want %v, %v", c.m.Kind, c.m.Dose, a, b, c.live, c.gone)
		}
	}
}

// TestToHelpers: those who help somebody are told of an invitation and of a turn that is near, as the person is; each of them once.
func TestToHelpers(t *testing.T) {
	t.Parallel()
	other := person.Key{3}
	invited := &booking.Event{Seq: 41, At: kst(12, 23, 0), Kind: booking.EventInvited, Person: alice, Campaign: 7}
	for name, list := range map[string][]Message{
		"invited": rules.Plan(invited, nil, []person.Key{helper, other}),
		"near":    rules.Near(7, alice, []person.Key{helper, other}, false, kst(12, 23, 0), kst(15, 18, 0)),
	} {
		ids := map[ID]bool{}
		for i, m := range list {
			ids[m.ID] = true
			if m.To != []person.Key{alice, helper, other}[i] || m.Subject() != alice || m.Helper != (i > 0) || !m.Due.Equal(kst(13, 8, 0)) {
				t.Errorf("%s: message %d is %+v", name, i, m)
			}
		}
		if len(list) != 3 || len(ids) != 3 {
			t.Errorf("%s: %d messages, %d ids", name, len(list), len(ids))
		}
	}
	again := rules.Near(7, alice, nil, true, kst(13, 23, 0), kst(15, 18, 0))
	if first := rules.Near(7, alice, nil, false, kst(12, 23, 0), kst(15, 18, 0)); again[0].ID != first[0].ID {
		t.Error("a turn that is looked at again is told again")
	}
	if !again[0].Due.Equal(kst(13, 23, 0)) {
		t.Errorf("where it may go out in the quiet hours it waits until %v", again[0].Due)
	}
	if own := rules.Near(7, helper, nil, false, kst(12, 23, 0), kst(15, 18, 0)); own[0].ID == rules.Near(7, alice, []person.Key{helper}, false, kst(12, 23, 0), kst(15, 18, 0))[1].ID {
		t.Error("a helper's own turn and that of whom they help are one message")
	}
}
