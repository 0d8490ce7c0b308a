package citizen

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"charye/internal/civil"
	"charye/programme"
	"charye/site"
	"charye/walk"
	"charye/web/page"
)

// hold keeps the chosen slot for some minutes, so that it cannot be lost while the person reads the last page.
func (h *Pages) hold(q *page.Request) error {
	campaign, recipient := q.PathValue("campaign"), q.Recipient()
	q.Back = q.Path(campaign, "sites", recipient)
	slot := q.Field("slot")
	if slot == "" {
		if id := q.Field("site"); id != "" {
			return q.Redirect(q.Path(campaign, "sites/"+page.PathSegment(id), recipient, "date", q.Field("date"), "missing", "1"))
		}
		return q.Redirect(q.Back)
	}
	q.Again = []string{"for", "slot", "site", "date"}
	a, pass, err := h.inside(q, campaign, recipient)
	if err != nil {
		return err
	}
	held, err := h.svc.Hold(q.Context(), a, pass.Token, slot)
	if err != nil {
		return h.fullOr(q, err, campaign, recipient)
	}
	return q.Redirect(q.Path(campaign, "confirm", recipient, "slot", slot, "hold", held.ID, "until", strconv.FormatInt(held.ExpiresAt.Unix(), 36)))
}

// inside gives the actor and the pass of this browser for a campaign and recipient.
func (h *Pages) inside(q *page.Request, campaign, recipient string) (walk.Actor, page.KeptPass, error) {
	a, err := q.Actor()
	if err != nil {
		return a, page.KeptPass{}, err
	}
	p, ok := h.Cookies.Pass(q.Request, page.PassName(campaign, recipient))
	if !ok {
		return a, p, &walk.Error{Code: walk.NoPass, Detail: "this browser holds no pass for this campaign"}
	}
	return a, p, nil
}

type confirmData struct {
	subject
	Slot      walk.Slot
	Site      site.Site
	Product   programme.Product
	Hold, Key string
	Until     time.Time // of the hold; zero: unknown
	PassUntil time.Time
	Later     []laterDose
	With      []companion // who can be booked at the same time
	Back      string
}

// laterDose tells what the rules say about a dose that is set automatically. Days are from the dose before it.
type laterDose struct {
	Dose, Default, Min, Max int
}

func (h *Pages) confirm(q *page.Request) error {
	s, err := h.subject(q)
	if err != nil {
		return err
	}
	_, pass, err := h.inside(q, s.Campaign.ID, s.For)
	if err != nil {
		return err
	}
	slot, at, err := h.svc.Slot(q.Context(), s.Campaign.ID, q.Field("slot"))
	if err != nil {
		return err
	}
	product, _ := h.Product(slot.Product)
	d := confirmData{
		subject: s, Slot: slot, Site: at, Product: product, Hold: q.Field("hold"), Key: page.RandomName(), PassUntil: pass.Until,
		Back: s.URL("sites/"+page.PathSegment(at.ID), "date", civil.Of(slot.Start, h.Zone).String()),
	}
	if sec, err := strconv.ParseInt(q.Field("until"), 36, 64); err == nil {
		d.Until = time.Unix(sec, 0)
	}
	if iv, ok := intervalOn(product.Series, civil.Of(slot.Start, h.Zone)); ok {
		for dose := 2; dose <= product.Series.Doses; dose++ {
			d.Later = append(d.Later, laterDose{Dose: dose, Default: iv.Default, Min: iv.Min, Max: iv.Max})
		}
	}
	if d.With, err = h.companions(q, s); err != nil {
		return err
	}
	return q.Show(http.StatusOK, "confirm", page.View{Title: q.Words("confirm.title"), D: d})
}

// intervalOn gives the interval after a dose given on day, for telling; package walk applies it.
func intervalOn(s programme.Series, day civil.Date) (programme.Interval, bool) {
	for i := len(s.Intervals) - 1; i >= 0; i-- {
		if s.Intervals[i].From <= day {
			return s.Intervals[i], true
		}
	}
	return programme.Interval{}, false
}

// book confirms. The key in the form makes a second click or a repeated try the same booking.
func (h *Pages) book(q *page.Request) error {
	campaign, recipient := q.PathValue("campaign"), q.Recipient()
	q.Back, q.Again = q.Path(campaign, "sites", recipient), []string{"for", "slot", "hold", "key", "with"}
	// Without a pass, walk still answers a repeat of a request that was granted: a second click after the pass has ended.
	a, pass, err := h.inside(q, campaign, recipient)
	if err != nil && page.CodeOf(err) != walk.NoPass {
		return err
	}
	req := walk.BookRequest{Slot: q.Field("slot"), Hold: q.Field("hold"), IdempotencyKey: q.Field("key")}
	if q.Base != "" {
		req.Recipient = recipient
	}
	if req.Hold != "" {
		req.Slot = ""
	}
	other, both, err := h.together(q, campaign, &req)
	if err != nil {
		return err
	}
	b, _, err := h.svc.Book(q.Context(), a, pass.Token, req)
	if err != nil {
		return h.fullOr(q, err, campaign, recipient)
	}
	h.Cookies.Clear(q.W, page.PassName(campaign, recipient))
	if both {
		h.Cookies.Clear(q.W, page.PassName(campaign, other))
		return q.Redirect(page.WithQuery(q.Base+"/bookings/"+page.PathSegment(b.ID), "done", "both"))
	}
	return q.Redirect(page.WithQuery(q.Base+"/bookings/"+page.PathSegment(b.ID), "done", "booked"))
}

type fullData struct {
	subject
	Options   []fullOption
	Until     time.Time
	ChooseURL string
	Action    string
	Hidden    []page.FormField
}

// fullOption is a slot near the full one, with its site.
type fullOption struct {
	walk.Slot
	Site site.Site
}

// fullOr shows the page of a slot that has just been taken, with what is free near it; any other error passes through.
func (h *Pages) fullOr(q *page.Request, err error, campaign, recipient string) error {
	var e *walk.Error
	if !errors.As(err, &e) || e.Code != walk.SlotFull {
		return err
	}
	c, cErr := h.svc.Campaign(q.Context(), campaign)
	if cErr != nil {
		return cErr
	}
	s := subject{Campaign: c, For: recipient, base: q.Base}
	d := fullData{subject: s, ChooseURL: s.URL("sites"), Action: s.Form("hold")}
	if recipient != "" {
		d.Hidden = append(d.Hidden, page.FormField{Name: "for", Value: recipient})
	}
	if p, ok := h.Cookies.Pass(q.Request, page.PassName(campaign, recipient)); ok {
		d.Until = p.Until
	}
	return h.showFull(q, d, e.Alternatives)
}

func (h *Pages) showFull(q *page.Request, d fullData, alternatives []walk.Slot) error {
	for _, alt := range alternatives {
		slot, at, err := h.svc.Slot(q.Context(), d.Campaign.ID, alt.ID)
		if err != nil {
			continue // gone in the meantime: one choice fewer
		}
		slot.Free = alt.Free
		d.Options = append(d.Options, fullOption{Slot: slot, Site: at})
	}
	return q.Show(http.StatusConflict, "full", page.View{Title: q.Words("full.title"), Error: true, D: d})
}
