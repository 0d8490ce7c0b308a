package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"charye/booking"
	"charye/internal/pgdb"
)

// chainAtOnce is how many batches one transaction chains: those of a second in a rush, and steps of a second after an upgrade.
const chainAtOnce = 64

// Kept is what of the tables of bookings is only ever added to; the role that serves needs no more.
var Kept = pgdb.Kept{"booking_batches": {"first_seq", "digests", "chain"}}

const hashSize = len(booking.Hash{})

// digestsOf puts the digests of a batch's events one after the other.
func digestsOf(events []booking.Event) []byte {
	b := make([]byte, 0, hashSize*len(events))
	for i := range events {
		d := events[i].Digest()
		b = append(b, d[:]...)
	}
	return b
}

// chain continues the chain over batches that have their place in the feed, at most chainAtOnce; more is true when there may be
// others. What comes out follows from the feed, which never changes: two nodes that chain the same batch write the same.
func (l *Ledger) chain(ctx context.Context) (more bool, err error) {
	type numbered struct {
		id, seq, first int64
		events         int
		digests        []byte
	}
	var list []numbered
	var before []byte
	b := &pgx.Batch{}
	b.Queue(`SELECT id, first_seq, first_event, events, digests FROM booking_batches
		WHERE chain IS NULL AND events > 0 AND first_seq IS NOT NULL ORDER BY first_seq LIMIT $1::bigint`, chainAtOnce).
		Query(scanInto(&list, func(row pgx.CollectableRow) (n numbered, err error) {
			err = row.Scan(&n.id, &n.seq, &n.first, &n.events, &n.digests)
			return n, err
		}))
	b.Queue(`SELECT chain FROM booking_batches WHERE events > 0 AND first_seq < (SELECT min(first_seq) FROM booking_batches WHERE chain IS NULL AND events > 0)
		ORDER BY first_seq DESC LIMIT 1`).QueryRow(func(row pgx.Row) error {
		if err := row.Scan(&before); !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		return nil
	})
	if err := l.db.Snapshot(ctx, b); err != nil || len(list) == 0 {
		return false, err
	}
	var chain booking.Hash
	copy(chain[:], before)
	ids, digests, chains := make([]int64, len(list)), make([][]byte, len(list)), make([][]byte, len(list))
	for i := range list {
		n := &list[i]
		if len(n.digests) != hashSize*n.events { // a node of a version before wrote it
			events, err := query(ctx, l, "list events", scanEvent, `SELECT seq, at, kind, person, actor, channel, why, what FROM events
				WHERE stream = 'booking' AND seq >= $1::bigint AND seq < $1::bigint + $2::bigint ORDER BY seq`, n.first, n.events)
			if err != nil {
				return false, err
			}
			n.digests = digestsOf(events)
		}
		for k := range len(n.digests) / hashSize {
			chain = booking.Link(chain, n.seq+int64(k), booking.Hash(n.digests[k*hashSize:]))
		}
		ids[i], digests[i], chains[i] = n.id, n.digests, append([]byte(nil), chain[:]...)
	}
	b = &pgx.Batch{}
	b.Queue(`SELECT next_seq FROM streams WHERE name = 'booking' FOR UPDATE`) // nobody waits in a ring for the rows
	b.Queue(`UPDATE booking_batches b SET digests = coalesce(b.digests, n.digests), chain = n.chain
		FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS n (id, digests, chain) WHERE b.id = n.id AND b.chain IS NULL`, ids, digests, chains)
	_, err = l.db.Once(ctx, b)
	return len(list) == chainAtOnce, err
}

// Seals lists what is kept of the chain: the digest of each event, and the chain after the last of each batch. It first chains
// all that is committed.
func (l *Ledger) Seals(ctx context.Context, after int64, limit int) (out []booking.Seal, err error) {
	for more := true; more; {
		if more, err = l.number(ctx); err != nil {
			return nil, fmt.Errorf("booking: list seals: %w", pgdb.Wrap(err))
		}
	}
	type sealed struct {
		first          int64
		events         int
		digests, chain []byte
	}
	batches, err := query(ctx, l, "list seals", func(row pgx.CollectableRow) (s sealed, err error) {
		err = row.Scan(&s.first, &s.events, &s.digests, &s.chain)
		return s, err
	}, `SELECT first_seq, events, digests, chain FROM booking_batches
		WHERE first_seq >= coalesce((SELECT max(first_seq) FROM booking_batches WHERE first_seq <= $1::bigint + 1), 0)
		AND first_seq <= $1::bigint + $2::bigint AND events > 0 ORDER BY first_seq`, after, max(limit, 0))
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		for k := range b.events {
			s := booking.Seal{Seq: b.first + int64(k)}
			if end := (k + 1) * hashSize; end <= len(b.digests) {
				copy(s.Digest[:], b.digests[k*hashSize:end])
			}
			if k == b.events-1 {
				copy(s.Chain[:], b.chain)
			}
			if s.Seq > after && len(out) < limit {
				out = append(out, s)
			}
		}
	}
	return out, nil
}

// Strays finds what is in the table of events and not in the feed: rows that are in no batch, and what a row tells beside what is read of it.
// Nobody but somebody who goes past this engine writes such.
func (l *Ledger) Strays(ctx context.Context) (findings []string, err error) {
	for _, look := range []struct{ sql, finding string }{
		{`SELECT seq FROM events e WHERE stream = 'booking'
			AND (SELECT count(*) FROM events WHERE stream = 'booking') <> (SELECT coalesce(sum(events), 0) FROM booking_batches)
			AND e.seq >= coalesce((SELECT first_event + events FROM booking_batches WHERE first_event <= e.seq ORDER BY first_event DESC LIMIT 1), 0)
			ORDER BY seq LIMIT 10`, "the row of event id %d was put in: it is in no batch"},
		{`SELECT seq FROM events WHERE stream = 'booking' AND (what - ARRAY['campaign', 'booking', 'deltas', 'dose', 'from'] <> '{}'
			OR (what ? 'dose' OR what ? 'from') AND coalesce(what->>'dose', '0') = '0') ORDER BY seq LIMIT 10`,
			"event id %d tells of more than was digested"},
	} {
		ids, err := query(ctx, l, "look for strays", pgx.RowTo[int64], look.sql)
		if err != nil {
			return findings, err
		}
		for _, id := range ids {
			findings = append(findings, fmt.Sprintf(look.finding, id))
		}
	}
	return findings, nil
}
