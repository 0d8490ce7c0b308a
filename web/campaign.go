package web

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/walk"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// plain writes a date without its weekday.
func (q *request) plain(d civil.Date) string {
	s, err := q.lang.plainDay(d)
	if err != nil {
		q.h.log.ErrorContext(q.Context(), "catalogue", slog.Any("err", err))
	}
	return s
}

type campaignData struct {
	subject
	Card     campaignCard
	Now      time.Time
	Eligible bool
	Why      string // why not, when signed in and not eligible
	Booked   bool   // there is a booking already
	HasPlace bool
	HasPass  bool
	// HasSession tells a reader who is signed in and waits for the opening from one who is not.
	HasSession bool
	Helping    bool      // the campaign takes helpers today
	Later      time.Time // when the reader's window of the rota begins; zero: there is none to wait for
}

// campaign tells, before any waiting, whether the reader may book here.
func (h *handler) campaign(q *request) error {
	s, err := q.subject()
	if err != nil {
		return err
	}
	now := h.svc.Now()
	d := campaignData{subject: s, Card: q.card(s.Campaign, now), Now: now, HasSession: q.session != nil, Helping: h.helping(s.Campaign.Campaign)}
	if q.session != nil {
		a, err := q.actor()
		if err != nil {
			return err
		}
		err = h.svc.Eligible(q.Context(), a, s.Campaign.ID, s.For)
		switch codeOf(err) {
		case walk.AlreadyBooked:
			d.Booked = true
		case walk.NotEligible, walk.HelperNotAllowed:
			if d.Why, err = q.whyNot(a, s, err); err != nil {
				return err
			}
		default:
			if err != nil && codeOf(err) != walk.NotOpen && codeOf(err) != walk.Closed {
				return err
			}
			d.Eligible = err == nil
			if later, ok := errors.AsType[*walk.ComesLater](err); ok {
				d.Later = later.From
			}
		}
		if d.Eligible {
			_, err := h.svc.PlaceOf(q.Context(), a, s.Campaign.ID, s.For)
			if err != nil && codeOf(err) != walk.NotFound {
				return err
			}
			d.HasPlace = err == nil
			if d.HasPlace {
				if d.Booked, err = h.booked(q.Context(), a, s); err != nil {
					return err
				}
			}
		}
		if p, ok := h.cookies.pass(q.Request, passName(s.Campaign.ID, s.For)); ok {
			d.HasPass = p.Until.After(now)
		}
	}
	return q.show(http.StatusOK, "campaign", view{Title: s.Campaign.Name.In(q.lang.id), Script: "page.js", D: d})
}

// booked reports whether there is a live booking of the subject.
// helping reports whether a campaign takes helpers today.
func (h *handler) helping(c *programme.Campaign) bool {
	return c.Helpers.On(civil.Of(h.svc.Now(), h.svc.Programme().Zone))
}

func (h *handler) booked(ctx context.Context, a walk.Actor, s subject) (bool, error) {
	if a.IsStaff() {
		c, err := h.svc.Caller(ctx, a, s.For)
		return c.Booking != nil, err
	}
	all, err := h.svc.Bookings(ctx, a)
	if err != nil {
		return false, err
	}
	for _, b := range all {
		if !b.Cancelled && b.Campaign.ID == s.Campaign.ID && b.Recipient == s.For {
			return true, nil
		}
	}
	return false, nil
}

// whyNot gives the reason in the reader's language. The decision is package walk's; this only tells which of the
// campaign's published rules it rests on.
func (q *request) whyNot(a walk.Actor, s subject, refused error) (string, error) {
	if codeOf(refused) == walk.HelperNotAllowed {
		return q.words("refused.helper.text"), nil
	}
	born := a.Born
	if s.For != "" {
		r, err := q.h.findRecipient(q.Context(), a, s.For)
		if err != nil {
			return "", err
		}
		born = r.Born
	}
	if b := s.Campaign.Born; b != nil && (born < b.From || born > b.To) {
		return q.words("why.born", "from", q.plain(b.From), "to", q.plain(b.To), "born", q.plain(born)), nil
	}
	if e, ok := errors.AsType[*programme.NotEligible](refused); ok && e.Reason == programme.ReasonExcept {
		return q.words("why.except"), nil
	}
	if s.Campaign.Roster != "" {
		return q.words("why.roster"), nil
	}
	return q.words("why.other"), nil
}

func (h *handler) join(q *request) error {
	q.back, q.again = q.path(q.PathValue("campaign"), "", q.recipient()), []string{"for"}
	a, err := q.actor()
	if err != nil {
		return err
	}
	if _, _, err = h.svc.Join(q.Context(), a, q.PathValue("campaign"), q.recipient()); err != nil {
		return err
	}
	return q.redirect(q.path(q.PathValue("campaign"), "wait", q.recipient()))
}

type forData struct {
	subject
	Recipients []person.Recipient
	Errors     []fieldError
	// What was typed, shown again after a mistake. The identity number is never sent back.
	Name, Year, Month, Day string
	Consent, Guardian      bool
}

