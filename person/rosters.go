package person

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
)

// Rosters is a node's view of all rosters, in memory: 16 bytes for each person of each roster. Questions never touch the
// store. Safe for concurrent use.
type Rosters struct {
	store Store
	mu    sync.Mutex // one Reload at a time
	view  atomic.Pointer[map[string]roster]
}

type roster struct {
	version int64
	pages   [][]Key // ascending; none is empty
	people  int
}

// keysPerPage keeps growth cheap: a page is filled once and never copied.
const keysPerPage = 1 << 15

// NewRosters makes an empty view; [Rosters.Reload] fills it.
func NewRosters(store Store) *Rosters {
	r := &Rosters{store: store}
	r.view.Store(&map[string]roster{})
	return r
}

// Has reports whether the person is in the roster. A roster that is not there has nobody.
func (r *Rosters) Has(id string, k Key) bool {
	pages := (*r.view.Load())[id].pages
	i := sort.Search(len(pages), func(i int) bool { return bytes.Compare(pages[i][0][:], k[:]) > 0 })
	if i == 0 {
		return false
	}
	_, found := slices.BinarySearchFunc(pages[i-1], k, func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
	return found
}

// People is the number of people in the roster.
func (r *Rosters) People(id string) int { return (*r.view.Load())[id].people }

// Reload brings the view up to date: rosters whose version changed are read again, others stay. Questions are answered
// from the old view until all is read; after an error it stays as it was. Call it every few seconds.
func (r *Rosters) Reload(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	versions, err := r.store.RosterVersions(ctx)
	if err != nil {
		return fmt.Errorf("reload rosters: %w", err)
	}
	old := *r.view.Load()
	fresh := make(map[string]roster, len(versions))
	for id, version := range versions {
		if have, ok := old[id]; ok && have.version == version {
			fresh[id] = have
			continue
		}
		// A replacement between the two reads gives newer keys under the older version: the next Reload reads them again.
		ro, err := readKeys(ctx, r.store, id)
		if err != nil {
			return fmt.Errorf("reload roster %s: %w", id, err)
		}
		ro.version = version
		fresh[id] = ro
	}
	if !maps.EqualFunc(old, fresh, func(a, b roster) bool { return a.version == b.version }) {
		r.view.Store(&fresh)
	}
	return nil
}

func readKeys(ctx context.Context, store Store, id string) (roster, error) {
	var ro roster
	var page []Key
	var last Key
	for k, err := range store.RosterKeys(ctx, id) {
		if err != nil {
			return roster{}, err
		}
		if ro.people > 0 && bytes.Compare(last[:], k[:]) >= 0 {
			return roster{}, fmt.Errorf("keys do not ascend at number %d", ro.people)
		}
		if len(page) == keysPerPage {
			ro.pages, page = append(ro.pages, page), nil
		}
		if page == nil {
			page = make([]Key, 0, keysPerPage)
		}
		page = append(page, k)
		last = k
		ro.people++
	}
	if len(page) > 0 {
		ro.pages = append(ro.pages, slices.Clip(slices.Clone(page)))
	}
	return ro, nil
}
