package room

import (
	"cmp"
	"context"
	"slices"
	"time"

	"charye/supply"
)

// Doubt is what is against a box.
type Doubt struct {
	Cause     supply.Cause // the worst
	Keys      []supply.AlarmKey
	Judgement supply.Judgement
}

// keysOf finds the stretches that put a box in doubt: for each cause where it happened.
func (v *View) keysOf(k supply.SSCC, j *supply.Judgement) (keys []supply.AlarmKey) {
	w, err := v.Trace.Index.Way(k, v.asOf())
	if err != nil {
		return nil
	}
	b, _ := v.Trace.Box(k)
	for _, side := range []supply.Side{supply.Cold, supply.Warm} {
		if i, ok := v.where(b.Product, &w, j, side); ok {
			cause := supply.Frozen
			if side == supply.Warm {
				cause = supply.Heated
			}
			keys = append(keys, supply.AlarmKey{Cause: cause, Point: w.Stretches[i].Leg.Point, Begin: w.Stretches[i].Leg.Begin.UTC()})
		}
	}
	if n := len(w.Stretches); n > 0 && b.Left() > 0 && slices.ContainsFunc(j.Findings, func(f supply.Finding) bool { return f.Side == supply.Store }) {
		last := &w.Stretches[n-1].Leg // where somebody has to look
		keys = append(keys, supply.AlarmKey{Cause: supply.Expired, Point: last.Point, Begin: last.Begin.UTC()})
	}
	if b.Left() <= 0 || b.Place == "" && len(w.Stretches) > 0 {
		return keys // nobody can be given anything from it: what is not known of it harms nobody any more
	}
	late := func(t time.Time) bool { return v.At.Sub(t) >= v.limits.Grace }
	for i := range w.Stretches {
		s := &w.Stretches[i]
		at := supply.AlarmKey{Point: s.Leg.Point, Begin: s.Leg.Begin.UTC()}
		if s.Before > 0 && late(s.Leg.Begin) {
			at.Cause = supply.Missing
			keys = append(keys, at)
		}
		switch last := lastUnknown(s.Parts); {
		case s.Exposure.Unknown == 0:
		case s.Silent:
			at.Cause = supply.Silent
			if s.Heard.After(s.Leg.Begin) {
				at.Begin = s.Heard.UTC()
			}
			keys = append(keys, at)
		case last.IsZero() || late(last):
			at.Cause = supply.Gap
			keys = append(keys, at)
		}
	}
	if n := len(w.Stretches); w.After > 0 && w.After >= v.limits.Grace {
		last := &w.Stretches[n-1].Leg
		keys = append(keys, supply.AlarmKey{Cause: supply.Missing, Point: last.Point, Begin: last.End.UTC()})
	}
	if j.Untraced {
		keys = append(keys, supply.AlarmKey{Cause: supply.Missing, Box: k})
	}
	return keys
}

func lastUnknown(parts []supply.Part) (end time.Time) {
	for _, p := range parts {
		if !p.Known {
			end = p.End
		}
	}
	return end
}

// where finds the stretch at which a box was spoilt, by cold or otherwise: the first that was enough by itself, else the one that added most, of several the last.
// Vials that were thawed for too long are so where they are, whatever the temperature.
func (v *View) where(product string, w *supply.Way, j *supply.Judgement, side supply.Side) (best int, ok bool) {
	is := func(s supply.Side) bool { return (s == supply.Cold) == (side == supply.Cold) }
	if len(w.Stretches) == 0 || !slices.ContainsFunc(j.Findings, func(f supply.Finding) bool { return is(f.Side) }) {
		return 0, false
	}
	p := v.products[product]
	most := time.Duration(-1)
	for i := range w.Stretches {
		s := &w.Stretches[i]
		alone := p.Judge(&s.Exposure, v.Today)
		if slices.ContainsFunc(alone.Findings, func(f supply.Finding) bool { return is(f.Side) }) {
			return i, true
		}
		spent := time.Duration(0)
		if r := w.Rules[s.Leg.Stage]; r != nil {
			for b := range r.Bands {
				if is(r.Bands[b].Side) && r.Bands[b].Budget != supply.Unlimited {
					spent += s.Exposure.Time[s.Leg.Stage][b]
				}
			}
		}
		if spent >= most {
			best, most = i, spent
		}
	}
	return best, true
}

