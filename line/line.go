// Package line is the waiting line (대기열): one place per person, gathering and draw, arrival order, admission, tickets
// and passes.
//
// It owns the order of people and the door: who has a turn, and whose pass is live. It must not know of vaccines, sites,
// bookings or HTTP; remaining stock and the measured booking latency are told to it as numbers. The rules here are pure;
// what is kept is kept by an engine ([Line]; engine: line/sqlite, conformance: line/linetest).
package line

import (
	"context"
	"errors"
	"io"
	"time"

	"charye/person"
)

// Config is one campaign's line as the programme's rules set it. Immutable.
type Config struct {
	Campaign uint32 // programme.Campaign.Num
	Gathers  time.Time
	Opens    time.Time
	Closes   time.Time
	Pauses   []Window // admission stands still; places are kept
	Draw     bool     // true: everyone who joins before Opens is drawn into a random order; false: arrival order throughout

	Inside    int           // most people choosing at once
	PerSecond float64       // admissions per second; 0: auto
	PassLife  time.Duration // life of a pass
}

// Window is a stretch of time, From included, To not.
type Window struct{ From, To time.Time }

// State is where a place stands.
type State string

// The states of a place; docs/lifecycle.md draws them. Standby is a place whose turn has not come when the stock is gone:
// it keeps its order, and becomes waiting again when there is new stock.
const (
	Gathering State = "gathering"
	Waiting   State = "waiting"
	Admitted  State = "admitted"
	Standby   State = "standby"
)

// Place is a person's one place in the line of a campaign (자리), as it stands at an instant.
type Place struct {
	Campaign uint32
	Person   person.Key
	Seq      uint32 // order of joining, 1, 2, 3 … without gaps; fixed at once
	Number   uint32 // 번호: 0 while gathering or being drawn, afterwards fixed for ever
	State    State
	Ahead    int // people between this one and the door; while gathering, 0
	// Wait is an honest range from the measured rate; both 0 when it is the person's turn; [-1, -1] when nothing can be said.
	Wait [2]time.Duration
	// PollAfter is when to ask again: long when far, short when near, with jitter, so that requests per person stay few.
	PollAfter time.Duration
}

// Status is a campaign's line as everybody may see it. It says nothing of any person.
type Status struct {
	Campaign  uint32
	Joined    int // places taken
	Gathered  int // of those, how many stood in the draw; 0 before the opening
	Drawn     bool
	Admitted  uint32  // all numbers up to this have their turn; only ever grows
	Inside    int     // live passes
	PerMinute float64 // measured admissions per minute
	SoldOut   bool
	At        time.Time
}

// Draw is the public record of a draw. Commitment stands before gathering begins; the rest after the draw.
type Draw struct {
	Commitment [32]byte // SHA-256 of Seed
	Seed       [32]byte // zero until Drawn
	Drawn      bool
	Entrants   int
	At         time.Time
}

// What a Line refuses.
var (
	ErrNoCampaign  = errors.New("no such campaign in this line")
	ErrNotOpen     = errors.New("the line does not take people yet")
	ErrClosed      = errors.New("the line is closed")
	ErrNoPlace     = errors.New("this person has no place in this line")
	ErrNotYourTurn = errors.New("not this person's turn yet")
	// ErrOtherDevice: a live pass exists on another device. First device wins; a takeover is a deliberate act.
	ErrOtherDevice = errors.New("a live pass exists on another device")
	// ErrNoPass: the pass is not the live one of this person: taken over, left, expired or unknown.
	ErrNoPass = errors.New("no such live pass")
	// ErrInsideFull: so many are inside that letting one more in now would harm all; try again in seconds.
	ErrInsideFull = errors.New("too many are inside right now")
)

// Line is what an engine keeps for the lines of all campaigns.
//
// Guarantees every engine gives (line/linetest proves them): a place or pass that was returned is durable; one place per
// person and campaign however many join at once; Seq and, after the draw, Number are unique and dense and never change;
// Admitted never falls; at most one live pass per person and campaign. Where state is unknown the answer is an error,
// never an entry. All methods are safe for concurrent use. Engines take the time from the clock they were opened with.
type Line interface {
	// Join gives the person's place, taking one when there is none (created). A full waiting room is [batch.ErrFull].
	Join(ctx context.Context, campaign uint32, who person.Key) (p Place, created bool, err error)
	// Place gives the person's place or [ErrNoPlace]. It reads memory only in the embedded engine.
	Place(ctx context.Context, campaign uint32, who person.Key) (Place, error)
	// Status is cheap and may be up to a second old.
	Status(ctx context.Context, campaign uint32) (Status, error)

	// Enter exchanges a place whose turn has come for a live pass. The same device gets its live pass again (same serial and
	// expiry); another device gets [ErrOtherDevice] unless takeover, which ends the older pass.
	Enter(ctx context.Context, campaign uint32, who person.Key, device Device, takeover bool) (Pass, error)
	// CheckPass reports whether p is the live pass of its person at this moment, else [ErrNoPass].
	CheckPass(ctx context.Context, p Pass) error
	// Leave ends the person's live pass, if any: booked, or gone. Idempotent.
	Leave(ctx context.Context, campaign uint32, who person.Key) error

	// Draw gives the public record of the draw; the zero one for a line in arrival order.
	Draw(ctx context.Context, campaign uint32) (Draw, error)
	// Entrants opens the drawn order: 16-byte pseudonyms of number 1, 2, 3 …; [ErrNotOpen] before the draw.
	Entrants(ctx context.Context, campaign uint32) (io.ReadSeekCloser, error)

	// Supply tells how much stock is left to be booked (holds count as taken) and how much is not yet booked for good;
	// both 0 is sold out. Admission does not let in many more people than there is stock for, and nobody at all before it
	// is told for the first time after the start.
	Supply(campaign uint32, free, unbooked int)
	// StandBy tells that the campaign was sold out once, and that from now on the stock itself calls people, in the order of
	// their numbers: those up to called have been. Admission then follows the calls, and whoever was not called yet stands by.
	StandBy(campaign uint32, called uint32)
	// Numbered gives the people with the numbers after+1, after+2 … in this order, at most limit; the zero key for a number that
	// nobody has. It may read the whole line, so it is asked for many at a time.
	Numbered(ctx context.Context, campaign uint32, after uint32, limit int) ([]person.Key, error)
	// Near gives the number up to which everybody's turn has come or is expected within the given time; see [Config.Near]. It is
	// as old as Status.
	Near(ctx context.Context, campaign uint32, within time.Duration) (uint32, error)
	// Inside reports whether the person has a live pass at this moment. A stranger has none.
	Inside(ctx context.Context, campaign uint32, who person.Key) (bool, error)
	// Leads reports whether this is the node that does for a campaign what one node does.
	Leads(campaign uint32) bool
	// Observe tells the latency of one booking, for PerSecond auto.
	Observe(campaign uint32, latency time.Duration)

	// Run draws at the opening and advances admission until ctx ends.
	Run(ctx context.Context) error
	Close() error
}

// Device is a hash of what a device calls itself; it binds a pass to that device.
type Device [16]byte

// Pass lets one person book from one device for some minutes (입장권).
type Pass struct {
	Campaign  uint32
	Person    person.Key
	Device    Device
	Serial    uint64    // unique in the campaign; a takeover makes a new one
	ExpiresAt time.Time // whole seconds
}

// Pseudonyms makes the names that a campaign's draw is published under: the first 16 bytes of HMAC-SHA256(campaign's
// pseudonym key, person.Key). They say nothing about the person and differ between campaigns.
type Pseudonyms interface {
	Of(campaign uint32, who person.Key) [16]byte
}
