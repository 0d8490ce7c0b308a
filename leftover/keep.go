package leftover

import (
	"context"
	"fmt"
	"time"

	"charye/person"
)

// Keeper is what a [Store] does with its lists when their time is over.
type Keeper interface {
	// CountEntries tells how many rows of lists there are to erase: of a campaign, or of one person in all campaigns (campaign 0).
	CountEntries(ctx context.Context, campaign uint32, who person.Key) (int64, error)
	// EraseEntries erases at most limit of them, those who left the lists among them, in one transaction with an event of the count. It is done
	// when nothing was left to erase. Offers stay: they have a key and neither name nor date of birth.
	EraseEntries(ctx context.Context, campaign uint32, who person.Key, why string, at time.Time, limit int) (int64, error)
}

// Erased is the event of rows that were erased.
func Erased(seq int64, campaign uint32, who person.Key, rows int64, why string, at time.Time) Event {
	return Event{Seq: seq, At: at.UTC().Truncate(time.Microsecond), Kind: EventErased, Campaign: campaign, Person: who, Channel: "system",
		Why: fmt.Sprintf("%d entries, %s", rows, why)}
}
