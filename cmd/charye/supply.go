package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"charye/booking"
	"charye/internal/durable"
	"charye/programme"
	"charye/site"
	"charye/supply"
	custody "charye/supply/epcis"
	"charye/supply/journal"
	supplypostgres "charye/supply/postgres"
	supplysqlite "charye/supply/sqlite"
)

// supplyWhere says where the supply room is kept.
type supplyWhere struct {
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; also while it is served."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL of a cluster; the data directory then holds the programme."`
}

// supplyRoom is everything that the supply room is told from.
type supplyRoom struct {
	dir       *durable.Dir
	programme *programme.Programme
	sites     *site.Index
	glns      map[supply.GLN]site.Num
	custody   custody.Store
	verdicts  verdictStore
	ledger    booking.Ledger
	unkept    error // why what was read of custody could not be kept for the next command
	closers   []func() error
}

// verdictStore keeps verdicts, alarms, plans, what is under way, what was settled, and the table of GLNs.
type verdictStore interface {
	supply.Verdicts
	supply.Alarms
	supply.Tasks
	journal.Store
}

// openVerdicts opens the verdicts of PostgreSQL when url is given, else those of the data directory.
func openVerdicts(ctx context.Context, dir *durable.Dir, url string) (verdictStore, error) {
	if url != "" {
		return supplypostgres.Open(ctx, url)
	}
	return supplysqlite.Open(ctx, dir.Path())
}

// with opens the supply room, hands it over, and closes it.
func (w supplyWhere) with(ctx context.Context, do func(*supplyRoom) error) (err error) {
	dir, err := durable.ExistingDir(w.Data)
	if err != nil {
		return err
	}
	if err := rightPlace(dir, w.Postgres); err != nil {
		return err
	}
	p, err := servedProgramme(dir)
	if err != nil {
		return err
	}
	places, err := openSites(ctx, dir, w.Postgres)
	if err != nil {
		return err
	}
	all, err := places.All(ctx)
	if err := errors.Join(err, places.Close()); err != nil {
		return err
	}
	r := &supplyRoom{dir: dir, programme: p, sites: site.NewIndex(all)}
	defer func() {
		for _, c := range r.closers {
			err = errors.Join(err, c())
		}
	}()
	if r.custody, err = openCustody(ctx, dir, w.Postgres); err != nil {
		return err
	}
	r.closers = append(r.closers, r.custody.Close)
	if r.verdicts, err = openVerdicts(ctx, dir, w.Postgres); err != nil {
		return err
	}
	r.closers = append(r.closers, r.verdicts.Close)
	if err := takeOverGLNs(ctx, dir, r.verdicts, func(text string) { _, _ = fmt.Fprintln(os.Stderr, text) }); err != nil {
		return err
	}
	if r.glns, err = loadGLNs(ctx, dir, r.verdicts, r.sites); err != nil {
		return err
	}
	if r.ledger, err = openLedger(ctx, dir, w.Postgres); err != nil {
		return err
	}
	r.closers = append(r.closers, r.ledger.Close)
	return do(r)
}
