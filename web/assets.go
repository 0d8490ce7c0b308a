package web

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

// assets serves the bundles under names that carry their content's hash, so that they may be cached for ever.
type assets struct{ byName map[string]asset }

var assetKinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadAssets() (*assets, error) {
	a := &assets{byName: map[string]asset{}}
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

// url gives the address of an asset by its plain name.
func (a *assets) url(name string) (string, error) {
	f, ok := a.byName[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	ext := path.Ext(name)
	return "/assets/" + strings.TrimSuffix(name, ext) + "." + f.hash + ext, nil
}

// ServeHTTP answers the name of today for ever. A name with another hash comes from a page of the version before or
// after, while machines are being updated: it gets what there is, uncached, rather than a page without its looks.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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

// worker answers with the script that shows messages; browsers ask for it anew from time to time.
func (a *assets) worker(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	a.byName["push.js"].write(w, r)
}

func (f asset) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	body := f.body
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = f.small
	}
	_, _ = w.Write(body) // the client went away; there is nobody to tell
}
