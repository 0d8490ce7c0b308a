// Package attacks holds the ways around the line, each as a test that tries it over HTTP against the built program, on both pairs
// of engines; and for each the proof that it would be seen: the same try against a build in which its defence is switched off.
//
// Where an attack was seen in the wild, its comment says so. `make attacks` prints the table.
package attacks
