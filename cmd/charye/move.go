package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	approvalpostgres "charye/approval/postgres"
	approvalsqlite "charye/approval/sqlite"
	bookingpostgres "charye/booking/postgres"
	bookingsqlite "charye/booking/sqlite"
	"charye/check"
	"charye/internal/chain"
	"charye/internal/durable"
	"charye/internal/pgdb"
	"charye/internal/seal"
	"charye/internal/telemetry"
	leftoverpostgres "charye/leftover/postgres"
	leftoversqlite "charye/leftover/sqlite"
	linepostgres "charye/line/postgres"
	linesqlite "charye/line/sqlite"
	linevalkey "charye/line/valkey"
	notifypostgres "charye/notify/postgres"
	notifysqlite "charye/notify/sqlite"
	personpostgres "charye/person/postgres"
	personsqlite "charye/person/sqlite"
	"charye/programme"
	sitepostgres "charye/site/postgres"
	sitesqlite "charye/site/sqlite"
	custodypostgres "charye/supply/epcis/postgres"
	custodysqlite "charye/supply/epcis/sqlite"
	supplypostgres "charye/supply/postgres"
	supplysqlite "charye/supply/sqlite"
)

type moveCmd struct {
	From string  `required:"" placeholder:"DIR" help:"The data directory of the installation that moves; it must not be served meanwhile."`
	To   engines `embed:"" prefix:"to-"`
}

// Run moves an installation of one machine into a cluster: it proves the promises of what it finds, copies it room by room,
// and proves them again where it arrived. Each room arrives whole or not at all, so that a move which was interrupted goes on
// with the first room that has not arrived.
func (c moveCmd) Run(ctx context.Context, std streams) (err error) {
	if c.To.Postgres == "" || len(c.To.Valkey) == 0 {
		return &usageError{msg: "say where to: --to-postgres URL and --to-valkey ADDR,… go together"}
	}
	dir, err := durable.ExistingDir(c.From)
	if err != nil {
		return err
	}
	if err := dir.Lock(); err != nil {
		return fmt.Errorf("%w; stop the server first: nobody may join or book while it moves", err)
	}
	defer func() { err = errors.Join(err, dir.Unlock()) }()
	p, err := servedProgramme(dir)
	if err != nil {
		return err
	}
	if err := protectedPostgres(c.To.Postgres, p.Trial); err != nil {
		return err
	}
	keys, err := openKeys(dir)
	if err != nil {
		return err
	}
	m, begun, err := readMoved(dir)
	if err != nil {
		return err
	}
	if begun && !m.Done.IsZero() {
		return fmt.Errorf("data directory %s has moved already, at %s", dir.Path(), m.Done.Format(time.RFC3339))
	}
	log := telemetry.NewLogger(std.err, slog.LevelError)
	before, err := proven(ctx, dir, engines{}, p, keys, chains{}, log, std.err)
	if err != nil {
		return fmt.Errorf("before the move: %w", err)
	}
	if !begun {
		if m, err = beginMove(dir); err != nil {
			return err
		}
	}
	mv := mover{dir: dir, to: c.To, id: m.ID, programme: p, keys: keys, log: log, out: std.out}
	switch arrived, err := mv.rooms(ctx); {
	case errors.Is(err, pgdb.ErrNotEmpty) && arrived == 0 && !begun: // a wrong target; nothing of it is anywhere
		return errors.Join(fmt.Errorf("%w; name another database: nothing was moved", err), os.Remove(dir.File(movedFile)))
	case err != nil:
		return fmt.Errorf("%w; nothing is lost: %s is as it was, and the same command goes on where this one ended", err, dir.Path())
	}
	after, err := proven(ctx, dir, c.To, p, keys, chains{bookings: []chain.Noted{before.Chain}, requests: []chain.Noted{before.Requests}}, log, std.err)
	if err != nil {
		return fmt.Errorf("after the move: %w", err)
	}
	if err := same(before, after); err != nil {
		return fmt.Errorf("after the move: %w", err)
	}
	if err := after.WriteText(std.out); err != nil {
		return err
	}
	m.Done = time.Now().UTC()
	if err := m.write(dir); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "moved; serve it with `charye serve --data %s --postgres … --valkey …` on any number of nodes\n", dir.Path())
	return err
}

