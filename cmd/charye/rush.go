package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"charye/check"
	"charye/internal/civil"
	"charye/internal/durable"
	"charye/person"
	"charye/programme"
	"charye/rush"
	"charye/site"
)

type rushCmd struct {
	Target   []string      `placeholder:"URL" help:"A running server on this machine that serves a trial programme; needs --data. Once for each node: the crowd spreads over them, and goes to the others when one is gone."`
	Data     string        `placeholder:"DIR" help:"The data directory of that server; with --embedded, where to keep its data."`
	Postgres string        `env:"CHARYE_POSTGRES" placeholder:"URL" help:"With --target: the PostgreSQL of that server, when it keeps people there."`
	Embedded bool          `help:"Start a server for the scenario, and stop it afterwards."`
	Sites    []string      `placeholder:"FORMAT=FILE" help:"With --embedded: sites to import first (see import sites); made-up ones otherwise."`
	Campaign string        `placeholder:"ID" help:"The campaign; the first one by default."`
	Scenario string        `default:"small" help:"small, or 2021-07-12: the evening that broke the system of 2021."`
	Scale    float64       `default:"1" help:"Size of the crowd, of the doses and of everything else; 1 is the scenario's own."`
	People   int           `placeholder:"N" help:"Eligible people; instead of --scale."`
	Within   time.Duration `default:"15m" help:"How long the crowd may take; ${default} by default. Whoever is not done by then makes it incomplete."`
	Cheats   float64       `default:"-1" placeholder:"SHARE" help:"Share of eligible people who try to get around the line, such as 0.2; the scenario's own by default."`
	Delivery int           `placeholder:"N" help:"Doses that come when it is over: they go to those who stand by, in the order of the line."`
	JSON     string        `name:"json" placeholder:"FILE" help:"Write the report as JSON."`
	HTML     string        `name:"html" placeholder:"FILE" help:"Write the report as one HTML page with charts."`
	Seed     uint64        `default:"1" help:"The same seed gives the same crowd."`
}

// errBroken ends a rush that found an invariant broken; the report has said which.
var errBroken = errors.New("a promise was broken; the report above names it")

// Run brings the crowd and prints the report.
func (c rushCmd) Run(ctx context.Context, out streams) error {
	if c.Embedded == (len(c.Target) > 0) {
		return &usageError{msg: "want exactly one of --target URL and --embedded"}
	}
	if len(c.Target) > 0 && c.Data == "" {
		return &usageError{msg: "--target needs --data: the server's key file signs the crowd's sessions"}
	}
	if len(c.Sites) > 0 && !c.Embedded {
		return &usageError{msg: "--sites goes with --embedded; for a running server use `charye import sites`"}
	}
	scenario, err := rush.Named(c.Scenario)
	if err != nil {
		return &usageError{msg: "--scenario: " + err.Error()}
	}
	scale := c.Scale
	if c.People > 0 {
		scale = float64(c.People) / float64(scenario.Eligible)
	}
	if c.People < 0 || !(scale > 0) || scale > 1 && scenario.Eligible > 1_000_000 {
		return &usageError{msg: "--scale, --people: want more than 0 and at most the country's size"}
	}
	switch {
	case c.Cheats == -1:
	case !(c.Cheats >= 0 && c.Cheats <= 0.5):
		return &usageError{msg: "--cheats: want a share from 0 to 0.5"}
	default:
		scenario.Cheats = c.Cheats
	}
	if c.Within <= 0 {
		return &usageError{msg: "--within: want a time such as 15m"}
	}
	if c.Delivery < 0 {
		return &usageError{msg: "--delivery: want a number of doses"}
	}
	scenario.Invitations = c.Delivery > 0
	pid := 0
	stop := func() {}
	if c.Embedded {
		c.Postgres = "" // whatever the environment says
		end, clean, err := c.embed(ctx, out, scenario.Programme(scale), &pid)
		if err != nil {
			return err
		}
		stop = sync.OnceFunc(end)
		defer func() {
			stop()
			clean()
		}()
	}
	m, err := openMint(c.Data)
	if err != nil {
		return err
	}
	campaign, err := m.campaign(c.Campaign)
	if err != nil {
		return err
	}
	cfg, err := crowdConfig(ctx, m, campaign, scenario.Scaled(scale), c.Postgres)
	if err != nil {
		return err
	}
	cfg.Scenario.Invitations = campaign.InviteFor > 0
	if cfg.Delivery = c.Delivery; c.Delivery > 0 {
		if campaign.InviteFor == 0 {
			return &usageError{msg: "--delivery: campaign " + campaign.ID + " has no invitations in its programme"}
		}
		cfg.Deliver = c.deliver(campaign.ID)
	}
	cfg.Targets, cfg.PID, cfg.Seed, cfg.Progress, cfg.MaxDuration = c.Target, pid, c.Seed, out.err, c.Within
	report, err := rush.Run(ctx, cfg)
	var proof *check.Report
	if c.Embedded && err == nil {
		stop()
		if proof, err = checkInstallation(ctx, c.Data, engines{}, chains{}, out.err); proof != nil {
			if !proof.OK() {
				report.Violations = append(report.Violations, rush.Violation{Kind: "check", Count: int64(len(proof.Findings)), Examples: proof.Findings[:min(3, len(proof.Findings))]})
			}
		}
	}
	if report != nil {
		err = errors.Join(err, c.write(out, report))
	}
	if proof != nil {
		_, werr := fmt.Fprintln(out.out, "\nThe data directory, read again after the server had stopped:")
		err = errors.Join(err, werr, proof.WriteText(out.out))
	}
	if err != nil {
		return err
	}
	if !report.OK() {
		return errBroken
	}
	return nil
}

