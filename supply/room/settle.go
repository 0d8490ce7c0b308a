package room

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"charye/approval"
	"charye/site"
	"charye/supply"
	"charye/supply/delivery"
	"charye/supply/journal"
	"charye/supply/trace"
)

// Planned is a plan of deliveries with what of it can be settled.
type Planned struct {
	*delivery.Plan
	Kept       delivery.Kept // what became of what was settled before
	Departures []Departure   // by cut-off
	sites      *site.Index
	journal    int64 // the last event that it knows of
	verdicts   int   // how many
}

// Departure is what may be settled as one.
type Departure struct {
	journal.Departure
	Digest string // names exactly these boxes
}

// recentPlans is how many plans are remembered: who looks at one for some minutes settles what they saw, where that is still so.
const recentPlans = 8

// Errors of settling, beside those of journal and delivery.
var (
	// ErrLookAgain means that what was shown is not remembered here.
	ErrLookAgain = errors.New("the plan was made anew since; look at it again")
	// ErrUnread means that nothing was read yet.
	ErrUnread = errors.New("the supply room is still being read")
)

// server is who ends promises in the journal.
const server = "server"

// newPlanned finds what of a plan can be settled.
func newPlanned(p *delivery.Plan, kept delivery.Kept, w *delivery.World, v *View) (*Planned, error) {
	list, err := w.Departures(p.Promises())
	if err != nil {
		return nil, err
	}
	out := &Planned{Plan: p, Kept: kept, sites: v.Sites, journal: v.Book.Seq(), verdicts: len(v.Verdicts)}
	for i := range list {
		out.Departures = append(out.Departures, Departure{list[i], list[i].Digest()})
	}
	return out, nil
}

// Departure finds one by its digest, in the last plan or in one of those shortly before.
func (r *Room) Departure(digest string) (Departure, *Planned, bool) {
	r.recent.Lock()
	defer r.recent.Unlock()
	for _, p := range slices.Backward(r.recent.plans) {
		for i := range p.Departures {
			if p.Departures[i].Digest == digest {
				return p.Departures[i], p, true
			}
		}
	}
	return Departure{}, nil, false
}

func (r *Room) remember(p *Planned) {
	r.recent.Lock()
	defer r.recent.Unlock()
	if r.recent.plans = append(r.recent.plans, p); len(r.recent.plans) > recentPlans {
		r.recent.plans = slices.Delete(r.recent.plans, 0, 1)
	}
}

// world is what is planned from, as a view has it.
func (r *Room) world(v *View) *delivery.World {
	return &delivery.World{
		Programme: r.Programme, Sites: v.Sites, Trace: v.Trace, Register: v.Register, Now: r.Clock(), Overdue: r.Limits.Overdue, Handover: r.Limits.Handover,
	}
}

// Settle settles a departure as it was shown: those boxes and no others. Where one of them is promised to somebody else meanwhile, must not leave any more, or the
// cut-off is over, nothing is settled and the error says which.
func (r *Room) Settle(ctx context.Context, who approval.Who, digest string) (journal.Event, error) {
	d, p, ok := r.Departure(digest)
	if !ok {
		return journal.Event{}, ErrLookAgain
	}
	v := r.View()
	if v == nil {
		return journal.Event{}, ErrUnread
	}
	w := r.world(v)
	if err := w.MaySettle(&d.Departure); err != nil {
		return journal.Event{}, err
	}
	sum, err := p.sum(r)
	if err != nil {
		return journal.Event{}, err
	}
	return r.write(ctx, journal.Event{At: w.Now, By: Name(who), Kind: journal.Settle, Departure: &d.Departure, Plan: sum})
}

// sum is the SHA-256 of the plan's CSV, as the page gives it.
func (p *Planned) sum(r *Room) (string, error) {
	h := sha256.New()
	err := p.WriteCSV(h, p.sites, r.Programme.Zone, delivery.PlainCell)
	return hex.EncodeToString(h.Sum(nil)), err
}

