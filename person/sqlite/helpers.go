package sqlite

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"charye/internal/durable"
	"charye/person"
)

// Helpers implements [person.Store].
func (s *Store) Helpers(ctx context.Context, campaign string, who []person.Key) (map[person.Key][]person.Key, error) {
	out := map[person.Key][]person.Key{}
	if len(who) == 0 {
		return out, nil
	}
	names := make([]string, len(who))
	for i := range who {
		names[i] = hex.EncodeToString(who[i][:])
	}
	list, err := json.Marshal(names)
	if err != nil {
		return nil, fmt.Errorf("helpers: %w", err)
	}
	// The people asked for are few beside all recipients, or many: either way each is looked up by the index.
	rows, err := s.db.R.QueryContext(ctx, `SELECT r.person, r.helper FROM json_each(?) w CROSS JOIN recipient r ON r.person = unhex(w.value)
		WHERE r.campaign = ? AND r.clerk IS NULL ORDER BY r.registered_at, r.rowid`, string(list), campaign)
	if err != nil {
		return nil, fmt.Errorf("helpers: %w", durable.Wrap(err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var helped, helper []byte
		if err := rows.Scan(&helped, &helper); err != nil {
			return nil, fmt.Errorf("helpers: %w", durable.Wrap(err))
		}
		k := person.Key(helped)
		out[k] = append(out[k], person.Key(helper))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("helpers: %w", durable.Wrap(err))
	}
	return out, nil
}
