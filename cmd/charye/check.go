package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"charye/check"
	"charye/internal/chain"
	"charye/internal/durable"
	"charye/internal/seal"
	"charye/internal/telemetry"
	"charye/line"
	"charye/programme"
	"charye/site"
	custodysqlite "charye/supply/epcis/sqlite"
	"charye/supply/order"
	supplysqlite "charye/supply/sqlite"
	"charye/supply/trace"
)

type checkCmd struct {
	Data     string   `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; with --postgres it only holds keys and programme."`
	Chain    []string `placeholder:"N:HASH" help:"A chain that an earlier check printed and that was kept elsewhere: what happened up to event N must be what it was then. May be repeated."`
	Requests []string `name:"chain-requests" placeholder:"N:HASH" help:"The same of the requests that two people decide on."`
	Rooms    []string `name:"chain-of" placeholder:"ROOM=N:HASH" help:"The same of what happened to sites, people, messages, leftovers, verdicts or supply (departures that were settled, tables of GLNs), as a check prints it."`
	Engines  engines  `embed:""`
}

// chains are chains that were kept elsewhere.
type chains struct {
	bookings, requests []chain.Noted
	rooms              map[string][]chain.Noted
}

// errBrokenPromise ends a check that found something; the lines above name it.
var errBrokenPromise = errors.New("a promise is broken; the lines above name it")

// Run re-reads everything and says what it proved and what is wrong.
func (c checkCmd) Run(ctx context.Context, std streams) error {
	var noted chains
	for _, of := range []struct {
		flag  string
		texts []string
		to    *[]chain.Noted
	}{{"--chain", c.Chain, &noted.bookings}, {"--chain-requests", c.Requests, &noted.requests}} {
		for _, text := range of.texts {
			n, err := chain.ParseNoted(text)
			if err != nil {
				return &usageError{msg: of.flag + ": " + err.Error()}
			}
			*of.to = append(*of.to, n)
		}
	}
	var err error
	if noted.rooms, err = notedRooms(c.Rooms); err != nil {
		return err
	}
	r, err := checkInstallation(ctx, c.Data, c.Engines, noted, std.err)
	if r != nil {
		err = errors.Join(err, r.WriteText(std.out))
	}
	if err == nil && !r.OK() {
		err = errBrokenPromise
	}
	return err
}

// checkInstallation checks a directory that is not served, or a cluster at rest.
func checkInstallation(ctx context.Context, data string, e engines, noted chains, progress io.Writer) (r *check.Report, err error) {
	shared, err := e.shared()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(data); err != nil {
		return nil, fmt.Errorf("there is no data directory %s", data)
	}
	dir, err := durable.OpenDir(data)
	if err != nil {
		return nil, err
	}
	if !shared {
		if err := dir.Lock(); err != nil {
			return nil, fmt.Errorf("%w; stop the server first: what changes while it is read looks broken", err)
		}
		defer func() { err = errors.Join(err, dir.Unlock()) }()
	}
	p, err := servedProgramme(dir)
	if err != nil {
		return nil, err
	}
	keys, err := openKeys(dir)
	if err != nil {
		return nil, err
	}
	if err := rightPlace(dir, e.Postgres); err != nil {
		return nil, err
	}
	return prove(ctx, dir, e, p, keys, noted, telemetry.NewLogger(progress, slog.LevelError), progress)
}

// prove opens everything that an installation keeps and checks it.
func prove(ctx context.Context, dir *durable.Dir, e engines, p *programme.Programme, keys *seal.Keys, noted chains, log *slog.Logger, progress io.Writer) (r *check.Report, err error) {
	s, closers, err := openStores(ctx, dir, e, p, keys, log)
	defer func() {
		for i := len(closers) - 1; i >= 0; i-- {
			err = errors.Join(err, closers[i]())
		}
	}()
	if err != nil {
		return nil, err
	}
	auditor, ok := s.line.(line.Auditor)
	if !ok {
		return nil, errors.New("this line's engine cannot be checked")
	}
	say := func(string) {}
	if f, ok := progress.(*os.File); ok && isTerminal(f) {
		say = func(what string) { _, _ = fmt.Fprintf(f, "\rreading %-60s", what) }
		defer func() { _, _ = fmt.Fprint(f, "\r\x1b[K") }()
	}
	room, closeRoom, err := openSupply(ctx, dir, e.Postgres, p, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeRoom()) }()
	histories, closeVerdicts, err := openHistories(ctx, dir, e.Postgres, s, noted.rooms)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeVerdicts()) }()
	return check.Run(ctx, check.Input{Programme: p, Ledger: s.ledger, Line: auditor, Noted: noted.bookings, Supply: room, Requests: s.approvals, NotedRequests: noted.requests,
		Histories: histories, Progress: say})
}

func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// openSupply reads the supply room for a check; nil where there is none.
func openSupply(ctx context.Context, dir *durable.Dir, postgres string, p *programme.Programme, s stores) (room *check.Supply, closing func() error, err error) {
	none := func() error { return nil }
	if list, _ := order.Products(p); len(list) == 0 || postgres == "" && !custodysqlite.There(dir.Path()) && !supplysqlite.There(dir.Path()) {
		return nil, none, nil
	}
	all, err := s.sites.All(ctx)
	if err != nil {
		return nil, none, err
	}
	sites := site.NewIndex(all)
	v, err := openVerdicts(ctx, dir, postgres)
	if err != nil {
		return nil, none, err
	}
	defer func() {
		if room == nil {
			err = errors.Join(err, v.Close())
		}
	}()
	glns, err := loadGLNs(ctx, dir, v, sites)
	if err != nil {
		return nil, none, err
	}
	events, err := openCustody(ctx, dir, postgres)
	if err != nil {
		return nil, none, err
	}
	in := trace.NewReader() // of the log itself: what commands have kept of it proves nothing
	if err := errors.Join(in.Follow(ctx, events), events.Close()); err != nil {
		return nil, none, err
	}
	who, err := order.Who(ctx, s.ledger)
	if err != nil {
		return nil, none, err
	}
	t, err := in.Build(traceRules(p, sites, glns, who))
	if err != nil {
		return nil, none, err
	}
	return &check.Supply{Trace: t, Verdicts: v, Journal: v, Sites: sites}, v.Close, nil
}
