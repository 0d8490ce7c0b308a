package approval

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"charye/internal/chain"
	"charye/person"
)

// Event is one step that was taken, as the history has it. The fields from Kind on are those of OpAsk.
type Event struct {
	Seq     int64
	Request int64
	At      time.Time // whole microseconds, UTC
	Op      Op
	By      Who
	Digest  Digest
	Why     string

	Kind    Kind
	Summary []string
	Lapses  time.Time
	Needs   int
}

// Row is an event as it is kept: the text, byte for byte as it was written, and the chain over all rows up to it, in which an event's digest
// is the SHA-256 of its text.
type Row struct {
	Seq   int64 // 1, 2, 3 … without gaps
	Text  string
	Chain chain.Hash
}

// wire is the JSON of a row's text.
type wire struct {
	Request int64     `json:"request"`
	At      time.Time `json:"at"`
	Op      Op        `json:"op"`
	Who     string    `json:"who,omitempty"` // the key in hexadecimal; none: the command line
	Role    string    `json:"role"`
	Digest  string    `json:"digest"`
	Why     string    `json:"why,omitempty"`
	Kind    Kind      `json:"kind,omitempty"`
	Summary []string  `json:"summary,omitempty"`
	Lapses  time.Time `json:"lapses,omitzero"`
	Needs   int       `json:"needs,omitempty"`
}

func (e *Event) row(seq int64, before chain.Hash) (Row, error) {
	w := wire{
		Request: e.Request, At: e.At, Op: e.Op, Role: e.By.Role.String(), Digest: hex.EncodeToString(e.Digest[:]), Why: e.Why,
		Kind: e.Kind, Summary: e.Summary, Lapses: e.Lapses, Needs: e.Needs,
	}
	if !e.By.Shell {
		w.Who = e.By.Key.String()
	}
	b, err := json.Marshal(w)
	if err != nil {
		return Row{}, err
	}
	return Row{Seq: seq, Text: string(b), Chain: chain.Link(before, seq, sha256.Sum256(b))}, nil
}

// Event reads what a row tells.
func (r *Row) Event() (Event, error) {
	var w wire
	if err := json.Unmarshal([]byte(r.Text), &w); err != nil {
		return Event{}, fmt.Errorf("event %d: %w", r.Seq, err)
	}
	e := Event{
		Seq: r.Seq, Request: w.Request, At: w.At.UTC(), Op: w.Op, Why: w.Why, Kind: w.Kind, Summary: w.Summary, Lapses: w.Lapses.UTC(), Needs: w.Needs,
	}
	if w.Lapses.IsZero() {
		e.Lapses = time.Time{}
	}
	role, ok := person.ParseRole(w.Role)
	if !ok {
		return Event{}, fmt.Errorf("event %d: role: there is no %.20q", r.Seq, w.Role)
	}
	e.By = Who{Role: role, Shell: w.Who == ""}
	if !e.By.Shell {
		b, err := hex.DecodeString(w.Who)
		if err != nil || len(b) != len(e.By.Key) {
			return Event{}, fmt.Errorf("event %d: who: want 32 hexadecimal digits", r.Seq)
		}
		e.By.Key = person.Key(b)
	}
	var err error
	if e.Digest, err = ParseDigest(w.Digest); err != nil {
		return Event{}, fmt.Errorf("event %d: digest: %w", r.Seq, err)
	}
	return e, nil
}

// Take takes in what was kept, in its order. What does not continue the chain, or could not have been decided so, is [ErrBroken], and the
// register is as it was.
func (g *Register) Take(row Row) error {
	broken := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, args...))
	}
	if row.Seq != g.seq+1 {
		return broken("event %d follows event %d", row.Seq, g.seq)
	}
	if chain.Link(g.chain, row.Seq, sha256.Sum256([]byte(row.Text))) != row.Chain {
		return broken("event %d is not as it was written", row.Seq)
	}
	e, err := row.Event()
	if err != nil {
		return broken("%v", err)
	}
	if err := g.could(&e); err != nil {
		return broken("event %d could not be: %v", row.Seq, err)
	}
	g.seq, g.chain = row.Seq, row.Chain
	g.apply(e)
	return nil
}

// could holds an event against the rules.
func (g *Register) could(e *Event) error {
	s := Step{Op: e.Op, At: e.At, By: e.By, Why: e.Why, Request: e.Request, Digest: e.Digest, Kind: e.Kind, Body: oneByte, Summary: e.Summary, Lapses: e.Lapses}
	if err := s.check(); err != nil {
		return err
	}
	if e.Op == OpAsk {
		if e.Request != int64(len(g.list))+1 || e.Needs != Needs(e.Kind, e.By) {
			return fmt.Errorf("request %d after %d, which needs %d", e.Request, len(g.list), e.Needs)
		}
		return nil
	}
	if e.Kind != "" || e.Summary != nil || !e.Lapses.IsZero() || e.Needs != 0 {
		return fmt.Errorf("a step %q asks for something", e.Op)
	}
	if e.Request < 1 || e.Request > int64(len(g.list)) {
		return ErrNone
	}
	return g.list[e.Request-1].refuses(&s)
}

// oneByte stands for a body, which is kept elsewhere and held against the digest where it is read.
var oneByte = []byte{0}
