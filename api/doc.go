// Package api is the JSON face (DESIGN 8): openapi.yaml, handlers, problem documents, health and metrics routes.
//
// It owns the wire forms and the one table from [walk.Code] to HTTP status. It must not decide anything: every rule is in
// package walk.
package api
