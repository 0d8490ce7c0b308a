package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"charye/internal/durable"
	"charye/internal/seal"
	"charye/internal/seal/transit"
	"charye/keeping"

	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/sync/errgroup"
)

type keysCmd struct {
	List   keysListCmd   `cmd:"" help:"List the keys, what each is good for, and how many rows need it."`
	Rotate keysRotateCmd `cmd:"" help:"Add new keys, known to all nodes at once and in use from a time on. Nobody is refused meanwhile, and no node is started again."`
	Reseal keysResealCmd `cmd:"" help:"Move what is sealed or indexed with old keys to the ones in use, while everything is served. Interrupted and run again it goes on."`
	Retire keysRetireCmd `cmd:"" help:"Take an old key out for good, once nothing needs it."`
	Wrap   keysWrapCmd   `cmd:"" help:"Have a key service seal the key file, or take it back from one."`
}

// kmsTokenFile names the file with the token for the key service; it is read for each call, so that it may be renewed.
const kmsTokenFile = "CHARYE_KMS_TOKEN_FILE"

// kms opens the key service that a key file names.
func kms(uri string) (tink.AEAD, error) {
	return transit.Open(uri, func() (string, error) {
		name := os.Getenv(kmsTokenFile)
		if name == "" {
			return "", nil
		}
		b, err := os.ReadFile(name)
		return strings.TrimSpace(string(b)), err
	})
}

// existingKeys is the key file of a data directory that was served before.
func existingKeys(data string) (string, error) {
	dir, err := durable.ExistingDir(data)
	if err != nil {
		return "", err
	}
	path := dir.File(keyFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("data directory %s has no %s yet; the first start makes it", data, keyFile)
	}
	return path, nil
}

type keysListCmd struct {
	Where whereKept `embed:""`
}

// Run lists keys.
func (c keysListCmd) Run(ctx context.Context, std streams) error {
	return c.Where.with(ctx, func(k keepers) error {
		now := time.Now()
		list, err := seal.List(k.keyFile, now, kms)
		if err != nil {
			return err
		}
		census, err := keeping.Census(ctx, k.rooms)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(std.out, 0, 8, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "KEY\tOF\tSTATE\tFROM\tUNTIL\tROWS\tRETIRE")
		for _, v := range list {
			may := ""
			if v.State == seal.Old {
				may = "now"
				if err := keeping.MayRetire(v, census, k.programme, now, false); err != nil {
					may = err.Error()
				}
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", keyName(v), v.Set, v.State, when(v.From), when(v.Until), rows(v, census), may)
		}
		return w.Flush()
	})
}

// keyName is what a key is called on the command line.
func keyName(v seal.Version) string {
	if v.Set == seal.Indexes {
		return fmt.Sprintf("layer-%d", v.Layer)
	}
	return fmt.Sprintf("%08x", v.Key)
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339)
}

func rows(v seal.Version, c seal.Census) string {
	switch v.Set {
	case seal.Fields:
		return strconv.FormatInt(c.Fields[v.Key], 10)
	case seal.Indexes:
		return strconv.FormatInt(c.Layers[v.Layer], 10)
	default:
		return "-"
	}
}

type keysRotateCmd struct {
	Data string        `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default."`
	Sets []seal.Set    `name:"of" placeholder:"SET,…" help:"Which keys: tokens (sessions, tickets, passes), fields, indexes; all of them by default."`
	In   time.Duration `default:"10m" placeholder:"TIME" help:"After how long the new keys come into use, ${default} by default. By then every node must have the file: where each has a copy of its own, copy it in that time."`
}

// Run rotates.
func (c keysRotateCmd) Run(std streams) error {
	if len(c.Sets) == 0 {
		c.Sets = seal.Sets
	}
	// Nodes look every few seconds; a key that one uses and another does not know would refuse people.
	if c.In < 5*followEvery {
		return &usageError{msg: fmt.Sprintf("--in: want %s or more, so that every node knows the new keys before one uses them", 5*followEvery)}
	}
	path, err := existingKeys(c.Data)
	if err != nil {
		return err
	}
	now := time.Now()
	added, err := seal.Rotate(path, c.Sets, now.Add(c.In), now, kms)
	if err != nil {
		return err
	}
	for _, v := range added {
		_, _ = fmt.Fprintf(std.out, "%s of %s comes into use at %s\n", keyName(v), v.Set, v.From.Format(time.RFC3339))
	}
	_, err = fmt.Fprintln(std.out, "nodes with a copy of the key file of their own need this one before then; afterwards: charye keys reseal")
	return err
}

