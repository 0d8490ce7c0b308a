package trace

import (
	"context"
	"sync"
)

// Live is the story of custody in a process that lives long: opened once, it takes only what is new. It is for any number of
// goroutines; one at a time refreshes, the others wait for it.
type Live struct {
	from  Source
	rules func(context.Context) (Rules, error)

	mu   sync.Mutex
	by   Follower // nil: the reader alone
	r    *Reader
	told *Trace // the story up to at; its index has no appointments
	at   Mark
}

// NewLive follows a log of custody. r is how far it was read already, such as [NewReader]; from now on it belongs to the Live. rules
// is asked before each telling, and not when nothing is new.
func NewLive(r *Reader, from Source, rules func(context.Context) (Rules, error)) *Live {
	return &Live{r: r, from: from, rules: rules}
}

// Follower reads what is new and keeps it for the next process, as a file of supply/trace/kept does.
type Follower interface {
	Follow(ctx context.Context, r *Reader, from Source) error
}

// By has all that is new read through f, which was opened with the reader of this Live.
func (l *Live) By(f Follower) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.by = f
}

func (l *Live) follow(ctx context.Context) error {
	if l.by != nil {
		return l.by.Follow(ctx, l.r, l.from)
	}
	return l.r.Follow(ctx, l.from)
}

// Refresh reads what was captured since the last time and gives the story as of then. Where nothing was captured it is the story as it
// was told, for the price of one query. What is returned is the caller's own view: nothing changes it any more, its index has no
// appointments, and appointments may be added to it. An error changes nothing: the next Refresh goes on where this one ended.
func (l *Live) Refresh(ctx context.Context) (*Trace, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.follow(ctx); err != nil {
		return nil, err
	}
	if at := l.r.Last(); l.told == nil || at != l.at {
		rules, err := l.rules(ctx)
		if err != nil {
			return nil, err
		}
		t, err := l.r.Build(rules)
		if err != nil {
			return nil, err
		}
		l.told, l.at = t, at
	}
	return l.told.view(), nil
}

// Retell makes the next Refresh tell the story anew also when no event is new: the rules have changed, such as the table of GLNs.
func (l *Live) Retell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = nil
}

// view is a trace whose index takes appointments of its own.
func (t *Trace) view() *Trace {
	v := *t
	v.Index = t.Index.WithoutAppointments()
	return &v
}
