package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	bookingsqlite "charye/booking/sqlite"
	"charye/internal/clock"
	"charye/internal/durable"
	"charye/internal/seal"
	"charye/internal/telemetry"
	"charye/line"
	linesqlite "charye/line/sqlite"
	"charye/person"
	personsqlite "charye/person/sqlite"
	"charye/programme"
	sitesqlite "charye/site/sqlite"
	"charye/walk"

	"golang.org/x/sync/errgroup"
)

type serveCmd struct {
	Programme string `required:"" placeholder:"FILE" help:"The programme file (YAML)."`
	Data      string `default:"charye-data" placeholder:"DIR" help:"The data directory; made when absent."`
	Listen    string `default:"localhost:8080" placeholder:"ADDR" help:"Address to listen on."`
	PublicURL string `placeholder:"URL" help:"The address people use, when it is not the one listened on (behind a proxy)."`
	Providers string `placeholder:"FILE" help:"Identity providers (YAML). A trial programme also has a made-up one."`
	TLSCert   string `placeholder:"FILE" help:"Certificate, to serve HTTPS here (HTTP/1.1 only: let an edge proxy speak HTTP/2)."`
	TLSKey    string `placeholder:"FILE" help:"Key of the certificate."`
	Debug     string `placeholder:"ADDR" help:"Serve Go's profiles here, for the engineers only: a loopback address."`
}

// Run serves until the context ends, then stops gracefully.
func (c serveCmd) Run(ctx context.Context, io streams) error {
	s, err := openServer(ctx, c, telemetry.NewLogger(io.err, slog.LevelInfo))
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(io.out, "charye serves %s on %s\n", s.programme.ID, s.url)
	return s.run(ctx)
}

// The bounds of the HTTP server. Headers and bodies must come promptly; an answer may take long only where it is long.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 15 * time.Second
	answerTimeout  = 30 * time.Second // downloads of entrants set their own
	idleTimeout    = 75 * time.Second
	maxHeaderBytes = 16 << 10
	drainTimeout   = 20 * time.Second
	lingerTimeout  = time.Second
	lastTimeout    = 250 * time.Millisecond
	maxConnections = 16000 // leaves room for files below the usual limit of 20,000
)

// server is a whole Charye, opened and listening; tests and the demo start the same one as serve does.
type server struct {
	programme *programme.Programme
	keys      *seal.Keys
	sites     *sitesqlite.Store
	people    *personsqlite.Store
	line      *linesqlite.Line
	walk      *walk.Walk
	url       string
	log       *slog.Logger

	cert, key string // files, when this server speaks TLS itself

	listener net.Listener
	http     *http.Server
	draining chan struct{} // closed when draining begins
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
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return nil, &usageError{msg: "--tls-cert and --tls-key go together"}
	}
	var configured []person.Provider
	if c.Providers != "" {
		b, err := os.ReadFile(c.Providers)
		if err != nil {
			return nil, fmt.Errorf("providers: %w", err)
		}
		if configured, err = person.ReadProviders(c.Providers, b); err != nil {
			return nil, err
		}
	}
	if len(configured) == 0 && !draft.Trial {
		return nil, &usageError{msg: "nobody could sign in: give --providers FILE (only a trial programme has a made-up provider)"}
	}

	s := &server{log: log, cert: c.TLSCert, key: c.TLSKey, draining: make(chan struct{})}
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
	if c.Debug != "" {
		if err := s.listenDebug(c.Debug); err != nil {
			return nil, err
		}
	}

	dir, err := durable.OpenDir(c.Data)
	if err != nil {
		return nil, err
	}
	if err := dir.Lock(); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, dir.Unlock)
	if s.programme, err = keepProgramme(dir, c.Programme, src); err != nil {
		return nil, err
	}
	if s.keys, err = openKeys(dir); err != nil {
		return nil, err
	}
	if err := s.openStores(ctx, dir); err != nil {
		return nil, err
	}
	return s, s.wire(configured)
}

func (s *server) openStores(ctx context.Context, dir *durable.Dir) (err error) {
	if s.sites, err = sitesqlite.Open(ctx, dir.Path()); err != nil {
		return err
	}
	s.closers = append(s.closers, s.sites.Close)
	if s.people, err = personsqlite.Open(ctx, dir.Path(), s.keys); err != nil {
		return err
	}
	s.closers = append(s.closers, s.people.Close)
	ledger, err := bookingsqlite.Open(ctx, dir.Path())
	if err != nil {
		return err
	}
	s.closers = append(s.closers, ledger.Close)
	s.line, err = linesqlite.Open(ctx, dir.Path(), lineConfigs(s.programme), linesqlite.Options{
		Clock: clock.System, Pseudonyms: line.NewPseudonyms(s.keys), Logger: s.log,
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, s.line.Close)
	s.walk, err = walk.New(ctx, walk.Deps{
		Programme: s.programme, Line: s.line, Ledger: ledger, Sites: s.sites, People: s.people,
		Keys: s.keys, Clock: clock.System, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { s.walk.Stop(); return nil })
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

// run serves until ctx ends. Then no request is cut: answers ask clients to come back on another connection, /readyz sends
// proxies away, and when connections have had time to empty the listener closes; those under way are answered, everything
// they were told is on disk, and only then the stores close.
func (s *server) run(ctx context.Context) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	g, gctx := errgroup.WithContext(ctx)
	background := make(chan error, 1)
	go func() { background <- s.walk.Run(work) }()
	bounded := &boundedListener{Listener: s.listener, room: make(chan struct{}, maxConnections)}
	g.Go(func() error {
		var err error
		if s.cert != "" {
			err = s.http.ServeTLS(bounded, s.cert, s.key)
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
		if e := s.http.Shutdown(drain); !errors.Is(e, context.DeadlineExceeded) {
			return errors.Join(err, e)
		}
		// Whoever is left does not take the answer, or does not finish the request: all others have theirs.
		s.log.LogAttrs(ctx, slog.LevelWarn, "some clients did not take their answers in time and were cut off",
			slog.Duration("after", drainTimeout))
		return errors.Join(err, s.http.Close())
	})
	err := g.Wait()
	stopWork()
	return errors.Join(err, <-background, s.close())
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

func publicURL(c serveCmd, addr net.Addr) string {
	if c.PublicURL != "" {
		return strings.TrimSuffix(c.PublicURL, "/")
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return scheme + "://" + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		host = "localhost"
	}
	return (&url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port)}).String()
}

// newHTTPServer speaks HTTP/1.1 only. Go 1.26.8 has a remotely triggerable crash in its HTTP/2 server (GO-2026-6617); an
// edge proxy may speak HTTP/2 in front.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: h, Protocols: protocols,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: answerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// boundedListener holds back the accepting of connections beyond its room.
type boundedListener struct {
	net.Listener
	room chan struct{}
}

// linger waits until no more than spare places of the room are taken, but no longer than d.
func (l *boundedListener) linger(d time.Duration, spare int) {
	over := time.NewTimer(d)
	defer over.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for len(l.room) > spare {
		select {
		case <-over.C:
			return
		case <-again.C:
		}
	}
}

// Accept waits for room, then for a connection.
func (l *boundedListener) Accept() (net.Conn, error) {
	l.room <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &boundedConn{Conn: c, leave: func() { <-l.room }}, nil
}
