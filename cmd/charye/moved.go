package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"charye/internal/durable"
)

// movedFile is there from the moment on at which a data directory began to move into a cluster.
const movedFile = "moved.json"

// moved is what a data directory remembers of its move. The id names it in the cluster, so that a move that was interrupted
// goes on there and no other comes upon it.
type moved struct {
	ID    string    `json:"id"`
	Begun time.Time `json:"begun"`
	Done  time.Time `json:"done,omitzero"`
}

// readMoved gives what the directory remembers; ok is false when it never began to move.
func readMoved(dir *durable.Dir) (m moved, ok bool, err error) {
	b, err := os.ReadFile(dir.File(movedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return m, false, fmt.Errorf("%s: %w", dir.File(movedFile), err)
	}
	return m, true, nil
}

func (m moved) write(dir *durable.Dir) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(dir.File(movedFile), b); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// beginMove remembers that the move began.
func beginMove(dir *durable.Dir) (moved, error) {
	m := moved{ID: rand.Text(), Begun: time.Now().UTC()}
	return m, m.write(dir)
}

// rightPlace refuses to open a data directory where its people are not: alone after it moved into a cluster, or with a
// cluster before it has moved there. Either would begin a second line beside the first.
func rightPlace(dir *durable.Dir, postgres string) error {
	shared := postgres != ""
	if first, err := readFirstStart(dir); err == nil {
		if err := protectedPostgres(postgres, first.Trial); err != nil {
			return err
		}
	}
	m, ok, err := readMoved(dir)
	switch {
	case err != nil:
		return err
	case ok && m.Done.IsZero():
		return fmt.Errorf("data directory %s is on its way into a cluster; run `charye move --from %s` again with the same --to-postgres and --to-valkey to finish it",
			dir.Path(), dir.Path())
	case ok && !shared:
		return fmt.Errorf("data directory %s has moved into a cluster; give --postgres and --valkey", dir.Path())
	case ok || !shared:
		return nil
	}
	for _, name := range []string{"line.db", "booking.db"} {
		if _, err := os.Stat(dir.File(name)); err == nil {
			return fmt.Errorf("data directory %s is an installation of its own, with places and bookings; move it into the cluster with `charye move --from %s`, or name another directory",
				dir.Path(), dir.Path())
		}
	}
	return nil
}
