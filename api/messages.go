package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"charye/notify"
	"charye/walk"
)

// The longest addresses taken, in characters; openapi.yaml says the same.
const (
	maxPhone = 32
	maxMail  = 254
)

func getContact(f *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	c, err := f.svc.Contact(x.ctx, x.actor)
	if err != nil {
		return err
	}
	return x.contact(c)
}

func putContact(f *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	body, err := x.body(false)
	if err != nil {
		return err
	}
	c := notify.Contact{Lang: body.required("lang", 2, 2)}
	// A telephone is looked at sooner than a mailbox.
	for _, a := range []notify.Address{{Channel: notify.Text, Value: body.text("phone", 0, maxPhone)}, {Channel: notify.Mail, Value: body.text("mail", 0, maxMail)}} {
		if a.Value != "" {
			c.Addresses = append(c.Addresses, a)
		}
	}
	if err := body.done(); err != nil {
		return err
	}
	if c, err = f.svc.SetContact(x.ctx, x.actor, c); err != nil {
		return inBody(err, c)
	}
	return x.contact(c)
}

// inBody names the fault of an address by its field in the body.
func inBody(err error, c notify.Contact) error {
	for i, a := range c.Addresses {
		if refused, ok := errors.AsType[*walk.Error](err); ok && refused.Field == fmt.Sprintf("addresses[%d].value", i) {
			field := map[notify.Channel]string{notify.Text: "phone", notify.Mail: "mail"}[a.Channel]
			named := *refused
			named.Field, named.Detail = field, field+strings.TrimPrefix(refused.Detail, refused.Field)
			return &named
		}
	}
	return err
}

func (x *exchange) contact(c notify.Contact) error {
	return x.private(http.StatusOK, func(b []byte, _ *time.Location) []byte { return appendContact(b, c) })
}

func appendContact(b []byte, c notify.Contact) []byte {
	b = str(append(b, '{'), "lang", cmp.Or(c.Lang, "ko"))
	for _, a := range c.Addresses {
		switch a.Channel {
		case notify.Text:
			b = str(b, "phone", a.Value)
		case notify.Mail:
			b = str(b, "mail", a.Value)
		case notify.Push: // counted: what a browser gave is nobody's to read
		}
	}
	if n := len(c.Devices()); n > 0 {
		b = integer(b, "devices", int64(n))
	}
	return append(b, '}')
}

func getMessages(f *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	list, err := f.svc.Messages(x.ctx, x.actor)
	if err != nil {
		return err
	}
	return x.private(http.StatusOK, func(b []byte, zone *time.Location) []byte {
		return append(appendMessages(append(b, '{'), list, zone), '}')
	})
}

func appendMessages(b []byte, list []notify.Kept, zone *time.Location) []byte {
	b = append(key(b, "messages"), '[')
	for i := range list {
		m := &list[i]
		b = append(comma(b), '{')
		b = str(b, "kind", string(m.Kind))
		b = str(b, "state", string(m.State))
		b = instant(b, "due", m.Due, zone)
		b = instant(b, "at", m.At, zone)
		b = append(b, '}')
	}
	return append(b, ']')
}
