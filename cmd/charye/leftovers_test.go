package main

import (
	"fmt"
	"testing"
)

func TestClockTime(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int{"00:00": 0, "09:05": 545, "17:30": 1050, "23:59": 1439, "24:00": 1440} {
		if got, ok := clockTime(s); !ok || got != want {
			t.Errorf("%s: %d, %v; want %d", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "5pm", "9:05", "17:3", "17:60", "24:01", "25:00", "-1:00", "+9:05", "17-30", "17:30:00", "１７:３０", " 17:30", "0x:10"} {
		if got, ok := clockTime(s); ok {
			t.Errorf("%q is taken as %d", s, got)
		}
	}
}

func FuzzClockTime(f *testing.F) {
	for _, s := range []string{"17:30", "24:00", "+1:00", "9:5", "::", "-0:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		minute, ok := clockTime(s)
		if ok && fmt.Sprintf("%02d:%02d", minute/60, minute%60) != s {
			t.Errorf("%q is taken as minute %d", s, minute)
		}
	})
}
