// Package web is the pages for citizens, under /desk those for clerks, and under /supply those for who looks after boxes of vaccine: templates, assets and the Korean and English catalogues.
//
// It owns what people see and in which words. It decides nothing: every rule is in package walk, and no page, cookie or
// script grants anything. It must not know of engines, of how people are identified, or of the JSON interface beyond the
// two public addresses that the waiting page's script reads.
//
// Every page works without JavaScript: forms are plain POST followed by a redirect, and the waiting page asks again by
// itself when the server said it should.
package web
