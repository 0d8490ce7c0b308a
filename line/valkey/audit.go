package valkey

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/valkey-io/valkey-go"

	"charye/line"
	"charye/person"
)

var _ line.Auditor = (*Line)(nil)

// Audit reads all of a campaign anew and holds it against what must be true: no seq twice, none without a person but the
// named gaps, admission within the seqs given, drawn numbers dense, no pass without a turn or a place, and the two records
// of who is inside alike. It is meant for a line at rest: what changes meanwhile can look like a violation.
func (l *Line) Audit(ctx context.Context, campaign uint32) (line.Audit, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return line.Audit{}, err
	}
	b, err := l.beat(ctx, ln, l.now(), false)
	if err != nil {
		return line.Audit{}, err
	}
	a := line.Audit{Joined: int(b.joined), Admitted: int(b.admitted)}
	wrong := func(format string, args ...any) { a.Violations = append(a.Violations, fmt.Sprintf(format, args...)) }

	gaps, err := l.client.Do(ctx, l.client.B().Hget().Key(ln.keys.own("line")).Field("gaps").Build()).AsInt64()
	if err != nil && !valkey.IsValkeyNil(err) {
		return a, wrap(err)
	}
	a.Gaps = int(gaps)
	people, err := l.gatheredPeople(ctx, ln, a.Joined)
	if errors.Is(err, ErrDamaged) {
		wrong("%v", err)
		return a, nil
	}
	if err != nil {
		return a, err
	}
	numbers := make(map[[16]byte]uint32)
	if err := l.loadOrder(ctx, ln, b); errors.Is(err, ErrDamaged) || errors.Is(err, ErrLost) {
		wrong("%v", err)
	} else if err != nil {
		return a, err
	}
	for i, who := range people {
		if !who.IsZero() {
			a.Found++
			numbers[who] = ln.number(uint32(i) + 1)
		}
	}
	if wrongs := l.auditOrder(ln, people); len(wrongs) > 0 {
		a.Violations = append(a.Violations, wrongs...)
	}
	if missing := a.Joined - a.Found; missing > a.Gaps {
		wrong("%d seqs have nobody, %d gaps are named", missing, a.Gaps)
	}
	if a.Admitted > a.Joined {
		wrong("%d are admitted of %d", a.Admitted, a.Joined)
	}
	return a, l.auditPasses(ctx, ln, &a, numbers, wrong)
}

// auditOrder makes the draw anew from the seed and the people and compares.
func (l *Line) auditOrder(ln *lane, people []person.Key) (wrong []string) {
	if line.Commitment(ln.seed) != ln.commitment {
		wrong = append(wrong, "the seed is not the one committed to")
	}
	o := ln.order.Load()
	if o == nil {
		return wrong
	}
	names := make([][16]byte, 0, o.entrants)
	seqs := make([]int, 0, o.entrants)
	for i, number := range o.numbers {
		if number == 0 {
			continue
		}
		if i >= len(people) || people[i].IsZero() {
			return append(wrong, fmt.Sprintf("number %d was drawn by seq %d, which nobody has", number, i+1))
		}
		names, seqs = append(names, l.names.Of(ln.cfg.Campaign, people[i])), append(seqs, i)
	}
	for i, at := range line.Order(ln.seed, names) {
		if o.numbers[seqs[at]] != uint32(i)+1 {
			return append(wrong, fmt.Sprintf("number %d is not whom the seed draws", i+1))
		}
	}
	return wrong
}

func (l *Line) auditPasses(ctx context.Context, ln *lane, a *line.Audit, numbers map[[16]byte]uint32, wrong func(string, ...any)) error {
	passes, err := l.client.Do(ctx, l.client.B().Hgetall().Key(ln.keys.own("pass")).Build()).AsStrMap()
	if err != nil {
		return wrap(err)
	}
	inside, err := l.client.Do(ctx, l.client.B().Zrange().Key(ln.keys.own("inside")).Min("0").Max("-1").Withscores().Build()).AsZScores()
	if err != nil {
		return wrap(err)
	}
	a.Live = len(passes)
	till := make(map[string]string, len(inside))
	for _, z := range inside {
		till[z.Member] = strconv.FormatFloat(z.Score, 'f', 0, 64)
	}
	if len(till) != len(passes) {
		wrong("%d passes, %d inside", len(passes), len(till))
	}
	for who, rec := range passes {
		if len(who) != 16 || len(rec) != 32 {
			wrong("a pass of %d and %d bytes", len(who), len(rec))
			continue
		}
		serial, expires := binary.BigEndian.Uint64([]byte(rec[16:])), binary.BigEndian.Uint64([]byte(rec[24:]))
		if till[who] != strconv.FormatUint(expires, 10) {
			wrong("pass %d runs out at %d, inside until %q", serial, expires, till[who])
		}
		switch n, ok := numbers[[16]byte([]byte(who))]; {
		case !ok:
			wrong("pass %d is of somebody without a place", serial)
		case n == 0 || int(n) > a.Admitted:
			wrong("pass %d is of number %d, admitted are %d", serial, n, a.Admitted)
		}
	}
	return nil
}
