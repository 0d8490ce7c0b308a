package relief

import (
	"maps"
	"slices"

	"charye/site"
)

// MakeOfAll plans as Make does, but looks at every site that has stock before anybody is placed: what Make leaves out must not matter.
func MakeOfAll(r Rules, stock []Stock, booked Booked) (*Plan, error) {
	return plan(r, stock, booked, func(m *maker) []site.Num { return slices.Sorted(maps.Keys(m.stock)) })
}