type keysResealCmd struct {
	Where     whereKept `embed:""`
	PerSecond int       `default:"2000" placeholder:"N" help:"Most rows in a second, ${default} by default, so that those who book go on meanwhile; 0 for as fast as it goes."`
}

// Run re-seals.
func (c keysResealCmd) Run(ctx context.Context, std streams) error {
	if c.PerSecond < 0 {
		return &usageError{msg: "--per-second: want 0 or more"}
	}
	return c.Where.with(ctx, func(k keepers) error {
		pace, end := paced(c.PerSecond, std)
		moved, err := keeping.Reseal(ctx, k.rooms, k.keys, pace)
		end()
		if err != nil {
			return fmt.Errorf("%d rows were moved to the keys in use: %w; the same command goes on", moved, err)
		}
		_, err = fmt.Fprintf(std.out, "%d rows were moved to the keys in use\n", moved)
		return err
	})
}

type keysRetireCmd struct {
	Where       whereKept `embed:""`
	Compromised bool      `help:"The key is in wrong hands: do not wait for tokens that were made with it. Their holders sign in again and ask for their ticket anew; no place is lost."`
	Key         string    `arg:"" help:"The key, as charye keys list names it."`
}

// Run retires a key.
func (c keysRetireCmd) Run(ctx context.Context, std streams) error {
	return c.Where.with(ctx, func(k keepers) error {
		now := time.Now()
		list, err := seal.List(k.keyFile, now, kms)
		if err != nil {
			return err
		}
		for _, v := range list {
			if keyName(v) != c.Key {
				continue
			}
			census, err := keeping.Census(ctx, k.rooms)
			if err != nil {
				return err
			}
			if err := keeping.MayRetire(v, census, k.programme, now, c.Compromised); err != nil {
				return fmt.Errorf("key %s of %s stays: %w", c.Key, v.Set, err)
			}
			if err := seal.Retire(k.keyFile, v, now, kms); err != nil {
				return err
			}
			_, err = fmt.Fprintf(std.out, "%s of %s is retired; nodes take that within seconds\n", c.Key, v.Set)
			return err
		}
		return &usageError{msg: fmt.Sprintf("there is no key %q; see charye keys list", c.Key)}
	})
}

type keysWrapCmd struct {
	Data string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default."`
	KMS  string `name:"kms" placeholder:"URL" help:"The key at the service, such as https://vault.example.org/v1/transit/charye; the file with the token for it is named by CHARYE_KMS_TOKEN_FILE. Without this the file is taken back from its service."`
}

// Run wraps the key file.
func (c keysWrapCmd) Run(std streams) error {
	path, err := existingKeys(c.Data)
	if err != nil {
		return err
	}
	if err := seal.Wrap(path, c.KMS, kms); err != nil {
		return err
	}
	if c.KMS == "" {
		_, err = fmt.Fprintf(std.out, "%s is readable without a key service\n", path)
	} else {
		_, err = fmt.Fprintf(std.out, "%s is sealed by %s; destroy older copies of it, and keep a way to that key for ever\n", path, c.KMS)
	}
	return err
}

// follow has the server take what changes in its key file while it serves.
func (s *server) follow(path string) {
	work := s.work
	s.work = func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return work(ctx) })
		g.Go(func() error { return followKeys(ctx, path, s.keys, s.log) })
		return g.Wait()
	}
}

// followKeys takes what changes in the key file, until ctx ends. What cannot be read leaves the keys as they are.
func followKeys(ctx context.Context, path string, keys *seal.Keys, log *slog.Logger) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			changed, err := keys.Reload(path, now, kms)
			switch {
			case err != nil && err.Error() != failed:
				failed = err.Error()
				log.LogAttrs(ctx, slog.LevelError, "the key file cannot be taken; the keys stay as they were", slog.String("error", failed))
			case err == nil:
				failed = ""
			}
			if changed {
				in := keys.InUse()
				log.LogAttrs(ctx, slog.LevelInfo, "took the keys anew", slog.String("token", fmt.Sprintf("%08x", in.Token)),
					slog.String("field", fmt.Sprintf("%08x", in.Field)), slog.Int("layer", in.Layer))
			}
		}
	}
}
