package notify

import (
	"context"
	"time"

	"charye/internal/seal"
	"charye/person"
)

// Keeper is what an [Outbox] does with what it keeps as time goes by.
type Keeper interface {
	// Census counts sealed contacts by the keys that they need.
	Census(ctx context.Context) (seal.Census, error)
	// Reseal moves what is sealed with an older key to the one in use, some hundred rows in a transaction, while everybody else
	// reads and writes. It may be ended at any moment and begun again.
	Reseal(ctx context.Context, pace seal.Pace) (moved int64, err error)

	// CountErasable tells of how many people addresses, and how many messages, there are to erase: of one, or of everybody where who
	// is zero. Messages that have a future count too: whoever has no address is not written to.
	CountErasable(ctx context.Context, who person.Key) (contacts, messages int64, err error)
	// EraseContacts erases the addresses, and what was written to those people, of at most limit rows of each in one transaction with an
	// event of the counts. It is done when nothing was left to erase.
	EraseContacts(ctx context.Context, who person.Key, why string, at time.Time, limit int) (contacts, messages int64, err error)
}

// ResealContact seals a kept contact anew, with the key in use.
func ResealContact(k *seal.Keys, who person.Key, sealed []byte) ([]byte, error) {
	out, _, err := k.Reseal(sealedPlace(who), sealedPlace(who), sealed)
	return out, err
}

// Told is what the event of an erasure tells.
func Told(contacts, messages int64, why string) map[string]any {
	return map[string]any{"contacts": contacts, "messages": messages, "why": why}
}
