package notify

import (
	"context"
	"time"

	"charye/person"
)

// Source is an outbox that another with the same keys can be filled from.
type Source interface {
	// Followed is how far the ledger's feed has been followed; ok is false before the first time.
	Followed(ctx context.Context) (seq int64, ok bool, err error)
	// AllNear calls yield for each campaign whose line was looked through, with the number up to which; see [Outbox.Near].
	AllNear(ctx context.Context, yield func(campaign, upTo uint32) error) error
	// SealedContacts calls yield for how everybody wants to be told, sealed as it is kept.
	SealedContacts(ctx context.Context, yield func(SealedContact) error) error
	// AllMessages calls yield for every message.
	AllMessages(ctx context.Context, yield func(Whole) error) error
	// History calls yield for every event, in order.
	History(ctx context.Context, yield func(PastEvent) error) error
}

// SealedContact is a contact as an outbox keeps it.
type SealedContact struct {
	Person person.Key
	Sealed []byte
	SetAt  time.Time
}

// Whole is a message with all that an outbox keeps of it. Turn is when a courier may take it.
type Whole struct {
	Kept
	Turn  time.Time
	Tries int
}

// PastEvent is an event as an outbox keeps it.
type PastEvent struct {
	Seq  int64
	At   time.Time
	Kind string
	Who  person.Key // zero when the operator acted
	What string     // JSON
}
