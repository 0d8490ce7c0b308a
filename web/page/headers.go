package page

import (
	"compress/gzip"
	"net/http"
	"strings"
	"sync"

	"charye/internal/weak"
	"charye/web/assets"
)

// contentPolicy lets a page load its own script, style and pictures and nothing else. Sign-in leaves by a link, not by a
// form, so form-action needs no provider.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if !weak.Off(weak.Frames) {
			h.Set("Content-Security-Policy", contentPolicy)
			h.Set("X-Frame-Options", "DENY")
		}
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "geolocation=(self), camera=(), microphone=(), payment=()")
		next.ServeHTTP(w, r)
	})
}

var gzipWriters = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, 5) // 5 is a valid level
	return z
}}

// compress sends pages gzipped to those who take it. Assets are compressed once, at start, and pass through.
func compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !assets.TakesGzip(r) || strings.HasPrefix(r.URL.Path, "/assets/") || r.URL.Path == "/push.js" {
			next.ServeHTTP(w, r)
			return
		}
		z := &gzipResponse{ResponseWriter: w}
		defer z.close()
		next.ServeHTTP(z, r)
	})
}

// gzipResponse compresses the body from the first byte on; an answer without a body stays as it is.
type gzipResponse struct {
	http.ResponseWriter
	z      *gzip.Writer
	status int
	wrote  bool
}

func (g *gzipResponse) WriteHeader(status int) {
	if g.status == 0 {
		g.status = status
	}
}

func (g *gzipResponse) Write(b []byte) (int, error) {
	if !g.wrote {
		g.wrote = true
		h := g.Header()
		h.Del("Content-Length")
		h.Set("Content-Encoding", "gzip")
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", http.DetectContentType(b))
		}
		if g.status != 0 {
			g.ResponseWriter.WriteHeader(g.status)
		}
		g.z = gzipWriters.Get().(*gzip.Writer)
		g.z.Reset(g.ResponseWriter)
	}
	return g.z.Write(b)
}

func (g *gzipResponse) close() {
	if !g.wrote {
		if g.status != 0 {
			g.ResponseWriter.WriteHeader(g.status)
		}
		return
	}
	_ = g.z.Close() // the client went away; there is nobody to tell
	g.z.Reset(nil)
	gzipWriters.Put(g.z)
}
