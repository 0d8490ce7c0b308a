// Package whole is the walk with all that goes on beside it, wired together: what faces are given, and the work that no request asks for.
//
// It owns which part gets what of the others, and how often each does its round. It decides nothing, and must not know of HTTP, HTML or how
// anything is kept: it is given the domains' contracts and a clock.
package whole

import (
	"context"
	"log/slog"

	"charye/approval"
	"charye/booking"
	"charye/internal/batch"
	"charye/internal/clock"
	"charye/internal/seal"
	"charye/leftover"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/supply/dispense"
	"charye/supply/room"
	"charye/walk"
	"charye/walk/approvals"
	"charye/walk/clinic"
	"charye/walk/desk"
	"charye/walk/leftovers"
	"charye/walk/look"
	"charye/walk/manage"
	"charye/walk/standby"
	"charye/walk/stock"
	"charye/walk/supplyroom"
	"charye/walk/tell"
)

// Deps are what the whole is wired to.
type Deps struct {
	Programme *programme.Programme
	Line      line.Line
	Ledger    booking.Ledger
	Sites     site.Store
	People    person.Store
	Outbox    notify.Outbox  // nil: nobody is told anything
	Leftovers leftover.Store // nil: leftover doses are not offered
	Dispense  *dispense.Room // nil: nothing is known of boxes at the counter, and nobody is told of doses
	Approvals approval.Store // nil: nothing can be asked for
	Supply    *room.Room     // nil: no product has rules for its storage
	Rules     *manage.Rules  // that wait for two people; nil: none
	// ChangeOf holds a programme file against the one that is served; nil: it cannot be done here.
	ChangeOf func(src []byte) (manage.RuleChange, error)
	Version  string // of the program
	Shared   bool   // the engines are those of many nodes
	Keys     *seal.Keys
	Clock    clock.Func
	Log      *slog.Logger
}

// Walk is what faces call. Safe for concurrent use.
type Walk struct {
	*walk.Walk
	*desk.Desk
	*clinic.Clinic
	*leftovers.Lists
	*tell.Teller
	*approvals.FourEyes
	*manage.Office
	*supplyroom.Door

	commits *booking.Desk
	free    *booking.Snapshot
	line    line.Line
	stock   *stock.Stock
	standby *standby.Standby
	room    *room.Room
	log     *slog.Logger
}

// New wires the whole and reads what it needs to answer its first request: sites, rosters and the counters as they stand. Counters whose rule
// changed since the last start get their new capacity; see [stock.New].
func New(ctx context.Context, d Deps) (*Walk, error) {
	sites, err := site.NewDirectory(ctx, d.Sites)
	if err != nil {
		return nil, err
	}
	free, err := booking.NewSnapshot(ctx, d.Ledger)
	if err != nil {
		return nil, err
	}
	st, err := stock.New(ctx, stock.Deps{Programme: d.Programme, Line: d.Line, Ledger: d.Ledger, Free: free, Sites: sites, Clock: d.Clock, Log: d.Log})
	if err != nil {
		return nil, err
	}
	looks := look.New(d.People, d.Keys, d.Clock)
	w := &Walk{
		commits: booking.NewDesk(d.Ledger, batch.Options{}), free: free, line: d.Line, stock: st, room: d.Supply, log: d.Log,
		standby: standby.New(standby.Deps{Programme: d.Programme, Line: d.Line, Ledger: d.Ledger, Free: free, Stock: st, Clock: d.Clock, Log: d.Log}),
	}
	if w.Walk, err = walk.New(ctx, walk.Deps{
		Programme: d.Programme, Line: d.Line, Ledger: d.Ledger, Desk: w.commits, Free: free, Stock: st, Sites: sites, People: d.People, Looks: looks,
		Keys: d.Keys, Clock: d.Clock, Log: d.Log,
	}); err != nil {
		w.commits.Stop()
		return nil, err
	}
	w.Desk = desk.New(desk.Deps{Walk: w.Walk, Programme: d.Programme, Line: d.Line, People: d.People, Keys: d.Keys, Clock: d.Clock})
	w.Teller = tell.New(tell.Deps{
		Walk: w.Walk, Programme: d.Programme, Line: d.Line, Ledger: d.Ledger, Stock: st, Sites: sites, People: d.People, Outbox: d.Outbox, Clock: d.Clock,
	})
	w.Lists = leftovers.New(leftovers.Deps{
		Walk: w.Walk, Told: w.Teller, Programme: d.Programme, Store: d.Leftovers, Desk: w.commits, Free: free, Sites: sites, Outbox: d.Outbox, Keys: d.Keys,
		Clock: d.Clock,
	})
	w.Clinic = clinic.New(clinic.Deps{
		Walk: w.Walk, Lists: w.Lists, Programme: d.Programme, Ledger: d.Ledger, Desk: w.commits, Free: free, Sites: sites, Dispense: d.Dispense, Keys: d.Keys,
		Clock: d.Clock, Log: d.Log,
	})
	w.FourEyes = approvals.New(d.Approvals, d.Clock)
	w.Office = manage.New(manage.Deps{
		Walk: w.Walk, Programme: d.Programme, Line: d.Line, Ledger: d.Ledger, Desk: w.commits, Free: free, Sites: d.Sites, People: d.People, Outbox: d.Outbox,
		Approvals: d.Approvals, FourEyes: w.FourEyes, Looks: looks, Rules: d.Rules, ChangeOf: d.ChangeOf, Version: d.Version, Shared: d.Shared, Clock: d.Clock,
	})
	w.Door = supplyroom.New(d.Programme, d.Supply)
	return w, nil
}

// Stop answers everybody who waits for a booking to be committed, and takes no more.
func (w *Walk) Stop() {
	w.commits.Stop()
	w.Lists.Stop()
}

// Waiting is how many requests wait for the next commit of bookings.
func (w *Walk) Waiting() int { return w.commits.Waiting() }

// Followed is the last event of the ledger that pages know of: an outbox that was never used begins behind it.
func (w *Walk) Followed() int64 { return w.free.Version() }
