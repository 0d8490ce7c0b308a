package sqlite

import (
	"charye/internal/chain"
	"charye/internal/durable"
)

var history = durable.History{Table: "event", Columns: []string{"at", "kind", "who", "what"}}

// Chain is the chain over what happened here.
func (s *Store) Chain() chain.Keeper { return durable.Chained{DB: s.db, Of: history} }
