package leftover

import (
	"cmp"
	"slices"

	"charye/person"
	"charye/site"
)

// Loaded is the state of the store, as far as requests touch it: an engine loads it, [Decide] changes it, [Loaded.Changes] tells what to
// write. It is used for one Apply, by one goroutine.
type Loaded struct {
	nextID, nextSeq int64

	entries map[listed]*heldEntry
	batches map[int64]*heldBatch
	offers  map[int64]*heldOffer
	open    map[PersonIn]int64 // whose offer is open in a campaign
	of      map[batchOf]bool   // who has an offer of a batch
	more    map[int64]bool     // batches in whose list there are others behind those that were loaded

	events []Event
}

type listed struct {
	campaign uint32
	site     site.Num
	person   person.Key
}

type batchOf struct {
	batch  int64
	person person.Key
}

type heldEntry struct {
	Entry
	fresh, dirty bool
}

type heldBatch struct {
	Batch
	fresh, dirty bool
}

type heldOffer struct {
	Offer
	fresh, dirty bool
}

// NewLoaded begins a state. The numbers are the next free ones: of batches and offers together, and of events.
func NewLoaded(nextID, nextSeq int64) *Loaded {
	return &Loaded{
		nextID: nextID, nextSeq: nextSeq,
		entries: map[listed]*heldEntry{}, batches: map[int64]*heldBatch{}, offers: map[int64]*heldOffer{},
		open: map[PersonIn]int64{}, of: map[batchOf]bool{}, more: map[int64]bool{},
	}
}

// AddEntry brings in an entry; twice is once.
func (s *Loaded) AddEntry(e Entry) {
	k := listed{e.Campaign, e.Site, e.Person}
	if s.entries[k] == nil {
		s.entries[k] = &heldEntry{Entry: e}
	}
}

// AddBatch brings in a batch; more says that its list goes on behind the entries that are brought in.
func (s *Loaded) AddBatch(b Batch, more bool) {
	if s.batches[b.ID] == nil {
		s.batches[b.ID] = &heldBatch{Batch: b}
	}
	s.more[b.ID] = s.more[b.ID] || more
}

// AddOffer brings in an offer; twice is once.
func (s *Loaded) AddOffer(o Offer) {
	if s.offers[o.ID] == nil {
		s.keepOffer(&heldOffer{Offer: o})
	}
}

func (s *Loaded) keepOffer(o *heldOffer) {
	s.offers[o.ID] = o
	s.of[batchOf{o.Batch, o.Person}] = true
	if o.State.Open() {
		s.open[PersonIn{o.Campaign, o.Person}] = o.ID
	}
}

// offersOf gives a batch's offers, by id.
func (s *Loaded) offersOf(batch int64) (out []*heldOffer) {
	for _, o := range s.offers {
		if o.Batch == batch {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b *heldOffer) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// listOf gives who is in the list of a batch's site and may be offered a dose of it: without an offer of it so far, and
// without an open one of another.
func (s *Loaded) listOf(b *Batch) (out []Entry) {
	for _, e := range s.entries {
		if e.Campaign != b.Campaign || e.Site != b.Site || e.Left || s.of[batchOf{b.ID, e.Person}] || s.open[PersonIn{e.Campaign, e.Person}] != 0 {
			continue
		}
		out = append(out, e.Entry)
	}
	return out
}

// listsOf gives the entries of a person in a campaign, by site.
func (s *Loaded) listsOf(campaign uint32, who person.Key) (out []*heldEntry) {
	for _, e := range s.entries {
		if e.Campaign == campaign && e.Person == who {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *heldEntry) int { return cmp.Compare(a.Site, b.Site) })
	return out
}

func (s *Loaded) newID() int64 {
	id := s.nextID
	s.nextID++
	return id
}

func (s *Loaded) event(e Event) {
	e.Seq = s.nextSeq
	s.nextSeq++
	s.events = append(s.events, e)
}

// Changes is what an engine writes, in one transaction.
type Changes struct {
	NewEntries, Entries []Entry // insert, update by campaign, site and person
	NewBatches, Batches []Batch // insert, update Next by id
	NewOffers, Offers   []Offer // insert, update State and Answered by id
	Events              []Event

	NextID, NextSeq int64 // as afterwards
}

// Changes collects what changed. It is called once, after [Decide].
func (s *Loaded) Changes() (ch Changes) {
	for _, e := range s.entries {
		switch {
		case e.fresh:
			ch.NewEntries = append(ch.NewEntries, e.Entry)
		case e.dirty:
			ch.Entries = append(ch.Entries, e.Entry)
		}
	}
	for _, b := range s.batches {
		switch {
		case b.fresh:
			ch.NewBatches = append(ch.NewBatches, b.Batch)
		case b.dirty:
			ch.Batches = append(ch.Batches, b.Batch)
		}
	}
	for _, o := range s.offers {
		switch {
		case o.fresh:
			ch.NewOffers = append(ch.NewOffers, o.Offer)
		case o.dirty:
			ch.Offers = append(ch.Offers, o.Offer)
		}
	}
	for _, list := range [][]Entry{ch.NewEntries, ch.Entries} {
		slices.SortFunc(list, func(a, b Entry) int {
			return cmp.Or(cmp.Compare(a.Campaign, b.Campaign), cmp.Compare(a.Site, b.Site), slices.Compare(a.Person[:], b.Person[:]))
		})
	}
	for _, list := range [][]Batch{ch.NewBatches, ch.Batches} {
		slices.SortFunc(list, func(a, b Batch) int { return cmp.Compare(a.ID, b.ID) })
	}
	for _, list := range [][]Offer{ch.NewOffers, ch.Offers} {
		slices.SortFunc(list, func(a, b Offer) int { return cmp.Compare(a.ID, b.ID) })
	}
	ch.Events, ch.NextID, ch.NextSeq = s.events, s.nextID, s.nextSeq
	return ch
}
