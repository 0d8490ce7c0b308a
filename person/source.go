package person

import (
	"context"
	"time"

	"charye/internal/civil"
)

// Source is a store that another with the same keys can be filled from. What is sealed stays sealed, and is bound to the same
// place in either.
type Source interface {
	// Rosters lists the rosters as they stand, those begun first before the others.
	Rosters(ctx context.Context) ([]RosterState, error)
	// RosterPages gives a roster's content: person keys of 16 bytes each, ascending from page to page, and rows of 36 bytes
	// (identity index 16, person key 16, date of birth 4), ascending too.
	RosterPages(ctx context.Context, id string, keys, index func(page []byte) error) error
	// SealedRecipients calls yield for every recipient of everybody, oldest first.
	SealedRecipients(ctx context.Context, yield func(SealedRecipient) error) error
	// SealedTemporaries calls yield for every temporary identity.
	SealedTemporaries(ctx context.Context, yield func(SealedTemporary) error) error
	// History calls yield for every event, in order.
	History(ctx context.Context, yield func(PastEvent) error) error
}

// RosterState is a roster without its content.
type RosterState struct {
	ID         string
	Version    int64
	People     int64
	Layer      int // of its blind indexes
	ReplacedAt time.Time
}

// SealedRecipient is a recipient as a store keeps it.
type SealedRecipient struct {
	ID           string
	Helper, Key  Key
	Campaign     string
	Name         []byte // sealed
	Born         civil.Date
	RegisteredAt time.Time
	Kind         RecipientKind
	Clerk        Key // zero: none
	Consent      string
	Phone        []byte // sealed, nil: none
	Settled      bool
	Temporary    bool
}

// SealedTemporary is a temporary identity as a store keeps it: Name is empty, Sealed has it.
type SealedTemporary struct {
	TemporaryIdentity
	Sealed []byte
}

// PastEvent is an event as a store keeps it.
type PastEvent struct {
	Seq  int64
	At   time.Time
	Kind string
	Who  Key // zero when the operator acted
	What []byte
}
