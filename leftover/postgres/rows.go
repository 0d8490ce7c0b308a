package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/civil"
	"charye/leftover"
	"charye/site"
)

const (
	selectEntries = `SELECT campaign, site, person, born, since, turn, gone FROM leftover_entries e `
	selectBatches = `SELECT id, campaign, site, product, doses, made, until, minutes, next FROM leftover_batches `
	selectOffers  = `SELECT id, batch, campaign, person, state, made, until, answered FROM leftover_offers `
)

func scanEntry(row pgx.CollectableRow) (e leftover.Entry, err error) {
	var who []byte
	var campaign int64
	var num, born, since int32
	if err := row.Scan(&campaign, &num, &who, &born, &since, &e.Turn, &e.Left); err != nil {
		return e, err
	}
	e.Campaign, e.Site, e.Born, e.Since = uint32(campaign), site.Num(num), civil.Date(born), civil.Date(since)
	copy(e.Person[:], who)
	if e.Turn = e.Turn.UTC(); e.Turn.Equal(noTurn) {
		e.Turn = time.Time{}
	}
	return e, nil
}

// noTurn stands in the tables for the zero instant, so that it sorts before all others.
var noTurn = time.Unix(0, 0).UTC()

func scanBatch(row pgx.CollectableRow) (b leftover.Batch, err error) {
	var campaign int64
	var num, doses, minutes int32
	var next *time.Time
	if err := row.Scan(&b.ID, &campaign, &num, &b.Product, &doses, &b.Made, &b.Until, &minutes, &next); err != nil {
		return b, err
	}
	b.Campaign, b.Site, b.Doses, b.Minutes, b.Made, b.Until = uint32(campaign), site.Num(num), int(doses), int(minutes), b.Made.UTC(), b.Until.UTC()
	if next != nil {
		b.Next = next.UTC()
	}
	return b, nil
}

func scanOffer(row pgx.CollectableRow) (o leftover.Offer, err error) {
	var who []byte
	var campaign int64
	var state int16
	var answered *time.Time
	if err := row.Scan(&o.ID, &o.Batch, &campaign, &who, &state, &o.Made, &o.Until, &answered); err != nil {
		return o, err
	}
	o.Campaign, o.State, o.Made, o.Until = uint32(campaign), leftover.State(state), o.Made.UTC(), o.Until.UTC()
	copy(o.Person[:], who)
	if answered != nil {
		o.Answered = answered.UTC()
	}
	return o, nil
}

func nullable(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func turn(t time.Time) time.Time {
	if t.IsZero() {
		return noTurn
	}
	return t
}

// loading gathers what statements in one batch bring.
type loading struct {
	entries  []leftover.Entry
	offered  []leftover.Offer
	batches  []leftover.Batch
	advances []*looked
}

type looked struct {
	leftover.View
	found bool
}

func into[T any](list *[]T, scan pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*list, err = pgx.AppendRows(*list, rows, scan)
		return err
	}
}

// people asks for the entries and open offers of people.
func (l *loading) people(b *pgx.Batch, n leftover.Need) {
	if len(n.People) == 0 {
		return
	}
	var who [][]byte
	var campaign []int64
	for i := range n.People {
		who, campaign = append(who, n.People[i].Person[:]), append(campaign, int64(n.People[i].Campaign))
	}
	const of = `WHERE (person, campaign) IN (SELECT * FROM unnest($1::bytea[], $2::bigint[]))`
	b.Queue(selectEntries+of, who, campaign).Query(into(&l.entries, scanEntry))
	b.Queue(selectOffers+of+` AND state IN (1, 2)`, who, campaign).Query(into(&l.offered, scanOffer))
}

// offers asks for offers by id, with their batches, and the entries and open offers of whose they are.
func (l *loading) offers(b *pgx.Batch, n leftover.Need) {
	if len(n.Offers) == 0 {
		return
	}
	const theirs = `WHERE (person, campaign) IN (SELECT person, campaign FROM leftover_offers WHERE id = ANY ($1::bigint[]))`
	b.Queue(selectOffers+`WHERE id = ANY ($1::bigint[])`, n.Offers).Query(into(&l.offered, scanOffer))
	b.Queue(selectBatches+`WHERE id IN (SELECT batch FROM leftover_offers WHERE id = ANY ($1::bigint[]))`, n.Offers).Query(into(&l.batches, scanBatch))
	b.Queue(selectEntries+theirs, n.Offers).Query(into(&l.entries, scanEntry))
	b.Queue(selectOffers+theirs+` AND state IN (1, 2)`, n.Offers).Query(into(&l.offered, scanOffer))
}

// advance asks for a batch with the first of its list, and all equals of the last of them: see [leftover.Store.View].
func (l *loading) advance(b *pgx.Batch, k leftover.Look) {
	a := &looked{}
	l.advances = append(l.advances, a)
	b.Queue(selectBatches+`WHERE id = $1::bigint`, k.Batch).Query(func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, scanBatch)
		if len(list) > 0 {
			a.Batch, a.found = list[0], true
		}
		return err
	})
	b.Queue(selectOffers+`WHERE batch = $1::bigint ORDER BY id`, k.Batch).Query(into(&a.Offers, scanOffer))
	const list = `SELECT e.* FROM leftover_entries e JOIN leftover_batches b ON b.id = $1::bigint AND e.campaign = b.campaign AND e.site = b.site
		WHERE NOT e.gone
			AND NOT EXISTS (SELECT FROM leftover_offers o WHERE o.batch = b.id AND o.person = e.person)
			AND NOT EXISTS (SELECT FROM leftover_offers o WHERE o.person = e.person AND o.campaign = e.campaign AND o.state IN (1, 2))
		ORDER BY e.since, e.turn`
	const room = `(SELECT doses + $2::integer FROM leftover_batches WHERE id = $1::bigint)`
	b.Queue(`SELECT campaign, site, person, born, since, turn, gone FROM (`+list+` FETCH FIRST `+room+` ROWS WITH TIES) e`, k.Batch, k.Room).
		Query(into(&a.Next, scanEntry))
	b.Queue(`SELECT count(*) FROM (`+list+` LIMIT (SELECT count(*) FROM (`+list+` FETCH FIRST `+room+` ROWS WITH TIES) first) + 1) beyond`, k.Batch, k.Room).
		QueryRow(func(row pgx.Row) error {
			var n int
			err := row.Scan(&n)
			a.More = n > len(a.Next)
			return err
		})
}

func (l *loading) into(st *leftover.Loaded) {
	for _, b := range l.batches {
		st.AddBatch(b, false)
	}
	for _, a := range l.advances {
		if !a.found {
			continue
		}
		st.AddBatch(a.Batch, a.More)
		for _, o := range a.Offers {
			st.AddOffer(o)
		}
		for _, e := range a.Next {
			st.AddEntry(e)
		}
	}
	for _, o := range l.offered {
		st.AddOffer(o)
	}
	for _, e := range l.entries {
		st.AddEntry(e)
	}
}
