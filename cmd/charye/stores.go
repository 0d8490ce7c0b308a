package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"charye/approval"
	approvalpostgres "charye/approval/postgres"
	approvalsqlite "charye/approval/sqlite"
	"charye/booking"
	bookingpostgres "charye/booking/postgres"
	bookingsqlite "charye/booking/sqlite"
	"charye/internal/clock"
	"charye/internal/durable"
	"charye/internal/seal"
	"charye/leftover"
	"charye/line"
	linepostgres "charye/line/postgres"
	linesqlite "charye/line/sqlite"
	linevalkey "charye/line/valkey"
	"charye/notify"
	"charye/person"
	personpostgres "charye/person/postgres"
	personsqlite "charye/person/sqlite"
	"charye/programme"
	"charye/site"
	sitepostgres "charye/site/postgres"
	sitesqlite "charye/site/sqlite"
	custody "charye/supply/epcis"
)

// engines says where things are kept: in the data directory, or in servers that any number of nodes share.
type engines struct {
	Postgres string   `env:"CHARYE_POSTGRES" placeholder:"URL" help:"Keep bookings, people and sites in PostgreSQL, for any number of nodes; goes with --valkey. With a password in it, set CHARYE_POSTGRES instead."`
	Valkey   []string `env:"CHARYE_VALKEY" placeholder:"ADDR,…" help:"Keep the line in Valkey or Redis, single or Cluster; goes with --postgres. Also CHARYE_VALKEY."`

	ValkeyUser         string `placeholder:"NAME" help:"User at the line's store."`
	ValkeyPasswordFile string `placeholder:"FILE" help:"File with the password there."`
	ValkeyCA           string `name:"valkey-ca" placeholder:"FILE" help:"Speak TLS with the line's store; its certificates are signed by those in this file (PEM)."`
	ValkeyReplicas     int    `placeholder:"N" help:"How many replicas must have a place, a pass or an admission before it counts; 0 by default. Give a master more replicas than that."`
}

