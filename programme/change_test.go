package programme

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestChangeRules: a rule takes the place of the general cut-off for its channels and from its date on; notice counts beside it.
func TestChangeRules(t *testing.T) {
	t.Parallel()
	const change = `    change:
      untilDays: 2
      rules:
        - {from: 2021-07-20, channels: [calldesk, office], untilDays: 0, notice: 2h}
        - {from: 2021-08-01, untilDays: 1}
        - {from: 2021-08-01, channels: [calldesk], untilDays: 0}
`
	good := string(readFile(t, "covid19.yaml"))
	src := strings.Replace(good, "    helpers:", change+"    helpers:", 1)
	p, err := Parse("f", []byte(src), Options{FirstStart: at("2021-07-11T00:00:00Z")})
	if err != nil {
		t.Fatal(err)
	}
	c := &p.Campaigns[0]
	if d := cmp.Diff(ChangeRule{From: on("2021-07-20"), Channels: []string{"calldesk", "office"}, Notice: 2 * time.Hour}, c.Change.Rules[0]); d != "" {
		t.Error(d)
	}
	for _, v := range []struct {
		channel, now, dose string
		want               bool
	}{
		{"web", "2021-07-24T23:59:59+09:00", "2021-07-26T09:00:00+09:00", true},
		{"web", "2021-07-25T00:00:00+09:00", "2021-07-26T09:00:00+09:00", false},
		{"calldesk", "2021-07-19T23:59:59+09:00", "2021-07-21T09:00:00+09:00", true},
		{"calldesk", "2021-07-19T23:59:59+09:00", "2021-07-20T09:00:00+09:00", false}, // the rule is not there yet
		{"calldesk", "2021-07-26T07:00:00+09:00", "2021-07-26T09:00:00+09:00", true},
		{"calldesk", "2021-07-26T07:00:01+09:00", "2021-07-26T09:00:00+09:00", false},
		{"clinic", "2021-07-26T07:00:00+09:00", "2021-07-26T09:00:00+09:00", false},
		{"web", "2021-08-03T23:59:59+09:00", "2021-08-04T09:00:00+09:00", true},
		{"office", "2021-08-04T00:00:00+09:00", "2021-08-04T09:00:00+09:00", false}, // the later rule for all
		{"calldesk", "2021-08-04T08:59:59+09:00", "2021-08-04T09:00:00+09:00", true},
	} {
		if got := c.MayChange(v.channel, at(v.now), at(v.dose), p.Zone); got != v.want {
			t.Errorf("%s at %s, dose at %s: %v, want %v", v.channel, v.now, v.dose, got, v.want)
		}
	}
	for _, c := range []struct{ old, new, want string }{
		{"channels: [calldesk, office]", "channels: [fax]", `"fax" is unknown`},
		{"{from: 2021-07-20,", "{from: 2021-09-20,", "is before the entry above it"},
		{"{from: 2021-07-20, channels", "{channels", "from: missing"},
		{"untilDays: 0, notice: 2h", "notice: 2h", "untilDays: missing"},
		{"notice: 2h", `notice: "2"`, `notice: "2" is no such length; want hours or minutes such as 2h or 90m, up to 240h`},
		{"notice: 2h", "notice: 300h", "is no such length"},
		{"notice: 2h", "notice: -2h", "is no such length"},
	} {
		_, err := Parse("f", []byte(strings.Replace(src, c.old, c.new, 1)), Options{FirstStart: at("2021-07-11T00:00:00Z")})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.new, err, c.want)
		}
	}
}
