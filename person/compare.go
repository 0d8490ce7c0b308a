package person

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

	"charye/internal/civil"
)

// Difference is what an import would change in a roster.
type Difference struct {
	People int // in the roster afterwards
	New    int // of them, how many are not in it now
	Gone   int // how many are in it now and would not be
}

// CompareRoster says what [Store.ReplaceRoster] with these rows would change, and refuses what that would refuse. Nothing is
// written. It holds 52 bytes a row in memory.
func CompareRoster(ctx context.Context, s Store, id string, rows iter.Seq2[Identity, error]) (d Difference, err error) {
	type numbered struct {
		index [16]byte
		key   Key
		born  civil.Date
	}
	var keys []Key
	var index []numbered
	for who, err := range rows {
		if err == nil && who.Key.IsZero() {
			err = fmt.Errorf("row %d has no person key", len(keys)+1)
		}
		if err == nil && len(keys)%4096 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return d, fmt.Errorf("compare roster %s: %w", id, err)
		}
		keys = append(keys, who.Key)
		if who.Index != ([16]byte{}) {
			index = append(index, numbered{who.Index, who.Key, who.Born})
		}
	}
	slices.SortFunc(index, func(a, b numbered) int { return bytes.Compare(a.index[:], b.index[:]) })
	for i := 1; i < len(index); i++ {
		if index[i].index == index[i-1].index && index[i] != index[i-1] {
			return d, fmt.Errorf("compare roster %s: %w", id, ErrTwoPeople)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
	keys = slices.Compact(keys)
	d.People, d.New = len(keys), len(keys)
	at := 0
	for k, err := range s.RosterKeys(ctx, id) { // ascending
		if err != nil {
			return d, fmt.Errorf("compare roster %s: %w", id, err)
		}
		for at < len(keys) && bytes.Compare(keys[at][:], k[:]) < 0 {
			at++
		}
		if at < len(keys) && keys[at] == k {
			d.New--
		} else {
			d.Gone++
		}
	}
	return d, nil
}
