package walktest

import (
	"charye/internal/civil"
	"charye/person"
	"charye/walk"
)

// Children makes trial people a roster of those born on a day.
func (w *World) Children(id string, born civil.Date, people ...int) {
	w.T.Helper()
	_, err := w.PeopleStore.ReplaceRoster(w.T.Context(), id, func(yield func(person.Identity, error) bool) {
		for _, n := range people {
			t := person.Trial(n)
			if !yield(person.Identity{Key: w.Keyer.Key("ci", t.Subject), Index: w.Keyer.IdentityIndex(t.Identity), Born: born}, nil) {
				return
			}
		}
	}, At(1, 0, 0))
	Must(w.T, err)
	Must(w.T, w.Round(w.T.Context()))
}

// BornOn is trial person n with a date of birth.
func (w *World) BornOn(n int, born civil.Date) walk.Actor {
	a := w.Actor(n)
	a.Born = born
	return a
}
