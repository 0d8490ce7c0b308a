//go:build race

package line_test

const raceEnabled = true
