package person

import (
	"context"
	"fmt"
	"time"

	"charye/internal/civil"
	"charye/internal/seal"
)

// Keeper is what a [Store] does with what it keeps as time goes by: it is sealed with new keys, and erased when its time is over.
type Keeper interface {
	// Census counts sealed fields and blind indexes by the keys that they need.
	Census(ctx context.Context) (seal.Census, error)
	// Reseal moves all that is sealed or indexed with an older key to the ones in use, some hundred rows in a transaction, and rosters
	// each as a whole. It may be ended at any moment and begun again, and run while everybody else reads and writes: what is
	// changed meanwhile is changed with the keys in use by itself. It gives how many rows it moved.
	Reseal(ctx context.Context, pace seal.Pace) (moved int64, err error)

	// Count tells how much there is to erase.
	Count(ctx context.Context, e Erasure) (int64, error)
	// Erase erases at most limit of it (a roster always whole) in one transaction with an event of the count. It is done when
	// nothing was left to erase.
	Erase(ctx context.Context, e Erasure, at time.Time, limit int) (int64, error)
}

// Erasure is one kind of data to erase.
type Erasure struct {
	What ErasureKind
	Of   string // the campaign, or the roster
	Who  Key    // of ErasePerson
	Why  string // "retention" or "request", for the event
}

// ErasureKind is what an [Erasure] takes.
type ErasureKind string

// The kinds of erasure.
const (
	ErasePhones      ErasureKind = "phones"      // callers' telephone numbers in a campaign
	EraseRecipients  ErasureKind = "recipients"  // who may act for whom in a campaign, with names and consents
	EraseTemporaries ErasureKind = "temporaries" // all temporary identities
	EraseRoster      ErasureKind = "roster"      // everybody in a roster; the roster stays, empty
	ErasePerson      ErasureKind = "person"      // one person's: recipients they help or are, and their temporary identity
)

// Check reports an erasure that says too little or too much.
func (e *Erasure) Check() error {
	needsOf := e.What == ErasePhones || e.What == EraseRecipients || e.What == EraseRoster
	switch {
	case !needsOf && e.What != EraseTemporaries && e.What != ErasePerson:
		return fmt.Errorf("erase %q: there is no such kind", e.What)
	case needsOf != (e.Of != ""), (e.What == ErasePerson) == e.Who.IsZero():
		return fmt.Errorf("erase %s: of which campaign, roster or person?", e.What)
	}
	return nil
}

// Told is what the event of an erasure tells; whom it was of is the event's own.
func (e *Erasure) Told(rows int64) map[string]any {
	what := map[string]any{"what": string(e.What), "rows": rows, "why": e.Why}
	if e.Of != "" {
		what["of"] = e.Of
	}
	return what
}

// Purposes of blind indexes.
const (
	identityPurpose = "person/identity"
	likePurpose     = "person/like"
)

// IdentityIndexes are the blind indexes by which an identity number may be kept, that of the layer in use first; see
// [Keyer.IdentityIndex]. Nil for a number that is empty.
func (k *Keyer) IdentityIndexes(number string) []seal.Index {
	n := normalNumber(number)
	if n == "" {
		return nil
	}
	return k.keys.Indexes(identityPurpose, []byte(n))
}

// RaiseIdentity moves a blind index of an identity number to the layer in use.
func RaiseIdentity(keys *seal.Keys, i seal.Index) (seal.Index, error) {
	return keys.Raise(identityPurpose, i)
}

// RaiseLike moves a blind index of name and date of birth to the layer in use.
func RaiseLike(keys *seal.Keys, i seal.Index) (seal.Index, error) { return keys.Raise(likePurpose, i) }

// Values are the indexes without their layers, for look-ups.
func Values(list []seal.Index) [][16]byte {
	out := make([][16]byte, len(list))
	for i := range list {
		out[i] = list[i].Value
	}
	return out
}

// Likes are the blind indexes by which a name and a date of birth may be kept, that of the layer in use first; see [Keyer.Like].
func (k *Keyer) Likes(name string, born civil.Date) []seal.Index {
	return k.keys.Indexes(likePurpose, likeData(name, born))
}

// IndexLayer is the one layer of a roster's rows: those that came first decide.
type IndexLayer struct {
	layer int
	known bool
}

// Add takes the next row; an error when it is of another layer.
func (l *IndexLayer) Add(who Identity) error {
	if who.Index == ([16]byte{}) {
		return nil
	}
	if l.known && who.Layer != l.layer {
		return fmt.Errorf("indexes of layers %d and %d in one roster", l.layer, who.Layer)
	}
	l.layer, l.known = who.Layer, true
	return nil
}

// Layer is that of the rows so far.
func (l *IndexLayer) Layer() int { return l.layer }

// RaiseTemporary moves the blind indexes of a temporary identity from a layer to the one in use, and seals its name anew for the
// place that follows from them.
func RaiseTemporary(keys *seal.Keys, layer int, ident, alike [16]byte, name []byte) (i, a seal.Index, sealed []byte, err error) {
	if i, err = RaiseIdentity(keys, seal.Index{Layer: layer, Value: ident}); err != nil {
		return i, a, nil, err
	}
	for { // both of one layer, also when another key comes into use between them
		if a, err = RaiseLike(keys, seal.Index{Layer: layer, Value: alike}); err != nil {
			return i, a, nil, err
		}
		if a.Layer <= i.Layer {
			break
		}
		if i, err = RaiseIdentity(keys, i); err != nil {
			return i, a, nil, err
		}
	}
	sealed, _, err = keys.Reseal(TemporaryNamePlace(ident), TemporaryNamePlace(i.Value), name)
	return i, a, sealed, err
}
