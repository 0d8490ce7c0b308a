package api

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/line"
	"charye/person"
	"charye/walk"
)

func other() person.Session {
	s := hong
	s.Key = person.Key{4, 5, 6}
	return s
}

type problemDoc struct {
	Code, Field, Detail, Instance, Title, Type string
	Status, RetryAfterSeconds                  int
	Alternatives                               []struct{ ID string }
	Place                                      *struct{ Number int }
}

func decode[T any](t testing.TB, rec *httptest.ResponseRecorder) (v T) {
	t.Helper()
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v in %s", err, rec.Body)
	}
	return v
}

const c1 = "/api/v1/campaigns/age-55-59"

const me = "010203//api" // an actor as the script records it, its name not opened

// Each call reaches the walk with exactly what was sent, and its answer fits the contract.
func TestCalls(t *testing.T) {
	t.Parallel()
	pass, idem, ticket := "Charye-Pass: PASS-1", "Idempotency-Key: k-1", "Charye-Ticket: TICKET-1"
	named := "010203/홍길동/api"
	for _, c := range []struct {
		request string
		args    []string
		status  int
		call    string
	}{
		{"GET /api/v1/campaigns", nil, 200, "Campaigns"},
		{"GET " + c1, nil, 200, "Campaign age-55-59"},
		{"GET " + c1 + "/line", nil, 200, "Line age-55-59"},
		{"GET " + c1 + "/draw", nil, 200, "Draw age-55-59"},
		{"GET " + c1 + "/draw/entrants", nil, 200, "Entrants age-55-59"},
		{"GET /api/v1/regions", nil, 200, "Regions"},
		{"GET " + c1 + "/sites", nil, 200, "Sites age-55-59 {Region: Near:false Lat:0 Lon:0 Date:1970-01-01 HasDate:false Cursor:}"},
		{"GET " + c1 + "/sites?lat=37.5678&lon=-0.001&date=2021-07-26&cursor=c2&region=%EC%84%9C%EC%9A%B8%ED%8A%B9%EB%B3%84%EC%8B%9C", nil, 200, "Sites age-55-59 {Region:서울특별시 Near:true Lat:37.57 Lon:0 Date:2021-07-26 HasDate:true Cursor:c2}"},
		{"GET " + c1 + "/sites/JDQ4MTYy/slots?date=2021-07-26", nil, 200, "Slots age-55-59 JDQ4MTYy 2021-07-26"},
		{"GET " + c1 + "/sites/%EC%9D%84%20%EC%A7%80/slots?date=2021-07-26", nil, 200, "Slots age-55-59 을 지 2021-07-26"},

		{"GET " + c1 + "/eligibility", []string{auth}, 200, "Eligible " + me + " age-55-59 "},
		{"GET " + c1 + "/eligibility?recipient=r-1", []string{auth}, 200, "Eligible " + me + " age-55-59 r-1"},
		{"POST " + c1 + "/places", []string{auth}, 201, "Join " + me + " age-55-59 "},
		{"POST " + c1 + "/places", []string{auth, `{}`}, 201, "Join " + me + " age-55-59 "},
		{"POST " + c1 + "/places", []string{auth, `{"recipient":"r-1"}`}, 201, "Join " + me + " age-55-59 r-1"},
		{"GET " + c1 + "/place", []string{ticket}, 200, "PlaceByTicket age-55-59 TICKET-1"},
		{"GET " + c1 + "/place", []string{ticket, "Authorization: Bearer rubbish"}, 200, "PlaceByTicket age-55-59 TICKET-1"},
		{"GET " + c1 + "/place", []string{auth}, 200, "PlaceOf " + me + " age-55-59 "},
		{"GET " + c1 + "/place?recipient=r-1", []string{auth}, 200, "PlaceOf " + me + " age-55-59 r-1"},
		{"POST " + c1 + "/passes", []string{auth, ticket, `{"device":"d-1234567"}`}, 201, "Enter " + me + " age-55-59  TICKET-1 d-1234567 false"},
		{"POST " + c1 + "/passes", []string{auth, ticket, `{"takeover":true,"device":"\ud83d\ude00-234567","recipient":"r-1"}`}, 201, "Enter " + me + " age-55-59 r-1 TICKET-1 😀-234567 true"},

		{"GET " + c1 + "/leftovers", []string{auth}, 200, "LeftoversFor " + me + " age-55-59 "},
		{"GET " + c1 + "/leftovers?recipient=r-1", []string{auth}, 200, "LeftoversFor " + me + " age-55-59 r-1"},
		{"PUT " + c1 + "/leftovers", []string{auth, `{"sites":"T1 T2"}`}, 200, "SetLeftovers " + me + " age-55-59  [T1 T2]"},
		{"PUT " + c1 + "/leftovers", []string{auth, `{"sites":"T1","recipient":"r-1"}`}, 200, "SetLeftovers " + me + " age-55-59 r-1 [T1]"},
		{"PUT " + c1 + "/leftovers", []string{auth, `{"sites":""}`}, 200, "SetLeftovers " + me + " age-55-59  []"},
		{"POST " + c1 + "/leftovers/17/accept", []string{auth}, 200, "AcceptLeftover " + named + " age-55-59  17"},
		{"POST " + c1 + "/leftovers/17/accept", []string{auth, `{"recipient":"r-1"}`}, 200, "AcceptLeftover " + named + " age-55-59 r-1 17"},
		{"POST " + c1 + "/leftovers/17/decline", []string{auth, `{"recipient":"r-1"}`}, 200, "LeftoversFor " + me + " age-55-59 r-1"},

		{"POST /api/v1/holds", []string{auth, pass, `{"slot":"s-1"}`}, 201, "Hold " + named + " PASS-1 s-1"},
		{"POST /api/v1/bookings", []string{auth, pass, idem, `{"slot":"s-1"}`}, 201, "Book " + named + " PASS-1 {Slot:s-1 Hold: IdempotencyKey:k-1 WithPass: Recipient:}"},
		{"POST /api/v1/bookings", []string{auth, pass, idem, `{"slot":"s-1","withPass":"PASS-2"}`}, 201, "Book " + named + " PASS-1 {Slot:s-1 Hold: IdempotencyKey:k-1 WithPass:PASS-2 Recipient:}"},
		{"POST /api/v1/bookings", []string{auth, pass, idem, `{"hold":"h-1"}`}, 201, "Book " + named + " PASS-1 {Slot: Hold:h-1 IdempotencyKey:k-1 WithPass: Recipient:}"},
		{"GET /api/v1/bookings", []string{auth}, 200, "Bookings " + me},
		{"GET /api/v1/bookings/bk-9f", []string{auth}, 200, "Booking " + me + " bk-9f"},
		{"DELETE /api/v1/bookings/bk-9f", []string{auth}, 200, "Cancel " + named + " bk-9f"},
		{"PUT /api/v1/bookings/bk-9f/slot", []string{auth, `{"slot":"s-2"}`}, 200, "Change " + named + " bk-9f 1 s-2"},
		{"PUT /api/v1/bookings/bk-9f/slot", []string{auth, `{"slot":"s-2","dose":2}`}, 200, "Change " + named + " bk-9f 2 s-2"},
		{"GET /api/v1/bookings/bk-9f/slots?site=X&date=2021-08-23&dose=2", []string{auth}, 200, "DoseSlots " + me + " bk-9f 2 X 2021-08-23"},
		{"GET /api/v1/bookings/bk-9f/calendar.ics?lang=en", []string{auth}, 200, "Booking " + me + " bk-9f"},

		{"GET /api/v1/me", []string{auth}, 200, ""},
		{"GET /api/v1/recipients", []string{auth}, 200, "Recipients " + me},
		{"POST /api/v1/recipients", []string{auth, `{"campaign":"age-55-59","name":"어머니","born":"1935-01-02","identity":"i-1","consent":true}`}, 201, "AddRecipient " + me + " {Campaign:age-55-59 Name:어머니 Born:1935-01-02 Identity:i-1 Consent:true Guardian:false}"},
		{"POST /api/v1/recipients", []string{auth, `{"campaign":"age-55-59","name":"딸","born":"2009-01-02","identity":"i-1","consent":true,"guardian":true}`}, 201, "AddRecipient " + me + " {Campaign:age-55-59 Name:딸 Born:2009-01-02 Identity:i-1 Consent:true Guardian:true}"},
		{"DELETE /api/v1/recipients/r-1", []string{auth}, 204, "RemoveRecipient " + me + " r-1"},

		{"GET /api/openapi.yaml", nil, 200, ""},
		{"GET /healthz", nil, 200, ""},
		{"GET /readyz", nil, 200, ""},
		{"GET /metrics", nil, 200, ""},
	} {
		t.Run(c.request, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			wantStatus(t, b.do(c.request, c.args...), c.status)
			if got := b.svc.last(); got != c.call {
				t.Errorf("asked %q, want %q", got, c.call)
			}
			// HEAD is the same without a body, and changes nothing in what is asked.
			if target, ok := strings.CutPrefix(c.request, "GET "); ok {
				wantStatus(t, b.do("HEAD "+target, c.args...), c.status)
			}
		})
	}
}

