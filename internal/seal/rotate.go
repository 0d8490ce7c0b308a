package seal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// What changing a key file refuses.
var (
	ErrWaiting = errors.New("a key of this set waits for its time already")
	ErrNoKey   = errors.New("there is no such key")
	ErrNeeded  = errors.New("the key is in use or will be")
)

// State is what a key is good for at an instant.
type State string

// The states of a key.
const (
	Coming  State = "coming" // known, so that all nodes verify and open what another makes with it; comes into use at From
	Current State = "in use" // makes what is new
	Old     State = "old"    // verifies, opens and finds what was made with it
	Inner   State = "inner"  // of blind indexes: nothing is kept under it alone any more; the layers above are built on it
)

// Version is a key as the file tells of it; no secret is in it.
type Version struct {
	Set   Set
	Key   uint32
	Layer int // of Indexes
	State State
	Made  time.Time // zero: with the installation, or unknown
	From  time.Time // when it comes or came into use; zero as above
	Until time.Time // when its successor came into use; zero: not yet
}

// List tells of the keys of a file at the instant now, by sets and in the order of their use.
func List(path string, now time.Time, kms ...KMS) (list []Version, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := parse(path, b)
	if err != nil {
		return nil, err
	}
	if _, err := f.open(path, b, now, kms); err != nil {
		return nil, err
	}
	by, err := f.remote(kms)
	if err == nil {
		err = f.upgrade(by)
	}
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	for _, set := range Sets {
		list = append(list, f.versions(set, now)...)
	}
	return list, nil
}

// versions are those of a set, of an upgraded file. Layer 0 of the blind indexes has no use of its own: it is the root key.
func (f *file) versions(set Set, now time.Time) (list []Version) {
	uses := f.Uses[set]
	if set == Indexes {
		uses = append([]use{{}}, uses...)
	}
	current := 0
	for i, u := range uses {
		if !u.From.After(now) {
			current = i
		}
	}
	for i, u := range uses {
		v := Version{Set: set, Key: u.Key, Made: u.Made, From: u.From}
		switch {
		case i > current:
			v.State = Coming
		case i == current:
			v.State = Current
		default:
			v.State = Old
		}
		if i < current {
			v.Until = uses[i+1].From
		}
		if set == Indexes {
			v.Layer = i
			if i < f.Oldest {
				v.State = Inner
			}
		}
		list = append(list, v)
	}
	return list
}

// upgrade gives a file of version 1 the form in which keys have their times.
func (f *file) upgrade(by tink.AEAD) error {
	if f.Uses == nil {
		f.Uses = map[Set][]use{}
	}
	f.Version = 2
	for _, set := range []Set{Tokens, Fields} {
		if len(f.Uses[set]) > 0 {
			continue
		}
		h, err := f.handle(set, by)
		if err != nil {
			return err
		}
		primary := h.KeysetInfo().GetPrimaryKeyId()
		for _, id := range enabled(h) {
			if id != primary {
				f.Uses[set] = append(f.Uses[set], use{Key: id})
			}
		}
		f.Uses[set] = append(f.Uses[set], use{Key: primary}) // the last is the one in use
	}
	return nil
}

