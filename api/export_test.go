package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"charye/walk"
)

// TestExport: all that is kept about the one who asks, in one file, and of nobody else.
func TestExport(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := b.do("GET /api/v1/me/export", "Authorization: Bearer "+session)
	wantStatus(t, w, http.StatusOK)
	var got struct {
		Me         struct{ Born string }
		Places     []struct{ Campaign string }
		Bookings   []struct{ ID string }
		Recipients []struct{ Name string }
		Contact    struct{ Phone string }
		Messages   []struct{ Kind string }
		Leftovers  []struct{ Campaign string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Me.Born != hong.Born.String() || len(got.Places) != 2 || got.Places[0].Campaign != "age-55-59" || len(got.Bookings) != 2 ||
		len(got.Recipients) != 1 || got.Contact.Phone == "" || len(got.Messages) != 1 || len(got.Leftovers) != 1 {
		t.Errorf("%+v", got)
	}
	if h := w.Header(); h.Get("Cache-Control") != "no-store" || !strings.Contains(h.Get("Content-Disposition"), "attachment") {
		t.Errorf("headers %v", h)
	}
	wantStatus(t, b.do("GET /api/v1/me/export"), http.StatusUnauthorized)
	b.svc.errs["PlaceOf"] = &walk.Error{Code: walk.NotFound}
	if w := b.do("GET /api/v1/me/export", "Authorization: Bearer "+session); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"places":[]`) {
		t.Errorf("without a place: %d %s", w.Code, w.Body)
	}
	b.svc.errs["Messages"] = &walk.Error{Code: walk.Overloaded}
	wantStatus(t, b.do("GET /api/v1/me/export", "Authorization: Bearer "+session), http.StatusServiceUnavailable)
}
