package reduce

import (
	"slices"
	"time"

	"charye/booking"
	"charye/programme"
)

// excess holds what is promised of a campaign's doses against what there is. Who lost a dose may have booked one of a delivery ahead; once that has
// come it is a dose like all others, and goes like them: only its counter stays another.
type excess struct {
	there    int // doses
	ahead    int // booked before they came
	stock    int // booked, held or kept of the rest
	open     int // of these: of what is everybody's, where channels have shares
	channels bool
	reserved int // for channels of their own
}

// promised is what there is at an instant, and who has it.
func promised(c *programme.Campaign, at time.Time, zone *time.Location, capacity, used func(booking.Counter) int) excess {
	return excess{
		there: booking.There(c.Num, c.StockAt(at), capacity), ahead: booking.BookedAhead(c.Num, c.Come(at, zone), used),
		stock: used(booking.StockCounter(c.Num)), open: used(booking.ChannelShareCounter(c.Num, 0)), channels: c.Channeled(), reserved: c.Reserved(at),
	}
}

// short is how many more than there are have to lose theirs.
func (e *excess) short() int {
	n := max(0, e.stock+e.ahead-e.there)
	if e.channels {
		n = max(n, e.open-max(0, e.there-e.ahead-e.reserved))
	}
	return n
}

// part is what of the doses a booking takes: of those booked ahead, or of the rest, and of these of what is everybody's.
type part struct{ ahead, open bool }

// partOf tells by what a booking takes beside seats; ok is false for one that takes none of the doses that have come by an instant.
func partOf(c *programme.Campaign, at time.Time, zone *time.Location) func(takes []booking.Counter) (p part, ok bool) {
	come := c.Come(at, zone)
	stock, open := booking.StockCounter(c.Num), booking.ChannelShareCounter(c.Num, 0)
	return func(takes []booking.Counter) (p part, ok bool) {
		for _, day := range come {
			if slices.Contains(takes, booking.ForwardCounter(c.Num, day)) {
				return part{ahead: true}, true
			}
		}
		return part{open: slices.Contains(takes, open)}, slices.Contains(takes, stock)
	}
}

// take has n bookings lose theirs; less than 0 gives back.
func (e *excess) take(p part, n int) {
	if p.ahead {
		e.ahead -= n
		return
	}
	e.stock -= n
	if p.open {
		e.open -= n
	}
}

// relieves reports whether there is less too much when a booking loses its doses.
func (e *excess) relieves(p part) bool {
	less := *e
	less.take(p, 1)
	return less.short() < e.short()
}
