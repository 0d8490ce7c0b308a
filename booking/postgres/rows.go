package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/booking"
	"charye/internal/civil"
	"charye/site"
)

// What is one value in Go is one column, so that an agency can ask its own questions in SQL; doses, claims and what an
// event tells of are jsonb:
//
//	doses   [{"site":1042,"day":"2021-07-26","minute":540,"minutes":30,"product":"moderna","seat":{"counter":…,"capacity":5,"n":1}}]
//	        and "vial":{"product":17,"doses":10} where it draws on the vials of the site,
//	        "visit":{"state":"given","at":"2021-07-26T00:12:03Z","why":"","from":"(10)LOT","kept":false} where something is known of it
//	shared  [{"counter":…,"capacity":1850000,"n":1}]
//	what    {"campaign":7,"booking":12,"deltas":[[counter,by]]} and "dose":1,"from":"(10)LOT" with the events of visits

// errRow means that a row cannot be read: it was written by something else.
var errRow = errors.New("a row of the bookings cannot be read: it was not written by charye")

type doseJSON struct {
	Site    site.Num   `json:"site"`
	Day     civil.Date `json:"day"`
	Minute  int        `json:"minute"`
	Minutes int        `json:"minutes"`
	Product string     `json:"product"`
	Seat    claimJSON  `json:"seat"`
	Vial    vialJSON   `json:"vial"`
	Visit   *visitJSON `json:"visit"`
}

type visitJSON struct {
	State string    `json:"state"`
	At    time.Time `json:"at"`
	Why   string    `json:"why"`
	From  string    `json:"from"`
	Kept  bool      `json:"kept"`
}

type vialJSON struct {
	Product uint16 `json:"product"`
	Doses   int    `json:"doses"`
}

type claimJSON struct {
	Counter  booking.Counter `json:"counter"`
	Capacity int             `json:"capacity"`
	N        int             `json:"n"`
}

type whatJSON struct {
	Campaign uint32     `json:"campaign"`
	Booking  int64      `json:"booking"`
	Deltas   [][2]int64 `json:"deltas"`
	Dose     int        `json:"dose"`
	From     string     `json:"from"`
}

// The writers append by hand: a batch has thousands of these. Products are of [a-z0-9-], see [booking.Request.Validate].

func writeDoses(doses []booking.Dose) string {
	b := make([]byte, 0, 160*len(doses)+2)
	b = append(b, '[')
	for i := range doses {
		d := &doses[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(append(b, `{"site":`...), uint64(d.Slot.Site), 10)
		b = append(append(b, `,"day":"`...), d.Slot.Day.String()...)
		b = strconv.AppendInt(append(b, `","minute":`...), int64(d.Slot.Minute), 10)
		b = strconv.AppendInt(append(b, `,"minutes":`...), int64(d.Minutes), 10)
		b = strconv.AppendQuote(append(b, `,"product":`...), d.Slot.Product)
		b = appendClaim(append(b, `,"seat":`...), d.Seat)
		if d.Vial != (booking.Vial{}) {
			b = strconv.AppendUint(append(b, `,"vial":{"product":`...), uint64(d.Vial.Product), 10)
			b = append(strconv.AppendInt(append(b, `,"doses":`...), int64(d.Vial.Doses), 10), '}')
		}
		if v := &d.Visit; v.State != booking.Expected {
			b = append(append(b, `,"visit":`...), writeJSON(visitJSON{State: v.State.String(), At: v.At, Why: v.Why, From: v.From, Kept: v.Kept})...)
		}
		b = append(b, '}')
	}
	return string(append(b, ']'))
}

// writeJSON writes what holds texts of people at work.
func writeJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // of texts, booleans and instants: cannot be
		panic(err)
	}
	return b
}

func writeClaims(claims []booking.Claim) string {
	b := make([]byte, 0, 64*len(claims)+2)
	b = append(b, '[')
	for i, c := range claims {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendClaim(b, c)
	}
	return string(append(b, ']'))
}

func appendClaim(b []byte, c booking.Claim) []byte {
	b = strconv.AppendUint(append(b, `{"counter":`...), uint64(c.Counter), 10)
	b = strconv.AppendInt(append(b, `,"capacity":`...), int64(c.Capacity), 10)
	b = strconv.AppendInt(append(b, `,"n":`...), int64(c.N), 10)
	return append(b, '}')
}

func writeWhat(e *booking.Event) string {
	b := make([]byte, 0, 64+32*len(e.Deltas))
	b = strconv.AppendUint(append(b, `{"campaign":`...), uint64(e.Campaign), 10)
	b = strconv.AppendInt(append(b, `,"booking":`...), e.Booking, 10)
	b = append(b, `,"deltas":[`...)
	for i, d := range e.Deltas {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(append(b, '['), uint64(d.Counter), 10)
		b = strconv.AppendInt(append(b, ','), int64(d.By), 10)
		b = append(b, ']')
	}
	b = append(b, ']')
	if e.Dose != 0 {
		b = strconv.AppendInt(append(b, `,"dose":`...), int64(e.Dose), 10)
		b = append(append(b, `,"from":`...), writeJSON(e.From)...)
	}
	return string(append(b, '}'))
}

