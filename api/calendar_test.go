package api

import (
	"strings"
	"testing"
	"time"

	"charye/programme"
	"charye/site"
	"charye/walk"
)

func calendarBooking() walk.Booking {
	c := &programme.Campaign{ID: "age-55-59", Name: programme.Text{KO: "55–59세", EN: "Ages 55–59"}}
	moderna := programme.Product{ID: "moderna", Name: programme.Text{KO: "모더나", EN: "Moderna"}}
	at := time.Date(2021, 7, 26, 0, 30, 0, 0, time.UTC)
	s := site.Site{ID: "S1", Name: "을지의원", Address: "서울특별시 중구 을지로 1", Phone: "02-000-0000"}
	return walk.Booking{
		MadeAt: at.AddDate(0, 0, -14),
		ID:     "bk-secret", Number: "1234-5678", Campaign: c, Sequence: 3,
		Doses: []walk.Dose{
			{Dose: 1, Site: s, Start: at, End: at.Add(30 * time.Minute), Product: moderna},
			{Dose: 2, Site: s, Start: at.AddDate(0, 0, 28), End: at.AddDate(0, 0, 28).Add(30 * time.Minute), Product: moderna},
		},
	}
}

func TestCalendarOfBooking(t *testing.T) {
	t.Parallel()
	b := calendarBooking()
	ko, en := calendarOf(b, "ko"), calendarOf(b, "en")
	if len(ko.Events) != 2 || len(en.Events) != 2 {
		t.Fatalf("%d and %d events for two doses", len(ko.Events), len(en.Events))
	}
	if ko.Events[0].Summary != "예방접종 1차 (모더나)" || en.Events[1].Summary != "Vaccination, dose 2 (Moderna)" {
		t.Errorf("summaries %q, %q", ko.Events[0].Summary, en.Events[1].Summary)
	}
	if ko.Events[0].Location != "을지의원, 서울특별시 중구 을지로 1" || ko.Events[0].Description != "예약번호: 1234-5678\n전화: 02-000-0000" {
		t.Errorf("location %q, description %q", ko.Events[0].Location, ko.Events[0].Description)
	}
	if ko.Events[0].UID != en.Events[0].UID || ko.Events[0].UID == ko.Events[1].UID {
		t.Error("UIDs must depend on booking and dose, not on the language")
	}
	if file := string(Calendar(b, "ko")); strings.Contains(file, b.ID) {
		t.Error("the file shows the booking's id")
	}

	b.Cancelled, b.Sequence, b.ForName = true, 4, "어머니"
	again := calendarOf(b, "ko")
	for i, e := range again.Events {
		if !e.Cancelled || e.Sequence != 5 || e.UID != ko.Events[i].UID {
			t.Errorf("event %d after cancelling: %+v", i, e)
		}
	}
	if again.Events[0].Summary != "예방접종 1차 (모더나) · 어머니" {
		t.Errorf("for a recipient: %q", again.Events[0].Summary)
	}
}
