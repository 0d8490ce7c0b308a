package web

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/line"
	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/walk/held"
	"charye/web/page"
	"charye/web/page/pagetest"
)

// TestServe serves the pages with made-up data, to look at them in a browser: CHARYE_PREVIEW=127.0.0.1:8099 go test -run TestServe -timeout 0 .
// The address /as/{case} sets a scene and signs in.
func TestServe(t *testing.T) {
	addr := os.Getenv("CHARYE_PREVIEW")
	if addr == "" {
		t.Skip("set CHARYE_PREVIEW=host:port to look at the pages")
	}
	svc := newScripted()
	door := pagetest.NewDoorman(svc.now)
	mux := previewHandler(t, svc, door)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("serving", l.Addr())
	if err := http.Serve(l, mux); err != nil { //nolint:gosec // a look at pages on loopback
		t.Log(err)
	}
}

// scenes are the situations worth looking at.
var scenes = map[string]func(*scripted){
	"draft":     func(s *scripted) { s.now, s.state = pagetest.Opening.Add(-26*time.Hour), "draft" },
	"gathering": func(s *scripted) { gathering(s) },
	"placed":    func(s *scripted) { gathering(s); s.placed(line.Gathering, 0, 0, -1, -1) },
	"waiting":   func(s *scripted) { s.placed(line.Waiting, 734512, 123289, 2*time.Minute, 4*time.Minute) },
	"turn":      func(s *scripted) { s.placed(line.Admitted, 611000, 0, 0, 0) },
	"standby": func(s *scripted) {
		s.state = walk.StateSoldOut
		s.placed(line.Standby, 1934512, 123289, -1, -1)
	},
	"spoilt": func(s *scripted) {
		k := s.aBooking()
		k.Changeable, k.Doses[0].State = false, booking.Spoilt
		k.Repeat = &walk.Repeat{Spoilt: 1, Dose: 2, From: civil.Of(k.Doses[0].Start, time.UTC) + 28, TooSoon: true}
		s.bookings = []walk.Booking{k}
	},
	"invited": func(s *scripted) {
		s.state = walk.StateSoldOut
		s.placed(line.Admitted, 1934512, 0, 0, 0)
		s.place.KeptUntil = s.now.Add(9 * time.Hour)
	},
	"aside": func(s *scripted) {
		s.state, s.aside, s.released = walk.StateSoldOut, 1200, s.now.Add(40*time.Hour)
		s.placed(line.Admitted, 1934512, 0, 0, 0)
	},
	"paused": func(s *scripted) {
		s.state, s.pauseWhy = "paused", programme.Text{KO: "오후 8시 20분까지 점검합니다.", EN: "Maintenance until 8:20 pm."}
		s.placed(line.Waiting, 734512, 123289, time.Hour, 3*time.Hour)
	},
	"closed": func(s *scripted) { s.state = "closed"; s.placed(line.Waiting, 734512, 123289, -1, -1) },
	"booked": func(s *scripted) { s.bookings = []walk.Booking{s.aBooking()} },
	"noteligible": func(s *scripted) {
		s.Fail["Eligible"] = &walk.Error{Code: walk.NotEligible}
		s.recipients = []person.Recipient{{ID: "r1", Campaign: "age-55-59", Name: "박말순", Born: civil.New(1940, 1, 1)}}
	},
	"full": func(s *scripted) {
		s.Fail["Hold"] = &walk.Error{Code: walk.SlotFull, Alternatives: s.slots("s1", civil.New(2021, 7, 26))[1:4]}
	},
	"device": func(s *scripted) {
		s.placed(line.Admitted, 611000, 0, 0, 0)
		s.Fail["Enter"] = &walk.Error{Code: walk.OtherDevice}
	},
	"busy": func(s *scripted) {
		s.Fail["Campaigns"] = &walk.Error{Code: walk.Overloaded, RetryAfter: 7 * time.Second}
	},
}

func gathering(s *scripted) {
	s.now, s.state = pagetest.Opening.Add(-23*time.Minute), "gathering"
	s.draw = line.Draw{Commitment: s.draw.Commitment}
}

