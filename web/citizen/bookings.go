package citizen

import (
	"errors"
	"net/http"
	"strconv"

	"charye/internal/civil"
	"charye/walk"
	"charye/web/page"
)

type bookingsData struct {
	Bookings []walk.Booking
}

func (h *Pages) bookings(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	all, err := h.svc.Bookings(q.Context(), a)
	if err != nil {
		return err
	}
	return q.Show(http.StatusOK, "bookings", page.View{Title: q.Words("bookings.title"), D: bookingsData{Bookings: all}})
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

func (h *Pages) booking(q *page.Request) (bookingData, walk.Actor, error) {
	a, err := q.Actor()
	if err != nil {
		return bookingData{}, a, err
	}
	b, err := h.svc.Booking(q.Context(), a, q.PathValue("id"))
	if err != nil {
		return bookingData{}, a, err
	}
	d := bookingData{Booking: b, Calendar: h.opts.Calendar != nil, Person: b.ForName, URL: q.Base + "/bookings/" + page.PathSegment(b.ID), Desk: q.Base != ""}
	switch {
	case b.Recipient != "":
	case b.Name != "":
		d.Person = b.Name
	default:
		d.Person = q.Name()
	}
	return d, a, nil
}

func (h *Pages) receipt(q *page.Request) error {
	d, _, err := h.booking(q)
	if err != nil {
		return err
	}
	switch done := q.Field("done"); done {
	case "booked", "changed", "both":
		if !d.Cancelled {
			d.Done = done
		}
	case "cancelled":
		if d.Cancelled {
			d.Done = done
		}
	}
	return q.Show(http.StatusOK, "receipt", page.View{Title: q.Words("receipt.title", "number", d.Number), Script: "page.js", D: d})
}

func (h *Pages) calendar(q *page.Request) error {
	d, _, err := h.booking(q)
	if err != nil {
		return err
	}
	if h.opts.Calendar == nil {
		return &walk.Error{Code: walk.NotFound, Detail: "there are no calendar files here"}
	}
	hd := q.W.Header()
	hd.Set("Content-Type", "text/calendar; charset=utf-8")
	hd.Set("Content-Disposition", `attachment; filename="charye.ics"`)
	_, _ = q.W.Write(h.opts.Calendar(d.Booking, q.Lang.ID)) // the client went away; there is nobody to tell
	return nil
}

func (h *Pages) cancelPage(q *page.Request) error {
	d, _, err := h.booking(q)
	if err != nil {
		return err
	}
	if d.Cancelled {
		return q.Redirect(d.URL)
	}
	return q.Show(http.StatusOK, "cancel", page.View{Title: q.Words("cancel.title"), D: d})
}

func (h *Pages) cancel(q *page.Request) error {
	q.Back, q.Again = q.Base+"/bookings/"+page.PathSegment(q.PathValue("id")), []string{}
	a, err := q.Actor()
	if err != nil {
		return err
	}
	if _, err := h.svc.Cancel(q.Context(), a, q.PathValue("id")); err != nil {
		return err
	}
	return q.Redirect(page.WithQuery(q.Back, "done", "cancelled"))
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
	Whole   bool   // any of the doses can be changed; else those that say so
	Another bool   // Dose is one more, behind one that was spoilt
	Other   string // where to choose another site
}

// DoseURL gives the address that changes one of the doses.
func (d changeData) DoseURL(dose int) string {
	return page.WithQuery(d.URL+"/change", "dose", strconv.Itoa(dose))
}

func (h *Pages) changePage(q *page.Request) error {
	b, a, err := h.booking(q)
	if err != nil {
		return err
	}
	d := changeData{bookingData: b, Missing: q.Field("missing") != ""}
	v := page.View{Title: q.Words("change.title"), Error: d.Missing}
	d.Dose = doseAsked(q, b.Booking)
	d.Another = d.Dose > len(b.Doses)
	missed := d.Another || d.Dose > 0 && b.Doses[d.Dose-1].Movable // what was not given at its time is moved without a cut-off
	if r := b.Repeat; r != nil && r.Dose > 0 && r.Dose == d.Dose && r.From == 0 {
		missed = false
	}
	d.Whole, d.Changeable = b.Changeable, b.Changeable || missed || b.LaterChangeable() && (d.Dose == 0 || b.Doses[d.Dose-1].Changeable)
	if d.Dose == 0 || !d.Changeable || b.Cancelled {
		v.D = d
		return q.Show(http.StatusOK, "change", v)
	}
	d.Old = b.Doses[min(d.Dose, len(b.Doses))-1]
	siteID := q.Field("site")
	if siteID == "" {
		siteID = d.Old.Site.ID
	}
	found, err := h.svc.Site(q.Context(), b.Campaign.ID, siteID)
	if err != nil {
		return err
	}
	d.Other = page.WithQuery(b.URL+"/change/sites", "dose", strconv.Itoa(d.Dose), "region", found.Region)
	link := func(day civil.Date) string {
		return page.WithQuery(b.URL+"/change", "dose", strconv.Itoa(d.Dose), "site", siteID, "date", day.String())
	}
	asked := q.Field("date")
	if asked == "" {
		asked = civil.Of(d.Old.Start, h.Zone).String()
	}
	// Free counts are of first doses. The days of a later dose follow from the interval after the dose before it.
	d.Counted = d.Dose == 1
	if !d.Counted {
		before := civil.Of(b.Doses[d.Dose-2].Start, h.Zone)
		iv, _ := intervalOn(d.Old.Product.Series, before)
		found.Free = nil
		today := civil.Of(h.svc.Now(), h.Zone)
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
	return q.Show(http.StatusOK, "change", v)
}

// missedAhead is how many days are offered for a later dose that was missed, also where its interval is over.
const missedAhead = 21

// doseAsked gives the dose to change: the one asked for, or the only one; 0 when there is a choice to make.
func doseAsked(q *page.Request, b walk.Booking) int {
	n, err := strconv.Atoi(q.Field("dose"))
	if err == nil && n >= 1 && (n <= len(b.Doses) || b.Repeat != nil && n == b.Repeat.Dose) {
		return n
	}
	if len(b.Doses) == 1 {
		return 1
	}
	return 0
}

// changeSites lists sites for the new time.
func (h *Pages) changeSites(q *page.Request) error {
	b, _, err := h.booking(q)
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
		subject: subject{Campaign: c, base: q.Base}, Action: here, Hidden: []page.FormField{{Name: "dose", Value: dose}}, Changing: true,
		Back: page.WithQuery(b.URL+"/change", "dose", dose),
	}
	link := func(id string) string {
		return page.WithQuery(b.URL+"/change", "dose", dose, "site", id, "date", d.Date)
	}
	further := func(cursor string) string {
		return page.WithQuery(here, "dose", dose, "region", d.Region, "date", d.Date, "lat", d.Lat, "lon", d.Lon, "cursor", cursor)
	}
	return h.showSites(q, &d, link, further)
}

func (h *Pages) change(q *page.Request) error {
	id := q.PathValue("id")
	base := q.Base + "/bookings/" + page.PathSegment(id)
	dose, slot := q.Field("dose"), q.Field("slot")
	q.Back = page.WithQuery(base+"/change", "dose", dose, "site", q.Field("site"), "date", q.Field("date"))
	if slot == "" {
		return q.Redirect(page.WithQuery(base+"/change", "dose", dose, "site", q.Field("site"), "date", q.Field("date"), "missing", "1"))
	}
	q.Again = []string{"dose", "slot", "site", "date"}
	a, err := q.Actor()
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
		b, _, bErr := h.booking(q)
		if bErr != nil {
			return bErr
		}
		c, cErr := h.svc.Campaign(q.Context(), b.Campaign.ID)
		if cErr != nil {
			return cErr
		}
		return h.showFull(q, fullData{
			subject: subject{Campaign: c, base: q.Base}, ChooseURL: q.Back, Action: base + "/change", Hidden: []page.FormField{{Name: "dose", Value: dose}},
		}, e.Alternatives)
	}
	if err != nil {
		return err
	}
	return q.Redirect(page.WithQuery(base, "done", "changed"))
}
