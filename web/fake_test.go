package web

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"charye/approval"
	"charye/internal/civil"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/walk"
	"charye/walk/clinic"
	"charye/walk/desk"
	"charye/walk/leftovers"
	"charye/web/page"
	"charye/web/page/pagetest"
	"charye/web/supply"
)

// scripted is a Service that answers as the test tells it. It keeps no rules of its own.
type scripted struct {
	supply.Service // nil: the tests of the supply room are its own
	pagetest.Steps

	lists []leftovers.Site // of leftover doses
	asked *approval.Register
	ended map[person.Key]bool // of staff
	offer *leftovers.Offer

	programme  *programme.Programme
	now        time.Time
	state      walk.CampaignState
	aside      int
	released   time.Time
	place      *walk.Place // nil: no place
	draw       line.Draw
	doc        walk.LineDoc
	recipients []person.Recipient
	told       notify.Contact
	bookings   []walk.Booking
	pauseWhy   programme.Text
	caller     desk.Caller
	calling    desk.Calls
	clinic     clinic.Day
	visitors   []clinic.Visitor
	visitor    clinic.Visitor
	poll       time.Duration // until the next question, in places
}

func newScripted() *scripted {
	moderna := programme.Product{
		ID: "moderna", Name: programme.Text{KO: "모더나", EN: "Moderna"}, DosesPerVial: 10,
		Series: programme.Series{Doses: 2, Intervals: []programme.Interval{{From: civil.New(2021, 1, 1), Default: 28, Min: 21, Max: 42}}},
	}
	return &scripted{
		programme: &programme.Programme{
			ID: "covid19-2021", Name: programme.Text{KO: "코로나19 예방접종 2021", EN: "COVID-19 vaccination 2021"}, Zone: pagetest.Seoul, Trial: true,
			Products: []programme.Product{moderna},
			Campaigns: []programme.Campaign{{
				ID: "age-55-59", Num: 7, Name: programme.Text{KO: "55–59세 사전예약", EN: "Ages 55–59"}, Products: []string{"moderna"},
				Born:    &programme.BornRange{From: civil.New(1962, 1, 1), To: civil.New(1966, 12, 31)},
				Gathers: pagetest.Opening.Add(-time.Hour), Opens: pagetest.Opening, Closes: pagetest.Opening.Add(118 * time.Hour), Stock: 1850000,
				Line:    programme.LineRules{Order: programme.OrderDraw, Inside: 30000, PerSecond: 2000, PassMinutes: 10},
				Helpers: programme.HelperRules{Allowed: true, PerHelper: 5}, Change: programme.ChangeRules{UntilDays: 2},
			}},
		},
		now:   pagetest.Opening.Add(12 * time.Minute),
		state: walk.CampaignState(programme.PhaseOpen),
		draw:  line.Draw{Commitment: sha256.Sum256([]byte("seed")), Seed: [32]byte{1, 2, 3}, Drawn: true, Entrants: 2000000, At: pagetest.Opening},
		doc:   walk.LineDoc{Joined: 1234567, Admitted: 611222, PerMinute: 60000, Remaining: 900000},
		poll:  20 * time.Second,
		Steps: pagetest.NewSteps(),
	}
}

func (s *scripted) Programme() *programme.Programme { return s.programme }
func (s *scripted) Now() time.Time                  { return s.now }

func (s *scripted) Campaigns(context.Context) ([]walk.Campaign, error) {
	if err := s.Step("Campaigns", ""); err != nil {
		return nil, err
	}
	var out []walk.Campaign
	for i := range s.programme.Campaigns {
		c := walk.Campaign{Campaign: &s.programme.Campaigns[i], State: s.state, Remaining: s.doc.Remaining, PauseWhy: s.pauseWhy, SetAside: s.aside, Released: s.released}
		if i > 0 {
			c.State = []walk.CampaignState{"draft", "closed"}[(i-1)%2]
		}
		out = append(out, c)
	}
	return out, nil
}

func (s *scripted) Campaign(ctx context.Context, id string) (walk.Campaign, error) {
	if err := s.Step("Campaign", ""); err != nil {
		return walk.Campaign{}, err
	}
	all, err := s.Campaigns(ctx)
	for _, c := range all {
		if c.ID == id {
			return c, err
		}
	}
	return walk.Campaign{}, &walk.Error{Code: walk.NotFound}
}

