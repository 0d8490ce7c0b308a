package supply

import (
	"fmt"
	"math"
	"strings"

	"charye/site"
	"charye/supply"
	"charye/supply/room"
	"charye/supply/trace"
	"charye/web/page"
)

// What states, causes and actions are called.
var (
	stateNames = map[supply.State]string{
		supply.Usable: "supply.state.usable", supply.Held: "supply.state.held", supply.Recalled: "supply.state.recalled", supply.Destroyed: "supply.state.destroyed",
	}
	causeNames = map[supply.Cause]string{
		supply.Frozen: "supply.cause.frozen", supply.Heated: "supply.cause.warm", supply.Expired: "supply.cause.expired", supply.Silent: "supply.cause.silent", supply.Gap: "supply.cause.gap",
		supply.Missing: "supply.cause.unknown",
	}
	causeTexts = map[supply.Cause]string{
		supply.Frozen: "supply.cause.frozen.text", supply.Heated: "supply.cause.warm.text", supply.Expired: "supply.cause.expired.text", supply.Silent: "supply.cause.silent.text", supply.Gap: "supply.cause.gap.text",
		supply.Missing: "supply.cause.unknown.text",
	}
	causeNext = map[supply.Cause]string{
		supply.Frozen: "supply.cause.frozen.next", supply.Heated: "supply.cause.warm.next", supply.Expired: "supply.cause.expired.next", supply.Silent: "supply.cause.silent.next", supply.Gap: "supply.cause.gap.next",
		supply.Missing: "supply.cause.unknown.next",
	}
	actionNames = map[supply.Action]string{
		supply.Hold: "supply.action.hold", supply.Release: "supply.action.release", supply.Recall: "supply.action.recall", supply.Destroy: "supply.action.destroy",
	}
	stageNames = map[supply.Stage]string{
		supply.Unopened: "supply.stage.unopened", supply.Thawed: "supply.stage.thawed", supply.Punctured: "supply.stage.punctured",
	}
)

func (h *Pages) productName(q *page.Request, id string) string {
	if p, ok := h.svc.Programme().Product(id); ok {
		return p.Name.In(q.Lang.ID)
	}
	return id
}

// placeName says in words where something is.
func (h *Pages) placeName(q *page.Request, v *room.View, place string, at site.Num) string {
	if s, ok := v.Sites.ByNum(at); ok && at != 0 {
		return s.Name
	}
	if place == "" {
		return q.Words("supply.place.none")
	}
	if k, ok := trace.SSCCOf(place); ok {
		return q.Words("supply.place.with", "box", k.String())
	}
	if g, ok := trace.GLNOf(place); ok {
		return q.Words("supply.place.gln", "gln", g.String())
	}
	return q.Words("supply.place.vehicle", "name", shortURN(place))
}

// shortURN leaves out what every name of its kind begins with.
func shortURN(place string) string {
	for _, prefix := range []string{"urn:x:", "urn:charye:", "urn:"} {
		if rest, ok := strings.CutPrefix(place, prefix); ok {
			return rest
		}
	}
	return place
}

// celsius writes a temperature to a tenth, with a real minus; more digits where a tenth would hide on which side of a limit it is.
func celsius(c supply.Celsius) string {
	s := fmt.Sprintf("%.1f", c.Degrees())
	if v := math.Abs(c.Degrees()); v < 100 && math.Abs(math.Round(c.Degrees()*10)/10-c.Degrees()) > 1e-9 && math.Abs(c.Degrees()-math.Round(c.Degrees())) < 0.1 {
		s = c.String()
	}
	return strings.Replace(s, "-", "−", 1) + "\u00a0°C"
}

// causeClass is the look of a cause.
func causeClass(c supply.Cause) string {
	if c == supply.Frozen || c == supply.Heated || c == supply.Expired {
		return "bad"
	}
	return "warn"
}
