package postgres

import (
	"crypto/sha256"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/supply/epcis"
)

// rows are what a capture writes, column by column.
type rows struct {
	seq, recorded int64

	number                                                           []int64
	name, content, declaration                                       [][]byte
	declared                                                         []bool
	time, at                                                         []int64
	id, by, kind, action, step, disposition, point, location, bodies []string
	context                                                          [][]byte // hash

	contexts map[[32]byte]string
	keys     map[string]bool

	mentioned []string
	role      []int16
	where     []int64

	job  []func(*pgx.Batch)
	jobs []string // with a report
}

func (r *rows) add(job epcis.Job, keep []int, out epcis.Outcome) {
	r.recorded = max(r.recorded, job.At.UnixMicro())
	for _, i := range keep {
		e := job.Events[i]
		r.seq++
		hash := sha256.Sum256(e.Context)
		if r.contexts == nil {
			r.contexts, r.keys = map[[32]byte]string{}, map[string]bool{}
		}
		r.contexts[hash] = string(e.Context)
		declaration := []byte{}
		if e.Declared() {
			declaration = e.Declaration[:]
		}
		r.number, r.name, r.declared, r.id = append(r.number, r.seq), append(r.name, nameOf(e.ID)), append(r.declared, e.Declared()), append(r.id, e.ID)
		r.content, r.declaration = append(r.content, e.Content[:]), append(r.declaration, declaration)
		r.time, r.at, r.kind, r.action = append(r.time, e.Time.UnixMicro()), append(r.at, r.recorded), append(r.kind, e.Type), append(r.action, e.Action)
		r.by = append(r.by, job.By)
		r.step, r.disposition = append(r.step, e.BizStep), append(r.disposition, e.Disposition)
		r.point, r.location = append(r.point, key(e.ReadPoint)), append(r.location, key(e.BizLocation))
		r.context, r.bodies = append(r.context, hash[:]), append(r.bodies, string(e.JSON))
		for _, m := range e.Mentions() {
			r.keys[m.Key] = true
			r.mentioned, r.role, r.where = append(r.mentioned, m.Key), append(r.role, int16(m.Role)), append(r.where, r.seq)
		}
	}
	if job.ID == "" {
		return
	}
	problem := ""
	if out.Err != nil {
		problem = out.Err.Error()
	}
	r.jobs = append(r.jobs, job.ID)
	r.job = append(r.job, func(b *pgx.Batch) {
		b.Queue(`INSERT INTO epcis_job (id, party, created, finished, events, added, problem) VALUES ($1::text, $2::text, $3::bigint, $4::bigint, $5::integer, $6::integer, $7::text)`,
			job.ID, job.By, job.At.UnixMicro(), time.Now().UnixMicro(), len(job.Events), out.New, problem)
	})
}

func key(uri string) string {
	if uri == "" {
		return ""
	}
	return epcis.Key(uri)
}

func (r *rows) queue(b *pgx.Batch) {
	for _, job := range r.job {
		job(b)
	}
	if len(r.number) == 0 {
		return
	}
	var hashes [][]byte
	var contexts, keys []string
	for hash, body := range r.contexts {
		hashes, contexts = append(hashes, hash[:]), append(contexts, body)
	}
	for k := range r.keys {
		keys = append(keys, k)
	}
	b.Queue(`INSERT INTO epcis_context (hash, body) SELECT * FROM unnest($1::bytea[], $2::text[]) ON CONFLICT DO NOTHING`, hashes, contexts)
	// What is there already is left out first: a conflict would use up a number of the sequence.
	b.Queue(`INSERT INTO epcis_thing (key) SELECT k FROM unnest($1::text[]) AS k WHERE NOT EXISTS (SELECT FROM epcis_thing t WHERE t.key = k) ON CONFLICT DO NOTHING`, keys)
	for from := 0; from < len(r.number); from += perStatement {
		to := min(len(r.number), from+perStatement)
		b.Queue(`INSERT INTO epcis_event (seq, name, declared, id, content, declaration, time, recorded, party, type, action, step, disposition, read_point, location, context, body)
			SELECT n.seq, n.name, n.declared, n.id, n.content, n.declaration, n.time, n.recorded, n.party, n.type, n.action, n.step, n.disposition, n.read_point, n.location, c.id, n.body
			FROM unnest($1::bigint[], $2::bytea[], $3::boolean[], $4::text[], $5::bytea[], $6::bytea[], $7::bigint[], $8::bigint[], $9::text[], $10::text[],
				$11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::text[])
				AS n (seq, name, declared, id, content, declaration, time, recorded, party, type, action, step, disposition, read_point, location, context, body)
			JOIN epcis_context c ON c.hash = n.context`,
			r.number[from:to], r.name[from:to], r.declared[from:to], r.id[from:to], r.content[from:to], r.declaration[from:to], r.time[from:to], r.at[from:to], r.by[from:to],
			r.kind[from:to], r.action[from:to], r.step[from:to], r.disposition[from:to], r.point[from:to], r.location[from:to], r.context[from:to], r.bodies[from:to])
	}
	for from := 0; from < len(r.mentioned); from += perStatement {
		to := min(len(r.mentioned), from+perStatement)
		b.Queue(`INSERT INTO epcis_mention (thing, seq, role) SELECT t.id, n.seq, n.role FROM unnest($1::text[], $2::bigint[], $3::smallint[]) AS n (key, seq, role)
			JOIN epcis_thing t ON t.key = n.key COLLATE "C" ON CONFLICT DO NOTHING`, r.mentioned[from:to], r.where[from:to], r.role[from:to])
	}
}

// perStatement is how many rows a statement adds: few enough that a slow server ends it in time, many enough that it counts for little beside them.
const perStatement = 1000

// count queues what makes the rows seen: numbers are given to others from there on.
func (r *rows) count(b *pgx.Batch) {
	if len(r.number) > 0 {
		b.Queue(`UPDATE epcis_head SET seq = $1::bigint, recorded = $2::bigint`, r.seq, r.recorded)
	}
}

// find queues the question whether these rows are there: by a job's name, which no other has, else by the numbers that the first and the last event
// were to get.
func (r *rows) find(b *pgx.Batch, there *bool) {
	scan := func(row pgx.Row) error { return row.Scan(there) }
	switch last := len(r.number) - 1; {
	case len(r.jobs) > 0:
		b.Queue(`SELECT EXISTS (SELECT FROM epcis_job WHERE id = $1::text)`, r.jobs[0]).QueryRow(scan)
	case last >= 0:
		b.Queue(`SELECT EXISTS (SELECT FROM epcis_event WHERE seq = $1::bigint AND name = $2::bytea) AND EXISTS (SELECT FROM epcis_event WHERE seq = $3::bigint AND name = $4::bytea)`,
			r.number[0], r.name[0], r.number[last], r.name[last]).QueryRow(scan)
	}
}
