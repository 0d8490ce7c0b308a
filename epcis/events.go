package epcis

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"charye/supply/epcis"
)

// eventsOf are the events with one value of a parameter, which the path brings.
func eventsOf(parameter string) func(*exchange) error {
	return func(x *exchange) error {
		values, err := x.parameters()
		if err != nil {
			return err
		}
		if values.Has(parameter) {
			return &epcis.ParameterError{Name: parameter, Problem: "the path says it already"}
		}
		values.Set(parameter, x.r.PathValue("value"))
		return x.page(values, parameter)
	}
}

func (x *exchange) getEvents() error {
	values, err := x.parameters()
	if err != nil {
		return err
	}
	return x.page(values, "")
}

func (x *exchange) parameters() (url.Values, error) {
	values, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "QueryParameterException", "Query not readable", err.Error())
	}
	return values, nil
}

// page answers with one page of events; byPath names the parameter that is no part of the address's query.
func (x *exchange) page(values url.Values, byPath string) error {
	token := values["nextPageToken"]
	values.Del("nextPageToken")
	header := x.r.Header.Values("GS1-Extensions")
	prefixes, err := epcis.ParseExtensions(header)
	if err != nil {
		return err
	}
	q, err := epcis.ParseQuery(values, prefixes)
	if err != nil {
		return err
	}
	return x.answer(q, values, byPath, token, markOf(values, header))
}

// answer gives a page of a query, and where values, with a token, lead to the next. token is the one of the request, if there was one.
func (x *exchange) answer(q epcis.Query, values url.Values, byPath string, token []string, mark [8]byte) (err error) {
	if token != nil {
		if q.After, err = readToken(token[0], mark, x.now); err != nil || len(token) != 1 {
			return &epcis.ParameterError{Name: "nextPageToken", Problem: "it belongs to another query, or its time is over; ask for the first page again"}
		}
	}
	p, err := x.store.Events(x.r.Context(), q)
	if err != nil {
		return err
	}
	if p.Next != nil {
		expires := x.now.Add(tokenLife).Truncate(time.Second)
		values.Del(byPath)
		values.Set("nextPageToken", makeToken(*p.Next, mark, expires))
		x.w.Header().Set("Link", fmt.Sprintf("<%s?%s>; rel=\"next\"", x.r.URL.EscapedPath(), values.Encode()))
		x.w.Header().Set("GS1-Next-Page-Token-Expires", expires.UTC().Format(time.RFC3339))
	}
	x.send(http.StatusOK, epcis.AppendQueryDocument(nil, p.Events, x.now))
	return nil
}

func (x *exchange) getEvent() error {
	events, err := x.store.Event(x.r.Context(), x.r.PathValue("eventID"))
	if err != nil {
		return err
	}
	x.send(http.StatusOK, epcis.AppendQueryDocument(nil, events, x.now))
	return nil
}

func (x *exchange) getEventTypes() error {
	return x.json(http.StatusOK, map[string]any{"@context": json.RawMessage(epcis.StandardContext), "type": "Collection", "member": epcis.EventTypes()})
}

// tokenLife is how long a page can be followed by the next. Nothing is kept for it: it bounds how old a view can become.
const tokenLife = 24 * time.Hour

// markOf ties a token to its query, and to what the prefixes in it mean; how many events a page has may change from page to page.
func markOf(values url.Values, prefixes []string) (mark [8]byte) {
	same := url.Values{}
	if prefixes != nil {
		same["GS1-Extensions"] = prefixes
	}
	for name, list := range values {
		if name != "perPage" {
			same[name] = list
		}
	}
	h := sha256.Sum256([]byte(same.Encode()))
	copy(mark[:], h[:])
	return mark
}

// A token is its kind, the instant it expires, where the page ended and how many events there were up to there, and the mark of its query. It is not secret and not
// signed: with another one made up, a party sees nothing that it could not ask for.
const (
	pageToken  = 3
	tokenBytes = 1 + 5*8 + 8
)

var errToken = errors.New("not a token of this query")

func makeToken(c epcis.Cursor, mark [8]byte, expires time.Time) string {
	b := make([]byte, 0, tokenBytes)
	b = append(b, pageToken)
	for _, n := range []int64{expires.Unix(), c.Bound, c.At, c.Seq, c.Shown} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return base64.RawURLEncoding.EncodeToString(append(b, mark[:]...))
}

func readToken(s string, mark [8]byte, now time.Time) (*epcis.Cursor, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != tokenBytes || b[0] != pageToken || [8]byte(b[tokenBytes-8:]) != mark {
		return nil, errToken
	}
	number := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[1+8*i:])) }
	c := &epcis.Cursor{Bound: number(1), At: number(2), Seq: number(3), Shown: number(4)}
	if now.Unix() >= number(0) || c.Bound < 0 || c.Seq < 1 || c.Shown < 0 {
		return nil, errToken
	}
	return c, nil
}
