package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"charye/internal/civil"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/walk"
	"charye/walk/leftovers"
)

// script is a service whose answers a test writes down: canned ones, errors by method, and a record of what was asked.
// The real walk is tested through this face in cmd's tests; here it is the face's own behaviour that counts.
type script struct {
	mu    sync.Mutex
	now   time.Time
	calls []string
	errs  map[string]error
	hook  map[string]func(context.Context) // runs inside the call, before it answers

	place     walk.Place
	created   bool
	repeated  bool
	line      walk.LineDoc
	draw      line.Draw
	entrants  []byte
	closed    int // entrants closed
	campaigns []walk.Campaign
	sites     walk.SitePage
	booking   walk.Booking
}

var kst = time.FixedZone("Asia/Seoul", 9*3600)

var opening = time.Date(2021, 7, 12, 20, 0, 0, 0, kst)

func newScript() *script {
	c := &programme.Campaign{
		ID: "age-55-59", Num: 7, Name: programme.Text{KO: "55–59세", EN: "Ages 55–59"}, Products: []string{"moderna"},
		Gathers: opening.Add(-time.Hour), Opens: opening, Closes: opening.AddDate(0, 0, 5), Stock: 1850000,
		Line:    programme.LineRules{Order: programme.OrderDraw, Inside: 30000, PerSecond: 2000, PassMinutes: 10},
		Helpers: programme.HelperRules{Allowed: true, PerHelper: 5}, Change: programme.ChangeRules{UntilDays: 1},
	}
	clinic := site.Site{Num: 12, ID: "JDQ4MTYy", Name: "을지 \"내과\"", Kind: "clinic", Address: "서울특별시 중구 을지로 1", Region: "서울특별시", District: "중구", Phone: "02-000-0000", Lat: 37.567817, Lon: 127.004501}
	moderna := programme.Product{ID: "moderna", Name: programme.Text{KO: "모더나", EN: "Moderna"}, Series: programme.Series{Doses: 2}}
	day := time.Date(2021, 7, 26, 9, 30, 0, 0, kst)
	s := &script{
		now:     opening.Add(time.Minute),
		errs:    map[string]error{},
		hook:    map[string]func(context.Context){},
		created: true,
		place: walk.Place{
			Place:  line.Place{Campaign: 7, Person: hong.Key, Seq: 3, Number: 5200, State: line.Waiting, Ahead: 400, Wait: [2]time.Duration{10500 * time.Millisecond, 24100 * time.Millisecond}, PollAfter: 19500 * time.Millisecond},
			Ticket: "TICKET-1", Pseudonym: [16]byte{0x01, 0xab},
		},
		line: walk.LineDoc{State: "open", Joined: 352400, Admitted: 120000, Inside: 28117, PerMinute: 118734.46, Remaining: 96211, Commitment: [32]byte{0xc0}, Seed: [32]byte{0x5e}, Drawn: true, ServerTime: opening.Add(time.Minute + 250*time.Millisecond)},
		draw: line.Draw{Commitment: [32]byte{0xc0}, Seed: [32]byte{0x5e}, Drawn: true, Entrants: 3, At: opening},

		entrants: bytes.Repeat([]byte("0123456789abcdef"), 3),
		campaigns: []walk.Campaign{
			{Campaign: c, State: "open", Remaining: 96211},
			{Campaign: c, State: "paused", Remaining: -1, PauseWhy: programme.Text{KO: "점검", EN: "Maintenance"}},
		},
		sites: walk.SitePage{Next: "c2", Sites: []walk.SiteFree{
			{Site: clinic, Metres: 420, Free: []walk.DayFree{{Day: civil.New(2021, 7, 26), Free: 12}, {Day: civil.New(2021, 7, 27)}}},
			{Site: site.Site{ID: "X", Name: "어디", Kind: "centre"}, Metres: -1},
		}},
		booking: walk.Booking{
			ID: "bk-9f", Number: "1234-5678", Campaign: c, MadeAt: opening.Add(2 * time.Minute), Sequence: 1, Changeable: true,
			Doses: []walk.Dose{
				{Dose: 1, Site: clinic, Start: day, End: day.Add(30 * time.Minute), Product: moderna, SlotID: "12.2021-07-26.0930.moderna"},
				{Dose: 2, Site: clinic, Start: day.AddDate(0, 0, 28), End: day.AddDate(0, 0, 28).Add(30 * time.Minute), Product: moderna, SlotID: "12.2021-08-23.0930.moderna"},
			},
		},
	}
	return s
}

var hong = person.Session{
	Key: person.Key{1, 2, 3}, Born: civil.New(1962, 3, 1), SignedInAt: opening.Add(-time.Hour), ExpiresAt: opening.Add(11 * time.Hour),
}

// tokens is a verifier that knows a few tokens; the real one is tested in package person.
type tokens map[string]person.Session

