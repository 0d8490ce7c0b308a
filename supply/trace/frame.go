package trace

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
	"time"
)

// Version is that of what is kept of an event, and of the form of frames. What another version wrote is read anew from the log.
const Version = 3

// ErrFrame means that bytes are no frame, or not the next one of this reader.
var ErrFrame = errors.New("not the next frame of what was read of custody")

// AppendFrame writes what was read after a place in the record, up to now, in a form that [Reader.Restore] reads. It depends on no rules. Nothing is
// appended when nothing is new.
func (r *Reader) AppendFrame(to []byte, after int64) []byte {
	if r.last.Seq <= after {
		return to
	}
	events, _ := slices.BinarySearchFunc(r.events, after+1, func(t told, seq int64) int { return int(min(1, max(-1, t.seq-seq))) })
	wrong, _ := slices.BinarySearchFunc(r.declared, after+1, func(d declared, seq int64) int { return int(min(1, max(-1, d.seq-seq))) })
	w := &frameWriter{r: r, local: map[name]uint64{0: 0}}
	for i := events; i < len(r.events); i++ {
		w.event(&r.events[i])
	}
	to = binary.AppendUvarint(to, uint64(after))
	to = binary.AppendUvarint(to, uint64(r.last.Seq))
	to = binary.AppendVarint(to, r.last.Recorded.UnixMicro())
	to = appendText(to, r.last.ID)
	to = binary.AppendUvarint(to, uint64(len(w.used)))
	for _, n := range w.used {
		to = appendText(to, r.names.text(n))
	}
	to = binary.AppendUvarint(to, uint64(len(r.events)-events))
	to = append(to, w.b...)
	to = binary.AppendUvarint(to, uint64(len(r.declared)-wrong))
	for _, d := range r.declared[wrong:] {
		to = binary.AppendUvarint(to, uint64(d.seq-after))
		to = appendText(to, d.id)
	}
	return to
}

func appendText(to []byte, s string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(s))), s...)
}

// frameWriter writes events with names of the frame's own, from 1 on.
type frameWriter struct {
	r     *Reader
	b     []byte
	local map[name]uint64
	used  []name
	seq   int64
	at    int64

	sensed int64
}

func (w *frameWriter) uint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }
func (w *frameWriter) int(n int64)   { w.b = binary.AppendVarint(w.b, n) }

// time writes the distance from the time written before.
func (w *frameWriter) time(t time.Time) {
	w.int(t.Unix() - w.sensed)
	w.uint(uint64(t.Nanosecond()))
	w.sensed = t.Unix()
}

func (w *frameWriter) name(n name) {
	k, ok := w.local[n]
	if !ok {
		w.used = append(w.used, n)
		k = uint64(len(w.used))
		w.local[n] = k
	}
	w.uint(k)
}

func (w *frameWriter) names(list []name) {
	w.uint(uint64(len(list)))
	for _, n := range list {
		w.name(n)
	}
}

func (w *frameWriter) event(t *told) {
	w.int(t.seq - w.seq)
	w.int(t.at - w.at)
	w.seq, w.at = t.seq, t.at
	w.b = appendText(w.b, t.id)
	w.b = append(w.b, byte(t.kind), byte(t.action), byte(t.step), byte(t.stage), t.dose)
	w.int(t.booking)
	w.int(int64(t.expires))
	w.name(t.place)
	w.name(t.parent)
	w.name(t.to)
	w.names(w.r.thingsOf(t))
	w.names(w.r.outputsOf(t))
	portions := w.r.portionsOf(t)
	w.uint(uint64(len(portions)))
	for _, q := range portions {
		w.name(q.class)
		w.name(q.unit)
		w.uint(bits.ReverseBytes64(math.Float64bits(q.amount))) // short for round numbers
		w.bool(q.output)
	}
	w.bool(t.sense != nil)
	if t.sense != nil {
		w.sense(t.sense)
	}
}

func (w *frameWriter) bool(v bool) {
	if v {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

func (w *frameWriter) sense(s *sense) {
	w.b = appendText(w.b, s.fault)
	w.uint(uint64(len(s.list)))
	for i := range s.list {
		x := &s.list[i]
		w.b = appendText(w.b, x.device)
		w.b = appendText(w.b, x.source)
		w.int(int64(x.every))
		w.uint(uint64(len(x.readings)))
		for _, v := range x.readings {
			w.time(v.At)
			w.int(int64(v.Celsius))
		}
		w.uint(uint64(len(x.summaries)))
		for _, v := range x.summaries {
			w.time(v.From)
			w.time(v.To)
			for _, n := range []int64{int64(v.Min), int64(v.Max), int64(v.Silent)} {
				w.int(n)
			}
			w.uint(uint64(len(v.Outside)))
			for _, o := range v.Outside {
				w.int(int64(o.Limit))
				w.bool(o.Above)
				w.int(int64(o.For))
			}
		}
	}
}
