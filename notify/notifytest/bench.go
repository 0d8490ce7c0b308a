package notifytest

import (
	"context"
	"testing"
	"time"

	"charye/notify"
)

// BenchNear keeps messages to those whose turn is near, 5,000 people at a time, of whom every other has left an address. It
// reports people a second; a line admits 2,000.
func BenchNear(b *testing.B, o notify.Outbox) {
	const people, atOnce = 100_000, 5000
	ctx := context.Background()
	c := notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Text, Value: "01012345678"}}}
	// A commit for each address would take the benchmark's time: the messages are spread over a thousand people who have one.
	const contacts = 1000
	for n := range contacts {
		if err := o.SetContact(ctx, who(n), c, at); err != nil {
			b.Fatal(err)
		}
	}
	at1, campaign := uint32(0), uint32(1)
	var took time.Duration
	looked := 0
	for b.Loop() {
		list := make([]notify.Message, atOnce)
		for i := range list {
			n := int(at1) + i
			to := who(n % contacts)
			if i%2 == 0 {
				to = who(contacts + n)
			}
			list[i] = notify.Message{To: to, Kind: notify.Near, Campaign: campaign, About: who(n), Helper: true, Due: at, Expires: at.Add(time.Hour)}
			list[i].ID = notify.NewID(list[i])
		}
		begun := time.Now()
		kept, err := o.TellNear(ctx, campaign, at1, at1+atOnce, list, at)
		took += time.Since(begun)
		if err != nil || kept != atOnce/2 {
			b.Fatalf("%d kept, %v", kept, err)
		}
		looked += atOnce
		if at1 += atOnce; at1 == people {
			at1, campaign = 0, campaign+1
		}
	}
	b.ReportMetric(float64(looked)/took.Seconds(), "people/s")
}