func (s *scripted) Line(context.Context, string) (walk.LineDoc, error) {
	d := s.doc
	d.State, d.ServerTime = s.state, s.now
	return d, s.Step("Line", "")
}

func (s *scripted) Draw(context.Context, string) (line.Draw, error) {
	return s.draw, s.Step("Draw", "")
}

func (s *scripted) Eligible(_ context.Context, _ walk.Actor, _, recipient string) error {
	return s.Step("Eligible", "for=%s", recipient)
}

func (s *scripted) Join(_ context.Context, _ walk.Actor, campaign, recipient string) (walk.Place, bool, error) {
	return walk.Place{}, true, s.Step("Join", "%s for=%s", campaign, recipient)
}

func (s *scripted) PlaceOf(_ context.Context, _ walk.Actor, _, recipient string) (walk.Place, error) {
	if err := s.Step("PlaceOf", "for=%s", recipient); err != nil {
		return walk.Place{}, err
	}
	if s.place == nil {
		return walk.Place{}, &walk.Error{Code: walk.NotFound}
	}
	return *s.place, nil
}

func (s *scripted) Enter(_ context.Context, _ walk.Actor, campaign, recipient, ticket, device string, takeover bool) (walk.Pass, error) {
	err := s.Step("Enter", "%s for=%s ticket=%s device=%d takeover=%t", campaign, recipient, ticket, len(device), takeover)
	return walk.Pass{Token: "pass-token", ExpiresAt: s.now.Add(10 * time.Minute)}, err
}

func (s *scripted) Regions(context.Context) []string {
	return []string{"서울특별시", "부산광역시", "경기도", "제주특별자치도"}
}

var madeUpSites = []site.Site{
	{Num: 1, ID: "s1", Name: "한강이비인후과의원", Kind: "clinic", Address: "서울특별시 마포구 예시로 12, 3층", Region: "서울특별시", District: "마포구", Phone: "02-000-1234", Lat: 37.55, Lon: 126.92},
	{Num: 2, ID: "s2", Name: "느티나무내과의원", Kind: "clinic", Address: "서울특별시 서대문구 보기길 7", Region: "서울특별시", District: "서대문구", Phone: "02-000-5678", Lat: 37.57, Lon: 126.94},
	{Num: 3, ID: "s3", Name: "은평구 예방접종센터(구민체육관)", Kind: "centre", Address: "서울특별시 은평구 가상로 100, 구민체육관 1층 대강당", Region: "서울특별시", District: "은평구", Phone: "02-000-9999", Lat: 37.60, Lon: 126.92},
}

func (s *scripted) free(n int) []walk.DayFree {
	var out []walk.DayFree
	for i := range 14 {
		f := (i*37*n + n*11) % 60
		if i < n-1 {
			f = 0
		}
		out = append(out, walk.DayFree{Day: civil.New(2021, 7, 26+i), Free: f})
	}
	return out
}

func (s *scripted) Sites(_ context.Context, _ string, q walk.SiteQuery) (walk.SitePage, error) {
	if err := s.Step("Sites", "region=%s near=%t %.2f,%.2f date=%t cursor=%s", q.Region, q.Near, q.Lat, q.Lon, q.HasDate, q.Cursor); err != nil {
		return walk.SitePage{}, err
	}
	var p walk.SitePage
	for i, at := range madeUpSites {
		if q.Region != "" && q.Region != at.Region {
			continue
		}
		f := walk.SiteFree{Site: at, Metres: -1, Free: s.free(i + 1)}
		if q.Near {
			f.Metres = 640 + i*1780
		}
		p.Sites = append(p.Sites, f)
	}
	if q.Cursor == "" && len(p.Sites) > 0 {
		p.Next = "cursor-2"
	}
	return p, nil
}

func (s *scripted) Site(_ context.Context, _, id string) (walk.SiteFree, error) {
	if err := s.Step("Site", "%s", id); err != nil {
		return walk.SiteFree{}, err
	}
	for i, at := range madeUpSites {
		if at.ID == id {
			return walk.SiteFree{Site: at, Metres: -1, Free: s.free(i + 1)}, nil
		}
	}
	return walk.SiteFree{}, &walk.Error{Code: walk.NotFound}
}

