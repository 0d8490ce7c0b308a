//go:build race

package person_test

const raceEnabled = true
