package epcis_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// followed asks for all pages, and says how many there were.
func (c *client) followed(path string, headers ...string) (ids []string, pages int) {
	c.t.Helper()
	for path != "" {
		got := c.do("GET", path, "", headers...)
		if got.status != 200 {
			c.t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
		pages++
		for _, part := range strings.Split(string(got.body), `"eventID":"`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			ids = append(ids, id)
		}
		path = ""
		if m := next.FindStringSubmatch(got.header.Get("Link")); m != nil {
			path = m[1]
		}
	}
	return ids, pages
}

// TestWhere asks over HTTP for what no index knows: with prefixes in the header, over pages, and with bounds on the number of events.
func TestWhere(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, c *client) {
		for n := range 9 {
			src := strings.Replace(shipped(fmt.Sprint(n), "urn:x:thing", 9), `"type"`, fmt.Sprintf(`"https://example.com/x/n":%d,"type"`, n), 1)
			if got := c.do("POST", "/epcis/v2/events", src); got.status != 201 {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		const header, meaning = "GS1-Extensions", "ex=https://example.com/x/"
		for path, want := range map[string]int{
			"/events?GE_ex:n=4": 5, "/events?GE_ex:n=4&perPage=2": 5, "/events?LT_" + url.QueryEscape("https://example.com/x/n") + "=2": 2, "/events?EXISTS_ex:n=": 9,
			"/bizSteps/shipping/events?EQ_ex:n=1|2": 2, "/events?GE_ex:n=2&orderBy=eventTime&eventCountLimit=5&perPage=2": 5, "/events?GE_ex:n=4&maxEventCount=5&perPage=2": 5, "/events?EQ_INNER_ex:n=4": 0,
		} {
			if got, _ := c.followed("/epcis/v2"+path, header, meaning); len(got) != want {
				t.Errorf("%s gives %d events, want %d", path, len(got), want)
			}
		}
		c.refused(413, "QueryTooLargeException", "GET", "/epcis/v2/events?maxEventCount=8&perPage=2", "")
		for _, path := range []string{"/events?GE_ex:n=4", "/events?EQATTR_bizLocation_x:y=1", "/events?orderBy=ex:n", "/events?eventCountLimit=3", "/events?GE_quantity=many"} {
			c.refused(400, "QueryParameterException", "GET", "/epcis/v2"+path, "")
		}
		// A page belongs to its question, and to what the prefixes in it mean.
		got := c.do("GET", "/epcis/v2/events?GE_ex:n=1&perPage=2", "", header, meaning)
		m := next.FindStringSubmatch(got.header.Get("Link"))
		if m == nil {
			t.Fatalf("no further page: %d %s", got.status, got.body)
		}
		if got := c.do("GET", m[1], "", header, "ex=https://example.com/y/"); got.status != 400 {
			t.Errorf("the token with another meaning: %d %s", got.status, got.body)
		}
	})
}
