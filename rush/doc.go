// Package rush is the crowd: a load simulator with honest people and cheats over real HTTP/1.1, and its report.
//
// It knows Charye only from outside, by its HTTP contract. It must not import the engines, the domains or package walk:
// what it says about the server must not depend on the server's own code.
//
// Arrivals are open: every arrival time is fixed beforehand and does not wait for answers, and latency counts from the
// intended moment, so a server that stalls cannot hide it (coordinated omission). People are small records moved by a
// timer wheel and a bounded pool of keep-alive connections; nobody has a goroutine. Cheats try each known way around the
// line; one that gets anything is a breach.
//
// After the run [Run] reads the server's state again through the API and recounts everything: its own books are only one
// of the two sides that must agree. Only loopback addresses are accepted as target.
package rush
