// Package leftovertest is the conformance suite of [leftover.Store]: what every engine must do, whatever it is made of.
//
// It owns the checks, and a [Reference] that keeps everything in memory and gives [leftover.Decide] all of it; it owns no engine.
package leftovertest

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"charye/leftover"
	"charye/person"
	"charye/site"
)

// Reference is all that a store should have. It is a value: [Reference.Apply] gives a new one.
type Reference struct {
	entries map[entryKey]leftover.Entry
	batches map[int64]leftover.Batch
	offers  map[int64]leftover.Offer
	events  []leftover.Event
	nextID  int64
}

type entryKey struct {
	campaign uint32
	site     site.Num
	person   person.Key
}

// NewReference is that of an empty store.
func NewReference() Reference { return Reference{nextID: 1} }

// Apply decides requests on all there is.
func (r Reference) Apply(list []leftover.Request) (Reference, []leftover.Outcome) {
	st := leftover.NewLoaded(r.nextID, int64(len(r.events))+1)
	for _, e := range r.entries {
		st.AddEntry(e)
	}
	for _, b := range r.batches {
		st.AddBatch(b, false)
	}
	for _, o := range r.offers {
		st.AddOffer(o)
	}
	out := leftover.Decide(st, list)
	ch := st.Changes()
	next := Reference{entries: maps.Clone(r.entries), batches: maps.Clone(r.batches), offers: maps.Clone(r.offers), nextID: ch.NextID}
	if next.entries == nil {
		next.entries, next.batches, next.offers = map[entryKey]leftover.Entry{}, map[int64]leftover.Batch{}, map[int64]leftover.Offer{}
	}
	for _, e := range slices.Concat(ch.NewEntries, ch.Entries) {
		next.entries[entryKey{e.Campaign, e.Site, e.Person}] = e
	}
	for _, b := range slices.Concat(ch.NewBatches, ch.Batches) {
		next.batches[b.ID] = b
	}
	for _, o := range slices.Concat(ch.NewOffers, ch.Offers) {
		next.offers[o.ID] = o
	}
	next.events = append(slices.Clip(r.events), ch.Events...)
	return next, out
}

// Due is [leftover.Store.Due].
func (r Reference) Due(now time.Time) (ids []int64) {
	var due []leftover.Batch
	for _, b := range r.batches {
		if !b.Over() && !b.Next.After(now) {
			due = append(due, b)
		}
	}
	slices.SortFunc(due, func(a, b leftover.Batch) int { return cmp.Or(a.Next.Compare(b.Next), cmp.Compare(a.ID, b.ID)) })
	for i := range due {
		ids = append(ids, due[i].ID)
	}
	return ids
}

// OffersOf lists the offers of a batch, by id.
func (r Reference) OffersOf(batch int64) (out []leftover.Offer) {
	for _, o := range r.offers {
		if o.Batch == batch {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b leftover.Offer) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Batch gives one.
func (r Reference) Batch(id int64) leftover.Batch { return r.batches[id] }

// Entries lists all, by campaign, site and person.
func (r Reference) Entries() []leftover.Entry {
	out := slices.Collect(maps.Values(r.entries))
	slices.SortFunc(out, func(a, b leftover.Entry) int {
		return cmp.Or(cmp.Compare(a.Campaign, b.Campaign), cmp.Compare(a.Site, b.Site), bytes.Compare(a.Person[:], b.Person[:]))
	})
	return out
}

// of gives a person's lists and offers as [leftover.Store.Of] does.
func (r Reference) of(campaign uint32, who person.Key) (entries []leftover.Entry, offers []leftover.Offer) {
	for _, e := range r.Entries() {
		if e.Campaign == campaign && e.Person == who && !e.Left {
			entries = append(entries, e)
		}
	}
	for _, o := range r.offers {
		if o.Campaign == campaign && o.Person == who && o.State != leftover.Passed {
			offers = append(offers, o)
		}
	}
	slices.SortFunc(offers, func(a, b leftover.Offer) int { return cmp.Compare(b.ID, a.ID) })
	return entries, offers
}
