package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"charye/internal/clock"
	"charye/internal/durable"
	"charye/internal/seal"
	"charye/notify"
	"charye/notify/gateway"

	"golang.org/x/sync/errgroup"
)

// messagesFile is where a trial writes what it would have sent.
const messagesFile = "messages.ndjson"

// ways are the ways out of messages: those of --messages, opened once the keys are; nil without that.
type ways func(keys *seal.Keys, trial bool) (map[notify.Channel]notify.Gateway, error)

// readWays reads the file of --messages.
func readWays(path string) (ways, error) {
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
	open := func(keys gateway.PushKeys, trial bool) (map[notify.Channel]notify.Gateway, error) {
		out, err := c.Open(func(path string) (string, error) {
			b, err := os.ReadFile(path)
			return strings.TrimSpace(string(b)), err
		}, keys, trial)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return out, nil
	}
	// What is wrong is found before anything is written: with any keys.
	if _, err := open(gateway.PushKeys{}, false); err != nil {
		return nil, err
	}
	return func(keys *seal.Keys, trial bool) (map[notify.Channel]notify.Gateway, error) {
		return open(gateway.NewPushKeys(keys), trial)
	}, nil
}

// openCourier has messages go out by the ways of --messages; in a trial without them, into a file. Where neither is,
// messages are planned and end as unreachable, and people see so.
func (s *server) openCourier(dir *durable.Dir, open ways) error {
	var out map[notify.Channel]notify.Gateway
	switch {
	case open != nil:
		var err error
		if out, err = open(s.keys, s.programme.Trial); err != nil {
			return err
		}
	case s.programme.Trial:
		f, err := gateway.OpenFile(dir.File(messagesFile), time.Now)
		if err != nil {
			return err
		}
		s.closers = append(s.closers, f.Close)
		out = map[notify.Channel]notify.Gateway{notify.Mail: f, notify.Text: f, notify.Push: f}
	}
	if out[notify.Push] != nil {
		s.pushKey = gateway.NewPushKeys(s.keys).Public
	}
	c, err := notify.NewCourier(notify.Wiring{
		Outbox: s.outbox, Ledger: s.ledger, Rules: notify.RulesOf(s.programme), Gateways: out,
		Describe: s.walk.Facts(s.url + "/bookings"), Invited: s.walk.Invitation(s.url), Near: s.walk.NearTurn(s.url),
		Helpers: s.walk.Helpers, Leftover: s.walk.LeftoverOffered(s.url + "/leftovers"), Alarm: s.describeAlarm, From: s.walk.Followed(), Clock: clock.System, Log: s.log,
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
