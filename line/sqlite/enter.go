package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"charye/internal/durable"
	"charye/internal/weak"
	"charye/line"
	"charye/person"
)

// passRequest enters on a device or, with leave, ends the live pass.
type passRequest struct {
	lane     *lane
	who      person.Key
	seq      uint32
	device   line.Device
	takeover bool
	leave    bool
}

type passResult struct {
	pass livePass
	err  error
}

// Enter implements [line.Line]. Whom memory alone can answer never waits for a commit.
func (l *Line) Enter(ctx context.Context, campaign uint32, who person.Key, device line.Device, takeover bool) (line.Pass, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return line.Pass{}, err
	}
	seq := ln.index.find(who)
	if seq == 0 {
		return line.Pass{}, line.ErrNoPlace
	}
	now := l.now()
	if err := ln.enterable(seq, now); err != nil {
		return line.Pass{}, err
	}
	// While it is not known what reached the file, memory may have a pass that was ended.
	if p, ok := ln.inside.find(seq, now.Unix()); ok && !l.passesDoubt.Load() {
		if p.device == device {
			return ln.pass(who, p), nil
		}
		if !takeover {
			return line.Pass{}, line.ErrOtherDevice
		}
	}
	res, err := l.passes.Do(ctx, passRequest{lane: ln, who: who, seq: seq, device: device, takeover: takeover})
	if err == nil {
		err = res.err
	}
	if err != nil {
		return line.Pass{}, err
	}
	return ln.pass(who, res.pass), nil
}

func (ln *lane) pass(who person.Key, p livePass) line.Pass {
	return line.Pass{
		Campaign: ln.cfg.Campaign, Person: who, Device: p.device, Serial: p.serial,
		ExpiresAt: time.Unix(p.expires, 0).UTC(),
	}
}

// enterable refuses whoever may have no pass at now, whatever else holds.
func (ln *lane) enterable(seq uint32, now time.Time) error {
	switch {
	case !now.Before(ln.cfg.Closes):
		return line.ErrClosed
	case now.Before(ln.cfg.Opens):
		if weak.Off(weak.Opening) {
			return nil
		}
		return line.ErrNotOpen
	case weak.Off(weak.Turn):
		return nil
	}
	if n := ln.number(seq); n == 0 || n > ln.view.Load().Admitted && !(weak.Off(weak.SlipOneTooMany) && n == ln.view.Load().Admitted+1) {
		return line.ErrNotYourTurn
	}
	return nil
}

// CheckPass implements [line.Line]. It reads memory only.
func (l *Line) CheckPass(_ context.Context, p line.Pass) error {
	ln, err := l.lane(p.Campaign)
	if err != nil {
		return err
	}
	seq := ln.index.find(p.Person)
	if seq == 0 {
		return line.ErrNoPass
	}
	now := l.now()
	live, ok := ln.inside.find(seq, now.Unix())
	if !ok || live.serial != p.Serial || live.device != p.Device || live.expires != p.ExpiresAt.Unix() || !now.Before(ln.cfg.Closes) {
		return line.ErrNoPass
	}
	return nil
}

// Leave implements [line.Line].
func (l *Line) Leave(ctx context.Context, campaign uint32, who person.Key) error {
	ln, err := l.lane(campaign)
	if err != nil {
		return err
	}
	seq := ln.index.find(who)
	if seq == 0 {
		return nil
	}
	// Always through the pool: a pass of this person may be in the commit under way.
	res, err := l.passes.Do(ctx, passRequest{lane: ln, who: who, seq: seq, leave: true})
	return errors.Join(err, res.err)
}

// seat names a place in all of the engine.
type seat struct {
	lane *lane
	seq  uint32
}

// passChanges are what one batch does to the live passes; nothing of it is in memory before its commit.
type passChanges struct {
	sec   int64
	rows  []passRow
	after map[seat]livePass // serial 0: none
	more  map[*lane]int     // live passes beyond those in memory
}

type passRow struct {
	seat
	pass livePass // serial 0: ends the seat's pass
}

func (c *passChanges) live(s seat) (livePass, bool) {
	if p, ok := c.after[s]; ok {
		return p, p.serial != 0
	}
	return s.lane.inside.find(s.seq, c.sec)
}

func (c *passChanges) put(s seat, p livePass) {
	c.after[s] = p
	c.rows = append(c.rows, passRow{s, p})
}

