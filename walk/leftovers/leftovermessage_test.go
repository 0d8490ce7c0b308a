package leftovers_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charye/notify"
	"charye/notify/gateway"
	notifysqlite "charye/notify/sqlite"
	"charye/walk/whole"
)

// TestLeftoverMessage: an offer is told once, at once, with the place and both times; one that is over is not told any more.
func TestLeftoverMessage(t *testing.T) {
	t.Parallel()
	w := spareWorld(t)
	ctx := t.Context()
	dir := t.TempDir()
	outbox, err := notifysqlite.Open(ctx, dir, w.Keys)
	must(t, err)
	defer func() { must(t, outbox.Close()) }()
	clock := func() time.Time { return time.Unix(0, w.Clock.Load()) }
	telling, err := whole.New(ctx, whole.Deps{
		Programme: w.Programme(), Line: w.LineStore, Ledger: w.Ledger, Sites: w.SiteStore, People: w.PeopleStore, Leftovers: w.LeftoverStore, Outbox: outbox, Keys: w.Keys,
		Clock: clock, Log: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	defer telling.Stop()
	file, err := gateway.OpenFile(filepath.Join(dir, "sent"), clock)
	must(t, err)
	defer func() { must(t, file.Close()) }()
	courier, err := notify.NewCourier(notify.Wiring{
		Outbox: outbox, Ledger: w.Ledger, Rules: notify.RulesOf(w.Programme()), Gateways: map[notify.Channel]notify.Gateway{notify.Text: file},
		Describe: telling.Facts("https://charye.example/bookings"), Leftover: telling.LeftoverOffered("https://charye.example/leftovers"), Clock: clock, Log: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	for n := 1; n <= 2; n++ {
		_, err = telling.SetContact(ctx, w.Actor(n), notify.Contact{Lang: "en", Addresses: []notify.Address{{Channel: notify.Text, Value: "010-1234-5678"}}})
		must(t, err)
	}
	w.Wish(campaign, []string{"S1"}, 1, 2)
	w.LeftOver(campaign, 1, "moderna", 1)
	first, _ := w.Holder(campaign, 1, 2)
	round := func() {
		t.Helper()
		must(t, telling.Round(ctx))
		must(t, telling.Round(ctx))
		must(t, courier.Round(ctx))
	}
	round()
	round()
	b, err := os.ReadFile(filepath.Join(dir, "sent"))
	must(t, err)
	for _, want := range []string{"하나의원", "Moderna", "26 July 2021, 14:10", "26 July 2021, 17:00", "https://charye.example/leftovers"} {
		if strings.Count(string(b), want) == 0 {
			t.Errorf("the message does not tell %q:\n%s", want, b)
		}
	}
	if n := strings.Count(string(b), "\n"); n != 1 {
		t.Errorf("%d messages for one offer:\n%s", n, b)
	}

	// The next one's offer is planned, and over before a courier comes by.
	w.Set(at(26, 14, 10))
	must(t, telling.Round(ctx))
	if n, _ := w.Holder(campaign, 3-first); n != 3-first {
		t.Fatalf("then it is offered to %d", n)
	}
	w.Set(at(26, 14, 20))
	must(t, courier.Round(ctx))
	list, err := outbox.Messages(ctx, w.Actor(3-first).Key, 10)
	must(t, err)
	if len(list) != 1 || list[0].Kind != notify.Leftover || list[0].State == notify.Sent {
		t.Errorf("messages: %+v", list)
	}
}
