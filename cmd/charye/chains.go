package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"charye/check"
	"charye/internal/chain"
	"charye/internal/durable"
	supplysqlite "charye/supply/sqlite"

	"golang.org/x/sync/errgroup"
)

// chainedRoom is an engine whose history is held together by a chain kept beside it.
type chainedRoom interface{ Chain() chain.Keeper }

// chainedJournal is the engine of the supply room, which has a second history: what was settled, and the tables of GLNs.
type chainedJournal interface{ JournalChain() chain.Keeper }

// The rooms as the command line names them.
const (
	sitesRoom     = "sites"
	peopleRoom    = "people"
	messagesRoom  = "messages"
	leftoversRoom = "leftovers"
	verdictsRoom  = "verdicts"
	journalRoom   = "supply"
)

var chainedRooms = []string{sitesRoom, peopleRoom, messagesRoom, leftoversRoom, verdictsRoom, journalRoom}

// notedRooms reads the values of --chain-of.
func notedRooms(texts []string) (map[string][]chain.Noted, error) {
	out := map[string][]chain.Noted{}
	for _, text := range texts {
		room, noted, _ := strings.Cut(text, "=")
		if !slices.Contains(chainedRooms, room) {
			return nil, &usageError{msg: fmt.Sprintf("--chain-of: %q is none of %s", room, strings.Join(chainedRooms, ", "))}
		}
		n, err := chain.ParseNoted(noted)
		if err != nil {
			return nil, &usageError{msg: "--chain-of: " + err.Error()}
		}
		out[room] = append(out[room], n)
	}
	return out, nil
}

// histories are those of the opened rooms.
func (s stores) histories(noted map[string][]chain.Noted) (list []check.History) {
	for _, r := range []struct {
		name string
		room any
	}{{sitesRoom, s.sites}, {peopleRoom, s.people}, {messagesRoom, s.outbox}, {leftoversRoom, s.leftovers}} {
		if c, ok := r.room.(chainedRoom); ok {
			list = append(list, check.History{Room: r.name, Of: c.Chain(), Noted: noted[r.name]})
		}
	}
	return list
}

// openHistories gives the histories of the opened rooms, and that of the verdicts where there are any.
func openHistories(ctx context.Context, dir *durable.Dir, postgres string, s stores, noted map[string][]chain.Noted) (list []check.History, closing func() error, err error) {
	list, closing = s.histories(noted), func() error { return nil }
	if postgres == "" && !supplysqlite.There(dir.Path()) {
		return list, closing, nil
	}
	v, err := openVerdicts(ctx, dir, postgres)
	if err != nil {
		return nil, closing, err
	}
	if c, ok := v.(chainedRoom); ok {
		list = append(list, check.History{Room: verdictsRoom, Of: c.Chain(), Noted: noted[verdictsRoom]})
	}
	if c, ok := v.(chainedJournal); ok {
		list = append(list, check.History{Room: journalRoom, Of: c.JournalChain(), Noted: noted[journalRoom]})
	}
	return list, v.Close, nil
}

// chainEvery is how often a node of a cluster chains what all nodes have written. The embedded engines chain an event with its
// transaction.
const chainEvery = 2 * time.Second

// chainRooms chains what is there at the start, and in a cluster what comes, while the server serves.
func (s *server) chainRooms(ctx context.Context, shared bool) error {
	list := s.histories(nil)
	if c, ok := s.verdicts.(chainedRoom); ok {
		list = append(list, check.History{Room: verdictsRoom, Of: c.Chain()})
	}
	if c, ok := s.verdicts.(chainedJournal); ok {
		list = append(list, check.History{Room: journalRoom, Of: c.JournalChain()})
	}
	for _, h := range list {
		if err := h.Of.ExtendChain(ctx); err != nil {
			return fmt.Errorf("what happened to %s: %w", h.Room, err)
		}
	}
	if !shared {
		return nil
	}
	work := s.work
	s.work = func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return work(ctx) })
		g.Go(func() error {
			tick := time.NewTicker(chainEvery)
			defer tick.Stop()
			failing := false
			for {
				select {
				case <-ctx.Done():
					return nil
				case <-tick.C:
				}
				var err error
				for _, h := range list {
					if err = h.Of.ExtendChain(ctx); err != nil {
						break
					}
				}
				if err != nil && !failing && ctx.Err() == nil { // whoever comes next chains what is left
					s.log.LogAttrs(ctx, slog.LevelWarn, "the chain over what happened cannot be gone on with", slog.String("error", err.Error()))
				}
				failing = err != nil
			}
		})
		return g.Wait()
	}
	return nil
}
