// Package room keeps the supply room in the memory of a serving process: what custody, loggers and verdicts told so far, who is in doubt, and
// which alarm was raised; and it carries out the verdicts that two people want.
//
// It owns the view that pages look at ([View]), when it is read anew, the rule of which doubt is an alarm ([Room.Round]), and the steps from a
// preview over four eyes to a verdict that is done ([Room.Preview], [Room.Ask], [Room.Agree]). It must not know of engines, files, roles or faces: it is given stores,
// and package walk says who may. What events mean is supply/trace, what follows from a verdict supply/order, what two people want approval.
//
// An alarm never holds a box: that is for people.
package room

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"charye/approval"
	"charye/booking"
	"charye/internal/civil"
	"charye/internal/clock"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/journal"
	"charye/supply/order"
	"charye/supply/trace"

	"golang.org/x/sync/errgroup"
)

// Places says where sites are, and which place of custody is which site.
type Places struct {
	Sites *site.Index
	Site  func(place string) site.Num // see [trace.Rules]
	// GLN gives the number by which custody is told of a site, where it has one; nil: none has.
	GLN     func(site.Num) (supply.GLN, bool)
	Version string // another one when anything of it changed
}

// Limits are how long may be what is no doubt yet; those of `charye supply judge` are the usual ones.
type Limits struct {
	Overdue  time.Duration // see [supply.AsOf]
	Handover time.Duration
	// Grace is how long after a gap, or after boxes were last seen, what is missing may still be told before it is an alarm: loggers' files come late.
	Grace time.Duration
}

// Usual are the limits where nobody says otherwise.
var Usual = Limits{Overdue: 26 * time.Hour, Handover: time.Hour, Grace: 2 * time.Hour}

// Deps are what a room is wired to.
type Deps struct {
	Programme *programme.Programme
	Places    func(context.Context) (Places, error) // safe for concurrent use
	Custody   trace.Source
	Reader    *trace.Reader  // how far Custody was read already; nil: not at all
	Follower  trace.Follower // reads on from there and keeps it; nil: it is not kept
	Verdicts  supply.Verdicts
	Alarms    supply.Alarms
	Tasks     supply.Tasks
	Journal   journal.Store
	Ledger    booking.Ledger
	Requests  approval.Store // nil: nobody can ask for a verdict here
	// Tell tells people; the same may come again, after a restart, and must reach them once, by the number of its alarm. Nil: nobody is told.
	Tell   func(ctx context.Context, list []Telling) error
	Limits Limits
	Quick  time.Duration // how long who asks for a preview waits for it before it is made in the background; 0: a second
	Node   string        // names this process to the others, and is another after it started again
	Clock  clock.Func
	Log    *slog.Logger
}

// Room is the supply room of a process. Safe for concurrent use.
type Room struct {
	Deps
	live     *trace.Live
	products map[string]*supply.Product
	view     atomic.Pointer[View]

	reading sync.Mutex // one refresh at a time; its holder alone uses what follows
	free    *booking.Snapshot
	places  Places
	kept    []supply.Verdict
	g       *supply.Register
	story   *trace.Trace
	read    int
	alarms  []supply.Alarm
	told    int64 // up to which alarm people were told; of the leader

	book *journal.Book

	wanted     atomic.Int64 // when somebody last looked at the plan of deliveries
	deliveries atomic.Pointer[Planned]
	recent     struct {
		sync.Mutex
		plans []*Planned
	}

	planning sync.Mutex    // one plan at a time
	drafting chan struct{} // somebody wants a preview
	sorted   int64         // the event of the ledger up to which it was seen when it was last looked how much is booked
}

// New makes a room that has read nothing yet; [Room.View] is nil until the first [Room.Refresh].
func New(ctx context.Context, d Deps) (*Room, error) {
	if d.Limits == (Limits{}) {
		d.Limits = Usual
	}
	if d.Quick == 0 {
		d.Quick = quick
	}
	r := &Room{Deps: d, products: map[string]*supply.Product{}, g: supply.NewRegister(), book: journal.NewBook(), drafting: make(chan struct{}, 1)}
	products, perVial := order.Products(d.Programme)
	for _, p := range products {
		r.products[p.ID] = p
	}
	if d.Reader == nil {
		d.Reader = trace.NewReader()
	}
	r.live = trace.NewLive(d.Reader, d.Custody, func(ctx context.Context) (trace.Rules, error) {
		places, err := d.Places(ctx)
		return trace.Rules{Products: products, DosesPerVial: perVial, Site: places.Site, Who: order.PerBooking}, err
	})
	if d.Follower != nil {
		r.live.By(d.Follower)
	}
	var err error
	r.free, err = booking.NewSnapshot(ctx, d.Ledger)
	return r, err
}

// View is what the room knew at a moment. It never changes; it is nil before anything was read.
func (r *Room) View() *View { return r.view.Load() }

// How often the room looks for what is new, how long a judgement stands when nothing is, and how much of the time reading may take at most.
const (
	lookEvery   = 2 * time.Second
	judgeEvery  = time.Minute
	restFactor  = 4
	leaseFor    = 15 * time.Second
	raiseAtOnce = 1000
)

