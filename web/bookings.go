package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"charye/internal/civil"
	"charye/walk"
)

func pathSegment(s string) string { return url.PathEscape(s) }

type bookingsData struct {
	Bookings []walk.Booking
}

func (h *handler) bookings(q *request) error {
	a, err := q.actor()
	if err != nil {
		return err
	}
	all, err := h.svc.Bookings(q.Context(), a)
	if err != nil {
		return err
	}
	return q.show(http.StatusOK, "bookings", view{Title: q.words("bookings.title"), D: bookingsData{Bookings: all}})
}

// bookingData serves the receipt and the page that asks before cancelling.
type bookingData struct {
	walk.Booking
	Done     string // what has just happened: booked, changed or cancelled; empty: nothing
	Calendar bool
	Person   string // who gets the vaccine, by name; may be empty
	URL      string
	Desk     bool // a clerk looks at it
}

func (q *request) booking() (bookingData, walk.Actor, error) {
	a, err := q.actor()
	if err != nil {
		return bookingData{}, a, err
	}
	b, err := q.h.svc.Booking(q.Context(), a, q.PathValue("id"))
	if err != nil {
		return bookingData{}, a, err
	}
	d := bookingData{Booking: b, Calendar: q.h.opts.Calendar != nil, Person: b.ForName, URL: q.base + "/bookings/" + pathSegment(b.ID), Desk: q.base != ""}
	switch {
	case b.Recipient != "":
	case b.Name != "":
		d.Person = b.Name
	default:
		d.Person = q.name()
	}
	return d, a, nil
}

func (h *handler) receipt(q *request) error {
	d, _, err := q.booking()
	if err != nil {
		return err
	}
	switch done := q.field("done"); done {
	case "booked", "changed", "both":
		if !d.Cancelled {
			d.Done = done
		}
	case "cancelled":
		if d.Cancelled {
			d.Done = done
		}
	}
	return q.show(http.StatusOK, "receipt", view{Title: q.words("receipt.title", "number", d.Number), Script: "page.js", D: d})
}

func (h *handler) calendar(q *request) error {
	d, _, err := q.booking()
	if err != nil {
		return err
	}
	if h.opts.Calendar == nil {
		return &walk.Error{Code: walk.NotFound, Detail: "there are no calendar files here"}
	}
	hd := q.w.Header()
	hd.Set("Content-Type", "text/calendar; charset=utf-8")
	hd.Set("Content-Disposition", `attachment; filename="charye.ics"`)
	_, _ = q.w.Write(h.opts.Calendar(d.Booking, q.lang.id)) // the client went away; there is nobody to tell
	return nil
}

func (h *handler) cancelPage(q *request) error {
	d, _, err := q.booking()
	if err != nil {
		return err
	}
	if d.Cancelled {
		return q.redirect(d.URL)
	}
	return q.show(http.StatusOK, "cancel", view{Title: q.words("cancel.title"), D: d})
}

func (h *handler) cancel(q *request) error {
	q.back, q.again = q.base+"/bookings/"+pathSegment(q.PathValue("id")), []string{}
	a, err := q.actor()
	if err != nil {
		return err
	}
	if _, err := h.svc.Cancel(q.Context(), a, q.PathValue("id")); err != nil {
		return err
	}
	return q.redirect(withQuery(q.back, "done", "cancelled"))
}

// changeData is the page on which one dose of a booking gets another time. Dose 0: first choose which dose.
type changeData struct {
	bookingData
	Dose    int
	Old     walk.Dose
	Site    siteRow
	Days    []dayRow
	Counted bool // Days carry free counts
	Day     civil.Date
	HasDay  bool
	Groups  []slotGroup
	Missing bool
	Another bool   // Dose is one more, behind one that was spoilt
	Other   string // where to choose another site
}

// DoseURL gives the address that changes one of the doses.
func (d changeData) DoseURL(dose int) string {
	return withQuery(d.URL+"/change", "dose", strconv.Itoa(dose))
}

