package notifytest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"charye/booking"
	"charye/notify"
	"charye/person"
	"charye/programme"
)

// taker is a gateway that takes everything over at once.
type taker struct{}

func (taker) Send(context.Context, notify.ID, notify.Address, notify.Words) error { return nil }

// BenchDeliver has a courier take out what is due, through a gateway that costs no time. It reports messages a second.
func BenchDeliver(b *testing.B, o notify.Outbox, l booking.Ledger) {
	const atOnce, contacts = 1024, 256
	ctx := context.Background()
	for n := range contacts {
		if err := o.SetContact(ctx, who(n), notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Text, Value: "01012345678"}}}, at); err != nil {
			b.Fatal(err)
		}
	}
	c, err := notify.NewCourier(notify.Wiring{
		Outbox: o, Ledger: l, Gateways: map[notify.Channel]notify.Gateway{notify.Text: taker{}},
		Near: func(context.Context, uint32, *notify.Message) (notify.Facts, bool, error) {
			return notify.Facts{Campaign: programme.Text{KO: "시험"}, Zone: time.UTC, Link: "https://charye.example", Come: true}, true, nil
		},
		Clock: func() time.Time { return at }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	place, err := o.Begin(ctx, 0)
	if err != nil {
		b.Fatal(err)
	}
	var took time.Duration
	sent := 0
	for b.Loop() {
		list := make([]notify.Message, atOnce)
		for i := range list {
			about := person.Key{byte(sent), byte(sent >> 8), byte(sent >> 16), 1}
			list[i] = notify.Message{To: who(i % contacts), Kind: notify.Near, Campaign: 1, About: about, Helper: true, Due: at, Expires: at.Add(time.Hour)}
			list[i].ID = notify.NewID(list[i])
			sent++
		}
		if err := o.Enqueue(ctx, place, place, list, at); err != nil {
			b.Fatal(err)
		}
		begun := time.Now()
		if err := c.Round(ctx); err != nil {
			b.Fatal(err)
		}
		took += time.Since(begun)
	}
	if count, err := o.Count(ctx); err != nil || count[notify.Sent] != sent {
		b.Fatalf("%v, %v; want %d sent", count, err, sent)
	}
	b.ReportMetric(float64(sent)/took.Seconds(), "messages/s")
}