// deliver is `charye deliver`, as whoever is in charge of the stock does it beside the running server.
func (c rushCmd) deliver(campaign string) func(context.Context, int) error {
	return func(ctx context.Context, doses int) error {
		return deliverCmd{Data: c.Data, Postgres: c.Postgres, Campaign: campaign, Doses: doses}.Run(ctx, streams{out: io.Discard, err: io.Discard})
	}
}

func (c rushCmd) write(out streams, r *rush.Report) error {
	err := r.WriteText(out.out)
	for path, write := range map[string]func(io.Writer) error{c.JSON: r.WriteJSON, c.HTML: r.WriteHTML} {
		if path == "" {
			continue
		}
		f, ferr := os.Create(path)
		if ferr == nil {
			ferr = errors.Join(write(f), f.Close())
		}
		err = errors.Join(err, ferr)
	}
	return err
}

// crowdConfig gives the crowd its people: sessions signed with the server's keys, and a roster of people to be helped.
func crowdConfig(ctx context.Context, m *mint, c *programme.Campaign, s rush.Scenario, postgres string) (rush.Config, error) {
	born, outside := bornFor(c), bornOutside(c)
	cfg := rush.Config{
		Campaign: c.ID, Scenario: s,
		Session: func(n int, eligible bool) (string, string) {
			day := born
			if !eligible {
				day = outside
			}
			who, token, err := m.session(n, day)
			if err != nil {
				// Unreachable with keys that loaded; an empty session is refused by the server and shows in the report.
				return "", ""
			}
			return who.String(), token
		},
	}
	n := min(max(s.Eligible/100, 2), 50_000)
	for i := range n {
		t := person.Trial(recipientsFrom + i)
		cfg.Recipients = append(cfg.Recipients, rush.Recipient{Name: t.Name, Born: born.String(), Identity: t.Identity})
	}
	people, err := openPeople(ctx, m.dir, postgres, m.keys)
	if err != nil {
		return rush.Config{}, err
	}
	_, err = people.ReplaceRoster(ctx, "rush-recipients", trialRoster(m.keyer, recipientsFrom, n, born), time.Now())
	return cfg, errors.Join(err, people.Close())
}

// campaign finds a campaign of the directory's programme; without an id it is the first.
func (m *mint) campaign(id string) (*programme.Campaign, error) {
	if id == "" {
		return &m.programme.Campaigns[0], nil
	}
	c, ok := m.programme.Campaign(id)
	if !ok {
		return nil, &usageError{msg: "--campaign: the programme " + m.programme.ID + " has no campaign " + id}
	}
	return c, nil
}

// recipientsFrom is the number of the first made-up person who is helped; the crowd's own numbers are below.
const recipientsFrom = 20_000_001

// trialRoster is a roster of n made-up people.
func trialRoster(k *person.Keyer, from, n int, born civil.Date) func(func(person.Identity, error) bool) {
	return func(yield func(person.Identity, error) bool) {
		for i := from; i < from+n; i++ {
			t := person.Trial(i)
			if !yield(person.Identity{Key: k.Key(person.NamespaceCI, t.Subject), Index: k.IdentityIndex(t.Identity), Born: born}, nil) {
				return
			}
		}
	}
}

// embed starts this same program as a server for the scenario, in a process of its own so that its time and memory are
// its own. stop ends it gracefully,
// clean removes what it kept.
func (c *rushCmd) embed(ctx context.Context, out streams, programmeYAML []byte, pid *int) (stop, clean func(), err error) {
	tmp, err := os.MkdirTemp("", "charye-rush-")
	if err != nil {
		return nil, nil, err
	}
	clean = func() { _ = os.RemoveAll(tmp) }
	defer func() {
		if err != nil {
			clean()
		}
	}()
	if c.Data == "" {
		c.Data = filepath.Join(tmp, "data")
	}
	file := filepath.Join(tmp, "programme.yaml")
	if err := os.WriteFile(file, programmeYAML, 0o600); err != nil {
		return nil, nil, err
	}
	if err := c.importSites(ctx, out); err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(self, "serve", "--programme", file, "--data", c.Data, "--listen", "127.0.0.1:0")
	cmd.Stderr = out.err
	endWithParent(cmd)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	*pid = cmd.Process.Pid
	ended := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		ended()
		return nil, nil, fmt.Errorf("the embedded server did not start: %w", err)
	}
	fields := strings.Fields(line)
	c.Target = []string{fields[len(fields)-1]}
	return ended, clean, nil
}

func (c *rushCmd) importSites(ctx context.Context, out streams) error {
	if len(c.Sites) > 0 {
		for _, spec := range c.Sites {
			format, file, ok := strings.Cut(spec, "=")
			if !ok {
				return &usageError{msg: "--sites: want FORMAT=FILE"}
			}
			_, _ = fmt.Fprintf(out.err, "%s: ", file)
			one := importSitesCmd{Format: format, Data: c.Data, File: file}
			if err := one.Run(ctx, streams{out: out.err, err: out.err}); err != nil {
				return err
			}
		}
		return nil
	}
	dir, err := durable.OpenDir(c.Data)
	if err != nil {
		return err
	}
	store, err := openSites(ctx, dir, "")
	if err != nil {
		return err
	}
	_, _, err = store.Put(ctx, site.Demo(), time.Now())
	return errors.Join(err, store.Close())
}
