package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
	"charye/person"
)

// Helpers implements [person.Store].
func (s *Store) Helpers(ctx context.Context, campaign string, who []person.Key) (map[person.Key][]person.Key, error) {
	out := map[person.Key][]person.Key{}
	keys := make([][]byte, len(who))
	for i := range who {
		keys[i] = who[i][:]
	}
	rows, err := s.db.Query(ctx, `SELECT person, helper FROM recipient WHERE person = ANY($1::bytea[]) AND campaign = $2::text AND clerk IS NULL ORDER BY registered_at, nr`, keys, campaign)
	if err == nil {
		var helped, helper []byte
		_, err = pgx.ForEachRow(rows, []any{&helped, &helper}, func() error {
			k := person.Key(helped)
			out[k] = append(out[k], person.Key(helper))
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("helpers: %w", pgdb.Wrap(err))
	}
	return out, nil
}
