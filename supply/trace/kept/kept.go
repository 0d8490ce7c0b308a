// Package kept keeps what was read of the log of custody in a file, so that the next command reads only what is new.
//
// It owns the form of the file: a head with the version, then frames of [trace.Reader.AppendFrame], each with its length and a checksum that goes
// over all before it. The file is a copy of what the log says, and never more than that: what does not check, what another version wrote, and what
// is not of this log is thrown away and read anew. So it needs no sync, may be deleted at any moment, and may be written by several processes at
// once, who add to it one after the other. It must not know what an event means.
package kept

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"charye/supply/epcis"
	"charye/supply/trace"
)

// Name is the name of the file in a data directory.
const Name = "custody.kept"

// File is what was kept. It is for one goroutine.
type File struct {
	path string
	end  place // of what this process knows to be good
	bad  bool  // what is there is to be thrown away

	// Unkept is why the last Follow could not write; nil when it could. What it read is right all the same.
	Unkept error
}

// place is the end of a frame.
type place struct {
	at  int64
	sum [sha256.Size]byte
	seq int64 // the last event
}

// every is how many events are read before they are written, where many are new: what is interrupted goes on there.
const every = 50_000

func head() []byte { return fmt.Appendf(nil, "charye custody %d\n", trace.Version) }

func begin() place { return place{at: int64(len(head())), sum: sha256.Sum256(head())} }

// Open reads the file at path as far as it is whole, and of the log that from is. Whatever else is there is no error: it is read anew.
func Open(ctx context.Context, path string, from trace.Source) (*File, *trace.Reader, error) {
	f := &File{path: path, end: begin()}
	r := trace.NewReader()
	src, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return f, r, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = src.Close() }()
	got := make([]byte, len(head()))
	if _, err := io.ReadFull(src, got); err != nil || string(got) != string(head()) {
		f.bad = true
		return f, r, nil
	}
	for {
		frame, next, err := read(src, f.end)
		if err != nil {
			break // the end, or damage: what is before it counts
		}
		if err := r.Restore(frame); err != nil {
			return f.anew() // half a frame may be in the reader
		}
		next.seq = r.Last().Seq
		f.end = next
	}
	if last := r.Last(); last.Seq > 0 {
		here, err := isOf(ctx, from, last)
		if err != nil {
			return nil, nil, err
		}
		if !here {
			return f.anew()
		}
	}
	return f, r, nil
}

func (f *File) anew() (*File, *trace.Reader, error) {
	f.end, f.bad = begin(), true
	return f, trace.NewReader(), nil
}

// isOf reports whether the log has the event where it was read: another log, or one that was brought back from a backup, has not.
func isOf(ctx context.Context, from trace.Source, last trace.Mark) (bool, error) {
	p, err := from.Events(ctx, epcis.Query{IDs: []string{last.ID}, Limit: 2})
	for _, s := range p.Events {
		if s.Seq == last.Seq && s.Recorded.Equal(last.Recorded) {
			return true, err
		}
	}
	return false, err
}

var errDamaged = errors.New("damaged")

// most is the largest frame that is believed: what a length that is damaged could ask for stays within it.
const most = 1 << 32

// read reads the frame after a place: its length, the checksum over the one before and itself, and what is in it.
func read(src io.Reader, before place) (frame []byte, next place, err error) {
	var prefix [8 + sha256.Size]byte
	if _, err := io.ReadFull(src, prefix[:]); err != nil {
		return nil, next, err
	}
	n := binary.BigEndian.Uint64(prefix[:8])
	if n > most {
		return nil, next, errDamaged
	}
	frame, err = io.ReadAll(io.LimitReader(src, int64(n))) // grows with what is there, not with what is said
	if err != nil {
		return nil, next, err
	}
	next = before.after(frame)
	if uint64(len(frame)) != n || string(next.sum[:]) != string(prefix[8:]) {
		return nil, next, errDamaged
	}
	return frame, next, nil
}

// after is the place at the end of a frame that begins here.
func (p place) after(frame []byte) place {
	h := sha256.New()
	_, _ = h.Write(p.sum[:])
	_, _ = h.Write(frame)
	next := place{at: p.at + 8 + sha256.Size + int64(len(frame))}
	h.Sum(next.sum[:0])
	return next
}

// Follow reads what was captured since the last time, and keeps it. Only what the log says can fail; see Unkept.
func (f *File) Follow(ctx context.Context, r *trace.Reader, from trace.Source) error {
	f.Unkept = nil
	last := r.Last().Seq
	err := r.FollowEach(ctx, from, func() error {
		if r.Last().Seq-last >= every {
			f.keep(r)
			last = r.Last().Seq
		}
		return nil
	})
	f.keep(r)
	return err
}

// Keep writes what a reader has read since the last time; r must be the one that was opened with the file.
func (f *File) Keep(r *trace.Reader) error {
	f.Unkept = nil
	f.keep(r)
	return f.Unkept
}

func (f *File) keep(r *trace.Reader) {
	if f.Unkept == nil && (r.Last().Seq > f.end.seq || f.bad) {
		f.Unkept = f.write(r)
	}
}

// write adds a frame. Others may have added theirs meanwhile, which are of the same log: then what they have is passed over.
func (f *File) write(r *trace.Reader) (err error) {
	to, err := os.OpenFile(f.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }() // which gives the lock back
	if err := syscall.Flock(int(to.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if err := f.catchUp(to); err != nil {
		return err
	}
	frame := r.AppendFrame(nil, f.end.seq)
	if len(frame) == 0 {
		return nil
	}
	next := f.end.after(frame)
	next.seq = r.Last().Seq
	out := binary.BigEndian.AppendUint64(make([]byte, 0, 8+sha256.Size+len(frame)), uint64(len(frame)))
	out = append(append(out, next.sum[:]...), frame...)
	if _, err := to.WriteAt(out, f.end.at); err != nil {
		return errors.Join(err, to.Truncate(f.end.at))
	}
	f.end = next
	return nil
}

// catchUp goes to the end of what is good, over what others added, and cuts off what is not. A file that is not ours any more is begun anew.
func (f *File) catchUp(to *os.File) error {
	got := make([]byte, len(head()))
	n, err := to.ReadAt(got, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if same := n == len(got) && string(got) == string(head()); f.bad || !same {
		if err := to.Truncate(0); err != nil {
			return err
		}
		if _, err := to.WriteAt(head(), 0); err != nil {
			return err
		}
		f.end, f.bad = begin(), false
	}
	if _, err := to.Seek(f.end.at, io.SeekStart); err != nil {
		return err
	}
	for {
		frame, next, err := read(to, f.end)
		if err != nil {
			break
		}
		after, last, ok := trace.FrameOf(frame)
		if !ok || after != f.end.seq {
			break
		}
		next.seq = last
		f.end = next
	}
	return to.Truncate(f.end.at)
}
