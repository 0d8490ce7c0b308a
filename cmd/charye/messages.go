package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"charye/internal/clock"
	"charye/internal/durable"
	"charye/notify"
	"charye/notify/gateway"

	"golang.org/x/sync/errgroup"
)

// messagesFile is where a trial writes what it would have sent.
const messagesFile = "messages.ndjson"

// readWays reads the file of --messages; nil without one.
func readWays(path string) (map[notify.Channel]notify.Gateway, error) {
	if path == "" {
		return nil, nil
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--messages: %w", err)
	}
	c, err := gateway.ReadConfig(path, src)
	if err != nil {
		return nil, err
	}
	ways, err := c.Open(func(path string) (string, error) {
		b, err := os.ReadFile(path)
		return strings.TrimSpace(string(b)), err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ways, nil
}

// openCourier has messages go out by the ways of --messages; in a trial without them, into a file. Where neither is,
// messages are planned and end as unreachable, and people see so.
func (s *server) openCourier(dir *durable.Dir, ways map[notify.Channel]notify.Gateway) error {
	if ways == nil && s.programme.Trial {
		f, err := gateway.OpenFile(dir.File(messagesFile), time.Now)
		if err != nil {
			return err
		}
		s.closers = append(s.closers, f.Close)
		ways = map[notify.Channel]notify.Gateway{notify.Mail: f, notify.Text: f}
	}
	c, err := notify.NewCourier(notify.Wiring{
		Outbox: s.outbox, Ledger: s.ledger, Rules: s.walk.MessageRules(), Gateways: ways,
		Describe: s.walk.Facts(s.url + "/bookings"), Invited: s.walk.Invitation(s.url), Leftover: s.walk.LeftoverOffered(s.url + "/leftovers"), From: s.walk.Followed(), Clock: clock.System, Log: s.log,
	})
	if err != nil {
		return err
	}
	walk := s.work
	s.work = func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return walk(ctx) })
		g.Go(func() error { return c.Run(ctx) })
		return g.Wait()
	}
	return nil
}
