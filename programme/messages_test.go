package programme

import (
	"strings"
	"testing"
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
		{`messages: {quiet: {from: "22:30", to: "07:00"}}` + "\n", MessageRules{22*60 + 30, 7 * 60, 1, 600}, ""},
		{`messages: {quiet: {from: "00:00", to: "00:00"}, reminder: {daysBefore: 2, at: "09:30"}}` + "\n", MessageRules{0, 0, 2, 570}, ""},
		{`messages: {quiet: {from: "21:00", to: "24:00"}}` + "\n", MessageRules{21 * 60, 0, 1, 600}, ""},
		{"messages: {reminder: {daysBefore: 0}}\n", MessageRules{21 * 60, 8 * 60, 0, 600}, ""},
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
