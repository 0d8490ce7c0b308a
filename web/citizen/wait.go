package citizen

import (
	"encoding/hex"
	"net/http"
	"time"

	"charye/walk"
	"charye/web/page"
)

type waitData struct {
	subject
	State  string
	Place  walk.Place
	Joined int
	Now    time.Time
	// ZoneMinutes is how far the programme's zone is east of Greenwich, for the script's clock.
	ZoneMinutes int
	Left        time.Duration // until the opening
	Poll        int           // seconds
	PauseWhy    string
	Pseudonym   string
	Doses       int  // left, for everybody
	Tells       bool // those who left an address are told when their turn comes
}

// Short tells that as many people are ahead as doses are left, so that these may be gone before the reader's turn. The script
// has the same rule.
func (d waitData) Short() bool { return d.Place.Ahead >= d.Doses }

// NumberInt is the place's number.
func (d waitData) NumberInt() int { return int(d.Place.Number) }

// Called is how many of the numbers up to the reader's have been called, for the progress bar.
func (d waitData) Called() int { return max(int(d.Place.Number)-1-d.Place.Ahead, 0) }

func (h *Pages) wait(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	s, err := h.subject(q)
	if err != nil {
		return err
	}
	place, err := h.svc.PlaceOf(q.Context(), a, s.Campaign.ID, s.For)
	if page.CodeOf(err) == walk.NotFound && err != nil {
		return q.Redirect(s.URL(""))
	}
	if err != nil {
		return err
	}
	doc, err := h.svc.Line(q.Context(), s.Campaign.ID)
	if err != nil {
		return err
	}
	d := waitData{
		subject: s, Place: place, Joined: doc.Joined, Now: h.svc.Now(),
		Poll: min(max(int(place.PollAfter/time.Second), 3), 600), PauseWhy: s.Campaign.PauseWhy.In(q.Lang.ID),
		Pseudonym: hex.EncodeToString(place.Pseudonym[:]), Doses: doc.Remaining,
		Tells: h.svc.Programme().Near(s.Campaign.Campaign).Within > 0 || s.Campaign.InviteFor > 0,
	}
	_, east := d.Now.In(h.Zone).Zone()
	d.ZoneMinutes = east / 60
	d.Left = max(s.Campaign.Opens.Sub(d.Now), 0)
	d.State = page.WaitState(doc.State, place.State, d.Left == 0)
	if !place.KeptUntil.IsZero() && (d.State == page.WaitStandby || d.State == page.WaitWaiting) {
		d.State = page.WaitTurn
	}
	v := page.View{Title: q.Words("wait.title"), Script: "wait.js", D: d}
	switch d.State {
	case page.WaitTurn:
		// The turn of somebody who has booked is over, although the line still counts it as theirs.
		booked, err := h.booked(q.Context(), a, s)
		if err != nil {
			return err
		}
		if booked {
			return q.Redirect(s.URL(""))
		}
		v.Title = q.Words("wait.turn.title")
	case page.WaitClosed:
		v.Script = ""
	default:
		v.Refresh = d.Poll
	}
	return q.Show(http.StatusOK, "wait", v)
}

// enter exchanges the turn for a pass, kept in this browser. A takeover comes only from [handler.takeover]'s button.
func (h *Pages) enter(q *page.Request) error {
	campaign, recipient := q.PathValue("campaign"), q.Recipient()
	q.Back, q.Again = q.Path(campaign, "wait", recipient), []string{"for", "takeover"}
	takeover := q.Field("takeover") == "yes"
	if takeover {
		q.Back = q.Path(campaign, "takeover", recipient)
	}
	a, err := q.Actor()
	if err != nil {
		return err
	}
	place, err := h.svc.PlaceOf(q.Context(), a, campaign, recipient)
	if err != nil {
		return err
	}
	pass, err := h.svc.Enter(q.Context(), a, campaign, recipient, place.Ticket, h.Cookies.Device(q.W, q.Request), takeover)
	switch {
	case err == nil:
	case page.CodeOf(err) == walk.NotYourTurn:
		return q.Redirect(q.Back)
	case page.CodeOf(err) == walk.SlotFull:
		// The stock went while the turn stood open: the waiting page tells how it goes on.
		return q.Redirect(q.Path(campaign, "wait", recipient))
	case page.CodeOf(err) == walk.NotSignedIn && takeover:
		return q.Redirect(page.WithQuery(q.Base+"/sign-in", "fresh", "1", "return", q.Back))
	default:
		return err
	}
	h.Cookies.SetPass(q.W, page.PassName(campaign, recipient), page.KeptPass{Token: pass.Token, Until: pass.ExpiresAt}, h.svc.Now())
	return q.Redirect(q.Path(campaign, "sites", recipient))
}

type takeoverData struct {
	subject
	Fresh  bool   // signed in recently enough to go on
	SignIn string // else: where to sign in again
}

// takeover explains that booking goes on elsewhere, and offers to move it here after a fresh sign-in.
func (h *Pages) takeover(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	s, err := h.subject(q)
	if err != nil {
		return err
	}
	d := takeoverData{
		subject: s, Fresh: h.svc.Now().Sub(a.SignedInAt) < takeoverSignIn,
		SignIn: page.WithQuery(q.Base+"/sign-in", "fresh", "1", "return", s.URL("takeover")),
	}
	return q.Show(http.StatusOK, "takeover", page.View{Title: q.Words("takeover.title"), D: d})
}

// takeoverSignIn is how fresh a sign-in must be to move a pass to another device. Package walk enforces it; here it only
// decides whether the page offers the button or the sign-in first.
const takeoverSignIn = 5 * time.Minute
