package gateway

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"charye/notify"
)

// File is the way out of trials: nothing leaves the machine, and what would have been sent stands in a file, one JSON
// object a line: {"at","id","channel","to","subject","text"}. Safe for concurrent use.
type File struct {
	mu   sync.Mutex
	f    *os.File
	seen map[notify.ID]bool
	now  func() time.Time
}

// OpenFile opens or creates the file. Messages that stand in it already are known by their ids.
func OpenFile(path string, now func() time.Time) (*File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	g := &File{f: f, seen: map[notify.ID]bool{}, now: now}
	d := json.NewDecoder(f)
	for {
		var l fileLine
		whole := d.InputOffset()
		if d.Decode(&l) != nil {
			// The end, or a last line that a crash cut short: it goes, and its message comes again.
			if whole > 0 {
				whole++ // the line break
			}
			return g, f.Truncate(min(whole, size(f)))
		}
		if b, err := hex.DecodeString(l.ID); err == nil && len(b) == len(notify.ID{}) {
			g.seen[notify.ID(b)] = true
		}
	}
}

func size(f *os.File) int64 {
	st, err := f.Stat()
	if err != nil {
		return 0
	}
	return st.Size()
}

type fileLine struct {
	At      time.Time      `json:"at"`
	ID      string         `json:"id"`
	Channel notify.Channel `json:"channel"`
	To      string         `json:"to"`
	Subject string         `json:"subject"`
	Text    string         `json:"text"`
}

// Send implements [notify.Gateway]: a repeat is known by its id and written once.
func (g *File) Send(_ context.Context, id notify.ID, to notify.Address, w notify.Words) error {
	value := to.Value
	if to.Channel == notify.Push { // where it would have gone, without the keys
		s, err := notify.ParseSubscription(to.Value, true)
		if err != nil {
			return fmt.Errorf("push: the subscription: %w", notify.ErrGone)
		}
		value = s.Endpoint
	}
	line, err := json.Marshal(fileLine{g.now().UTC(), hex.EncodeToString(id[:]), to.Channel, value, w.Subject, w.Body})
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen[id] {
		return nil
	}
	if _, err := g.f.Write(append(line, '\n')); err != nil {
		return err
	}
	g.seen[id] = true
	return nil
}

// Close closes the file.
func (g *File) Close() error { return g.f.Close() }
