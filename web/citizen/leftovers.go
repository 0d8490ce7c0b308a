package citizen

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"charye/walk"
	"charye/walk/leftovers"
	"charye/web/page"
)

// leftoversData is the page of the doses that are left over at the end of a day: the lists somebody is in, what is offered to
// them, and sites to add.
type leftoversData struct {
	Choices []walk.Campaign // which campaign, where there are several and none was said
	leftovers.Mine
	For     string // the recipient's id; empty: the reader
	ForName string
	Minutes int
	Full    bool   // no more sites
	Note    string // what has just happened, or why it did not: a key
	Wrong   bool   // the note is of something wrong

	Regions []string
	Region  string
	Near    bool // Found are near the sites that they have
	Found   []foundSite
	More    string // address of the next page
}

// foundSite is a site that can be added.
type foundSite struct{ siteRow }

// leftoversPath gives the address of a campaign's page, for the reader or their recipient.
func leftoversPath(campaign, recipient string, kv ...string) string {
	return page.WithQuery("/leftovers", append([]string{"c", campaign, "for", recipient}, kv...)...)
}

// leftoverNotes are what the page can say of what was done.
var leftoverNotes = map[string]string{"added": "left.done.added", "removed": "left.done.removed", "declined": "left.done.declined", "far": "left.wrong.far", "over": "left.wrong.over"}

// How often a browser without a script shows the page anew: while there is something to answer, and otherwise.
const (
	leftoverOfferRefresh = 30
	leftoverRefresh      = 60
)

func (h *Pages) leftovers(q *page.Request) error {
	all, err := h.svc.Campaigns(q.Context())
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(c walk.Campaign) bool { return c.Leftovers == nil })
	id := q.Field("c")
	if id == "" && len(all) == 1 {
		id = all[0].ID
	}
	title := q.Words("left.title")
	if id == "" {
		return q.Show(http.StatusOK, "leftovers", page.View{Title: title, D: leftoversData{Choices: all}})
	}
	a, err := q.Actor()
	if err != nil {
		return err
	}
	l, err := h.svc.LeftoversFor(q.Context(), a, id, q.Recipient())
	if err != nil {
		return err
	}
	d := leftoversData{Mine: l, For: q.Recipient(), Minutes: int(l.Rules.Answer / time.Minute), Full: len(l.Sites) >= l.Rules.Sites, Note: leftoverNotes[q.Field("done")]}
	if d.For != "" {
		r, err := h.findRecipient(q.Context(), a, d.For)
		if err != nil {
			return err
		}
		d.ForName = r.Name
	}
	d.Wrong = d.Note == leftoverNotes["far"] || d.Note == leftoverNotes["over"]
	if !d.Full && !d.Ended {
		if err := h.findLeftoverSites(q, &d); err != nil {
			return err
		}
	}
	v := page.View{Title: title, D: d, Refresh: leftoverRefresh}
	if o := l.Offer; o != nil && o.State == leftovers.Offered {
		v.Title, v.Refresh = q.Words("left.offer.title"), leftoverOfferRefresh
	}
	if d.Region != "" || d.Ended { // whoever is choosing is not disturbed
		v.Refresh = 0
	}
	return q.Show(http.StatusOK, "leftovers", v)
}

// findLeftoverSites lists sites to add: near those that somebody has, or of a region.
func (h *Pages) findLeftoverSites(q *page.Request, d *leftoversData) error {
	d.Regions, d.Region = h.svc.Regions(q.Context()), q.Field("region")
	ask := walk.SiteQuery{Region: d.Region, Cursor: q.Field("cursor")}
	if len(d.Sites) > 0 && d.Sites[0].Placed() {
		d.Near, d.Region = true, ""
		ask.Region, ask.Near, ask.Lat, ask.Lon = "", true, d.Sites[0].Lat, d.Sites[0].Lon
	} else if d.Region == "" {
		return nil
	}
	list, err := h.svc.Sites(q.Context(), d.Campaign.ID, ask)
	if err != nil {
		return err
	}
	far := false
	for _, s := range list.Sites {
		if d.Near && s.Metres > d.Rules.WithinKm*1000 {
			far = true
			break
		}
		if !slices.ContainsFunc(d.Sites, func(have leftovers.Site) bool { return have.ID == s.ID }) {
			d.Found = append(d.Found, foundSite{siteRow{SiteFree: s}})
		}
	}
	if list.Next != "" && !far {
		d.More = leftoversPath(d.Campaign.ID, d.For, "region", d.Region, "cursor", list.Next)
	}
	return nil
}

// setLeftovers adds a site to somebody's lists, or takes one out.
func (h *Pages) setLeftovers(q *page.Request) error {
	id, add, remove := q.Field("c"), q.Field("add"), q.Field("remove")
	q.Back = leftoversPath(id, q.Recipient())
	a, err := q.Actor()
	if err != nil {
		return err
	}
	l, err := h.svc.LeftoversFor(q.Context(), a, id, q.Recipient())
	if err != nil {
		return err
	}
	var sites []string
	for i := range l.Sites {
		if l.Sites[i].ID != remove && l.Sites[i].ID != add {
			sites = append(sites, l.Sites[i].ID)
		}
	}
	done := "removed"
	if add != "" {
		sites, done = append(sites, add), "added"
	}
	_, err = h.svc.SetLeftovers(q.Context(), a, id, q.Recipient(), sites)
	if e, ok := errors.AsType[*walk.Error](err); ok && e.Field == "sites" {
		done, err = "far", nil
	}
	if err != nil {
		return err
	}
	return q.Redirect(leftoversPath(id, q.Recipient(), "done", done))
}

func (h *Pages) acceptLeftover(q *page.Request) error {
	id := q.Field("c")
	q.Back, q.Again = leftoversPath(id, q.Recipient()), []string{"c", "for"}
	a, err := q.Actor()
	if err != nil {
		return err
	}
	b, err := h.svc.AcceptLeftover(q.Context(), a, id, q.Recipient(), q.PathValue("offer"))
	if page.CodeOf(err) == walk.Closed {
		return q.Redirect(leftoversPath(id, q.Recipient(), "done", "over"))
	}
	if err != nil {
		return err
	}
	return q.Redirect("/bookings/" + page.PathSegment(b.ID) + "?done=booked")
}

func (h *Pages) declineLeftover(q *page.Request) error {
	id := q.Field("c")
	q.Back, q.Again = leftoversPath(id, q.Recipient()), []string{"c", "for"}
	a, err := q.Actor()
	if err != nil {
		return err
	}
	done := "declined"
	if err := h.svc.DeclineLeftover(q.Context(), a, id, q.Recipient(), q.PathValue("offer")); page.CodeOf(err) == walk.Closed {
		done = "over"
	} else if err != nil {
		return err
	}
	return q.Redirect(leftoversPath(id, q.Recipient(), "done", done))
}