func (s *scripted) slots(siteID string, day civil.Date) []walk.Slot {
	var out []walk.Slot
	for i := range 16 {
		start := day.At(9*60+i*30, pagetest.Seoul)
		out = append(out, walk.Slot{
			ID: fmt.Sprintf("%s.%s.%d", siteID, day, 9*60+i*30), Start: start, End: start.Add(30 * time.Minute), Product: "moderna", Free: (i * 7) % 6,
		})
	}
	return out
}

func (s *scripted) Slots(_ context.Context, _, siteID string, day civil.Date) ([]walk.Slot, error) {
	return s.slots(siteID, day), s.Step("Slots", "%s %s", siteID, day)
}

func (s *scripted) SlotsFor(_ context.Context, _ walk.Actor, _, _, siteID string, day civil.Date) ([]walk.Slot, error) {
	return s.slots(siteID, day), s.Step("SlotsFor", "%s %s", siteID, day)
}

func (s *scripted) Slot(_ context.Context, _, slotID string) (walk.Slot, site.Site, error) {
	if err := s.Step("Slot", "%s", slotID); err != nil {
		return walk.Slot{}, site.Site{}, err
	}
	parts := strings.Split(slotID, ".")
	if len(parts) == 3 {
		if day, err := civil.Parse(parts[1]); err == nil {
			for _, sl := range s.slots(parts[0], day) {
				for _, at := range madeUpSites {
					if sl.ID == slotID && at.ID == parts[0] {
						return sl, at, nil
					}
				}
			}
		}
	}
	return walk.Slot{}, site.Site{}, &walk.Error{Code: walk.NotFound}
}

func (s *scripted) DoseSlots(_ context.Context, _ walk.Actor, booking string, dose int, siteID string, day civil.Date) ([]walk.Slot, error) {
	return s.slots(siteID, day), s.Step("DoseSlots", "%s %d %s %s", booking, dose, siteID, day)
}

func (s *scripted) Hold(_ context.Context, _ walk.Actor, pass, slot string) (walk.Hold, error) {
	return walk.Hold{ID: "hold-1", Slot: slot, ExpiresAt: s.now.Add(4 * time.Minute)}, s.Step("Hold", "pass=%s slot=%s", pass, slot)
}

func (s *scripted) Book(_ context.Context, _ walk.Actor, pass string, r walk.BookRequest) (walk.Booking, bool, error) {
	with := ""
	if r.WithPass != "" {
		with = " with=" + r.WithPass
	}
	err := s.Step("Book", "pass=%s slot=%s hold=%s key=%s%s", pass, r.Slot, r.Hold, r.IdempotencyKey, with)
	if err != nil {
		return walk.Booking{}, false, err
	}
	return s.bookings[0], false, nil
}

func (s *scripted) Bookings(context.Context, walk.Actor) ([]walk.Booking, error) {
	return s.bookings, s.Step("Bookings", "")
}

func (s *scripted) Booking(_ context.Context, _ walk.Actor, id string) (walk.Booking, error) {
	if err := s.Step("Booking", "%s", id); err != nil {
		return walk.Booking{}, err
	}
	for _, b := range s.bookings {
		if b.ID == id {
			return b, nil
		}
	}
	return walk.Booking{}, &walk.Error{Code: walk.NotFound}
}

func (s *scripted) Change(ctx context.Context, a walk.Actor, id string, dose int, slot string) (walk.Booking, error) {
	if err := s.Step("Change", "%s %d %s", id, dose, slot); err != nil {
		return walk.Booking{}, err
	}
	return s.Booking(ctx, a, id)
}

func (s *scripted) Cancel(_ context.Context, _ walk.Actor, id string) (walk.Booking, error) {
	return walk.Booking{}, s.Step("Cancel", "%s", id)
}

