package programme

import (
	"strings"
	"testing"
	"time"

	"charye/internal/civil"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	file := string(readFile(t, "covid19.yaml"))
	for _, c := range []struct {
		src  string
		want MessageRules
		bad  string
	}{
		{"", DefaultMessages, ""},
		{"messages: {}\n", DefaultMessages, ""},
		{`messages: {quiet: {from: "22:30", to: "07:00"}}` + "\n", MessageRules{QuietFrom: 22*60 + 30, QuietTo: 7 * 60, RemindDays: 1, RemindAt: 600}, ""},
		{`messages: {quiet: {from: "00:00", to: "00:00"}, reminder: {daysBefore: 2, at: "09:30"}}` + "\n", MessageRules{QuietFrom: 0, QuietTo: 0, RemindDays: 2, RemindAt: 570}, ""},
		{`messages: {quiet: {from: "21:00", to: "24:00"}}` + "\n", MessageRules{QuietFrom: 21 * 60, QuietTo: 0, RemindDays: 1, RemindAt: 600}, ""},
		{"messages: {reminder: {daysBefore: 0}}\n", MessageRules{QuietFrom: 21 * 60, QuietTo: 8 * 60, RemindDays: 0, RemindAt: 600}, ""},
		{"messages: {reminder: {daysBefore: 2}}\n", MessageRules{}, "messages.reminder.at: missing"},
		{`messages: {reminder: {daysBefore: 31, at: "10:00"}}` + "\n", MessageRules{}, "messages.reminder.daysBefore: is the number 31"},
		{`messages: {quiet: {from: "21:00"}}` + "\n", MessageRules{}, "messages.quiet.to: missing"},
		{`messages: {quiet: {from: "9pm", to: "08:00"}}` + "\n", MessageRules{}, "messages.quiet.from: \"9pm\" is no time of day"},
		{"messages: {silence: {}}\n", MessageRules{}, "messages.silence: unknown field"},
		{"messages: 3\n", MessageRules{}, "messages: is the number 3"},
	} {
		p, err := Parse("f", []byte(file+c.src), Options{FirstStart: at("2021-07-11T23:59:59+09:00")})
		switch {
		case c.bad != "":
			if err == nil || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%q: %v, want %s", c.src, err, c.bad)
			}
		case err != nil:
			t.Errorf("%q: %v", c.src, err)
		case p.Messages != c.want:
			t.Errorf("%q: %+v, want %+v", c.src, p.Messages, c.want)
		}
	}
}

func TestNear(t *testing.T) {
	t.Parallel()
	file := string(readFile(t, "covid19.yaml"))
	day := func(s string) civil.Date {
		d, err := civil.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct {
		all, own string // what the programme and its first campaign say
		want     NearRules
		bad      string
	}{
		{"", "", NearRules{}, ""},
		{"15m", "", NearRules{Within: 15 * time.Minute}, ""},
		{"15m", "30m", NearRules{Within: 30 * time.Minute}, ""},
		{"15m", "0", NearRules{}, ""},
		{"", "1h", NearRules{Within: time.Hour}, ""},
		{"", "{within: 20m, inQuiet: true, from: 2021-07-12, until: 2021-07-13}", NearRules{20 * time.Minute, true, day("2021-07-12"), day("2021-07-13")}, ""},
		{"30s", "", NearRules{}, `messages.near: is the text "30s"; want 0 for none`},
		{"25h", "", NearRules{}, "messages.near: is"},
		{"-5m", "", NearRules{}, "messages.near: is"},
		{"[]", "", NearRules{}, "messages.near: is a list"},
		{"", "{within: 5m, inQuiet: often}", NearRules{}, "campaigns[0].messages.near.inQuiet: is"},
		{"", "{within: 5m, from: 2021-07-13, until: 2021-07-12}", NearRules{}, "campaigns[0].messages.near.until: 2021-07-12 is before from"},
		{"", "{inQuiet: true}", NearRules{}, "campaigns[0].messages.near.within: missing"},
	} {
		src := file
		if c.all != "" {
			src += "messages: {near: " + c.all + "}\n"
		}
		if c.own != "" {
			before, after, ok := strings.Cut(src, "    stock: ")
			if !ok {
				t.Fatal("the file has no campaign with stock")
			}
			src = before + "    messages: {near: " + c.own + "}\n    stock: " + after
		}
		p, err := Parse("f", []byte(src), Options{FirstStart: at("2021-07-11T23:59:59+09:00")})
		switch {
		case c.bad != "":
			if err == nil || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%q, %q: %v, want %s", c.all, c.own, err, c.bad)
			}
		case err != nil:
			t.Errorf("%q, %q: %v", c.all, c.own, err)
		case p.Near(&p.Campaigns[0]) != c.want:
			t.Errorf("%q, %q: %+v, want %+v", c.all, c.own, p.Near(&p.Campaigns[0]), c.want)
		}
	}
	r := NearRules{Within: time.Minute, From: day("2021-07-12"), Until: day("2021-07-13")}
	for d, want := range map[string]time.Duration{"2021-07-11": 0, "2021-07-12": time.Minute, "2021-07-13": time.Minute, "2021-07-14": 0} {
		if got := r.On(day(d)); got != want {
			t.Errorf("on %s within %v, want %v", d, got, want)
		}
	}
}
