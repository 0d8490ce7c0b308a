// Package rush is the crowd: a load simulator with honest people and cheats over real HTTP, and its report.
//
// It knows Charye only from outside, by its HTTP contract. It must not import the engines or package walk.
package rush
