// Package delivery plans which box goes where and when: from what is booked to vials for each site and day, from these to boxes that a depot
// sends or that a site gives to another, and to what is short and why.
//
// It owns the plan and how it is made ([Make]), what it is made from ([Gather]), and its forms for people and machines. It must not know of engines,
// files or faces, and it never asks what time it is. Which boxes are fit is judged by supply, the rules are the programme's, where boxes are is told
// by supply/trace. A plan changes nothing: boxes are under way when custody says so.
package delivery

import (
	"errors"
	"time"

	"charye/internal/civil"
	"charye/programme"
	"charye/site"
	"charye/supply"
)

// Need is how many vials of a product a site opens on a day.
type Need struct {
	Site    site.Num
	Day     civil.Date
	Product string
	Vials   int
}

// Box is a box as planning sees it: in a depot, at a site, or under way to one of them.
type Box struct {
	SSCC    supply.SSCC
	Product string
	Lot     supply.LotKey
	Expires civil.Date // last day of use
	Vials   int        // that are left and not opened
	Depot   string     // id; empty: at a site
	Site    site.Num
	From    civil.Date // the first day on which it is there; today or before: it is
	Coming  bool       // under way to there
	Bar     Bar
	// Away is why it may not leave, though it may be used where it is; empty: it may.
	Away Bar
}

// Bar is why a box is left out of a plan.
type Bar string

// The bars.
const (
	Held      Bar = "held"      // by a verdict: held, recalled or destroyed
	Doubt     Bar = "doubt"     // its readings passed a budget, and nobody has decided yet
	Unknown   Bar = "unknown"   // nothing is known of its temperature for some of its way
	Thawed    Bar = "thawed"    // some of its vials were thawed or punctured: it stays where it is
	NoExpiry  Bar = "no-expiry" // nobody told when its lot expires
	Late      Bar = "late"      // under way, and overdue for longer than the rules allow
	Elsewhere Bar = "elsewhere" // neither in a depot of the rules nor at a site, and nobody told where it goes
)

// Input is what a plan is made from, as it was at one moment.
type Input struct {
	Programme *programme.Programme
	Sites     *site.Index
	Now       time.Time
	From      civil.Date // the first day of use that is asked for; today or later. What is needed before it is planned for with it
	Days      int        // how many, from From on
	Needs     []Need     // from today on, also beyond the days planned for: a site gives away nothing that it needs later
	Boxes     []Box
	// Room gives how long a box may still be out of its store, and whether it may travel once more at all: thawed vials never do. nil: none may.
	Room func(supply.SSCC) (time.Duration, bool)
}

// Plan says what goes where, and what does not. It is the same for the same input, in whatever order that was given.
type Plan struct {
	Made      time.Time
	From, To  civil.Date // the days of use that were asked for, both included; Short and Totals are of these
	Shipments []Shipment // from depots; by day of leaving, depot, site
	Transfers []Shipment // from site to site; by day of leaving, giver, site
	Short     []Short    // by day, site, product
	Unused    []Unused   // boxes that cannot be used after the last day and have vials left; by day, SSCC
	Aside     []Aside    // boxes that were left out; by reason, SSCC
	Totals    Totals
}

// Totals are sums of vials over the days asked for.
type Totals struct {
	Needed  int
	There   int // of these, what is at the sites or under way meets
	Short   int // of these, what nothing meets
	Shipped int // in boxes that depots send for these days
	Moved   int // in boxes that sites give for these days
	Reserve int // in boxes that depots send on top
}

// Over is how many vials come for these days that nobody needs: boxes are whole.
func (t *Totals) Over() int { return max(0, t.Shipped+t.Moved-(t.Needed-t.There-t.Short)) }

// Shipment is boxes that go together.
type Shipment struct {
	Depot   string   // empty: from a site
	Giver   site.Num // 0: from a depot
	Site    site.Num
	Leave   civil.Date
	Leaves  time.Time
	CutOff  time.Time  // the earliest of its products: what goes must be settled before
	Arrives civil.Date // the first day on which it can be used
	Loads   []Load     // by product, expiry, SSCC
	Why     Why        // of a transfer
	Metres  int        // of a transfer
	Cost    int        // in the programme's unit
}

// Load is a box in a shipment.
type Load struct {
	Box     supply.SSCC
	Product string
	Lot     supply.LotKey
	Expires civil.Date
	Vials   int
	For     civil.Date // the first day that needs it
	Reserve bool       // not needed by any day: on top
}

// Why is the reason for something in a plan.
type Why string

// The reasons for what is short, and for transfers.
const (
	PastCutOff Why = "past-cut-off" // a depot has boxes, and the last departure that comes in time is settled already
	NoBox      Why = "no-box"       // no depot that serves the site has a usable box in time
	NoDepot    Why = "no-depot"     // no depot serves the site with the product
	Sooner     Why = "sooner"       // no depot can bring it in time
	Cheaper    Why = "cheaper"      // than a stop that a depot would make for it
)

// Short is what a site will not have on a day.
type Short struct {
	Site    site.Num
	Day     civil.Date
	Product string
	Vials   int
	Boxes   int // that hold so many vials
	Why     Why
	CutOff  time.Time // with [PastCutOff]: when it was
}

// Unused is vials that nobody is foreseen for before their last day.
type Unused struct {
	Box     supply.SSCC
	Product string
	Lot     supply.LotKey
	Expires civil.Date
	Vials   int
	Depot   string
	Site    site.Num
}

// Aside is a box that was left out.
type Aside struct {
	Box Box
	Why Bar
}

// What [Make] refuses.
var (
	ErrRules = errors.New("no rules of shipping")
	ErrInput = errors.New("cannot be planned from")
)
