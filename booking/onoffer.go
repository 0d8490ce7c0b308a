package booking

import (
	"charye/internal/civil"
	"charye/internal/weak"
)

// OnOffer is how many first doses of a campaign there are to book: those that its rules foresee by now, those that came beside them, less those
// that went, and less what of the deliveries that have come was booked before they came. come are the days of these.
func OnOffer(campaign uint32, foreseen int, come []civil.Date, capacity, used func(Counter) int) int {
	n := foreseen + capacity(DeliveredCounter(campaign)) - capacity(WithdrawnCounter(campaign))
	for _, day := range come {
		if weak.Off(weak.FaultForward) {
			break
		}
		n -= used(ForwardCounter(campaign, day))
	}
	return min(max(n, 0), MaxQuantity)
}