// The documents that other programs read field by field, byte for byte.
func TestDocuments(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range []struct {
		request string
		args    []string
		want    string
	}{
		{"GET " + c1 + "/line", nil, `{"state":"open","joined":352400,"admitted":120000,"inside":28117,"perMinute":118734.5,"remaining":96211,` +
			`"drawCommitment":"c0` + strings.Repeat("0", 62) + `","drawSeed":"5e` + strings.Repeat("0", 62) + `","serverTime":"2021-07-12T20:01:00.250+09:00"}`},
		{"GET " + c1 + "/place", []string{auth}, `{"ticket":"TICKET-1","state":"waiting","number":5200,"ahead":400,"estimatedWaitSeconds":[10,25],"pollAfterSeconds":20,"pseudonym":"01ab` + strings.Repeat("0", 28) + `"}`},
		{"GET " + c1 + "/draw", nil, `{"commitment":"c0` + strings.Repeat("0", 62) + `","seed":"5e` + strings.Repeat("0", 62) + `","entrants":3,"drawnAt":"2021-07-12T20:00:00+09:00"}`},
		{"POST " + c1 + "/passes", []string{auth, "Charye-Ticket: T", `{"device":"d-1234567"}`}, `{"pass":"PASS-1","expiresAt":"2021-07-12T20:11:00+09:00"}`},
		{"GET " + c1 + "/sites?lat=37.5&lon=127", nil, `{"sites":[{"id":"JDQ4MTYy","name":"을지 \"내과\"","kind":"clinic","address":"서울특별시 중구 을지로 1","region":"서울특별시","district":"중구","phone":"02-000-0000","lat":37.567817,"lon":127.004501,"distanceMetres":420,"free":{"2021-07-26":12,"2021-07-27":0}},` +
			`{"id":"X","name":"어디","kind":"centre","address":"","region":"","district":"","phone":"","free":{}}],"next":"c2"}`},
		{"GET /api/v1/me", []string{auth}, `{"name":"홍길동","born":"1962-03-01","signedInAt":"2021-07-12T19:00:00+09:00","expiresAt":"2021-07-13T07:00:00+09:00"}`},
		{"GET " + c1 + "/eligibility", []string{auth}, `{"eligible":true}`},
	} {
		if d := cmp.Diff(c.want, b.do(c.request, c.args...).Body.String()); d != "" {
			t.Errorf("%s: %s", c.request, d)
		}
	}
}

