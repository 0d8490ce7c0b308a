package page

import (
	"strings"
	"testing"
	"time"
)

func FuzzBirthday(f *testing.F) {
	f.Add("1962", "3", "9")
	f.Add("1960", "02", "30")
	f.Add("٣", "1", "1")
	f.Fuzz(func(t *testing.T, y, m, d string) {
		born, err := Birthday(y, m, d, time.Date(2021, 7, 12, 20, 0, 0, 0, time.FixedZone("KST", 9*3600)), time.FixedZone("KST", 9*3600))
		if err != nil {
			return
		}
		if s := born.String(); !strings.HasPrefix(s, y+"-") || strings.TrimLeft(s[5:7], "0") != strings.TrimLeft(m, "0") || strings.TrimLeft(s[8:], "0") != strings.TrimLeft(d, "0") {
			t.Errorf("birthday(%q, %q, %q) = %s", y, m, d, s)
		}
	})
}