func (h *handler) changePage(q *request) error {
	b, a, err := q.booking()
	if err != nil {
		return err
	}
	d := changeData{bookingData: b, Missing: q.field("missing") != ""}
	v := view{Title: q.words("change.title"), Error: d.Missing}
	d.Dose = doseAsked(q, b.Booking)
	d.Another = d.Dose > len(b.Doses)
	missed := d.Another || d.Dose > 0 && b.Doses[d.Dose-1].Movable // what was not given at its time is moved without a cut-off
	if r := b.Repeat; r != nil && r.Dose > 0 && r.Dose == d.Dose && r.From == 0 {
		missed = false
	}
	d.Changeable = b.Changeable || missed
	if d.Dose == 0 || !d.Changeable || b.Cancelled {
		v.D = d
		return q.show(http.StatusOK, "change", v)
	}
	d.Old = b.Doses[min(d.Dose, len(b.Doses))-1]
	siteID := q.field("site")
	if siteID == "" {
		siteID = d.Old.Site.ID
	}
	found, err := h.svc.Site(q.Context(), b.Campaign.ID, siteID)
	if err != nil {
		return err
	}
	d.Other = withQuery(b.URL+"/change/sites", "dose", strconv.Itoa(d.Dose), "region", found.Region)
	link := func(day civil.Date) string {
		return withQuery(b.URL+"/change", "dose", strconv.Itoa(d.Dose), "site", siteID, "date", day.String())
	}
	asked := q.field("date")
	if asked == "" {
		asked = civil.Of(d.Old.Start, h.zone).String()
	}
	// Free counts are of first doses. The days of a later dose follow from the interval after the dose before it.
	d.Counted = d.Dose == 1
	if !d.Counted {
		before := civil.Of(b.Doses[d.Dose-2].Start, h.zone)
		iv, _ := intervalOn(d.Old.Product.Series, before)
		found.Free = nil
		today := civil.Of(h.svc.Now(), h.zone)
		last := before + civil.Date(iv.Max)
		if missed {
			last = max(last, today+missedAhead)
		}
		first := before + civil.Date(iv.Min)
		if r := b.Repeat; r != nil && r.Dose == d.Dose {
			first = r.From
			last = max(first, today) + missedAhead
		}
		for day := first; day <= last; day++ {
			if day >= today {
				found.Free = append(found.Free, walk.DayFree{Day: day, Free: 1})
			}
		}
	}
	d.Site = newSiteRow(found, "")
	d.Days, d.Day, d.HasDay = chooseDay(d.Site, asked, link)
	if d.HasDay {
		slots, err := h.svc.DoseSlots(q.Context(), a, b.ID, d.Dose, siteID, d.Day)
		if err != nil {
			return err
		}
		d.Groups = h.groupSlots(slots)
	}
	v.D = d
	return q.show(http.StatusOK, "change", v)
}

// missedAhead is how many days are offered for a later dose that was missed, also where its interval is over.
const missedAhead = 21

// doseAsked gives the dose to change: the one asked for, or the only one; 0 when there is a choice to make.
func doseAsked(q *request, b walk.Booking) int {
	n, err := strconv.Atoi(q.field("dose"))
	if err == nil && n >= 1 && (n <= len(b.Doses) || b.Repeat != nil && n == b.Repeat.Dose) {
		return n
	}
	if len(b.Doses) == 1 {
		return 1
	}
	return 0
}

// changeSites lists sites for the new time.
func (h *handler) changeSites(q *request) error {
	b, _, err := q.booking()
	if err != nil {
		return err
	}
	c, err := h.svc.Campaign(q.Context(), b.Campaign.ID)
	if err != nil {
		return err
	}
	dose := strconv.Itoa(doseAsked(q, b.Booking))
	here := b.URL + "/change/sites"
	d := sitesData{
		subject: subject{Campaign: c, base: q.base}, Action: here, Hidden: []formField{{"dose", dose}}, Changing: true,
		Back: withQuery(b.URL+"/change", "dose", dose),
	}
	link := func(id string) string { return withQuery(b.URL+"/change", "dose", dose, "site", id, "date", d.Date) }
	page := func(cursor string) string {
		return withQuery(here, "dose", dose, "region", d.Region, "date", d.Date, "lat", d.Lat, "lon", d.Lon, "cursor", cursor)
	}
	return h.showSites(q, &d, link, page)
}

func (h *handler) change(q *request) error {
	id := q.PathValue("id")
	base := q.base + "/bookings/" + pathSegment(id)
	dose, slot := q.field("dose"), q.field("slot")
	q.back = withQuery(base+"/change", "dose", dose, "site", q.field("site"), "date", q.field("date"))
	if slot == "" {
		return q.redirect(withQuery(base+"/change", "dose", dose, "site", q.field("site"), "date", q.field("date"), "missing", "1"))
	}
	q.again = []string{"dose", "slot", "site", "date"}
	a, err := q.actor()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(dose)
	if err != nil {
		return &walk.Error{Code: walk.BadRequest, Detail: "dose: want a whole number", Field: "dose"}
	}
	_, err = h.svc.Change(q.Context(), a, id, n, slot)
	var e *walk.Error
	if errors.As(err, &e) && e.Code == walk.SlotFull {
		b, _, bErr := q.booking()
		if bErr != nil {
			return bErr
		}
		c, cErr := h.svc.Campaign(q.Context(), b.Campaign.ID)
		if cErr != nil {
			return cErr
		}
		return q.showFull(fullData{
			subject: subject{Campaign: c, base: q.base}, ChooseURL: q.back, Action: base + "/change", Hidden: []formField{{"dose", dose}},
		}, e.Alternatives)
	}
	if err != nil {
		return err
	}
	return q.redirect(withQuery(base, "done", "changed"))
}
