// Package journal keeps what the people of the supply room decided beside verdicts: which boxes a departure was settled to take, and which GLN is which
// site.
//
// It owns these events, what may follow what ([Book]), and the contract of the stores that keep them ([Store]). It must not know of plans, custody, engines
// or faces: how a departure comes to be proposed, and when a box has left, is supply/delivery.
//
// One rule is above the others: a box is promised once. The book refuses a second promise, and a constraint of every store stands behind it.
package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/supply"
)

// Kind is what an event is about.
type Kind string

// The kinds.
const (
	Settle   Kind = "settle"   // these boxes go with this departure
	Withdraw Kind = "withdraw" // what of a settlement has not left does not go
	End      Kind = "end"      // the promise of some boxes of a settlement is over
	GLNs     Kind = "glns"     // the table of GLNs, whole
)

// Event is something that was decided, or that ended a promise. It is followed by others, never changed.
type Event struct {
	Seq  int64     `json:"-"` // 1, 2, 3 … without gaps; given by the book
	At   time.Time `json:"at"`
	By   string    `json:"by"` // a role and the beginning of a key; or the shell; or the server itself
	Kind Kind      `json:"kind"`

	Departure  *Departure `json:"departure,omitempty"`  // of [Settle]
	Plan       string     `json:"plan,omitempty"`       // of [Settle]: SHA-256 of the plan's CSV, in hexadecimal
	Settlement int64      `json:"settlement,omitempty"` // of [Withdraw] and [End]: the number of its event
	Reason     string     `json:"reason,omitempty"`     // of [Withdraw]
	Ended      []Ended    `json:"ended,omitempty"`      // of [End]
	Table      *Table     `json:"table,omitempty"`      // of [GLNs]
}

// Departure is what leaves one place at one time with one product.
type Departure struct {
	Depot   string    `json:"depot,omitempty"` // id; empty: from a site
	Giver   string    `json:"giver,omitempty"` // id of the site that gives; empty: from a depot
	Product string    `json:"product"`
	Leaves  time.Time `json:"leaves"`
	CutOff  time.Time `json:"cutOff"` // what goes must be settled before
	Loads   []Load    `json:"loads"`
}

// Load is a box that goes to a site.
type Load struct {
	Box     supply.SSCC `json:"box"`
	Site    string      `json:"site"`    // id
	Arrives civil.Date  `json:"arrives"` // the first day on which it can be used there
	Lot     string      `json:"lot"`
	Expires civil.Date  `json:"expires"`
	Vials   int         `json:"vials"`
}

// From is who sends it, for people and for comparing.
func (d *Departure) From() string {
	if d.Giver != "" {
		return d.Giver
	}
	return d.Depot
}

// Digest names exactly this departure: SHA-256 of its fields and its boxes in order, in hexadecimal.
func (d *Departure) Digest() string {
	c := *d
	c.Leaves, c.CutOff, c.Loads = c.Leaves.UTC(), c.CutOff.UTC(), slices.Clone(c.Loads)
	slices.SortFunc(c.Loads, func(a, b Load) int {
		if a.Box < b.Box {
			return -1
		}
		return 1
	})
	b, err := json.Marshal(&c)
	if err != nil {
		panic("journal: " + err.Error()) // it is made of texts, numbers and instants
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Ended says that the promise of a box is over.
type Ended struct {
	Box supply.SSCC `json:"box"`
	Why Why         `json:"why"`
	To  string      `json:"to,omitempty"` // with [Left]: where it was told to be or to go, when that is known
}

// Why is how a promise ended.
type Why string

// How promises end by themselves.
const (
	Left     Why = "left"     // custody told that the box is not there any more
	Unusable Why = "unusable" // it was held, recalled or destroyed
	Missed   Why = "missed"   // it should have left long ago, and did not
)

// Bounds of what is kept.
const (
	MaxReason = 500    // bytes of why something is withdrawn
	MaxLoads  = 50_000 // boxes of one departure
	maxText   = 200
)

// What [Book.Decide] refuses.
var (
	ErrEvent        = errors.New("not an event of the journal")
	ErrCutOff       = errors.New("past the cut-off")
	ErrTaken        = errors.New("promised already")
	ErrUnusable     = errors.New("may not be used")
	ErrNoSettlement = errors.New("there is no such settlement")
	ErrOver         = errors.New("nothing of the settlement is left to withdraw")
	// ErrNothing means that what was told changes nothing: it was told before.
	ErrNothing = errors.New("nothing new")
)

// TakenError names a box that a settlement has already; it is an [ErrTaken].
type TakenError struct {
	Box  supply.SSCC
	Site string // where it goes
	By   string
	At   time.Time
	ID   int64 // of the settlement
	More int   // boxes that it has too
}

func (e *TakenError) Error() string {
	more := ""
	if e.More > 0 {
		more = fmt.Sprintf(", and %d boxes more", e.More)
	}
	return fmt.Sprintf("box %s is promised already: settlement %d of %s sends it to %s%s", e.Box, e.ID, e.By, e.Site, more)
}

// Unwrap makes it an [ErrTaken].
func (e *TakenError) Unwrap() error { return ErrTaken }

// checkDeparture refuses what is not whole.
func checkDeparture(d *Departure) error {
	switch {
	case d == nil:
		return fmt.Errorf("%w: without a departure", ErrEvent)
	case (d.Depot == "") == (d.Giver == ""), d.Product == "", d.Leaves.IsZero(), d.CutOff.IsZero(), d.CutOff.After(d.Leaves):
		return fmt.Errorf("%w: want a depot or a site that gives, a product, when it leaves, and a cut-off before that", ErrEvent)
	case len(d.Loads) == 0 || len(d.Loads) > MaxLoads:
		return fmt.Errorf("%w: %d boxes; want 1 to %d", ErrEvent, len(d.Loads), MaxLoads)
	case len(d.From()) > maxText || len(d.Product) > maxText:
		return fmt.Errorf("%w: a name of more than %d bytes", ErrEvent, maxText)
	}
	seen := make(map[supply.SSCC]bool, len(d.Loads))
	for i := range d.Loads {
		l := &d.Loads[i]
		switch {
		case l.Box == 0 || l.Site == "" || l.Site == d.Giver || l.Vials <= 0 || len(l.Site) > maxText || len(l.Lot) > maxText:
			return fmt.Errorf("%w: box %s: want a site that it goes to, and vials", ErrEvent, l.Box)
		case seen[l.Box]:
			return fmt.Errorf("%w: box %s is in it twice", ErrEvent, l.Box)
		}
		seen[l.Box] = true
	}
	return nil
}