// fieldError is a mistake in a form: the field's element id and what to do.
type fieldError struct{ Field, Text string }

// Wrong gives the message for a field, empty when it is right.
func (d forData) Wrong(field string) string {
	for _, e := range d.Errors {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

func (h *handler) forWhom(q *request) error { return h.showForWhom(q, forData{}) }

func (h *handler) showForWhom(q *request, d forData) error {
	c, err := h.svc.Campaign(q.Context(), q.PathValue("campaign"))
	if err != nil {
		return err
	}
	d.subject = subject{Campaign: c}
	a, err := q.actor()
	if err != nil {
		return err
	}
	all, err := h.svc.Recipients(q.Context(), a)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Campaign == c.ID {
			d.Recipients = append(d.Recipients, r)
		}
	}
	status := http.StatusOK
	if len(d.Errors) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return q.show(status, "for", view{Title: q.words("for.title"), Error: len(d.Errors) > 0, D: d})
}

func (h *handler) addRecipient(q *request) error {
	campaign := q.PathValue("campaign")
	q.back = q.path(campaign, "for", "")
	a, err := q.actor()
	if err != nil {
		return err
	}
	d := forData{
		Name: q.field("name"), Year: q.field("year"), Month: q.field("month"), Day: q.field("day"), Consent: q.field("consent") != "", Guardian: q.field("as") == "guardian",
	}
	identity := strings.NewReplacer("-", "", " ", "").Replace(q.field("identity"))
	born, bornErr := birthday(d.Year, d.Month, d.Day, h.svc.Now(), h.zone)
	wrong := func(field, key string) { d.Errors = append(d.Errors, fieldError{field, q.words(key)}) }
	if d.Name == "" {
		wrong("name", "for.error.name")
	}
	if bornErr != nil {
		wrong("born", "for.error.born")
	}
	if identity == "" {
		wrong("identity", "for.error.identity")
	}
	if !d.Consent {
		wrong("consent", "for.error.consent")
	}
	if len(d.Errors) > 0 {
		return h.showForWhom(q, d)
	}
	r, err := h.svc.AddRecipient(q.Context(), a, walk.NewRecipient{
		Campaign: campaign, Name: d.Name, Born: born, Identity: identity, Consent: d.Consent, Guardian: d.Guardian,
	})
	if err == nil {
		return q.redirect(q.path(campaign, "", r.ID))
	}
	var e *walk.Error
	if !errors.As(err, &e) || (e.Code != walk.BadRequest && e.Code != walk.HelperNotAllowed && e.Code != walk.NotFound) {
		return err
	}
	full := false
	if e.Code == walk.HelperNotAllowed && e.Field != "guardian" {
		// One code for several reasons; the one that counting shows is told as such.
		if full, err = h.helpsEnough(q.Context(), a, campaign); err != nil {
			return err
		}
	}
	switch {
	case full:
		wrong("form", "for.error.limit")
	case e.Field == "guardian" && d.Guardian:
		wrong("guardian", "for.error.notguardian")
	case e.Field == "guardian":
		wrong("guardian", "for.error.guardian")
	case e.Field == "name":
		wrong("name", "for.error.name")
	case e.Field == "born":
		wrong("born", "for.error.born")
	case e.Field == "consent":
		wrong("consent", "for.error.consent")
	default:
		wrong("identity", "for.error.unknown")
	}
	return h.showForWhom(q, d)
}

// helpsEnough reports whether the actor has no room for another recipient in the campaign.
func (h *handler) helpsEnough(ctx context.Context, a walk.Actor, campaign string) (bool, error) {
	c, err := h.svc.Campaign(ctx, campaign)
	if err != nil {
		return false, err
	}
	all, err := h.svc.Recipients(ctx, a)
	n := 0
	for _, r := range all {
		if r.Campaign == campaign {
			n++
		}
	}
	return !h.helping(c.Campaign) || n >= c.Helpers.PerHelper, err
}

// birthday reads the three boxes of a date of birth. It must be a real day, not in the future.
func birthday(year, month, day string, now time.Time, zone *time.Location) (civil.Date, error) {
	if !isDigits(year) || !isDigits(month) || !isDigits(day) || len(year) != 4 || len(month) > 2 || len(day) > 2 {
		return 0, errors.New("date of birth: want digits for year, month and day")
	}
	m, _ := strconv.Atoi(month) // digits, at most two
	dd, _ := strconv.Atoi(day)
	born, err := civil.Parse(fmt.Sprintf("%s-%02d-%02d", year, m, dd))
	if err != nil {
		return 0, err
	}
	if born > civil.Of(now, zone) || born < civil.New(1880, time.January, 1) {
		return 0, errors.New("date of birth: out of range")
	}
	return born, nil
}

func (h *handler) removeRecipient(q *request) error {
	q.back = q.path(q.PathValue("campaign"), "for", "")
	a, err := q.actor()
	if err != nil {
		return err
	}
	if err := h.svc.RemoveRecipient(q.Context(), a, q.field("id")); err != nil {
		return err
	}
	return q.redirect(q.back)
}
