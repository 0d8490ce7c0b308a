// Package web is the pages for citizens, under /desk those for clerks, and under /supply those for who looks after boxes of vaccine: templates, assets and the Korean and English catalogues.
//
// It owns what people see and in which words. It decides nothing: every rule is in package walk, and no page, cookie or
// script grants anything. It must not know of engines, of how people are identified, or of the JSON interface beyond the
// two public addresses that the waiting page's script reads.
//
// Every page works without JavaScript: forms are plain POST followed by a redirect, and the waiting page asks again by
// itself when the server said it should.
package web

// The bundles in dist are committed; this makes them again, byte for byte.
//go:generate go tool -modfile=../tools/go.mod esbuild assets/wait.ts assets/page.ts assets/contact.ts assets/push.ts assets/app.css assets/supply.css --bundle --minify --charset=utf8 --log-level=warning --target=es2015,chrome58,safari11,firefox57 --outdir=dist

// The chart is for staff, and written in ES2018; a browser that cannot read that keeps the server's drawing.
//go:generate go tool -modfile=../tools/go.mod esbuild assets/journey.ts --bundle --minify --charset=utf8 --log-level=warning --target=es2018 --outdir=dist
