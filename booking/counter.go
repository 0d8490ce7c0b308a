package booking

import (
	"fmt"

	"charye/internal/civil"
	"charye/site"
)

// The layout of a [Counter], from the top bit down. Everything above the kind is zero, so a counter is a positive int64
// and takes at most 8 bytes where integers are stored by length.
//
//	63 … 56  zero
//	55 … 52  kind
//	51       zero
//	50 … 0   of a seat:  day (16 bits, days since 1970-01-01) · site (24) · minute of the day (11)
//	31 … 0   of all others: the campaign's number
//
// The day comes before the site: a rush books the same few days at all sites, so the rows it touches lie together.
const (
	kindShift = 52
	dayShift  = 35
	siteShift = 11

	maxDay    = 1<<16 - 1
	maxMinute = 24*60 - 1
)

// CounterKind says what a counter counts.
type CounterKind uint8

// The kinds. Those without a constructor are spoken for, so that nothing else takes their number.
const (
	KindSeat         CounterKind = 1  // seats of a session
	KindStock        CounterKind = 2  // doses of dose 1 of a campaign
	KindSiteStock    CounterKind = 3  // doses of a product at a site: reserved
	KindDayShare     CounterKind = 4  // share of a day: reserved
	KindChannelShare CounterKind = 5  // share of a channel: reserved
	KindStandby      CounterKind = 6  // numbers of a campaign's line that were invited
	KindDelivered    CounterKind = 7  // doses that came to a campaign beside those of its rules: its capacity; nothing is taken
	KindLeftover     CounterKind = 12 // doses that a site has left over on a day: the seat of a first dose
)

// Valid reports whether the session can be named at all: the site's number fits, the day lies in 1970-01-01 …
// 2149-06-06 and the minute in the day.
func (s Session) Valid() bool {
	return s.Site <= site.MaxNum && s.Day >= 0 && s.Day <= maxDay && s.Minute >= 0 && s.Minute <= maxMinute
}

// SeatCounter names the seats of a session. A session that is not [Session.Valid] gets the zero Counter, from which
// nothing can be taken.
func SeatCounter(s Session) Counter {
	if !s.Valid() {
		return 0
	}
	return Counter(KindSeat)<<kindShift | Counter(s.Day)<<dayShift | Counter(s.Site)<<siteShift | Counter(s.Minute)
}

// StockCounter names the doses of a campaign, by the campaign's number.
func StockCounter(campaign uint32) Counter {
	return Counter(KindStock)<<kindShift | Counter(campaign)
}

// StandbyCounter names the numbers of a campaign's line that were invited to take what came free; see [OpInvite].
func StandbyCounter(campaign uint32) Counter {
	return Counter(KindStandby)<<kindShift | Counter(campaign)
}

// DeliveredCounter names the doses that came to a campaign beside those of its rules. They are its capacity.
func DeliveredCounter(campaign uint32) Counter {
	return Counter(KindDelivered)<<kindShift | Counter(campaign)
}

// LeftoverCounter names the doses of a batch that a site has left over, by the batch's number (leftover.Batch). A dose of it is
// the seat and the stock in one: whoever takes it sits in no session and takes nothing from the campaign.
func LeftoverCounter(batch uint32) Counter {
	return Counter(KindLeftover)<<kindShift | Counter(batch)
}

// Leftover gives the batch whose doses the counter counts; ok is false for other kinds.
func (c Counter) Leftover() (batch uint32, ok bool) {
	return uint32(c), c.Kind() == KindLeftover && LeftoverCounter(uint32(c)) == c
}

// Kind says what the counter counts; 0 for one that no constructor made.
func (c Counter) Kind() CounterKind {
	switch k := CounterKind(c >> kindShift & 0xf); {
	case c>>(kindShift+4) != 0 || k > KindDelivered && k != KindLeftover:
		return 0
	default:
		return k
	}
}

// Session gives the session whose seats the counter counts; ok is false for other kinds.
func (c Counter) Session() (s Session, ok bool) {
	s = Session{
		Site:   site.Num(c >> siteShift & Counter(site.MaxNum)),
		Day:    civil.Date(c >> dayShift & maxDay),
		Minute: int(c & (1<<siteShift - 1)),
	}
	if SeatCounter(s) != c {
		return Session{}, false
	}
	return s, true
}

// Campaign gives the number of the campaign whose doses the counter counts; ok is false for other kinds.
func (c Counter) Campaign() (num uint32, ok bool) {
	if c.Kind() != KindStock || StockCounter(uint32(c)) != c {
		return 0, false
	}
	return uint32(c), true
}

// String names the counter for people who look for a fault: "seat:1042-20210726-0900", "stock:7".
func (c Counter) String() string {
	if s, ok := c.Session(); ok {
		return "seat:" + s.String()
	}
	if n, ok := c.Campaign(); ok {
		return fmt.Sprintf("stock:%d", n)
	}
	switch num := uint32(c); c {
	case StandbyCounter(num):
		return fmt.Sprintf("standby:%d", num)
	case DeliveredCounter(num):
		return fmt.Sprintf("delivered:%d", num)
	case LeftoverCounter(num):
		return fmt.Sprintf("leftover:%d", num)
	}
	return fmt.Sprintf("counter:%#x", uint64(c))
}
