// Package api is the JSON face (DESIGN 8): openapi.yaml, handlers, problem documents, health and metrics routes.
//
// It owns the wire forms and the one table from [walk.Code] to HTTP status. It must not decide anything: every rule is in
// package walk. What it does decide is what a request may look like, how often and how many at once it takes them.
//
// One request goes: path (one spelling each) → route → lane (bound on requests in flight) → network address's rate → who
// is asking → person's rate → handler → answer or problem. routes.go is the table of all routes; serve.go is the one
// place where a request becomes a verified [walk.Actor] and an error becomes a problem document.
package api
