package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"charye/leftover"
)

// write puts changes into statements: what gives room comes before what needs it.
func write(ch leftover.Changes) *pgx.Batch {
	b := &pgx.Batch{}
	entries(b, ch.NewEntries, `INSERT INTO leftover_entries (campaign, site, person, born, since, turn, gone) SELECT * FROM `)
	entries(b, ch.Entries, `UPDATE leftover_entries e SET born = n.born, since = n.since, turn = n.turn, gone = n.gone
		FROM `, ` WHERE e.campaign = n.campaign AND e.site = n.site AND e.person = n.person`)
	for i := range ch.NewBatches {
		v := &ch.NewBatches[i]
		b.Queue(`INSERT INTO leftover_batches (id, campaign, site, product, doses, made, until, minutes, next)
			VALUES ($1::bigint, $2::bigint, $3::integer, $4::text, $5::integer, $6::timestamptz, $7::timestamptz, $8::integer, $9::timestamptz)`,
			v.ID, int64(v.Campaign), int32(v.Site), v.Product, int32(v.Doses), v.Made, v.Until, int32(v.Minutes), nullable(v.Next))
	}
	for i := range ch.Batches {
		b.Queue(`UPDATE leftover_batches SET next = $2::timestamptz WHERE id = $1::bigint`, ch.Batches[i].ID, nullable(ch.Batches[i].Next))
	}
	for i := range ch.Offers {
		o := &ch.Offers[i]
		b.Queue(`UPDATE leftover_offers SET state = $2::smallint, answered = $3::timestamptz WHERE id = $1::bigint`, o.ID, int16(o.State), nullable(o.Answered))
	}
	for i := range ch.NewOffers {
		o := &ch.NewOffers[i]
		b.Queue(`INSERT INTO leftover_offers (id, batch, campaign, person, state, made, until, answered)
			VALUES ($1::bigint, $2::bigint, $3::bigint, $4::bytea, $5::smallint, $6::timestamptz, $7::timestamptz, $8::timestamptz)`,
			o.ID, o.Batch, int64(o.Campaign), o.Person[:], int16(o.State), o.Made, o.Until, nullable(o.Answered))
	}
	var seq []int64
	var at []time.Time
	var who [][]byte
	var text [4][]string
	for i := range ch.Events {
		e := &ch.Events[i]
		seq, at = append(seq, e.Seq), append(at, e.At)
		var k []byte
		if !e.Person.IsZero() {
			k = e.Person[:]
		}
		who = append(who, k)
		for n, s := range [...]string{string(e.Kind), e.Channel, e.Why, string(body(e))} {
			text[n] = append(text[n], s)
		}
	}
	if len(seq) > 0 {
		b.Queue(`INSERT INTO events (stream, seq, at, kind, person, channel, why, what)
			SELECT 'leftover', seq, at, kind, person, channel, why, what::jsonb
			FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::text[])
			AS n (seq, at, kind, person, channel, why, what)`, seq, at, text[0], who, text[1], text[2], text[3])
	}
	b.Queue(`UPDATE streams SET next_seq = $1::bigint, next_id = $2::bigint WHERE name = 'leftover'`, ch.NextSeq, ch.NextID)
	return b
}

// entries writes a list of them with one statement, made of what stands before and behind the rows.
func entries(b *pgx.Batch, list []leftover.Entry, before string, behind ...string) {
	if len(list) == 0 {
		return
	}
	var campaign []int64
	var num, born, since []int32
	var who [][]byte
	var turns []time.Time
	var gone []bool
	for i := range list {
		e := &list[i]
		campaign, num, who = append(campaign, int64(e.Campaign)), append(num, int32(e.Site)), append(who, e.Person[:])
		born, since, turns, gone = append(born, int32(e.Born)), append(since, int32(e.Since)), append(turns, turn(e.Turn)), append(gone, e.Left)
	}
	sql := before + `unnest($1::bigint[], $2::integer[], $3::bytea[], $4::integer[], $5::integer[], $6::timestamptz[], $7::boolean[])
		AS n (campaign, site, person, born, since, turn, gone)`
	for _, s := range behind {
		sql += s
	}
	b.Queue(sql, campaign, num, who, born, since, turns, gone)
}
