package journeys_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// checkCalendar reads a calendar file as RFC 5545 has it: that many events, with times, places and ids of their own.
func checkCalendar(t *testing.T, file []byte, events int) {
	t.Helper()
	if !bytes.HasSuffix(file, []byte("\r\n")) {
		t.Error("calendar: the last line does not end")
	}
	for _, l := range bytes.Split(bytes.TrimSuffix(file, []byte("\r\n")), []byte("\r\n")) {
		if len(l) > 75 {
			t.Errorf("calendar: a line of %d bytes: %s", len(l), l)
		}
		if bytes.ContainsAny(l, "\r\n") {
			t.Errorf("calendar: a bare line end in %q", l)
		}
	}
	unfolded := strings.ReplaceAll(string(file), "\r\n ", "")
	var open []string
	var uids []string
	begun := map[string]int{}
	for _, l := range strings.Split(strings.TrimSuffix(unfolded, "\r\n"), "\r\n") {
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			t.Errorf("calendar: no value in %q", l)
			continue
		}
		name, _, _ = strings.Cut(name, ";")
		switch name {
		case "BEGIN":
			open = append(open, value)
			begun[value]++
		case "END":
			if len(open) == 0 || open[len(open)-1] != value {
				t.Fatalf("calendar: %s ends within %v", value, open)
			}
			open = open[:len(open)-1]
		case "UID":
			uids = append(uids, value)
		case "DTSTART", "DTEND":
			at, err := time.Parse("20060102T150405Z", value)
			if err != nil || at.Before(time.Now()) {
				t.Errorf("calendar: %s is %q, want a time to come: %v", name, value, err)
			}
		case "LOCATION", "SUMMARY":
			if value == "" {
				t.Errorf("calendar: empty %s", name)
			}
		}
	}
	if len(open) != 0 || begun["VCALENDAR"] != 1 || begun["VEVENT"] != events {
		t.Errorf("calendar: %v, still open %v; want %d events", begun, open, events)
	}
	if len(uids) != events || events == 2 && uids[0] == uids[1] {
		t.Errorf("calendar: ids %q", uids)
	}
}
