package dispense

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/supply"
	"charye/supply/epcis"
	"charye/supply/trace"
)

// mostUnits bounds what a vial is in: box, carton, pallet, over all of its life. mostPages bounds how many events of each are read.
const (
	mostUnits = 12
	mostPages = 4
)

// vial looks up what custody tells of a vial: its own events, and those of the boxes, cartons and pallets that it was in. ok is false when nobody told that a
// vial of this name was packed.
func (r *Room) vial(ctx context.Context, k supply.SGTIN) (v trace.Vial, in content, ok bool, err error) {
	if r.o.Custody == nil {
		return v, in, false, nil
	}
	keys := []string{trace.VialKey(k)}
	events := map[int64]epcis.Stored{}
	for i := 0; i < len(keys) && i < mostUnits; i++ {
		list, err := r.events(ctx, keys[i])
		if err != nil {
			return v, in, false, err
		}
		for j := range list {
			events[list[j].Seq] = list[j]
			e, err := list[j].Read()
			if err != nil {
				return v, in, false, err
			}
			if e.Type == epcis.AggregationEvent && e.Action == "ADD" {
				keys = within(keys, keys[i], e)
			}
		}
	}
	t, err := r.story(slices.Collect(maps.Values(events)))
	if err != nil {
		return v, in, false, err
	}
	if v, ok = t.Vial(k); !ok {
		return v, in, false, nil
	}
	b, ok := t.box(v.Box)
	if ok {
		in.lot = b.Lot
		in.expires, _ = t.Expires(b.Lot)
	}
	return v, in, ok, nil
}

// story is what some events tell, wherever it happened.
type story struct{ *trace.Trace }

func (s story) box(k supply.SSCC) (*trace.Box, bool) {
	if s.Trace == nil {
		return nil, false
	}
	return s.Box(k)
}

// story tells the story of some events.
func (r *Room) story(list []epcis.Stored) (story, error) {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b epcis.Stored) int { return cmp.Compare(a.Seq, b.Seq) })
	in := trace.NewReader()
	for i := range list {
		if err := in.Take(&list[i]); err != nil { // one that is there twice is passed over
			return story{}, err
		}
	}
	t, err := in.Build(trace.Rules{Products: r.o.Products, DosesPerVial: r.o.PerVial, Site: noSite, Anywhere: true})
	return story{t}, err
}

// firstVial is the first vial or carton that is told to be packed; empty when none is. Events that were looked up for one come before those that name it.
func firstVial(list []epcis.Stored) string {
	for i := range list {
		e, err := list[i].Read()
		if err != nil || e.Type != epcis.AggregationEvent || e.Action != "ADD" {
			continue
		}
		for _, x := range e.Things {
			if _, ok := trace.SGTINOf(x.EPC); ok && x.Role == epcis.RoleChild {
				return epcis.Key(x.EPC)
			}
		}
	}
	return ""
}

// within adds the parent of an event in which a unit is packed: a box, pallet or carton.
func within(keys []string, unit string, e *epcis.Event) []string {
	child, parent := false, ""
	for _, x := range e.Things {
		switch key := epcis.Key(x.EPC); x.Role {
		case epcis.RoleParent:
			parent = key
		case epcis.RoleChild:
			child = child || key == unit
		case epcis.RoleEPC, epcis.RoleInput, epcis.RoleOutput, epcis.RoleClass, epcis.RoleChildClass, epcis.RoleInputClass, epcis.RoleOutputClass:
		}
	}
	_, box := trace.SSCCOf(parent)
	_, carton := trace.SGTINOf(parent)
	if child && (box || carton) && !slices.Contains(keys, parent) {
		keys = append(keys, parent)
	}
	return keys
}

// events are those that name a unit.
func (r *Room) events(ctx context.Context, key string) (out []epcis.Stored, err error) {
	q := epcis.Query{
		Limit: epcis.MaxPerPage, Order: epcis.ByRecordTime, Ascending: true,
		Matches: []epcis.Match{{
			Roles:  []epcis.Role{epcis.RoleEPC, epcis.RoleChild, epcis.RoleParent, epcis.RoleInput, epcis.RoleOutput},
			Wanted: epcis.Wanted{Keys: []string{key}},
		}},
	}
	for range mostPages {
		p, err := r.o.Custody.Events(ctx, q)
		if err != nil {
			return nil, err
		}
		out = append(out, p.Events...)
		if q.After = p.Next; q.After == nil {
			break
		}
	}
	return out, nil
}

// ofVial completes k with what custody tells of the vial that its serial number names, and refuses one that is used up or was open for too long. known is
// false when custody does not know the vial by its name: then its lot counts, as for any other.
func (r *Room) ofVial(ctx context.Context, product string, k *supply.Elements, now time.Time) (known bool, u *Unfit, err error) {
	name, ok := k.SGTIN()
	if !ok {
		return false, nil, nil
	}
	v, in, known, err := r.vial(ctx, name)
	if err != nil || !known {
		return false, nil, err
	}
	lot := in.lot
	if k.Lot != "" && k.Lot != lot.ID {
		return true, &Unfit{Reason: Other, Detail: fmt.Sprintf("the label says lot %s, and custody lot %s of vial %s; put it aside and ask whoever sent it", k.Lot, lot.ID, name.Serial)}, nil
	}
	k.SSCC, k.Lot = v.Box, lot.ID
	if k.Expires == 0 {
		k.Expires = in.expires
	}
	if v.Gone || v.Left == 0 {
		what := fmt.Sprintf("all doses of vial %s were given", name.Serial)
		if v.Gone {
			what = fmt.Sprintf("vial %s was destroyed or sent away", name.Serial)
		}
		return true, &Unfit{Reason: Empty, Detail: what + ", as custody knows: give nothing from it, and open another"}, nil
	}
	p := r.rules(product)
	if p == nil || v.Stage == supply.Unopened {
		return true, nil, nil
	}
	if most, bound := p.Longest(v.Stage, civil.Of(now, r.zone())); bound && now.Sub(v.Since) > most {
		return true, &Unfit{
			Reason: Over, Since: v.Since, For: most,
			Detail: fmt.Sprintf("vial %s was %s at %s and may be used for %v: throw it away, and open another", name.Serial, v.Stage, v.Since.In(r.zone()).Format("2006-01-02 15:04"), most),
		}, nil
	}
	return true, nil, nil
}

func (r *Room) rules(product string) *supply.Product {
	for _, p := range r.o.Products {
		if p.ID == product {
			return p
		}
	}
	return nil
}

func (r *Room) zone() *time.Location {
	if r.o.Zone == nil {
		return time.UTC
	}
	return r.o.Zone
}

// SameVial reports whether two texts name the same single vial.
func SameVial(a, b string) bool {
	x, err1 := Read(a)
	y, err2 := Read(b)
	one, ok1 := x.SGTIN()
	other, ok2 := y.SGTIN()
	return err1 == nil && err2 == nil && ok1 && ok2 && one == other
}
