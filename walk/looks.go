package walk

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"charye/person"
)

// looks remembers which looks were written down lately.
type looks struct {
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

func (l *looks) fresh(clerk, who person.Key, why string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.seen[lookID(clerk, who, why)]
	return ok && now.Sub(at) < lookLasts && !now.Before(at)
}

func (l *looks) note(clerk, who person.Key, why string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil || len(l.seen) >= looksMost {
		l.seen = make(map[[16]byte]time.Time)
	}
	l.seen[lookID(clerk, who, why)] = now
}

// look writes down that the actor looks at people. Who goes from page to page with one person for one reason looks once in a quarter
// of an hour. Nobody is shown whose look could not be written.
func (w *Walk) look(ctx context.Context, a Actor, campaign, why string, people ...person.Key) error {
	now := w.now()
	if len(people) == 1 && w.looks.fresh(a.Key, people[0], why, now) {
		return nil
	}
	err := w.people.Looked(ctx, person.Look{
		Clerk: a.Key, Desk: w.deskKey(a), Role: a.Role, Campaign: campaign, People: people, Why: why, At: now,
	})
	if err != nil {
		return unavailable(err)
	}
	if len(people) == 1 {
		w.looks.note(a.Key, people[0], why, now)
	}
	return nil
}
