package cluster_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"charye/rush"
	"charye/test/program"
	"charye/test/services"
	"charye/test/services/redis"
)

// TestServingRole serves with a role that owns nothing: docs/operations.md, "Who owns the tables". The rush goes as always; nothing that
// happened can be changed or taken away by that role, by no statement that it may think of.
func TestServingRole(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	dir := t.TempDir()
	w := &world{T: t, data: filepath.Join(dir, "data"), postgres: services.OwnPostgres(t), lines: []string{redis.Single(t).Addr}}
	owner := w.postgres.URL("postgres")
	w.url = strings.Replace(owner, "user=charye", "user=serving", 1)
	w.owner("CREATE ROLE serving LOGIN")
	sites := write(t, dir, "sites.csv", "id,name,kind,address,lat,lon,phone,region\n"+manySites(50))
	imports := []string{"import", "sites", "--format", "csv", "--data", w.data, "--postgres", w.url, sites}
	if out, err := w.try(imports...); err == nil || !strings.Contains(out, "charye prepare") {
		t.Fatalf("a role that owns nothing, before there are tables: %v %s", err, out)
	}
	for range 2 { // it may be done again
		w.command("prepare", "--postgres", owner, "--role", "serving")
	}
	w.command(imports...)

	small, err := rush.Named("small")
	if err != nil {
		t.Fatal(err)
	}
	rules := write(t, dir, "rush.yaml", strings.Replace(string(small.Programme(200/float64(small.Eligible))), "stock: 100", "stock: 800", 1))
	node := program.Start(t, append([]string{"serve", "--programme", rules}, w.engines()...)...)
	t.Logf("rush:\n%s", lastOf([]byte(w.command("rush", "--target", node.URL, "--data", w.data, "--postgres", w.url, "--people", "200", "--seed", "7"))))
	w.command("deliver", "--campaign", "rush", "--doses", "5", "--data", w.data, "--postgres", w.url)
	w.refusesChanges()
	if err := node.Stop(); err != nil {
		t.Error(err)
	}
	t.Logf("check:\n%s", w.command(append([]string{"check"}, w.engines()...)...))

	// One step newer, as when the next version was prepared and this node starts again.
	w.owner("INSERT INTO schema_booking (version_id, is_applied) SELECT max(version_id) + 1, true FROM schema_booking")
	w.command(append([]string{"check"}, w.engines()...)...)
	w.owner("INSERT INTO schema_booking (version_id, is_applied) SELECT max(version_id) + 1, true FROM schema_booking")
	if out, err := w.try(append([]string{"check"}, w.engines()...)...); err == nil || !strings.Contains(out, "newer version") {
		t.Errorf("two steps newer: %v %s", err, out)
	}
}

func (w *world) owner(sql string) {
	w.Helper()
	if err := w.postgres.Exec(w.Context(), "postgres", sql); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) try(args ...string) (string, error) {
	out, err := exec.CommandContext(w.Context(), program.Binary(w), args...).CombinedOutput()
	return string(out), err
}

func (w *world) refusesChanges() {
	w.Helper()
	conn, err := pgx.Connect(w.Context(), w.url)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = conn.Close(w.Context()) }()
	var events, batches int
	if err := conn.QueryRow(w.Context(), `SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM booking_batches)`).Scan(&events, &batches); err != nil || events == 0 || batches == 0 {
		w.Fatalf("%d events, %d batches, %v", events, batches, err)
	}
	for _, statement := range []string{
		`UPDATE events SET why = ''`, `DELETE FROM events`, `TRUNCATE events`, `DROP TABLE events`, `ALTER TABLE events DISABLE TRIGGER ALL`, `DROP TRIGGER events_stay ON events`,
		`ALTER TABLE events RENAME TO past`, `UPDATE booking_batches SET events = 1`, `UPDATE booking_batches SET first_event = first_event + 1`, `DELETE FROM booking_batches`,
		`TRUNCATE booking_batches`, `DROP TRIGGER booking_batches_stay ON booking_batches`, `CREATE OR REPLACE FUNCTION events_stay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
		`SET session_replication_role = replica`, `SET ROLE charye`, `CREATE TABLE mine (n int)`, `TRUNCATE bookings`, `DROP TABLE bookings`, `UPDATE schema_booking SET version_id = 0`,
		`DELETE FROM moves`, `CREATE TRIGGER mine BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION events_stay()`,
	} {
		if _, err := conn.Exec(w.Context(), statement); err == nil || !strings.Contains(err.Error(), "42501") {
			w.Errorf("%s: %v", statement, err)
		}
	}
	// It may fill these in where they are empty, and the trigger says that they are filled.
	for _, column := range []string{"first_seq = first_seq + 1", "chain = sha256('')", "digests = NULL"} {
		if _, err := conn.Exec(w.Context(), `UPDATE booking_batches SET `+column+` WHERE events > 0`); err == nil || !strings.Contains(fmt.Sprint(err), "stay as they are") {
			w.Errorf("%s: %v", column, err)
		}
	}
}
