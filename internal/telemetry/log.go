package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// Redacted stands in logs for what must not be there.
const Redacted = "[redacted]"

// NewLogger writes JSON lines to w. It is the last guard, not the first: code does not log people, and if some error
// text from a library carries one, it is cut out here. Attributes with a telling name lose their value; in all other
// texts, what looks like a token, a key, a telephone or identity number or a mail address is replaced.
func NewLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: redact}))
}

// Secret is a text that logs never show. Convert it to a string on purpose to use it.
type Secret string

// LogValue hides the text from logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// String hides the text from fmt.
func (Secret) String() string { return Redacted }

// GoString hides the text from %#v.
func (Secret) GoString() string { return Redacted }

// telling are attribute names whose values are about a person or open something.
var telling = map[string]bool{
	"name": true, "born": true, "birthdate": true, "phone": true, "email": true, "mail": true, "address": true, "identity": true,
	"subject": true, "sub": true, "person": true, "recipient": true, "helper": true, "actor": true, "device": true,
	"token": true, "session": true, "ticket": true, "pass": true, "cookie": true, "authorization": true, "secret": true,
	"key": true, "password": true, "idempotency_key": true, "remote_addr": true, "ip": true, "body": true,
}

func redact(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return a
	}
	if telling[strings.ToLower(a.Key)] {
		return slog.String(a.Key, Redacted)
	}
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(Scrub(a.Value.String()))
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case nil:
		case error:
			a.Value = slog.StringValue(Scrub(v.Error()))
		default:
			// A struct would be written field by field, past the list of telling names.
			a.Value = slog.StringValue(Scrub(fmt.Sprint(v)))
		}
	}
	return a
}

// personal matches what logs must not carry: bearer tokens and keys (runs of 32 or more letters, digits, - and _), mail
// addresses, Korean identity numbers (six digits, seven digits) and telephone numbers.
var personal = regexp.MustCompile(`[A-Za-z0-9_-]{32,}` +
	`|[\w.+-]+@[\w-]+(\.[\w-]+)+` +
	`|\b\d{6}-?[0-9]\d{6}\b` +
	`|\b0\d{1,2}[ -]?\d{3,4}[ -]?\d{4}\b` +
	`|\+82[ -]?\d{1,2}[ -]?\d{3,4}[ -]?\d{4}\b`)

// Scrub replaces in s everything that looks like a person's data or a secret. It errs on the side of taking too much.
func Scrub(s string) string { return personal.ReplaceAllString(s, Redacted) }
