package reschedule_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"charye/reschedule"
)

const planText = `{"reschedule":"moving","campaign":"fifties","why":"interval","made":"2021-09-23T01:00:00Z"}
{"booking":7,"dose":2,"from":"1/2021-10-04/540/moderna","to":"1/2021-09-27/540/moderna"}
`

func slots(t *testing.T) (from, to string) {
	t.Helper()
	p := file(t, 6)
	return seat(p, 1, start+42, 540).Slot.String(), seat(p, 1, start+28, 540).Slot.String()
}

func plan(t *testing.T) string {
	t.Helper()
	from, to := slots(t)
	return strings.NewReplacer("1/2021-10-04/540/moderna", from, "1/2021-09-27/540/moderna", to).Replace(planText)
}

// TestRead: what two people agree to says what the plan does, and no byte of the plan can be another.
func TestRead(t *testing.T) {
	t.Parallel()
	text := plan(t)
	old, err := reschedule.Read(strings.NewReader(text), "moving")
	if err != nil || old.Moves != 1 || old.Unplaced != -1 || len(old.Days) != 2 {
		t.Fatalf("%+v %v", old, err)
	}
	whole := text + `{"end":{"looked":9,"own":1,"kept":2,"unplaced":3}}` + "\n"
	c, err := reschedule.Read(strings.NewReader(whole), "moving")
	if err != nil || c.Moves != 1 || c.Unplaced != 3 {
		t.Fatalf("%+v %v", c, err)
	}
	for _, undo := range []bool{false, true} {
		said := strings.Join(c.Lines(undo), "\n")
		for _, want := range []string{"1 follow-up doses of campaign fifties", "interval", (start + 42).String(), (start + 28).String()} {
			if !strings.Contains(said, want) {
				t.Errorf("undo %v: %q is not in %s", undo, want, said)
			}
		}
		if strings.Contains(said, "3 find no free seat") == undo {
			t.Errorf("undo %v: %s", undo, said)
		}
	}
	if bytes.Equal(c.Body("moving", false), c.Body("moving", true)) || bytes.Equal(c.Body("moving", false), old.Body("moving", false)) {
		t.Error("another plan or direction is the same body")
	}
	for name, bad := range map[string]string{
		"another programme":      strings.Replace(text, "moving", "other", 1),
		"no slot":                strings.Replace(text, `"dose":2,"from":"`, `"dose":2,"from":"x`, 1),
		"a move behind the end":  whole + strings.SplitN(text, "\n", 2)[1],
		"a line that is nothing": text + "{}\n",
	} {
		if _, err := reschedule.Read(strings.NewReader(bad), "moving"); !errors.Is(err, reschedule.ErrPlan) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(planText)
	f.Add(planText + `{"end":{"looked":9}}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := reschedule.Read(strings.NewReader(text), "moving")
		if err != nil && !errors.Is(err, reschedule.ErrPlan) {
			t.Errorf("%v", err)
		}
		if err == nil && (len(c.Lines(false)) == 0 || len(c.Body("moving", true)) == 0) {
			t.Error("a plan that says nothing")
		}
	})
}