func (s *scripted) AddRecipient(_ context.Context, _ walk.Actor, r walk.NewRecipient) (person.Recipient, error) {
	as := ""
	if r.Guardian {
		as = " as guardian"
	}
	return person.Recipient{ID: "r-new"}, s.Step("AddRecipient", "%s %s %s %s consent=%t%s", r.Campaign, r.Name, r.Born, r.Identity, r.Consent, as)
}

func (s *scripted) Recipients(context.Context, walk.Actor) ([]person.Recipient, error) {
	return s.recipients, s.Step("Recipients", "")
}

func (s *scripted) RemoveRecipient(_ context.Context, _ walk.Actor, id string) error {
	return s.Step("RemoveRecipient", "%s", id)
}

func (s *scripted) Contact(context.Context, walk.Actor) (notify.Contact, error) {
	return s.told, s.Step("Contact", "")
}

func (s *scripted) SetContact(_ context.Context, _ walk.Actor, c notify.Contact) (notify.Contact, error) {
	s.told = c.WithDevicesOf(s.told)
	return s.told, s.Step("SetContact", "%v", c)
}

func (s *scripted) AddDevice(_ context.Context, _ walk.Actor, lang string, sub notify.Subscription) (notify.Contact, error) {
	if _, err := sub.Clean(true); err != nil {
		return s.told, &walk.Error{Code: walk.BadRequest}
	}
	s.told.Lang = lang
	s.told = s.told.WithDevice(sub.Address())
	return s.told, s.Step("AddDevice", "%s", sub.Endpoint)
}

func (s *scripted) RemoveDevices(context.Context, walk.Actor) (notify.Contact, error) {
	s.told = s.told.WithoutDevices()
	return s.told, s.Step("RemoveDevices", "")
}

func (s *scripted) Messages(context.Context, walk.Actor) ([]notify.Kept, error) {
	var list []notify.Kept
	for _, k := range notify.Kinds {
		for _, st := range []notify.State{notify.Queued, notify.Sending, notify.Sent, notify.Obsolete, notify.Unreachable, notify.Expired} {
			list = append(list, notify.Kept{Message: notify.Message{Kind: k}, State: st, At: s.now})
		}
	}
	return list, s.Step("Messages", "")
}

func (s *scripted) aBooking() walk.Booking {
	p := s.programme.Products[0]
	at := func(day, minute int) time.Time { return civil.New(2021, 7, day).At(minute, pagetest.Seoul) }
	return walk.Booking{
		ID: "bk_7f3a9c", Number: "4821-0937", Campaign: &s.programme.Campaigns[0], MadeAt: s.now, Changeable: true, UntilDays: 2,
		Doses: []walk.Dose{
			{Dose: 1, Site: madeUpSites[0], Start: at(26, 570), End: at(26, 600), Product: p, SlotID: "s1.2021-07-26.570"},
			{Dose: 2, Site: madeUpSites[0], Start: at(26+28, 570), End: at(26+28, 600), Product: p, SlotID: "s1.2021-08-23.570"},
		},
	}
}

// placed gives the person a place.
func (s *scripted) placed(state line.State, number uint32, ahead int, lo, hi time.Duration) {
	s.place = &walk.Place{
		Place:  line.Place{Campaign: 7, Seq: 900, Number: number, State: state, Ahead: ahead, Wait: [2]time.Duration{lo, hi}, PollAfter: s.poll},
		Ticket: "ticket-" + strings.Repeat("Q7xz", 30), Pseudonym: [16]byte{0xa1, 0xb2, 0xc3, 0xd4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	}
}

func open(t *testing.T, svc Service, door SignIn, o Options) *pagetest.Browser {
	t.Helper()
	h, err := New(svc, door, o)
	if err != nil {
		t.Fatal(err)
	}
	return pagetest.NewBrowser(t, h, "ko")
}

func signedIn(t *testing.T, svc *scripted) *pagetest.Browser {
	t.Helper()
	b := open(t, svc, pagetest.NewDoorman(svc.now), Options{Calendar: func(b walk.Booking, lang string) []byte { return []byte("BEGIN:VCALENDAR " + b.Number + " " + lang) }})
	b.Cookies[page.CookieSession] = "token"
	return b
}

// panics is a service that falls over.
type panics struct{ *scripted }

func (panics) Campaigns(context.Context) ([]walk.Campaign, error) { panic("name of a person") }
