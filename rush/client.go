package rush

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// maxAnswer bounds an answer's body; longer ones are an error.
const maxAnswer = 256 << 20

var (
	errProtocol = errors.New("not HTTP/1.1 as this client reads it")
	errTooLong  = errors.New("answer longer than this client reads")
	// errLost is a connection that this client cut on purpose, or that broke after the request was sent: the answer, if
	// any, is lost, and the server may have done the work.
	errLost = errors.New("answer lost")
)

// loopback checks a target and gives its host:port to dial. Only plain HTTP to a loopback address is accepted: a crowd
// must never be let loose on somebody else's machine.
func loopback(target string) (addr, host string, err error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", "", fmt.Errorf("target %q: %w", target, err)
	}
	if u.Scheme != "http" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return "", "", fmt.Errorf("target %q: want http://HOST:PORT of this machine", target)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	name := u.Hostname()
	if name == "localhost" {
		return net.JoinHostPort("127.0.0.1", port), u.Host, nil
	}
	ip, err := netip.ParseAddr(name)
	if err != nil || !ip.Unmap().IsLoopback() {
		return "", "", fmt.Errorf("target %q: the crowd only goes to a loopback address (127.0.0.1, ::1, localhost)", target)
	}
	return net.JoinHostPort(ip.String(), port), u.Host, nil
}

// answer is a response as far as the crowd reads it. body is valid until the connection's next call.
type answer struct {
	status     int
	retryAfter time.Duration // negative when absent
	body       []byte
}

// target is a server to dial, and what to call it.
type target struct{ addr, host string }

// conn is one keep-alive HTTP/1.1 connection with its buffers, dialled when first needed and again after a failure: to the
// server it was with, or to the next one when that does not take it, as an edge proxy would. Not safe for concurrent use.
type conn struct {
	targets []target
	at      int // which of them
	c       net.Conn
	used    bool      // a request was answered on c before
	until   time.Time // deadline set on c
	buf     []byte
	r, w    int

	out, body []byte
}

// request is what one call sends beside its method and path. Empty fields are left out.
type request struct {
	method  string
	path    []byte
	session string
	ticket  []byte
	pass    string
	key     string // Idempotency-Key
	extra   string // raw header lines, each ended by CR LF
	body    []byte // JSON
}

func (c *conn) close() {
	if c.c != nil {
		_ = c.c.Close()
		c.c = nil
	}
}

