package postgres

import (
	"context"
	"fmt"
	"time"

	"charye/internal/pgdb"
	"charye/person"
)

// Fill takes over the rosters, the recipients and the history of another store that has the same keys; see [pgdb.DB.Import].
func (s *Store) Fill(ctx context.Context, source string, from person.Source) (done bool, err error) {
	done, err = s.db.Import(ctx, "people", source, []string{"roster", "recipient", "temporary_identity"}, func(ctx context.Context, f *pgdb.Filling) error {
		if err := fillRosters(ctx, f, from); err != nil {
			return err
		}
		recipients := f.Table("recipient", "id", "helper", "person", "campaign", "name", "born", "registered_at",
			"kind", "clerk", "consent", "phone", "settled", "temporary")
		if err := from.SealedRecipients(ctx, func(r person.SealedRecipient) error {
			return recipients.Add(ctx, r.ID, r.Helper[:], r.Key[:], r.Campaign, r.Name, r.Born.At(0, time.UTC), r.RegisteredAt,
				string(r.Kind), keyOrNull(r.Clerk), r.Consent, r.Phone, r.Settled, r.Temporary)
		}); err != nil {
			return err
		}
		if err := recipients.Flush(ctx); err != nil {
			return err
		}
		temporaries := f.Table("temporary_identity", "ident", "person", "alike", "name", "born", "paper", "desk", "clerk", "issued_at", "layer")
		if err := from.SealedTemporaries(ctx, func(t person.SealedTemporary) error {
			return temporaries.Add(ctx, t.Index[:], t.Key[:], t.Like[:], t.Sealed, t.Born.At(0, time.UTC), string(t.Paper), t.Desk[:], t.Clerk[:], t.IssuedAt, t.Layer)
		}); err != nil {
			return err
		}
		if err := temporaries.Flush(ctx); err != nil {
			return err
		}
		events := f.Table("events", "stream", "seq", "at", "kind", "person", "what")
		seq := int64(0)
		if err := from.History(ctx, func(e person.PastEvent) error {
			var who []byte
			if !e.Who.IsZero() {
				who = e.Who[:]
			}
			seq = e.Seq
			return events.Add(ctx, "person", e.Seq, e.At, e.Kind, who, string(e.What))
		}); err != nil {
			return err
		}
		if err := events.Flush(ctx); err != nil {
			return err
		}
		return f.Exec(ctx, `UPDATE streams SET next_seq = $1::bigint WHERE name = 'person'`, seq+1)
	})
	if err != nil {
		return false, fmt.Errorf("fill people: %w", err)
	}
	return done, nil
}

func fillRosters(ctx context.Context, f *pgdb.Filling, from person.Source) error {
	rosters, err := from.Rosters(ctx)
	if err != nil {
		return err
	}
	all := f.Table("roster", "id", "generation", "version", "people", "replaced_at", "layer")
	for i, r := range rosters {
		generation, page := int64(i+1), int64(0)
		if err := all.Add(ctx, r.ID, generation, r.Version, r.People, r.ReplacedAt, r.Layer); err != nil {
			return err
		}
		keys := f.Table("roster_key_page", "generation", "page", "keys")
		index := f.Table("roster_index_page", "generation", "first", "rows")
		if err := from.RosterPages(ctx, r.ID, func(b []byte) error {
			page++
			if err := keys.Add(ctx, generation, page-1, b); err != nil || page%pagesAtOnce != 0 {
				return err
			}
			return keys.Flush(ctx)
		}, func(b []byte) error {
			page++
			if err := index.Add(ctx, generation, b[:indexSize], b); err != nil || page%pagesAtOnce != 0 {
				return err
			}
			return index.Flush(ctx)
		}); err != nil {
			return err
		}
		if err := keys.Flush(ctx); err != nil {
			return err
		}
		if err := index.Flush(ctx); err != nil {
			return err
		}
	}
	if err := all.Flush(ctx); err != nil {
		return err
	}
	return f.Exec(ctx, `SELECT setval('roster_generation', $1::bigint, false)`, int64(len(rosters))+1)
}

// pagesAtOnce keeps what waits to be sent within some megabytes.
const pagesAtOnce = 64
