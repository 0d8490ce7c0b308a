package notify

import (
	"context"
	"time"

	"charye/person"
)

// DescribeLeftover gives what there is to tell of an offer of a leftover dose: in Facts.Doses the site and the product, with
// until when it must be given as its Start; ok is false when the offer does not stand any more.
type DescribeLeftover func(ctx context.Context, offer int64, who person.Key) (f Facts, ok bool, err error)

// OfLeftover is the message of an offer. It goes out at once, also in quiet hours: it is over within minutes, and is made
// only when a site is open.
func OfLeftover(offer int64, to person.Key, made, until time.Time) Message {
	m := Message{To: to, Kind: Leftover, Event: offer, Due: made, Expires: until}
	m.ID = NewID(m)
	return m
}
