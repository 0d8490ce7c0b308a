// Package assets is what pages load beside themselves: scripts, styles and the icon, bundled from the sources beside it into dist.
//
// It owns their names: each carries its content's hash, so that browsers keep it for ever. It must not know what a page says.
package assets

// The bundles in dist are committed; this makes them again, byte for byte.
//go:generate go tool -modfile=../../tools/go.mod esbuild wait.ts page.ts contact.ts push.ts app.css supply.css --bundle --minify --charset=utf8 --log-level=warning --target=es2015,chrome58,safari11,firefox57 --outdir=dist

// The chart is for staff, and written in ES2018; a browser that cannot read that keeps the server's drawing.
//go:generate go tool -modfile=../../tools/go.mod esbuild journey.ts --bundle --minify --charset=utf8 --log-level=warning --target=es2018 --outdir=dist

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed dist
var distFiles embed.FS

// asset is one file that pages load, plain and compressed.
type asset struct {
	kind        string
	hash        string
	body, small []byte
}

// Set serves the bundles under names that carry their content's hash, so that they may be cached for ever.
type Set struct{ byName map[string]asset }

var assetKinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// Load reads the bundles and compresses each once.
func Load() (*Set, error) {
	a := &Set{byName: map[string]asset{}}
	entries, err := fs.ReadDir(distFiles, "dist")
	if err != nil {
		return nil, fmt.Errorf("assets: %w", err)
	}
	for _, e := range entries {
		kind, ok := assetKinds[path.Ext(e.Name())]
		if !ok {
			return nil, fmt.Errorf("assets: %s is of no known kind", e.Name())
		}
		body, err := distFiles.ReadFile("dist/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("assets: %w", err)
		}
		var small bytes.Buffer
		z, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
		if err != nil {
			return nil, fmt.Errorf("assets: %w", err)
		}
		if _, err := z.Write(body); err != nil {
			return nil, fmt.Errorf("assets: %w", err)
		}
		if err := z.Close(); err != nil {
			return nil, fmt.Errorf("assets: %w", err)
		}
		sum := sha256.Sum256(body)
		a.byName[e.Name()] = asset{kind: kind, hash: hex.EncodeToString(sum[:6]), body: body, small: small.Bytes()}
	}
	return a, nil
}

// URL gives the address of an asset by its plain name.
func (a *Set) URL(name string) (string, error) {
	f, ok := a.byName[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	ext := path.Ext(name)
	return "/assets/" + strings.TrimSuffix(name, ext) + "." + f.hash + ext, nil
}

// ServeHTTP answers the name of today for ever. A name with another hash comes from a page of the version before or
// after, while machines are being updated: it gets what there is, uncached, rather than a page without its looks.
func (a *Set) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	ext := path.Ext(name)
	base := strings.TrimSuffix(name, ext)
	stem, hash := strings.TrimSuffix(base, path.Ext(base)), strings.TrimPrefix(path.Ext(base), ".")
	f, ok := a.byName[stem+ext]
	if !ok || hash == "" {
		http.NotFound(w, r)
		return
	}
	if hash == f.hash {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "no-cache")
	}
	f.write(w, r)
}

// Worker answers with the script that shows messages; browsers ask for it anew from time to time.
func (a *Set) Worker(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	a.byName["push.js"].write(w, r)
}

func (f asset) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	body := f.body
	if TakesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = f.small
	}
	_, _ = w.Write(body) // the client went away; there is nobody to tell
}

// TakesGzip reports whether who asks takes a compressed answer.
func TakesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}
