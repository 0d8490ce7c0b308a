package epcis

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"charye/supply/epcis"
)

// namesOf lists what events name, page by page, in the order of the bytes of the names. What is named meanwhile is on a page when that is still to come.
func namesOf(what epcis.Named) func(*exchange) error {
	return func(x *exchange) error {
		values, err := x.parameters()
		if err != nil {
			return err
		}
		most, after, err := x.listPage(values, what)
		if err != nil {
			return err
		}
		list, err := x.store.Names(x.r.Context(), what, after, most+1)
		if err != nil {
			return err
		}
		if len(list) > most {
			list = list[:most]
			x.linkList(list[most-1], what, most)
		}
		if list == nil {
			list = []string{}
		}
		return x.json(http.StatusOK, map[string]any{"@context": json.RawMessage(epcis.StandardContext), "type": "Collection", "member": list})
	}
}

// listPage reads which page of a list is asked for: how many names, and behind which.
func (x *exchange) listPage(values url.Values, what epcis.Named) (most int, after string, err error) {
	most = epcis.DefaultPerPage
	for name, given := range values {
		switch {
		case len(given) != 1:
			return 0, "", &epcis.ParameterError{Name: name, Problem: "want it once, with a value"}
		case name == "perPage":
			if most, err = strconv.Atoi(given[0]); err != nil || most < 1 {
				return 0, "", &epcis.ParameterError{Name: name, Value: given[0], Problem: "want a whole number from 1"}
			}
			most = min(most, epcis.MaxPerPage)
		case name == "nextPageToken":
			if after, err = readNameToken(given[0], what, x.now); err != nil {
				return 0, "", &epcis.ParameterError{Name: name, Problem: "it belongs to another list, or its time is over; ask for the first page again"}
			}
		default:
			return 0, "", &epcis.ParameterError{Name: name, Problem: "not a parameter of this list; want perPage and nextPageToken"}
		}
	}
	return most, after, nil
}

// linkList leads to the page of a list behind a name.
func (x *exchange) linkList(last string, what epcis.Named, most int) {
	expires := x.now.Add(tokenLife).Truncate(time.Second)
	next := url.Values{"nextPageToken": {makeNameToken(last, what, expires)}, "perPage": {strconv.Itoa(most)}}
	x.w.Header().Set("Link", fmt.Sprintf("<%s?%s>; rel=\"next\"", x.r.URL.EscapedPath(), next.Encode()))
	x.w.Header().Set("GS1-Next-Page-Token-Expires", expires.UTC().Format(time.RFC3339))
}

// A token of a list is a version, the list, the instant it expires, and the last name of the page; see makeToken.
const nameTokenHead = 1 + 1 + 8

func makeNameToken(last string, what epcis.Named, expires time.Time) string {
	b := binary.BigEndian.AppendUint64([]byte{2, byte(what)}, uint64(expires.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, last...))
}

func readNameToken(s string, what epcis.Named, now time.Time) (string, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) <= nameTokenHead || b[0] != 2 || b[1] != byte(what) || now.Unix() >= int64(binary.BigEndian.Uint64(b[2:])) {
		return "", errToken
	}
	last := string(b[nameTokenHead:])
	if !utf8.ValidString(last) || strings.ContainsRune(last, 0) { // which no name has, and PostgreSQL cannot be asked for
		return "", errToken
	}
	return last, nil
}
