// Package site is the places where people are vaccinated (접종기관): what a site is, the files sites are imported from,
// and finding the ones near a person.
//
// It owns [Site], the import formats and the nearness index, and the contract [Store] (engine: site/sqlite). It must not
// know of sessions, stock, bookings or HTTP.
package site

import (
	"context"
	"errors"
	"time"
)

// Num is a site's small, stable number, given at its first import and never used again; slots are named by it.
// It fits 24 bits.
type Num uint32

// MaxNum is the largest number a site can have.
const MaxNum Num = 1<<24 - 1

// Site is a clinic, hospital or vaccination centre.
type Site struct {
	Num      Num
	ID       string // as the source names it; unique
	Name     string
	Kind     string // centre, hospital or clinic
	Address  string
	Region   string // province (시도) as written in the source, normalised to the full official name
	District string // city or district (시군구), may be empty
	Phone    string
	Lat, Lon float64 // WGS84 degrees; both 0 when the position is unknown
}

// Placed reports whether the site's position is known.
func (s Site) Placed() bool { return s.Lat != 0 || s.Lon != 0 }

var (
	// ErrNoSite means that no site has that id.
	ErrNoSite = errors.New("no such site")
	// ErrTooMany means that a Put would need a number above [MaxNum]; nothing of it was done.
	ErrTooMany = errors.New("no numbers left for new sites")
)

// Store keeps the sites. Safe for concurrent use; one process serves while another imports.
type Store interface {
	// Put adds or updates sites by ID in one transaction, durable when it returns, and writes an event for each change.
	// New ones get the next numbers; the Num of sites given is not looked at. It returns how many were new and how many
	// changed; a site that is as it was writes nothing. When it fails nothing of it was done.
	Put(ctx context.Context, sites []Site, at time.Time) (added, changed int, err error)
	// All lists every site, by Num.
	All(ctx context.Context) ([]Site, error)
	// Version grows with each Put that changed something; nodes reload when it did.
	Version(ctx context.Context) (int64, error)
	Close() error
}

// Change is one entry of a store's history: what became of a site, as JSON.
type Change struct {
	Seq  int64
	At   time.Time
	Kind string // site-added, site-changed
	Site string // id
	What []byte // all fields of a new site, {"field": [old, new]} of a changed one
}

// Source is a store that another can be filled from.
type Source interface {
	// All lists every site, by Num.
	All(ctx context.Context) ([]Site, error)
	// Changes calls yield for the whole history, in order.
	Changes(ctx context.Context, yield func(Change) error) error
}
