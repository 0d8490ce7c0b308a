// Package approval keeps what two people must want before it is done (four eyes): a request says exactly what will be done, others agree
// or decline, and what was agreed is done once.
//
// It owns requests and their states, the rules ([Register.Decide]), the form in which they are kept as a chained history ([Row]), and the
// contract [Store] (engines: approval/sqlite, approval/postgres; conformance: approval/approvaltest). It must not know what a request
// is about: the body is bytes that somebody else reads, and carries out. Which role may do what is for package walk. It takes instants as
// values.
package approval

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"charye/internal/chain"
	"charye/person"
)

// Kind is what a request is about; whoever carries it out reads the body of that kind.
type Kind string

// The kinds.
const (
	Verdict    Kind = "verdict"    // on boxes of vaccine: hold, release, recall, destroy
	Command    Kind = "command"    // the same, carried out by somebody on the command line and not by the server
	Reschedule Kind = "reschedule" // a plan by which booked doses move, or its undoing
	Programme  Kind = "programme"  // other rules for a campaign that has begun
	Export     Kind = "export"     // all that is kept about a person
	Sessions   Kind = "sessions"   // the end of sessions of staff: one person alone may stop somebody, and it is on record here
)

// Kinds lists every kind.
var Kinds = []Kind{Verdict, Command, Reschedule, Programme, Export, Sessions}

// Digest says exactly what a request is about.
type Digest = chain.Hash

// DigestOf is SHA-256 over the kind (4 bytes of length, then its text) and the body.
func DigestOf(k Kind, body []byte) Digest {
	h := sha256.New()
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(k)))
	h.Write(n[:])
	h.Write([]byte(k))
	h.Write(body)
	return Digest(h.Sum(nil))
}

// ParseDigest reads a digest in hexadecimal, as pages and commands show it.
func ParseDigest(text string) (Digest, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(Digest{}) {
		return Digest{}, fmt.Errorf("%.80q is no digest; want %d hexadecimal digits", text, 2*len(Digest{}))
	}
	return Digest(b), nil
}

// Who does something to a request: somebody signed in, in a role of theirs, or an engineer on the command line, of whom nobody knows
// who it is.
type Who struct {
	Key   person.Key // zero of the command line
	Role  person.Role
	Shell bool
}

// Shell is who acts on the command line.
var Shell = Who{Role: person.Operator, Shell: true}

// String says in which role and from where, never who.
func (w Who) String() string {
	if w.Shell {
		return w.Role.String() + "@shell"
	}
	return w.Role.String()
}

func (w Who) valid() bool { return w.Shell == w.Key.IsZero() && w.Role != person.NoRole }

// Needs is how many people must agree to what somebody asks: one more who is signed in; two where it was asked on the command line, since
// there nobody knows who asks; nobody where somebody is stopped.
func Needs(k Kind, asked Who) int {
	switch {
	case k == Sessions:
		return 0
	case asked.Shell:
		return 2
	}
	return 1
}

// State of a request at an instant.
type State string

// The states. Asked, Agreed and Begun are the ones with a future; what lapses does so by the clock alone.
const (
	Asked     State = "asked"     // waits for those who must agree
	Agreed    State = "agreed"    // may be done, once, until it lapses
	Begun     State = "begun"     // is being done; it does not lapse any more
	Done      State = "done"      //
	Declined  State = "declined"  // somebody said no
	Withdrawn State = "withdrawn" // by who asked
	Lapsed    State = "lapsed"    // not done in time
)

// States lists every state.
var States = []State{Asked, Agreed, Begun, Done, Declined, Withdrawn, Lapsed}

// Open reports whether something may still become of a request.
func (s State) Open() bool { return s == Asked || s == Agreed || s == Begun }

// Request is what somebody wants that others must want too. The body is kept beside it, see [Store.Body].
type Request struct {
	ID      int64 // 1, 2, 3 …
	Kind    Kind
	Digest  Digest   // of kind and body
	Summary []string // what it does, for the people who agree
	Reason  string   // why it is asked for
	Asked   Who
	AskedAt time.Time
	Lapses  time.Time // nothing is agreed or begun from here on
	Needs   int       // how many must agree

	Agreed  []Vote // in order; each by somebody else
	Ended   Vote   // who declined or withdrew it
	Begun   Vote
	Done    Vote    // Why: what came of it
	History []Event // all of the above, in order

	state State // without the clock
}

// Vote is what one person did.
type Vote struct {
	Who Who
	At  time.Time
	Why string
}

// State is the state at an instant.
func (r *Request) State(now time.Time) State {
	if (r.state == Asked || r.state == Agreed) && !now.Before(r.Lapses) {
		return Lapsed
	}
	return r.state
}

// Missing is how many must still agree.
func (r *Request) Missing() int { return max(0, r.Needs-len(r.Agreed)) }

// AgreedBy reports whether this person has agreed.
func (r *Request) AgreedBy(k person.Key) bool {
	return slices.ContainsFunc(r.Agreed, func(v Vote) bool { return v.Who.Key == k })
}

// MayAgree reports whether this person's agreement would count at an instant: see the rules at [Register.Decide].
func (r *Request) MayAgree(w Who, now time.Time) bool {
	return r.State(now) == Asked && !w.Shell && w.Key != r.Asked.Key && !r.AgreedBy(w.Key)
}

func (r *Request) clone() Request {
	out := *r
	out.Summary, out.Agreed, out.History = slices.Clone(r.Summary), slices.Clone(r.Agreed), slices.Clone(r.History)
	return out
}

// Clip makes a line fit for a summary.
func Clip(line string) string {
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(line, ""))
	if len(line) > MaxLine {
		line = strings.ToValidUTF8(line[:MaxLine-len("…")], "") + "…"
	}
	return line
}

// What a request may have at most. A staff that asks for more has another problem than the ones that four eyes are for.
const (
	MaxBody    = 1 << 20 // bytes
	MaxReason  = 1000    // bytes
	MaxLines   = 40      // of the summary
	MaxLine    = 400     // bytes
	MaxLife    = 30 * 24 * time.Hour
	MaxOpen    = 200 // requests at a time
	LifeUsual  = 3 * 24 * time.Hour
	LifeUrgent = 12 * time.Hour
)
