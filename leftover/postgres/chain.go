package postgres

import (
	"charye/internal/chain"
	"charye/internal/pgdb"
)

// Chain is the chain over what happened here.
func (s *Store) Chain() chain.Keeper { return pgdb.Chained{DB: s.db, Stream: "leftover"} }
