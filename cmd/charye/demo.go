package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"charye/internal/civil"
	"charye/internal/telemetry"
	"charye/person"
	"charye/rush"
	"charye/site"

	"golang.org/x/sync/errgroup"
)

// demoProgramme is a national programme that opens within a minute.
//
//go:embed demo.yaml
var demoProgramme []byte

type demoCmd struct {
	Listen string `default:":8080" placeholder:"ADDR" help:"Address to listen on, ${default} by default."`
	People int    `default:"4000" placeholder:"N" help:"Size of the simulated crowd around you, ${default} by default; 0 for nobody."`
	Data   string `placeholder:"DIR" help:"Keep the demo in this directory instead of a temporary one."`
}

// Run serves the demo and brings the crowd, until the context ends.
func (c demoCmd) Run(ctx context.Context, std streams) error {
	tmp, err := os.MkdirTemp("", "charye-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	file := filepath.Join(tmp, "demo.yaml")
	if err := os.WriteFile(file, demoProgramme, 0o600); err != nil {
		return err
	}
	data := c.Data
	if data == "" {
		data = filepath.Join(tmp, "data")
	}
	s, err := openServer(ctx, serveCmd{Programme: file, Data: data, Listen: c.Listen}, telemetry.NewLogger(std.err, slog.LevelWarn))
	if err != nil {
		return err
	}
	helped, err := c.furnish(ctx, s)
	if err != nil {
		return errors.Join(err, s.close())
	}
	campaign := s.programme.Campaigns[0]
	_, _ = fmt.Fprintf(std.out, `
  Charye 차례 demo: everything is made up, and gone when you stop it (Ctrl-C).

  Pages    %[1]s/            한국어, English at the top of each page
  Staff    %[1]s/desk        the call desk and the local office: sign in with any name, and choose roles
  Supply   %[1]s/supply      boxes and their temperatures, with one alarm: sign in there with the role logistics; a second one agrees.
                         When the crowd has booked, /supply/deliveries says which boxes have to go where, and settles them
  API      %[1]s/api/v1/campaigns      contract: %[1]s/api/openapi.yaml
  Metrics  %[1]s/metrics

  The campaign %[2]q %[3]s, with %[4]d simulated people around you.
  Sign in with any name and a date of birth from %[5]s to %[6]s.
  To help somebody else, give any name, born %[7]s, identity number %[8]s; the same for a caller at the desk.

`, s.url, campaign.Name.In("en"), opening(campaign.Opens.In(s.programme.Zone), time.Now()), c.People, campaign.Born.From, campaign.Born.To, helped.born, helped.identity)

	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.run(gctx) })
	if c.People > 0 {
		g.Go(func() error {
			if err := c.crowd(gctx, s, data); err != nil && gctx.Err() == nil {
				_, _ = fmt.Fprintf(std.err, "charye: the simulated crowd stopped: %s\n", oneLine(err))
			}
			return nil
		})
	}
	return g.Wait()
}

// opening says when a campaign opens; kept data may be from a demo of yesterday.
func opening(opens, now time.Time) string {
	if left := opens.Sub(now); left > 0 {
		return fmt.Sprintf("opens at %s, %d seconds from now", opens.Format(time.TimeOnly), int(left.Seconds()))
	}
	return "opened at " + opens.Format(time.DateTime)
}

// demoHelped is somebody a visitor of the demo may help.
type demoHelped struct {
	identity string
	born     civil.Date
}

// demoHelpedFrom is the number of the first made-up person that stays out of the crowd, for visitors to help.
const demoHelpedFrom = 9_000_001

// furnish puts sites and a small roster into the demo.
func (c demoCmd) furnish(ctx context.Context, s *server) (demoHelped, error) {
	if _, _, err := s.sites.Put(ctx, site.Demo(), time.Now()); err != nil {
		return demoHelped{}, err
	}
	born := bornFor(&s.programme.Campaigns[0])
	rows := trialRoster(person.NewKeyer(s.keys), demoHelpedFrom, 10, born)
	if err := furnishSupply(ctx, s); err != nil {
		return demoHelped{}, err
	}
	if _, err := s.people.ReplaceRoster(ctx, "residents", rows, time.Now()); err != nil {
		return demoHelped{}, err
	}
	return demoHelped{identity: person.Trial(demoHelpedFrom).Identity, born: born}, nil
}

func (c demoCmd) crowd(ctx context.Context, s *server, data string) error {
	m, err := openMint(data)
	if err != nil {
		return err
	}
	scenario, err := rush.Named("small")
	if err != nil {
		return err
	}
	cfg, err := crowdConfig(ctx, m, &m.programme.Campaigns[0], scenario.People(c.People), "")
	if err != nil {
		return err
	}
	cfg.Targets, cfg.Shared = []string{s.url}, true
	_, err = rush.Run(ctx, cfg)
	return err
}
