package citizen

import (
	"context"

	"charye/person"
	"charye/walk"
	"charye/web/page"
)

// subject is what the pages under /c/{campaign} are about: a campaign, and whom it is for.
type subject struct {
	Campaign walk.Campaign
	For      string // recipient id; empty: the person themselves
	ForName  string
	base     string
}

// URL gives the address of a page about the same subject; kv are more query parameters.
func (s subject) URL(step string, kv ...string) string {
	return page.PathAt(s.base, s.Campaign.ID, step, s.For, kv...)
}

// Form gives the address that a form about it goes to.
func (s subject) Form(step string) string { return s.base + page.CampaignPath(s.Campaign.ID, step, "") }

// subject finds the campaign of the address and the recipient of the query.
func (h *Pages) subject(q *page.Request) (subject, error) {
	c, err := h.svc.Campaign(q.Context(), q.PathValue("campaign"))
	if err != nil {
		return subject{}, err
	}
	s := subject{Campaign: c, For: q.Recipient(), base: q.Base}
	if s.For != "" {
		a, err := q.Actor()
		if err != nil {
			return s, err
		}
		r, err := h.findRecipient(q.Context(), a, s.For)
		if err != nil {
			return s, err
		}
		s.ForName = r.Name
	}
	return s, nil
}

func (h *Pages) findRecipient(ctx context.Context, a walk.Actor, id string) (person.Recipient, error) {
	if a.IsStaff() {
		c, err := h.svc.Caller(ctx, a, id)
		return c.Recipient, err
	}
	all, err := h.svc.Recipients(ctx, a)
	if err != nil {
		return person.Recipient{}, err
	}
	for _, r := range all {
		if r.ID == id {
			return r, nil
		}
	}
	return person.Recipient{}, &walk.Error{Code: walk.NotFound, Detail: "no such recipient"}
}
