package epcis_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNamedQueries leaves a question, asks it over its pages, and takes it away.
func TestNamedQueries(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, c *client) {
		for n := range 7 {
			src := strings.Replace(shipped(fmt.Sprint(n), "urn:x:thing", 9), `"type"`, fmt.Sprintf(`"https://example.com/x/n":%d,"type"`, n), 1)
			if got := c.do("POST", "/epcis/v2/events", src); got.status != 201 {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		const question = `{"name":"보낸 것","query":{"EQ_bizStep":["shipping"],"GE_ex:n":2}}`
		named := strings.Replace(question, "보낸 것", "보낸-것", 1)
		c.refused(400, "ValidationException", "POST", "/epcis/v2/queries", question)
		c.refused(400, "QueryParameterException", "POST", "/epcis/v2/queries", named) // nobody says what ex is
		got := c.do("POST", "/epcis/v2/queries", named, "GS1-Extensions", "ex=https://example.com/x/")
		at := got.header.Get("Location")
		if got.status != 201 || !strings.HasPrefix(at, "/epcis/v2/queries/%") {
			t.Fatalf("%d %s %s", got.status, at, got.body)
		}
		if got := c.do("POST", "/epcis/v2/queries", named, "GS1-Extensions", "ex=https://example.com/x/"); got.status != 409 {
			t.Errorf("a second of one name: %d %s", got.status, got.body)
		}
		ids, pages := c.followed(at + "/events?perPage=2")
		if diff := cmp.Diff([]string{"urn:x:6", "urn:x:5", "urn:x:4", "urn:x:3", "urn:x:2"}, ids); diff != "" || pages != 3 {
			t.Errorf("on %d pages (-want +got)\n%s", pages, diff)
		}
		for _, more := range []string{"?EQ_action=ADD", "?stream=true", "?perPage=0", "?nextPageToken=x"} {
			c.refused(400, "QueryParameterException", "GET", at+"/events"+more, "")
		}
		if got := c.do("GET", at+"/events", "", "Upgrade", "websocket"); got.status != 501 {
			t.Errorf("a subscription: %d %s", got.status, got.body)
		}
		type query struct {
			Name  string         `json:"name"`
			Query map[string]any `json:"query"`
		}
		want := query{"보낸-것", map[string]any{"@context": map[string]any{"ex": "https://example.com/x/"}, "EQ_bizStep": []any{"shipping"}, "GE_ex:n": 2.0}}
		var one query
		if err := json.Unmarshal(c.do("GET", at, "").body, &one); err != nil || !cmp.Equal(one, want) {
			t.Errorf("%+v, %v", one, err)
		}
		for _, name := range []string{"A", "B"} {
			if got := c.do("POST", "/epcis/v2/queries", `{"name":"`+name+`","query":{"EQ_action":["ADD"]}}`); got.status != 201 {
				t.Errorf("%d %s", got.status, got.body)
			}
		}
		var list []query
		first := c.do("GET", "/epcis/v2/queries?perPage=2", "")
		if err := json.Unmarshal(first.body, &list); err != nil || len(list) != 2 || list[0].Name != "A" {
			t.Errorf("%s, %v", first.body, err)
		}
		m := next.FindStringSubmatch(first.header.Get("Link"))
		if m == nil {
			t.Fatal("the list has no second page")
		}
		list = nil
		if err := json.Unmarshal(c.do("GET", m[1], "").body, &list); err != nil || len(list) != 1 || !cmp.Equal(list[0], want) {
			t.Errorf("%+v, %v", list, err)
		}
		// Others may ask it and not delete it.
		reader := *c
		reader.token = c.all["reader"]
		if ids, _ := reader.followed(at + "/events"); len(ids) != 5 {
			t.Errorf("another party is given %d events", len(ids))
		}
		reader.refused(403, "SecurityException", "DELETE", at, "")
		maker := *c
		maker.token = c.all["maker"]
		maker.refused(403, "SecurityException", "GET", at, "")
		if got := c.do("DELETE", at, ""); got.status != 204 {
			t.Errorf("%d %s", got.status, got.body)
		}
		for _, path := range []string{at, at + "/events"} {
			c.refused(404, "NoSuchResourceException", "GET", path, "")
		}
		c.refused(404, "NoSuchResourceException", "DELETE", at, "")
		if got := c.do("POST", "/epcis/v2/queries", `{"name":"long","query":{"EQ_eventID":["`+strings.Repeat("a", 70_000)+`"]}}`); got.status != 413 {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
}