// proven checks an installation and refuses one with a broken promise.
func proven(ctx context.Context, dir *durable.Dir, e engines, p *programme.Programme, keys *seal.Keys, noted chains, log *slog.Logger, progress io.Writer) (*check.Report, error) {
	r, err := prove(ctx, dir, e, p, keys, noted, log, progress)
	if err == nil && !r.OK() {
		err = errors.Join(r.WriteText(progress), errBrokenPromise)
	}
	return r, err
}

// same compares what was proved before and after a move. Passes stay behind: people inside ask for new ones.
func same(before, after *check.Report) error {
	rest := func(r *check.Report) []check.Line {
		return slices.DeleteFunc(slices.Clone(r.Proved), func(l check.Line) bool { return l.Passes })
	}
	a, b := rest(before), rest(after)
	if len(a) != len(b) {
		return fmt.Errorf("%d things were proved here and %d there", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			return fmt.Errorf("here are %d %s, there %d %s", a[i].Count, a[i].What, b[i].Count, b[i].What)
		}
	}
	return nil
}

// mover copies room by room.
type mover struct {
	dir       *durable.Dir
	to        engines
	id        string
	programme *programme.Programme
	keys      *seal.Keys
	log       *slog.Logger
	out       io.Writer
}

// rooms moves room by room and gives how many are there, also with an error.
func (m mover) rooms(ctx context.Context) (arrived int, err error) {
	for _, room := range []struct {
		name string
		move func(context.Context) (done bool, err error)
	}{
		{"sites", m.sites}, {"people", m.people}, {"messages", m.messages}, {"custody", m.custody}, {"verdicts", m.verdicts}, {"bookings", m.bookings}, {"leftovers", m.leftovers}, {"approvals", m.approvals}, {"lines", m.lines},
	} {
		if room.name == "custody" && !custodysqlite.There(m.dir.Path()) {
			continue // nobody was let in to tell of it
		}
		if room.name == "verdicts" && !supplysqlite.There(m.dir.Path()) && !hasFile(m.dir, glnFile) {
			continue
		}
		start := time.Now()
		done, err := room.move(ctx)
		if err != nil {
			return arrived, fmt.Errorf("moving %s: %w", room.name, err)
		}
		arrived++
		said := fmt.Sprintf("moved in %v", time.Since(start).Round(time.Millisecond))
		if done {
			said = "there already, from an earlier try"
		}
		if _, err := fmt.Fprintf(m.out, "%-10s %s\n", room.name, said); err != nil {
			return arrived, err
		}
	}
	return arrived, nil
}

// across opens a room at both ends, moves it, and closes both.
func across[F, T interface{ Close() error }](from func() (F, error), to func() (T, error), move func(F, T) (bool, error)) (done bool, err error) {
	f, err := from()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	t, err := to()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return move(f, t)
}

func (m mover) sites(ctx context.Context) (bool, error) {
	return across(
		func() (*sitesqlite.Store, error) { return sitesqlite.Open(ctx, m.dir.Path()) },
		func() (*sitepostgres.Store, error) { return sitepostgres.Open(ctx, m.to.Postgres) },
		func(f *sitesqlite.Store, t *sitepostgres.Store) (bool, error) { return t.Fill(ctx, m.id, f) })
}

func (m mover) people(ctx context.Context) (bool, error) {
	return across(
		func() (*personsqlite.Store, error) { return personsqlite.Open(ctx, m.dir.Path(), m.keys) },
		func() (*personpostgres.Store, error) { return personpostgres.Open(ctx, m.to.Postgres, m.keys) },
		func(f *personsqlite.Store, t *personpostgres.Store) (bool, error) { return t.Fill(ctx, m.id, f) })
}

