package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Bouncer is a private PgBouncer in transaction mode before a server. It passes every database through.
type Bouncer struct {
	dir    string
	cmd    *exec.Cmd
	exited chan struct{}
}

var sharedBouncer struct {
	sync.Once
	*Bouncer
	err error
}

// SharedBouncer gives the PgBouncer before [SharedPostgres] that the tests of this binary share.
func SharedBouncer(t testing.TB) *Bouncer {
	t.Helper()
	p := SharedPostgres(t)
	sharedBouncer.Do(func() {
		sharedBouncer.Bouncer, sharedBouncer.err = startBouncer(p)
		if sharedBouncer.err == nil {
			atExit(sharedBouncer.stop)
		}
	})
	if sharedBouncer.err != nil {
		t.Fatal(sharedBouncer.err)
	}
	return sharedBouncer.Bouncer
}

func startBouncer(p *Postgres) (*Bouncer, error) {
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		bin = "/usr/sbin/pgbouncer"
		if _, err := os.Stat(bin); err != nil {
			return nil, errors.New("no pgbouncer found: run scripts/need-postgres")
		}
	}
	b := &Bouncer{dir: filepath.Join(p.dir, "bouncer")}
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`[databases]
* = host=%s port=5432 user=charye
[pgbouncer]
listen_addr =
listen_port = 5432
unix_socket_dir = %s
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 2000
server_idle_timeout = 2
query_wait_timeout = 30
`, p.dir, b.dir)
	file := filepath.Join(b.dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(b.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // pgbouncer has its own
	if os.Getuid() == 0 {
		for _, path := range []string{b.dir, file} {
			if err := os.Chown(path, int(p.uid), int(p.gid)); err != nil {
				return nil, err
			}
		}
	}
	b.cmd = p.command("", file)
	b.cmd.Path, b.cmd.Args[0] = bin, bin
	b.cmd.Stdout, b.cmd.Stderr = log, log
	if b.exited, err = start(b.cmd, syscall.SIGKILL); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, b.URL("postgres"))
		if err == nil {
			return b, conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			b.stop()
			said, _ := os.ReadFile(log.Name()) // a log that cannot be read says nothing
			return nil, fmt.Errorf("pgbouncer does not answer: %w\n%s", err, said)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (b *Bouncer) stop() {
	_ = b.cmd.Process.Kill() // it may have ended already
	<-b.exited
}

// URL names a database behind it, for pgx, in the form that an older PgBouncer can pass on.
func (b *Bouncer) URL(database string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&user=charye&default_query_exec_mode=simple_protocol", database, b.dir)
}
