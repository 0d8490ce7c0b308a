package site

import (
	"context"
	"sync/atomic"
)

// Directory is the sites of a store in memory, as of one version of it; it is replaced whole. Safe for concurrent use.
type Directory struct {
	store Store
	now   atomic.Pointer[Sites]
}

// Sites is what a [Directory] knows at one moment. It does not change.
type Sites struct {
	*Index
	Version int64
	Regions []string // the provinces that have sites, in their usual order
}

// NewDirectory reads the sites of a store.
func NewDirectory(ctx context.Context, s Store) (*Directory, error) {
	d := &Directory{store: s}
	if err := d.Reload(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// Reload reads the sites anew when the store has another version of them.
func (d *Directory) Reload(ctx context.Context) error {
	v, err := d.store.Version(ctx)
	if err != nil {
		return err
	}
	if had := d.now.Load(); had != nil && had.Version == v {
		return nil
	}
	all, err := d.store.All(ctx)
	if err != nil {
		return err
	}
	is := &Sites{Index: NewIndex(all), Version: v}
	have := make(map[string]bool)
	for _, s := range is.All() {
		have[s.Region] = true
	}
	for _, r := range Regions() {
		if have[r.Name] {
			is.Regions = append(is.Regions, r.Name)
		}
	}
	d.now.Store(is)
	return nil
}

// Now gives the sites as they were read last.
func (d *Directory) Now() *Sites { return d.now.Load() }
