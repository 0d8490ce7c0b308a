package citizen

import (
	"net/http"

	"charye/programme"
	"charye/walk"
	"charye/walk/held"
	"charye/web/page"
)

// heldData is the page of what is kept about somebody, in words; the file says all of it.
type heldData struct {
	held.Held
	Name      string
	Me        walk.Actor
	Campaigns []programme.Text // in whose line they stand
	Phone     string
	Mail      string
	Devices   int
	Sites     int // lists for leftover doses
	Rules     []heldRule
	NamesGo   bool // names on bookings are erased one day
	Download  bool
	Help      string
}

// heldRule is how long something is kept: a sentence, and days; 0: no day is set.
type heldRule struct {
	Sentence string
	Days     int
}

func (h *Pages) held(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	all, err := held.Read(q.Context(), h.svc, a)
	if err != nil {
		return err
	}
	d := heldData{Held: all, Name: q.Name(), Me: a, Download: h.opts.Export != nil, Help: h.HelpPhone()}
	p := h.svc.Programme()
	for i := range all.Places {
		if c, ok := p.CampaignByNum(all.Places[i].Campaign); ok {
			d.Campaigns = append(d.Campaigns, c.Name)
		}
	}
	var c contactData
	c.fill(all.Contact)
	d.Phone, d.Mail, d.Devices = c.Phone, c.Mail, c.Devices
	for i := range all.Leftovers {
		d.Sites += len(all.Leftovers[i].Sites)
	}
	r := p.Retention
	d.NamesGo = r.Names > 0
	for _, rule := range []struct {
		days        int
		until, ever string
	}{
		{r.Contacts, "held.keep.contacts", "held.keep.contacts.ever"},
		{r.Recipients, "held.keep.recipients", "held.keep.recipients.ever"},
		{r.Names, "held.keep.names", "held.keep.names.ever"},
	} {
		said := heldRule{rule.until, rule.days}
		if rule.days == 0 {
			said.Sentence = rule.ever
		}
		d.Rules = append(d.Rules, said)
	}
	return q.Show(http.StatusOK, "held", page.View{Title: q.Words("held.title"), D: d})
}

// heldFile is all of it as a file.
func (h *Pages) heldFile(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	if h.opts.Export == nil {
		return &walk.Error{Code: walk.NotFound, Detail: "there is no such file here"}
	}
	all, err := held.Read(q.Context(), h.svc, a)
	if err != nil {
		return err
	}
	a.Name = q.Name()
	hd := q.W.Header()
	hd.Set("Content-Type", "application/json")
	hd.Set("Content-Disposition", `attachment; filename="charye.json"`)
	_, _ = q.W.Write(h.opts.Export(a, all)) // the client went away; there is nobody to tell
	return nil
}
