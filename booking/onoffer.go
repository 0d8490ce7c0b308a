package booking

import (
	"charye/internal/civil"
	"charye/internal/weak"
)

// OnOffer is how many first doses of a campaign there are to book: those that its rules foresee by now, those that came beside them, less those
// that went, and less what of the deliveries that have come was booked before they came. come are the days of these.
func OnOffer(campaign uint32, foreseen int, come []civil.Date, capacity, used func(Counter) int) int {
	n := There(campaign, foreseen, capacity)
	if !weak.Off(weak.FaultForward) {
		n -= BookedAhead(campaign, come, used)
	}
	return min(max(n, 0), MaxQuantity)
}

// There is how many first doses of a campaign there are, whoever has booked them: those that its rules foresee by now and those that came beside
// them, less those that went.
func There(campaign uint32, foreseen int, capacity func(Counter) int) int {
	return max(0, foreseen+capacity(DeliveredCounter(campaign))-capacity(WithdrawnCounter(campaign)))
}

// BookedAhead is how many of the deliveries of some days are booked by people who lost their dose before these came.
func BookedAhead(campaign uint32, days []civil.Date, used func(Counter) int) (n int) {
	for _, day := range days {
		n += used(ForwardCounter(campaign, day))
	}
	return n
}
