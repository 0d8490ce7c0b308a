package civil_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"charye/internal/civil"
)

func TestDates(t *testing.T) {
	t.Parallel()
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Skip("no time zone database:", err)
	}
	if d := civil.New(1970, time.January, 1); d != 0 {
		t.Errorf("1970-01-01 is day %d", d)
	}
	// 20:00 in Seoul and 00:00 there are different days in UTC.
	if d := civil.Of(time.Date(2021, 7, 12, 15, 30, 0, 0, time.UTC), seoul); d.String() != "2021-07-13" {
		t.Errorf("half past midnight in Seoul falls on %v", d)
	}
	if at := civil.New(2021, 7, 26).At(9*60+30, seoul); !at.Equal(time.Date(2021, 7, 26, 0, 30, 0, 0, time.UTC)) {
		t.Errorf("half past nine in Seoul is %v", at)
	}
	if d := civil.New(2021, 2, 29); d.String() != "2021-03-01" {
		t.Errorf("29 February 2021 carries over to %v", d)
	}
	if d := civil.New(1900, 12, 31); d >= 0 || d.String() != "1900-12-31" || d.Weekday() != time.Monday {
		t.Errorf("1900-12-31 is %d, %v, a %v", d, d, d.Weekday())
	}
}

func TestDateProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := civil.Date(rapid.Int32Range(-300_000, 300_000).Draw(t, "day")) // the years 1148 to 2791
		if got, err := civil.Parse(d.String()); err != nil || got != d {
			t.Fatalf("%v is read as %v, %v", d, got, err)
		}
		if (d+7).Weekday() != d.Weekday() || (d+1).Weekday() != (d.Weekday()+1)%7 {
			t.Fatalf("the week after %v, a %v, begins on a %v", d, d.Weekday(), (d + 7).Weekday())
		}
		if d.String() >= (d + 1).String() {
			t.Fatalf("%v does not come before the day after it, %v", d, d+1)
		}
		zone := time.FixedZone("", rapid.IntRange(-14*3600, 14*3600).Draw(t, "offset"))
		minute := rapid.IntRange(0, 1439).Draw(t, "minute")
		if got := civil.Of(d.At(minute, zone), zone); got != d {
			t.Fatalf("minute %d of %v falls on %v", minute, d, got)
		}
		b, err := json.Marshal(d)
		var back civil.Date
		if err != nil || json.Unmarshal(b, &back) != nil || back != d {
			t.Fatalf("%v through JSON is %s, %v, %v", d, b, back, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"2021-07-12", "2021-7-12", "2021-02-29", "0000-01-01", "9999-12-31", "", "2021-07-12 ", "２０２１-07-12", "+021-07-12"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := civil.Parse(s)
		if err == nil && d.String() != s {
			t.Fatalf("%q is read as %v: two forms of one date", s, d)
		}
		if err != nil && d != 0 {
			t.Fatalf("%q: %v beside %v", s, d, err)
		}
	})
}