func (m mover) messages(ctx context.Context) (bool, error) {
	return across(
		func() (*notifysqlite.Outbox, error) { return notifysqlite.Open(ctx, m.dir.Path(), m.keys) },
		func() (*notifypostgres.Outbox, error) { return notifypostgres.Open(ctx, m.to.Postgres, m.keys) },
		func(f *notifysqlite.Outbox, t *notifypostgres.Outbox) (bool, error) { return t.Fill(ctx, m.id, f) })
}

func (m mover) custody(ctx context.Context) (bool, error) {
	return across(
		func() (*custodysqlite.Store, error) { return custodysqlite.Open(ctx, m.dir.Path()) },
		func() (*custodypostgres.Store, error) { return custodypostgres.Open(ctx, m.to.Postgres) },
		func(f *custodysqlite.Store, t *custodypostgres.Store) (bool, error) { return t.Fill(ctx, m.id, f) })
}

func (m mover) verdicts(ctx context.Context) (bool, error) {
	return across(
		func() (*supplysqlite.Store, error) { return supplysqlite.Open(ctx, m.dir.Path()) },
		func() (*supplypostgres.Store, error) { return supplypostgres.Open(ctx, m.to.Postgres) },
		func(f *supplysqlite.Store, t *supplypostgres.Store) (bool, error) {
			if err := takeOverGLNs(ctx, m.dir, f, func(text string) { _, _ = fmt.Fprintln(m.out, text) }); err != nil {
				return false, err
			}
			return t.Fill(ctx, m.id, f)
		})
}

func (m mover) bookings(ctx context.Context) (bool, error) {
	return across(
		func() (*bookingsqlite.Ledger, error) { return bookingsqlite.Open(ctx, m.dir.Path()) },
		func() (*bookingpostgres.Ledger, error) { return bookingpostgres.Open(ctx, m.to.Postgres) },
		func(f *bookingsqlite.Ledger, t *bookingpostgres.Ledger) (bool, error) { return t.Fill(ctx, m.id, f) })
}

func (m mover) leftovers(ctx context.Context) (bool, error) {
	return across(
		func() (*leftoversqlite.Store, error) { return leftoversqlite.Open(ctx, m.dir.Path()) },
		func() (*leftoverpostgres.Store, error) { return leftoverpostgres.Open(ctx, m.to.Postgres) },
		func(f *leftoversqlite.Store, t *leftoverpostgres.Store) (bool, error) { return t.Fill(ctx, m.id, f) })
}

func (m mover) approvals(ctx context.Context) (bool, error) {
	return across(
		func() (*approvalsqlite.Store, error) { return approvalsqlite.Open(ctx, m.dir.Path()) },
		func() (*approvalpostgres.Store, error) { return approvalpostgres.Open(ctx, m.to.Postgres) },
		func(f *approvalsqlite.Store, t *approvalpostgres.Store) (bool, error) { return t.Fill(ctx, m.id, f) })
}

// lines makes the records that the line's store fills itself from when it is first opened with them.
func (m mover) lines(ctx context.Context) (bool, error) {
	var campaigns []uint32
	for i := range m.programme.Campaigns {
		campaigns = append(campaigns, m.programme.Campaigns[i].Num)
	}
	return across(
		func() (*linesqlite.Line, error) { return openEmbeddedLine(ctx, m.dir, m.programme, m.keys, m.log) },
		func() (*linepostgres.Records, error) { return linepostgres.Open(ctx, m.to.Postgres) },
		func(f *linesqlite.Line, t *linepostgres.Records) (bool, error) {
			return t.Fill(ctx, m.id, f, campaigns, linevalkey.Buckets)
		})
}
