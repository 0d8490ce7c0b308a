package valkey

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// ErrEvicts means that the store is set to throw keys away when its memory is full.
var ErrEvicts = errors.New("the line's store evicts keys when its memory is full: set maxmemory-policy noeviction")

// fit refuses a store that would throw places away, and warns of one that keeps nothing on disk. Servers that cannot be
// asked now are passed over.
func (l *Line) fit(ctx context.Context) error {
	for addr, c := range l.client.Nodes() {
		info, err := c.Do(ctx, c.B().Info().Section("memory", "persistence").Build()).ToString()
		if err != nil {
			continue
		}
		if p := infoField(info, "maxmemory_policy"); p != "" && p != "noeviction" {
			return fmt.Errorf("%w (%s has %s)", ErrEvicts, addr, p)
		}
		if infoField(info, "aof_enabled") == "0" {
			l.log.WarnContext(ctx, "the line's store writes no append-only file: a restart of it loses places", slog.String("server", addr))
		}
	}
	return nil
}

func infoField(info, name string) string {
	for s := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(s, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
