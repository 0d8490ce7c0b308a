package booking_test

import (
	"strings"
	"testing"

	"charye/booking"
)

func TestReadVials(t *testing.T) {
	t.Parallel()
	got, err := booking.ReadVials("f", strings.NewReader("site,vials\nA1,10\n\"B, 2\",0\n"))
	if err != nil || len(got) != 2 || got[0] != (booking.SiteVials{Site: "A1", Vials: 10, Line: 2}) || got[1].Site != "B, 2" {
		t.Errorf("%+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"":                            "f: is empty; want the header site,vials and a line for each site",
		"site;vials\n":                "f:1: wrong number of fields; want site,vials",
		"id,vials\n":                  `f:1: the header is "id,vials"; want site,vials`,
		"site,vials\nA,ten\n":         `f:2: vials: is "ten"; want a whole number from 0 on`,
		"site,vials\nA,-1\n":          `f:2: vials: is "-1"; want a whole number from 0 on`,
		"site,vials\nA,1,2\n":         "f:2: wrong number of fields; want site,vials",
		"site,vials\nA,1\nB,2\nA,3\n": `f:4: site: "A" stands in line 2 too; want each site once`,
	} {
		if _, err := booking.ReadVials("f", strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzReadVials(f *testing.F) {
	f.Add("site,vials\nA1,10\n")
	f.Add("site,vials\n\"a\",1\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := booking.ReadVials("f", strings.NewReader(text))
		if err != nil && !strings.HasPrefix(err.Error(), "f") {
			t.Errorf("%v does not name the file", err)
		}
		for _, v := range list {
			if v.Vials < 0 || v.Line < 2 {
				t.Errorf("%+v", v)
			}
		}
	})
}