func TestUndrawnLineHidesTheSeed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.svc.line.Drawn, b.svc.draw.Drawn = false, false
	for _, path := range []string{"/line", "/draw"} {
		if body := b.do("GET " + c1 + path).Body.String(); strings.Contains(body, "eed") || strings.Contains(body, "5e00") || strings.Contains(body, "drawnAt") {
			t.Errorf("%s before the draw: %s", path, body)
		}
	}
	wantCode(t, b.do("GET "+c1+"/draw/entrants"), 425, "not-open", "")
	if b.svc.count("Entrants") != 0 {
		t.Error("entrants were opened before the draw")
	}
}

func TestPlaceStates(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range []struct {
		state  line.State
		number uint32
		wait   time.Duration
		want   string
	}{
		{line.Gathering, 0, -1, `"state":"gathering","number":null,"ahead":400,"estimatedWaitSeconds":null`},
		{line.Admitted, 1, 0, `"state":"admitted","number":1,"ahead":400,"estimatedWaitSeconds":[0,0]`},
		{line.Standby, 4294967295, time.Second, `"state":"standby","number":4294967295,"ahead":400,"estimatedWaitSeconds":[1,1]`},
	} {
		b.svc.place.State, b.svc.place.Number, b.svc.place.Wait = c.state, c.number, [2]time.Duration{c.wait, c.wait}
		if body := b.do("GET "+c1+"/place", auth).Body.String(); !strings.Contains(body, c.want) {
			t.Errorf("%s: %s", c.state, body)
		}
	}
}

