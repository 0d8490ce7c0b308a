package notify

import (
	"context"
	"time"

	"charye/person"
)

// DescribeLeftover gives what there is to tell of an offer of a leftover dose: in Facts.Doses the site and the product, with
// until when it must be given as its Start; ok is false when the offer does not stand any more.
type DescribeLeftover func(ctx context.Context, offer int64, m *Message) (f Facts, ok bool, err error)

// OfLeftover gives the messages of an offer: to whom the dose is offered, and to those who help them. They go out at once, also in quiet hours: the
// offer is over within minutes, and is made only when a site is open.
func OfLeftover(offer int64, to person.Key, helpers []person.Key, made, until time.Time) []Message {
	return toAll(Message{To: to, Kind: Leftover, Event: offer, Due: made, Expires: until}, helpers)
}
