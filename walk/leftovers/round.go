package leftovers

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
	"charye/walk"
)

const (
	batchesAtOnce = 1000 // looked at in a round
	peopleAtOnce  = 200  // people of one list looked at in a round
	toldAtOnce    = 500
)

// Every is how often [Lists.Round] is called.
const Every = time.Second

// Round goes on with every batch of leftover doses that has something to do. Several nodes at it do no harm: which
// offers there are is decided by the store, one after the other.
func (l *Lists) Round(ctx context.Context) error {
	if l.store == nil {
		return nil
	}
	due, err := l.store.Due(ctx, l.now(), batchesAtOnce)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range due {
		errs = append(errs, l.goOn(ctx, id))
	}
	return errors.Join(append(errs, l.tellOfOffers(ctx))...)
}

func (l *Lists) goOn(ctx context.Context, id int64) error {
	v, ok, err := l.store.View(ctx, id, leftover.RoomBeyond)
	if err != nil || !ok {
		return err
	}
	c, ok := l.programme.CampaignByNum(v.Batch.Campaign)
	if !ok { // taken out of the programme; its offers lapse
		c = &programme.Campaign{Num: v.Batch.Campaign}
	}
	now := l.now()
	for _, o := range v.Offers {
		if o.State == leftover.Taken && !o.Answered.Add(leftover.SettleAfter).After(now) {
			// Accepted, and then nobody came back for the booking: it is made for them.
			entries, _, err := l.store.Of(ctx, c.Num, o.Person, 0)
			if err != nil {
				return err
			}
			s := inList(o.Person, bornOf(entries))
			a := walk.Actor{Session: person.Session{Key: o.Person, Born: s.Born}, Channel: "system"}
			if _, err := l.book(ctx, a, c, s, o, v.Batch); walk.CodeOf(err) == walk.Overloaded {
				return err
			}
		}
	}
	day := civil.Of(now, l.programme.Zone)
	unfit, err := l.unfit(ctx, c, &v, now)
	if err != nil {
		return err
	}
	out, err := l.store.Apply(ctx, []leftover.Request{{
		Op: leftover.OpAdvance, At: now, Day: day, BatchID: id, Unfit: unfit, Key: l.key, Channel: "system",
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
func (l *Lists) unfit(ctx context.Context, c *programme.Campaign, v *leftover.View, now time.Time) (out []leftover.Unfit, err error) {
	leftover.Order(v.Next, l.key, civil.Of(now, l.programme.Zone))
	free := v.Free(now)
	for i := range v.Next[:min(len(v.Next), peopleAtOnce)] {
		if free == 0 {
			break
		}
		e := &v.Next[i]
		_, done, err := l.request(ctx, c, inList(e.Person, e.Born), v.Batch, now)
		switch code := walk.CodeOf(err); {
		case err == nil && done == nil:
			free--
		case code == walk.Overloaded:
			return nil, err
		default:
			out = append(out, leftover.Unfit{Person: e.Person, Leaves: code == walk.AlreadyBooked})
		}
	}
	return out, nil
}

// tellOfOffers has people told of offers. Each node has every offer told that stands; told twice it is one message.
func (l *Lists) tellOfOffers(ctx context.Context) error {
	if l.outbox == nil {
		return nil
	}
	now := l.now()
	for {
		live, err := l.store.Live(ctx, now, l.told, toldAtOnce)
		if err != nil || len(live) == 0 {
			return err
		}
		list, err := l.messages(ctx, live)
		if err != nil {
			return err
		}
		at, err := l.outbox.Begin(ctx, l.free.Version())
		if err != nil {
			return err
		}
		err = l.outbox.Enqueue(ctx, at, at, list, now)
		if errors.Is(err, notify.ErrOvertaken) {
			return nil // the courier is at it; in the next round
		}
		if err != nil {
			return err
		}
		l.told = live[len(live)-1].ID
	}
}

// messages are those of some offers: to whom a dose is offered, and to whoever helps them.
func (l *Lists) messages(ctx context.Context, live []leftover.Offer) (list []notify.Message, err error) {
	asked := map[uint32][]person.Key{}
	for _, o := range live {
		asked[o.Campaign] = append(asked[o.Campaign], o.Person)
	}
	helpers := map[uint32]map[person.Key][]person.Key{}
	for campaign, who := range asked {
		if helpers[campaign], err = l.people.Helpers(ctx, campaign, who); err != nil {
			return nil, err
		}
	}
	for _, o := range live {
		list = append(list, notify.OfLeftover(o.ID, o.Person, helpers[o.Campaign][o.Person], o.Made, o.Until)...)
	}
	return list, nil
}

// LeftoverOffered gives what there is to tell somebody of an offer that stands, for [notify.Courier]; link is where they answer.
func (l *Lists) LeftoverOffered(link string) notify.DescribeLeftover {
	return func(ctx context.Context, id int64, m *notify.Message) (notify.Facts, bool, error) {
		if l.store == nil {
			return notify.Facts{}, false, nil
		}
		live, err := l.store.Live(ctx, l.now(), id-1, 1)
		if err != nil || len(live) == 0 || live[0].ID != id || live[0].Person != m.Subject() {
			return notify.Facts{}, false, err
		}
		b, ok, err := l.store.Batch(ctx, live[0].Batch)
		if err != nil || !ok {
			return notify.Facts{}, false, err
		}
		c, ok := l.programme.CampaignByNum(b.Campaign)
		if !ok {
			return notify.Facts{}, false, nil
		}
		if ok, err := l.people.MayKnow(ctx, c, m); err != nil || !ok {
			return notify.Facts{}, false, err
		}
		o := l.view(live[0], b)
		return notify.Facts{
			Campaign: c.Name, Zone: l.programme.Zone, Link: link, Until: o.Until,
			Doses: []notify.DoseFacts{{Dose: 1, Start: o.GiveBy, Site: o.Site, Product: o.Product.Name}},
		}, true, nil
	}
}
