package postgres

import (
	"context"

	"charye/internal/pgdb"
	"charye/notify"
)

// Fill takes over the messages, the contacts and the history of another outbox that has the same keys; see [pgdb.DB.Import].
func (o *Outbox) Fill(ctx context.Context, source string, from notify.Source) (done bool, err error) {
	done, err = o.db.Import(ctx, "messages", source, []string{"messages", "contacts", "message_place", "message_near"}, func(ctx context.Context, f *pgdb.Filling) error {
		contacts := f.Table("contacts", "person", "sealed", "set_at")
		if err := from.SealedContacts(ctx, func(c notify.SealedContact) error {
			return contacts.Add(ctx, c.Person[:], c.Sealed, c.SetAt)
		}); err != nil {
			return err
		}
		if err := contacts.Flush(ctx); err != nil {
			return err
		}
		messages := f.Table("messages", "id", "person", "kind", "booking", "event", "helper", "dose", "day", "due", "expires",
			"about", "campaign", "state", "why", "at", "turn", "tries")
		if err := from.AllMessages(ctx, func(m notify.Whole) error {
			return messages.Add(ctx, m.ID[:], m.To[:], string(m.Kind), m.Booking, m.Event, m.Helper, int32(m.Dose), int32(m.Day), m.Due, m.Expires,
				aboutOf(&m.Message), int64(m.Campaign), string(m.State), m.Why, m.At, m.Turn, int32(m.Tries))
		}); err != nil {
			return err
		}
		if err := messages.Flush(ctx); err != nil {
			return err
		}
		near := f.Table("message_near", "campaign", "up_to")
		if err := from.AllNear(ctx, func(campaign, upTo uint32) error { return near.Add(ctx, int64(campaign), int64(upTo)) }); err != nil {
			return err
		}
		if err := near.Flush(ctx); err != nil {
			return err
		}
		seq := int64(0)
		events := f.Table("events", "stream", "seq", "at", "kind", "person", "what")
		if err := from.History(ctx, func(e notify.PastEvent) error {
			seq = e.Seq
			return events.Add(ctx, "notify", e.Seq, e.At, e.Kind, keyOrNull(e.Who), e.What)
		}); err != nil {
			return err
		}
		if err := events.Flush(ctx); err != nil {
			return err
		}
		if err := f.Exec(ctx, `UPDATE streams SET next_seq = $1::bigint WHERE name = 'notify'`, seq+1); err != nil {
			return err
		}
		followed, ok, err := from.Followed(ctx)
		if err != nil || !ok {
			return err
		}
		return f.Exec(ctx, `INSERT INTO message_place (one, seq) VALUES (1, $1::bigint)`, followed)
	})
	return done, wrap("fill messages", err)
}
