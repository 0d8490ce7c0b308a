package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"

	"charye/epcis"
	"charye/internal/clock"
	"charye/internal/durable"
	"charye/internal/load"
	"charye/internal/seal"
	"charye/internal/telemetry"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/supply/room"
	"charye/walk/manage"
	"charye/walk/whole"

	"golang.org/x/sync/errgroup"
)

type serveCmd struct {
	Programme string `required:"" placeholder:"FILE" help:"The programme file (YAML)."`
	Data      string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; made when absent."`
	Listen    string `default:"localhost:8080" placeholder:"ADDR" help:"Address to listen on, ${default} by default."`
	PublicURL string `placeholder:"URL" help:"The address people use, when it is not the one listened on (behind a proxy)."`
	Providers string `placeholder:"FILE" help:"Identity providers (YAML). A trial programme also has a made-up one."`
	TLSCert   string `placeholder:"FILE" help:"Certificate, to serve HTTPS here (HTTP/1.1 only: let an edge proxy speak HTTP/2)."`
	TLSKey    string `placeholder:"FILE" help:"Key of the certificate."`

	Messages string `placeholder:"FILE" help:"Ways to tell people of their bookings (YAML): a mail server, a text message service, push. A trial without it writes messages.ndjson into the data directory."`

	SupplyTokens string `placeholder:"FILE" help:"Take and give custody events (EPCIS 2.0) at /epcis/v2 for the parties in this file, see charye supply token. Without it there is no such interface."`

	AlarmTo []string `placeholder:"WAY:ADDRESS" help:"Tell of alarms of the supply room: mail:name@example.org or text:+82101234567, by the ways of --messages. May be repeated."`

	Engines engines `embed:""`

	TrustedProxy []netip.Prefix `placeholder:"NETWORK" help:"Networks of the proxies in front, such as 10.0.0.0/8: their X-Forwarded-For tells whom the rates are for."`

	Debug string `placeholder:"ADDR" help:"Serve Go's profiles here, for the engineers only: a loopback address."`
}

// Run serves until the context ends, then stops gracefully.
func (c serveCmd) Run(ctx context.Context, std streams) error {
	s, err := openServer(ctx, c, telemetry.NewLogger(std.err, slog.LevelInfo))
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(std.out, "charye serves %s on %s\n", s.programme.ID, s.url)
	return s.run(ctx)
}

// server is a whole Charye, opened and listening; tests and the demo start the same one as serve does.
type server struct {
	programme *programme.Programme
	keys      *seal.Keys
	stores
	walk    *whole.Walk
	waiting *manage.Rules // what the programme file says and is not agreed to; nil: nothing
	url     string
	pushKey string // by which browsers subscribe to messages; empty: they cannot
	log     *slog.Logger
	tls     *tls.Config // nil: an edge proxy speaks TLS, or this is a trial on one machine
	proxies []netip.Prefix

	room    *room.Room       // nil: no product has rules for its storage
	alarmTo []notify.Address // who is told of its alarms

	tokens      *epcis.Tokens // nil: no custody here
	custodyFace *epcis.Face

	listener net.Listener
	http     *http.Server
	draining chan struct{}               // closed when draining begins
	gate     *load.Gate                  // holds back what can wait when there is too much to do
	reads    int                         // how many may read from the stores at once, that none who books waits for a connection
	work     func(context.Context) error // in the background: admission above all
	closers  []func() error
}

