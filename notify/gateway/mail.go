package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"charye/notify"
)

// mailServer sends by SMTP, one connection for each message: people's messages come one by one, and a server that closes
// idle connections would otherwise be met half of the time.
type mailServer struct {
	host   string
	opts   []mail.Option
	from   string
	domain string
	places chan struct{}
}

// mailsAbreast is how many connections there are at a time: what mail servers take from one client.
const mailsAbreast = 8

const smtpTime = 15 * time.Second

func newMailServer(c *MailConfig, password string) (*mailServer, error) {
	host, port, err := net.SplitHostPort(c.Server)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		return nil, fmt.Errorf("mail.server: port %q; want a number", port)
	}
	from, err := netmail.ParseAddress(c.From)
	if err != nil {
		return nil, err
	}
	s := &mailServer{host: host, places: make(chan struct{}, mailsAbreast), from: from.String(), opts: []mail.Option{mail.WithPort(n), mail.WithTimeout(smtpTime)}}
	_, s.domain, _ = strings.Cut(from.Address, "@")
	switch {
	case n == 465:
		s.opts = append(s.opts, mail.WithSSL())
	case loopback(host): // a relay on this machine, often without a certificate
		s.opts = append(s.opts, mail.WithTLSPolicy(mail.TLSOpportunistic))
	default:
		s.opts = append(s.opts, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if c.User != "" {
		s.opts = append(s.opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.User), mail.WithPassword(password))
	}
	return s, nil
}

// Send implements [notify.Gateway]. The Message-ID is made from the message's id, by which mail programs recognise a repeat.
func (s *mailServer) Send(ctx context.Context, id notify.ID, to notify.Address, w notify.Words) error {
	m := mail.NewMsg()
	if err := m.From(s.from); err != nil {
		return errors.New("mail: the sender's address is refused")
	}
	if err := m.To(to.Value); err != nil {
		return fmt.Errorf("mail: %w", notify.ErrRefused)
	}
	m.SetMessageIDWithValue(fmt.Sprintf("%x@%s", id[:], s.domain))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's holiday answers to it
	m.Subject(w.Subject)
	m.SetBodyString(mail.TypeTextPlain, w.Body)
	client, err := mail.NewClient(s.host, s.opts...)
	if err != nil {
		return errors.New("mail: the server's settings are refused")
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return errors.New("mail: the server is busy")
	}
	err = client.DialAndSendWithContext(ctx, m)
	if err == nil {
		return nil
	}
	// The library's error quotes the address, so only its kind is passed on. A refusal of the recipient for good is the
	// address's; any other may be the server's mood.
	sent, ok := errors.AsType[*mail.SendError](err)
	if ok && sent.Reason == mail.ErrSMTPRcptTo && !sent.IsTemp() {
		return fmt.Errorf("mail: %w", notify.ErrRefused)
	}
	if ok {
		return fmt.Errorf("mail: %s", sent.Reason)
	}
	return errors.New("mail: the server cannot be reached")
}
