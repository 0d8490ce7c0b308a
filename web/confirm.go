package web

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"charye/internal/civil"
	"charye/programme"
	"charye/site"
	"charye/walk"
)

// hold keeps the chosen slot for some minutes, so that it cannot be lost while the person reads the last page.
func (h *handler) hold(q *request) error {
	campaign, recipient := q.PathValue("campaign"), q.recipient()
	q.back = q.path(campaign, "sites", recipient)
	slot := q.field("slot")
	if slot == "" {
		if id := q.field("site"); id != "" {
			return q.redirect(q.path(campaign, "sites/"+pathSegment(id), recipient, "date", q.field("date"), "missing", "1"))
		}
		return q.redirect(q.back)
	}
	q.again = []string{"for", "slot", "site", "date"}
	a, pass, err := q.inside(campaign, recipient)
	if err != nil {
		return err
	}
	held, err := h.svc.Hold(q.Context(), a, pass.Token, slot)
	if err != nil {
		return q.fullOr(err, campaign, recipient)
	}
	return q.redirect(q.path(campaign, "confirm", recipient, "slot", slot, "hold", held.ID, "until", strconv.FormatInt(held.ExpiresAt.Unix(), 36)))
}

// inside gives the actor and the pass of this browser for a campaign and recipient.
func (q *request) inside(campaign, recipient string) (walk.Actor, keptPass, error) {
	a, err := q.actor()
	if err != nil {
		return a, keptPass{}, err
	}
	p, ok := q.h.cookies.pass(q.Request, passName(campaign, recipient))
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

func (h *handler) confirm(q *request) error {
	s, err := q.subject()
	if err != nil {
		return err
	}
	_, pass, err := q.inside(s.Campaign.ID, s.For)
	if err != nil {
		return err
	}
	slot, at, err := h.svc.Slot(q.Context(), s.Campaign.ID, q.field("slot"))
	if err != nil {
		return err
	}
	product, _ := h.product(slot.Product)
	d := confirmData{
		subject: s, Slot: slot, Site: at, Product: product, Hold: q.field("hold"), Key: randomName(), PassUntil: pass.Until,
		Back: s.URL("sites/"+pathSegment(at.ID), "date", civil.Of(slot.Start, h.zone).String()),
	}
	if sec, err := strconv.ParseInt(q.field("until"), 36, 64); err == nil {
		d.Until = time.Unix(sec, 0)
	}
	if iv, ok := intervalOn(product.Series, civil.Of(slot.Start, h.zone)); ok {
		for dose := 2; dose <= product.Series.Doses; dose++ {
			d.Later = append(d.Later, laterDose{Dose: dose, Default: iv.Default, Min: iv.Min, Max: iv.Max})
		}
	}
	if d.With, err = q.companions(s); err != nil {
		return err
	}
	return q.show(http.StatusOK, "confirm", view{Title: q.words("confirm.title"), D: d})
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
func (h *handler) book(q *request) error {
	campaign, recipient := q.PathValue("campaign"), q.recipient()
	q.back, q.again = q.path(campaign, "sites", recipient), []string{"for", "slot", "hold", "key", "with"}
	// Without a pass, walk still answers a repeat of a request that was granted: a second click after the pass has ended.
	a, pass, err := q.inside(campaign, recipient)
	if err != nil && codeOf(err) != walk.NoPass {
		return err
	}
	req := walk.BookRequest{Slot: q.field("slot"), Hold: q.field("hold"), IdempotencyKey: q.field("key")}
	if q.base != "" {
		req.Recipient = recipient
	}
	if req.Hold != "" {
		req.Slot = ""
	}
	other, both, err := q.together(campaign, &req)
	if err != nil {
		return err
	}
	b, _, err := h.svc.Book(q.Context(), a, pass.Token, req)
	if err != nil {
		return q.fullOr(err, campaign, recipient)
	}
	h.cookies.clear(q.w, passName(campaign, recipient))
	if both {
		h.cookies.clear(q.w, passName(campaign, other))
		return q.redirect(withQuery(q.base+"/bookings/"+pathSegment(b.ID), "done", "both"))
	}
	return q.redirect(withQuery(q.base+"/bookings/"+pathSegment(b.ID), "done", "booked"))
}

type fullData struct {
	subject
	Options   []fullOption
	Until     time.Time
	ChooseURL string
	Action    string
	Hidden    []formField
}

// fullOption is a slot near the full one, with its site.
type fullOption struct {
	walk.Slot
	Site site.Site
}

// fullOr shows the page of a slot that has just been taken, with what is free near it; any other error passes through.
func (q *request) fullOr(err error, campaign, recipient string) error {
	var e *walk.Error
	if !errors.As(err, &e) || e.Code != walk.SlotFull {
		return err
	}
	c, cErr := q.h.svc.Campaign(q.Context(), campaign)
	if cErr != nil {
		return cErr
	}
	s := subject{Campaign: c, For: recipient, base: q.base}
	d := fullData{subject: s, ChooseURL: s.URL("sites"), Action: s.Form("hold")}
	if recipient != "" {
		d.Hidden = append(d.Hidden, formField{"for", recipient})
	}
	if p, ok := q.h.cookies.pass(q.Request, passName(campaign, recipient)); ok {
		d.Until = p.Until
	}
	return q.showFull(d, e.Alternatives)
}

func (q *request) showFull(d fullData, alternatives []walk.Slot) error {
	for _, alt := range alternatives {
		slot, at, err := q.h.svc.Slot(q.Context(), d.Campaign.ID, alt.ID)
		if err != nil {
			continue // gone in the meantime: one choice fewer
		}
		slot.Free = alt.Free
		d.Options = append(d.Options, fullOption{Slot: slot, Site: at})
	}
	return q.show(http.StatusConflict, "full", view{Title: q.words("full.title"), Error: true, D: d})
}
