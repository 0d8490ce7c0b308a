package oidctest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// inProcess carries requests for the provider straight to its handler.
type inProcess struct {
	p    *Provider
	next http.RoundTripper
}

func (t inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(req.URL.String(), t.p.issuer+"/") {
		if t.next == nil {
			return nil, fmt.Errorf("oidctest: no way to %s", req.URL.Host)
		}
		return t.next.RoundTrip(req)
	}
	// The handler gets a request as a server would; the asker may give up before it ends, so the body is read first.
	in := req.Clone(req.Context())
	in.Host, in.RequestURI, in.Body = req.URL.Host, req.URL.RequestURI(), http.NoBody
	if req.Body != nil {
		b, err := io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
		in.Body = io.NopCloser(bytes.NewReader(b))
	}
	done := make(chan *record, 1)
	go func() {
		rec := &record{status: http.StatusOK, header: http.Header{}}
		t.p.ServeHTTP(rec, in)
		done <- rec
	}()
	select {
	case rec := <-done:
		if err := req.Context().Err(); err != nil {
			return nil, err
		}
		return rec.response(req), nil
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// record is a ResponseWriter that keeps the answer.
type record struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *record) Header() http.Header         { return r.header }
func (r *record) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *record) WriteHeader(status int)      { r.status = status }

func (r *record) response(req *http.Request) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)), StatusCode: r.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: r.header.Clone(),
		Body: io.NopCloser(&r.body), ContentLength: int64(r.body.Len()), Request: req,
	}
}