// Refresh reads what is new, and judges again when anything is or the last judgement is old.
func (r *Room) Refresh(ctx context.Context) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	places, err := r.Places(ctx)
	if err != nil {
		return err
	}
	news := places.Version != r.places.Version || r.places.Site == nil
	if news {
		r.live.Retell()
	}
	r.places = places
	t, err := r.live.Refresh(ctx)
	if err != nil {
		return err
	}
	if r.story == nil || t.Read != r.read || !sameStory(t, r.story) {
		news = true
	}
	r.story, r.read = t, t.Read
	before := len(r.kept)
	if err := r.readJournal(ctx); err != nil {
		return err
	}
	if err := r.Verdicts.Verdicts(ctx, r.g.Seq(), func(v supply.Verdict) error {
		r.kept = append(r.kept, v)
		return r.g.Replay(r.kept[len(r.kept)-1:])
	}); err != nil {
		r.kept, r.g = nil, supply.NewRegister() // it is read from the beginning the next time
		return err
	}
	if err := r.free.Refresh(ctx); err != nil {
		return err
	}
	now := r.Clock()
	if v := r.view.Load(); !news && v != nil && len(r.kept) == before && now.Sub(v.At) < judgeEvery && !now.Before(v.At) {
		if v.Book.Seq() != r.book.Seq() {
			next := *v
			r.settled(&next)
			r.view.Store(&next)
		}
		return nil
	}
	if err := r.readAlarms(ctx); err != nil {
		return err
	}
	register := supply.NewRegister()
	if err := register.Replay(r.kept); err != nil {
		return err
	}
	v := r.look(t, register, now)
	r.settled(v)
	r.view.Store(v)
	return nil
}

// sameStory reports whether two views of a trace are of one telling.
func sameStory(a, b *trace.Trace) bool {
	return len(a.Legs) == len(b.Legs) && len(a.Boxes()) == len(b.Boxes()) && (len(a.Legs) == 0 || &a.Legs[0] == &b.Legs[0])
}

func (r *Room) readAlarms(ctx context.Context) error {
	var list []supply.Alarm
	err := r.Alarms.Alarms(ctx, 0, func(a supply.Alarm) error { list = append(list, a); return nil })
	if err == nil {
		r.alarms = list
	}
	return err
}

// Today is the day where the programme is.
func (r *Room) today(now time.Time) civil.Date { return civil.Of(now, r.Programme.Zone) }

// Run follows, raises alarms and does what was agreed, until ctx ends. A round that fails is logged once and tried again. What takes long is done less often.
func (r *Room) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.every(ctx, "look after boxes", nil, r.watch) })
	g.Go(func() error { return r.every(ctx, "do the verdicts that were agreed to", nil, r.carry) })
	g.Go(func() error { return r.every(ctx, "preview verdicts", r.drafting, r.drafts) })
	g.Go(func() error { return r.every(ctx, "plan deliveries", nil, r.plan) })
	g.Go(func() error { return r.every(ctx, "sort in what was booked", nil, r.sortIn) })
	return g.Wait()
}

func (r *Room) every(ctx context.Context, what string, now <-chan struct{}, round func(context.Context) error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-now:
		case <-timer.C:
		}
		began := r.Clock()
		err := round(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			r.Log.LogAttrs(ctx, slog.LevelWarn, "background work fails, trying on: "+what, slog.String("error", err.Error()))
		}
		failing = err != nil
		timer.Reset(max(lookEvery, restFactor*r.Clock().Sub(began)))
	}
}

// Round does the work of [Room.Run] once.
func (r *Room) Round(ctx context.Context) error {
	for _, do := range []func(context.Context) error{r.watch, r.carry, r.drafts, r.plan, r.sortIn} {
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *Room) leads(ctx context.Context) (bool, error) {
	now := r.Clock()
	return r.Alarms.Lead(ctx, r.Node, now, now.Add(leaseFor))
}

func (r *Room) watch(ctx context.Context) error {
	if err := r.Refresh(ctx); err != nil {
		return err
	}
	if leads, err := r.leads(ctx); err != nil || !leads {
		return err
	}
	if err := r.endPromises(ctx); err != nil {
		return err
	}
	return r.raise(ctx)
}

func (r *Room) carry(ctx context.Context) error {
	if leads, err := r.leads(ctx); err != nil || !leads {
		return err
	}
	return r.doAgreed(ctx)
}

// busy is how many events between two looks, two seconds or more apart, say that there is a rush.
const busy = 500

// sortIn has the ledger note where what was booked lately is, for those who ask by site. In a rush it lets that be: it takes from who books.
func (r *Room) sortIn(ctx context.Context) error {
	at := r.free.Version()
	news := at - r.sorted
	r.sorted = at
	if news > busy {
		return nil
	}
	return r.Ledger.Ahead(ctx, nil, r.today(r.Clock()), func(booking.Ahead) error { return nil })
}