// previewHandler adds to the pages the two public documents that the script reads, in their published form.
func previewHandler(t *testing.T, svc *scripted, door *pagetest.Doorman) http.Handler {
	t.Helper()
	pages, err := New(svc, door, Options{HelpPhone: "1339", PushKey: testPushKey, Calendar: func(walk.Booking, string) []byte { return nil },
		Export: func(walk.Actor, held.Held) []byte { return []byte("{}") }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.HandleFunc("GET /as/{scene}", func(w http.ResponseWriter, r *http.Request) {
		svc.Mu.Lock()
		defer svc.Mu.Unlock()
		fresh := newScripted()
		svc.programme.Campaigns = append(svc.programme.Campaigns[:1], programme.Campaign{
			ID: "age-50-54", Num: 8, Name: programme.Text{KO: "50–54세 사전예약", EN: "Ages 50–54"}, Products: []string{"moderna"},
			Born:    &programme.BornRange{From: civil.New(1967, 1, 1), To: civil.New(1971, 12, 31)},
			Gathers: pagetest.Opening.Add(7*24*time.Hour - time.Hour), Opens: pagetest.Opening.Add(7 * 24 * time.Hour), Closes: pagetest.Opening.Add(10 * 24 * time.Hour),
			Line: programme.LineRules{Order: programme.OrderDraw, PassMinutes: 10},
		}, programme.Campaign{
			ID: "age-60-74", Num: 9, Name: programme.Text{KO: "60–74세 사전예약", EN: "Ages 60–74"}, Roster: "r",
			Line: programme.LineRules{Order: programme.OrderArrival},
		})
		svc.now, svc.state, svc.place, svc.draw, svc.recipients, svc.bookings, svc.Fail = fresh.now, fresh.state, nil, fresh.draw, nil, nil, map[string]error{}
		if f := scenes[r.PathValue("scene")]; f != nil {
			f(svc)
		}
		if r.FormValue("out") == "" {
			http.SetCookie(w, &http.Cookie{Name: page.CookieSession, Value: "token", Path: "/"})
			pass := strconv.FormatInt(svc.now.Add(9*time.Minute).Unix(), 36) + ".pass-token"
			http.SetCookie(w, &http.Cookie{Name: page.PassName("age-55-59", ""), Value: pass, Path: "/"})
		}
		http.SetCookie(w, &http.Cookie{Name: page.CookieLanguage, Value: r.FormValue("l"), Path: "/"})
		if r.FormValue("post") != "" {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(`<form method=post action="` + r.FormValue("to") + `"><input name=slot value="s1.2021-07-26.570"><input name=name value="박말순"></form><script>document.forms[0].submit()</script>`))
			return
		}
		http.Redirect(w, r, r.FormValue("to"), http.StatusSeeOther)
	})
	mux.Handle("GET /api/v1/campaigns/{c}/line", lineDocument(svc))
	mux.Handle("GET /api/v1/campaigns/{c}/place", placeDocument(svc))
	return mux
}

func lineDocument(svc *scripted) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		svc.Mu.Lock()
		defer svc.Mu.Unlock()
		if err := svc.Fail["line"]; err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"state": svc.state, "joined": svc.doc.Joined, "admitted": svc.doc.Admitted, "serverTime": svc.now.Format(time.RFC3339),
		})
	})
}

func placeDocument(svc *scripted) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		svc.Mu.Lock()
		defer svc.Mu.Unlock()
		if err := svc.Fail["place"]; err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if svc.place == nil || !strings.HasPrefix(r.Header.Get("Charye-Ticket"), "ticket-") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		p := svc.place
		_ = json.NewEncoder(w).Encode(map[string]any{
			"ticket": p.Ticket, "state": p.State, "number": p.Number, "ahead": p.Ahead, "pollAfterSeconds": int(p.PollAfter / time.Second),
			"estimatedWaitSeconds": [2]int{int(p.Wait[0] / time.Second), int(p.Wait[1] / time.Second)},
		})
	})
}