// commitPasses is the passes pool's commit.
func (l *Line) commitPasses(ctx context.Context, reqs []passRequest) ([]passResult, error) {
	if l.passesDoubt.Load() {
		if err := l.readPasses(ctx); err != nil {
			return nil, err
		}
		l.passesDoubt.Store(false)
	}
	now := l.now()
	c := passChanges{sec: now.Unix(), after: make(map[seat]livePass), more: make(map[*lane]int)}
	results := make([]passResult, len(reqs))
	for i, r := range reqs {
		results[i] = c.decide(r, now, uint64(l.lastPass)+uint64(len(c.rows))+1)
	}
	if len(c.rows) == 0 {
		return results, nil
	}
	at := max(now.UnixMilli(), l.notedAt)
	err := l.write(ctx, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx,
			`INSERT INTO passes (id, campaign, seq, device, expires_at, noted_at) VALUES (?, ?, ?, ?, ?, ?)`)
		if err != nil {
			return err
		}
		defer func() { _ = insert.Close() }()
		for i, r := range c.rows {
			var device, expires any
			if r.pass.serial != 0 {
				device, expires = r.pass.device[:], r.pass.expires
			}
			if _, err := insert.ExecContext(ctx, l.lastPass+int64(i)+1, r.lane.cfg.Campaign, r.seq, device, expires, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		l.passesDoubt.Store(!weak.Off(weak.SlipPassDoubt))
		return nil, fmt.Errorf("passes: %w", err)
	}
	l.lastPass += int64(len(c.rows))
	l.notedAt = at
	for _, r := range c.rows {
		r.lane.applyPass(r.seq, r.pass)
	}
	l.counters.passBatch(len(reqs))
	return results, nil
}

func (c *passChanges) decide(r passRequest, now time.Time, serial uint64) passResult {
	s := seat{r.lane, r.seq}
	live, ok := c.live(s)
	if r.leave {
		if ok {
			c.put(s, livePass{})
			c.more[r.lane]--
		}
		return passResult{}
	}
	if err := r.lane.enterable(r.seq, now); err != nil {
		return passResult{err: err}
	}
	switch {
	case ok && live.device == r.device:
		return passResult{pass: live}
	case ok && !r.takeover && !weak.Off(weak.SlipLastDevice):
		return passResult{err: line.ErrOtherDevice}
	case !ok:
		if r.lane.inside.count(c.sec)+c.more[r.lane] >= r.lane.cfg.Inside {
			return passResult{err: line.ErrInsideFull}
		}
		if !weak.Off(weak.SlipRoomInBatch) {
			c.more[r.lane]++
		}
	}
	p := livePass{serial: serial, device: r.device, expires: r.lane.cfg.PassExpiry(now).Unix()}
	c.put(s, p)
	return passResult{pass: p}
}

// applyPass brings one row of the journal into memory.
func (ln *lane) applyPass(seq uint32, p livePass) {
	if p.serial == 0 {
		ln.inside.end(seq)
		return
	}
	ln.inside.set(seq, p)
	if n := ln.number(seq); n != 0 {
		ln.mu.Lock()
		ln.door.Claimed(n)
		ln.mu.Unlock()
	}
}

// readPasses folds the rows of the journal after the last known one into memory.
func (l *Line) readPasses(ctx context.Context) error {
	rows, err := l.db.W.QueryContext(ctx,
		`SELECT id, campaign, seq, device, expires_at, noted_at FROM passes WHERE id > ? ORDER BY id`, l.lastPass)
	if err != nil {
		return durable.Wrap(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, at int64
		var campaign, seq uint32
		var device sql.RawBytes
		var expires sql.NullInt64
		if err := rows.Scan(&id, &campaign, &seq, &device, &expires, &at); err != nil {
			return durable.Wrap(err)
		}
		if ln := l.lanes[campaign]; ln != nil {
			if seq == 0 || seq > ln.index.len() {
				return fmt.Errorf("%w: campaign %d: pass %d is of seq %d, which does not exist", ErrDamaged, campaign, id, seq)
			}
			p := livePass{}
			if device != nil {
				p = livePass{serial: uint64(id), device: line.Device(device), expires: expires.Int64}
			}
			if device != nil || !weak.Off(weak.SlipLeftReturns) {
				ln.applyPass(seq, p)
			}
		}
		l.lastPass, l.notedAt = id, max(l.notedAt, at)
	}
	return durable.Wrap(rows.Err())
}
