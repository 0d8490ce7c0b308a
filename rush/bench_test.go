package rush

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

var benchHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"ticket":"`+ticketLike+`","state":"waiting","number":5200,"ahead":400,"estimatedWaitSeconds":[10,25],"pollAfterSeconds":20,"pseudonym":"00112233445566778899aabbccddeeff"}`)
})

const ticketLike = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4_QA"

// BenchmarkCall is one poll with this client, server included; compare with BenchmarkCallNetHTTP.
func BenchmarkCall(b *testing.B) {
	srv := httptest.NewServer(benchHandler)
	defer srv.Close()
	addr, host, err := loopback(srv.URL)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		c := &conn{targets: []target{{addr, host}}}
		defer c.close()
		q := request{method: "GET", path: []byte("/place"), ticket: []byte(ticketLike)}
		for pb.Next() {
			a, err := c.do(&q, 10*time.Second)
			if err != nil || a.status != 200 {
				b.Error(err)
				return
			}
			if d, err := readPlace(a.body); err != nil || d.number != 5200 {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkCallNetHTTP(b *testing.B) {
	srv := httptest.NewServer(benchHandler)
	defer srv.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			q, err := http.NewRequest("GET", srv.URL+"/place", nil)
			if err != nil {
				b.Error(err)
				return
			}
			q.Header.Set("Charye-Ticket", ticketLike)
			a, err := client.Do(q)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, a.Body)
			_ = a.Body.Close()
		}
	})
}

func BenchmarkReadPlace(b *testing.B) {
	doc := []byte(`{"ticket":"` + ticketLike + `","state":"waiting","number":5200,"ahead":400,"estimatedWaitSeconds":[10,25],"pollAfterSeconds":20,"pseudonym":"00112233445566778899aabbccddeeff"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readPlace(doc); err != nil {
			b.Fatal(err)
		}
	}
}
