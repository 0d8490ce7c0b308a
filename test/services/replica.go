package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Replicating are settings of a server that can have replicas and be restored; nothing waits for the disk.
var Replicating = []string{"fsync=off", "full_page_writes=on", "autovacuum=off", "jit=off", "wal_level=replica", "max_wal_senders=4"}

// copyOf makes a server out of a base backup of this one; it is not started.
func (p *Postgres) copyOf(t testing.TB, more ...string) *Postgres {
	t.Helper()
	c := &Postgres{bin: p.bin, uid: p.uid, gid: p.gid, settings: p.settings}
	var err error
	if c.dir, err = os.MkdirTemp("", "pg-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	if os.Getuid() == 0 {
		if err := os.Chown(c.dir, int(c.uid), int(c.gid)); err != nil {
			t.Fatal(err)
		}
	}
	args := append([]string{"-D", c.data(), "-h", p.dir, "-U", "charye", "-X", "stream", "-c", "fast", "--no-sync"}, more...)
	if out, err := p.command("pg_basebackup", args...).CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v: %s", err, out)
	}
	return c
}

// Replica starts a replica that this server's commits wait for from now on. It ends with the test.
func (p *Postgres) Replica(t testing.TB) *Postgres {
	t.Helper()
	c := p.copyOf(t, "-R")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := errors.Join(p.Exec(ctx, "postgres", `ALTER SYSTEM SET synchronous_standby_names = '*'`), p.Exec(ctx, "postgres", `SELECT pg_reload_conf()`)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		err := p.Exec(ctx, "postgres", `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync') THEN RAISE 'not yet'; END IF; END $$`)
		if err == nil {
			return c
		}
		if time.Now().After(deadline) {
			t.Fatalf("the replica does not follow: %v", err)
		}
	}
}

// Promote makes a replica a server of its own right, and waits until it is.
func (p *Postgres) Promote(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	err := errors.Join(p.Exec(ctx, "postgres", `SELECT pg_promote()`),
		p.Exec(ctx, "postgres", `ALTER SYSTEM RESET synchronous_standby_names`), p.Exec(ctx, "postgres", `SELECT pg_reload_conf()`))
	if err != nil {
		t.Fatal(err)
	}
}

// URLs names a database on whichever of these servers may write.
func URLs(database string, servers ...*Postgres) string {
	var hosts []string
	for _, s := range servers {
		hosts = append(hosts, s.dir)
	}
	return URL(strings.Join(hosts, ","), database, "target_session_attrs=read-write")
}

// Archived starts a server that archives what it writes, for restores. It ends with the test.
func Archived(t testing.TB) *Postgres {
	t.Helper()
	NeedE2E(t)
	p := OwnPostgres(t, append([]string{"archive_mode=on", "archive_command=test -f ../archive/%f || cp %p ../archive/%f"}, Replicating...)...)
	archive := p.archive()
	if err := os.Mkdir(archive, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(archive, int(p.uid), int(p.gid)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *Postgres) archive() string { return filepath.Join(p.dir, "archive") }

// Backup takes a base backup of an [Archived] server, for [Postgres.Restore].
func (p *Postgres) Backup(t testing.TB) *Postgres {
	t.Helper()
	return p.copyOf(t)
}

// Restore starts a server from a backup, with what the server p archived since, up to an instant.
func (p *Postgres) Restore(t testing.TB, backup *Postgres, until time.Time) {
	t.Helper()
	// What was written last is archived when its file is full, or asked for.
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var last string
	if err := conn.QueryRow(ctx, `SELECT pg_walfile_name(pg_switch_wal())`).Scan(&last); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(p.archive(), last)); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not archived", last)
		}
	}
	backup.settings = append([]string{
		fmt.Sprintf("restore_command=cp %s/%%f %%p", p.archive()),
		"recovery_target_time=" + until.UTC().Format("2006-01-02 15:04:05.000000+00"), "recovery_target_action=promote", "archive_mode=off",
	}, Replicating...)
	if err := os.WriteFile(filepath.Join(backup.data(), "recovery.signal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(filepath.Join(backup.data(), "recovery.signal"), int(p.uid), int(p.gid)); err != nil {
			t.Fatal(err)
		}
	}
	if err := backup.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		err := backup.Exec(context.Background(), "postgres", `DO $$ BEGIN IF pg_is_in_recovery() THEN RAISE 'not yet'; END IF; END $$`)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the restore does not end: %v", err)
		}
	}
}
