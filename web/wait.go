package web

import (
	"net/http"
	"time"

	"charye/line"
	"charye/programme"
	"charye/walk"
)

// The states of the waiting page. The page carries a part for each; the script changes which one is shown.
const (
	waitGathering = "gathering" // before the opening
	waitDrawing   = "drawing"   // opened, the order is being drawn
	waitWaiting   = "waiting"
	waitTurn      = "turn"
	waitStandby   = "standby"
	waitPaused    = "paused"
	waitClosed    = "closed"
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

// waitState says which part of the page to show. The script has the same rule (assets/wait.ts, stateOf).
func waitState(c walk.CampaignState, p line.State, opened bool) string {
	switch {
	case c == walk.CampaignState(programme.PhaseClosed):
		return waitClosed
	case p == line.Gathering && !opened:
		return waitGathering
	case c == walk.CampaignState(programme.PhasePaused):
		return waitPaused
	case p == line.Standby || c == walk.StateSoldOut:
		return waitStandby
	case p == line.Gathering:
		return waitDrawing
	case p == line.Admitted:
		return waitTurn
	}
	return waitWaiting
}

func (h *handler) wait(q *request) error {
	a, err := q.actor()
	if err != nil {
		return err
	}
	s, err := q.subject()
	if err != nil {
		return err
	}
	place, err := h.svc.PlaceOf(q.Context(), a, s.Campaign.ID, s.For)
	if codeOf(err) == walk.NotFound && err != nil {
		return q.redirect(s.URL(""))
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
		Poll: min(max(int(place.PollAfter/time.Second), 3), 600), PauseWhy: s.Campaign.PauseWhy.In(q.lang.id),
		Pseudonym: hexOf(place.Pseudonym[:]), Doses: doc.Remaining,
		Tells: h.svc.Programme().Near(s.Campaign.Campaign).Within > 0 || s.Campaign.InviteFor > 0,
	}
	_, east := d.Now.In(h.zone).Zone()
	d.ZoneMinutes = east / 60
	d.Left = max(s.Campaign.Opens.Sub(d.Now), 0)
	d.State = waitState(doc.State, place.State, d.Left == 0)
	if !place.KeptUntil.IsZero() && (d.State == waitStandby || d.State == waitWaiting) {
		d.State = waitTurn
	}
	v := view{Title: q.words("wait.title"), Script: "wait.js", D: d}
	switch d.State {
	case waitTurn:
		// The turn of somebody who has booked is over, although the line still counts it as theirs.
		booked, err := h.booked(q.Context(), a, s)
		if err != nil {
			return err
		}
		if booked {
			return q.redirect(s.URL(""))
		}
		v.Title = q.words("wait.turn.title")
	case waitClosed:
		v.Script = ""
	default:
		v.Refresh = d.Poll
	}
	return q.show(http.StatusOK, "wait", v)
}

// enter exchanges the turn for a pass, kept in this browser. A takeover comes only from [handler.takeover]'s button.
func (h *handler) enter(q *request) error {
	campaign, recipient := q.PathValue("campaign"), q.recipient()
	q.back, q.again = q.path(campaign, "wait", recipient), []string{"for", "takeover"}
	takeover := q.field("takeover") == "yes"
	if takeover {
		q.back = q.path(campaign, "takeover", recipient)
	}
	a, err := q.actor()
	if err != nil {
		return err
	}
	place, err := h.svc.PlaceOf(q.Context(), a, campaign, recipient)
	if err != nil {
		return err
	}
	pass, err := h.svc.Enter(q.Context(), a, campaign, recipient, place.Ticket, h.cookies.device(q.w, q.Request), takeover)
	switch {
	case err == nil:
	case codeOf(err) == walk.NotYourTurn:
		return q.redirect(q.back)
	case codeOf(err) == walk.SlotFull:
		// The stock went while the turn stood open: the waiting page tells how it goes on.
		return q.redirect(q.path(campaign, "wait", recipient))
	case codeOf(err) == walk.NotSignedIn && takeover:
		return q.redirect(withQuery(q.base+"/sign-in", "fresh", "1", "return", q.back))
	default:
		return err
	}
	h.cookies.setPass(q.w, passName(campaign, recipient), keptPass{Token: pass.Token, Until: pass.ExpiresAt}, h.svc.Now())
	return q.redirect(q.path(campaign, "sites", recipient))
}

type takeoverData struct {
	subject
	Fresh  bool   // signed in recently enough to go on
	SignIn string // else: where to sign in again
}

// takeover explains that booking goes on elsewhere, and offers to move it here after a fresh sign-in.
func (h *handler) takeover(q *request) error {
	a, err := q.actor()
	if err != nil {
		return err
	}
	s, err := q.subject()
	if err != nil {
		return err
	}
	d := takeoverData{
		subject: s, Fresh: h.svc.Now().Sub(a.SignedInAt) < takeoverSignIn,
		SignIn: withQuery(q.base+"/sign-in", "fresh", "1", "return", s.URL("takeover")),
	}
	return q.show(http.StatusOK, "takeover", view{Title: q.words("takeover.title"), D: d})
}
