// Package cluster holds the drills of many nodes: the built program on a private PostgreSQL and a private Redis Cluster,
// under the same crowd and the same recount as one node.
//
// It owns no helper of general use: servers come from test/services, the program from test/program.
package cluster
