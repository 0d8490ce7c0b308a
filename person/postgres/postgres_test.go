package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"charye/internal/civil"
	"charye/internal/durable"
	"charye/internal/seal"
	"charye/person"
	"charye/person/persontest"
	"charye/test/services"
)

func TestMain(m *testing.M) { services.Main(m) }

func migrate(ctx context.Context, url string) error {
	s, err := Open(ctx, url, nil)
	if err != nil {
		return err
	}
	return s.Close()
}

func keysIn(t testing.TB, dir string) *seal.Keys {
	t.Helper()
	k, err := seal.LoadOrCreate(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func openAt(t testing.TB, url, keysDir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), url, keysIn(t, keysDir))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// places gives each place of the suite a database of its own; its keys lie at the place.
func places(fresh func(t *testing.T) (url string)) persontest.Open {
	var mu sync.Mutex
	urls := map[string]string{}
	return func(t *testing.T, place string) person.Store {
		mu.Lock()
		defer mu.Unlock()
		if urls[place] == "" {
			urls[place] = fresh(t)
		}
		return openAt(t, urls[place], place)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	persontest.Run(t, places(func(t *testing.T) string { return p.URL(p.Database(t, migrate)) }))
}

func TestConformanceSimpleProtocol(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	persontest.Run(t, places(func(t *testing.T) string {
		return p.URL(p.Database(t, migrate), "default_query_exec_mode=simple_protocol")
	}))
}

// TestConformanceBehindPgBouncer runs the suite through a real PgBouncer in transaction mode.
func TestConformanceBehindPgBouncer(t *testing.T) {
	t.Parallel()
	p, b := services.SharedPostgres(t), services.SharedBouncer(t)
	persontest.Run(t, places(func(t *testing.T) string { return b.URL(p.Database(t, migrate)) }))
}

func own(t testing.TB) *Store {
	t.Helper()
	p := services.SharedPostgres(t)
	s := openAt(t, p.URL(p.Database(t, migrate)), t.TempDir())
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func people(from, to int) iter.Seq2[person.Identity, error] {
	return func(yield func(person.Identity, error) bool) {
		for n := from; n < to; n++ {
			var id person.Identity
			binary.BigEndian.PutUint64(id.Key[:], uint64(n+1)*0x9E3779B97F4A7C15)
			binary.BigEndian.PutUint64(id.Index[:], uint64(n+1)*0xC2B2AE3D27D4EB4F)
			id.Born = civil.Date(n % 30000)
			if !yield(id, nil) {
				return
			}
		}
	}
}

func TestNamesAreSealedInTheirRow(t *testing.T) {
	t.Parallel()
	s := own(t)
	helper, name := person.Key{1}, "김하나둘셋"
	for i := range 2 {
		if _, err := s.AddRecipient(t.Context(), person.Recipient{
			ID: fmt.Sprint("r", i), Helper: helper, Key: person.Key{2, byte(i)}, Campaign: "c", Name: name, RegisteredAt: time.Unix(0, 0),
		}, 5); err != nil {
			t.Fatal(err)
		}
	}
	var readable bool
	if err := s.db.QueryRow(t.Context(), `SELECT bool_or(position($1::bytea IN name) > 0) FROM recipient`, []byte(name)).Scan(&readable); err != nil || readable {
		t.Errorf("the table holds a readable name: %v, %v", readable, err)
	}
	if _, err := s.db.Exec(t.Context(), `UPDATE recipient SET name = (SELECT name FROM recipient WHERE id = 'r0') WHERE id = 'r1'`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recipient(t.Context(), helper, "r0"); err != nil {
		t.Errorf("own row: %v", err)
	}
	if _, err := s.Recipient(t.Context(), helper, "r1"); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("a name moved to another row opens: %v", err)
	}
}

func TestEveryChangeWritesAnEvent(t *testing.T) {
	t.Parallel()
	s := own(t)
	ctx, helper := t.Context(), person.Key{1}
	r := person.Recipient{ID: "r", Helper: helper, Key: person.Key{2}, Campaign: "c", Name: "김하나", RegisteredAt: time.Unix(1, 0)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.ReplaceRoster(ctx, "health", people(0, 10), time.Unix(0, 0))
	must(err)
	for range 2 { // the second changes nothing
		_, err = s.AddRecipient(ctx, r, 1)
		must(err)
	}
	over := r
	over.ID, over.Key = "s", person.Key{3}
	if _, err := s.AddRecipient(ctx, over, 1); !errors.Is(err, person.ErrHelperLimit) {
		t.Fatal(err)
	}
	for range 2 {
		must(s.RemoveRecipient(ctx, helper, "r", time.Unix(2, 0)))
	}
	rows, err := s.db.Query(ctx, `SELECT seq || ' ' || extract(epoch FROM at)::bigint || ' ' || kind || ' ' || what FROM events ORDER BY seq`)
	must(err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(err)
	want := []string{
		`1 0 roster.replaced {"people": 10, "roster": "health"}`,
		`2 1 recipient.added {"person": "02000000000000000000000000000000", "campaign": "c", "recipient": "r"}`,
		`3 2 recipient.removed {"person": "02000000000000000000000000000000", "campaign": "c", "recipient": "r"}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestWorkWritesEvents: what staff did and looked at, without a name or a telephone number.
func TestWorkWritesEvents(t *testing.T) {
	t.Parallel()
	s := own(t)
	ctx, desk, clerk := t.Context(), person.Key{9}, person.Key{8}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.AddRecipient(ctx, person.Recipient{
		ID: "r", Helper: desk, Key: person.Key{2}, Campaign: "c", Name: "김하나", RegisteredAt: time.Unix(1, 0),
		Kind: person.OfCallDesk, Clerk: clerk, Consent: person.ConsentPhone, Phone: "01012345678",
	}, 1)
	must(err)
	must(s.SetRecipientPhone(ctx, desk, "r", "0298765432", clerk, time.Unix(2, 0)))
	must(s.SettleRecipient(ctx, desk, "r", true)) // follows from the booking; no event
	must(s.Looked(ctx, person.Look{Clerk: clerk, Desk: desk, Role: person.CallDesk, Campaign: "c", People: []person.Key{{2}}, Why: "list", At: time.Unix(3, 0)}))
	must(s.IssueTemporary(ctx, person.TemporaryIdentity{
		Index: [16]byte{1}, Key: person.Key{3}, Like: [16]byte{1}, Name: "누구", Paper: person.PaperNone, Desk: desk, Clerk: clerk, IssuedAt: time.Unix(4, 0),
	}))
	rows, err := s.db.Query(ctx, `SELECT seq || ' ' || encode(substr(person, 1, 1), 'hex') || ' ' || kind || ' ' || what FROM events ORDER BY seq`)
	must(err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(err)
	const d, c, p = "09000000000000000000000000000000", "08000000000000000000000000000000", "02000000000000000000000000000000"
	want := []string{
		`1 09 recipient.added {"kind": "calldesk", "clerk": "` + c + `", "person": "` + p + `", "consent": "phone", "campaign": "c", "recipient": "r"}`,
		`2 09 recipient.telephone {"clerk": "` + c + `", "person": "` + p + `", "campaign": "c", "recipient": "r"}`,
		`3 08 staff.looked {"why": "list", "desk": "` + d + `", "role": "calldesk", "people": ["` + p + `"], "campaign": "c"}`,
		`4 08 temporary.issued {"desk": "` + d + `", "paper": "none", "person": "03000000000000000000000000000000"}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestThePreviousVersionWrites: in a rolling upgrade the nodes of the version before write recipients as they know them.
func TestThePreviousVersionWrites(t *testing.T) {
	t.Parallel()
	s := own(t)
	name, err := s.keys.Seal(namePlace("old"), []byte("김하나"))
	if err != nil {
		t.Fatal(err)
	}
	helper := person.Key{1}
	if _, err := s.db.Exec(t.Context(), `INSERT INTO recipient (id, helper, person, campaign, name, born, registered_at)
		VALUES ('old', $1::bytea, $2::bytea, 'c', $3::bytea, '1940-01-01', now())`, helper[:], make([]byte, 16), name); err != nil {
		t.Fatal(err)
	}
	got, err := s.Recipient(t.Context(), helper, "old")
	if err != nil || got.Kind != person.Family || !got.Clerk.IsZero() || got.Phone != "" || got.Name != "김하나" {
		t.Errorf("read as %+v, %v", got, err)
	}
}

// TestNothingLeftBehind wants the pages of replaced and refused contents gone.
func TestNothingLeftBehind(t *testing.T) {
	t.Parallel()
	s := own(t)
	broken := func(yield func(person.Identity, error) bool) {
		for id := range people(0, 5000) {
			if !yield(id, nil) {
				return
			}
		}
		yield(person.Identity{}, errors.New("line 5001 is wrong"))
	}
	for range 3 {
		if _, err := s.ReplaceRoster(t.Context(), "health", people(0, 5000), time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ReplaceRoster(t.Context(), "health", broken, time.Unix(0, 0)); err == nil {
			t.Fatal("a broken file was taken")
		}
	}
	var keys, index int
	if err := s.db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM roster_key_page), (SELECT count(*) FROM roster_index_page)`).Scan(&keys, &index); err != nil {
		t.Fatal(err)
	}
	if keys != 3 || index != 3 {
		t.Errorf("%d key pages and %d index pages, want 3 each", keys, index)
	}
}

// TestSchemaVersions: a schema one step newer is that of a rolling upgrade, more is another program's.
func TestSchemaVersions(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	db := p.Database(t, migrate)
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for i, ok := range []bool{true, false} {
		version := len(files) + 1 + i
		if err := p.Exec(t.Context(), db, fmt.Sprintf("INSERT INTO schema_person (version_id, is_applied) VALUES (%d, true)", version)); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), p.URL(db), keysIn(t, t.TempDir()))
		if err == nil {
			_ = s.Close()
		}
		if ok && err != nil || !ok && !errors.Is(err, durable.ErrNewerData) {
			t.Errorf("schema %d: %v", version, err)
		}
	}
}

// BenchmarkImport shows the rate of an import from rows to the reload of a node.
func BenchmarkImport(b *testing.B) {
	const n = 200_000
	s := own(b)
	rosters := person.NewRosters(s)
	var reload time.Duration
	for b.Loop() {
		if got, err := s.ReplaceRoster(b.Context(), "health", people(0, n), time.Unix(0, 0)); err != nil || got != n {
			b.Fatal(got, err)
		}
		start := time.Now()
		if err := rosters.Reload(b.Context()); err != nil {
			b.Fatal(err)
		}
		reload += time.Since(start)
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "people/s")
	b.ReportMetric(reload.Seconds()*1000/float64(b.N), "reload-ms")
}
