package citizen

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/web/page"
)

type campaignData struct {
	subject
	Card     page.CampaignCard
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
func (h *Pages) campaign(q *page.Request) error {
	s, err := h.subject(q)
	if err != nil {
		return err
	}
	now := h.svc.Now()
	d := campaignData{subject: s, Card: q.Card(s.Campaign, now), Now: now, HasSession: q.Session != nil, Helping: h.helping(s.Campaign.Campaign)}
	if q.Session != nil {
		a, err := q.Actor()
		if err != nil {
			return err
		}
		err = h.svc.Eligible(q.Context(), a, s.Campaign.ID, s.For)
		switch page.CodeOf(err) {
		case walk.AlreadyBooked:
			d.Booked = true
		case walk.NotEligible, walk.HelperNotAllowed:
			if d.Why, err = h.whyNot(q, a, s, err); err != nil {
				return err
			}
		default:
			if err != nil && page.CodeOf(err) != walk.NotOpen && page.CodeOf(err) != walk.Closed {
				return err
			}
			d.Eligible = err == nil
			if later, ok := errors.AsType[*walk.ComesLater](err); ok {
				d.Later = later.From
			}
		}
		if d.Eligible {
			_, err := h.svc.PlaceOf(q.Context(), a, s.Campaign.ID, s.For)
			if err != nil && page.CodeOf(err) != walk.NotFound {
				return err
			}
			d.HasPlace = err == nil
			if d.HasPlace {
				if d.Booked, err = h.booked(q.Context(), a, s); err != nil {
					return err
				}
			}
		}
		if p, ok := h.Cookies.Pass(q.Request, page.PassName(s.Campaign.ID, s.For)); ok {
			d.HasPass = p.Until.After(now)
		}
	}
	return q.Show(http.StatusOK, "campaign", page.View{Title: s.Campaign.Name.In(q.Lang.ID), Script: "page.js", D: d})
}

// booked reports whether there is a live booking of the subject.
// helping reports whether a campaign takes helpers today.
func (h *Pages) helping(c *programme.Campaign) bool {
	return c.Helpers.On(civil.Of(h.svc.Now(), h.svc.Programme().Zone))
}

func (h *Pages) booked(ctx context.Context, a walk.Actor, s subject) (bool, error) {
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
func (h *Pages) whyNot(q *page.Request, a walk.Actor, s subject, refused error) (string, error) {
	if page.CodeOf(refused) == walk.HelperNotAllowed {
		return q.Words("refused.helper.text"), nil
	}
	born := a.Born
	if s.For != "" {
		r, err := h.findRecipient(q.Context(), a, s.For)
		if err != nil {
			return "", err
		}
		born = r.Born
	}
	if b := s.Campaign.Born; b != nil && (born < b.From || born > b.To) {
		return q.Words("why.born", "from", q.Plain(b.From), "to", q.Plain(b.To), "born", q.Plain(born)), nil
	}
	if e, ok := errors.AsType[*programme.NotEligible](refused); ok && e.Reason == programme.ReasonExcept {
		return q.Words("why.except"), nil
	}
	if s.Campaign.Roster != "" {
		return q.Words("why.roster"), nil
	}
	return q.Words("why.other"), nil
}

func (h *Pages) join(q *page.Request) error {
	q.Back, q.Again = q.Path(q.PathValue("campaign"), "", q.Recipient()), []string{"for"}
	a, err := q.Actor()
	if err != nil {
		return err
	}
	if _, _, err = h.svc.Join(q.Context(), a, q.PathValue("campaign"), q.Recipient()); err != nil {
		return err
	}
	return q.Redirect(q.Path(q.PathValue("campaign"), "wait", q.Recipient()))
}

type forData struct {
	subject
	Recipients []person.Recipient
	Errors     []page.FieldError
	// What was typed, shown again after a mistake. The identity number is never sent back.
	Name, Year, Month, Day string
	Consent, Guardian      bool
}

// Wrong gives the message for a field, empty when it is right.
func (d forData) Wrong(field string) string {
	for _, e := range d.Errors {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

func (h *Pages) forWhom(q *page.Request) error { return h.showForWhom(q, forData{}) }

func (h *Pages) showForWhom(q *page.Request, d forData) error {
	c, err := h.svc.Campaign(q.Context(), q.PathValue("campaign"))
	if err != nil {
		return err
	}
	d.subject = subject{Campaign: c}
	a, err := q.Actor()
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
	return q.Show(status, "for", page.View{Title: q.Words("for.title"), Error: len(d.Errors) > 0, D: d})
}

func (h *Pages) addRecipient(q *page.Request) error {
	campaign := q.PathValue("campaign")
	q.Back = q.Path(campaign, "for", "")
	a, err := q.Actor()
	if err != nil {
		return err
	}
	d := forData{
		Name: q.Field("name"), Year: q.Field("year"), Month: q.Field("month"), Day: q.Field("day"), Consent: q.Field("consent") != "", Guardian: q.Field("as") == "guardian",
	}
	identity := strings.NewReplacer("-", "", " ", "").Replace(q.Field("identity"))
	born, bornErr := page.Birthday(d.Year, d.Month, d.Day, h.svc.Now(), h.Zone)
	wrong := func(field, key string) {
		d.Errors = append(d.Errors, page.FieldError{Field: field, Text: q.Words(key)})
	}
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
		return q.Redirect(q.Path(campaign, "", r.ID))
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
func (h *Pages) helpsEnough(ctx context.Context, a walk.Actor, campaign string) (bool, error) {
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

func (h *Pages) removeRecipient(q *page.Request) error {
	q.Back = q.Path(q.PathValue("campaign"), "for", "")
	a, err := q.Actor()
	if err != nil {
		return err
	}
	if err := h.svc.RemoveRecipient(q.Context(), a, q.Field("id")); err != nil {
		return err
	}
	return q.Redirect(q.Back)
}
