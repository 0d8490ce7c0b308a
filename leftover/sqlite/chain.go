package sqlite

import (
	"charye/internal/chain"
	"charye/internal/durable"
)

var history = durable.History{Table: "events", Columns: []string{"at", "kind", "campaign", "site", "person", "batch", "offer", "doses", "channel", "why"}}

// Chain is the chain over what happened here.
func (s *Store) Chain() chain.Keeper { return durable.Chained{DB: s.db, Of: history} }