// Rotate adds a key to each of the sets, to come into use at the instant from, and gives what it added. Whoever reads the file
// before that verifies and opens with the new key already; nobody signs or seals with it. The file is replaced in one step. A
// set of which a key waits already is [ErrWaiting], and then nothing is changed.
func Rotate(path string, sets []Set, from, now time.Time, kms ...KMS) (added []Version, err error) {
	from, now = from.UTC().Truncate(time.Second), now.UTC().Truncate(time.Second)
	err = edit(path, kms, func(f *file, by tink.AEAD) error {
		for _, set := range sets {
			if !slices.Contains(Sets, set) {
				return fmt.Errorf("%q is no set of keys; want tokens, fields or indexes", set)
			}
			for _, v := range f.versions(set, now) {
				if v.State == Coming {
					return fmt.Errorf("%s: %w, from %s on", set, ErrWaiting, v.From.Format(time.RFC3339))
				}
			}
			var m *keyset.Manager
			part := f.part(set)
			if len(*part) == 0 {
				m = keyset.NewManager()
			} else {
				h, err := f.handle(set, by)
				if err != nil {
					return err
				}
				m = keyset.NewManagerFromHandle(h)
			}
			id, err := m.Add(template(set))
			if err != nil {
				return err
			}
			if len(*part) == 0 {
				if err := m.SetPrimary(id); err != nil {
					return err
				}
			}
			if err := f.put(m, set, by); err != nil {
				return err
			}
			f.Uses[set] = append(f.Uses[set], use{Key: id, Made: now, From: from})
			list := f.versions(set, now)
			added = append(added, list[len(list)-1])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return added, nil
}

func (f *file) put(m *keyset.Manager, set Set, by tink.AEAD) error {
	h, err := m.Handle()
	if err == nil {
		err = f.keep(h, set, by)
	}
	return err
}

// Retire takes an old key out of the file for good: nothing that was made with it is accepted or opened any more. A key of blind
// indexes stays as a layer that others are built on, and nothing is found under it alone. [ErrNeeded] for a key that is in use
// or comes into use. Whether rows or tokens still need it is for the caller to find out before.
func Retire(path string, v Version, now time.Time, kms ...KMS) error {
	return edit(path, kms, func(f *file, by tink.AEAD) error {
		list := f.versions(v.Set, now)
		i := slices.IndexFunc(list, func(o Version) bool { return o.Key == v.Key && o.Layer == v.Layer })
		switch {
		case i < 0:
			return ErrNoKey
		case list[i].State == Current || list[i].State == Coming:
			return ErrNeeded
		case v.Set == Indexes:
			f.Oldest = max(f.Oldest, v.Layer+1)
			return nil
		}
		h, err := f.handle(v.Set, by)
		if err != nil {
			return err
		}
		m := keyset.NewManagerFromHandle(h)
		current := slices.IndexFunc(list, func(o Version) bool { return o.State == Current })
		if err := errors.Join(m.SetPrimary(list[current].Key), m.Delete(v.Key)); err != nil {
			return err
		}
		f.Uses[v.Set] = slices.Delete(f.Uses[v.Set], i, i+1)
		return f.put(m, v.Set, by)
	})
}

// Wrap has a key service seal the keysets of the file from now on; an empty uri takes that back.
func Wrap(path, uri string, kms ...KMS) error {
	return edit(path, kms, func(f *file, by tink.AEAD) error {
		parts := map[Set]*keyset.Handle{}
		for _, set := range append([]Set{names}, Sets...) {
			if len(*f.part(set)) == 0 {
				continue
			}
			h, err := f.handle(set, by)
			if err != nil {
				return fmt.Errorf("%s: %w", set, err)
			}
			parts[set] = h
		}
		f.KMS = uri
		by, err := f.remote(kms)
		if err != nil {
			return err
		}
		for set, h := range parts {
			if err := f.keep(h, set, by); err != nil {
				return fmt.Errorf("%s: %w", set, err)
			}
		}
		return nil
	})
}

// edit replaces the file by what change makes of it, in one step: whatever happens in between, the file is the old or the new one,
// whole. Of several who edit at once each sees what the one before left.
func edit(path string, kms []KMS, change func(f *file, by tink.AEAD) error) (err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // which gives the lock back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("key file %s: %w", path, err)
	}
	if err := sweep(dir); err != nil {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := parse(path, b)
	if err != nil {
		return err
	}
	by, err := f.remote(kms)
	if err == nil {
		err = f.upgrade(by)
	}
	if err == nil {
		err = change(f, by)
	}
	if err != nil {
		return fmt.Errorf("key file %s: %w", path, err)
	}
	if _, err := f.open(path, nil, time.Now(), kms); err != nil { // what nobody could read must not get there
		return err
	}
	tmp, err := f.write(dir)
	if err != nil {
		return fmt.Errorf("write key file %s: %w", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return syncDir(dir)
}

// sweep takes away what an edit that was killed left: it has keys in it.
func sweep(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), newPrefix) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
