package booking

// visit takes in an event of a visit.
func (c *checker) visit(e *Event, t *toldOf, known bool) {
	if !known || t.cancelled || e.Dose < 1 || e.Dose > MaxDoses {
		c.find("event %d (%s) tells of booking %d, which was not live", e.Seq, e.Kind, e.Booking)
		return
	}
	state := Expected
	for s, kind := range visitEvents {
		if kind == e.Kind {
			state = VisitState(s)
		}
	}
	before := t.visits[e.Dose-1]
	if before == lastVisit {
		before = Expected
		if state == Expected {
			before = TurnedAway
		}
	}
	if !state.follows(before) || state == before || t.missed && (state != Expected || e.Dose != 1) {
		c.find("event %d says of dose %d of booking %d that it is %s, and it was %s", e.Seq, e.Dose, e.Booking, state, before)
	}
	t.visits[e.Dose-1] = state
	t.missed = t.visits[0] == NoShow
}

// moved is after a change: a dose that was turned away or not come for stays so, or is expected at its new time; events do not tell which.
func (t *toldOf) moved() {
	for i, s := range t.visits {
		if s == TurnedAway || s == NoShow {
			t.visits[i] = lastVisit
		}
	}
}

// visited holds what a booking says of its visits against its events.
func (c *checker) visited(b *Booking, t *toldOf) {
	for i := range b.Doses {
		told := Expected
		if i < MaxDoses {
			told = t.visits[i]
		}
		d := &b.Doses[i]
		if d.Visit.State != told && !(told == lastVisit && (d.Visit.State == Expected || !d.Draws())) {
			c.find("booking %d: dose %d is %s, its events say %s", b.ID, i+1, d.Visit.State, told)
		}
	}
}
