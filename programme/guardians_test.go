package programme

import (
	"fmt"
	"testing"
)

// TestGuardians: a child's guardian acts for it and nobody else, up to the birthday; whoever can agree does so.
func TestGuardians(t *testing.T) {
	t.Parallel()
	none, minors, wards := HelperRules{}, HelperRules{Guardians: &Guardians{Under: 19}}, HelperRules{Guardians: &Guardians{Under: 19, Wards: true}}
	for _, c := range []struct {
		rules            HelperRules
		born, on         string
		family, guardian bool
	}{
		{none, "2010-05-05", "2021-10-05", true, false},
		{none, "1935-05-05", "2021-10-05", true, false},
		{minors, "2010-05-05", "2021-10-05", false, true},
		{minors, "2002-10-06", "2021-10-05", false, true},
		{minors, "2002-10-06", "2021-10-06", true, false},
		{minors, "2004-02-29", "2023-02-28", false, true}, // of age on 1 March
		{minors, "2004-02-29", "2023-03-01", true, false},
		{minors, "1935-05-05", "2021-10-05", true, false},
		{wards, "2010-05-05", "2021-10-05", false, true},
		{wards, "1935-05-05", "2021-10-05", true, true},
	} {
		if family, guardian := c.rules.As(on(c.born), on(c.on)); family != c.family || guardian != c.guardian {
			t.Errorf("born %s, on %s, %+v: family %v, guardian %v, want %v, %v", c.born, c.on, c.rules.Guardians, family, guardian, c.family, c.guardian)
		}
	}
}

// TestDeliveriesToCome: what can still be booked in advance, and what has come; those of a day that has begun count as come.
func TestDeliveriesToCome(t *testing.T) {
	t.Parallel()
	zone := at("2021-07-12T20:00:00+09:00").Location()
	c := &Campaign{Stock: 100, Deliveries: []Delivery{
		{at("2021-07-14T09:00:00+09:00"), 10}, {at("2021-07-14T17:00:00+09:00"), 5}, {at("2021-07-15T09:00:00+09:00"), -20}, {at("2021-07-16T00:00:00+09:00"), 7},
	}}
	for _, tc := range []struct{ now, come, coming string }{
		{"2021-07-14T08:59:59+09:00", "[]", "map[2021-07-14:15 2021-07-16:7]"},
		{"2021-07-14T09:00:00+09:00", "[2021-07-14]", "map[2021-07-16:7]"},
		{"2021-07-14T17:00:00+09:00", "[2021-07-14]", "map[2021-07-16:7]"},
		{"2021-07-15T23:59:59+09:00", "[2021-07-14]", "map[2021-07-16:7]"},
		{"2021-07-16T00:00:00+09:00", "[2021-07-14 2021-07-16]", "map[]"},
	} {
		if come, coming := fmt.Sprint(c.Come(at(tc.now), zone)), fmt.Sprint(c.Coming(at(tc.now), zone)); come != tc.come || coming != tc.coming {
			t.Errorf("at %s: come %s, coming %s; want %s, %s", tc.now, come, coming, tc.come, tc.coming)
		}
	}
}
