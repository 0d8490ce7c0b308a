package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/test/shared"
)

// Postgres is a private PostgreSQL server. It listens on a socket in its own directory and on no network. Its one role,
// charye, needs no password: the directory is closed to other users.
type Postgres struct {
	dir, bin string
	uid, gid uint32
	settings []string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}

	serial   atomic.Int64
	template sync.Once
	failed   error
}

// Fast are settings for tests that outlive no crash of the machine: nothing waits for the disk. A crash of the server loses
// nothing all the same.
var Fast = []string{"fsync=off", "full_page_writes=off", "autovacuum=off", "jit=off", "wal_level=minimal", "max_wal_senders=0"}

// startTimeout is how long a server may take to start, also after it was killed.
const startTimeout = 60 * time.Second

var one struct {
	sync.Once
	*Postgres
	err error
}

// SharedPostgres gives the server that the tests of this binary share; the first to ask starts it. The test skips without
// CHARYE_E2E. [Main] stops it.
func SharedPostgres(t testing.TB) *Postgres {
	t.Helper()
	NeedE2E(t)
	one.Do(func() {
		one.Postgres, one.err = StartPostgres(Fast...)
		if one.err == nil {
			atExit(one.Stop)
		}
	})
	if one.err != nil {
		t.Fatal(one.err)
	}
	return one.Postgres
}

// OwnPostgres gives a server of its own to a test that will hurt it, or measure it; it ends with the test.
func OwnPostgres(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	NeedE2E(t)
	p, err := StartPostgres(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// StartPostgres makes an empty cluster in a temporary directory and starts it, with these settings (name=value).
func StartPostgres(settings ...string) (*Postgres, error) { return startPostgres("", settings) }

// startPostgres starts a server in a directory of its own under a directory; "": that for temporary files.
func startPostgres(under string, settings []string) (*Postgres, error) {
	p := &Postgres{settings: settings}
	var err error
	if p.bin, err = postgresBin(); err != nil {
		return nil, err
	}
	if p.dir, err = os.MkdirTemp(under, "pg-"); err != nil {
		return nil, err
	}
	if err := p.initialise(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	if err := p.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	return p, nil
}

func postgresBin() (string, error) {
	if dir := os.Getenv("CHARYE_POSTGRES_BIN"); dir != "" {
		return dir, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(real), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("no PostgreSQL server found: run scripts/need-postgres, or name the directory of initdb in CHARYE_POSTGRES_BIN")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

func (p *Postgres) initialise() error {
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		ordinary, err := user.Lookup("postgres")
		if err != nil {
			ordinary, err = user.Lookup("nobody")
		}
		if err != nil {
			return fmt.Errorf("PostgreSQL does not run as root, and there is no user postgres or nobody: %w", err)
		}
		uid, errU := strconv.ParseUint(ordinary.Uid, 10, 32)
		gid, errG := strconv.ParseUint(ordinary.Gid, 10, 32)
		if err := errors.Join(errU, errG, os.Chown(p.dir, int(uid), int(gid))); err != nil {
			return err
		}
		p.uid, p.gid = uint32(uid), uint32(gid)
	}
	if shared.Dir() == "" {
		return p.initdb()
	}
	first := false
	dir, err := shared.Make("postgres-"+strings.ReplaceAll(p.bin, "/", "-"), func(dir string) error {
		first = true
		return errors.Join(p.initdb(), copyTree(p.data(), filepath.Join(dir, "data")))
	})
	if err != nil || first {
		return err
	}
	return copyTree(filepath.Join(dir, "data"), p.data())
}

// copyTree copies a directory with owners and rights.
func copyTree(from, to string) error {
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("copy a new cluster: %w: %s", err, out)
	}
	return nil
}

func (p *Postgres) initdb() error {
	out, err := p.command("initdb", "-D", p.data(), "-U", "charye", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: p.uid, Gid: p.gid}
	}
	return cmd
}

// Start starts the server, also after [Postgres.Kill], and returns when it answers.
func (p *Postgres) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var last error
	for ctx.Err() == nil {
		if p.cmd == nil {
			if err := p.launch(); err != nil {
				return err
			}
		}
		conn, err := pgx.Connect(ctx, p.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		last = err
		select {
		case <-p.exited: // right after a kill -9 the old server's children may still hold its memory
			p.cmd = nil
		case <-time.After(50 * time.Millisecond):
		}
	}
	log, _ := os.ReadFile(filepath.Join(p.dir, "log")) // a log that cannot be read says nothing
	return fmt.Errorf("PostgreSQL does not answer: %w\n%s", last, log)
}

func (p *Postgres) launch() error {
	args := []string{"-D", p.data(), "-k", p.dir, "-c", "listen_addresses=", "-c", "max_connections=600", "-c", "shared_buffers=128MB"}
	for _, s := range p.settings {
		args = append(args, "-c", s)
	}
	log, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has its own
	cmd := p.command("postgres", args...)
	cmd.Stdout, cmd.Stderr = log, log
	exited, err := start(cmd, syscall.SIGQUIT)
	if err != nil {
		return err
	}
	p.cmd, p.exited = cmd, exited
	return nil
}

// Kill ends the server as by kill -9.
func (p *Postgres) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	err := p.cmd.Process.Kill()
	<-p.exited
	p.cmd = nil
	return err
}

// Stop ends the server and removes its directory. It may be called twice.
func (p *Postgres) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // immediate: nobody needs its data any more
		<-p.exited
		p.cmd = nil
	}
	_ = os.RemoveAll(p.dir)
}

// Socket is the directory of the server's socket.
func (p *Postgres) Socket() string { return p.dir }

// URL names a database of the server, for pgx.
func (p *Postgres) URL(database string, parameters ...string) string {
	return URL(p.dir, database, parameters...)
}

// URL names a database behind the socket in a directory: that of a server or of a [Proxy].
func URL(socket, database string, parameters ...string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&user=charye&%s", database, socket, strings.Join(parameters, "&"))
}

// Exec runs a statement in a database, past everybody.
func (p *Postgres) Exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, p.URL(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// Database makes a database of its own for a test and gives its name. migrate is called once for the server, with the URL
// of the template that all databases are copied from.
func (p *Postgres) Database(t testing.TB, migrate func(ctx context.Context, url string) error) string {
	t.Helper()
	ctx := context.Background()
	p.template.Do(func() {
		p.failed = p.Exec(ctx, "postgres", "CREATE DATABASE charye_template")
		if p.failed == nil {
			p.failed = migrate(ctx, p.URL("charye_template"))
		}
	})
	if p.failed != nil {
		t.Fatalf("template: %v", p.failed)
	}
	name := fmt.Sprintf("t%d", p.serial.Add(1))
	// Sessions that migrated may take a moment to leave the template.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := p.Exec(ctx, "postgres", "CREATE DATABASE "+name+" TEMPLATE charye_template")
		if err == nil {
			return name
		}
		if !strings.Contains(err.Error(), "being accessed") || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
