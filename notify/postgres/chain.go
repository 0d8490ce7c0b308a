package postgres

import (
	"charye/internal/chain"
	"charye/internal/pgdb"
)

// Chain is the chain over what happened here.
func (o *Outbox) Chain() chain.Keeper { return pgdb.Chained{DB: o.db, Stream: "notify"} }
