package trace

// send says where boxes are meant to go, as an event tells it with which they leave. It is told before the event moves them.
func (b *builder) send(t *told) {
	to := b.r.names.text(t.to)
	for _, n := range b.named(t) {
		x := &b.boxes[n]
		if x.gone {
			continue
		}
		if was := x.Sent; was.To != "" && !was.Stopped && was.To != to {
			b.finding("box %s was sent to %s and then, still under way, to %s (%s): it is promised twice", x.SSCC, was.To, to, t.id)
		}
		now := Sent{At: t.when(), From: x.Sent.From, To: to, Site: b.siteOf(t.to)}
		if s := x.now(); s != nil && !b.carries(s.place) {
			now.From = b.r.names.text(s.place)
		}
		x.Sent = now
	}
}

// carries reports whether a place is what boxes travel with: a box or pallet, or a vehicle that something is loaded on.
func (b *builder) carries(place name) bool {
	return b.r.names.all[place].unit || len(b.inside[place]) > 0
}
