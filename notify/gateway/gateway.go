// Package gateway has the ways out for messages: a mail server (SMTP), a service behind HTTP that sends text messages
// (SMS, or a messenger such as KakaoTalk), the push services of browsers (Web Push), and a file for trials that shows what was sent.
//
// It owns the wire forms and the messages file that names the ways out. It must not know of bookings or of how messages
// are kept. Nothing here logs an address or a text, and errors carry neither.
package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/url"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"charye/notify"
)

// Config is the messages file.
//
//	mail:
//	  server: smtp.example.go.kr:587     # STARTTLS; port 465 speaks TLS from the start
//	  from: 예방접종 <noreply@example.go.kr>
//	  user: charye                       # both or neither
//	  passwordFile: smtp.secret          # beside this file
//	text:
//	  url: https://sms.example.go.kr/v1/messages
//	  tokenFile: sms.secret              # sent as Authorization: Bearer
//	push:
//	  contact: mailto:ops@example.go.kr  # or https://…; for the operators of push services
//	  services: [fcm.googleapis.com, .push.apple.com]   # only these; without it any on the public internet
type Config struct {
	Mail *MailConfig `yaml:"mail"`
	Text *TextConfig `yaml:"text"`
	Push *PushConfig `yaml:"push"`
}

// MailConfig names a mail server.
type MailConfig struct {
	Server       string `yaml:"server"`
	From         string `yaml:"from"`
	User         string `yaml:"user"`
	PasswordFile string `yaml:"passwordFile"`
}

// TextConfig names a service that sends text messages.
type TextConfig struct {
	URL       string `yaml:"url"`
	TokenFile string `yaml:"tokenFile"`
}

// ReadConfig reads a messages file strictly. name is the file's path: it stands in errors, and relative file names are
// looked for beside it.
func ReadConfig(name string, src []byte) (*Config, error) {
	var c Config
	d := yaml.NewDecoder(bytes.NewReader(src))
	d.KnownFields(true)
	if err := d.Decode(&c); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: is empty; want mail, text, push or several", name)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(&Config{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: want one document only", name)
	}
	if c.Mail == nil && c.Text == nil && c.Push == nil {
		return nil, fmt.Errorf("%s: names no way out; want mail, text, push or several", name)
	}
	if c.Mail != nil {
		if err := c.Mail.check(); err != nil {
			return nil, fmt.Errorf("%s: mail.%w", name, err)
		}
		c.Mail.PasswordFile = beside(name, c.Mail.PasswordFile)
	}
	if c.Text != nil {
		if err := c.Text.check(); err != nil {
			return nil, fmt.Errorf("%s: text.%w", name, err)
		}
		c.Text.TokenFile = beside(name, c.Text.TokenFile)
	}
	if c.Push != nil {
		if err := c.Push.check(); err != nil {
			return nil, fmt.Errorf("%s: push.%w", name, err)
		}
	}
	return &c, nil
}

func beside(name, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(name), file)
}

func (c *MailConfig) check() error {
	if host, port, err := net.SplitHostPort(c.Server); err != nil || host == "" || port == "" {
		return fmt.Errorf("server: %q; want host and port, such as smtp.example.org:587", c.Server)
	}
	if _, err := mail.ParseAddress(c.From); err != nil {
		return fmt.Errorf("from: %q; want an address, such as 예방접종 <noreply@example.org>", c.From)
	}
	if (c.User == "") != (c.PasswordFile == "") {
		return errors.New("user, passwordFile: want both or neither")
	}
	return nil
}

func (c *TextConfig) check() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return fmt.Errorf("url: %q; want https://…, or http:// on this machine", c.URL)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Open makes the gateways of a messages file; secret reads a file that holds one. local is for trials: push services may then be on
// this machine.
func (c *Config) Open(secret func(path string) (string, error), keys PushKeys, local bool) (map[notify.Channel]notify.Gateway, error) {
	out := map[notify.Channel]notify.Gateway{}
	read := func(path string) (string, error) {
		if path == "" {
			return "", nil
		}
		return secret(path)
	}
	if c.Mail != nil {
		password, err := read(c.Mail.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("mail.passwordFile: %w", err)
		}
		if out[notify.Mail], err = newMailServer(c.Mail, password); err != nil {
			return nil, err
		}
	}
	if c.Text != nil {
		token, err := read(c.Text.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("text.tokenFile: %w", err)
		}
		out[notify.Text] = newTextService(c.Text.URL, token)
	}
	if c.Push != nil {
		var err error
		if out[notify.Push], err = newPushService(c.Push, keys, local); err != nil {
			return nil, err
		}
	}
	return out, nil
}
