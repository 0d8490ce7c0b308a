package walk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"charye/internal/civil"
	"charye/leftover"
	"charye/notify"
	"charye/person"
	"charye/programme"
)

const (
	leftoverEvery      = time.Second
	leftoverBatches    = 1000 // looked at in a round
	leftoverLooked     = 200  // people of one list looked at in a round
	leftoverToldAtOnce = 500
)

// offerLeftovers goes on with every batch of leftover doses that has something to do. Several nodes at it do no harm: which
// offers there are is decided by the store, one after the other.
func (w *Walk) offerLeftovers(ctx context.Context) error {
	if w.leftovers == nil {
		return nil
	}
	due, err := w.leftovers.Due(ctx, w.now(), leftoverBatches)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range due {
		errs = append(errs, w.offerLeftover(ctx, id))
	}
	return errors.Join(append(errs, w.tellLeftovers(ctx))...)
}

func (w *Walk) offerLeftover(ctx context.Context, id int64) error {
	v, ok, err := w.leftovers.View(ctx, id, leftover.RoomBeyond)
	if err != nil || !ok {
		return err
	}
	c, ok := w.programme.CampaignByNum(v.Batch.Campaign)
	if !ok { // taken out of the programme; its offers lapse
		c = &programme.Campaign{Num: v.Batch.Campaign}
	}
	now := w.now()
	for _, o := range v.Offers {
		if o.State == leftover.Taken && !o.Answered.Add(leftover.SettleAfter).After(now) {
			// Accepted, and then nobody came back for the booking: it is made for them.
			entries, _, err := w.leftovers.Of(ctx, c.Num, o.Person, 0)
			if err != nil {
				return err
			}
			s := leftoverSubject(o.Person, bornOf(entries))
			a := Actor{Session: person.Session{Key: o.Person, Born: s.born}, Channel: "system"}
			if _, err := w.bookLeftover(ctx, a, c, s, o, v.Batch); codeOf(err) == Overloaded {
				return err
			}
		}
	}
	day := civil.Of(now, w.programme.Zone)
	unfit, err := w.unfit(ctx, c, &v, now)
	if err != nil {
		return err
	}
	out, err := w.leftovers.Apply(ctx, []leftover.Request{{
		Op: leftover.OpAdvance, At: now, Day: day, BatchID: id, Unfit: unfit, Key: w.leftoverKey, Channel: "system",
	}})
	if err != nil {
		return err
	}
	if r := out[0].Result; r != leftover.Done && r != leftover.Repeated {
		return fmt.Errorf("unexpected outcome %d of going on with leftover doses", r)
	}
	return nil
}

// bornOf is the date of birth that somebody signed up with; who left all lists has none any more, and then no dose.
func bornOf(entries []leftover.Entry) civil.Date {
	if len(entries) == 0 {
		return 0
	}
	return entries[0].Born
}

// unfit finds, of those who come next, who cannot take a dose, so that nobody's minutes are lost for them.
func (w *Walk) unfit(ctx context.Context, c *programme.Campaign, v *leftover.View, now time.Time) (out []leftover.Unfit, err error) {
	leftover.Order(v.Next, w.leftoverKey, civil.Of(now, w.programme.Zone))
	free := v.Free(now)
	for i := range v.Next[:min(len(v.Next), leftoverLooked)] {
		if free == 0 {
			break
		}
		e := &v.Next[i]
		_, done, err := w.leftoverRequest(ctx, c, leftoverSubject(e.Person, e.Born), v.Batch, now)
		switch code := codeOf(err); {
		case err == nil && done == nil:
			free--
		case code == Overloaded:
			return nil, err
		default:
			out = append(out, leftover.Unfit{Person: e.Person, Leaves: code == AlreadyBooked})
		}
	}
	return out, nil
}

// codeOf is the code of a refusal; empty for none, [Internal] for other errors.
func codeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// tellLeftovers has people told of offers. Each node has every offer told that stands; told twice it is one message.
func (w *Walk) tellLeftovers(ctx context.Context) error {
	if w.outbox == nil {
		return nil
	}
	now := w.now()
	for {
		live, err := w.leftovers.Live(ctx, now, w.leftoversTold, leftoverToldAtOnce)
		if err != nil || len(live) == 0 {
			return err
		}
		list, err := w.leftoverMessages(ctx, live)
		if err != nil {
			return err
		}
		at, err := w.outbox.Begin(ctx, w.Followed())
		if err != nil {
			return err
		}
		err = w.outbox.Enqueue(ctx, at, at, list, now)
		if errors.Is(err, notify.ErrOvertaken) {
			return nil // the courier is at it; in the next round
		}
		if err != nil {
			return err
		}
		w.leftoversTold = live[len(live)-1].ID
	}
}

// leftoverMessages are those of some offers: to whom a dose is offered, and to whoever helps them.
func (w *Walk) leftoverMessages(ctx context.Context, live []leftover.Offer) (list []notify.Message, err error) {
	asked := map[uint32][]person.Key{}
	for _, o := range live {
		asked[o.Campaign] = append(asked[o.Campaign], o.Person)
	}
	helpers := map[uint32]map[person.Key][]person.Key{}
	for campaign, who := range asked {
		if helpers[campaign], err = w.Helpers(ctx, campaign, who); err != nil {
			return nil, err
		}
	}
	for _, o := range live {
		list = append(list, notify.OfLeftover(o.ID, o.Person, helpers[o.Campaign][o.Person], o.Made, o.Until)...)
	}
	return list, nil
}

// LeftoverOffered gives what there is to tell somebody of an offer that stands, for [notify.Courier]; link is where they answer.
func (w *Walk) LeftoverOffered(link string) notify.DescribeLeftover {
	return func(ctx context.Context, id int64, m *notify.Message) (notify.Facts, bool, error) {
		if w.leftovers == nil {
			return notify.Facts{}, false, nil
		}
		live, err := w.leftovers.Live(ctx, w.now(), id-1, 1)
		if err != nil || len(live) == 0 || live[0].ID != id || live[0].Person != m.Subject() {
			return notify.Facts{}, false, err
		}
		b, ok, err := w.leftovers.Batch(ctx, live[0].Batch)
		if err != nil || !ok {
			return notify.Facts{}, false, err
		}
		c, ok := w.programme.CampaignByNum(b.Campaign)
		if !ok {
			return notify.Facts{}, false, nil
		}
		if ok, err := w.mayKnow(ctx, c, m); err != nil || !ok {
			return notify.Facts{}, false, err
		}
		o := w.leftoverView(live[0], b)
		return notify.Facts{
			Campaign: c.Name, Zone: w.programme.Zone, Link: link, Until: o.Until,
			Doses: []notify.DoseFacts{{Dose: 1, Start: o.GiveBy, Site: o.Site, Product: o.Product.Name}},
		}, true, nil
	}
}
