package page

import (
	"testing"

	"charye/line"
	"charye/walk"
)

func TestWaitState(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		campaign walk.CampaignState
		place    line.State
		opened   bool
		want     string
	}{
		{"gathering", line.Gathering, false, WaitGathering},
		{"paused", line.Gathering, false, WaitGathering},
		{"open", line.Gathering, true, WaitDrawing},
		{"paused", line.Gathering, true, WaitPaused},
		{"open", line.Waiting, true, WaitWaiting},
		{"open", line.Admitted, true, WaitTurn},
		{"paused", line.Admitted, true, WaitPaused},
		{"soldOut", line.Waiting, true, WaitStandby},
		{"soldOut", line.Admitted, true, WaitStandby},
		{"open", line.Standby, true, WaitStandby},
		{"closed", line.Admitted, true, WaitClosed},
		{"open", "a new state", true, WaitWaiting},
	} {
		if got := WaitState(c.campaign, c.place, c.opened); got != c.want {
			t.Errorf("waitState(%s, %s, %t) = %s, want %s", c.campaign, c.place, c.opened, got, c.want)
		}
	}
}