func (t tokens) Verify(token string, now time.Time) (person.Session, error) {
	s, ok := t[token]
	if !ok || !now.Before(s.ExpiresAt) {
		return person.Session{}, errors.New("no such session")
	}
	return s, nil
}

func (t tokens) OpenName(token string) (string, error) {
	if _, ok := t[token]; !ok {
		return "", errors.New("no such session")
	}
	return "홍길동", nil
}

func (s *script) call(ctx context.Context, method string, args ...any) error {
	var b strings.Builder
	b.WriteString(method)
	for _, a := range args {
		if actor, ok := a.(walk.Actor); ok {
			a = fmt.Sprintf("%x/%s/%s", actor.Key[:3], actor.Name, actor.Channel)
		}
		fmt.Fprintf(&b, " %v", a)
	}
	s.mu.Lock()
	s.calls = append(s.calls, b.String())
	hook, err := s.hook[method], s.errs[method]
	s.mu.Unlock()
	if hook != nil {
		hook(ctx)
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

func (s *script) count(method string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c == method || strings.HasPrefix(c, method+" ") {
			n++
		}
	}
	return n
}

func (s *script) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.calls) == 0 {
		return ""
	}
	return s.calls[len(s.calls)-1]
}

func (s *script) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *script) fail(method string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs[method] = err
}

func (s *script) Programme() *programme.Programme {
	return &programme.Programme{
		ID: "covid19-2021", Name: programme.Text{KO: "코로나19 예방접종 2021", EN: "COVID-19 vaccination 2021"}, Zone: kst, Trial: true,
		Products:  []programme.Product{{ID: "moderna", Name: programme.Text{KO: "모더나", EN: "Moderna"}, Series: programme.Series{Doses: 2}}},
		Campaigns: []programme.Campaign{{ID: "age-55-59", Num: 7, Leftovers: &programme.Leftovers{}}, {ID: "age-60-64", Num: 8}},
	}
}

func (s *script) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *script) Campaigns(ctx context.Context) ([]walk.Campaign, error) {
	return s.campaigns, s.call(ctx, "Campaigns")
}

func (s *script) Campaign(ctx context.Context, id string) (walk.Campaign, error) {
	return s.campaigns[0], s.call(ctx, "Campaign", id)
}

func (s *script) Line(ctx context.Context, campaign string) (walk.LineDoc, error) {
	return s.line, s.call(ctx, "Line", campaign)
}

func (s *script) Draw(ctx context.Context, campaign string) (line.Draw, error) {
	return s.draw, s.call(ctx, "Draw", campaign)
}

type closing struct {
	*bytes.Reader
	s *script
}

func (c closing) Close() error { c.s.closed++; return nil }

func (s *script) Entrants(ctx context.Context, campaign string) (io.ReadSeekCloser, error) {
	return closing{bytes.NewReader(s.entrants), s}, s.call(ctx, "Entrants", campaign)
}

func (s *script) Eligible(ctx context.Context, a walk.Actor, campaign, recipient string) error {
	return s.call(ctx, "Eligible", a, campaign, recipient)
}

func (s *script) Join(ctx context.Context, a walk.Actor, campaign, recipient string) (walk.Place, bool, error) {
	return s.place, s.created, s.call(ctx, "Join", a, campaign, recipient)
}

func (s *script) PlaceByTicket(ctx context.Context, campaign, ticket string) (walk.Place, error) {
	return s.place, s.call(ctx, "PlaceByTicket", campaign, ticket)
}

func (s *script) PlaceOf(ctx context.Context, a walk.Actor, campaign, recipient string) (walk.Place, error) {
	return s.place, s.call(ctx, "PlaceOf", a, campaign, recipient)
}

func (s *script) Enter(ctx context.Context, a walk.Actor, campaign, recipient, ticket, device string, takeover bool) (walk.Pass, error) {
	return walk.Pass{Token: "PASS-1", ExpiresAt: opening.Add(11 * time.Minute)}, s.call(ctx, "Enter", a, campaign, recipient, ticket, device, takeover)
}

func (s *script) Regions(ctx context.Context) []string {
	_ = s.call(ctx, "Regions")
	return []string{"서울특별시", "부산광역시"}
}

func (s *script) Sites(ctx context.Context, campaign string, q walk.SiteQuery) (walk.SitePage, error) {
	return s.sites, s.call(ctx, "Sites", campaign, fmt.Sprintf("%+v", q))
}

func (s *script) slots() []walk.Slot {
	d := s.booking.Doses[0]
	return []walk.Slot{{ID: d.SlotID, Start: d.Start, End: d.End, Product: "moderna", Free: 3}}
}

func (s *script) Slots(ctx context.Context, campaign, siteID string, day civil.Date) ([]walk.Slot, error) {
	return s.slots(), s.call(ctx, "Slots", campaign, siteID, day)
}

func (s *script) DoseSlots(ctx context.Context, a walk.Actor, bookingID string, dose int, siteID string, day civil.Date) ([]walk.Slot, error) {
	return s.slots(), s.call(ctx, "DoseSlots", a, bookingID, dose, siteID, day)
}