// raise keeps the alarms that are new and notes which are over; then people are told.
func (r *Room) raise(ctx context.Context) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	v := r.view.Load()
	open, episodes := map[supply.AlarmKey]int64{}, map[supply.AlarmKey]int{}
	for _, a := range r.alarms {
		k := a.AlarmKey
		episodes[k] = max(episodes[k], a.Episode)
		if a.Cleared.IsZero() {
			open[k] = a.Seq
		}
	}
	var news []supply.Alarm
	for k, boxes := range v.doubted {
		if _, there := open[k]; there {
			continue
		}
		a := supply.Alarm{At: v.At.UTC(), AlarmKey: k, Episode: episodes[k] + 1, Boxes: len(boxes)}
		for _, b := range boxes {
			x, _ := v.Trace.Box(b)
			a.Doses += x.Left()
		}
		a.Site = v.siteOf(k, boxes)
		news = append(news, a)
	}
	var over []int64
	for k, seq := range open {
		if len(v.doubted[k]) == 0 {
			over = append(over, seq)
		}
	}
	if len(news)+len(over) > 0 {
		slices.SortFunc(news, compareAlarms)
		slices.Sort(over)
		for part := range slices.Chunk(news, raiseAtOnce) {
			if _, err := r.Alarms.Raise(ctx, part); err != nil {
				return err
			}
		}
		if err := r.Alarms.Clear(ctx, over, v.At.UTC()); err != nil {
			return err
		}
		if err := r.readAlarms(ctx); err != nil {
			return err
		}
		fresh := *v
		fresh.listAlarms(r.alarms)
		r.view.Store(&fresh)
	}
	return r.tell(ctx, v.At)
}

// Telling is an alarm that people are told of, with how many others of the same moment are not told one by one.
type Telling struct {
	supply.Alarm
	More int
}

const (
	// tellWithin is how old an alarm may be that people are still told of: what a server finds when it starts again after a week is on the page.
	tellWithin = 24 * time.Hour
	// tellMost is how many alarms of one moment are told one by one; the last of them says how many more there are.
	tellMost = 20
)

// tellings chooses what people are told of alarms after a number. It goes by the alarms alone, so that the same are told whoever asks and when.
func tellings(alarms []supply.Alarm, after int64) (out []Telling) {
	for i := 0; i < len(alarms); {
		n := i + 1
		for n < len(alarms) && alarms[n].At.Equal(alarms[i].At) {
			n++
		}
		for j := i; j < n && j < i+tellMost; j++ {
			t := Telling{Alarm: alarms[j]}
			if j == i+tellMost-1 {
				t.More = n - j - 1
			}
			if t.Seq > after {
				out = append(out, t)
			}
		}
		i = n
	}
	return out
}

func (r *Room) tell(ctx context.Context, now time.Time) error {
	if r.Tell == nil || len(r.alarms) == 0 {
		return nil
	}
	list := slices.DeleteFunc(tellings(r.alarms, r.told), func(t Telling) bool { return now.Sub(t.At) >= tellWithin })
	if len(list) > 0 {
		if err := r.Tell(ctx, list); err != nil {
			return err
		}
	}
	r.told = r.alarms[len(r.alarms)-1].Seq
	return nil
}

// Telling gives what there is to tell of an alarm; ok is false when its doubt is gone.
func (r *Room) Telling(ctx context.Context, seq int64) (t Telling, ok bool, err error) {
	var list []supply.Alarm
	if err := r.Alarms.Alarms(ctx, 0, func(a supply.Alarm) error { list = append(list, a); return nil }); err != nil {
		return t, false, err
	}
	for _, t := range tellings(list, seq-1) {
		if t.Seq == seq {
			return t, t.Cleared.IsZero(), nil
		}
	}
	return t, false, nil
}

func rank(c supply.Cause) int { return slices.Index(supply.Causes, c) }

func compareAlarms(a, b supply.Alarm) int {
	return cmp.Or(a.Begin.Compare(b.Begin), cmp.Compare(rank(a.Cause), rank(b.Cause)), cmp.Compare(a.Point, b.Point), cmp.Compare(a.Box, b.Box))
}
