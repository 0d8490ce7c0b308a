package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"os"

	"charye/internal/durable"
	"charye/line"
	"charye/person"
)

var _ line.Auditor = (*Line)(nil)

// Audit implements [line.Auditor]. It reads the file, not the memory: what was wrong enough to be refused at the opening does
// not come this far.
func (l *Line) Audit(ctx context.Context, campaign uint32) (a line.Audit, err error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return a, err
	}
	wrong := func(format string, args ...any) { a.Violations = append(a.Violations, fmt.Sprintf(format, args...)) }
	people, err := l.auditJoins(ctx, campaign, wrong)
	if err != nil {
		return a, err
	}
	a.Joined, a.Found = len(people), len(people)
	numbers, err := l.auditDraw(ctx, ln, people, wrong)
	if err != nil {
		return a, err
	}
	if err := l.auditAdmission(ctx, campaign, &a, numbers, wrong); err != nil {
		return a, err
	}
	return a, l.auditPasses(ctx, campaign, &a, numbers, wrong)
}

// auditJoins gives the people by seq, as the file has them.
func (l *Line) auditJoins(ctx context.Context, campaign uint32, wrong func(string, ...any)) ([]person.Key, error) {
	rows, err := l.db.R.QueryContext(ctx, `SELECT first_seq, people FROM joins WHERE campaign = ? ORDER BY first_seq`, campaign)
	if err != nil {
		return nil, durable.Wrap(err)
	}
	defer func() { _ = rows.Close() }()
	var people []person.Key
	seen := map[person.Key]int{}
	for rows.Next() {
		var first int
		var b sql.RawBytes
		if err := rows.Scan(&first, &b); err != nil {
			return nil, durable.Wrap(err)
		}
		if first != len(people)+1 {
			wrong("seq %d follows seq %d", first, len(people))
			for len(people) < first-1 {
				people = append(people, person.Key{})
			}
		}
		for ; len(b) >= 16; b = b[16:] {
			who := person.Key(b[:16])
			people = append(people, who)
			if other, twice := seen[who]; twice {
				wrong("seq %d and seq %d are of one person", other, len(people))
			}
			seen[who] = len(people)
		}
	}
	return people, rows.Err()
}

// auditDraw makes the draw anew from the seed and the people, and gives every seq's number; 0: not drawn yet.
func (l *Line) auditDraw(ctx context.Context, ln *lane, people []person.Key, wrong func(string, ...any)) ([]uint32, error) {
	numbers := make([]uint32, len(people))
	var draw bool
	var seed, commitment, sha []byte
	var gathered, drawnAt sql.NullInt64
	if err := l.db.R.QueryRowContext(ctx, `SELECT draw, seed, commitment, gathered, drawn_at, entrants_sha FROM campaigns WHERE campaign = ?`, ln.cfg.Campaign).
		Scan(&draw, &seed, &commitment, &gathered, &drawnAt, &sha); err != nil {
		return nil, durable.Wrap(err)
	}
	if sum := line.Commitment([32]byte(seed)); sum != [32]byte(commitment) {
		wrong("the seed is not the one committed to")
	}
	for i := range numbers {
		numbers[i] = uint32(i) + 1
	}
	if !draw {
		return numbers, nil
	}
	if !drawnAt.Valid {
		clear(numbers[:min(int(max(gathered.Int64, 0)), len(numbers))])
		if !gathered.Valid {
			clear(numbers)
		}
		return numbers, nil
	}
	n := int(gathered.Int64)
	if n > len(people) {
		wrong("%d were drawn, %d have a place", n, len(people))
		return numbers, nil
	}
	kept, err := l.readNumbers(ctx, ln)
	if err != nil {
		wrong("%v", err)
		return numbers, nil
	}
	copy(numbers, kept)
	names := make([][16]byte, n)
	parallel(n, func(i int) { names[i] = l.names.Of(ln.cfg.Campaign, people[i]) })
	h := sha256.New()
	for i, at := range line.Order([32]byte(seed), names) {
		if kept[at] != uint32(i)+1 {
			wrong("number %d is not whom the seed draws", i+1)
			break
		}
		h.Write(names[at][:])
	}
	if [32]byte(h.Sum(nil)) != [32]byte(sha) {
		wrong("the sum of the list of entrants is not that of the draw")
	}
	return numbers, l.auditList(ln, sha, wrong)
}

// auditList compares the published list with its sum.
func (l *Line) auditList(ln *lane, sha []byte, wrong func(string, ...any)) error {
	f, err := os.Open(l.entrantsPath(ln))
	if err != nil {
		wrong("the published list of entrants cannot be read")
		return nil
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if [32]byte(h.Sum(nil)) != [32]byte(sha) {
		wrong("the published list of entrants is not that of the draw")
	}
	return nil
}

func (l *Line) auditAdmission(ctx context.Context, campaign uint32, a *line.Audit, numbers []uint32, wrong func(string, ...any)) error {
	if err := l.db.R.QueryRowContext(ctx, `SELECT admitted FROM campaigns WHERE campaign = ?`, campaign).Scan(&a.Admitted); err != nil {
		return durable.Wrap(err)
	}
	given := 0
	for _, n := range numbers {
		if n != 0 {
			given++
		}
	}
	if a.Admitted > given {
		wrong("%d are admitted, %d numbers are given", a.Admitted, given)
	}
	rows, err := l.db.R.QueryContext(ctx, `SELECT admitted FROM waves WHERE campaign = ? ORDER BY id`, campaign)
	if err != nil {
		return durable.Wrap(err)
	}
	defer func() { _ = rows.Close() }()
	last := 0
	for rows.Next() {
		var upTo int
		if err := rows.Scan(&upTo); err != nil {
			return durable.Wrap(err)
		}
		if upTo <= last {
			wrong("admission went from %d to %d", last, upTo)
		}
		last = upTo
	}
	if last != a.Admitted {
		wrong("admission stands at %d, its last step at %d", a.Admitted, last)
	}
	return rows.Err()
}

// auditPasses looks at the last word on each place: a pass that was begun needs a place and a turn.
func (l *Line) auditPasses(ctx context.Context, campaign uint32, a *line.Audit, numbers []uint32, wrong func(string, ...any)) error {
	rows, err := l.db.R.QueryContext(ctx, `SELECT id, seq, device IS NOT NULL FROM passes WHERE campaign = ? ORDER BY id`, campaign)
	if err != nil {
		return durable.Wrap(err)
	}
	defer func() { _ = rows.Close() }()
	live := map[int64]bool{}
	for rows.Next() {
		var id, seq int64
		var begun bool
		if err := rows.Scan(&id, &seq, &begun); err != nil {
			return durable.Wrap(err)
		}
		switch {
		case seq < 1 || seq > int64(len(numbers)):
			wrong("pass %d is of seq %d, which nobody has", id, seq)
		case begun && (numbers[seq-1] == 0 || int(numbers[seq-1]) > a.Admitted):
			wrong("pass %d is of number %d, admitted are %d", id, numbers[seq-1], a.Admitted)
		}
		if begun {
			live[seq] = true
		} else {
			delete(live, seq)
		}
	}
	a.Live = len(live)
	return rows.Err()
}
