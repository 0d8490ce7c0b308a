package sqlite

import (
	"charye/internal/chain"
	"charye/internal/durable"
)

var history = durable.History{Table: "events", Columns: []string{"at", "kind", "site", "change"}}

// Chain is the chain over what happened here.
func (s *Store) Chain() chain.Keeper { return durable.Chained{DB: s.db, Of: history} }