func (c *conn) format(q *request) []byte {
	b := c.out[:0]
	b = append(b, q.method...)
	b = append(b, ' ')
	b = append(b, q.path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.targets[c.at].host...)
	if q.session != "" {
		b = append(b, "\r\nAuthorization: Bearer "...)
		b = append(b, q.session...)
	}
	if len(q.ticket) > 0 {
		b = append(b, "\r\nCharye-Ticket: "...)
		b = append(b, q.ticket...)
	}
	if q.pass != "" {
		b = append(b, "\r\nCharye-Pass: "...)
		b = append(b, q.pass...)
	}
	if q.key != "" {
		b = append(b, "\r\nIdempotency-Key: "...)
		b = append(b, q.key...)
	}
	b = append(b, "\r\n"...)
	b = append(b, q.extra...)
	if q.body != nil || q.method == "POST" || q.method == "PUT" {
		b = append(b, "Content-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(q.body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	b = append(b, q.body...)
	c.out = b
	return b
}

// do sends q and reads the answer. A reused connection that turns out to be closed before a byte of the answer came is
// dialled anew once: all calls of the contract may be repeated. Every other failure closes the connection; when the
// request may have reached the server the error is [errLost].
func (c *conn) do(q *request, limit time.Duration) (answer, error) {
	msg := c.format(q)
	for sent := false; ; sent = true {
		reused := c.used && c.c != nil
		if err := c.open(limit); err != nil {
			if sent {
				err = fmt.Errorf("%w: %w", errLost, err)
			}
			return answer{}, err
		}
		_, err := c.c.Write(msg)
		if err == nil {
			var a answer
			var closing bool
			a, closing, err = c.read(q.method)
			if err == nil {
				c.used = true
				if closing {
					c.close()
				}
				return a, nil
			}
		}
		silent := c.w == 0
		c.close()
		var ne net.Error
		if reused && silent && (!errors.As(err, &ne) || !ne.Timeout()) {
			continue
		}
		return answer{}, fmt.Errorf("%w: %w", errLost, err)
	}
}

// cut sends q, or only a part of it, and cuts the connection as a lost network does.
func (c *conn) cut(q *request, whole bool, limit time.Duration) error {
	msg := c.format(q)
	if err := c.open(limit); err != nil {
		return err
	}
	if !whole {
		msg = msg[:len(msg)*2/3]
	}
	_, _ = c.c.Write(msg)
	c.close()
	return errLost
}

func (c *conn) open(limit time.Duration) error {
	now := time.Now()
	if c.c == nil {
		d := net.Dialer{Timeout: limit}
		var nc net.Conn
		var err error
		for range c.targets {
			if nc, err = d.DialContext(context.Background(), "tcp", c.targets[c.at].addr); err == nil {
				break
			}
			c.at = (c.at + 1) % len(c.targets)
		}
		if err != nil {
			return err
		}
		c.c, c.used, c.until = nc, false, time.Time{}
	}
	// Setting a deadline costs a timer; one that is somewhat longer than asked for serves many requests.
	if c.until.Sub(now) < limit {
		c.until = now.Add(limit + limit/2)
		if err := c.c.SetDeadline(c.until); err != nil {
			c.close()
			return err
		}
	}
	c.r, c.w = 0, 0
	return nil
}

// read reads one answer; closing tells that the server will not serve another on this connection.
func (c *conn) read(method string) (a answer, closing bool, err error) {
	for {
		head, err := c.head()
		if err != nil {
			return a, true, err
		}
		var length int64
		var chunked bool
		a, length, chunked, closing, err = parseHead(head)
		if err != nil {
			return a, true, err
		}
		if a.status >= 100 && a.status < 200 {
			continue
		}
		switch {
		case method == "HEAD" || a.status == 204 || a.status == 304:
			return a, closing, nil
		case chunked:
			a.body, err = c.chunks()
		case length >= 0:
			a.body, err = c.exactly(length)
		default: // the body ends with the connection
			closing = true
			a.body, err = c.rest()
		}
		return a, closing, err
	}
}

// head gives the bytes up to and including the empty line.
func (c *conn) head() ([]byte, error) {
	from := c.r
	for {
		if i := bytes.Index(c.buf[from:c.w], []byte("\r\n\r\n")); i >= 0 {
			h := c.buf[c.r : from+i+4]
			c.r = from + i + 4
			return h, nil
		}
		if c.w-c.r > 64<<10 {
			return nil, errTooLong
		}
		from = max(c.r, c.w-3)
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads more bytes behind those in the buffer, which stay where they are.
func (c *conn) fill() error {
	if c.w == len(c.buf) {
		grown := make([]byte, max(4<<10, 2*len(c.buf)))
		copy(grown, c.buf[:c.w])
		c.buf = grown
	}
	n, err := c.c.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	return err
}

func (c *conn) exactly(n int64) ([]byte, error) {
	if n > maxAnswer {
		return nil, errTooLong
	}
	for int64(c.w-c.r) < n {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	b := c.buf[c.r : c.r+int(n)]
	c.r += int(n)
	return b, nil
}

func (c *conn) rest() ([]byte, error) {
	for c.w-c.r <= maxAnswer {
		if err := c.fill(); err != nil {
			b := c.buf[c.r:c.w]
			c.r = c.w
			if errors.Is(err, io.EOF) {
				return b, nil
			}
			return nil, err
		}
	}
	return nil, errTooLong
}

// line gives the next line without its end.
func (c *conn) line() ([]byte, error) {
	from := c.r
	for {
		if i := bytes.IndexByte(c.buf[from:c.w], '\n'); i >= 0 {
			l := c.buf[c.r : from+i]
			c.r = from + i + 1
			return bytes.TrimSuffix(l, []byte("\r")), nil
		}
		if c.w-c.r > 4<<10 {
			return nil, errTooLong
		}
		from = c.w
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

func (c *conn) chunks() ([]byte, error) {
	c.body = c.body[:0]
	for {
		l, err := c.line()
		if err != nil {
			return nil, err
		}
		size, _, _ := bytes.Cut(l, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 31)
		if err != nil {
			return nil, errProtocol
		}
		if int64(n)+int64(len(c.body)) > maxAnswer {
			return nil, errTooLong
		}
		if n == 0 {
			for { // trailers
				if l, err = c.line(); err != nil {
					return nil, err
				}
				if len(l) == 0 {
					return c.body, nil
				}
			}
		}
		b, err := c.exactly(int64(n))
		if err != nil {
			return nil, err
		}
		c.body = append(c.body, b...)
		if l, err = c.line(); err != nil {
			return nil, err
		}
		if len(l) != 0 {
			return nil, errProtocol
		}
	}
}
