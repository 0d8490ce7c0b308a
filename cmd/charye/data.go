package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
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
	At        time.Time         `json:"at"`
	Resolved  map[string]string `json:"resolved"` // relative times of a trial, as they came out at the first start
}

// keepProgramme reads the programme as this data directory knows it: relative times mean what they meant at the first
// start. It keeps a copy of the file, for the commands that only get the directory.
func keepProgramme(dir *durable.Dir, name string, src []byte) (*programme.Programme, error) {
	var first firstStart
	b, err := os.ReadFile(dir.File(startFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		first.At = time.Now()
	case err != nil:
		return nil, fmt.Errorf("data directory: %w", err)
	default:
		if err := json.Unmarshal(b, &first); err != nil {
			return nil, fmt.Errorf("%s: %w; put it back from a backup, or name another data directory", dir.File(startFile), err)
		}
	}
	p, err := programme.Parse(name, src, programme.Options{FirstStart: first.At, Resolved: first.Resolved})
	if err != nil {
		return nil, err
	}
	if first.Programme != "" && first.Programme != p.ID {
		return nil, fmt.Errorf("data directory %s belongs to the programme %s, and %s is %s; give each its own directory",
			dir.Path(), first.Programme, name, p.ID)
	}
	first.Programme, first.Resolved = p.ID, p.Resolved()
	if b, err = json.MarshalIndent(first, "", "  "); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(dir.File(startFile), b); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := durable.WriteFile(dir.File(programmeFile), src); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	return p, nil
}

// openKeys reads the key file of a data directory, or makes one where nothing depends on it yet. Without its keys nobody in
// a database can be found again, so that a directory that has lost them is refused and not given new ones.
func openKeys(dir *durable.Dir) (*seal.Keys, error) {
	name := dir.File(keyFile)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		for _, keyed := range []string{"people.db", "line.db", "booking.db"} {
			if _, err := os.Stat(dir.File(keyed)); err == nil {
				return nil, fmt.Errorf("key file %s is missing, and %s was written with it; put it back from a backup, or name another data directory", name, keyed)
			}
		}
	}
	keys, err := seal.LoadOrCreate(name)
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
		return nil, err
	}
	b, err := os.ReadFile(dir.File(startFile))
	if err != nil {
		return nil, err
	}
	var first firstStart
	if err := json.Unmarshal(b, &first); err != nil {
		return nil, fmt.Errorf("%s: %w", dir.File(startFile), err)
	}
	return programme.Parse(dir.File(programmeFile), src, programme.Options{FirstStart: first.At, Resolved: first.Resolved})
}

// boundedConn gives its room back when it is closed, once.
type boundedConn struct {
	net.Conn
	once  sync.Once
	leave func()
}

// Close closes the connection and gives the room back.
func (c *boundedConn) Close() error {
	c.once.Do(c.leave)
	return c.Conn.Close()
}