// WithdrawSettlement takes back what of a settlement has not left.
func (r *Room) WithdrawSettlement(ctx context.Context, who approval.Who, id int64, why string) (journal.Event, error) {
	return r.write(ctx, journal.Event{At: r.Clock(), By: Name(who), Kind: journal.Withdraw, Settlement: id, Reason: why})
}

// write keeps an event, and has the view know of it.
func (r *Room) write(ctx context.Context, e journal.Event) (journal.Event, error) {
	out, err := r.Journal.Write(ctx, e)
	if err != nil {
		return out, err
	}
	return out, r.follow(ctx)
}

// follow has the view know what was written in the journal, here or elsewhere, without judging boxes again.
func (r *Room) follow(ctx context.Context) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	if err := r.readJournal(ctx); err != nil {
		return err
	}
	if v := r.view.Load(); v != nil && v.Book.Seq() != r.book.Seq() {
		next := *v
		r.settled(&next)
		r.view.Store(&next)
	}
	return nil
}

// Settlement finds a settlement, also one of a moment ago at another node; [journal.ErrNoSettlement] when there is none, or when it is long over.
func (r *Room) Settlement(ctx context.Context, id int64) (*View, *journal.Settlement, error) {
	for again := false; ; again = true {
		v := r.View()
		if v == nil {
			return nil, nil, ErrUnread
		}
		if s, ok := v.Book.Settlement(id); ok {
			return v, s, nil
		}
		if again || id <= v.Book.Seq() {
			return nil, nil, fmt.Errorf("%w: number %d", journal.ErrNoSettlement, id)
		}
		if err := r.follow(ctx); err != nil {
			return nil, nil, err
		}
	}
}

// readJournal reads on in the journal; its caller holds reading.
func (r *Room) readJournal(ctx context.Context) error {
	err := r.Journal.Journal(ctx, r.book.Seq(), func(e journal.Event) error { return r.book.Replay(e) })
	if err != nil {
		r.book = journal.NewBook() // it is read from the beginning the next time
	}
	return err
}

// settled brings into a view what is settled, and what became of it; its caller holds reading.
func (r *Room) settled(v *View) {
	v.Book = r.book.Clone()
	v.Fates = nil
	open := delivery.Settled(v.Book, v.Sites)
	if len(open) == 0 {
		return
	}
	v.Fates = map[supply.SSCC]delivery.Fate{}
	for _, f := range r.world(v).Fates(open) {
		v.Fates[f.Box] = f
	}
}

// endPromises writes down which promises are over. The leader does it.
func (r *Room) endPromises(ctx context.Context) error {
	v := r.View()
	if v == nil || len(v.Fates) == 0 {
		return nil
	}
	var over []delivery.Fate
	for _, s := range v.Book.Settlements() {
		for i := range s.Loads {
			if f, ok := v.Fates[s.Loads[i].Box]; ok && f.Settlement == s.ID && f.Why != "" {
				over = append(over, f)
			}
		}
	}
	for _, e := range delivery.Endings(over, r.Clock(), server) {
		if _, err := r.write(ctx, e); err != nil && !errors.Is(err, journal.ErrNothing) {
			return err
		}
	}
	return nil
}

// Shipping is the EPCIS document with which what is open of a settlement leaves, to be captured when it does.
func (r *Room) Shipping(ctx context.Context, s *journal.Settlement) ([]byte, error) {
	places, err := r.Places(ctx)
	if err != nil {
		return nil, err
	}
	return trace.ShippingDocument(delivery.Shippings(s, r.Programme, func(id string) string {
		if at, ok := places.Sites.ByID(id); ok && places.GLN != nil {
			if g, ok := places.GLN(at.Num); ok {
				return trace.PlaceKey(g.String())
			}
		}
		return trace.SiteURN(id)
	}), r.Clock())
}
