package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCustody tells a server of a box, with a token that the command made, and asks for it after a restart.
func TestCustody(t *testing.T) {
	t.Parallel()
	tokens := filepath.Join(t.TempDir(), "tokens")
	token, _, code := command(t, "supply", "token", "--file", tokens, "--party", "depot")
	if info, err := os.Stat(tokens); code != exitDone || err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("exit %d, %v, %v", code, info, err)
	}
	bearer := "Bearer " + strings.TrimSpace(token)
	data := filepath.Join(t.TempDir(), "data")
	programme := written(t, "programme.yaml", demoNow())
	event := `{"@context":[],"type":"ObjectEvent","eventID":"urn:x:1","eventTime":"2026-09-21T09:00:00+09:00","eventTimeZoneOffset":"+09:00",
		"action":"OBSERVE","bizStep":"receiving","epcList":["urn:epc:id:sscc:8801234.0000000017"]}`
	for start := range 2 {
		t.Run(fmt.Sprintf("start %d", start), func(t *testing.T) {
			s := serve(t, demoNow(), func(c *serveCmd) { c.Programme, c.Data, c.SupplyTokens = programme, data, tokens })
			if status, _ := s.call("GET", "/epcis/v2/events", ""); status != http.StatusUnauthorized {
				t.Errorf("without a token: %d", status)
			}
			if start == 0 {
				if status, answer := s.call("POST", "/epcis/v2/events", event, "Authorization", bearer); status != http.StatusCreated {
					t.Fatalf("%d %v", status, answer)
				}
			}
			status, answer := s.call("GET", "/epcis/v2/events?EQ_eventID=urn:x:1", "", "Authorization", bearer)
			if status != http.StatusOK || !strings.Contains(fmt.Sprint(answer), "urn:epc:id:sscc:8801234.0000000017") {
				t.Errorf("%d %v", status, answer)
			}
		})
	}
}

// TestNoCustody has no interface where no file of parties is given, and keeps nothing where no product is judged by its storage either.
func TestNoCustody(t *testing.T) {
	t.Parallel()
	before, rest, _ := strings.Cut(demoNow(), "    gtins:")
	_, after, _ := strings.Cut(rest, "    series:")
	s := serve(t, before+"    series:"+after, nil)
	if got := get(t, visitor(t, nil), s.url+"/epcis/v2/events"); got.status != http.StatusNotFound {
		t.Errorf("%d", got.status)
	}
	if _, err := os.Stat(filepath.Join(s.data, "epcis.db")); err == nil {
		t.Error("a store of custody was made")
	}
}
