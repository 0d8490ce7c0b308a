package api

import (
	"net/http"
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/walk"
)

func getMe(_ *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	return x.private(http.StatusOK, x.appendMe)
}

func (x *exchange) appendMe(b []byte, zone *time.Location) []byte {
	return appendActor(b, &x.actor, zone)
}

func appendActor(b []byte, a *walk.Actor, zone *time.Location) []byte {
	b = str(append(b, '{'), "name", a.Name)
	b = str(b, "born", a.Born.String())
	b = instant(b, "signedInAt", a.SignedInAt, zone)
	return append(instant(b, "expiresAt", a.ExpiresAt, zone), '}')
}

func getRecipients(f *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	list, err := f.svc.Recipients(x.ctx, x.actor)
	if err != nil {
		return err
	}
	return x.private(http.StatusOK, func(b []byte, zone *time.Location) []byte {
		return append(appendRecipients(append(b, '{'), list, zone), '}')
	})
}

func appendRecipients(b []byte, list []person.Recipient, zone *time.Location) []byte {
	b = append(key(b, "recipients"), '[')
	for i := range list {
		b = appendRecipient(comma(b), &list[i], zone)
	}
	return append(b, ']')
}

func postRecipients(f *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	body, err := x.body(false)
	if err != nil {
		return err
	}
	r := walk.NewRecipient{
		Campaign: body.required("campaign", 1, maxID),
		Name:     body.required("name", 1, maxName),
		Identity: body.required("identity", 1, maxIdentity),
		Consent:  body.truth("consent"),
	}
	if born := body.required("born", 10, 10); born != "" {
		if r.Born, err = civil.Parse(born); err != nil {
			body.fail("born", "must be a date such as 1962-03-01")
		}
	}
	if !r.Consent {
		body.fail("consent", "must be true: the recipient has to agree")
	}
	if err := body.done(); err != nil {
		return err
	}
	got, err := f.svc.AddRecipient(x.ctx, x.actor, r)
	if err != nil {
		return err
	}
	return x.private(http.StatusCreated, func(b []byte, zone *time.Location) []byte { return appendRecipient(b, &got, zone) })
}

func deleteRecipient(f *face, x *exchange) error {
	id, err := x.id()
	if err != nil {
		return err
	}
	if err := f.svc.RemoveRecipient(x.ctx, x.actor, id); err != nil {
		return err
	}
	x.w.Header()["Cache-Control"] = noStore
	x.begin(http.StatusNoContent)
	return nil
}
