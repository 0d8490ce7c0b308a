package walk

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"charye/line"
	"charye/person"
)

// looks remembers which looks were written down lately.
type looks struct {
	mu   sync.Mutex
	seen map[[16]byte]time.Time
}

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

func byNumber(list []Call) {
	slices.SortStableFunc(list, func(a, b Call) int { return cmp.Compare(a.Number, b.Number) })
}

func waitsForNobody(p Place) bool { return p.State == line.Admitted }
