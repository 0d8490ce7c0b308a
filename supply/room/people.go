package room

import (
	"context"
	"errors"
	"time"

	"charye/approval"
	"charye/booking"
	"charye/supply"
	"charye/supply/followup"
	"charye/supply/order"
)

// ErrNoPeople means that a case is not one whose people are followed up: it recalled nothing and had nothing destroyed, or not yet.
var ErrNoPeople = errors.New("only what was recalled or destroyed is followed up: a hold may still turn out well")

// People is who was given a dose from the boxes that a case recalled or had destroyed.
type People struct {
	*followup.List
	Case  string
	Boxes int
	All   bool // also who was given one while the box was fit by all that is known
}

// carryFor is how long doses are carried out in one step, while somebody waits for the page.
const carryFor = 5 * time.Second

// People lists them, as custody stands in the last view. The verdict was done, so two people agreed to it.
func (r *Room) People(ctx context.Context, id int64, all bool) (People, error) {
	c, err := r.Case(ctx, id)
	if err != nil {
		return People{}, err
	}
	v, wants := r.View(), c.Plan.Verdict
	if v == nil || c.State(r.Clock()) != approval.Done || wants.Action != supply.Recall && wants.Action != supply.Destroy {
		return People{}, ErrNoPeople
	}
	var verdicts []supply.Verdict
	if err := r.Verdicts.Verdicts(ctx, 0, func(v supply.Verdict) error { verdicts = append(verdicts, v); return nil }); err != nil {
		return People{}, err
	}
	boxes := followup.Case(verdicts, wants.Case)
	if len(boxes) == 0 {
		return People{}, ErrNoPeople // what was agreed to could not be done
	}
	list, err := followup.Make(ctx, v.Trace, followup.ByNumber(r.Ledger, order.BookingOf), boxes, v.asOf(), all)
	return People{list, wants.Case, len(boxes), all}, err
}

// NotCount has the doses of those on the list not count any more, so that their people are told, for as long as somebody waits; again goes on. It gives
// how many doses it was. Doses given while their box was fit are not for one person to decide: the verdict does not say that these are bad too.
func (r *Room) NotCount(ctx context.Context, id int64) (int, error) {
	p, err := r.People(ctx, id, false)
	if err != nil {
		return 0, err
	}
	within, cancel := context.WithTimeout(ctx, carryFor)
	defer cancel()
	done, _, err := p.Carry(within, r.Ledger, cut(p.Case, booking.MaxWord), r.Clock)
	return done, err
}
