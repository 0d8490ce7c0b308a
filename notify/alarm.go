package notify

import (
	"context"
	"time"

	"charye/person"
)

// AlarmFacts are what there is to tell of an alarm of the supply room.
type AlarmFacts struct {
	Cause        string // frozen, warm, silent, gap or unknown
	Where        string
	Begin        time.Time // zero: not known
	Boxes, Doses int
	More         int // other alarms of the same moment that are told by this message alone, as a count
}

// DescribeAlarm gives what there is to tell of an alarm; ok is false when there is no doubt any more.
type DescribeAlarm func(ctx context.Context, seq int64) (f Facts, ok bool, err error)

// alarmLasts is how long somebody is told of an alarm at all: after that it is on the page.
const alarmLasts = 24 * time.Hour

// OfAlarm is the message of an alarm to somebody who looks after boxes. It goes out at once, also in quiet hours: vaccine warms up at night too.
func OfAlarm(seq int64, to person.Key, at time.Time) Message {
	m := Message{To: to, Kind: Alarm, Event: seq, Due: at, Expires: at.Add(alarmLasts)}
	m.ID = NewID(m)
	return m
}