func readDoses(b []byte) ([]booking.Dose, error) {
	var list []doseJSON
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%w: doses", errRow)
	}
	var out []booking.Dose
	for i, d := range list {
		visit, err := d.Visit.read()
		if err != nil {
			return nil, err
		}
		out = append(out, booking.Dose{
			Dose: i + 1, Minutes: d.Minutes, Visit: visit, Seat: booking.Claim(d.Seat), Vial: booking.Vial(d.Vial),
			Slot: booking.Slot{Product: d.Product, Session: booking.Session{Site: d.Site, Day: d.Day, Minute: d.Minute}},
		})
	}
	return out, nil
}

func (v *visitJSON) read() (booking.Visit, error) {
	if v == nil {
		return booking.Visit{}, nil
	}
	state, ok := booking.ParseVisitState(v.State)
	if !ok {
		return booking.Visit{}, fmt.Errorf("%w: visit", errRow)
	}
	return booking.Visit{State: state, At: v.At.UTC(), Why: v.Why, From: v.From, Kept: v.Kept}, nil
}

func readClaims(b []byte) ([]booking.Claim, error) {
	var list []claimJSON
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%w: claims", errRow)
	}
	var out []booking.Claim
	for _, c := range list {
		out = append(out, booking.Claim(c))
	}
	return out, nil
}

func readWhat(b []byte, e *booking.Event) error {
	var w whatJSON
	if err := json.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("event %d: %w", e.Seq, errRow)
	}
	e.Campaign, e.Booking, e.Deltas, e.Dose, e.From = w.Campaign, w.Booking, nil, w.Dose, w.From
	for _, d := range w.Deltas {
		e.Deltas = append(e.Deltas, booking.Delta{Counter: booking.Counter(d[0]), By: int(d[1])})
	}
	return nil
}

func scanBooking(row pgx.CollectableRow) (b booking.Booking, err error) {
	var who, actor, doses, shared, idempotency, asked []byte
	var gone int64
	var missed bool
	if err := row.Scan(&b.ID, &who, &b.Campaign, &gone, &actor, &b.Channel, &b.MadeAt, &b.Changed, &doses, &shared, &b.Sealed,
		&idempotency, &asked, &missed); err != nil {
		return b, err
	}
	b.MadeAt = b.MadeAt.UTC()
	b.Status = booking.Booked
	if gone != 0 {
		b.Status = booking.Cancelled
	}
	if missed {
		b.Status = booking.Missed
	}
	var errs [6]error
	b.Person, errs[0] = keyOf(who)
	b.Actor, errs[1] = keyOf(actor)
	key, err := keyOf(idempotency)
	b.Idempotency, errs[2] = key, err
	key, err = keyOf(asked)
	b.Body, errs[3] = key, err
	b.Doses, errs[4] = readDoses(doses)
	b.Shared, errs[5] = readClaims(shared)
	return b, errors.Join(errs[:]...)
}

func scanHold(row pgx.CollectableRow) (h booking.Hold, err error) {
	var who, doses, shared []byte
	var invited *time.Time
	if err := row.Scan(&h.ID, &who, &h.Campaign, &h.Until, &doses, &shared, &invited); err != nil {
		return h, err
	}
	h.Until = h.Until.UTC()
	if invited != nil {
		h.Invited = invited.UTC()
	}
	var errs [3]error
	h.Person, errs[0] = keyOf(who)
	h.Doses, errs[1] = readDoses(doses)
	h.Shared, errs[2] = readClaims(shared)
	return h, errors.Join(errs[:]...)
}

func scanEvent(row pgx.CollectableRow) (e booking.Event, err error) {
	var who, actor, what []byte
	var at time.Time
	if err := row.Scan(&e.Seq, &at, &e.Kind, &who, &actor, &e.Channel, &e.Why, &what); err != nil {
		return e, err
	}
	e.At = at.UTC()
	var errs [3]error
	e.Person, errs[0] = keyOf(who)
	e.Actor, errs[1] = keyOf(actor)
	errs[2] = readWhat(what, &e)
	return e, errors.Join(errs[:]...)
}

// scanInto collects rows at the end of a list that a batch fills.
func scanInto[T any](list *[]T, scan pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*list, err = pgx.AppendRows(*list, rows, scan)
		return err
	}
}

func eachCounter(rows pgx.Rows, yield func(booking.CounterState)) error {
	var c booking.CounterState
	var id int64
	_, err := pgx.ForEachRow(rows, []any{&id, &c.Capacity, &c.Used}, func() error {
		c.Counter = booking.Counter(id)
		yield(c)
		return nil
	})
	return err
}
