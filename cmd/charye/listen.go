package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"charye/internal/pgdb"
	"charye/internal/weak"
)

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

// checkPublicURL refuses what cannot be the address of this server's front page.
func checkPublicURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return &usageError{msg: "--public-url: want https://HOST, with a port if need be, and nothing behind it"}
	}
	return nil
}

// protectedPostgres refuses a database over a network without TLS: a real programme's people would travel there in the clear.
func protectedPostgres(url string, trial bool) error {
	if url == "" || trial {
		return nil
	}
	hosts, err := pgdb.PlainHosts(url)
	if err != nil {
		return err
	}
	if len(hosts) > 0 {
		return &usageError{msg: "--postgres: " + strings.Join(hosts, ", ") + " may be spoken to without TLS; put sslmode=verify-full into the URL, with sslrootcert=FILE where the certificate is of your own (a trial, this machine and a Unix socket need none)"}
	}
	return nil
}

// checkProtected refuses an address that people's sign-ins would travel to in the clear.
func checkProtected(public string) error {
	u, err := url.Parse(public)
	if err != nil {
		return fmt.Errorf("public address: %w", err)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "https" || u.Hostname() == "localhost" || ip.IsLoopback() {
		return nil
	}
	return &usageError{msg: "people would sign in to " + public + " in the clear: give --tls-cert and --tls-key, or --public-url https://… behind a proxy, or listen on localhost"}
}

// publicURL is the address that people use, without a slash at its end.
func publicURL(c serveCmd, addr net.Addr) string {
	if c.PublicURL != "" {
		return strings.TrimRight(c.PublicURL, "/")
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

// movedMark is the query parameter of somebody who was sent to the public address once. A proxy that hides the host
// people typed would send them round for ever otherwise.
const movedMark = "moved"

// onPublicHost sends whoever is about to sign in at another name of this server (127.0.0.1 for localhost, say) to the
// public address first. The provider sends people back there, and the cookie that a sign-in begins with does not go along.
func onPublicHost(public string, next http.Handler) http.Handler {
	host := ""
	if u, err := url.Parse(public); err == nil {
		host = u.Host
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (r.Method != http.MethodGet && r.Method != http.MethodHead) || strings.EqualFold(r.Host, host) || !beginsSignIn(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		q := r.URL.Query()
		if q.Has(movedMark) {
			next.ServeHTTP(w, r)
			return
		}
		q.Set(movedMark, "1")
		http.Redirect(w, r, public+(&url.URL{Path: r.URL.Path, RawQuery: q.Encode()}).String(), http.StatusSeeOther)
	})
}

// beginsSignIn is true for the pages before the provider. The provider's answer comes to the public address already.
func beginsSignIn(path string) bool {
	return path == "/sign-in" || strings.HasPrefix(path, "/sign-in/") && path != callbackPath
}

// newHTTPServer speaks HTTP/1.1 only. Go 1.26.8 has a remotely triggerable crash in its HTTP/2 server (GO-2026-6617); an
// edge proxy may speak HTTP/2 in front.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: lastInChunks(h), Protocols: protocols,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: answerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// lastInChunks ends a connection with the first request whose body came in chunks. Where such a request also said a length, a proxy
// in front may have read another end of it (RFC 9112, 6.1), and net/http does not tell which of them did: so nothing that follows on the
// connection is taken for a request.
func lastInChunks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 && !weak.Off(weak.LastInChunks) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
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

// boundedConn gives its room back when it is closed, once.
type boundedConn struct {
	net.Conn
	once  sync.Once
	leave func()
}

// Close closes the connection and gives the room back.
func (c *boundedConn) Close() error {
	c.once.Do(c.leave)
	return c.Conn.Close()
}
