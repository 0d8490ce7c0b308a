package valkey

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"charye/person"
)

// repairAfter is when a batch counts as left behind by its node.
const repairAfter = 5 * time.Second

// repair keeps the people of batches that a node left behind in their buckets.
func (l *Line) repair(ctx context.Context, ln *lane) error {
	if time.Since(ln.repaired) < time.Second {
		return nil
	}
	ln.repaired = time.Now()
	_, err := l.settle(ctx, ln, repairAfter)
	return err
}

// settle puts all batches that are open for longer than age into their buckets, and gives the people of all open ones.
func (l *Line) settle(ctx context.Context, ln *lane, age time.Duration) ([]seat, error) {
	var all []seat
	gen := ln.gen.Load()
	for g := gen - 1; g <= gen; g++ {
		key := ln.keys.gen("open", g)
		r := l.client.DoMulti(ctx, l.client.B().Time().Build())
		clock, err := r[0].AsStrSlice()
		if err != nil || len(clock) == 0 {
			return nil, wrap(err)
		}
		now, err := strconv.ParseInt(clock[0], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		open, err := l.client.Do(ctx, l.client.B().Hgetall().Key(key).Build()).AsStrMap()
		if err != nil {
			return nil, wrap(err)
		}
		for id, text := range open {
			if len(text) < 4 || (len(text)-4)%20 != 0 {
				return nil, fmt.Errorf("%w: an open batch of %d bytes", ErrDamaged, len(text))
			}
			since := int64(binary.BigEndian.Uint32([]byte(text)))
			var seats []seat
			for b := []byte(text[4:]); len(b) > 0; b = b[20:] {
				seats = append(seats, seat{person.Key(b[:16]), binary.BigEndian.Uint32(b[16:])})
			}
			all = append(all, seats...)
			if time.Duration(now-since)*time.Second < age {
				continue
			}
			for _, f := range l.put(ctx, ln, seats) {
				err = errors.Join(err, f.err)
			}
			if err != nil {
				return nil, err
			}
			if err := l.client.Do(ctx, l.client.B().Hdel().Key(key).Field(id).Build()).Error(); err != nil {
				return nil, wrap(err)
			}
		}
	}
	return all, nil
}