func (s *script) Hold(ctx context.Context, a walk.Actor, pass, slot string) (walk.Hold, error) {
	return walk.Hold{ID: "h-51", Slot: slot, ExpiresAt: opening.Add(6 * time.Minute)}, s.call(ctx, "Hold", a, pass, slot)
}

func (s *script) Book(ctx context.Context, a walk.Actor, pass string, r walk.BookRequest) (walk.Booking, bool, error) {
	return s.booking, s.repeated, s.call(ctx, "Book", a, pass, fmt.Sprintf("%+v", r))
}

func (s *script) Bookings(ctx context.Context, a walk.Actor) ([]walk.Booking, error) {
	theirs := s.booking
	theirs.Recipient, theirs.ForName, theirs.Cancelled = "r-1", "어머니", true
	return []walk.Booking{s.booking, theirs}, s.call(ctx, "Bookings", a)
}

func (s *script) Booking(ctx context.Context, a walk.Actor, id string) (walk.Booking, error) {
	return s.booking, s.call(ctx, "Booking", a, id)
}

func (s *script) Change(ctx context.Context, a walk.Actor, id string, dose int, slot string) (walk.Booking, error) {
	return s.booking, s.call(ctx, "Change", a, id, dose, slot)
}

func (s *script) Cancel(ctx context.Context, a walk.Actor, id string) (walk.Booking, error) {
	b := s.booking
	b.Cancelled = true
	return b, s.call(ctx, "Cancel", a, id)
}

func (s *script) recipient() person.Recipient {
	return person.Recipient{ID: "r-1", Helper: hong.Key, Key: person.Key{9}, Campaign: "age-55-59", Name: "어머니", Born: civil.New(1935, 1, 2), RegisteredAt: opening}
}

func (s *script) AddRecipient(ctx context.Context, a walk.Actor, r walk.NewRecipient) (person.Recipient, error) {
	return s.recipient(), s.call(ctx, "AddRecipient", a, fmt.Sprintf("%+v", r))
}

func (s *script) Recipients(ctx context.Context, a walk.Actor) ([]person.Recipient, error) {
	return []person.Recipient{s.recipient()}, s.call(ctx, "Recipients", a)
}

func (s *script) RemoveRecipient(ctx context.Context, a walk.Actor, id string) error {
	return s.call(ctx, "RemoveRecipient", a, id)
}

func (s *script) Contact(ctx context.Context, a walk.Actor) (notify.Contact, error) {
	return notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Text, Value: "01012345678"}}}, s.call(ctx, "Contact", a)
}

func (s *script) SetContact(ctx context.Context, a walk.Actor, c notify.Contact) (notify.Contact, error) {
	return c, s.call(ctx, "SetContact", a, c)
}

func (s *script) Messages(ctx context.Context, a walk.Actor) ([]notify.Kept, error) {
	return []notify.Kept{{Message: notify.Message{Kind: notify.Booked, Due: s.now}, State: notify.Sent, At: s.now}}, s.call(ctx, "Messages", a)
}

func (s *script) leftovers() leftovers.Mine {
	c := s.campaigns[0].Campaign
	at := s.sites.Sites[0].Site
	return leftovers.Mine{
		Campaign: c, Rules: &programme.Leftovers{Answer: 10 * time.Minute, Sites: 5, WithinKm: 10}, Today: true,
		Sites: []leftovers.Site{{Site: at, Since: civil.New(2021, 7, 26)}},
		Offer: &leftovers.Offer{
			ID: "17", State: leftovers.Offered, Site: at, Product: programme.Product{ID: "moderna"}, Until: s.now.Add(10 * time.Minute), GiveBy: s.now.Add(time.Hour),
		},
	}
}

func (s *script) Leftovers(ctx context.Context, a walk.Actor, campaign string) (leftovers.Mine, error) {
	return s.leftovers(), s.call(ctx, "Leftovers", a, campaign)
}

func (s *script) LeftoversFor(ctx context.Context, a walk.Actor, campaign, recipient string) (leftovers.Mine, error) {
	return s.leftovers(), s.call(ctx, "LeftoversFor", a, campaign, recipient)
}

func (s *script) SetLeftovers(ctx context.Context, a walk.Actor, campaign, recipient string, sites []string) (leftovers.Mine, error) {
	return s.leftovers(), s.call(ctx, "SetLeftovers", a, campaign, recipient, sites)
}

func (s *script) AcceptLeftover(ctx context.Context, a walk.Actor, campaign, recipient, offer string) (walk.Booking, error) {
	return s.booking, s.call(ctx, "AcceptLeftover", a, campaign, recipient, offer)
}

func (s *script) DeclineLeftover(ctx context.Context, a walk.Actor, campaign, recipient, offer string) error {
	return s.call(ctx, "DeclineLeftover", a, campaign, recipient, offer)
}
