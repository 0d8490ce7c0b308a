package valkey

import (
	"context"
	"crypto/sha1" //nolint:gosec // EVALSHA names scripts by it
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"
)

// callTimeout bounds one talk with the store: better an error than a pile of people behind a master that is gone.
const callTimeout = 3 * time.Second

// bucketTimeout bounds what a batch waits for its buckets, so that a master that hangs refuses its own people only.
const bucketTimeout = 1500 * time.Millisecond

// waitTimeout bounds how long a write waits for its replicas.
const waitTimeout = time.Second

type script struct{ body, sha string }

func newScript(body string) *script {
	sum := sha1.Sum([]byte(body))
	return &script{body: body, sha: hex.EncodeToString(sum[:])}
}

//go:embed lua/meet.lua
var meetLua string

//go:embed lua/ready.lua
var readyLua string

//go:embed lua/join.lua
var joinLua string

//go:embed lua/put.lua
var putLua string

//go:embed lua/fill.lua
var fillLua string

//go:embed lua/found.lua
var foundLua string

//go:embed lua/pass.lua
var passLua string

//go:embed lua/beat.lua
var beatLua string

//go:embed lua/admit.lua
var admitLua string

//go:embed lua/drawn.lua
var drawnLua string

//go:embed lua/release.lua
var releaseLua string

var (
	meetScript    = newScript(meetLua)
	readyScript   = newScript(readyLua)
	joinScript    = newScript(joinLua)
	putScript     = newScript(putLua)
	fillScript    = newScript(fillLua)
	foundScript   = newScript(foundLua)
	passScript    = newScript(passLua)
	beatScript    = newScript(beatLua)
	admitScript   = newScript(admitLua)
	drawnScript   = newScript(drawnLua)
	releaseScript = newScript(releaseLua)
)

// store is the talk with Valkey or Redis.
type store struct {
	client   valkey.Client
	replicas int
}

// call is one script on keys of one slot.
type call struct {
	script *script
	keys   []string
	args   []string
}

func (c call) build(b valkey.Builder, whole bool) valkey.Completed {
	if whole {
		return b.Eval().Script(c.script.body).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
	}
	return b.Evalsha().Sha1(c.script.sha).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
}

// run runs one script. A failed one may have been done all the same.
func (s *store) run(ctx context.Context, c call) (valkey.ValkeyResult, error) {
	r := s.client.Do(ctx, c.build(s.client.B(), false))
	if noScript(r.Error()) {
		r = s.client.Do(ctx, c.build(s.client.B(), true))
	}
	return r, wrap(r.Error())
}

// runDurably runs one script and returns when as many replicas have what it wrote as the options ask for. With fewer it
// is an error, though it was done.
func (s *store) runDurably(ctx context.Context, c call) (r valkey.ValkeyResult, err error) {
	if s.replicas <= 0 {
		return s.run(ctx, c)
	}
	for whole, tries := false, 0; tries < 4; tries++ {
		var got int64
		_ = s.client.Dedicated(func(d valkey.DedicatedClient) error {
			rs := d.DoMulti(ctx, c.build(d.B(), whole),
				d.B().Wait().Numreplicas(int64(s.replicas)).Timeout(waitTimeout.Milliseconds()).Build())
			if r = rs[0]; r.Error() == nil && len(rs) > 1 {
				got, err = rs[1].AsInt64()
			}
			return nil
		})
		switch e := r.Error(); {
		case noScript(e):
			whole = true
		case moved(e): // the client learns of it, and the next try goes to the right master
		case e != nil:
			return r, wrap(e)
		case err != nil:
			return r, wrap(err)
		case got < int64(s.replicas):
			return r, fmt.Errorf("%w: %d of %d replicas have it", ErrUnavailable, got, s.replicas)
		default:
			return r, nil
		}
	}
	return r, wrap(r.Error())
}

// runAll runs scripts of many slots at once; the results are in the same order.
func (s *store) runAll(ctx context.Context, calls []call) []valkey.ValkeyResult {
	cmds := make(valkey.Commands, len(calls))
	for i, c := range calls {
		cmds[i] = c.build(s.client.B(), false)
	}
	rs := s.client.DoMulti(ctx, cmds...)
	for i, r := range rs {
		if noScript(r.Error()) {
			rs[i] = s.client.Do(ctx, calls[i].build(s.client.B(), true))
		}
	}
	return rs
}

func noScript(err error) bool {
	e, ok := valkey.IsValkeyErr(err)
	return ok && e.IsNoScript()
}

func moved(err error) bool {
	e, ok := valkey.IsValkeyErr(err)
	if !ok {
		return false
	}
	_, to := e.IsMoved()
	_, ask := e.IsAsk()
	return to || ask
}

// wrap gives what a store's error means.
func wrap(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrLost) || errors.Is(err, ErrDamaged) || errors.Is(err, ErrClock) {
		return err
	}
	if e, ok := valkey.IsValkeyErr(err); ok {
		if strings.HasPrefix(e.Error(), "LOST") {
			return fmt.Errorf("%w: %s", ErrLost, strings.TrimPrefix(e.Error(), "LOST "))
		}
		if strings.HasPrefix(e.Error(), "FENCED") {
			return errFenced
		}
		if strings.HasPrefix(e.Error(), "CLOCK") {
			return ErrClock
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
