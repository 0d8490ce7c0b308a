package citizen

import (
	"errors"
	"net/http"
	"time"

	"charye/notify"
	"charye/walk"
	"charye/web/page"
)

// contactData is the page on which people say how they want to be told, with what they were told so far.
type contactData struct {
	Phone, Mail string
	Saved       bool
	Removed     bool
	Added       bool   // a device, just now
	PushKey     string // by which a browser subscribes; empty: devices are not told here
	Devices     int
	Messages    []messageRow
	Errors      []page.FieldError
}

// The sentences that say what a message was about, where it stands, and what is wrong with an address.
var (
	messageKinds = map[notify.Kind]string{
		notify.Booked: "contact.kind.booked", notify.Changed: "contact.kind.changed", notify.Cancelled: "contact.kind.cancelled",
		notify.Displaced: "contact.kind.displaced", notify.Reminder: "contact.kind.reminder", notify.Invited: "contact.kind.invited", notify.Near: "contact.kind.near", notify.Leftover: "contact.kind.leftover",
		notify.Missed: "contact.kind.missed", notify.Turned: "contact.kind.turned", notify.Spoilt: "contact.kind.spoilt",
		notify.Alarm: "contact.kind.alarm",
	}
	messageStates = map[notify.State]string{
		notify.Queued: "contact.state.queued", notify.Sending: "contact.state.sending", notify.Sent: "contact.state.sent",
		notify.Obsolete: "contact.state.obsolete", notify.Unreachable: "contact.state.unreachable", notify.Expired: "contact.state.expired",
	}
	wrongAddress = map[string]string{"phone": "contact.error.phone", "mail": "contact.error.mail", "device": "contact.error.device"}
)

// messageRow is one message on the page, as keys of sentences.
type messageRow struct {
	Kind, State string
	At          time.Time
}

// Wrong gives the message for a field, empty when it is right.
func (d contactData) Wrong(field string) string {
	for _, e := range d.Errors {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

func (h *Pages) contact(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	c, err := h.svc.Contact(q.Context(), a)
	if err != nil {
		return err
	}
	d := contactData{
		Saved: q.Field("done") == "saved" && len(c.Addresses) > 0, Removed: q.Field("done") == "removed" && len(c.Addresses) == 0,
		Added: q.Field("done") == "device" && len(c.Devices()) > 0,
	}
	d.fill(c)
	return h.showContact(q, a, d, http.StatusOK)
}

// fill puts in what is kept.
func (d *contactData) fill(c notify.Contact) {
	d.Devices = len(c.Devices())
	for _, x := range c.Addresses {
		switch x.Channel {
		case notify.Text:
			d.Phone = x.Value
		case notify.Mail:
			d.Mail = x.Value
		case notify.Push: // counted
		}
	}
}

func (h *Pages) showContact(q *page.Request, a walk.Actor, d contactData, status int) error {
	list, err := h.svc.Messages(q.Context(), a)
	if err != nil {
		return err
	}
	for _, m := range list {
		at := m.At
		if m.State == notify.Queued { // when it will go out says more than since when it waits
			at = m.Due
		}
		d.Messages = append(d.Messages, messageRow{messageKinds[m.Kind], messageStates[m.State], at})
	}
	d.PushKey = h.opts.PushKey
	title := q.Words("contact.title")
	if len(d.Errors) > 0 {
		title = q.Words("title.error", "title", title)
	}
	v := page.View{Title: title, D: d}
	if d.PushKey != "" {
		v.Script = "contact.js"
	}
	return q.Show(status, "contact", v)
}

// setContact keeps the addresses, and the language of the page they were given on.
func (h *Pages) setContact(q *page.Request) error {
	q.Back = "/contact"
	a, err := q.Actor()
	if err != nil {
		return err
	}
	had, err := h.svc.Contact(q.Context(), a)
	if err != nil {
		return err
	}
	d := contactData{Phone: q.Field("phone"), Mail: q.Field("mail"), Devices: len(had.Devices())}
	c := notify.Contact{Lang: q.Lang.ID}
	fields := make([]string, 0, 2)
	// A telephone is looked at sooner than a mailbox.
	if d.Phone != "" {
		c.Addresses, fields = append(c.Addresses, notify.Address{Channel: notify.Text, Value: d.Phone}), append(fields, "phone")
	}
	if d.Mail != "" {
		c.Addresses, fields = append(c.Addresses, notify.Address{Channel: notify.Mail, Value: d.Mail}), append(fields, "mail")
	}
	// What is wrong is told field by field, all at once.
	for i, x := range c.Addresses {
		if _, err := (notify.Contact{Lang: c.Lang, Addresses: []notify.Address{x}}).Clean(false); err != nil {
			d.Errors = append(d.Errors, page.FieldError{Field: fields[i], Text: q.Words(wrongAddress[fields[i]])})
		}
	}
	if len(d.Errors) > 0 {
		return h.showContact(q, a, d, http.StatusOK)
	}
	kept, err := h.svc.SetContact(q.Context(), a, c)
	if refused, ok := errors.AsType[*walk.Error](err); ok && refused.Code == walk.BadRequest {
		d.Errors = append(d.Errors, page.FieldError{Field: "phone", Text: q.Words("contact.error.phone")})
		return h.showContact(q, a, d, http.StatusOK)
	}
	if err != nil {
		return err
	}
	done := "saved"
	if len(kept.Addresses) == 0 {
		done = "removed"
	}
	return q.Redirect("/contact?done=" + done)
}

// addDevice keeps what the browser's push service gave it; the page's script fills in the form.
func (h *Pages) addDevice(q *page.Request) error {
	q.Back = "/contact"
	if h.opts.PushKey == "" {
		return &walk.Error{Code: walk.NotFound, Detail: "no devices are told here"}
	}
	a, err := q.Actor()
	if err != nil {
		return err
	}
	s := notify.Subscription{Endpoint: q.FormValue("endpoint"), P256dh: q.FormValue("p256dh"), Auth: q.FormValue("auth")}
	_, err = h.svc.AddDevice(q.Context(), a, q.Lang.ID, s)
	if refused, ok := errors.AsType[*walk.Error](err); ok && refused.Code == walk.BadRequest {
		c, err := h.svc.Contact(q.Context(), a)
		if err != nil {
			return err
		}
		d := contactData{Errors: []page.FieldError{{Field: "device", Text: q.Words(wrongAddress["device"])}}}
		d.fill(c)
		return h.showContact(q, a, d, http.StatusOK)
	}
	if err != nil {
		return err
	}
	return q.Redirect("/contact?done=device")
}

// removeDevices has nobody's browser be told any more; the subscriptions themselves are the browsers'.
func (h *Pages) removeDevices(q *page.Request) error {
	q.Back = "/contact"
	a, err := q.Actor()
	if err != nil {
		return err
	}
	c, err := h.svc.RemoveDevices(q.Context(), a)
	if err != nil {
		return err
	}
	if len(c.Addresses) == 0 {
		return q.Redirect("/contact?done=removed")
	}
	return q.Redirect("/contact?done=saved")
}
