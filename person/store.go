package person

import (
	"context"
	"errors"
	"iter"
	"time"
)

// What a Store refuses.
var (
	// ErrNoRecipient: no such recipient of this helper.
	ErrNoRecipient = errors.New("no such recipient")
	// ErrHelperLimit: the helper already has as many recipients in this campaign as it allows.
	ErrHelperLimit = errors.New("helper's limit reached")
	// ErrTwoPeople: a roster in which an identity number would name the wrong person.
	ErrTwoPeople = errors.New("one identity number stands for two people or two dates of birth")
	// ErrIdentityUnknown: name, date of birth and identity number do not belong to anyone in the roster. It never says
	// which of them was wrong.
	ErrIdentityUnknown = errors.New("identity not found in the roster")
)

// Store keeps rosters and recipients. Every change is durable when the call returns and writes an event in the same
// transaction. Safe for concurrent use; one process serves while another imports.
type Store interface {
	// ReplaceRoster makes rows the whole content of the roster id, all or nothing; readers see the old one until the last
	// row is in. It returns the number of distinct people.
	ReplaceRoster(ctx context.Context, id string, rows iter.Seq2[Identity, error], at time.Time) (int, error)
	// RosterKeys streams the person keys of a roster in ascending order, without duplicates.
	RosterKeys(ctx context.Context, id string) iter.Seq2[Key, error]
	// RosterVersions gives for each roster a number that grows with each replacement; nodes reload what changed.
	RosterVersions(ctx context.Context) (map[string]int64, error)
	// FindIdentity looks a person up by the blind index of the identity number, in any roster. Of several indexes of one number
	// ([Keyer.IdentityIndexes]) the first that is known counts.
	FindIdentity(ctx context.Context, index ...[16]byte) (Identity, error)

	// AddRecipient registers r for its helper and campaign when that makes no more than limit; registering the same person
	// again returns the one that exists. The count and the insert are one step. What counts are the helper's recipients in the
	// campaign; at a desk (r.Clerk is set) those that this clerk registered there.
	AddRecipient(ctx context.Context, r Recipient, limit int) (Recipient, error)
	// Recipients lists a helper's recipients, oldest first.
	Recipients(ctx context.Context, helper Key) ([]Recipient, error)
	// Recipient finds one by its helper and id; somebody else's id is [ErrNoRecipient].
	Recipient(ctx context.Context, helper Key, id string) (Recipient, error)
	// Helpers gives for each of some people which citizens help them in a campaign, the first to register first; who has no helper is left
	// out. It is asked for thousands at a time.
	Helpers(ctx context.Context, campaign string, who []Key) (map[Key][]Key, error)
	// RemoveRecipient withdraws the consent. It is idempotent.
	RemoveRecipient(ctx context.Context, helper Key, id string, at time.Time) error

	DeskStore
	Keeper

	Close() error
}

// DeskStore is what a [Store] keeps for those who act at work.
type DeskStore interface {
	// RecipientOf finds a helper's recipient by the person; [ErrNoRecipient] when there is none.
	RecipientOf(ctx context.Context, helper Key, campaign string, who Key) (Recipient, error)
	// OpenRecipients lists a helper's recipients in a campaign that are not settled, oldest first, at most so many.
	OpenRecipients(ctx context.Context, helper Key, campaign string, most int) ([]Recipient, error)
	// SettleRecipient notes that nothing is left to do for a recipient, or that there is again. No event: it follows from bookings.
	SettleRecipient(ctx context.Context, helper Key, id string, settled bool) error
	// SetRecipientPhone keeps another number to call back on; clerk is who was told it.
	SetRecipientPhone(ctx context.Context, helper Key, id, phone string, clerk Key, at time.Time) error
	// Looked writes an event: this clerk looked at these people, and why.
	Looked(ctx context.Context, l Look) error
	// Looks lists looks of from ≤ At < until, the last first, from the first before an event's number on; before 0: from the last. At
	// most limit.
	Looks(ctx context.Context, from, until time.Time, before int64, limit int) ([]SeenLook, error)

	// IssueTemporary keeps a temporary identity; from then on [Store.FindIdentity] finds it. Issuing an index twice is
	// [ErrTemporaryTaken].
	IssueTemporary(ctx context.Context, t TemporaryIdentity) error
	// TemporaryLike counts the identities that a desk issued to people of the same name and date of birth, by that index
	// or one of several of the same.
	TemporaryLike(ctx context.Context, desk Key, like ...[16]byte) (int, error)
}

// Look is a look of staff at people's data.
type Look struct {
	Clerk, Desk Key
	Role        Role
	Campaign    string
	People      []Key
	Why         string // one of the few words of package walk
	At          time.Time
}

// SeenLook is a look as it was written down, with the number of its event.
type SeenLook struct {
	Seq int64
	Look
}

// ErrTemporaryTaken tells that the code was issued before.
var ErrTemporaryTaken = errors.New("this temporary identity was issued before")
