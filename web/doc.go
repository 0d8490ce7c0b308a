// Package web is the pages: templates, assets and the Korean and English catalogues.
//
// It owns what people see. It must not decide anything: every rule is in package walk, and no page grants anything.
package web
