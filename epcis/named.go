package epcis

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"charye/supply/epcis"
)

// postQuery keeps a question under a name.
func (x *exchange) postQuery() error {
	if err := x.sentJSON(); err != nil {
		return err
	}
	prefixes, err := epcis.ParseExtensions(x.r.Header.Values("GS1-Extensions"))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, epcis.MaxQueryBytes))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return refuse(http.StatusRequestEntityTooLarge, "ImplementationException", "Query too long", fmt.Sprintf("the body has more than %d bytes", epcis.MaxQueryBytes))
		}
		return refuse(http.StatusBadRequest, "ValidationException", "Body not readable", "the body ended before its end")
	}
	n, err := epcis.ParseNamedQuery(body, prefixes)
	if err != nil {
		return err
	}
	n.By, n.Created = x.party.Name, x.now
	if err := x.store.AddQuery(x.r.Context(), n); err != nil {
		return err
	}
	x.w.Header().Set("Location", Prefix+"/queries/"+url.PathEscape(n.Name))
	x.w.WriteHeader(http.StatusCreated)
	return nil
}

// namedQuery is the standard's form of one.
type namedQuery struct {
	Name  string          `json:"name"`
	Query json.RawMessage `json:"query"`
}

// queryList is what a token of the list of queries is for, beside the lists of names.
const queryList epcis.Named = 255

func (x *exchange) getQueries() error {
	values, err := x.parameters()
	if err != nil {
		return err
	}
	most, after, err := x.listPage(values, queryList)
	if err != nil {
		return err
	}
	list, err := x.store.Queries(x.r.Context(), after, most+1)
	if err != nil {
		return err
	}
	if len(list) > most {
		list = list[:most]
		x.linkList(list[most-1].Name, queryList, most)
	}
	out := make([]namedQuery, len(list))
	for i, n := range list {
		out[i] = namedQuery{n.Name, n.JSON}
	}
	return x.json(http.StatusOK, out)
}

func (x *exchange) getQuery() error {
	n, err := x.store.Query(x.r.Context(), x.r.PathValue("name"))
	if err != nil {
		return noQuery(err)
	}
	return x.json(http.StatusOK, namedQuery{n.Name, n.JSON})
}

// deleteQuery takes a question away; only who left it may.
func (x *exchange) deleteQuery() error {
	n, err := x.store.Query(x.r.Context(), x.r.PathValue("name"))
	if err != nil {
		return noQuery(err)
	}
	if n.By != x.party.Name {
		return refuse(http.StatusForbidden, "SecurityException", "Not allowed", "the query is another party's; it can be asked, and not deleted")
	}
	if err := x.store.DeleteQuery(x.r.Context(), n.Name); err != nil {
		return noQuery(err)
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// getQueryEvents answers a named question. What could be said beside its pages would be a subscription.
func (x *exchange) getQueryEvents() error {
	if x.r.Header.Get("Upgrade") != "" {
		return refuse(http.StatusNotImplemented, "ImplementationException", "Not implemented", "there are no subscriptions; ask again with GE_recordTime, or follow the pages")
	}
	values, err := x.parameters()
	if err != nil {
		return err
	}
	n, err := x.store.Query(x.r.Context(), x.r.PathValue("name"))
	if err != nil {
		return noQuery(err)
	}
	q, err := n.Query()
	if err != nil {
		return fmt.Errorf("named query %q, as it was kept: %w", n.Name, err)
	}
	token := values["nextPageToken"]
	values.Del("nextPageToken")
	for name := range values {
		if name != "perPage" {
			return &epcis.ParameterError{Name: name, Problem: "not a parameter of a named query; want perPage and nextPageToken"}
		}
	}
	page, err := epcis.ParseQuery(values, nil)
	if err != nil {
		return err
	}
	q.Limit = page.Limit
	h := sha256.Sum256(slices.Concat([]byte(n.Name), []byte{0}, n.JSON))
	return x.answer(q, values, "", token, [8]byte(h[:]))
}

func noQuery(err error) error {
	if errors.Is(err, epcis.ErrNotFound) {
		return notFound("there is no query of that name")
	}
	return err
}
