package programme

import (
	"strings"
	"testing"

	"charye/internal/civil"
)

func TestRetention(t *testing.T) {
	t.Parallel()
	file := string(readFile(t, "covid19.yaml"))
	for _, c := range []struct {
		src  string
		want Retention
		bad  string
	}{
		{"", Retention{}, ""},
		{"retention: {}\n", Retention{}, ""},
		{"retention: {contacts: 30d, phones: 2w, recipients: 90d, temporaries: 180d, rosters: 60d, leftovers: 14d, names: 3650d, keepUntil: 2022-03-01}\n",
			Retention{Contacts: 30, Phones: 14, Recipients: 90, Temporaries: 180, Rosters: 60, Leftovers: 14, Names: 3650, KeepUntil: civil.New(2022, 3, 1)}, ""},
		{"retention: {contacts: 0d}\n", Retention{}, "retention.contacts: \"0d\" is out of range"},
		{"retention: {contacts: -3d}\n", Retention{}, "retention.contacts: \"-3d\" is no length"},
		{"retention: {names: 30}\n", Retention{}, "retention.names: "},
		{"retention: {names: never}\n", Retention{}, "retention.names: \"never\" is no length"},
		{"retention: {keepUntil: soon}\n", Retention{}, "retention.keepUntil: \"soon\" is no date"},
		{"retention: {places: 30d}\n", Retention{}, "retention.places: unknown field"},
		{"retention: 30d\n", Retention{}, "retention: "},
	} {
		p, err := Parse("f", []byte(file+c.src), Options{FirstStart: at("2021-07-11T23:59:59+09:00")})
		switch {
		case c.bad != "":
			if err == nil || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%q: %v, want %s", c.src, err, c.bad)
			}
		case err != nil:
			t.Errorf("%q: %v", c.src, err)
		case p.Retention != c.want:
			t.Errorf("%q: %+v, want %+v", c.src, p.Retention, c.want)
		}
	}
}