// guard gives the line's store its credentials.
func (e engines) guard(o *linevalkey.Options) error {
	o.Username, o.Replicas = e.ValkeyUser, e.ValkeyReplicas
	if e.ValkeyPasswordFile != "" {
		b, err := os.ReadFile(e.ValkeyPasswordFile)
		if err != nil {
			return fmt.Errorf("--valkey-password-file: %w", err)
		}
		o.Password = strings.TrimSpace(string(b))
	}
	if e.ValkeyCA != "" {
		b, err := os.ReadFile(e.ValkeyCA)
		if err != nil {
			return fmt.Errorf("--valkey-ca: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(b) {
			return fmt.Errorf("--valkey-ca: %s has no certificate in PEM form", e.ValkeyCA)
		}
		o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return nil
}

// shared reports whether the engines are those of many nodes; one of the two alone is a wrong use.
func (e engines) shared() (bool, error) {
	if (e.Postgres == "") != (len(e.Valkey) == 0) {
		return false, &usageError{msg: "--postgres and --valkey go together: a node that shares one and not the other is no cluster"}
	}
	return e.Postgres != "", nil
}

// stores are the opened engines of a server.
type stores struct {
	sites  site.Store
	people person.Store
	ledger booking.Ledger
	outbox notify.Outbox
	line   line.Line

	custody   custody.Store // nil: none is asked for
	leftovers leftover.Store
	approvals approval.Store
	verdicts  verdictStore // nil: there is no supply room

	closeLine                   func() error
	joinsWaiting, passesWaiting func() int
}

// openSites opens the sites of PostgreSQL when url is given, else those of the data directory.
func openSites(ctx context.Context, dir *durable.Dir, url string) (site.Store, error) {
	if url != "" {
		return sitepostgres.Open(ctx, url)
	}
	return sitesqlite.Open(ctx, dir.Path())
}

// openPeople opens the people of PostgreSQL when url is given, else those of the data directory.
func openPeople(ctx context.Context, dir *durable.Dir, url string, keys *seal.Keys) (person.Store, error) {
	if url != "" {
		return personpostgres.Open(ctx, url, keys)
	}
	return personsqlite.Open(ctx, dir.Path(), keys)
}

// openLedger opens the bookings of a data directory, or of a cluster where a PostgreSQL is named.
func openLedger(ctx context.Context, dir *durable.Dir, postgres string) (booking.Ledger, error) {
	if postgres == "" {
		return bookingsqlite.Open(ctx, dir.Path())
	}
	l, err := bookingpostgres.Open(ctx, postgres)
	if err != nil {
		return nil, err
	}
	l.MaxSkew(maxSkew)
	return l, nil
}

// openApprovals opens the requests of PostgreSQL when url is given, else those of the data directory.
func openApprovals(ctx context.Context, dir *durable.Dir, url string) (approval.Store, error) {
	if url != "" {
		return approvalpostgres.Open(ctx, url)
	}
	return approvalsqlite.Open(ctx, dir.Path())
}

// reads is how many may read from each store at once so that one connection is left for whoever books.
func (e engines) reads() int {
	if e.Postgres == "" {
		return durable.Readers - 1
	}
	return max(4, runtime.NumCPU()) - 1 // pgx's pools, unless the URL asks for more
}

// openStores opens everything a server keeps; closers undo it, last first, also after an error.
func openStores(ctx context.Context, dir *durable.Dir, e engines, p *programme.Programme, keys *seal.Keys, log *slog.Logger) (s stores, closers []func() error, err error) {
	if s.sites, err = openSites(ctx, dir, e.Postgres); err != nil {
		return s, closers, err
	}
	closers = append(closers, s.sites.Close)
	if s.people, err = openPeople(ctx, dir, e.Postgres, keys); err != nil {
		return s, closers, err
	}
	closers = append(closers, s.people.Close)
	if s.ledger, err = openLedger(ctx, dir, e.Postgres); err != nil {
		return s, closers, err
	}
	closers = append(closers, s.ledger.Close)
	if s.outbox, err = openOutbox(ctx, dir, e.Postgres, keys); err != nil {
		return s, closers, err
	}
	closers = append(closers, s.outbox.Close)
	if s.leftovers, err = openLeftovers(ctx, dir, e.Postgres); err != nil {
		return s, closers, err
	}
	closers = append(closers, s.leftovers.Close)
	if s.approvals, err = openApprovals(ctx, dir, e.Postgres); err != nil {
		return s, closers, err
	}
	closers = append(closers, s.approvals.Close)
	if err = s.openLine(ctx, dir, e, p, keys, log); err != nil {
		return s, closers, err
	}
	return s, append(closers, s.closeLine), nil
}

func openEmbeddedLine(ctx context.Context, dir *durable.Dir, p *programme.Programme, keys *seal.Keys, log *slog.Logger) (*linesqlite.Line, error) {
	return linesqlite.Open(ctx, dir.Path(), lineConfigs(p), linesqlite.Options{Clock: clock.System, Pseudonyms: line.NewPseudonyms(keys), Logger: log})
}

func (s *stores) openLine(ctx context.Context, dir *durable.Dir, e engines, p *programme.Programme, keys *seal.Keys, log *slog.Logger) error {
	if len(e.Valkey) == 0 {
		l, err := openEmbeddedLine(ctx, dir, p, keys, log)
		if err != nil {
			return err
		}
		s.line, s.closeLine = l, l.Close
		s.joinsWaiting = func() int { return l.Stats().JoinsWaiting }
		s.passesWaiting = func() int { return l.Stats().PassesWaiting }
		return nil
	}
	records, err := linepostgres.Open(ctx, e.Postgres)
	if err != nil {
		return err
	}
	o := linevalkey.Options{Addresses: e.Valkey, Clock: clock.System, Pseudonyms: line.NewPseudonyms(keys), Logger: log, Skew: maxSkew, Records: records}
	if err := e.guard(&o); err != nil {
		return errors.Join(err, records.Close())
	}
	l, err := linevalkey.Open(ctx, lineConfigs(p), o)
	if err != nil {
		return errors.Join(err, records.Close())
	}
	s.closeLine = func() error { return errors.Join(l.Close(), records.Close()) }
	s.line = l
	s.joinsWaiting = func() int { return l.Stats().JoinsWaiting }
	s.passesWaiting = func() int { return l.Stats().PassesWaiting }
	return nil
}

// maxSkew is how far a node's clock may be from that of the stores before the node refuses to go by it.
const maxSkew = 10 * time.Second
