package epcis_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestLists follows the pages of a list to its end; a token is of one list, and parameters of events are none of a list.
func TestLists(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, c *client) {
		for n := range 5 {
			if got := c.do("POST", "/epcis/v2/events", shipped(fmt.Sprint(n), fmt.Sprintf("urn:x:thing:%d", n), 9)); got.status != 201 {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		var all []string
		token := ""
		for path := "/epcis/v2/epcs?perPage=2"; path != ""; {
			got := c.do("GET", path, "")
			var page struct {
				Type   string   `json:"type"`
				Member []string `json:"member"`
			}
			if err := json.Unmarshal(got.body, &page); err != nil || got.status != 200 || page.Type != "Collection" {
				t.Fatalf("%d %s %v", got.status, got.body, err)
			}
			all = append(all, page.Member...)
			path = ""
			if m := next.FindStringSubmatch(got.header.Get("Link")); m != nil {
				path = m[1]
				_, token, _ = strings.Cut(path, "nextPageToken=")
				token, _, _ = strings.Cut(token, "&")
			}
		}
		if len(all) != 5 || !slices.IsSorted(all) {
			t.Errorf("%q", all)
		}
		for _, path := range []string{"/bizSteps?nextPageToken=" + token, "/epcs?nextPageToken=x", "/epcs?EQ_bizStep=shipping", "/epcs?perPage=0", "/epcs?perPage=1&perPage=2"} {
			c.refused(400, "QueryParameterException", "GET", "/epcis/v2"+path, "")
		}
		if got := c.do("GET", "/epcis/v2/epcs?nextPageToken="+token, ""); got.status != 200 {
			t.Errorf("the token of its own list: %d %s", got.status, got.body)
		}
	})
}

// FuzzNameToken asks with any token: an answer, or 400.
func FuzzNameToken(f *testing.F) {
	c := serve(f, engines["sqlite"](f))
	f.Add("AgAAAAAAAAAAAHg")
	f.Add("")
	f.Add("AgAAAAD______w")
	f.Fuzz(func(t *testing.T, token string) {
		asking := *c
		asking.t = t
		got := asking.do("GET", "/epcis/v2/epcs?nextPageToken="+url.QueryEscape(token), "")
		if got.status != 200 && got.status != 400 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	})
}
