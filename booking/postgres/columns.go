package postgres

import (
	"bytes"
	"time"

	"charye/booking"
	"charye/person"
)

type bookingColumnsOf struct {
	id, campaign, gone                        []int64
	changed                                   []int32
	person, actor, sealed, idempotency, asked [][]byte
	channel, doses, shared                    []string
	madeAt                                    []time.Time
	missed                                    []bool
}

func bookingRows(list []booking.Booking) (r bookingColumnsOf) {
	for i := range list {
		b := &list[i]
		gone := int64(0)
		if b.Status != booking.Booked {
			gone = b.ID
		}
		r.id, r.campaign, r.gone = append(r.id, b.ID), append(r.campaign, int64(b.Campaign)), append(r.gone, gone)
		r.changed, r.missed = append(r.changed, int32(b.Changed)), append(r.missed, b.Status == booking.Missed)
		r.person, r.actor = append(r.person, b.Person[:]), append(r.actor, orNull(b.Actor[:]))
		r.channel, r.madeAt = append(r.channel, b.Channel), append(r.madeAt, b.MadeAt)
		r.doses, r.shared = append(r.doses, writeDoses(b.Doses)), append(r.shared, writeClaims(b.Shared))
		r.sealed = append(r.sealed, b.Sealed)
		r.idempotency, r.asked = append(r.idempotency, orNull(b.Idempotency[:])), append(r.asked, orNull(b.Body[:]))
	}
	return r
}

type holdColumnsOf struct {
	id, campaign  []int64
	person        [][]byte
	until         []time.Time
	invited       []*time.Time
	doses, shared []string
}

func holdRows(list []booking.Hold) (r holdColumnsOf) {
	for i := range list {
		h := &list[i]
		r.id, r.campaign, r.person = append(r.id, h.ID), append(r.campaign, int64(h.Campaign)), append(r.person, h.Person[:])
		r.until, r.invited = append(r.until, h.Until), append(r.invited, orNone(h.Invited))
		r.doses, r.shared = append(r.doses, writeDoses(h.Doses)), append(r.shared, writeClaims(h.Shared))
	}
	return r
}

// orNone is nil for the zero time.
func orNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type eventColumnsOf struct {
	seq                      []int64
	at                       []time.Time
	kind, channel, why, what []string
	person, actor            [][]byte
}

func eventRows(list []booking.Event) (r eventColumnsOf) {
	for i := range list {
		e := &list[i]
		r.seq, r.at, r.kind = append(r.seq, e.Seq), append(r.at, e.At), append(r.kind, string(e.Kind))
		r.person, r.actor = append(r.person, orNull(e.Person[:])), append(r.actor, orNull(e.Actor[:]))
		r.channel, r.why, r.what = append(r.channel, e.Channel), append(r.why, e.Why), append(r.what, writeWhat(e))
	}
	return r
}

// orNull makes a key of zeros, which is no key, NULL.
func orNull(key []byte) []byte {
	if bytes.Count(key, []byte{0}) == len(key) {
		return nil
	}
	return key
}

// keyOf reads a key of 16 bytes; NULL is the zero key.
func keyOf(b []byte) (k person.Key, err error) {
	switch len(b) {
	case 0:
	case len(k):
		k = person.Key(b)
	default:
		err = errRow
	}
	return k, err
}
