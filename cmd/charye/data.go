package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"charye/internal/durable"
	"charye/internal/seal"
	"charye/programme"
)

// The files of a data directory beside the engines' databases.
const (
	keyFile       = "keys.json"
	programmeFile = "programme.yaml"
	startFile     = "programme.json"
)

// firstStart is what a data directory remembers of the programme it was first started with.
type firstStart struct {
	Programme string            `json:"programme"`
	Trial     bool              `json:"trial"`
	At        time.Time         `json:"at"`
	Resolved  map[string]string `json:"resolved"` // relative times of a trial, as they came out at the first start
}

// readFirstStart gives what the directory remembers; [fs.ErrNotExist] when it was never started.
func readFirstStart(dir *durable.Dir) (first firstStart, err error) {
	b, err := os.ReadFile(dir.File(startFile))
	if err != nil {
		return first, fmt.Errorf("data directory: %w", err)
	}
	if err := json.Unmarshal(b, &first); err != nil {
		return first, fmt.Errorf("%s: %w; put it back from a backup, or name another data directory", dir.File(startFile), err)
	}
	return first, nil
}

// parseFor reads a programme as this data directory knows it: relative times mean what they meant at the first start, or mean it from now
// on. first is what is to be remembered when the programme is kept.
func parseFor(dir *durable.Dir, name string, src []byte) (p *programme.Programme, first firstStart, err error) {
	first, err = readFirstStart(dir)
	if errors.Is(err, fs.ErrNotExist) {
		first, err = firstStart{At: time.Now()}, nil
	}
	if err != nil {
		return nil, first, err
	}
	p, err = programme.Parse(name, src, programme.Options{FirstStart: first.At, Resolved: first.Resolved})
	if err != nil {
		return nil, first, err
	}
	if first.Programme != "" && first.Programme != p.ID {
		return nil, first, fmt.Errorf("data directory %s belongs to the programme %s, and %s is %s; give each its own directory",
			dir.Path(), first.Programme, name, p.ID)
	}
	if first.Programme != "" && first.Trial != p.Trial {
		return nil, first, fmt.Errorf("data directory %s was first started with `trial: %t`, and %s says `trial: %t`; made-up and real people never share one: give each its own directory",
			dir.Path(), first.Trial, name, p.Trial)
	}
	first.Programme, first.Trial, first.Resolved = p.ID, p.Trial, p.Resolved()
	return p, first, nil
}

// keep makes a file the one that the data directory is served with, for the next start and for the commands that only get the directory.
func keep(dir *durable.Dir, first firstStart, src []byte) error {
	b, err := json.MarshalIndent(first, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(dir.File(startFile), b); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := durable.WriteFile(dir.File(programmeFile), src); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// openKeys reads the key file of a data directory, or makes one where nothing depends on it yet. Without its keys nobody in
// a database can be found again, so that a directory that has lost them is refused and not given new ones.
func openKeys(dir *durable.Dir) (*seal.Keys, error) {
	name := dir.File(keyFile)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		for _, keyed := range []string{"people.db", "line.db", "booking.db", "leftover.db", "approval.db"} {
			if _, err := os.Stat(dir.File(keyed)); err == nil {
				return nil, fmt.Errorf("key file %s is missing, and %s was written with it; put it back from a backup, or name another data directory", name, keyed)
			}
		}
	}
	keys, err := seal.LoadOrCreate(name, kms)
	if _, io := errors.AsType[*fs.PathError](err); err != nil && !io {
		return nil, fmt.Errorf("%w; put it back from a backup, or name another data directory", err)
	}
	return keys, err
}

// servedProgramme reads the programme that a data directory was last served with.
func servedProgramme(dir *durable.Dir) (*programme.Programme, error) {
	src, err := os.ReadFile(dir.File(programmeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("data directory %s has no programme yet; start `charye serve --programme FILE --data %s` first", dir.Path(), dir.Path())
	}
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	first, err := readFirstStart(dir)
	if err != nil {
		return nil, err
	}
	return programme.Parse(dir.File(programmeFile), src, programme.Options{FirstStart: first.At, Resolved: first.Resolved})
}
