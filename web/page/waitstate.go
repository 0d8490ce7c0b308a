package page

import (
	"charye/line"
	"charye/programme"
	"charye/walk"
)

// The states of the waiting page. The page carries a part for each; the script changes which one is shown.
const (
	WaitGathering = "gathering" // before the opening
	WaitDrawing   = "drawing"   // opened, the order is being drawn
	WaitWaiting   = "waiting"
	WaitTurn      = "turn"
	WaitStandby   = "standby"
	WaitPaused    = "paused"
	WaitClosed    = "closed"
)

// WaitState says which part of the page to show. The script has the same rule (assets/wait.ts, stateOf).
func WaitState(c walk.CampaignState, p line.State, opened bool) string {
	switch {
	case c == walk.CampaignState(programme.PhaseClosed):
		return WaitClosed
	case p == line.Gathering && !opened:
		return WaitGathering
	case c == walk.CampaignState(programme.PhasePaused):
		return WaitPaused
	case p == line.Standby || c == walk.StateSoldOut:
		return WaitStandby
	case p == line.Gathering:
		return WaitDrawing
	case p == line.Admitted:
		return WaitTurn
	}
	return WaitWaiting
}
