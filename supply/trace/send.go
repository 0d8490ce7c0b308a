package trace

import "strings"

// send says where boxes are meant to go, as an event tells it with which they leave. It is told before the event moves them.
func (b *builder) send(t *told) {
	for _, k := range b.boxes(t.named()) {
		if b.gone[k] {
			continue
		}
		x := b.t.boxes[k]
		if was := x.Sent; was.To != "" && !was.Stopped && was.To != t.to {
			b.finding("box %s was sent to %s and then, still under way, to %s (%s): it is promised twice", k, was.To, t.to, t.id)
		}
		now := Sent{At: t.at, From: x.Sent.From, To: t.to, Site: b.rules.Site(t.to)}
		if s := b.open[k]; s != nil && !b.carries(s.place) {
			now.From = s.place
		}
		x.Sent = now
	}
}

// carries reports whether a place is what boxes travel with: a box or pallet, or a vehicle that something is loaded on.
func (b *builder) carries(place string) bool {
	return strings.HasPrefix(place, boxKey) || len(b.inside[place]) > 0
}
