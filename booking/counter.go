package booking

import (
	"crypto/sha256"
	"encoding/binary"
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
//	51 … 0   of what is given of a product at a site on a day: day (14 bits, days since 2020-01-01) · site (24) · product (9) ·
//	         doses per vial (5)
//	32 … 0   of vials at a site: site (24) · product (9)
//	51 … 0   of a command: a hash of what it is
//	47 … 0   of all others: part (16 bits, of a share: which day, channel or region) · the campaign's number (32)
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

// The kinds.
const (
	KindSeat         CounterKind = 1  // seats of a session
	KindStock        CounterKind = 2  // doses of dose 1 of a campaign
	KindVials        CounterKind = 3  // vials of a product at a site; taken: those that what is booked opens
	KindDayShare     CounterKind = 4  // doses of dose 1 of a campaign on one day
	KindChannelShare CounterKind = 5  // doses of dose 1 of a campaign by one channel; part 0: by all without a share of their own
	KindStandby      CounterKind = 6  // numbers of a campaign's line that were invited
	KindDelivered    CounterKind = 7  // doses that came to a campaign beside those of its rules: its capacity; nothing is taken
	KindRegionShare  CounterKind = 8  // doses of dose 1 of a campaign in one region
	KindOpened       CounterKind = 9  // doses of a product booked at a site on a day, which decide how many vials are opened; no bound of their own
	KindLeftover     CounterKind = 12 // doses that a site has left over on a day: the seat of a first dose
	KindForward      CounterKind = 13 // doses of a delivery to come that are booked in advance, by those who lost theirs
	KindDisplaced    CounterKind = 14 // people of a campaign who lost their booking and stand first in line; no bound of their own
	KindOnce         CounterKind = 15 // that a command was carried out: it is there, or not; nothing is taken
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

// WithdrawnCounter names the doses that a campaign has lost of those of its rules. They are its capacity.
func WithdrawnCounter(campaign uint32) Counter {
	return share(KindDelivered, campaign, 1)
}

// ForwardCounter names the doses of a campaign's delivery on a day to come that are booked already. A day that no session can
// have gets the zero Counter.
func ForwardCounter(campaign uint32, day civil.Date) Counter {
	if day < 0 || day > maxDay {
		return 0
	}
	return share(KindForward, campaign, uint16(day))
}

// DisplacedCounter names the people of a campaign who are displaced; see [Booking.Displaced].
func DisplacedCounter(campaign uint32) Counter {
	return Counter(KindDisplaced)<<kindShift | Counter(campaign)
}

// OnceCounter names a command that is to be carried out once, by what tells it from all others. Two of them share one of 2^52
// counters with no more chance than that.
func OnceCounter(command string) Counter {
	h := sha256.Sum256([]byte(command))
	return Counter(KindOnce)<<kindShift | Counter(binary.BigEndian.Uint64(h[:8]))&(1<<kindShift-1)
}

// partShift is where the part of a share begins.
const partShift = 32

// DayShareCounter names the first doses of a campaign on a day. A day that no session can have gets the zero Counter.
func DayShareCounter(campaign uint32, day civil.Date) Counter {
	if day < 0 || day > maxDay {
		return 0
	}
	return share(KindDayShare, campaign, uint16(day))
}

// ChannelShareCounter names the first doses of a campaign by a channel that has a share of its own, numbered by the caller
// from 1; 0 is what is left to all others.
func ChannelShareCounter(campaign uint32, channel uint16) Counter {
	return share(KindChannelShare, campaign, channel)
}

// RegionShareCounter names the first doses of a campaign at the sites of a region, numbered by the caller.
func RegionShareCounter(campaign uint32, region uint16) Counter {
	return share(KindRegionShare, campaign, region)
}

func share(kind CounterKind, campaign uint32, part uint16) Counter {
	return Counter(kind)<<kindShift | Counter(part)<<partShift | Counter(campaign)
}

// Share gives the campaign and the part that the counter of a share is of; ok is false for other kinds.
func (c Counter) Share() (campaign uint32, part uint16, ok bool) {
	k := c.Kind()
	return uint32(c), uint16(c >> partShift), k == KindDayShare || k == KindChannelShare || k == KindRegionShare
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
	case c>>(kindShift+4) != 0 || k > KindOpened && k < KindLeftover:
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
	num, part := uint32(c), uint16(c>>partShift)
	switch c.Kind() {
	case KindStandby:
		return fmt.Sprintf("standby:%d", num)
	case KindDelivered:
		if part == 1 {
			return fmt.Sprintf("withdrawn:%d", num)
		}
		return fmt.Sprintf("delivered:%d", num)
	case KindForward:
		return fmt.Sprintf("forward:%d-%s", num, civil.Date(part))
	case KindDisplaced:
		return fmt.Sprintf("displaced:%d", num)
	case KindOnce:
		return fmt.Sprintf("once:%013x", uint64(c)&(1<<kindShift-1))
	case KindDayShare:
		return fmt.Sprintf("day:%d-%s", num, civil.Date(part))
	case KindChannelShare:
		return fmt.Sprintf("channel:%d-%d", num, part)
	case KindRegionShare:
		return fmt.Sprintf("region:%d-%d", num, part)
	case KindVials, KindOpened:
		return vialsText(c)
	case KindLeftover:
		return fmt.Sprintf("leftover:%d", num)
	case KindSeat, KindStock:
	}
	return fmt.Sprintf("counter:%#x", uint64(c))
}
