package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"charye/booking"
	"charye/internal/durable"
	"charye/internal/seal"
	"charye/keeping"
	"charye/notify"
	notifypostgres "charye/notify/postgres"
	notifysqlite "charye/notify/sqlite"
	"charye/programme"

	"golang.org/x/time/rate"
)

// whereKept says where people's data are kept.
type whereKept struct {
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; with --postgres it only holds keys and programme. It may be served meanwhile."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL of a cluster, whose nodes go on."`
}

// keepers is an installation opened for work on what it keeps.
type keepers struct {
	keyFile   string
	keys      *seal.Keys
	programme *programme.Programme
	rooms     keeping.Rooms
}

// with opens the rooms that keep people's data.
func (w whereKept) with(ctx context.Context, do func(keepers) error) (err error) {
	dir, err := durable.ExistingDir(w.Data)
	if err != nil {
		return err
	}
	if err := rightPlace(dir, w.Postgres); err != nil {
		return err
	}
	k := keepers{keyFile: dir.File(keyFile)}
	if k.programme, err = servedProgramme(dir); err != nil {
		return err
	}
	if k.keys, err = openKeys(dir); err != nil {
		return err
	}
	people, err := openPeople(ctx, dir, w.Postgres, k.keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, people.Close()) }()
	outbox, err := openOutbox(ctx, dir, w.Postgres, k.keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, outbox.Close()) }()
	l, err := openLedger(ctx, dir, w.Postgres)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	names, ok := l.(interface {
		booking.Ledger
		booking.NameKeeper
	})
	if !ok {
		return errors.New("this ledger's engine keeps no names over time")
	}
	lists, err := openLeftovers(ctx, dir, w.Postgres)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lists.Close()) }()
	k.rooms = keeping.Rooms{People: people, Outbox: outbox, Ledger: names, Leftovers: lists}
	return do(k)
}

// openOutbox opens the messages of a data directory, or of a cluster where a PostgreSQL is named.
func openOutbox(ctx context.Context, dir *durable.Dir, postgres string, keys *seal.Keys) (notify.Outbox, error) {
	if postgres != "" {
		return notifypostgres.Open(ctx, postgres, keys)
	}
	return notifysqlite.Open(ctx, dir.Path(), keys)
}

// paced lets work in the background touch so many rows in a second, and shows on a terminal how far it is. Without a rate it goes on
// as fast as it can.
func paced(perSecond int, std streams) (pace seal.Pace, end func()) {
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	limiter := rate.NewLimiter(limit, max(perSecond, 1))
	total, end := 0, func() {}
	t, shown := std.err.(*os.File)
	if shown = shown && isTerminal(t); shown {
		end = func() { _, _ = fmt.Fprint(t, "\r\x1b[K") }
	}
	return func(ctx context.Context, rows int) error {
		total += rows
		if shown {
			_, _ = fmt.Fprintf(t, "\r%d rows", total)
		}
		for rows > 0 {
			n := min(rows, limiter.Burst())
			if limit == rate.Inf {
				n = rows
			}
			if err := limiter.WaitN(ctx, n); err != nil {
				return err
			}
			rows -= n
		}
		return ctx.Err()
	}, end
}

// followEvery is how often a server looks at its key file.
const followEvery = 2 * time.Second