func TestJoinTellsNewFromOld(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if got := b.do("POST "+c1+"/places", auth).Header().Get("Location"); got != c1+"/place" {
		t.Errorf("Location %q", got)
	}
	b.svc.created = false
	wantStatus(t, b.do("POST "+c1+"/places", auth), 200)
}

func TestBookTellsNewFromRepeated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	args := []string{auth, "Charye-Pass: P", "Idempotency-Key: k", `{"slot":"s"}`}
	first := b.do("POST /api/v1/bookings", args...)
	if first.Header().Get("Location") != "/api/v1/bookings/bk-9f" || first.Header().Get("Idempotent-Replayed") != "" {
		t.Errorf("headers %v", first.Header())
	}
	b.svc.repeated = true
	again := b.do("POST /api/v1/bookings", args...)
	wantStatus(t, again, 201)
	if again.Header().Get("Idempotent-Replayed") != "true" || again.Body.String() != first.Body.String() {
		t.Errorf("replay: headers %v, body %s", again.Header(), again.Body)
	}
}

func TestNotEligibleIsAnAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.svc.fail("Eligible", &walk.Error{Code: walk.NotEligible, Detail: "Born too late."})
	rec := b.do("GET "+c1+"/eligibility", auth)
	if rec.Code != 200 || rec.Body.String() != `{"eligible":false,"reason":"Born too late."}` {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	b.svc.fail("Eligible", &walk.Error{Code: walk.HelperNotAllowed, Detail: "No helpers here."})
	wantCode(t, b.do("GET "+c1+"/eligibility", auth), 403, "helper-not-allowed", "")
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.svc.booking.Number = "12/34\"\r\n5"
	rec := b.do("GET /api/v1/bookings/bk-9f/calendar.ics", auth)
	if got := rec.Header().Get("Content-Disposition"); got != `attachment; filename="charye-12345.ics"` {
		t.Errorf("Content-Disposition %q", got)
	}
	if body := rec.Body.String(); !strings.HasPrefix(body, "BEGIN:VCALENDAR\r\n") || strings.Count(body, "BEGIN:VEVENT") != 2 || !strings.Contains(body, "예방접종 1차") {
		t.Errorf("calendar %s", body)
	}
	wantCode(t, b.do("GET /api/v1/bookings/bk-9f/calendar.ics?lang=fr", auth), 400, "bad-request", "lang")
}
