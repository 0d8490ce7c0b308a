package manage

import (
	"context"
	"encoding/json"
	"regexp"
	"sync"
	"time"

	"charye/approval"
	"charye/internal/weak"
	"charye/person"
	"charye/walk"
	"charye/walk/approvals"
)

// EverybodyOfStaff stands for all who are signed in as staff.
const EverybodyOfStaff = "all"

// EndedSessions says whose sessions were ended: those that began at At or before.
type EndedSessions struct {
	Staff string // a name of [look.Book.StaffName], or EverybodyOfStaff
	At    time.Time
	Why   string
}

// ended remembers whose sessions were ended within the life of a session.
type ended struct {
	mu     sync.Mutex
	read   time.Time // when it was last read
	known  map[int64]EndedSessions
	latest []EndedSessions // the last first
}

const (
	endedFresh = 2 * time.Second  // for so long what was read is taken as it is
	endedStale = 30 * time.Second // after so long without an answer of the store nobody of the staff gets in
	endedPage  = 200              // requests that are read at a time
)

var staffName = regexp.MustCompile(`^[0-9a-f]{12}$`)

// EndBody is what is kept of the end of sessions; the instant makes each its own.
func EndBody(staff string, at time.Time) ([]byte, error) {
	if staff != EverybodyOfStaff && !staffName.MatchString(staff) {
		return nil, walk.Refuse(walk.BadRequest, "staff: want the 12 characters that stand for a member of staff, or %s", EverybodyOfStaff).At("staff")
	}
	return json.Marshal(map[string]string{"staff": staff, "at": at.UTC().Format(time.RFC3339Nano)})
}

// EndSessions ends the sessions of a member of staff, or of all, that have begun by now. Within some seconds no node takes them any more.
func (m *Office) EndSessions(ctx context.Context, a walk.Actor, staff, why string) error {
	if err := walk.Allow(a, walk.EndSessions); err != nil {
		return err
	}
	now := m.now()
	body, err := EndBody(staff, now)
	if err != nil {
		return err
	}
	r, err := m.eyes.Step(ctx, a, walk.EndSessions, approval.Step{
		Op: approval.OpAsk, Why: why, Kind: approval.Sessions, Body: body, Summary: []string{"End the sessions of staff: " + staff}, Lapses: now.Add(approval.LifeUrgent),
	})
	if err != nil {
		return err
	}
	m.ended.mu.Lock()
	m.ended.read = time.Time{}
	m.ended.mu.Unlock()
	_, err = m.eyes.Step(ctx, a, walk.EndSessions, approval.Step{Op: approval.OpDone, Request: r.ID, Digest: r.Digest})
	return err
}

// Ended lists whose sessions were ended within the last shift, the last first.
func (m *Office) Ended(ctx context.Context, a walk.Actor) ([]EndedSessions, error) {
	if err := walk.Allow(a, walk.EndSessions); err != nil {
		return nil, err
	}
	return m.whoEnded(ctx)
}

// SessionEnded reports whether a session of staff was ended before its time. An error means that nobody knows: then it counts for nothing.
func (m *Office) SessionEnded(ctx context.Context, s person.Session) (bool, error) {
	if m.approvals == nil || weak.Off(weak.Ended) {
		return false, nil
	}
	list, err := m.whoEnded(ctx)
	if err != nil || len(list) == 0 {
		return false, err
	}
	name := m.looks.StaffName(s.Key)
	for _, e := range list {
		if (e.Staff == name || e.Staff == EverybodyOfStaff) && !s.SignedInAt.After(e.At) {
			return true, nil
		}
	}
	return false, nil
}

func (m *Office) whoEnded(ctx context.Context) ([]EndedSessions, error) {
	e, now := &m.ended, m.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if age := now.Sub(e.read); age >= 0 && age < endedFresh {
		return e.latest, nil
	}
	list, err := m.readEnded(ctx, now)
	switch {
	case err == nil:
		e.read, e.latest = now, list
	case e.read.IsZero() || now.Sub(e.read) > endedStale || now.Before(e.read):
		return nil, approvals.Error(err)
	}
	return e.latest, nil
}

func (m *Office) readEnded(ctx context.Context, now time.Time) (out []EndedSessions, err error) {
	known := map[int64]EndedSessions{}
	for before := int64(0); ; {
		list, err := m.approvals.Latest(ctx, before, endedPage)
		if err != nil {
			return nil, err
		}
		if out, err = m.endedAmong(ctx, list, now, known, out); err != nil {
			return nil, err
		}
		// Whatever was asked for before a shift began ends no session of it.
		if len(list) < endedPage || now.Sub(list[len(list)-1].AskedAt) > person.StaffSessionLife {
			m.ended.known = known
			return out, nil
		}
		before = list[len(list)-1].ID
	}
}

// endedAmong adds the ends of sessions that are among requests.
func (m *Office) endedAmong(ctx context.Context, list []approval.Request, now time.Time, known map[int64]EndedSessions, out []EndedSessions) ([]EndedSessions, error) {
	for i := range list {
		r := &list[i]
		if r.Kind != approval.Sessions || now.Sub(r.AskedAt) > person.StaffSessionLife {
			continue
		}
		e, ok := m.ended.known[r.ID]
		if !ok {
			b, err := m.approvals.Body(ctx, r.ID)
			if err != nil {
				return nil, err
			}
			var body struct{ Staff string }
			if err := json.Unmarshal(b, &body); err != nil {
				return nil, err
			}
			e = EndedSessions{Staff: body.Staff, At: r.AskedAt, Why: r.Reason}
		}
		known[r.ID] = e
		out = append(out, e)
	}
	return out, nil
}
