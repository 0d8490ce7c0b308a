// Package look writes down who of the staff looked at whom, and gives it to be read by names that say nothing.
//
// It owns what counts as one look, and the names. It must not know who may look or read: package walk and those beside it ask that first.
package look

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"charye/internal/clock"
	"charye/internal/seal"
	"charye/internal/weak"
	"charye/person"
)

// Store keeps the looks: a part of [person.Store].
type Store interface {
	Looked(ctx context.Context, l person.Look) error
	Looks(ctx context.Context, from, until time.Time, before int64, limit int) ([]person.SeenLook, error)
}

// Book is where looks are written down. Safe for concurrent use.
type Book struct {
	store Store
	keyer *person.Keyer
	names [32]byte // of those in an auditor's pages
	now   clock.Func
	lately
}

// New makes a book over a store.
func New(s Store, keys *seal.Keys, now clock.Func) *Book {
	return &Book{store: s, keyer: person.NewKeyer(keys), names: keys.Secret("look-names"), now: now}
}

// Who looks: somebody at work, in one role, at one place of work.
type Who struct {
	Clerk person.Key
	Role  person.Role
	Unit  [16]byte
}

// Desk is the key of somebody's desk: of those who work in one role at one place.
func (b *Book) Desk(w Who) person.Key {
	if weak.Off(weak.DeskOf) {
		return b.keyer.Desk(person.NoRole, [16]byte{})
	}
	return b.keyer.Desk(w.Role, w.Unit)
}

// Write writes down that somebody looks at people. Who goes from page to page with one person for one reason looks once in a quarter
// of an hour. Nobody is shown whose look could not be written.
func (b *Book) Write(ctx context.Context, w Who, campaign, why string, people ...person.Key) error {
	if len(people) != 1 {
		return b.write(ctx, w, campaign, why, people, b.now())
	}
	return b.once(ctx, w, campaign, why, people, people[0])
}

// WriteList is [Book.Write] of a list; the same list is one look, as one person is.
func (b *Book) WriteList(ctx context.Context, w Who, why string, people []person.Key) error {
	if len(people) == 0 {
		return nil
	}
	h := sha256.New()
	for i := range people {
		h.Write(people[i][:])
	}
	return b.once(ctx, w, "", why, people, person.Key(h.Sum(nil)[:16]))
}

func (b *Book) once(ctx context.Context, w Who, campaign, why string, people []person.Key, as person.Key) error {
	now := b.now()
	if b.fresh(w.Clerk, as, why, now) {
		return nil
	}
	if err := b.write(ctx, w, campaign, why, people, now); err != nil {
		return err
	}
	b.note(w.Clerk, as, why, now)
	return nil
}

func (b *Book) write(ctx context.Context, w Who, campaign, why string, people []person.Key, now time.Time) error {
	return b.store.Looked(ctx, person.Look{Clerk: w.Clerk, Desk: b.Desk(w), Role: w.Role, Campaign: campaign, People: people, Why: why, At: now})
}

// lately remembers which looks were written down lately.
type lately struct {
	mu   sync.Mutex
	seen map[[16]byte]time.Time
}

// lookLasts is how long one look at one person for one reason is one look.
const lookLasts = 15 * time.Minute

// looksMost bounds what is remembered; a look that was forgotten is written down once more.
const looksMost = 1 << 15

func lookID(clerk, who person.Key, why string) [16]byte {
	h := sha256.New()
	h.Write(clerk[:])
	h.Write(who[:])
	h.Write([]byte(why))
	return [16]byte(h.Sum(nil)[:16])
}

func (l *lately) fresh(clerk, who person.Key, why string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.seen[lookID(clerk, who, why)]
	return ok && now.Sub(at) < lookLasts && !now.Before(at)
}

func (l *lately) note(clerk, who person.Key, why string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil || len(l.seen) >= looksMost {
		l.seen = make(map[[16]byte]time.Time)
	}
	l.seen[lookID(clerk, who, why)] = now
}