// openServer reads the programme, takes the port, then opens the data directory: what is wrong is found before anything
// is written.
func openServer(ctx context.Context, c serveCmd, log *slog.Logger) (_ *server, err error) {
	src, err := os.ReadFile(c.Programme)
	if err != nil {
		return nil, fmt.Errorf("programme: %w", err)
	}
	draft, err := programme.Parse(c.Programme, src, programme.Options{FirstStart: time.Now()})
	if err != nil {
		return nil, err
	}
	if err := loopbackOnly(c.Debug); err != nil {
		return nil, err
	}
	shared, err := c.Engines.shared()
	if err != nil {
		return nil, err
	}
	if err := protectedPostgres(c.Engines.Postgres, draft.Trial); err != nil {
		return nil, err
	}
	if err := checkPublicURL(c.PublicURL); err != nil {
		return nil, err
	}
	certificate, err := c.certificate()
	if err != nil {
		return nil, err
	}
	providers, err := readProviders(c.Providers)
	if err != nil {
		return nil, err
	}
	ways, err := readWays(c.Messages)
	if err != nil {
		return nil, err
	}
	alarmTo, err := readAlarmTo(c.AlarmTo)
	if err != nil {
		return nil, err
	}
	tokens, err := readTokens(c.SupplyTokens)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(providers.list, func(p person.Provider) bool { return p.Staff == nil }) && !draft.Trial {
		return nil, &usageError{msg: "nobody could sign in: give --providers FILE (only a trial programme has a made-up provider)"}
	}

	s := &server{log: log, tls: certificate, proxies: c.TrustedProxy, tokens: tokens, alarmTo: alarmTo, draining: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	s.listener, err = net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error {
		if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	s.url = publicURL(c, s.listener.Addr())
	if err := checkProtected(s.url); err != nil {
		return nil, err
	}
	if c.Debug != "" {
		if err := s.listenDebug(c.Debug); err != nil {
			return nil, err
		}
	}

	dir, err := durable.OpenDir(c.Data)
	if err != nil {
		return nil, err
	}
	if !shared { // nodes that share their engines may share the directory too: it then holds only keys and the first start
		if err := dir.Lock(); err != nil {
			return nil, err
		}
		s.closers = append(s.closers, dir.Unlock)
	}
	if err := rightPlace(dir, c.Engines.Postgres); err != nil {
		return nil, err
	}
	if s.programme, s.waiting, err = takeProgramme(ctx, dir, c.Engines.Postgres, c.Programme, src, log); err != nil {
		return nil, err
	}
	if s.keys, err = openKeys(dir); err != nil {
		return nil, err
	}
	if err := s.open(ctx, dir, c.Engines); err != nil {
		return nil, err
	}
	if err := s.openCourier(dir, ways); err != nil {
		return nil, err
	}
	s.follow(dir.File(keyFile))
	if err := s.chainRooms(ctx, shared); err != nil {
		return nil, err
	}
	return s, s.wire(providers)
}

// open opens the engines and what walks on them.
func (s *server) open(ctx context.Context, dir *durable.Dir, e engines) error {
	opened, closers, err := openStores(ctx, dir, e, s.programme, s.keys, s.log)
	s.closers = append(s.closers, closers...)
	if err != nil {
		return err
	}
	s.stores, s.reads = opened, e.reads()
	if s.tokens != nil || hasStorage(s.programme) {
		if s.custody, err = openCustody(ctx, dir, e.Postgres); err != nil {
			return err
		}
		s.closers = append(s.closers, s.custody.Close)
	}
	counter, err := s.openDispense(ctx, dir, e.Postgres)
	if err != nil {
		return err
	}
	if s.room, err = s.openRoom(ctx, dir, e.Postgres); err != nil {
		return err
	}
	s.walk, err = whole.New(ctx, whole.Deps{
		Programme: s.programme, Line: s.line, Ledger: s.ledger, Sites: s.sites, People: s.people, Outbox: s.outbox, Leftovers: s.leftovers, Approvals: s.approvals, Supply: s.room, Dispense: counter,
		Rules: s.waiting, ChangeOf: func(src []byte) (manage.RuleChange, error) {
			c, err := changeOf(dir, "file", src, time.Now())
			return c.asked(), err
		}, Version: version, Shared: e.Postgres != "",
		Keys: s.keys, Clock: clock.System, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { s.walk.Stop(); return nil })
	s.work = s.walk.Run
	return nil
}

func lineConfigs(p *programme.Programme) []line.Config {
	out := make([]line.Config, 0, len(p.Campaigns))
	for _, c := range p.Campaigns {
		cfg := line.Config{
			Campaign: c.Num, Gathers: c.Gathers, Opens: c.Opens, Closes: c.Closes, Draw: c.Line.Order == programme.OrderDraw,
			Inside: c.Line.Inside, PerSecond: c.Line.PerSecond, PassLife: time.Duration(c.Line.PassMinutes) * time.Minute,
		}
		for _, p := range c.Pauses {
			cfg.Pauses = append(cfg.Pauses, line.Window{From: p.From, To: p.To})
		}
		out = append(out, cfg)
	}
	return out
}

// certificate reads the files of --tls-cert and --tls-key; nil without them.
func (c serveCmd) certificate() (*tls.Config, error) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return nil, &usageError{msg: "--tls-cert and --tls-key go together"}
	}
	if c.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s, --tls-key %s: %w", c.TLSCert, c.TLSKey, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, nil
}

// run serves until ctx ends. Then no request is cut: answers ask clients to come back on another connection, /readyz sends
// proxies away, and when connections have had time to empty the listener closes; those under way are answered, everything
// they were told is on disk, and only then the stores close.
func (s *server) run(ctx context.Context) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	g, gctx := errgroup.WithContext(ctx)
	var background error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		background = s.work(work)
	}()
	g.Go(func() error { // without the work in the background nobody is let in: better to end, and be started again
		select {
		case <-ended:
			return errors.New("the work in the background ended")
		case <-gctx.Done():
			return nil
		}
	})
	g.Go(func() error {
		s.gate.Run(gctx)
		return nil
	})
	bounded := &boundedListener{Listener: s.listener, room: make(chan struct{}, maxConnections)}
	g.Go(func() error {
		var err error
		if s.tls != nil {
			err = s.http.ServeTLS(bounded, "", "")
		} else {
			err = s.http.Serve(bounded)
		}
		if errors.Is(err, http.ErrServerClosed) || gctx.Err() != nil && errors.Is(err, net.ErrClosed) {
			return nil
		}
		return err
	})
	g.Go(func() error {
		<-gctx.Done()
		close(s.draining)
		bounded.linger(lingerTimeout, 1) // one place in the room is the next caller's
		err := s.listener.Close()
		// Only when all that was accepted has been read: net/http drops requests that it reads after Shutdown.
		bounded.linger(lastTimeout, 0)
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if e := s.http.Shutdown(drain); errors.Is(e, net.ErrClosed) { // by us, just now: net/http has not noticed yet
			return err
		} else if !errors.Is(e, context.DeadlineExceeded) {
			return errors.Join(err, e)
		}
		// Whoever is left does not take the answer, or does not finish the request: all others have theirs.
		s.log.LogAttrs(ctx, slog.LevelWarn, "some clients did not take their answers in time and were cut off",
			slog.Duration("after", drainTimeout))
		return errors.Join(err, s.http.Close())
	})
	err := g.Wait()
	stopWork()
	<-ended
	return errors.Join(err, background, s.close())
}

// close undoes what was opened, last first.
func (s *server) close() error {
	var err error
	for i := len(s.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, s.closers[i]())
	}
	s.closers = nil
	return err
}
